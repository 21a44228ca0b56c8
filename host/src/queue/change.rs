//! What people do to jobs that are in a queue.

use super::filter::Filter;
use super::record::State;
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

impl Change {
    /// Why it changed nothing of a job in this state, for a person.
    #[must_use]
    pub fn why_not(&self, state: State) -> String {
        match (self, state) {
            (Change::Cancel, State::Running) => "it was asked to stop already".to_owned(),
            (Change::Cancel, state) => format!("it has ended already, {state}"),
            (Change::Hold, State::Queued) => "it is held already".to_owned(),
            (Change::Release, State::Queued) => "it is not held".to_owned(),
            (Change::RunNow, State::Queued) => "it is due already".to_owned(),
            (Change::Hold | Change::Release | Change::RunNow, State::Running) => "it runs already".to_owned(),
            (Change::Hold | Change::Release | Change::RunNow, state) => format!("it has ended, {state}"),
            (Change::Retry { .. } | Change::Delete, state) => format!("it has not ended, {state}"),
        }
    }
}
