//! All that is known of a queued job: what is to be done, on which terms, how each attempt went, what it told.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use utoipa::ToSchema;

use super::run::{FailureDocument, LogDocument, RunDocument, UsageDocument};
use super::summary::SummaryDocument;
use super::values::Moment;
use super::work::PayloadDocument;
use crate::events::Event;
use crate::outcome::Outcome;
use crate::queue::{Attempt, AttemptEnd, JobRecord, State, StoredEvent, WorkerId};

/// A job with its documents.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct JobDocument {
    /// What is known without its documents.
    #[serde(flatten)]
    pub summary: SummaryDocument,
    /// What is to be done.
    #[serde(flatten)]
    pub payload: PayloadDocument,
    /// How it ended, if it has.
    pub outcome: Option<RunDocument>,
    /// Every attempt, oldest first.
    pub attempts: Vec<AttemptDocument>,
    /// What it told while it ran, oldest first.
    pub events: Vec<EventDocument>,
}

/// One attempt at a job.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct AttemptDocument {
    /// Its number, from 1.
    pub attempt: u32,
    /// Who made it.
    pub worker: WorkerId,
    /// When it was handed out.
    pub started_at: Moment,
    /// When it was settled or given up.
    pub ended_at: Option<Moment>,
    /// What became of it.
    pub end: AttemptEnd,
    /// Why it failed, if it did.
    pub failure: Option<FailureDocument>,
    /// What it used, if it was told.
    pub usage: Option<UsageDocument>,
    /// What it logged, if it was told.
    pub logs: Option<Vec<LogDocument>>,
}

/// Something that a job told while it ran.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct EventDocument {
    /// Its number within the job, from 1, growing.
    pub number: u64,
    /// Which attempt told it.
    pub attempt: u32,
    /// When it was stored.
    pub at: Moment,
    /// What it is.
    pub event: EventName,
    /// What was returned or told; of a line of the log its level and message.
    pub value: Value,
}

/// What a job can tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum EventName {
    /// It returned a value.
    Return,
    /// It told how far it is.
    Progress,
    /// It logged a line.
    Log,
    /// Something that this version does not know.
    #[serde(other)]
    Unknown,
}

/// The end of a job that was waited for: the document of a run, and its way through the queue.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct EndedDocument {
    /// How it ended; of a job that has not, a run that returned nothing.
    #[serde(flatten)]
    pub run: RunDocument,
    /// Where the job is.
    pub state: State,
    /// Every attempt, oldest first.
    pub attempts: Vec<AttemptDocument>,
}

impl JobDocument {
    /// The document of a job and of what it told.
    #[must_use]
    pub fn new(record: JobRecord, events: &[StoredEvent]) -> Self {
        JobDocument {
            summary: record.summary.into(),
            payload: (&record.payload).into(),
            outcome: record.outcome.map(RunDocument::from),
            attempts: record.attempts.iter().map(AttemptDocument::from).collect(),
            events: events.iter().map(EventDocument::from).collect(),
        }
    }
}

impl From<&JobRecord> for EndedDocument {
    fn from(record: &JobRecord) -> Self {
        let attempts = record.attempts.iter().map(AttemptDocument::from).collect();
        let run = match &record.outcome {
            Some(outcome) => outcome.into(),
            None => {
                let nothing = Outcome::of(record.summary.id, Ok(Vec::new()));
                RunDocument { program: record.summary.program, ..nothing.into() }
            }
        };
        EndedDocument { run, state: record.summary.state, attempts }
    }
}

impl From<&Attempt> for AttemptDocument {
    fn from(attempt: &Attempt) -> Self {
        let outcome = attempt.outcome.as_ref();
        let logs = |outcome: &Outcome| outcome.output.logs.iter().cloned().map(LogDocument::from).collect();
        AttemptDocument {
            attempt: attempt.attempt,
            worker: attempt.worker,
            started_at: Moment(attempt.started_at),
            ended_at: attempt.ended_at.map(Moment),
            end: attempt.end,
            failure: outcome.and_then(|outcome| outcome.result.as_ref().err()).map(FailureDocument::from),
            usage: outcome.map(|outcome| (&outcome.usage).into()),
            logs: outcome.map(logs),
        }
    }
}

impl From<&StoredEvent> for EventDocument {
    fn from(stored: &StoredEvent) -> Self {
        let (event, value) = match &stored.event {
            Event::Return(value) => (EventName::Return, value.clone()),
            Event::Progress(value) => (EventName::Progress, value.clone()),
            Event::Log(line) => (EventName::Log, json!({ "level": line.level.as_str(), "message": line.message })),
        };
        EventDocument { number: stored.number, attempt: stored.attempt, at: Moment(stored.at), event, value }
    }
}
