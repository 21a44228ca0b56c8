//! What a queue knows of its jobs and workers, as it is read.

use std::fmt;
use std::str::FromStr;

use super::Timestamp;
use super::lease::WorkerId;
use super::new_job::Payload;
use crate::events::Event;
use crate::failure::Kind;
use crate::job::{Digest, JobId};
use crate::outcome::Outcome;

/// Where a job is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum State {
    /// It waits: to be due, to be released, for a slot, or for another attempt.
    Queued,
    /// A worker holds it.
    Running,
    /// It returned.
    Completed,
    /// It failed for good.
    Failed,
    /// It was stopped because somebody asked for it.
    Cancelled,
}

/// What is known of a job without its documents.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Summary {
    /// The job.
    pub id: JobId,
    /// Where it is.
    pub state: State,
    /// Whether it waits to be released.
    pub held: bool,
    /// The queue.
    pub queue: String,
    /// Its name.
    pub name: String,
    /// The program that it means; none for a source string or a delivery.
    pub program: Option<Digest>,
    /// The language, if it is a source string.
    pub language: Option<String>,
    /// Whose it is.
    pub tenant: Option<String>,
    /// Words to find it by.
    pub tags: Vec<String>,
    /// Higher ones go first.
    pub priority: i16,
    /// How often it was handed out.
    pub attempt: u32,
    /// How many of these count against its policy.
    pub tries: u32,
    /// How many the policy allows.
    pub max_tries: u32,
    /// When it was enqueued.
    pub enqueued_at: Timestamp,
    /// When it is or was due.
    pub run_at: Timestamp,
    /// By when it must have started.
    pub start_before: Option<Timestamp>,
    /// When its last attempt began.
    pub started_at: Option<Timestamp>,
    /// When it ended.
    pub ended_at: Option<Timestamp>,
    /// Who holds it, or held it last.
    pub worker: Option<WorkerId>,
    /// Whether somebody asked for it to be stopped.
    pub cancel_asked: bool,
    /// What kind of failure it ended with, or its last attempt did.
    pub kind: Option<Kind>,
    /// That failure's message.
    pub message: Option<String>,
    /// The job whose end it follows from.
    pub parent: Option<JobId>,
}

/// All that is known of a job.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct JobRecord {
    /// What is known without its documents.
    pub summary: Summary,
    /// What is to be done.
    pub payload: Payload,
    /// How it ended, if it has. A job that ended without a run (cancelled, expired, lost) has an outcome that says so.
    pub outcome: Option<Outcome>,
    /// Every attempt, oldest first. The last one may still go on.
    pub attempts: Vec<Attempt>,
}

/// One attempt at a job.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Attempt {
    /// Its number, from 1.
    pub attempt: u32,
    /// Who made it.
    pub worker: WorkerId,
    /// When it was handed out.
    pub started_at: Timestamp,
    /// When it was settled or given up.
    pub ended_at: Option<Timestamp>,
    /// What became of it.
    pub end: AttemptEnd,
    /// How the run went, if there was one and it was told: failure, usage, log.
    pub outcome: Option<Outcome>,
}

/// What became of an attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum AttemptEnd {
    /// It goes on.
    Running,
    /// It returned.
    Completed,
    /// It failed.
    Failed,
    /// It was stopped because somebody asked for it.
    Cancelled,
    /// Its worker was not heard of in time.
    Lost,
    /// Its worker gave it back unfinished.
    HandedBack,
}

/// Something that a job told while it ran.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct StoredEvent {
    /// Its number within the job, from 1, growing.
    pub number: u64,
    /// Which attempt told it.
    pub attempt: u32,
    /// When it was stored.
    pub at: Timestamp,
    /// What.
    pub event: Event,
}

/// How many jobs of one queue are in one state.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Count {
    /// The queue.
    pub queue: String,
    /// The state.
    pub state: State,
    /// How many.
    pub jobs: u64,
}

/// A worker, as it tells of itself.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct WorkerInfo {
    /// Its id.
    pub id: WorkerId,
    /// The machine and process, for people.
    pub host: String,
    /// What it serves, for people: the names of queues, or webhooks.
    pub serves: String,
    /// The version of Ampule.
    pub version: String,
    /// How many jobs it can run at once.
    pub slots: u32,
    /// How many it holds.
    pub running: u32,
    /// Whether it takes no more.
    pub draining: bool,
    /// When it began.
    pub started_at: Timestamp,
    /// When it was last heard of.
    pub seen_at: Timestamp,
}

/// Something that should not be.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Finding {
    /// What, for a person.
    pub what: String,
    /// Whether it mends itself or is a fault.
    pub is_fault: bool,
    /// The jobs, at most a hundred.
    pub jobs: Vec<JobId>,
}

impl WorkerInfo {
    /// A worker of this version, just begun.
    #[must_use]
    pub fn new(id: WorkerId, host: impl Into<String>, slots: u32, now: Timestamp) -> Self {
        let (host, version) = (host.into(), env!("CARGO_PKG_VERSION").to_owned());
        let (serves, running, draining) = (String::new(), 0, false);
        WorkerInfo { id, host, serves, version, slots, running, draining, started_at: now, seen_at: now }
    }
}

impl Summary {
    /// The attempt that goes on or ended the job, unless it is among those that are kept: it stands in the job's own row.
    pub(super) fn last_attempt(&self, kept: &[Attempt], outcome: Option<&Outcome>) -> Option<Attempt> {
        let attempt = self.attempt;
        if attempt == 0 || self.state == State::Queued || kept.iter().any(|kept| kept.attempt == attempt) {
            return None;
        }
        let end = match self.state {
            State::Queued | State::Running => AttemptEnd::Running,
            State::Completed => AttemptEnd::Completed,
            State::Failed => AttemptEnd::Failed,
            State::Cancelled => AttemptEnd::Cancelled,
        };
        let (worker, started_at) = (self.worker?, self.started_at?);
        Some(Attempt { attempt, worker, started_at, ended_at: self.ended_at, end, outcome: outcome.cloned() })
    }
}

impl State {
    /// Every state.
    pub const ALL: [State; 5] = [State::Queued, State::Running, State::Completed, State::Failed, State::Cancelled];

    /// The stable name, in snake case.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            State::Queued => "queued",
            State::Running => "running",
            State::Completed => "completed",
            State::Failed => "failed",
            State::Cancelled => "cancelled",
        }
    }

    /// Whether a job in it has ended.
    #[must_use]
    pub fn is_end(self) -> bool {
        matches!(self, State::Completed | State::Failed | State::Cancelled)
    }
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for State {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        let known = State::ALL.into_iter().find(|state| state.as_str() == name);
        known.ok_or_else(|| format!("expected queued, running, completed, failed or cancelled, found {name:?}"))
    }
}

impl AttemptEnd {
    /// Every end.
    pub const ALL: [AttemptEnd; 6] = [
        AttemptEnd::Running,
        AttemptEnd::Completed,
        AttemptEnd::Failed,
        AttemptEnd::Cancelled,
        AttemptEnd::Lost,
        AttemptEnd::HandedBack,
    ];

    /// The stable name, in snake case.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            AttemptEnd::Running => "running",
            AttemptEnd::Completed => "completed",
            AttemptEnd::Failed => "failed",
            AttemptEnd::Cancelled => "cancelled",
            AttemptEnd::Lost => "lost",
            AttemptEnd::HandedBack => "handed_back",
        }
    }
}

impl FromStr for AttemptEnd {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        let known = AttemptEnd::ALL.into_iter().find(|end| end.as_str() == name);
        known.ok_or_else(|| format!("expected the end of an attempt, such as `completed`, found {name:?}"))
    }
}
