//! Why a component is not merged.

use std::fmt;

/// The component stays as it is; nothing half-merged is ever returned.
#[derive(Debug)]
pub enum Error {
    /// Not a valid component, or one that uses a proposal which programs may not use.
    Invalid(wasmparser::Error),
    /// No core module shares its memory with another: there is nothing to merge.
    NothingShared,
    /// The component is valid and holds something that this tool has no rule for; the text names it.
    Unhandled(String),
}

pub(crate) type Result<T> = std::result::Result<T, Error>;

/// An [`Error::Unhandled`] that says what was found.
pub(crate) fn unhandled<T>(found: impl fmt::Display) -> Result<T> {
    Err(Error::Unhandled(found.to_string()))
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Error::Invalid(error) => write!(f, "expected a valid component: {error}"),
            Error::NothingShared => f.write_str("expected core modules that share a memory, found none"),
            Error::Unhandled(found) => write!(f, "expected what dynamic linking produces, found {found}"),
        }
    }
}

impl std::error::Error for Error {}

impl From<wasmparser::Error> for Error {
    fn from(error: wasmparser::Error) -> Self {
        Error::Invalid(error)
    }
}
