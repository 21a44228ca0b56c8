//! What people do to jobs, tried on jobs in every state.

use std::sync::Arc;

use ampule::queue::{
    AttemptEnd, Callback, Change, Error, Filter, Lease, Queue, Renewed, RetryPolicy, Selection, State, Verdict, Work,
};
use ampule::{JobId, Kind, Kwargs};
use ampule_tests::clock::{at, s};
use ampule_tests::queue::{
    LEASE, change, change_all, claim, claim_deliveries, configure, finish, job, jobs, list_ids, put, put_all, reclaim,
    record, run_to, state, summary, take, take_ids, take_one,
};

/// One job in each state.
struct Each {
    due: JobId,
    later: JobId,
    held: JobId,
    retried: JobId,
    running: Lease,
    completed: JobId,
    failed: JobId,
    cancelled: JobId,
}

impl Each {
    async fn put(queue: &Arc<dyn Queue>) -> Self {
        let completed = run_to(queue, job("completed"), Verdict::Completed, at(0)).await;
        let failed = run_to(queue, job("failed"), Verdict::Failed, at(0)).await;
        let cancelled = run_to(queue, job("cancelled"), Verdict::Cancelled, at(0)).await;
        let retried = run_to(queue, job("retried"), Verdict::Retry(s(70)), at(0)).await;
        put(queue, job("running"), at(0)).await;
        let running = take_one(queue, at(0)).await;
        let held = put(queue, job("held").held().delay(s(80)), at(0)).await;
        let later = put(queue, job("later").delay(s(60)), at(0)).await;
        let due = put(queue, job("due"), at(0)).await;
        Each { due, later, held, retried, running, completed, failed, cancelled }
    }

    fn all(&self) -> [JobId; 9] {
        let unknown = JobId::from_bytes([7; 16]);
        let running = self.running.key.job;
        [unknown, self.due, self.later, self.held, self.retried, running, self.completed, self.failed, self.cancelled]
    }
}

pub(super) async fn cancel_ends_what_waits_and_asks_what_runs_to_stop(queue: Arc<dyn Queue>) {
    let each = Each::put(&queue).await;
    let running = each.running.key.job;
    let changed = change(&queue, &each.all(), &Change::Cancel, at(9)).await;
    assert_eq!(changed, [each.due, each.later, each.held, each.retried, running]);
    for id in [each.due, each.later, each.held, each.retried] {
        let record = record(&queue, id).await;
        assert_eq!((record.summary.state, record.summary.ended_at), (State::Cancelled, Some(at(9))));
        assert_eq!(record.summary.kind, Some(Kind::Cancelled));
        let outcome = record.outcome.expect("an outcome says so");
        assert_eq!((outcome.id, outcome.result.expect_err("it never ran").kind), (id, Kind::Cancelled));
    }
    let summary = summary(&queue, running).await;
    assert_eq!((summary.state, summary.cancel_asked), (State::Running, true));
    assert_eq!(change(&queue, &each.all(), &Change::Cancel, at(10)).await, [], "the second time it changes nothing");
    assert_eq!(take(&queue, &claim(9), at(1_000)).await, [], "what was cancelled never runs");
}

pub(super) async fn a_cancelled_job_that_was_tried_keeps_its_attempts(queue: Arc<dyn Queue>) {
    let id = run_to(&queue, job("tried"), Verdict::Retry(s(5)), at(0)).await;
    change(&queue, &[id], &Change::Cancel, at(1)).await;
    let record = record(&queue, id).await;
    assert_eq!(record.attempts.iter().map(|attempt| attempt.end).collect::<Vec<_>>(), [AttemptEnd::Failed]);
    assert_eq!(record.summary.attempt, 1);
}

pub(super) async fn who_is_to_be_told_of_a_cancelled_job_is_told(queue: Arc<dyn Queue>) {
    let id = put(&queue, job("told").tenant("ada").at_err(Callback::closure("tell")), at(0)).await;
    let other = put(&queue, job("quiet").at_return(Callback::closure("tell")), at(0)).await;
    change(&queue, &[id, other], &Change::Cancel, at(1)).await;
    let told = take(&queue, &claim_deliveries("tell", 8), at(1)).await;
    let [told] = &told[..] else { panic!("one delivery: {told:?}") };
    let Work::Delivery(delivery) = &told.payload.work else { panic!("a delivery: {:?}", told.payload) };
    assert_eq!((delivery.ended.job, &*delivery.ended.name), (id, "told"));
    assert_eq!(delivery.ended.result.as_ref().expect_err("it never ran").kind, Kind::Cancelled);
    assert_eq!(told.tenant.as_deref(), Some("ada"));
}

pub(super) async fn run_now_makes_what_waits_due_and_releases_it(queue: Arc<dyn Queue>) {
    let each = Each::put(&queue).await;
    let changed = change(&queue, &each.all(), &Change::RunNow, at(9)).await;
    for id in [each.later, each.held, each.retried] {
        assert!(changed.contains(&id));
        let summary = summary(&queue, id).await;
        assert_eq!((summary.state, summary.held, summary.run_at), (State::Queued, false, at(9)));
    }
    for id in [each.running.key.job, each.completed, each.failed, each.cancelled] {
        assert!(!changed.contains(&id));
    }
    assert_eq!(summary(&queue, each.due).await.run_at, at(0), "what is due was due before");
    let mut ready = take_ids(&queue, &claim(9), at(9)).await;
    ready.sort();
    let mut expected = [each.due, each.later, each.held, each.retried];
    expected.sort();
    assert_eq!(ready, expected);
}

pub(super) async fn hold_keeps_back_what_waits_and_release_lets_it_go(queue: Arc<dyn Queue>) {
    let each = Each::put(&queue).await;
    let held = change(&queue, &each.all(), &Change::Hold, at(9)).await;
    let expected = [each.due, each.later, each.retried];
    assert_eq!(held.iter().filter(|id| **id != each.held).collect::<Vec<_>>(), expected.iter().collect::<Vec<_>>());
    for id in [each.due, each.later, each.held, each.retried] {
        assert!(summary(&queue, id).await.held);
    }
    assert_eq!(take(&queue, &claim(9), at(1_000)).await, []);
    let released = change(&queue, &each.all(), &Change::Release, at(9)).await;
    assert_eq!(released, [each.due, each.later, each.held, each.retried]);
    for (id, due) in [(each.due, 0), (each.later, 60), (each.held, 80), (each.retried, 70)] {
        let summary = summary(&queue, id).await;
        assert_eq!((summary.held, summary.run_at), (false, at(due)), "when it was due before");
    }
    assert_eq!(take_ids(&queue, &claim(9), at(9)).await, [each.due]);
}

pub(super) async fn retry_queues_what_has_ended_with_all_attempts_before_it(queue: Arc<dyn Queue>) {
    let each = Each::put(&queue).await;
    let changed = change(&queue, &each.all(), &Change::Retry { kwargs: None }, at(9)).await;
    assert_eq!(changed, [each.completed, each.failed, each.cancelled]);
    for id in &changed {
        let record = record(&queue, *id).await;
        let summary = record.summary;
        assert_eq!((summary.state, summary.run_at, summary.held), (State::Queued, at(9), false));
        assert_eq!((summary.attempt, summary.tries, summary.ended_at), (1, 0, None));
        assert_eq!((summary.cancel_asked, record.outcome), (false, None));
        assert_eq!(record.attempts.len(), 1, "its history stays");
        assert!(record.attempts[0].outcome.is_some());
    }
    change(&queue, &[each.due], &Change::Hold, at(9)).await;
    let leases = take(&queue, &claim(9), at(9)).await;
    assert_eq!(leases.len(), 3);
    assert!(leases.iter().all(|lease| (lease.key.attempt, lease.tries) == (2, 1)));
}

pub(super) async fn a_job_that_was_lost_for_good_may_be_retried_as_often_as_its_policy_says(queue: Arc<dyn Queue>) {
    let id = put(&queue, job("poison").retry(RetryPolicy::attempts(2)), at(0)).await;
    for round in 0..2 {
        for _ in 0..2 {
            assert_eq!(take_one(&queue, at(round * 100)).await.key.job, id);
            assert_eq!(reclaim(&queue, at(round * 100) + LEASE).await, 1);
            change(&queue, &[id], &Change::RunNow, at(round * 100)).await;
        }
        assert_eq!(state(&queue, id).await, State::Failed);
        assert_eq!(change(&queue, &[id], &Change::Retry { kwargs: None }, at(round * 100 + 100)).await, [id]);
    }
    let record = record(&queue, id).await;
    assert_eq!((record.summary.attempt, record.summary.tries), (4, 0));
    let numbers: Vec<u32> = record.attempts.iter().map(|attempt| attempt.attempt).collect();
    assert_eq!(numbers, [1, 2, 3, 4]);
}

pub(super) async fn retry_may_give_other_kwargs_and_the_history_stays(queue: Arc<dyn Queue>) {
    let kwargs = |number: i32| Kwargs::new().with("x", number).expect("a number");
    let mut new = job("edited").start_before(s(5)).at_err(Callback::closure("tell"));
    if let Work::Job(job) = &mut new.payload.work {
        job.kwargs = kwargs(1);
    }
    let id = run_to(&queue, new.clone(), Verdict::Failed, at(0)).await;
    change(&queue, &[id], &Change::Retry { kwargs: Some(kwargs(2)) }, at(100)).await;
    let lease = take_one(&queue, at(100)).await;
    let job = lease.payload.job().expect("a job");
    assert_eq!(job.kwargs, kwargs(2));
    assert_eq!(
        (&job.program, &*job.name, &lease.payload.at_err),
        (&new.payload.job().expect("a job").program, "edited", &new.payload.at_err)
    );
    finish(&queue, &lease, Verdict::Completed, at(101)).await;
    let record = record(&queue, id).await;
    assert_eq!(record.summary.start_before, None, "it starts whenever it can");
    let ends: Vec<AttemptEnd> = record.attempts.iter().map(|attempt| attempt.end).collect();
    assert_eq!(ends, [AttemptEnd::Failed, AttemptEnd::Completed]);
}

pub(super) async fn a_job_that_never_ran_is_retried_without_a_history(queue: Arc<dyn Queue>) {
    let ids = put_all(&queue, vec![job("cancelled"), job("expired").start_before(s(1))], at(0)).await;
    change(&queue, &ids[..1], &Change::Cancel, at(0)).await;
    assert_eq!(reclaim(&queue, at(5)).await, 1);
    assert_eq!(change(&queue, &ids, &Change::Retry { kwargs: None }, at(6)).await, ids);
    assert_eq!(reclaim(&queue, at(500)).await, 0, "it does not expire again");
    let leases = take(&queue, &claim(9), at(500)).await;
    assert_eq!(leases.len(), 2);
    for lease in leases {
        assert_eq!((lease.key.attempt, lease.tries), (1, 1));
        assert_eq!(record(&queue, lease.key.job).await.attempts.len(), 1, "the one that runs");
    }
}

pub(super) async fn a_retried_job_is_not_asked_to_stop_any_more(queue: Arc<dyn Queue>) {
    let id = put(&queue, job("stopped"), at(0)).await;
    let first = take_one(&queue, at(0)).await;
    change(&queue, &[id], &Change::Cancel, at(1)).await;
    finish(&queue, &first, Verdict::Cancelled, at(2)).await;
    change(&queue, &[id], &Change::Retry { kwargs: None }, at(3)).await;
    let second = take_one(&queue, at(3)).await;
    assert_eq!(queue.renew(&[second.key], LEASE, Some(at(4))).await, Ok(vec![Renewed::Kept]));
    finish(&queue, &second, Verdict::Retry(s(1)), at(5)).await;
    assert_eq!(state(&queue, id).await, State::Queued);
}

pub(super) async fn a_delivery_takes_no_other_kwargs(queue: Arc<dyn Queue>) {
    let told = put(&queue, job("told").at_err(Callback::closure("tell")), at(0)).await;
    change(&queue, &[told], &Change::Cancel, at(0)).await;
    let delivery = take(&queue, &claim_deliveries("tell", 1), at(0)).await.remove(0);
    finish(&queue, &delivery, Verdict::Failed, at(1)).await;
    let both = Selection::Ids(vec![told, delivery.key.job]);
    let edited = Change::Retry { kwargs: Some(Kwargs::new()) };
    let error = queue.change(&both, &edited, Some(at(2))).await.expect_err("refused");
    assert!(matches!(error, Error::Invalid { .. }), "{error:?}");
    assert_eq!(state(&queue, told).await, State::Cancelled, "nothing of it was done");
    assert_eq!(change_all(&queue, &both, &Change::Retry { kwargs: None }, at(3)).await, [told, delivery.key.job]);
}

pub(super) async fn delete_forgets_what_has_ended_and_nothing_else(queue: Arc<dyn Queue>) {
    let each = Each::put(&queue).await;
    let changed = change(&queue, &each.all(), &Change::Delete, at(9)).await;
    assert_eq!(changed, [each.completed, each.failed, each.cancelled]);
    for id in &changed {
        assert_eq!(queue.get(*id).await, Ok(None));
    }
    assert_eq!(list_ids(&queue, &Filter::default()).await.len(), 5);
    assert_eq!(change(&queue, &each.all(), &Change::Retry { kwargs: None }, at(10)).await, []);
}

pub(super) async fn what_is_changed_by_ids_is_told_in_their_order(queue: Arc<dyn Queue>) {
    let mut ids = put_all(&queue, jobs(40), at(0)).await;
    ids.reverse();
    ids.swap(3, 30);
    assert_eq!(change(&queue, &ids, &Change::Hold, at(1)).await, ids);
    assert_eq!(change(&queue, &[], &Change::Release, at(1)).await, []);
}

pub(super) async fn what_is_changed_by_a_filter_is_told_newest_first(queue: Arc<dyn Queue>) {
    let mut new = jobs(1_203);
    new.iter_mut().skip(3).for_each(|job| job.tags = vec!["many".to_owned()]);
    put_all(&queue, new, at(0)).await;
    let many = Filter { tag: Some("many".to_owned()), ..Filter::default() };
    let expected = {
        let mut ids = list_ids(&queue, &many).await;
        let after = ids.last().copied();
        let rest = queue.list(&many, ampule::queue::Page { after, limit: 1_000 }).await.expect("listed");
        ids.extend(rest.iter().map(|summary| summary.id));
        ids
    };
    assert_eq!(expected.len(), 1_200);
    let many = Selection::Filter(many);
    assert_eq!(change_all(&queue, &many, &Change::Cancel, at(1)).await, expected);
    assert_eq!(change_all(&queue, &many, &Change::Cancel, at(1)).await, []);
    assert_eq!(take(&queue, &claim(2_000), at(2)).await.len(), 3, "the others stay as they were");
    assert_eq!(change_all(&queue, &many, &Change::Delete, at(3)).await, expected);
}

pub(super) async fn a_filter_selects_by_state_too(queue: Arc<dyn Queue>) {
    let each = Each::put(&queue).await;
    let failed = Selection::Filter(Filter { states: vec![State::Failed], ..Filter::default() });
    assert_eq!(change_all(&queue, &failed, &Change::Retry { kwargs: None }, at(9)).await, [each.failed]);
    let running = Selection::Filter(Filter { states: vec![State::Running, State::Completed], ..Filter::default() });
    assert_eq!(change_all(&queue, &running, &Change::Cancel, at(9)).await, [each.running.key.job]);
}

pub(super) async fn a_claim_and_a_cancel_at_once_give_a_job_to_one_of_them(queue: Arc<dyn Queue>) {
    let ids = put_all(&queue, jobs(60), at(0)).await;
    let cancelling = {
        let (queue, ids) = (Arc::clone(&queue), ids.clone());
        tokio::spawn(async move {
            for id in ids.iter().rev() {
                change(&queue, &[*id], &Change::Cancel, at(1)).await;
            }
        })
    };
    let mut claimed = Vec::new();
    for _ in 0..60 {
        claimed.extend(take_ids(&queue, &claim(1), at(1)).await);
    }
    cancelling.await.expect("the call ends");
    for id in ids {
        let summary = summary(&queue, id).await;
        let ran = claimed.contains(&id);
        assert_eq!(summary.attempt, u32::from(ran), "{summary:?}");
        assert_eq!(summary.state, if ran { State::Running } else { State::Cancelled });
    }
}

pub(super) async fn a_change_of_a_job_changes_no_queue_s_rules(queue: Arc<dyn Queue>) {
    let limited = ampule::queue::QueueSettings { max_running: Some(1), ..Default::default() };
    configure(&queue, "mail", limited).await;
    let ids = put_all(&queue, (0..2).map(|_| job("").queue("mail")).collect(), at(0)).await;
    take(&queue, &claim(1), at(0)).await;
    change(&queue, &ids, &Change::RunNow, at(1)).await;
    assert_eq!(take(&queue, &claim(1), at(1)).await, []);
}
