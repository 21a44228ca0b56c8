//! What is known of a queued job without its documents.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::values::Moment;
use crate::failure::Kind;
use crate::job::{Digest, JobId};
use crate::queue::{State, Summary, WorkerId};

/// A job as it stands in lists.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct SummaryDocument {
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
    pub enqueued_at: Moment,
    /// When it is or was due.
    pub run_at: Moment,
    /// By when it must have started.
    pub start_before: Option<Moment>,
    /// When its last attempt began.
    pub started_at: Option<Moment>,
    /// When it ended.
    pub ended_at: Option<Moment>,
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

impl From<Summary> for SummaryDocument {
    fn from(job: Summary) -> Self {
        SummaryDocument {
            id: job.id,
            state: job.state,
            held: job.held,
            queue: job.queue,
            name: job.name,
            program: job.program,
            language: job.language,
            tenant: job.tenant,
            tags: job.tags,
            priority: job.priority,
            attempt: job.attempt,
            tries: job.tries,
            max_tries: job.max_tries,
            enqueued_at: Moment(job.enqueued_at),
            run_at: Moment(job.run_at),
            start_before: job.start_before.map(Moment),
            started_at: job.started_at.map(Moment),
            ended_at: job.ended_at.map(Moment),
            worker: job.worker,
            cancel_asked: job.cancel_asked,
            kind: job.kind,
            message: job.message,
            parent: job.parent,
        }
    }
}

impl From<&Summary> for SummaryDocument {
    fn from(job: &Summary) -> Self {
        job.clone().into()
    }
}

impl From<SummaryDocument> for Summary {
    fn from(document: SummaryDocument) -> Self {
        Summary {
            id: document.id,
            state: document.state,
            held: document.held,
            queue: document.queue,
            name: document.name,
            program: document.program,
            language: document.language,
            tenant: document.tenant,
            tags: document.tags,
            priority: document.priority,
            attempt: document.attempt,
            tries: document.tries,
            max_tries: document.max_tries,
            enqueued_at: document.enqueued_at.0,
            run_at: document.run_at.0,
            start_before: document.start_before.map(|moment| moment.0),
            started_at: document.started_at.map(|moment| moment.0),
            ended_at: document.ended_at.map(|moment| moment.0),
            worker: document.worker,
            cancel_asked: document.cancel_asked,
            kind: document.kind,
            message: document.message,
            parent: document.parent,
        }
    }
}
