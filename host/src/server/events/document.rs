//! What the events of a stream say.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::events::Event;
use crate::job::JobId;
use crate::queue::{Attempt, AttemptEnd, JobRecord, State, StoredEvent, Summary, WorkerId};
use crate::wire::{EventDocument, EventName, FailureDocument, Moment, RunDocument};

/// One event.
#[derive(Debug)]
pub(super) enum Chapter {
    Queued(Queued),
    Started(Started),
    Told(Told),
    Ended(Box<Ended>),
}

/// `queued`: the job waits for its first attempt, or for another.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[schema(as = QueuedEvent)]
pub(crate) struct Queued {
    /// The job.
    id: JobId,
    /// How many attempts there were before.
    attempt: u32,
    /// Since when it waits.
    at: Moment,
    /// What became of the attempt before, if there was one.
    end: Option<AttemptEnd>,
    /// Why that one failed, if it did.
    failure: Option<FailureDocument>,
}

/// `started`: an attempt was handed out.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[schema(as = StartedEvent)]
pub(crate) struct Started {
    /// Its number, from 1.
    attempt: u32,
    /// Who makes it.
    worker: WorkerId,
    /// When it was handed out.
    at: Moment,
}

/// `progress`, `returned` or `log`: the job told something.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[schema(as = ToldEvent)]
pub(crate) struct Told {
    /// Its number within the job; none for what is known from the end of the attempt only.
    number: Option<u64>,
    /// Which attempt told it.
    attempt: u32,
    /// When it was known.
    at: Moment,
    /// What it is.
    event: EventName,
    /// What was returned or told; of a line of the log its level and message.
    value: serde_json::Value,
}

/// `ended`: nothing more comes.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[schema(as = EndedEvent)]
pub(crate) struct Ended {
    /// How it ended; none if it was deleted before that was told.
    state: Option<State>,
    /// How many attempts there were.
    attempt: u32,
    /// When.
    at: Option<Moment>,
    /// How the last run went, or why there was none.
    outcome: Option<RunDocument>,
}

impl Chapter {
    /// The name of the event, and its document.
    pub(super) fn parts(&self) -> (&'static str, serde_json::Result<String>) {
        match self {
            Chapter::Queued(queued) => ("queued", serde_json::to_string(queued)),
            Chapter::Started(started) => ("started", serde_json::to_string(started)),
            Chapter::Told(told) => (told.name(), serde_json::to_string(told)),
            Chapter::Ended(ended) => ("ended", serde_json::to_string(ended)),
        }
    }
}

impl Queued {
    pub(super) fn first(job: &Summary) -> Self {
        Queued { id: job.id, attempt: 0, at: Moment(job.enqueued_at), end: None, failure: None }
    }

    /// After an attempt of which nothing was kept: it could not be done then.
    pub(super) fn put_off(job: &Summary, attempt: u32) -> Self {
        let at = Moment(job.started_at.unwrap_or(job.enqueued_at));
        Queued { id: job.id, attempt, at, end: Some(AttemptEnd::HandedBack), failure: None }
    }

    pub(super) fn again(job: &Summary, before: &Attempt) -> Self {
        let failure = before.outcome.as_ref().and_then(|outcome| outcome.result.as_ref().err());
        Queued {
            id: job.id,
            attempt: before.attempt,
            at: Moment(before.ended_at.unwrap_or(before.started_at)),
            end: Some(before.end),
            failure: failure.map(FailureDocument::from),
        }
    }
}

impl Started {
    pub(super) fn of(attempt: &Attempt) -> Self {
        Started { attempt: attempt.attempt, worker: attempt.worker, at: Moment(attempt.started_at) }
    }
}

impl Told {
    pub(super) fn stored(stored: &StoredEvent) -> Self {
        let EventDocument { number, attempt, at, event, value } = stored.into();
        Told { number: Some(number), attempt, at, event, value }
    }

    /// What is known from the outcome of this attempt only.
    pub(super) fn late(event: &Event, attempt: &Attempt) -> Self {
        let at = attempt.ended_at.unwrap_or(attempt.started_at);
        let stored = StoredEvent { number: 0, attempt: attempt.attempt, at, event: event.clone() };
        Told { number: None, ..Told::stored(&stored) }
    }

    fn name(&self) -> &'static str {
        match self.event {
            EventName::Return => "returned",
            EventName::Progress => "progress",
            EventName::Log | EventName::Unknown => "log",
        }
    }
}

impl Ended {
    pub(super) fn of(record: &JobRecord) -> Self {
        let job = &record.summary;
        Ended {
            state: Some(job.state),
            attempt: job.attempt,
            at: job.ended_at.map(Moment),
            outcome: record.outcome.as_ref().map(RunDocument::from),
        }
    }

    pub(super) fn deleted(attempt: u32) -> Self {
        Ended { state: None, attempt, at: None, outcome: None }
    }
}
