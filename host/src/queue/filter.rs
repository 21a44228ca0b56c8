//! Which jobs are listed, counted or changed.

use super::record::State;
use super::{Error, Timestamp};
use crate::failure::Kind;
use crate::job::{Digest, JobId};

/// The most jobs on one page.
const MAX_PAGE: u32 = 1_000;

/// What a job must be to pass. What is empty or none lets all pass.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Filter {
    /// In one of these states.
    pub states: Vec<State>,
    /// In this queue.
    pub queue: Option<String>,
    /// Whose.
    pub tenant: Option<String>,
    /// With this tag.
    pub tag: Option<String>,
    /// Of this program.
    pub program: Option<Digest>,
    /// With this name.
    pub name: Option<String>,
    /// Ended with this kind of failure.
    pub kind: Option<Kind>,
    /// With this text in the failure's message, upper and lower case alike for ASCII.
    pub text: Option<String>,
    /// Enqueued at this moment or later.
    pub since: Option<Timestamp>,
    /// Enqueued before this moment.
    pub until: Option<Timestamp>,
    /// That follow from this job.
    pub parent: Option<JobId>,
}

/// A part of a list, newest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Page {
    /// The last job of the page before.
    pub after: Option<JobId>,
    /// How many, at most 1,000.
    pub limit: u32,
}

impl Default for Page {
    /// The fifty newest.
    fn default() -> Self {
        Page { after: None, limit: 50 }
    }
}

impl Page {
    pub(super) fn check(&self) -> Result<(), Error> {
        if (1..=MAX_PAGE).contains(&self.limit) {
            return Ok(());
        }
        Err(Error::invalid("limit", format!("1 to {MAX_PAGE}"), self.limit.to_string()))
    }
}
