//! Programs as a queue keeps them, so that any machine can run any job.

use super::Timestamp;
use crate::job::Digest;

/// A program in a queue's store.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct StoredProgram {
    /// The SHA-256 of its bytes.
    pub digest: Digest,
    /// How many bytes it has.
    pub size_bytes: u64,
    /// The names that mean it, in order.
    pub names: Vec<String>,
    /// When it was stored.
    pub stored_at: Timestamp,
}
