//! What running jobs tell, as it is kept for whoever watches.

use std::sync::Arc;

use ampule::queue::{Change, LeaseKey, Queue, StoredEvent, Timestamp, Verdict, WorkerId};
use ampule::{Event, JobId, LogLevel, LogLine};
use ampule_tests::clock::at;
use ampule_tests::queue::{change, finish, job, put, reclaim, take_one};
use serde_json::json;

fn progress(number: usize) -> Event {
    Event::Progress(json!(number))
}

async fn report(queue: &Arc<dyn Queue>, key: LeaseKey, events: Vec<Event>, now: Timestamp) {
    queue.report(vec![(key, events)], Some(now)).await.expect("the report is taken in");
}

async fn events(queue: &Arc<dyn Queue>, id: JobId, after: u64) -> Vec<StoredEvent> {
    queue.events(id, after).await.expect("events are read")
}

async fn numbers(queue: &Arc<dyn Queue>, id: JobId, after: u64) -> Vec<u64> {
    events(queue, id, after).await.iter().map(|event| event.number).collect()
}

pub(super) async fn events_are_kept_in_order_and_as_they_were_told(queue: Arc<dyn Queue>) {
    let id = put(&queue, job("talks"), at(0)).await;
    let key = take_one(&queue, at(0)).await.key;
    let line = LogLine { level: LogLevel::Warn, message: "a\0b 🦀 '\"\\ \u{202e}".to_owned() };
    let told = vec![
        Event::Return(json!(null)),
        Event::Progress(json!({ "done": 0.1, "of": [1, "\0"] })),
        Event::Log(line),
        Event::Return(json!("🦀")),
    ];
    report(&queue, key, told[..1].to_vec(), at(1)).await;
    report(&queue, key, told[1..].to_vec(), at(2)).await;
    let stored = events(&queue, id, 0).await;
    assert_eq!(stored.iter().map(|event| event.event.clone()).collect::<Vec<_>>(), told);
    assert_eq!(stored.iter().map(|event| event.number).collect::<Vec<_>>(), [1, 2, 3, 4]);
    assert_eq!(stored.iter().map(|event| event.at).collect::<Vec<_>>(), [at(1), at(2), at(2), at(2)]);
    assert!(stored.iter().all(|event| event.attempt == 1));
}

pub(super) async fn events_go_on_from_where_the_reader_was(queue: Arc<dyn Queue>) {
    let id = put(&queue, job("talks"), at(0)).await;
    let key = take_one(&queue, at(0)).await.key;
    report(&queue, key, (0..5).map(progress).collect(), at(1)).await;
    assert_eq!(numbers(&queue, id, 3).await, [4, 5]);
    assert_eq!(numbers(&queue, id, 5).await, [0; 0]);
    assert_eq!(numbers(&queue, id, u64::MAX).await, [0; 0]);
    assert_eq!(numbers(&queue, JobId::from_bytes([7; 16]), 0).await, [0; 0]);
}

pub(super) async fn numbers_of_events_grow_across_attempts(queue: Arc<dyn Queue>) {
    let id = put(&queue, job("talks"), at(0)).await;
    let first = take_one(&queue, at(0)).await;
    report(&queue, first.key, vec![progress(1), progress(2)], at(1)).await;
    finish(&queue, &first, Verdict::HandBack, at(2)).await;
    let second = take_one(&queue, at(3)).await;
    report(&queue, second.key, vec![progress(3)], at(4)).await;
    let stored = events(&queue, id, 0).await;
    let told: Vec<(u64, u32)> = stored.iter().map(|event| (event.number, event.attempt)).collect();
    assert_eq!(told, [(1, 1), (2, 1), (3, 2)]);
}

pub(super) async fn what_comes_from_a_lost_lease_is_dropped(queue: Arc<dyn Queue>) {
    let id = put(&queue, job("talks"), at(0)).await;
    let first = take_one(&queue, at(0)).await.key;
    report(&queue, LeaseKey { worker: WorkerId::fresh(), ..first }, vec![progress(0)], at(1)).await;
    report(&queue, LeaseKey { attempt: 2, ..first }, vec![progress(0)], at(1)).await;
    reclaim(&queue, at(30)).await;
    report(&queue, first, vec![progress(0)], at(31)).await;
    let second = take_one(&queue, at(32)).await;
    let both = vec![(first, vec![progress(0)]), (second.key, vec![progress(1)])];
    queue.report(both, Some(at(33))).await.expect("the report is taken in");
    finish(&queue, &second, Verdict::Completed, at(34)).await;
    report(&queue, second.key, vec![progress(0)], at(35)).await;
    let stored = events(&queue, id, 0).await;
    let told: Vec<(u64, u32, Event)> =
        stored.into_iter().map(|event| (event.number, event.attempt, event.event)).collect();
    assert_eq!(told, [(1, 2, progress(1))]);
}

pub(super) async fn events_of_many_jobs_come_in_one_report(queue: Arc<dyn Queue>) {
    let mut keys = Vec::new();
    for _ in 0..3 {
        put(&queue, job("talks"), at(0)).await;
        keys.push(take_one(&queue, at(0)).await.key);
    }
    let told = keys.iter().enumerate().map(|(number, key)| (*key, vec![progress(number); number])).collect();
    queue.report(told, Some(at(1))).await.expect("the report is taken in");
    for (number, key) in keys.iter().enumerate() {
        let stored = events(&queue, key.job, 0).await;
        assert_eq!(stored.len(), number);
        assert!(stored.iter().all(|event| event.event == progress(number)));
    }
}

pub(super) async fn a_report_of_nothing_is_nothing(queue: Arc<dyn Queue>) {
    let id = put(&queue, job("silent"), at(0)).await;
    let key = take_one(&queue, at(0)).await.key;
    queue.report(vec![], Some(at(1))).await.expect("nothing is taken in");
    report(&queue, key, vec![], at(1)).await;
    report(&queue, LeaseKey { job: JobId::from_bytes([7; 16]), ..key }, vec![progress(0)], at(1)).await;
    assert_eq!(numbers(&queue, id, 0).await, [0; 0]);
}

pub(super) async fn past_the_ten_thousandth_event_nothing_is_kept(queue: Arc<dyn Queue>) {
    let id = put(&queue, job("talks"), at(0)).await;
    let key = take_one(&queue, at(0)).await.key;
    report(&queue, key, (1..=9_990).map(progress).collect(), at(1)).await;
    report(&queue, key, (9_991..=10_010).map(progress).collect(), at(2)).await;
    report(&queue, key, vec![progress(10_011)], at(3)).await;
    let mut seen = Vec::new();
    loop {
        let page = events(&queue, id, seen.len() as u64).await;
        assert!(page.len() <= 1_000, "a thousand at most");
        if page.is_empty() {
            break;
        }
        seen.extend(page);
    }
    assert_eq!(seen.len(), 10_000);
    for (index, event) in seen.iter().enumerate() {
        assert_eq!((event.number, &event.event), (index as u64 + 1, &progress(index + 1)));
    }
}

pub(super) async fn events_stay_with_a_job_that_ended_and_go_with_one_that_is_deleted(queue: Arc<dyn Queue>) {
    let id = put(&queue, job("talks"), at(0)).await;
    let lease = take_one(&queue, at(0)).await;
    report(&queue, lease.key, vec![progress(1)], at(1)).await;
    finish(&queue, &lease, Verdict::Completed, at(2)).await;
    assert_eq!(numbers(&queue, id, 0).await, [1]);
    change(&queue, &[id], &Change::Delete, at(3)).await;
    assert_eq!(numbers(&queue, id, 0).await, [0; 0]);
}
