//! What tests of queues do again and again: small jobs, claims and ends, in a line each.
//!
//! Every function expects the verb to succeed; tests of refusals call the verb themselves.

use std::sync::Arc;
use std::time::Duration;

use ampule::queue::{
    Change, Claim, Enqueued, Filter, JobRecord, Lease, NewJob, Page, Queue, QueueSettings, Queues, Selection, Settled,
    Settlement, State, Summary, Timestamp, Verdict, WorkerId,
};
use ampule::{Failure, Job, JobId, Kind, Outcome};
use serde_json::json;

use crate::clock::s;

/// How long a lease is in tests that do not say.
pub const LEASE: Duration = s(30);

/// A small job that needs no stored program.
#[must_use]
pub fn job(name: &str) -> NewJob {
    NewJob::new(Job::source("python", "_return(6 * 7)").name(name))
}

/// So many of them.
#[must_use]
pub fn jobs(count: usize) -> Vec<NewJob> {
    (0..count).map(|number| job(&format!("job-{number}"))).collect()
}

/// A claim of a new worker that serves every queue of jobs.
#[must_use]
pub fn claim(slots: usize) -> Claim {
    Claim {
        worker: WorkerId::fresh(),
        queues: Queues::All,
        deliveries: Vec::new(),
        languages: None,
        slots,
        lease: LEASE,
    }
}

/// The same, of one queue.
#[must_use]
pub fn claim_of(queue: &str, slots: usize) -> Claim {
    Claim { queues: Queues::Only(vec![queue.to_owned()]), ..claim(slots) }
}

/// A claim of nothing but deliveries to one closure.
#[must_use]
pub fn claim_deliveries(closure: &str, slots: usize) -> Claim {
    let deliveries = vec![format!("@closure:{closure}")];
    Claim { queues: Queues::Only(Vec::new()), deliveries, ..claim(slots) }
}

/// The outcome of a run that returned 42.
#[must_use]
pub fn returned(id: JobId) -> Outcome {
    Outcome::of(id, Ok(vec![json!(42)]))
}

/// The outcome of a run that failed.
#[must_use]
pub fn failed(id: JobId, kind: Kind, message: &str) -> Outcome {
    Outcome::of(id, Err(Failure::new(kind, message)))
}

/// The settlement that a verdict usually comes with.
#[must_use]
pub fn settlement(lease: &Lease, verdict: Verdict) -> Settlement {
    let id = lease.key.job;
    let outcome = match verdict {
        Verdict::Completed => Some(returned(id)),
        Verdict::Failed | Verdict::Retry(_) => Some(failed(id, Kind::Guest, "no luck")),
        Verdict::Cancelled => Some(failed(id, Kind::Cancelled, "stopped")),
        Verdict::HandBack | Verdict::PutOff(_) => None,
    };
    Settlement { key: lease.key, verdict, outcome, follow_up: None }
}

/// Enqueues one job.
pub async fn put(queue: &Arc<dyn Queue>, job: NewJob, now: Timestamp) -> JobId {
    offer(queue, job, now).await.id
}

/// Enqueues one job, and says whether it was there.
pub async fn offer(queue: &Arc<dyn Queue>, job: NewJob, now: Timestamp) -> Enqueued {
    let answers = queue.enqueue(vec![job], Some(now)).await.expect("the job is taken in");
    assert_eq!(answers.len(), 1, "one answer for one job");
    answers[0]
}

/// Enqueues many jobs in one call.
pub async fn put_all(queue: &Arc<dyn Queue>, jobs: Vec<NewJob>, now: Timestamp) -> Vec<JobId> {
    let answers = queue.enqueue(jobs, Some(now)).await.expect("the jobs are taken in");
    answers.into_iter().map(|enqueued| enqueued.id).collect()
}

/// The jobs that a claim gets.
pub async fn take(queue: &Arc<dyn Queue>, claim: &Claim, now: Timestamp) -> Vec<Lease> {
    queue.claim(claim, Some(now)).await.expect("the claim is answered").leases
}

/// The ids of the jobs that a claim gets.
pub async fn take_ids(queue: &Arc<dyn Queue>, claim: &Claim, now: Timestamp) -> Vec<JobId> {
    take(queue, claim, now).await.iter().map(|lease| lease.key.job).collect()
}

/// The one job that may be claimed.
pub async fn take_one(queue: &Arc<dyn Queue>, now: Timestamp) -> Lease {
    let mut leases = take(queue, &claim(2), now).await;
    assert_eq!(leases.len(), 1, "one job may be claimed: {leases:?}");
    leases.remove(0)
}

/// Ends a lease.
pub async fn end(queue: &Arc<dyn Queue>, lease: &Lease, verdict: Verdict, now: Timestamp) -> Settled {
    let answers = queue.settle(vec![settlement(lease, verdict)], Some(now)).await.expect("the end is taken in");
    assert_eq!(answers.len(), 1, "one answer for one settlement");
    answers[0]
}

/// Ends a lease that holds.
pub async fn finish(queue: &Arc<dyn Queue>, lease: &Lease, verdict: Verdict, now: Timestamp) {
    assert_eq!(end(queue, lease, verdict, now).await, Settled::Done, "the lease holds");
}

/// Enqueues a job, claims it and ends it.
pub async fn run_to(queue: &Arc<dyn Queue>, job: NewJob, verdict: Verdict, now: Timestamp) -> JobId {
    let id = put(queue, job, now).await;
    let lease = take_one(queue, now).await;
    assert_eq!(lease.key.job, id, "it is the job that may be claimed");
    finish(queue, &lease, verdict, now).await;
    id
}

/// Takes back expired leases and says how many jobs it was.
pub async fn reclaim(queue: &Arc<dyn Queue>, now: Timestamp) -> u64 {
    queue.reclaim(Some(now)).await.expect("leases are looked at")
}

/// Changes jobs by their ids, and gives those that were changed.
pub async fn change(queue: &Arc<dyn Queue>, ids: &[JobId], change: &Change, now: Timestamp) -> Vec<JobId> {
    change_all(queue, &Selection::Ids(ids.to_vec()), change, now).await
}

/// Changes what was selected.
pub async fn change_all(queue: &Arc<dyn Queue>, selection: &Selection, change: &Change, now: Timestamp) -> Vec<JobId> {
    queue.change(selection, change, Some(now)).await.expect("the change is made")
}

/// What is known of a job that is known.
pub async fn record(queue: &Arc<dyn Queue>, id: JobId) -> JobRecord {
    queue.get(id).await.expect("the job is looked up").expect("the job is known")
}

/// The same without its documents.
pub async fn summary(queue: &Arc<dyn Queue>, id: JobId) -> Summary {
    record(queue, id).await.summary
}

/// Where a job is.
pub async fn state(queue: &Arc<dyn Queue>, id: JobId) -> State {
    summary(queue, id).await.state
}

/// Up to a thousand jobs that pass, newest first.
pub async fn list(queue: &Arc<dyn Queue>, filter: &Filter) -> Vec<Summary> {
    queue.list(filter, Page { after: None, limit: 1_000 }).await.expect("the jobs are listed")
}

/// Their ids.
pub async fn list_ids(queue: &Arc<dyn Queue>, filter: &Filter) -> Vec<JobId> {
    list(queue, filter).await.iter().map(|summary| summary.id).collect()
}

/// Sets how a queue is served.
pub async fn configure(queue: &Arc<dyn Queue>, name: &str, settings: QueueSettings) {
    queue.configure(name, &settings).await.expect("the queue is configured");
}

/// Stores a program that is nothing but these bytes, under a name.
pub async fn store(queue: &Arc<dyn Queue>, name: &str, bytes: &[u8], now: Timestamp) -> ampule::Digest {
    queue.put_program(bytes, Some(name), Some(now)).await.expect("the program is stored")
}
