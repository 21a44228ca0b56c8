//! How attempts end: once, by whoever holds the lease, together with what follows.

use std::sync::Arc;

use ampule::queue::{
    AttemptEnd, Callback, Change, Filter, LeaseKey, Mode, NewJob, Queue, QueueSettings, RetryPolicy, Settled,
    Settlement, State, Target, Timestamp, Verdict, Work, WorkerId,
};
use ampule::{JobId, Kind};
use ampule_tests::clock::{at, s};
use ampule_tests::queue::{
    change, claim, claim_deliveries, configure, end, failed, finish, job, jobs, list_ids, put, put_all, reclaim,
    record, returned, settlement, state, summary, take, take_ids, take_one,
};

const VERDICTS: [Verdict; 6] = [
    Verdict::Completed,
    Verdict::Failed,
    Verdict::Cancelled,
    Verdict::Retry(s(5)),
    Verdict::HandBack,
    Verdict::PutOff(s(5)),
];

async fn settle(queue: &Arc<dyn Queue>, settlements: Vec<Settlement>, now: Timestamp) -> Vec<Settled> {
    queue.settle(settlements, Some(now)).await.expect("the ends are taken in")
}

fn with_follow_up(settlement: Settlement, next: NewJob) -> Settlement {
    Settlement { follow_up: Some(Box::new(next)), ..settlement }
}

pub(super) async fn each_end_is_kept_with_its_outcome(queue: Arc<dyn Queue>) {
    let ends = [
        (Verdict::Completed, State::Completed, AttemptEnd::Completed, None),
        (Verdict::Failed, State::Failed, AttemptEnd::Failed, Some((Kind::Guest, "no luck"))),
        (Verdict::Cancelled, State::Cancelled, AttemptEnd::Cancelled, Some((Kind::Cancelled, "stopped"))),
    ];
    for (verdict, state, attempt_end, failure) in ends {
        let id = put(&queue, job("ends"), at(0)).await;
        let lease = take_one(&queue, at(1)).await;
        finish(&queue, &lease, verdict, at(3)).await;
        let record = record(&queue, id).await;
        let outcome = settlement(&lease, verdict).outcome;
        assert_eq!((record.summary.state, record.summary.ended_at), (state, Some(at(3))));
        assert_eq!((record.summary.started_at, record.summary.worker), (Some(at(1)), Some(lease.key.worker)));
        assert_eq!((record.summary.attempt, record.summary.tries), (1, 1));
        assert_eq!(record.summary.kind.zip(record.summary.message.as_deref()), failure);
        assert_eq!(record.outcome, outcome);
        assert_eq!(record.payload, lease.payload);
        let [attempt] = &record.attempts[..] else { panic!("one attempt: {:?}", record.attempts) };
        assert_eq!((attempt.attempt, attempt.end, &attempt.outcome), (1, attempt_end, &outcome));
        assert_eq!((attempt.started_at, attempt.ended_at), (at(1), Some(at(3))));
        assert_eq!(take(&queue, &claim(1), at(1_000)).await, [], "what has ended never runs again");
    }
}

pub(super) async fn a_job_to_be_tried_again_waits_for_it(queue: Arc<dyn Queue>) {
    let id = put(&queue, job("again"), at(0)).await;
    let lease = take_one(&queue, at(1)).await;
    finish(&queue, &lease, Verdict::Retry(s(10)), at(2)).await;
    let waits = record(&queue, id).await;
    assert_eq!((waits.summary.state, waits.summary.run_at), (State::Queued, at(12)));
    assert_eq!((waits.summary.attempt, waits.summary.tries), (1, 1));
    assert_eq!((waits.summary.kind, waits.summary.message.as_deref()), (Some(Kind::Guest), Some("no luck")));
    assert_eq!((waits.summary.ended_at, waits.outcome), (None, None));
    let [attempt] = &waits.attempts[..] else { panic!("one attempt: {:?}", waits.attempts) };
    assert_eq!((attempt.end, attempt.worker), (AttemptEnd::Failed, lease.key.worker));
    assert_eq!((attempt.started_at, attempt.ended_at), (at(1), Some(at(2))));
    assert_eq!(attempt.outcome, settlement(&lease, Verdict::Retry(s(10))).outcome);
    assert_eq!(take(&queue, &claim(1), at(11)).await, []);
    let second = take_one(&queue, at(12)).await;
    assert_eq!((second.key.job, second.key.attempt, second.tries), (id, 2, 2));
    finish(&queue, &second, Verdict::Completed, at(13)).await;
    let done = record(&queue, id).await;
    assert_eq!((done.summary.kind, done.outcome), (None, Some(returned(id))));
    let ends: Vec<(u32, AttemptEnd)> = done.attempts.iter().map(|attempt| (attempt.attempt, attempt.end)).collect();
    assert_eq!(ends, [(1, AttemptEnd::Failed), (2, AttemptEnd::Completed)]);
}

pub(super) async fn what_is_handed_back_is_due_at_once_and_does_not_count(queue: Arc<dyn Queue>) {
    let id = put(&queue, job("again").delay(s(1)).retry(RetryPolicy::attempts(2)), at(0)).await;
    for attempt in 1..=4 {
        let lease = take_one(&queue, at(3)).await;
        assert_eq!((lease.key.attempt, lease.tries, lease.run_at), (attempt, 1, at(1)));
        finish(&queue, &lease, Verdict::HandBack, at(4)).await;
    }
    let record = record(&queue, id).await;
    assert_eq!((record.summary.state, record.summary.run_at), (State::Queued, at(1)));
    assert_eq!((record.summary.attempt, record.summary.tries), (4, 0));
    assert_eq!(record.attempts.len(), 4);
    assert!(record.attempts.iter().all(|attempt| attempt.end == AttemptEnd::HandedBack && attempt.outcome.is_none()));
}

pub(super) async fn what_is_put_off_lets_others_go_before_it_and_does_not_count(queue: Arc<dyn Queue>) {
    let id = put(&queue, job("again").retry(RetryPolicy::attempts(2)), at(0)).await;
    for attempt in 1..=4 {
        let due = i64::from(attempt) * 10;
        let lease = take_one(&queue, at(due)).await;
        assert_eq!((lease.key.attempt, lease.tries), (attempt, 1));
        finish(&queue, &lease, Verdict::PutOff(s(9)), at(due + 1)).await;
        assert_eq!(take(&queue, &claim(1), at(due + 9)).await, []);
    }
    let record = record(&queue, id).await;
    assert_eq!((record.summary.state, record.summary.run_at), (State::Queued, at(50)));
    assert_eq!((record.summary.attempt, record.summary.tries), (4, 0));
    assert_eq!(record.attempts, []);
}

pub(super) async fn nothing_is_kept_of_what_is_put_off(queue: Arc<dyn Queue>) {
    let numbers =
        async |id| record(&queue, id).await.attempts.iter().map(|attempt| attempt.attempt).collect::<Vec<_>>();
    let id = put(&queue, job("again").retry(RetryPolicy::attempts(3)), at(0)).await;
    finish(&queue, &take_one(&queue, at(0)).await, Verdict::Retry(s(0)), at(1)).await;
    finish(&queue, &take_one(&queue, at(1)).await, Verdict::PutOff(s(0)), at(2)).await;
    assert_eq!(numbers(id).await, [1]);
    let lease = take_one(&queue, at(2)).await;
    assert_eq!((lease.key.attempt, numbers(id).await), (3, vec![1, 3]));
    finish(&queue, &lease, Verdict::PutOff(s(0)), at(3)).await;
    change(&queue, &[id], &Change::Cancel, at(3)).await;
    assert_eq!((state(&queue, id).await, numbers(id).await), (State::Cancelled, vec![1]));
    change(&queue, &[id], &Change::Retry { kwargs: None }, at(4)).await;
    let lease = take_one(&queue, at(4)).await;
    finish(&queue, &lease, Verdict::Completed, at(5)).await;
    assert_eq!((lease.key.attempt, numbers(id).await), (4, vec![1, 4]));
    assert_eq!(queue.check(Some(at(5))).await, Ok(vec![]));
}

pub(super) async fn a_settled_lease_cannot_be_settled_twice(queue: Arc<dyn Queue>) {
    for first in VERDICTS {
        let id = put(&queue, job("once").run_at(at(100)), at(0)).await;
        let lease = take_one(&queue, at(100)).await;
        finish(&queue, &lease, first, at(101)).await;
        let before = record(&queue, id).await;
        for second in VERDICTS {
            assert_eq!(end(&queue, &lease, second, at(102)).await, Settled::Stale, "{second:?} after {first:?}");
        }
        assert_eq!(record(&queue, id).await, before, "{first:?}");
        change(&queue, &[id], &Change::Hold, at(103)).await;
    }
}

pub(super) async fn a_lease_twice_in_one_call_is_settled_once(queue: Arc<dyn Queue>) {
    let id = put(&queue, job("once"), at(0)).await;
    let lease = take_one(&queue, at(0)).await;
    let next = job("next");
    let second = with_follow_up(settlement(&lease, Verdict::Failed), next.clone());
    let answers = settle(&queue, vec![settlement(&lease, Verdict::Completed), second], at(1)).await;
    assert_eq!(answers, [Settled::Done, Settled::Stale]);
    assert_eq!(state(&queue, id).await, State::Completed);
    assert_eq!(queue.get(next.id).await, Ok(None));
}

pub(super) async fn many_who_settle_one_lease_at_once_settle_it_once(queue: Arc<dyn Queue>) {
    let id = put(&queue, job("once"), at(0)).await;
    let lease = take_one(&queue, at(0)).await;
    let calls = (0..8).map(|number| {
        let verdict = if number % 2 == 0 { Verdict::Completed } else { Verdict::Failed };
        let settlement = with_follow_up(settlement(&lease, verdict), job("next").queue("next"));
        let queue = Arc::clone(&queue);
        tokio::spawn(async move { settle(&queue, vec![settlement], at(1)).await })
    });
    let mut done = 0;
    for call in calls.collect::<Vec<_>>() {
        done += call.await.expect("the call ends").iter().filter(|settled| **settled == Settled::Done).count();
    }
    assert_eq!(done, 1);
    assert!(state(&queue, id).await.is_end());
    assert_eq!(take(&queue, &claim(8), at(1)).await.len(), 1, "one follows");
}

pub(super) async fn an_expired_lease_that_was_given_away_cannot_settle(queue: Arc<dyn Queue>) {
    let id = put(&queue, job("late"), at(0)).await;
    let first = take_one(&queue, at(0)).await;
    reclaim(&queue, at(30)).await;
    assert_eq!(end(&queue, &first, Verdict::Completed, at(31)).await, Settled::Stale, "while it waits");
    let second = take_one(&queue, at(32)).await;
    for verdict in VERDICTS {
        assert_eq!(end(&queue, &first, verdict, at(33)).await, Settled::Stale, "{verdict:?} while another runs it");
    }
    assert_eq!(state(&queue, id).await, State::Running);
    finish(&queue, &second, Verdict::Completed, at(34)).await;
}

pub(super) async fn a_worker_that_claims_its_own_lost_job_settles_the_new_attempt_only(queue: Arc<dyn Queue>) {
    let id = put(&queue, job("late"), at(0)).await;
    let claim = claim(1);
    let first = take(&queue, &claim, at(0)).await.remove(0);
    reclaim(&queue, at(30)).await;
    let second = take(&queue, &claim, at(31)).await.remove(0);
    assert_eq!((first.key.worker, second.key.attempt), (second.key.worker, 2));
    assert_eq!(end(&queue, &first, Verdict::Completed, at(32)).await, Settled::Stale);
    assert_eq!(state(&queue, id).await, State::Running);
    finish(&queue, &second, Verdict::Completed, at(33)).await;
}

pub(super) async fn an_expired_lease_that_nobody_took_may_settle(queue: Arc<dyn Queue>) {
    let id = put(&queue, job("late"), at(0)).await;
    let lease = take_one(&queue, at(0)).await;
    finish(&queue, &lease, Verdict::Completed, at(5_000)).await;
    assert_eq!(state(&queue, id).await, State::Completed);
}

pub(super) async fn only_the_holder_of_a_lease_may_settle_it(queue: Arc<dyn Queue>) {
    let id = put(&queue, job("mine"), at(0)).await;
    let lease = take_one(&queue, at(0)).await;
    let keys = [
        LeaseKey { worker: WorkerId::fresh(), ..lease.key },
        LeaseKey { attempt: 2, ..lease.key },
        LeaseKey { attempt: 0, ..lease.key },
        LeaseKey { job: JobId::from_bytes([7; 16]), ..lease.key },
    ];
    let forged = keys.map(|key| Settlement { key, ..settlement(&lease, Verdict::Completed) });
    assert_eq!(settle(&queue, forged.to_vec(), at(1)).await, [Settled::Stale; 4]);
    assert_eq!(state(&queue, id).await, State::Running);
}

pub(super) async fn many_ends_are_answered_in_their_order(queue: Arc<dyn Queue>) {
    put_all(&queue, jobs(300), at(0)).await;
    let leases = take(&queue, &claim(300), at(0)).await;
    for lease in leases.iter().step_by(7) {
        finish(&queue, lease, Verdict::Failed, at(1)).await;
    }
    let ends = leases.iter().rev().map(|lease| settlement(lease, Verdict::Completed)).collect();
    let mut expected = vec![Settled::Done; 300];
    expected.iter_mut().step_by(7).for_each(|settled| *settled = Settled::Stale);
    expected.reverse();
    assert_eq!(settle(&queue, ends, at(2)).await, expected);
    let failed = Filter { states: vec![State::Failed], ..Filter::default() };
    assert_eq!(list_ids(&queue, &failed).await.len(), 43);
    assert_eq!(settle(&queue, vec![], at(3)).await, []);
}

pub(super) async fn an_end_and_what_follows_are_one(queue: Arc<dyn Queue>) {
    for verdict in VERDICTS {
        let id = put(&queue, job("first"), at(0)).await;
        let lease = take_one(&queue, at(0)).await;
        let mut next = job("next").queue("next").priority(3).delay(s(2)).tenant("ada").tag("x");
        next.parent = Some(id);
        let settlement = with_follow_up(settlement(&lease, verdict), next.clone());
        assert_eq!(settle(&queue, vec![settlement], at(1)).await, [Settled::Done]);
        let stored = record(&queue, next.id).await;
        assert_eq!(stored.payload, next.payload);
        assert_eq!((stored.summary.state, stored.summary.parent), (State::Queued, Some(id)));
        assert_eq!((stored.summary.enqueued_at, stored.summary.run_at), (at(1), at(3)));
        assert_eq!((&*stored.summary.queue, stored.summary.priority), ("next", 3));
        change(&queue, &[id, next.id], &Change::Hold, at(1)).await;
    }
}

pub(super) async fn a_stale_end_is_followed_by_nothing(queue: Arc<dyn Queue>) {
    put(&queue, job("late"), at(0)).await;
    let lease = take_one(&queue, at(0)).await;
    reclaim(&queue, at(30)).await;
    for verdict in VERDICTS {
        let next = job("next");
        let settlement = with_follow_up(settlement(&lease, verdict), next.clone());
        assert_eq!(settle(&queue, vec![settlement], at(31)).await, [Settled::Stale]);
        assert_eq!(queue.get(next.id).await, Ok(None), "{verdict:?}");
    }
}

pub(super) async fn what_follows_goes_into_a_draining_queue(queue: Arc<dyn Queue>) {
    put(&queue, job("first").queue("mail"), at(0)).await;
    configure(&queue, "mail", QueueSettings { mode: Mode::Draining, ..QueueSettings::default() }).await;
    let lease = take_one(&queue, at(0)).await;
    let next = job("next").queue("mail");
    let settlement = with_follow_up(settlement(&lease, Verdict::Completed), next.clone());
    assert_eq!(settle(&queue, vec![settlement], at(1)).await, [Settled::Done]);
    assert_eq!(take_ids(&queue, &claim(1), at(1)).await, [next.id]);
}

pub(super) async fn a_stop_that_was_asked_for_beats_another_try(queue: Arc<dyn Queue>) {
    for verdict in [Verdict::Retry(s(1)), Verdict::HandBack, Verdict::PutOff(s(1))] {
        let id = put(&queue, job("stop").tenant("ada").at_err(Callback::closure("tell")), at(0)).await;
        let lease = take_one(&queue, at(0)).await;
        change(&queue, &[id], &Change::Cancel, at(1)).await;
        finish(&queue, &lease, verdict, at(2)).await;
        let record = record(&queue, id).await;
        assert_eq!((record.summary.state, record.summary.ended_at), (State::Cancelled, Some(at(2))));
        assert_eq!(record.summary.kind, Some(Kind::Cancelled), "{verdict:?}");
        let failure = record.outcome.expect("it ended").result.expect_err("it was stopped");
        assert_eq!(failure.kind, Kind::Cancelled);
        assert_eq!(record.attempts.len(), 1);
        let told = take(&queue, &claim_deliveries("tell", 8), at(2)).await;
        let [told] = &told[..] else { panic!("its `at_err` is told once: {told:?}") };
        let Work::Delivery(delivery) = &told.payload.work else { panic!("a delivery: {:?}", told.payload) };
        assert_eq!((&delivery.to, delivery.ended.job), (&Target::Closure("tell".to_owned()), id));
        assert_eq!(delivery.ended.result.as_ref().expect_err("it was stopped").kind, Kind::Cancelled);
        assert_eq!(told.tenant.as_deref(), Some("ada"));
        assert_eq!(summary(&queue, told.key.job).await.parent, Some(id));
        finish(&queue, told, Verdict::Completed, at(2)).await;
        assert_eq!(take(&queue, &claim(8), at(100)).await, []);
    }
}

pub(super) async fn an_end_that_came_before_the_stop_counts(queue: Arc<dyn Queue>) {
    for (verdict, expected) in [(Verdict::Completed, State::Completed), (Verdict::Failed, State::Failed)] {
        let id = put(&queue, job("stop"), at(0)).await;
        let lease = take_one(&queue, at(0)).await;
        change(&queue, &[id], &Change::Cancel, at(1)).await;
        finish(&queue, &lease, verdict, at(2)).await;
        assert_eq!(state(&queue, id).await, expected);
    }
}

pub(super) async fn one_call_may_settle_and_follow_up_for_many(queue: Arc<dyn Queue>) {
    put_all(&queue, jobs(20), at(0)).await;
    let leases = take(&queue, &claim(20), at(0)).await;
    let next = jobs(20);
    let ends = leases.iter().zip(&next).map(|(lease, next)| {
        let mut end = with_follow_up(settlement(lease, Verdict::Failed), next.clone());
        end.outcome = Some(failed(lease.key.job, Kind::Trap, next.payload.name()));
        end
    });
    assert_eq!(settle(&queue, ends.collect(), at(1)).await, [Settled::Done; 20]);
    let mut ids: Vec<JobId> = next.iter().map(|job| job.id).collect();
    ids.sort();
    assert_eq!(take_ids(&queue, &claim(30), at(1)).await, ids);
    for (lease, next) in leases.iter().zip(&next) {
        assert_eq!(summary(&queue, lease.key.job).await.message.as_deref(), Some(next.payload.name()));
    }
}
