//! All that is known of a job: what is to be done, on which terms, how each attempt went, what it told.

use ampule::queue::{Attempt, Backoff, Callback, Delivery, JobRecord, NewJob, Payload, RetryPolicy, StoredEvent, Work};
use ampule::{Access, Clock, Event, Grants, Job, LimitOverrides, Random, Value};
use serde_json::json;

use super::super::{failure, outcome, usage};
use super::{milliseconds, moment, summary};

/// The document of `ampule show`.
pub(crate) fn record(record: &JobRecord, events: &[StoredEvent]) -> Value {
    let mut document = summary(&record.summary);
    let Value::Object(payload) = payload(&record.payload) else { return document };
    for (key, value) in payload {
        document[key] = value;
    }
    document["outcome"] = record.outcome.as_ref().map(outcome).into();
    document["attempts"] = attempts(record);
    document["events"] = events.iter().map(event).collect();
    document
}

/// Each attempt, oldest first.
pub(super) fn attempts(record: &JobRecord) -> Value {
    record.attempts.iter().map(attempt).collect()
}

fn attempt(attempt: &Attempt) -> Value {
    let outcome = attempt.outcome.as_ref();
    json!({
        "attempt": attempt.attempt,
        "worker": attempt.worker.to_string(),
        "started_at": moment(attempt.started_at),
        "ended_at": attempt.ended_at.map(moment),
        "end": attempt.end.as_str(),
        "failure": outcome.and_then(|outcome| outcome.result.as_ref().err()).map(failure),
        "usage": outcome.map(|outcome| usage(&outcome.usage)),
        "logs": outcome.map(|outcome| super::super::logs(&outcome.output)),
    })
}

fn event(event: &StoredEvent) -> Value {
    let (what, value) = match &event.event {
        Event::Return(value) => ("return", value.clone()),
        Event::Progress(value) => ("progress", value.clone()),
        Event::Log(line) => ("log", json!({ "level": line.level.as_str(), "message": line.message })),
        _ => ("unknown", Value::Null),
    };
    json!({
        "number": event.number,
        "attempt": event.attempt,
        "at": moment(event.at),
        "event": what,
        "value": value,
    })
}

/// A job as it would be stored.
pub(super) fn new_job(new: &NewJob) -> Value {
    let mut document = json!({
        "queue": new.queue,
        "priority": new.priority,
        "tenant": new.tenant,
        "tags": new.tags,
        "start_before_ms": new.start_before.map(milliseconds),
    });
    let Value::Object(payload) = payload(&new.payload) else { return document };
    for (key, value) in payload {
        document[key] = value;
    }
    document
}

fn payload(payload: &Payload) -> Value {
    let (job, delivery) = match &payload.work {
        Work::Job(job) => (Some(self::job(job)), None),
        Work::Delivery(delivery) => (None, Some(self::delivery(delivery))),
    };
    json!({
        "job": job,
        "delivery": delivery,
        "retry": retry(&payload.retry),
        "at_return": payload.at_return.as_ref().map(callback),
        "at_err": payload.at_err.as_ref().map(callback),
    })
}

fn job(job: &Job) -> Value {
    json!({
        "program": job.program.to_string(),
        "source": job.source,
        "name": job.name,
        "kwargs": job.kwargs.as_object(),
        "limits": limits(&job.limits),
        "grants": grants(&job.grants),
    })
}

fn limits(limits: &LimitOverrides) -> Value {
    json!({
        "timeout_ms": limits.timeout.map(milliseconds),
        "fuel": limits.fuel,
        "memory_bytes": limits.memory_bytes,
    })
}

fn grants(grants: &Grants) -> Value {
    let directory = |directory: &ampule::Directory| {
        json!({
            "host": directory.host.display().to_string(),
            "guest": directory.guest,
            "write": directory.access == Access::ReadWrite,
        })
    };
    let seed = match grants.random {
        Random::Seeded(seed) => Some(seed),
        Random::Host => None,
    };
    json!({
        "directories": grants.directories.iter().map(directory).collect::<Vec<_>>(),
        "env": grants.env,
        "args": grants.args,
        "stdin": grants.stdin.as_ref().map(|bytes| String::from_utf8_lossy(bytes)),
        "seed": seed,
        "virtual_clock": matches!(grants.clock, Clock::Virtual { .. }),
    })
}

fn delivery(delivery: &Delivery) -> Value {
    json!({
        "to": format!("closure:{}", delivery.to.name()),
        "kwargs": delivery.kwargs.as_object(),
        "job": delivery.ended.job.to_string(),
        "name": delivery.ended.name,
        "result": delivery.ended.result.as_ref().ok(),
        "failure": delivery.ended.result.as_ref().err().map(failure),
    })
}

fn retry(policy: &RetryPolicy) -> Value {
    let backoff = match &policy.backoff {
        Backoff::Delays(delays) => {
            json!({ "delays_ms": delays.iter().copied().map(milliseconds).collect::<Vec<_>>() })
        }
        Backoff::Exponential { first, factor, most, jitter_percent } => json!({
            "first_ms": milliseconds(*first),
            "factor": factor,
            "most_ms": milliseconds(*most),
            "jitter_percent": jitter_percent,
        }),
    };
    let kinds: Vec<&str> = policy.kinds.iter().map(|kind| kind.as_str()).collect();
    json!({ "attempts": policy.attempts, "backoff": backoff, "kinds": kinds })
}

fn callback(callback: &Callback) -> Value {
    match callback {
        Callback::Closure { name, kwargs } => json!({ "closure": name, "kwargs": kwargs.as_object() }),
        Callback::Job(next) => new_job(next),
        _ => Value::Null,
    }
}
