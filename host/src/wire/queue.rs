//! What queues, workers and changes look like.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::values::Moment;
use crate::job::JobId;
use crate::queue::{Enqueued, Mode, QueueInfo, State, WorkerId, WorkerInfo};

/// What became of a job that was to be stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct EnqueuedDocument {
    /// The job: the new one, or the one that has its unique key already.
    pub id: JobId,
    /// Whether it was there already.
    pub existed: bool,
}

/// What became of many.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct BatchDocument {
    /// In the order in which they were given.
    pub jobs: Vec<EnqueuedDocument>,
}

/// What was changed, and which of the jobs that were named were not.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ChangedDocument {
    /// Those that were changed.
    pub changed: Vec<JobId>,
    /// Those that were not.
    pub unchanged: Vec<UnchangedDocument>,
}

/// A job that was not changed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct UnchangedDocument {
    /// The job.
    pub id: JobId,
    /// Where it is; none if there is none of this id.
    pub state: Option<State>,
    /// Why, for a person.
    pub why: String,
}

/// A queue, as it is at one moment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct QueueDocument {
    /// Its name.
    pub name: String,
    /// Whether it takes jobs in and hands them out.
    pub mode: Mode,
    /// How many of its jobs may run at once, on all machines together.
    pub max_running: Option<u32>,
    /// How many of its jobs of any one tenant may run at once.
    pub max_running_per_tenant: Option<u32>,
    /// Jobs that are due and not held; null where only a tenant's jobs are counted.
    pub due: Option<u64>,
    /// Jobs that wait.
    pub queued: u64,
    /// Those of them that are held; null where only a tenant's jobs are counted.
    pub held: Option<u64>,
    /// Jobs that run.
    pub running: u64,
    /// Since when the oldest of those that are due is due.
    pub oldest_due: Option<Moment>,
}

/// A worker, as it tells of itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct WorkerDocument {
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
    pub started_at: Moment,
    /// When it was last heard of.
    pub seen_at: Moment,
}

impl From<&Enqueued> for EnqueuedDocument {
    fn from(job: &Enqueued) -> Self {
        EnqueuedDocument { id: job.id, existed: job.existed }
    }
}

impl From<&[Enqueued]> for BatchDocument {
    fn from(jobs: &[Enqueued]) -> Self {
        BatchDocument { jobs: jobs.iter().map(EnqueuedDocument::from).collect() }
    }
}

impl From<&QueueInfo> for QueueDocument {
    fn from(info: &QueueInfo) -> Self {
        QueueDocument {
            name: info.name.clone(),
            mode: info.settings.mode,
            max_running: info.settings.max_running,
            max_running_per_tenant: info.settings.max_running_per_tenant,
            due: Some(info.due),
            queued: info.queued,
            held: Some(info.held),
            running: info.running,
            oldest_due: info.oldest_due.map(Moment),
        }
    }
}

impl From<&WorkerInfo> for WorkerDocument {
    fn from(worker: &WorkerInfo) -> Self {
        WorkerDocument {
            id: worker.id,
            host: worker.host.clone(),
            serves: worker.serves.clone(),
            version: worker.version.clone(),
            slots: worker.slots,
            running: worker.running,
            draining: worker.draining,
            started_at: Moment(worker.started_at),
            seen_at: Moment(worker.seen_at),
        }
    }
}
