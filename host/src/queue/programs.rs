//! Programs as a queue keeps them, so that any machine can run any job.

use super::{Error, Timestamp};
use crate::job::Digest;

/// The longest name of a program, in bytes: an index has to carry it.
const MAX_NAME_BYTES: usize = 1_000;
/// The most versions of a name that are told.
pub(super) const MAX_VERSIONS: usize = 1_000;

/// One meaning that a name has or had.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Version {
    /// The program.
    pub digest: Digest,
    /// How many bytes it has.
    pub size_bytes: u64,
    /// When the name was given to it, the last time.
    pub named_at: Timestamp,
}

/// A program in a queue's store.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct StoredProgram {
    /// The SHA-256 of its bytes.
    pub digest: Digest,
    /// How many bytes it has.
    pub size_bytes: u64,
    /// The names that mean it, in order.
    pub names: Vec<GivenName>,
    /// When it was stored.
    pub stored_at: Timestamp,
}

/// A name that means a program.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct GivenName {
    /// The name.
    pub name: String,
    /// When it was given to the program, the last time.
    pub named_at: Timestamp,
}

/// Refuses what no program can be named.
pub(super) fn check_program_name(name: &str) -> Result<(), Error> {
    if name.contains('\0') || name.len() > MAX_NAME_BYTES {
        let expected = format!("at most {MAX_NAME_BYTES} bytes without a NUL");
        return Err(Error::invalid("program name", expected, format!("{} bytes", name.len())));
    }
    Ok(())
}
