//! Workers as they tell of themselves.

use std::sync::Arc;

use ampule::queue::{Claim, Queue, Timestamp, Verdict, WorkerId, WorkerInfo};
use ampule_tests::clock::{at, at_ms};
use ampule_tests::queue::{claim, finish, job, put, take};

async fn beat(queue: &Arc<dyn Queue>, worker: &WorkerInfo, now: Timestamp) {
    queue.beat(worker, Some(now)).await.expect("the worker is noted");
}

async fn workers(queue: &Arc<dyn Queue>, now: Timestamp) -> Vec<WorkerInfo> {
    let mut workers = queue.workers(Some(now)).await.expect("workers are listed");
    workers.sort_by_key(|worker| worker.id);
    workers
}

pub(super) async fn a_worker_is_known_as_it_told_last(queue: Arc<dyn Queue>) {
    let mut worker = WorkerInfo::new(WorkerId::fresh(), "host é 🦀:12", 8, at(0));
    beat(&queue, &worker, at(0)).await;
    assert_eq!(workers(&queue, at(0)).await, [worker.clone()]);
    worker.draining = true;
    worker.running = 1;
    worker.serves = "mail, webhooks é".to_owned();
    worker.slots = 4;
    worker.seen_at = at(9);
    beat(&queue, &worker, at(9)).await;
    assert_eq!(workers(&queue, at(10)).await, [worker]);
}

pub(super) async fn a_worker_that_is_silent_for_a_minute_is_gone(queue: Arc<dyn Queue>) {
    let mut ids = [WorkerId::fresh(), WorkerId::fresh()];
    ids.sort();
    for (id, seconds) in ids.into_iter().zip([0, 30]) {
        beat(&queue, &WorkerInfo::new(id, "here", 1, at(seconds)), at(seconds)).await;
    }
    let seen = |workers: Vec<WorkerInfo>| workers.iter().map(|worker| worker.id).collect::<Vec<_>>();
    assert_eq!(seen(workers(&queue, at_ms(59_999)).await), ids);
    assert_eq!(seen(workers(&queue, at_ms(60_001)).await), ids[1..]);
    assert_eq!(seen(workers(&queue, at(91)).await), []);
}

pub(super) async fn a_worker_that_takes_no_more_and_runs_none_has_ended(queue: Arc<dyn Queue>) {
    let mut worker = WorkerInfo::new(WorkerId::fresh(), "here", 1, at(0));
    worker.draining = true;
    worker.running = 1;
    beat(&queue, &worker, at(0)).await;
    assert_eq!(workers(&queue, at(0)).await, [worker.clone()], "it drains");
    worker.running = 0;
    beat(&queue, &worker, at(0)).await;
    assert_eq!(workers(&queue, at(0)).await, []);
}

pub(super) async fn a_worker_that_left_jobs_behind_stays_in_sight(queue: Arc<dyn Queue>) {
    let claim = claim(1);
    put(&queue, job("left"), at(0)).await;
    let leases = take(&queue, &claim, at(0)).await;
    let mut worker = WorkerInfo::new(claim.worker, "there", 1, at(0));
    worker.running = 1;
    beat(&queue, &worker, at(0)).await;
    assert_eq!(workers(&queue, at(4_000)).await, [worker]);
    finish(&queue, &leases[0], Verdict::Completed, at(4_000)).await;
    assert_eq!(workers(&queue, at(4_000)).await, []);
}

pub(super) async fn a_worker_that_never_told_of_itself_may_claim(queue: Arc<dyn Queue>) {
    put(&queue, job("claimed"), at(0)).await;
    let silent = Claim { worker: WorkerId::from_bytes([9; 16]), ..claim(1) };
    assert_eq!(take(&queue, &silent, at(0)).await.len(), 1);
}
