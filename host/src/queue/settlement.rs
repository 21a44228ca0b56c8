//! How an attempt ends in the queue.

use std::time::Duration;

use super::Timestamp;
use super::lease::LeaseKey;
use super::new_job::NewJob;
use crate::failure::{Failure, Kind};
use crate::outcome::{Outcome, never_ran};

/// The end of one attempt.
#[derive(Clone, Debug, PartialEq)]
pub struct Settlement {
    /// The right to end it.
    pub key: LeaseKey,
    /// What becomes of the job.
    pub verdict: Verdict,
    /// How the run went; none for one that is handed back.
    pub outcome: Option<Outcome>,
    /// What is enqueued with it, in one transaction: the delivery of the callback that is due.
    pub follow_up: Option<Box<NewJob>>,
}

/// What becomes of a job after an attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It returned.
    Completed,
    /// It failed for good.
    Failed,
    /// It was stopped because somebody asked for it.
    Cancelled,
    /// It is tried again after this wait. A job that somebody asked to stop ends as cancelled instead.
    Retry(Duration),
    /// It was not this worker's to finish, and is due again at once; the attempt does not count against the policy. A
    /// job that somebody asked to stop ends as cancelled instead.
    HandBack,
    /// It could not be done now, and is due again after this wait, so that others go before it; nothing was attempted,
    /// so nothing is kept of it and nothing counts against the policy, but the number of the attempt is used up. A job
    /// that somebody asked to stop ends as cancelled instead.
    PutOff(Duration),
}

/// What became of a settlement.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Settled {
    /// It counts.
    Done,
    /// The lease was lost or settled before; nothing was changed.
    Stale,
}

impl Settlement {
    /// The end of a job whose documents nobody can read: no worker could run it.
    pub(super) fn unreadable(key: LeaseKey, why: &str) -> Self {
        let failure = Failure::new(Kind::Host, format!("what is stored of this job cannot be read: {why}"));
        let outcome = never_ran(key.job, None, failure, Duration::ZERO);
        Settlement { key, verdict: Verdict::Failed, outcome: Some(outcome), follow_up: None }
    }
}

/// A queued job that somebody cancelled.
pub(super) fn cancelled_queued() -> Failure {
    Failure::new(Kind::Cancelled, "cancelled before it ran")
}

/// A job that somebody asked to stop, and that its worker did not finish.
pub(super) fn cancelled_unfinished() -> Failure {
    Failure::new(Kind::Cancelled, "stopped on request")
}

/// A job that waited too long.
pub(super) fn expired(start_before: Timestamp) -> Failure {
    let moment = start_before.to_rfc3339_opts(chrono::SecondsFormat::Millis, true);
    Failure::new(Kind::Expired, format!("had to start before {moment}, and waited longer"))
}

/// A job whose workers died.
pub(super) fn lost(tries: u32) -> Failure {
    let message = match tries {
        1 => "its worker was not heard of again, and it may not be tried again".to_owned(),
        tries => format!("its worker was not heard of again, on the last of {tries} attempts"),
    };
    Failure::new(Kind::Lost, message)
}
