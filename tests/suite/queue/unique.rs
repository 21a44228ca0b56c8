//! Unique keys: one job for each key of each tenant, for as long as its scope says.

use std::sync::Arc;

use ampule::JobId;
use ampule::queue::{Change, Error, NewJob, Queue, Retention, RetryPolicy, UniqueKey, UniqueScope, Verdict};
use ampule_tests::clock::{at, s};
use ampule_tests::queue::{
    LEASE, change, claim, finish, job, offer, put, put_all, reclaim, run_to, state, take, take_one,
};

fn keyed(scope: UniqueScope) -> NewJob {
    job("keyed").unique("the key", scope)
}

/// The job that has the key, seen by asking for it with a job that is taken away again if it gets it.
async fn holder(queue: &Arc<dyn Queue>, scope: UniqueScope, seconds: i64) -> Option<JobId> {
    let answer = offer(queue, keyed(scope), at(seconds)).await;
    answer.existed.then_some(answer.id)
}

pub(super) async fn a_unique_key_enqueues_once_while_the_job_is_unfinished(queue: Arc<dyn Queue>) {
    let scope = UniqueScope::Unfinished;
    let id = put(&queue, keyed(scope), at(0)).await;
    assert_eq!(holder(&queue, scope, 1).await, Some(id), "while it waits");
    let lease = take_one(&queue, at(2)).await;
    assert_eq!(holder(&queue, scope, 3).await, Some(id), "while it runs");
    finish(&queue, &lease, Verdict::Retry(s(1)), at(4)).await;
    assert_eq!(holder(&queue, scope, 5).await, Some(id), "between two attempts");
    let lease = take_one(&queue, at(6)).await;
    finish(&queue, &lease, Verdict::Completed, at(7)).await;
    assert_eq!(holder(&queue, scope, 8).await, None, "when it has ended");
}

pub(super) async fn every_end_frees_the_key_of_an_unfinished_job(queue: Arc<dyn Queue>) {
    let scope = UniqueScope::Unfinished;
    for verdict in [Verdict::Completed, Verdict::Failed, Verdict::Cancelled] {
        run_to(&queue, keyed(scope), verdict, at(0)).await;
    }
    let cancelled = put(&queue, keyed(scope), at(1)).await;
    change(&queue, &[cancelled], &Change::Cancel, at(1)).await;
    let expired = put(&queue, keyed(scope).start_before(s(1)), at(2)).await;
    assert_ne!(cancelled, expired);
    assert_eq!(reclaim(&queue, at(3)).await, 1);
    let lost = put(&queue, keyed(scope).retry(RetryPolicy::never()), at(4)).await;
    assert_ne!(expired, lost);
    take_one(&queue, at(4)).await;
    assert_eq!(reclaim(&queue, at(4) + LEASE).await, 1);
    assert_eq!(holder(&queue, scope, 60).await, None);
}

pub(super) async fn a_unique_key_for_ever_is_taken_when_the_job_has_ended(queue: Arc<dyn Queue>) {
    let id = run_to(&queue, keyed(UniqueScope::Forever), Verdict::Completed, at(0)).await;
    assert_eq!(holder(&queue, UniqueScope::Forever, 1_000_000_000).await, Some(id));
}

pub(super) async fn a_unique_key_for_ever_goes_when_the_job_is_forgotten(queue: Arc<dyn Queue>) {
    let deleted = run_to(&queue, keyed(UniqueScope::Forever), Verdict::Failed, at(0)).await;
    change(&queue, &[deleted], &Change::Delete, at(1)).await;
    let pruned = run_to(&queue, keyed(UniqueScope::Forever), Verdict::Completed, at(2)).await;
    let retention = Retention { completed: Some(s(10)), ..Retention::default() };
    assert_eq!(queue.prune(&retention, Some(at(100))).await, Ok(1));
    assert_ne!(deleted, pruned);
    assert_eq!(holder(&queue, UniqueScope::Forever, 100).await, None);
}

pub(super) async fn a_unique_key_for_a_period_is_free_when_it_is_over(queue: Arc<dyn Queue>) {
    let scope = UniqueScope::Period(s(60));
    let id = run_to(&queue, keyed(scope), Verdict::Completed, at(0)).await;
    assert_eq!(holder(&queue, scope, 59).await, Some(id));
    assert_eq!(holder(&queue, scope, 61).await, None);
}

pub(super) async fn a_unique_key_for_a_period_is_free_although_the_job_still_waits(queue: Arc<dyn Queue>) {
    let scope = UniqueScope::Period(s(60));
    let id = put(&queue, keyed(scope).held(), at(0)).await;
    assert_eq!(holder(&queue, scope, 59).await, Some(id));
    let second = offer(&queue, keyed(scope).held(), at(61)).await;
    assert!(!second.existed);
    assert_eq!(holder(&queue, scope, 62).await, Some(second.id), "the second has it now");
}

pub(super) async fn a_unique_key_for_a_period_outlives_the_job_s_deletion(queue: Arc<dyn Queue>) {
    let scope = UniqueScope::Period(s(60));
    let id = run_to(&queue, keyed(scope), Verdict::Completed, at(0)).await;
    assert_eq!(change(&queue, &[id], &Change::Delete, at(1)).await, [id]);
    queue.prune(&Retention::default(), Some(at(30))).await.expect("pruned");
    assert_eq!(holder(&queue, scope, 59).await, Some(id));
    queue.prune(&Retention::default(), Some(at(61))).await.expect("pruned");
    assert_eq!(holder(&queue, scope, 61).await, None);
}

pub(super) async fn each_tenant_has_unique_keys_of_its_own(queue: Arc<dyn Queue>) {
    let tenants = [None, Some("ada"), Some("bob")];
    let new = |tenant: Option<&str>| {
        let new = keyed(UniqueScope::Forever);
        tenant.map_or(new.clone(), |tenant| new.tenant(tenant))
    };
    let mut holders = Vec::new();
    for tenant in tenants {
        let answer = offer(&queue, new(tenant), at(0)).await;
        assert!(!answer.existed, "{tenant:?}");
        holders.push(answer.id);
    }
    for (tenant, holder) in tenants.into_iter().zip(holders) {
        let answer = offer(&queue, new(tenant), at(1)).await;
        assert_eq!((answer.id, answer.existed), (holder, true), "{tenant:?}");
    }
}

pub(super) async fn a_unique_key_holds_across_queues_and_names(queue: Arc<dyn Queue>) {
    let id = put(&queue, keyed(UniqueScope::Forever), at(0)).await;
    let other = job("another").queue("elsewhere").unique("the key", UniqueScope::Unfinished);
    assert_eq!(offer(&queue, other, at(1)).await.id, id);
}

pub(super) async fn one_call_with_a_key_twice_stores_one_job(queue: Arc<dyn Queue>) {
    let new = vec![keyed(UniqueScope::Unfinished), job("between"), keyed(UniqueScope::Unfinished)];
    let ids = put_all(&queue, new.clone(), at(0)).await;
    assert_eq!(ids, [new[0].id, new[1].id, new[0].id]);
    assert_eq!(take(&queue, &claim(8), at(0)).await.len(), 2);
}

pub(super) async fn many_who_enqueue_one_key_at_once_get_one_job(queue: Arc<dyn Queue>) {
    for scope in [UniqueScope::Forever, UniqueScope::Unfinished, UniqueScope::Period(s(60))] {
        let key = format!("{scope:?}");
        let calls = (0..8).map(|_| {
            let (queue, new) = (Arc::clone(&queue), job("keyed").unique(&key, scope));
            tokio::spawn(async move { offer(&queue, new, at(0)).await })
        });
        let (mut ids, mut stored) = (Vec::new(), 0);
        for call in calls.collect::<Vec<_>>() {
            let answer = call.await.expect("the call ends");
            ids.push(answer.id);
            stored += u32::from(!answer.existed);
        }
        ids.dedup();
        assert_eq!((ids.len(), stored), (1, 1), "{scope:?}");
    }
    assert_eq!(take(&queue, &claim(8), at(0)).await.len(), 3);
}

/// The jobs of a request: its number and their keys are in the marks of their ids.
fn request(number: u8, keys: &[&str]) -> Vec<NewJob> {
    let of = |key: &&str| {
        let mut new = job(key).unique(*key, UniqueScope::Period(s(60)));
        let mut bytes = new.id.to_bytes();
        bytes[8..].copy_from_slice(&[0x80, 0, 0, 0, 0, 0, key.as_bytes()[0], number]);
        (new.id, new.by_request) = (JobId::from_bytes(bytes), true);
        new
    };
    keys.iter().map(of).collect()
}

pub(super) async fn a_key_of_another_request_refuses_all_jobs_of_a_call(queue: Arc<dyn Queue>) {
    let first = request(1, &["b", "c"]);
    let ids = put_all(&queue, first.clone(), at(0)).await;
    assert_eq!(ids, [first[0].id, first[1].id]);
    assert_eq!(put_all(&queue, request(1, &["b", "c"]), at(1)).await, ids, "it is sent again");
    for keys in [["b", "c"], ["a", "b"], ["c", "d"]] {
        let refused = queue.enqueue(request(2, &keys), Some(at(2))).await;
        assert!(matches!(refused, Err(Error::KeyTaken(_))), "{keys:?}: {refused:?}");
    }
    assert_eq!(take(&queue, &claim(8), at(3)).await.len(), 2);
    for free in ["a", "d"] {
        let answer = offer(&queue, job("keyed").unique(free, UniqueScope::Forever), at(4)).await;
        assert!(!answer.existed, "{free}");
    }
    assert_ne!(put_all(&queue, request(2, &["b", "c"]), at(61)).await, ids, "the period is over");
}

pub(super) async fn of_two_requests_with_the_same_keys_at_once_one_is_stored_whole(queue: Arc<dyn Queue>) {
    let calls = (0..8).map(|number| {
        let (queue, new) = (Arc::clone(&queue), request(number, &["a", "b", "c"]));
        tokio::spawn(async move { queue.enqueue(new, Some(at(0))).await })
    });
    let mut stored = Vec::new();
    for call in calls.collect::<Vec<_>>() {
        match call.await.expect("the call ends") {
            Ok(answers) => stored.push(answers),
            Err(error) => assert!(matches!(error, Error::KeyTaken(_)), "{error}"),
        }
    }
    assert_eq!(stored.len(), 1);
    assert!(stored[0].iter().all(|answer| !answer.existed));
    assert_eq!(take(&queue, &claim(8), at(0)).await.len(), 3);
}

pub(super) async fn who_has_which_key_is_told_in_the_order_of_the_question(queue: Arc<dyn Queue>) {
    let period = UniqueScope::Period(s(10));
    let new = |key: &str| job("keyed").unique(key, period);
    let of_nobody = put(&queue, new("key"), at(0)).await;
    let of_acme = put(&queue, new("key").tenant("acme"), at(0)).await;
    let key = |tenant: Option<&str>, key: &str| UniqueKey { tenant: tenant.map(str::to_owned), key: key.to_owned() };
    let asked =
        [key(Some("acme"), "key"), key(None, "other"), key(None, "key"), key(Some("x"), "key"), key(None, "key")];
    let holders = |seconds| queue.holders(&asked, Some(at(seconds)));
    assert_eq!(holders(9).await, Ok(vec![Some(of_acme), None, Some(of_nobody), None, Some(of_nobody)]));
    assert_eq!(holders(10).await, Ok(vec![None; 5]), "the period is over");
    assert_eq!(queue.holders(&[], None).await, Ok(Vec::new()));
}

pub(super) async fn two_keys_that_differ_in_case_or_accent_are_two(queue: Arc<dyn Queue>) {
    for key in ["key", "Key", "kéy", "key ", "ke\u{301}y"] {
        let answer = offer(&queue, job("keyed").unique(key, UniqueScope::Forever), at(0)).await;
        assert!(!answer.existed, "{key:?}");
    }
}

pub(super) async fn a_job_whose_key_is_taken_is_unknown(queue: Arc<dyn Queue>) {
    let id = put(&queue, keyed(UniqueScope::Forever), at(0)).await;
    let second = keyed(UniqueScope::Forever);
    assert_eq!(offer(&queue, second.clone(), at(1)).await.id, id);
    assert_eq!(queue.get(second.id).await, Ok(None));
    assert_eq!(state(&queue, id).await, ampule::queue::State::Queued);
}

pub(super) async fn a_job_that_is_retried_by_hand_has_its_key_again_unless_another_took_it(queue: Arc<dyn Queue>) {
    let scope = UniqueScope::Unfinished;
    let first = run_to(&queue, keyed(scope), Verdict::Failed, at(0)).await;
    assert_eq!(change(&queue, &[first], &Change::Retry { kwargs: None }, at(1)).await, [first]);
    assert_eq!(holder(&queue, scope, 2).await, Some(first));
    let lease = take_one(&queue, at(3)).await;
    finish(&queue, &lease, Verdict::Failed, at(3)).await;
    let second = put(&queue, keyed(scope), at(4)).await;
    assert_ne!(first, second);
    assert_eq!(change(&queue, &[first], &Change::Retry { kwargs: None }, at(5)).await, [first]);
    assert_eq!(holder(&queue, scope, 6).await, Some(second));
    change(&queue, &[first], &Change::Cancel, at(7)).await;
    assert_eq!(holder(&queue, scope, 8).await, Some(second), "the end of another frees nothing of it");
}
