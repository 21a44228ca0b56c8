//! Why a queue could not do what it was asked.

use crate::job::JobId;

/// A queue's fault, or a request that it refuses.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A request that breaks a rule. Nothing of it was done.
    #[error("{field}: expected {expected}, found {found}")]
    Invalid {
        /// What is wrong.
        field: &'static str,
        /// What was expected.
        expected: String,
        /// What was found.
        found: String,
    },
    /// The job means a program that this queue does not have.
    #[error("program `{0}` is not stored in this queue; store it first")]
    UnknownProgram(String),
    /// The queue takes no new jobs until it is opened again.
    #[error("queue `{0}` is draining and takes no new jobs")]
    Draining(String),
    /// The unique key is held by a job that another request made. Nothing was stored.
    #[error("unique key `{0}` is held by a job of another request")]
    KeyTaken(String),
    /// The database cannot be reached, or is busy; what was asked may be asked again.
    #[error("the queue's database cannot be reached: {0}")]
    Unavailable(String),
    /// The disk is full, or a quota is reached. Nothing is lost, and it goes on when there is room.
    #[error("no room left for the queue's database: {0}")]
    Full(String),
    /// The database was written by a newer version.
    #[error("the queue's schema is version {found}, and this version of ampule knows up to {known}; use a newer one")]
    NewerSchema {
        /// What the database says.
        found: i64,
        /// The newest that is known here.
        known: i64,
    },
    /// What is stored cannot be read.
    #[error("what is stored{} cannot be read: {message}", .job.map(|id| format!(" of job {id}")).unwrap_or_default())]
    Corrupt {
        /// The job, where it is one.
        job: Option<JobId>,
        /// What is wrong.
        message: String,
    },
    /// The server in front of the queue cannot be reached, or takes on nothing more; what was asked may be asked again.
    #[error("{0}")]
    Away(String),
    /// The server in front of the queue refused it, and said why.
    #[error("{detail}")]
    Refused {
        /// The stable name of the reason; empty if what answered is no server of ours.
        code: String,
        /// What it was, for a person.
        detail: String,
    },
    /// This backend has no such thing.
    #[error("{0}")]
    Unsupported(String),
    /// The database refused a statement, for a reason that another try does not mend.
    #[error("the queue's database: {0}")]
    Database(String),
    /// The queue was closed.
    #[error("the queue is closed")]
    Closed,
}

impl Error {
    /// A request that breaks a rule.
    pub(crate) fn invalid(field: &'static str, expected: impl Into<String>, found: impl Into<String>) -> Self {
        Error::Invalid { field, expected: expected.into(), found: found.into() }
    }

    /// Whether the same request may succeed later.
    #[must_use]
    pub fn is_temporary(&self) -> bool {
        matches!(self, Error::Unavailable(_) | Error::Full(_) | Error::Away(_))
    }
}
