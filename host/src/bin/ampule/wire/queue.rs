//! The documents of the subcommands that speak to a durable queue: those of the library, in lists.

use std::path::Path;

use ampule::queue::{
    Enqueued, Finding, JobRecord, QueueInfo, ScheduleInfo, StoredEvent, Summary, Timestamp, WorkerInfo,
};
use ampule::wire::{
    BatchDocument, ChangedDocument, EndedDocument, EnqueuedDocument, JobDocument, QueueDocument, ScheduleDocument,
    SummaryDocument, UnchangedDocument, WorkerDocument,
};
use ampule::{JobId, Value};
use serde::Serialize;
use serde_json::json;

use super::document;
use crate::queue::Unchanged;

/// Documents of one kind.
fn all<'a, T: 'a, D: From<&'a T> + Serialize>(items: &'a [T]) -> Value {
    items.iter().map(|item| document(&D::from(item))).collect()
}

/// What became of a job that was to be stored.
pub(crate) fn enqueued(job: &Enqueued) -> Value {
    document(&EnqueuedDocument::from(job))
}

/// What became of many.
pub(crate) fn batch(jobs: &[Enqueued]) -> Value {
    document(&BatchDocument::from(jobs))
}

pub(crate) fn list(jobs: &[Summary]) -> Value {
    json!({ "jobs": all::<_, SummaryDocument>(jobs) })
}

/// The document of `ampule show`.
pub(crate) fn record(record: &JobRecord, events: &[StoredEvent]) -> Value {
    document(&JobDocument::new(record.clone(), events))
}

/// A job that was waited for: the document of a run, and its way through the queue.
pub(crate) fn waited(record: &JobRecord) -> Value {
    document(&EndedDocument::from(record))
}

/// What was changed, and which of the jobs that were named were not.
pub(crate) fn changed(changed: &[JobId], unchanged: &[Unchanged]) -> Value {
    let unchanged =
        unchanged.iter().map(|one| UnchangedDocument { id: one.id, state: one.state, why: one.why.clone() });
    document(&ChangedDocument { changed: changed.to_vec(), unchanged: unchanged.collect() })
}

pub(crate) fn queues(queues: &[QueueInfo]) -> Value {
    json!({ "queues": all::<_, QueueDocument>(queues) })
}

pub(crate) fn schedules(schedules: &[ScheduleInfo]) -> Value {
    json!({ "schedules": all::<_, ScheduleDocument>(schedules) })
}

/// One schedule and when its next ticks are.
pub(crate) fn schedule_with_runs(info: &ScheduleInfo, runs: &[Timestamp]) -> Value {
    document(&ScheduleDocument::from(info).with_runs(runs))
}

/// Schedules that are no more.
pub(crate) fn removed(names: &[String]) -> Value {
    json!({ "removed": names })
}

pub(crate) fn workers(workers: &[WorkerInfo]) -> Value {
    json!({ "workers": all::<_, WorkerDocument>(workers) })
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
