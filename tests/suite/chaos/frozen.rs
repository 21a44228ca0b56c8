//! A worker that is frozen past its lease: another does its jobs, and what it says when it wakes does not count.

use std::time::Duration;

use ampule_tests::history::Rules;
use ampule_tests::journal::{Held, Note};
use ampule_tests::order::Order;
use ampule_tests::part::{Part, ask};

use super::scene::{Home, Played, Scene};

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_that_wakes_past_its_lease_settles_nothing_on_sqlite() {
    a_worker_wakes_past_its_lease(Home::sqlite()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_that_wakes_past_its_lease_settles_nothing_on_postgresql() {
    a_worker_wakes_past_its_lease(Home::postgres()).await;
}

async fn a_worker_wakes_past_its_lease(home: Home) {
    let scene = Scene::set(home).await;
    let part = Part { slots: 4, ..scene.part() };
    let frozen = Played::work(&part);
    let orders = (0..4).map(|n| Order { ms: 5_000, told: true, ..Order::new(100 + n) }).collect();
    ask(&*scene.queue, &scene.journal, orders).await;
    scene.until_noted("all guests begin", |note| matches!(note, Note::Began(_)), 4).await;
    freeze(&frozen, &scene).await;

    // Nobody else is there, so all that is held now is the frozen one's.
    let theirs = held(&scene);
    assert!(!theirs.is_empty(), "it was frozen in the middle of its work");
    let other = Played::work(&part);
    scene.until_all_ended().await;
    frozen.signal("CONT");
    for held in &theirs {
        scene.until_noted("the woken worker learns that its lease is lost", |note| is_refusal(note, *held), 1).await;
    }
    let history = scene.expect_sound(Rules::default()).await;
    let counted = |note: &Note| matches!(note, Note::Settled { held, counts: true, .. } if theirs.contains(held));
    assert_eq!(history.count(counted), 0, "what the woken worker settles does not count");
    frozen.end().await;
    other.end().await;
}

/// Freezes a process, but not in the middle of a transaction: then it would hold the queue's lock, and everybody's.
async fn freeze(worker: &Played, scene: &Scene) {
    loop {
        worker.signal("STOP");
        let free = tokio::time::timeout(Duration::from_secs(2), scene.queue.reclaim(None)).await;
        if matches!(free, Ok(Ok(_))) {
            return;
        }
        worker.signal("CONT");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

fn is_refusal(note: &Note, lost: Held) -> bool {
    match note {
        Note::Lost(held) => *held == lost,
        Note::Settled { held, counts, .. } => *held == lost && !counts,
        _ => false,
    }
}

/// What was handed out and not yet given back.
fn held(scene: &Scene) -> Vec<Held> {
    let mut held = Vec::new();
    for entry in scene.journal.read() {
        match entry.note {
            Note::Claimed { held: new, .. } => held.push(new),
            Note::Settling(old) => held.retain(|held| *held != old),
            _ => {}
        }
    }
    held
}
