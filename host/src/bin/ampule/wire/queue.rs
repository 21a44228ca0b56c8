//! The documents of the subcommands that speak to a durable queue.
//!
//! Moments are RFC 3339 in UTC to the millisecond; what is not known is null.

mod record;

use std::path::Path;

use ampule::JobId;
use ampule::queue::{
    Enqueued, Finding, JobRecord, Missed, QueueInfo, ScheduleInfo, Summary, Timestamp, Timing, WorkerInfo,
};
use ampule::{Outcome, Value};
use chrono::SecondsFormat;
use serde_json::json;

pub(crate) use self::record::record;
use self::record::{attempts, new_job};
use crate::queue::Unchanged;

/// What became of a job that was to be stored.
pub(crate) fn enqueued(job: &Enqueued) -> Value {
    json!({ "id": job.id.to_string(), "existed": job.existed })
}

/// What became of many.
pub(crate) fn batch(jobs: &[Enqueued]) -> Value {
    json!({ "jobs": jobs.iter().map(enqueued).collect::<Vec<_>>() })
}

pub(crate) fn list(jobs: &[Summary]) -> Value {
    json!({ "jobs": jobs.iter().map(summary).collect::<Vec<_>>() })
}

/// What is known of a job without its documents.
pub(crate) fn summary(job: &Summary) -> Value {
    json!({
        "id": job.id.to_string(),
        "state": job.state.as_str(),
        "held": job.held,
        "queue": job.queue,
        "name": job.name,
        "program": job.program.map(|digest| digest.to_string()),
        "language": job.language,
        "tenant": job.tenant,
        "tags": job.tags,
        "priority": job.priority,
        "attempt": job.attempt,
        "tries": job.tries,
        "max_tries": job.max_tries,
        "enqueued_at": moment(job.enqueued_at),
        "run_at": moment(job.run_at),
        "start_before": job.start_before.map(moment),
        "started_at": job.started_at.map(moment),
        "ended_at": job.ended_at.map(moment),
        "worker": job.worker.map(|worker| worker.to_string()),
        "cancel_asked": job.cancel_asked,
        "kind": job.kind.map(|kind| kind.as_str()),
        "message": job.message,
        "parent": job.parent.map(|parent| parent.to_string()),
    })
}

/// The end of a job that was waited for: the document of a run, and its way through the queue.
pub(crate) fn ended(record: &JobRecord, outcome: &Outcome) -> Value {
    let mut document = super::outcome(outcome);
    document["state"] = record.summary.state.as_str().into();
    document["attempts"] = attempts(record);
    document
}

/// A job that was waited for, and that has not ended.
pub(crate) fn not_ended(record: &JobRecord) -> Value {
    let outcome = Outcome::of(record.summary.id, Ok(Vec::new()));
    let mut document = ended(record, &outcome);
    document["program"] = record.summary.program.map(|digest| digest.to_string()).into();
    document
}

/// What was changed, and which of the jobs that were named were not.
pub(crate) fn changed(changed: &[JobId], unchanged: &[Unchanged]) -> Value {
    let why = |one: &Unchanged| json!({ "id": one.id.to_string(), "state": one.state.map(|state| state.as_str()), "why": one.why });
    json!({
        "changed": changed.iter().map(ToString::to_string).collect::<Vec<_>>(),
        "unchanged": unchanged.iter().map(why).collect::<Vec<_>>(),
    })
}

pub(crate) fn queues(queues: &[QueueInfo]) -> Value {
    let one = |info: &QueueInfo| {
        json!({
            "name": info.name,
            "mode": info.settings.mode.as_str(),
            "max_running": info.settings.max_running,
            "max_running_per_tenant": info.settings.max_running_per_tenant,
            "due": info.due,
            "queued": info.queued,
            "held": info.held,
            "running": info.running,
            "oldest_due": info.oldest_due.map(moment),
        })
    };
    json!({ "queues": queues.iter().map(one).collect::<Vec<_>>() })
}

pub(crate) fn schedules(schedules: &[ScheduleInfo]) -> Value {
    json!({ "schedules": schedules.iter().map(schedule).collect::<Vec<_>>() })
}

/// One schedule and when its next ticks are.
pub(crate) fn schedule_with_runs(info: &ScheduleInfo, runs: &[Timestamp]) -> Value {
    let mut document = schedule(info);
    document["runs"] = runs.iter().copied().map(moment).collect();
    document
}

fn schedule(info: &ScheduleInfo) -> Value {
    let schedule = &info.schedule;
    let (cron, zone, every) = match &schedule.timing {
        Timing::Cron { expression, zone } => (Some(expression), Some(zone), None),
        Timing::Every(every) => (None, None, Some(milliseconds(*every))),
    };
    let missed = match schedule.missed {
        Missed::Skip => "skip".to_owned(),
        Missed::RunOnce => "once".to_owned(),
        Missed::RunAll(most) => format!("all={most}"),
    };
    json!({
        "name": schedule.name,
        "cron": cron,
        "zone": zone,
        "every_ms": every,
        "missed": missed,
        "paused": schedule.paused,
        "next": info.next.filter(|_| !schedule.paused).map(moment),
        "last": info.last.map(moment),
        "revision": info.revision,
        "job": new_job(&schedule.job),
    })
}

/// Schedules that are no more.
pub(crate) fn removed(names: &[String]) -> Value {
    json!({ "removed": names })
}

pub(crate) fn workers(workers: &[WorkerInfo]) -> Value {
    let one = |worker: &WorkerInfo| {
        json!({
            "id": worker.id.to_string(),
            "host": worker.host,
            "version": worker.version,
            "slots": worker.slots,
            "running": worker.running,
            "draining": worker.draining,
            "started_at": moment(worker.started_at),
            "seen_at": moment(worker.seen_at),
        })
    };
    json!({ "workers": workers.iter().map(one).collect::<Vec<_>>() })
}

pub(crate) fn findings(findings: &[Finding]) -> Value {
    let one = |finding: &Finding| {
        let jobs: Vec<String> = finding.jobs.iter().map(ToString::to_string).collect();
        json!({ "what": finding.what, "is_fault": finding.is_fault, "jobs": jobs })
    };
    json!({
        "sound": !findings.iter().any(|finding| finding.is_fault),
        "findings": findings.iter().map(one).collect::<Vec<_>>(),
    })
}

pub(crate) fn backup(file: &Path, size_bytes: u64) -> Value {
    json!({ "file": file.display().to_string(), "size_bytes": size_bytes })
}

fn moment(moment: Timestamp) -> Value {
    moment.to_rfc3339_opts(SecondsFormat::Millis, true).into()
}

fn milliseconds(duration: std::time::Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
