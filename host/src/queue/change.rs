//! What people do to jobs that are in a queue.

use super::filter::Filter;
use crate::job::JobId;
use crate::kwargs::Kwargs;

/// Which jobs.
#[derive(Clone, Debug, PartialEq)]
pub enum Selection {
    /// These.
    Ids(Vec<JobId>),
    /// All that pass.
    Filter(Filter),
}

/// What is to be done to them.
#[derive(Clone, Debug, PartialEq)]
pub enum Change {
    /// A queued job ends as cancelled and never runs; one that runs is stopped by its worker.
    Cancel,
    /// A queued job is due at once, and released if it was held.
    RunNow,
    /// A queued job waits until it is released, due or not.
    Hold,
    /// Takes back [`Change::Hold`]: the job is due when it was due before.
    Release,
    /// A job that has ended is queued again, due at once, with all its attempts before it. Its history stays.
    Retry {
        /// Its kwargs from now on, if they are to be others.
        kwargs: Option<Kwargs>,
    },
    /// A job that has ended is forgotten.
    Delete,
}
