//! Eight workers on one queue whose tenants may run so many jobs at once.

use ampule::queue::QueueSettings;
use ampule_tests::history::{Limit, Rules};
use ampule_tests::journal::Note;
use ampule_tests::order::Order;
use ampule_tests::part::{Part, Working, ask};

use super::scene::{Home, Played, Scene};

const WORKERS: usize = 8;
const QUEUE: &str = "limited";

#[tokio::test(flavor = "multi_thread")]
async fn eight_workers_of_one_process_keep_to_the_limits_of_a_sqlite_queue() {
    workers_keep_to_limits(Home::sqlite(), 1).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn eight_workers_of_four_processes_keep_to_the_limits_of_a_sqlite_queue() {
    workers_keep_to_limits(Home::sqlite(), 4).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn eight_workers_of_one_process_keep_to_the_limits_of_a_postgresql_queue() {
    workers_keep_to_limits(Home::postgres(), 1).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn eight_workers_of_four_processes_keep_to_the_limits_of_a_postgresql_queue() {
    workers_keep_to_limits(Home::postgres(), 4).await;
}

async fn workers_keep_to_limits(home: Home, processes: usize) {
    let scene = Scene::set(home).await;
    let settings = QueueSettings { max_running: Some(5), max_running_per_tenant: Some(2), ..QueueSettings::default() };
    scene.queue.configure(QUEUE, &settings).await.expect("the queue is configured");
    let limits = [(QUEUE.to_owned(), Limit { queue: Some(5), tenant: Some(2) })].into();
    // Long leases: a worker that is only slow must not lose one, since then runs may overlap.
    let part = Part { workers: WORKERS / processes, lease_ms: 60_000, ..scene.part() };
    let mut children = Vec::new();
    let mut working = None;
    if processes == 1 {
        working = Some(Working::start(&part, scene.witnessed(), &scene.journal).expect("the workers start"));
    } else {
        children.extend((0..processes).map(|_| Played::work(&part)));
    }
    let order = |n: u64| Order {
        ms: 5 + n % 20,
        queue: QUEUE.to_owned(),
        tenant: (!n.is_multiple_of(4)).then(|| format!("tenant-{}", n % 4)),
        ..Order::new(1_000 + n)
    };
    for batch in 0..10 {
        ask(&*scene.queue, &scene.journal, (0..16).map(|n| order(batch * 16 + n)).collect()).await;
    }
    let rules = Rules { limits, nobody_died: true, ..Rules::default() };
    let history = scene.expect_sound(rules).await;
    assert_eq!(peak(&history.entries), 5, "the limit was reached, or nothing was shown");
    if let Some(working) = working {
        working.stop(std::time::Duration::from_secs(10)).await;
    }
    for child in children {
        child.end().await;
    }
}

/// The most leases that were held at once.
fn peak(entries: &[ampule_tests::journal::Entry]) -> i32 {
    let steps = entries.iter().map(|entry| match entry.note {
        Note::Claimed { .. } => 1,
        Note::Settling(_) => -1,
        _ => 0,
    });
    let running = steps.scan(0, |running, step| {
        *running += step;
        Some(*running)
    });
    running.max().unwrap_or_default()
}
