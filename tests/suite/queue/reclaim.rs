//! What becomes of jobs whose workers died, and of those that waited too long.

use std::sync::Arc;

use ampule::queue::{AttemptEnd, Callback, Change, JobRecord, Lease, Queue, RetryPolicy, State, Verdict, Work};
use ampule::{JobId, Kind};
use ampule_tests::clock::{at, at_ms, s};
use ampule_tests::queue::{
    change, claim, claim_deliveries, finish, job, jobs, put, put_all, reclaim, record, state, summary, take, take_one,
};
use serde_json::json;

/// Expects that the queue itself ended a job, and how.
fn assert_ended(record: &JobRecord, state: State, kind: Kind) {
    assert_eq!((record.summary.state, record.summary.kind), (state, Some(kind)));
    let outcome = record.outcome.as_ref().expect("an outcome says so");
    let failure = outcome.result.as_ref().expect_err("it never returned");
    assert_eq!((outcome.id, failure.kind), (record.summary.id, kind));
    assert_eq!(record.summary.message.as_deref(), Some(&*failure.message));
}

/// The one delivery to the closure `tell`, which is of this job's end of this kind.
async fn assert_told(queue: &Arc<dyn Queue>, id: JobId, kind: Kind) {
    let told: Vec<Lease> = take(queue, &claim_deliveries("tell", 8), at(10_000)).await;
    let [told] = &told[..] else { panic!("its `at_err` is told once: {told:?}") };
    let Work::Delivery(delivery) = &told.payload.work else { panic!("a delivery: {:?}", told.payload) };
    assert_eq!(delivery.ended.job, id);
    assert_eq!(delivery.ended.result.as_ref().expect_err("it never returned").kind, kind);
    assert_eq!(summary(queue, told.key.job).await.parent, Some(id));
}

pub(super) async fn a_job_whose_worker_died_is_due_at_once(queue: Arc<dyn Queue>) {
    let id = put(&queue, job("orphan"), at(0)).await;
    let first = take_one(&queue, at(1)).await;
    assert_eq!(reclaim(&queue, at_ms(30_999)).await, 0, "the lease holds");
    assert_eq!(reclaim(&queue, at(40)).await, 1);
    let orphan = record(&queue, id).await;
    assert_eq!((orphan.summary.state, orphan.summary.run_at), (State::Queued, at(40)));
    assert_eq!((orphan.summary.attempt, orphan.summary.tries, orphan.outcome), (1, 1, None));
    let [attempt] = &orphan.attempts[..] else { panic!("one attempt: {:?}", orphan.attempts) };
    assert_eq!((attempt.attempt, attempt.end, attempt.worker), (1, AttemptEnd::Lost, first.key.worker));
    assert_eq!((attempt.started_at, attempt.ended_at, &attempt.outcome), (at(1), Some(at(40)), &None));
    let second = take_one(&queue, at(40)).await;
    assert_eq!((second.key.attempt, second.tries), (2, 2));
}

pub(super) async fn a_lease_expires_on_the_millisecond(queue: Arc<dyn Queue>) {
    put(&queue, job("orphan"), at(0)).await;
    take_one(&queue, at(0)).await;
    assert_eq!(reclaim(&queue, at_ms(29_999)).await, 0);
    assert_eq!(reclaim(&queue, at(30)).await, 1);
    assert_eq!(reclaim(&queue, at(30)).await, 0, "it was taken back already");
}

pub(super) async fn attempts_are_bounded_and_then_the_job_is_lost(queue: Arc<dyn Queue>) {
    let new = job("poison").retry(RetryPolicy::attempts(3)).at_err(Callback::closure("tell"));
    let id = put(&queue, new, at(0)).await;
    for attempt in 1..=3 {
        assert_eq!(take_one(&queue, at(attempt * 100)).await.tries, u32::try_from(attempt).expect("small"));
        assert_eq!(reclaim(&queue, at(attempt * 100 + 30)).await, 1);
    }
    let record = record(&queue, id).await;
    assert_ended(&record, State::Failed, Kind::Lost);
    assert_eq!(record.summary.ended_at, Some(at(330)));
    assert_eq!(record.attempts.len(), 3);
    assert!(record.attempts.iter().all(|attempt| attempt.end == AttemptEnd::Lost));
    assert_eq!(take(&queue, &claim(1), at(9_000)).await, []);
    assert_told(&queue, id, Kind::Lost).await;
}

pub(super) async fn a_policy_may_rule_out_another_try_after_a_death(queue: Arc<dyn Queue>) {
    let retry = RetryPolicy { attempts: 5, kinds: vec![Kind::Guest], ..RetryPolicy::default() };
    let id = put(&queue, job("fragile").retry(retry), at(0)).await;
    take_one(&queue, at(0)).await;
    assert_eq!(reclaim(&queue, at(30)).await, 1);
    assert_ended(&record(&queue, id).await, State::Failed, Kind::Lost);
}

pub(super) async fn what_was_handed_back_is_no_attempt_that_was_lost(queue: Arc<dyn Queue>) {
    let id = put(&queue, job("moved").retry(RetryPolicy::attempts(2)), at(0)).await;
    for _ in 0..3 {
        let lease = take_one(&queue, at(0)).await;
        finish(&queue, &lease, Verdict::HandBack, at(0)).await;
    }
    take_one(&queue, at(0)).await;
    assert_eq!(reclaim(&queue, at(30)).await, 1);
    assert_eq!(state(&queue, id).await, State::Queued, "one of two tries");
    take_one(&queue, at(30)).await;
    assert_eq!(reclaim(&queue, at(60)).await, 1);
    assert_ended(&record(&queue, id).await, State::Failed, Kind::Lost);
}

pub(super) async fn a_job_that_was_to_stop_ends_with_its_worker(queue: Arc<dyn Queue>) {
    let id = put(&queue, job("stop").at_err(Callback::closure("tell")), at(0)).await;
    take_one(&queue, at(0)).await;
    change(&queue, &[id], &Change::Cancel, at(1)).await;
    assert_eq!(reclaim(&queue, at(30)).await, 1);
    let record = record(&queue, id).await;
    assert_ended(&record, State::Cancelled, Kind::Cancelled);
    assert_eq!(record.attempts.iter().map(|attempt| attempt.end).collect::<Vec<_>>(), [AttemptEnd::Lost]);
    assert_told(&queue, id, Kind::Cancelled).await;
}

pub(super) async fn a_job_that_waited_too_long_ends_as_expired(queue: Arc<dyn Queue>) {
    let new = job("hurry").start_before(s(10)).at_err(Callback::closure("tell"));
    let id = put(&queue, new, at(0)).await;
    let held = put(&queue, job("held").held().start_before(s(10)), at(0)).await;
    assert_eq!(reclaim(&queue, at_ms(9_999)).await, 0);
    assert_eq!(reclaim(&queue, at(10)).await, 2);
    for id in [id, held] {
        let record = record(&queue, id).await;
        assert_ended(&record, State::Failed, Kind::Expired);
        assert_eq!((record.summary.ended_at, record.attempts), (Some(at(10)), vec![]));
    }
    assert_told(&queue, id, Kind::Expired).await;
}

pub(super) async fn a_job_that_was_tried_does_not_expire(queue: Arc<dyn Queue>) {
    let ids = put_all(&queue, (0..2).map(|_| job("hurry").start_before(s(10))).collect(), at(0)).await;
    let leases = take(&queue, &claim(2), at(0)).await;
    finish(&queue, &leases[0], Verdict::Retry(s(90)), at(1)).await;
    assert_eq!(reclaim(&queue, at(29)).await, 0);
    assert_eq!(reclaim(&queue, at(30)).await, 1, "the other one's worker died");
    assert_eq!(reclaim(&queue, at(31)).await, 0);
    for id in ids {
        assert_eq!(state(&queue, id).await, State::Queued);
    }
}

pub(super) async fn a_job_that_is_to_be_told_gets_the_failure(queue: Arc<dyn Queue>) {
    let clean_up = job("clean up").queue("next").tenant("bob");
    let id = put(&queue, job("orphan").retry(RetryPolicy::never()).at_err(Callback::job(clean_up)), at(0)).await;
    take_one(&queue, at(0)).await;
    reclaim(&queue, at(30)).await;
    let next = take_one(&queue, at(30)).await;
    assert_eq!((&*next.queue, next.tenant.as_deref(), next.payload.name()), ("next", Some("bob"), "clean up"));
    let kwargs = &next.payload.job().expect("a job").kwargs;
    assert_eq!(kwargs.get("failure").expect("a failure")["kind"], json!("lost"));
    assert_eq!(summary(&queue, next.key.job).await.parent, Some(id));
}

pub(super) async fn a_job_that_is_told_twice_is_two_jobs(queue: Arc<dyn Queue>) {
    let clean_up = job("clean up").queue("next");
    let told = |callback| job("orphan").start_before(s(1)).at_err(callback);
    put_all(&queue, vec![told(Callback::job(clean_up.clone())), told(Callback::job(clean_up))], at(0)).await;
    assert_eq!(reclaim(&queue, at(30)).await, 2);
    assert_eq!(take(&queue, &claim(8), at(30)).await.len(), 2);
}

pub(super) async fn many_who_take_back_at_once_take_each_job_back_once(queue: Arc<dyn Queue>) {
    put_all(&queue, jobs(200), at(0)).await;
    take(&queue, &claim(200), at(0)).await;
    let calls = (0..4).map(|_| {
        let queue = Arc::clone(&queue);
        tokio::spawn(async move { reclaim(&queue, at(30)).await })
    });
    let mut taken = 0;
    for call in calls.collect::<Vec<_>>() {
        taken += call.await.expect("the call ends");
    }
    taken += reclaim(&queue, at(30)).await;
    assert_eq!(taken, 200);
    let leases = take(&queue, &claim(300), at(30)).await;
    assert_eq!(leases.len(), 200);
    assert!(leases.iter().all(|lease| lease.key.attempt == 2));
}

pub(super) async fn a_flood_of_expired_leases_is_taken_back_in_steps(queue: Arc<dyn Queue>) {
    put_all(&queue, jobs(2_100), at(0)).await;
    for _ in 0..3 {
        assert_eq!(take(&queue, &claim(700), at(0)).await.len(), 700);
    }
    let mut steps = Vec::new();
    for _ in 0..4 {
        steps.push(reclaim(&queue, at(30)).await);
    }
    assert!(steps.iter().all(|step| *step <= 1_000), "{steps:?}");
    assert_eq!(steps.iter().sum::<u64>(), 2_100, "{steps:?}");
}

pub(super) async fn a_settlement_and_a_reclaim_at_once_end_an_attempt_once(queue: Arc<dyn Queue>) {
    put_all(&queue, jobs(60), at(0)).await;
    let leases = take(&queue, &claim(60), at(0)).await;
    let settling = {
        let queue = Arc::clone(&queue);
        let leases = leases.clone();
        tokio::spawn(async move {
            let mut done = 0;
            for lease in &leases {
                let settled = ampule_tests::queue::end(&queue, lease, Verdict::Completed, at(30)).await;
                done += u64::from(settled == ampule::queue::Settled::Done);
            }
            done
        })
    };
    let reclaimed = reclaim(&queue, at(30)).await;
    let settled = settling.await.expect("the call ends");
    assert_eq!(reclaimed + settled, 60);
    assert_eq!(take(&queue, &claim(100), at(30)).await.len() as u64, reclaimed);
}
