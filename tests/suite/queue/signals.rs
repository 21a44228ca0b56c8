//! What wakes those who wait: nothing that happened after a waiter was made is missed, on whichever handle it happened.

use std::sync::Arc;

use ampule::Event;
use ampule::queue::{Change, LeaseKey, Mode, Queue, QueueSettings, Signals, State, Verdict};
use ampule_tests::clock::{at, s};
use ampule_tests::place::Place;
use ampule_tests::queue::{
    LEASE, change, claim, configure, finish, job, put, put_all, reclaim, run_to, state, take, take_one,
};
use ampule_tests::soon;
use serde_json::json;

async fn ready(law: &str, mut signals: Signals) {
    soon(law, signals.ready()).await;
}

async fn ended(law: &str, mut signals: Signals) {
    soon(law, signals.ended()).await;
}

pub(super) async fn a_waiter_made_before_the_look_misses_nothing(queue: Arc<dyn Queue>) {
    for _ in 0..20 {
        let mut signals = queue.signals();
        assert_eq!(take(&queue, &claim(1), at(0)).await, [], "the look");
        let lease = put(&queue, job("new"), at(0)).await;
        soon("a job wakes who waits for one", signals.ready()).await;
        let claimed = take_one(&queue, at(0)).await;
        assert_eq!(claimed.key.job, lease);
        let mut signals = queue.signals();
        assert_eq!(state(&queue, lease).await, State::Running, "the look");
        finish(&queue, &claimed, Verdict::Completed, at(0)).await;
        soon("an end wakes who waits for one", signals.ended()).await;
    }
}

pub(super) async fn a_waiter_that_waits_already_is_woken(queue: Arc<dyn Queue>) {
    let mut signals = queue.signals();
    let waiter = tokio::spawn(async move { soon("a job wakes who waits for one", signals.ready()).await });
    tokio::task::yield_now().await;
    put(&queue, job("new"), at(0)).await;
    waiter.await.expect("it was woken");
}

pub(super) async fn whatever_makes_a_job_ready_wakes(queue: Arc<dyn Queue>) {
    let id = put(&queue, job("job").delay(s(9)), at(0)).await;
    let signals = queue.signals();
    change(&queue, &[id], &Change::RunNow, at(0)).await;
    ready("run now", signals).await;
    change(&queue, &[id], &Change::Hold, at(0)).await;
    let signals = queue.signals();
    change(&queue, &[id], &Change::Release, at(0)).await;
    ready("release", signals).await;
    let lease = take_one(&queue, at(0)).await;
    let signals = queue.signals();
    finish(&queue, &lease, Verdict::HandBack, at(0)).await;
    ready("hand back", signals).await;
    let lease = take_one(&queue, at(0)).await;
    let signals = queue.signals();
    finish(&queue, &lease, Verdict::Retry(s(0)), at(0)).await;
    ready("retry", signals).await;
    take_one(&queue, at(0)).await;
    let signals = queue.signals();
    assert_eq!(reclaim(&queue, at(0) + LEASE).await, 1);
    ready("reclaim", signals).await;
    let lease = take_one(&queue, at(30)).await;
    finish(&queue, &lease, Verdict::Failed, at(30)).await;
    let signals = queue.signals();
    change(&queue, &[id], &Change::Retry { kwargs: None }, at(31)).await;
    ready("a retry by hand", signals).await;
}

pub(super) async fn a_queue_that_is_opened_or_has_room_wakes(queue: Arc<dyn Queue>) {
    configure(&queue, "mail", QueueSettings { mode: Mode::Paused, ..QueueSettings::default() }).await;
    put_all(&queue, vec![job("").queue("mail"), job("").queue("mail")], at(0)).await;
    let signals = queue.signals();
    configure(&queue, "mail", QueueSettings { max_running: Some(1), ..QueueSettings::default() }).await;
    ready("it is opened", signals).await;
    let lease = take_one(&queue, at(0)).await;
    let signals = queue.signals();
    finish(&queue, &lease, Verdict::Completed, at(0)).await;
    ready("a limited queue has room", signals).await;
}

pub(super) async fn whatever_ends_a_job_or_tells_of_it_wakes(queue: Arc<dyn Queue>) {
    for verdict in [Verdict::Completed, Verdict::Failed, Verdict::Cancelled] {
        put(&queue, job(""), at(0)).await;
        let lease = take_one(&queue, at(0)).await;
        let signals = queue.signals();
        queue.report(vec![(lease.key, vec![Event::Progress(json!(1))])], Some(at(0))).await.expect("reported");
        ended("an event", signals).await;
        let signals = queue.signals();
        finish(&queue, &lease, verdict, at(0)).await;
        ended(&format!("{verdict:?}"), signals).await;
    }
    let ids = put_all(&queue, vec![job("").held(), job("").held().start_before(s(5))], at(0)).await;
    let signals = queue.signals();
    change(&queue, &ids[..1], &Change::Cancel, at(0)).await;
    ended("a cancel", signals).await;
    let signals = queue.signals();
    assert_eq!(reclaim(&queue, at(5)).await, 1);
    ended("it waited too long", signals).await;
}

pub(super) async fn a_stop_that_is_asked_for_wakes(queue: Arc<dyn Queue>) {
    let id = put(&queue, job(""), at(0)).await;
    take_one(&queue, at(0)).await;
    let mut signals = queue.signals();
    change(&queue, &[id], &Change::Cancel, at(0)).await;
    soon("a cancel of a running job", signals.cancels()).await;
}

pub(super) async fn what_follows_from_an_end_wakes(queue: Arc<dyn Queue>) {
    put(&queue, job("first"), at(0)).await;
    let lease = take_one(&queue, at(0)).await;
    let mut end = ampule_tests::queue::settlement(&lease, Verdict::Completed);
    end.follow_up = Some(Box::new(job("next")));
    let signals = queue.signals();
    queue.settle(vec![end], Some(at(0))).await.expect("settled");
    ready("a follow-up", signals).await;
}

pub(super) async fn a_handle_hears_what_another_does(place: Arc<Place>) {
    let (one, other) = (place.open().await, place.open().await);
    let mut signals = one.signals();
    let id = put(&other, job("new"), at(0)).await;
    soon("a job on another handle", signals.ready()).await;
    let lease: LeaseKey = take_one(&one, at(0)).await.key;
    assert_eq!(lease.job, id);
    let mut signals = one.signals();
    change(&other, &[id], &Change::Cancel, at(0)).await;
    soon("a cancel on another handle", signals.cancels()).await;
    let mut signals = other.signals();
    let waiter = tokio::spawn(async move { soon("an end on another handle", signals.ended()).await });
    assert_eq!(reclaim(&one, at(0) + LEASE).await, 1);
    waiter.await.expect("it was woken");
    assert_eq!(state(&other, id).await, State::Cancelled);
}

pub(super) async fn two_handles_are_one_queue(place: Arc<Place>) {
    let (one, other) = (place.open().await, place.open().await);
    let id = put(&one, job("here"), at(0)).await;
    let lease = take_one(&other, at(0)).await;
    assert_eq!(lease.key.job, id);
    assert_eq!(take(&one, &claim(1), at(0)).await, []);
    finish(&one, &lease, Verdict::Completed, at(1)).await;
    assert_eq!(state(&other, id).await, State::Completed);
    let second = run_to(&other, job("there"), Verdict::Failed, at(2)).await;
    assert_eq!(state(&one, second).await, State::Failed);
}
