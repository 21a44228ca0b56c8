//! Jobs on their way to a worker, and the right to end them.

use std::fmt;
use std::time::Duration;

use super::Timestamp;
use super::new_job::Payload;
use crate::job::JobId;

/// One worker, from its start to its end. A worker that starts again is another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct WorkerId(JobId);

impl WorkerId {
    /// An id that no other worker has.
    #[must_use]
    pub fn fresh() -> Self {
        WorkerId(JobId::fresh())
    }

    /// The sixteen bytes of the UUID.
    #[must_use]
    pub fn to_bytes(self) -> [u8; 16] {
        self.0.to_bytes()
    }

    /// The id with these bytes.
    #[must_use]
    pub fn from_bytes(bytes: [u8; 16]) -> Self {
        WorkerId(JobId::from_bytes(bytes))
    }
}

impl fmt::Display for WorkerId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// What a worker asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Claim {
    /// Who asks.
    pub worker: WorkerId,
    /// The queues of jobs that it serves.
    pub queues: Queues,
    /// The queues of deliveries that it can make; see [`Target::queue`](super::Target::queue).
    pub deliveries: Vec<String>,
    /// The languages of which it runs source strings; any, if none are given.
    pub languages: Option<Vec<String>>,
    /// How many it has room for. Never more are handed out.
    pub slots: usize,
    /// How long it may hold them without a word.
    pub lease: Duration,
}

/// Queues of jobs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Queues {
    /// All there are.
    All,
    /// These.
    Only(Vec<String>),
}

/// What a claim gave.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Claimed {
    /// The jobs, in the order in which they should start.
    pub leases: Vec<Lease>,
    /// If there were fewer than asked for: how long until the next job that may be claimed is due, as far as it is
    /// known.
    pub next_due: Option<Duration>,
}

/// A job that is this worker's to run, until the lease expires.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Lease {
    /// The right to end it.
    pub key: LeaseKey,
    /// How many attempts count against its policy, this one included.
    pub tries: u32,
    /// The queue that it came from.
    pub queue: String,
    /// Whose it is.
    pub tenant: Option<String>,
    /// When it was due.
    pub run_at: Timestamp,
    /// When this attempt was handed out.
    pub started_at: Timestamp,
    /// What is to be done.
    pub payload: Payload,
}

/// The right to end one attempt. The number of the attempt is the fence: it grows with every claim.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct LeaseKey {
    /// The job.
    pub job: JobId,
    /// Which attempt, from 1.
    pub attempt: u32,
    /// Whose.
    pub worker: WorkerId,
}

/// What became of a lease that was to be extended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Renewed {
    /// It holds.
    Kept,
    /// It holds, and somebody asked for the job to be stopped.
    CancelAsked,
    /// It is somebody else's, or the job has ended: stop the run, and settle nothing.
    Lost,
}
