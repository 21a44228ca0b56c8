//! What keeps a lease, and how a worker learns that it lost one or that it is to stop.

use std::sync::Arc;

use ampule::JobId;
use ampule::queue::{Change, LeaseKey, Queue, Renewed, State, Timestamp, Verdict, WorkerId};
use ampule_tests::clock::{at, at_ms, s};
use ampule_tests::queue::{
    LEASE, change, claim, finish, job, jobs, put, put_all, reclaim, run_to, state, summary, take, take_one,
};

async fn renew(queue: &Arc<dyn Queue>, keys: &[LeaseKey], now: Timestamp) -> Vec<Renewed> {
    queue.renew(keys, LEASE, Some(now)).await.expect("the leases are looked at")
}

pub(super) async fn a_lease_that_is_renewed_does_not_expire(queue: Arc<dyn Queue>) {
    let id = put(&queue, job("long"), at(0)).await;
    let lease = take_one(&queue, at(0)).await;
    assert_eq!(renew(&queue, &[lease.key], at(20)).await, [Renewed::Kept]);
    assert_eq!(reclaim(&queue, at_ms(49_999)).await, 0);
    assert_eq!(state(&queue, id).await, State::Running);
    assert_eq!(reclaim(&queue, at(50)).await, 1);
}

pub(super) async fn a_lease_may_be_shortened(queue: Arc<dyn Queue>) {
    put(&queue, job("short"), at(0)).await;
    let lease = take_one(&queue, at(0)).await;
    let renewed = queue.renew(&[lease.key], s(1), Some(at(5))).await.expect("looked at");
    assert_eq!(renewed, [Renewed::Kept]);
    assert_eq!(reclaim(&queue, at(6)).await, 1);
}

pub(super) async fn an_expired_lease_that_nobody_took_may_be_renewed(queue: Arc<dyn Queue>) {
    put(&queue, job("late"), at(0)).await;
    let lease = take_one(&queue, at(0)).await;
    assert_eq!(renew(&queue, &[lease.key], at(500)).await, [Renewed::Kept]);
    assert_eq!(reclaim(&queue, at(501)).await, 0);
}

pub(super) async fn a_lease_that_was_taken_back_is_lost(queue: Arc<dyn Queue>) {
    put(&queue, job("late"), at(0)).await;
    let first = take_one(&queue, at(0)).await;
    reclaim(&queue, at(30)).await;
    assert_eq!(renew(&queue, &[first.key], at(30)).await, [Renewed::Lost], "while it waits again");
    let second = take_one(&queue, at(31)).await;
    assert_eq!(renew(&queue, &[first.key, second.key], at(32)).await, [Renewed::Lost, Renewed::Kept]);
}

pub(super) async fn a_lease_that_was_settled_is_lost(queue: Arc<dyn Queue>) {
    for verdict in [Verdict::Completed, Verdict::Failed, Verdict::Cancelled, Verdict::Retry(s(900))] {
        put(&queue, job("done"), at(0)).await;
        let lease = take_one(&queue, at(0)).await;
        finish(&queue, &lease, verdict, at(1)).await;
        assert_eq!(renew(&queue, &[lease.key], at(2)).await, [Renewed::Lost], "{verdict:?}");
    }
}

pub(super) async fn only_the_holder_of_a_lease_may_renew_it(queue: Arc<dyn Queue>) {
    put(&queue, job("mine"), at(0)).await;
    let key = take_one(&queue, at(0)).await.key;
    let keys = [
        LeaseKey { worker: WorkerId::fresh(), ..key },
        LeaseKey { attempt: 2, ..key },
        LeaseKey { attempt: 0, ..key },
        LeaseKey { job: JobId::from_bytes([7; 16]), ..key },
        key,
    ];
    let lost = Renewed::Lost;
    assert_eq!(renew(&queue, &keys, at(20)).await, [lost, lost, lost, lost, Renewed::Kept]);
}

pub(super) async fn a_cancel_is_told_at_every_renewal_until_the_end(queue: Arc<dyn Queue>) {
    let ids = put_all(&queue, jobs(2), at(0)).await;
    let leases = take(&queue, &claim(2), at(0)).await;
    let keys: Vec<LeaseKey> = leases.iter().map(|lease| lease.key).collect();
    change(&queue, &ids[1..], &Change::Cancel, at(1)).await;
    for moment in [at(2), at(12)] {
        assert_eq!(renew(&queue, &keys, moment).await, [Renewed::Kept, Renewed::CancelAsked]);
    }
    assert_eq!(reclaim(&queue, at(31)).await, 0, "a lease whose job is to stop is extended too");
    finish(&queue, &leases[1], Verdict::Cancelled, at(13)).await;
    assert_eq!(renew(&queue, &keys, at(14)).await, [Renewed::Kept, Renewed::Lost]);
}

pub(super) async fn many_leases_are_answered_in_their_order(queue: Arc<dyn Queue>) {
    put_all(&queue, jobs(400), at(0)).await;
    let leases = take(&queue, &claim(400), at(0)).await;
    let mut keys: Vec<LeaseKey> = leases.iter().rev().map(|lease| lease.key).collect();
    let lost: Vec<JobId> = keys.iter().step_by(3).map(|key| key.job).collect();
    for lease in leases.iter().filter(|lease| lost.contains(&lease.key.job)) {
        finish(&queue, lease, Verdict::Completed, at(1)).await;
    }
    keys.push(keys[1]);
    let expected: Vec<Renewed> =
        keys.iter().map(|key| if lost.contains(&key.job) { Renewed::Lost } else { Renewed::Kept }).collect();
    assert_eq!(renew(&queue, &keys, at(2)).await, expected);
}

pub(super) async fn no_leases_are_renewed_too(queue: Arc<dyn Queue>) {
    assert_eq!(renew(&queue, &[], at(0)).await, []);
}

pub(super) async fn a_renewal_touches_no_job_but_its_own(queue: Arc<dyn Queue>) {
    let ended = run_to(&queue, job("ended"), Verdict::Completed, at(0)).await;
    let before = summary(&queue, ended).await;
    put_all(&queue, jobs(2), at(0)).await;
    let leases = take(&queue, &claim(2), at(0)).await;
    renew(&queue, &[leases[0].key], at(20)).await;
    assert_eq!(reclaim(&queue, at(30)).await, 1, "the other one expired");
    assert_eq!(summary(&queue, ended).await, before);
}
