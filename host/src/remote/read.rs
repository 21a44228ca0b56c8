//! What a server tells, as what a queue here would have told: the documents of the API, read back.
//!
//! As far as they tell. What is kept back from clients, such as how long a run waited for a slot, is left empty.

use std::time::Duration;

use serde_json::{Map, Value};

use crate::events::Event;
use crate::failure::{Failure, LogLine};
use crate::grants::{Access, Clock, DETERMINISTIC_START_UNIX_SECONDS, Directory, Grants, Random};
use crate::job::{Job, JobId, ProgramRef};
use crate::kwargs::Kwargs;
use crate::limits::LimitOverrides;
use crate::outcome::Outcome;
use crate::queue::{
    Attempt, Backoff, Callback, Delivery, Ended, Error, JobRecord, NewJob, Payload, RetryPolicy, Schedule,
    ScheduleInfo, StoredEvent, Target, Timing, Webhook, Work,
};
use crate::wire::{
    AttemptDocument, BackoffDocument, CallbackDocument, DeliveryDocument, EventDocument, EventName, GrantsDocument,
    JobDocument, LogDocument, NewJobDocument, PayloadDocument, RetryDocument, ScheduleDocument, WorkDocument,
};

/// What a closure is written with.
const CLOSURE: &str = "closure:";

pub(super) fn record(document: JobDocument) -> Result<JobRecord, Error> {
    let JobDocument { summary, payload, outcome, attempts, .. } = document;
    let id = summary.id;
    Ok(JobRecord {
        summary: summary.into(),
        payload: self::payload(payload)?,
        outcome: outcome.map(Outcome::from),
        attempts: attempts.into_iter().map(|attempt| self::attempt(id, attempt)).collect(),
    })
}

fn attempt(job: JobId, document: AttemptDocument) -> Attempt {
    let AttemptDocument { attempt, worker, started_at, ended_at, end, failure, usage, logs } = document;
    let outcome = usage.map(|usage| {
        let result = failure.map_or_else(|| Ok(Vec::new()), |failure| Err(Failure::from(failure)));
        let mut outcome = Outcome::of(job, result);
        outcome.usage = usage.into();
        outcome.output.logs = logs.unwrap_or_default().into_iter().map(LogLine::from).collect();
        outcome
    });
    Attempt { attempt, worker, started_at: started_at.0, ended_at: ended_at.map(|moment| moment.0), end, outcome }
}

/// One event; none of a kind that is not known here.
pub(super) fn event(document: EventDocument) -> Result<Option<StoredEvent>, Error> {
    let EventDocument { number, attempt, at, event, value } = document;
    let event = match event {
        EventName::Return => Event::Return(value),
        EventName::Progress => Event::Progress(value),
        EventName::Log => {
            let line = serde_json::from_value::<LogDocument>(value).map_err(|error| unreadable("event", &error))?;
            Event::Log(line.into())
        }
        EventName::Unknown => return Ok(None),
    };
    Ok(Some(StoredEvent { number, attempt, at: at.0, event }))
}

pub(super) fn schedule(document: ScheduleDocument) -> Result<ScheduleInfo, Error> {
    let timing = match (document.cron, document.every_ms) {
        (Some(expression), _) => Timing::Cron { expression, zone: document.zone.unwrap_or_else(|| "UTC".to_owned()) },
        (None, Some(every)) => Timing::Every(Duration::from_millis(every)),
        (None, None) => return Err(unreadable("schedule", &"it says nothing of when")),
    };
    let job = new_job(document.job)?;
    let schedule = Schedule { name: document.name, timing, job, missed: document.missed.0, paused: document.paused };
    let (next, last) = (document.next.map(|moment| moment.0), document.last.map(|moment| moment.0));
    Ok(ScheduleInfo { schedule, next, last, revision: document.revision })
}

fn new_job(document: NewJobDocument) -> Result<NewJob, Error> {
    let NewJobDocument { queue, priority, tenant, tags, start_before_ms, payload } = document;
    // What work it is comes with the payload.
    let mut new = NewJob::new(Job::new(""));
    new.payload = self::payload(payload)?;
    (new.queue, new.priority, new.tenant, new.tags) = (queue, priority, tenant, tags);
    new.start_before = start_before_ms.map(Duration::from_millis);
    Ok(new)
}

fn payload(document: PayloadDocument) -> Result<Payload, Error> {
    let PayloadDocument { job, delivery, retry, at_return, at_err } = document;
    let work = match (job, delivery) {
        (Some(job), _) => Work::Job(self::job(job)?),
        (None, Some(delivery)) => Work::Delivery(self::delivery(delivery)?),
        (None, None) => return Err(unreadable("job", &"it says nothing of what is to be done")),
    };
    let (at_return, at_err) = (at_return.map(callback).transpose()?, at_err.map(callback).transpose()?);
    Ok(Payload { work, retry: self::retry(retry), at_return, at_err, trace: None })
}

fn job(document: WorkDocument) -> Result<Job, Error> {
    let WorkDocument { program, source, name, kwargs: given, limits, grants } = document;
    let mut job = Job::new(ProgramRef::from(program.as_str())).name(name).kwargs(kwargs(given)?);
    job.source = source;
    job.limits = LimitOverrides {
        timeout: limits.timeout_ms.map(Duration::from_millis),
        fuel: limits.fuel,
        memory_bytes: limits.memory_bytes,
        ..LimitOverrides::default()
    };
    job.grants = self::grants(grants);
    Ok(job)
}

fn grants(document: GrantsDocument) -> Grants {
    let directory = |granted: crate::wire::DirectoryDocument| Directory {
        host: granted.host.into(),
        guest: granted.guest,
        access: if granted.write { Access::ReadWrite } else { Access::ReadOnly },
    };
    Grants {
        directories: document.directories.into_iter().map(directory).collect(),
        env: document.env,
        args: document.args,
        stdin: document.stdin.map(String::into_bytes),
        clock: if document.virtual_clock {
            Clock::Virtual { start_unix_seconds: DETERMINISTIC_START_UNIX_SECONDS }
        } else {
            Clock::Host
        },
        random: document.seed.map_or(Random::Host, Random::Seeded),
    }
}

fn delivery(document: DeliveryDocument) -> Result<Delivery, Error> {
    let DeliveryDocument { to, kwargs: given, job, name, result, failure } = document;
    let to = match to.strip_prefix(CLOSURE) {
        Some(name) => Target::Closure(name.to_owned()),
        None => Target::Http { url: to, headers: std::collections::BTreeMap::new() },
    };
    let result = failure.map_or(Ok(result), |failure| Err(Failure::from(failure)));
    Ok(Delivery { to, kwargs: kwargs(given)?, ended: Ended { job, name, result } })
}

fn retry(document: RetryDocument) -> RetryPolicy {
    let RetryDocument { attempts, backoff, kinds } = document;
    let backoff = match backoff {
        BackoffDocument::Delays { delays_ms } => {
            Backoff::Delays(delays_ms.into_iter().map(Duration::from_millis).collect())
        }
        BackoffDocument::Exponential { first_ms, factor, most_ms, jitter_percent } => Backoff::Exponential {
            first: Duration::from_millis(first_ms),
            factor,
            most: Duration::from_millis(most_ms),
            jitter_percent,
        },
    };
    RetryPolicy { attempts, backoff, kinds }
}

fn callback(document: CallbackDocument) -> Result<Callback, Error> {
    Ok(match document {
        CallbackDocument::Closure { closure, kwargs: given } => {
            Callback::Closure { name: closure, kwargs: kwargs(given)? }
        }
        CallbackDocument::Http { url, kwargs: given, headers } => {
            Callback::Http(Webhook { url, kwargs: kwargs(given)?, headers })
        }
        CallbackDocument::Job(next) => Callback::job(new_job(*next)?),
    })
}

fn kwargs(given: Map<String, Value>) -> Result<Kwargs, Error> {
    Kwargs::try_from(Value::Object(given)).map_err(|error| unreadable("kwargs", &error))
}

/// A server of ours says nothing like it.
fn unreadable(what: &str, error: &dyn std::fmt::Display) -> Error {
    Error::Refused { code: String::new(), detail: format!("what the server said of a {what} cannot be read: {error}") }
}
