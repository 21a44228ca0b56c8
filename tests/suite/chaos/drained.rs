//! SIGTERM: a worker finishes what it can in its time of grace, and hands the rest back.

use ampule::queue::AttemptEnd;
use ampule_tests::history::Rules;
use ampule_tests::journal::Note;
use ampule_tests::order::Order;
use ampule_tests::part::{Part, ask};

use super::scene::{Home, Played, Scene};

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_that_is_asked_to_end_hands_back_what_it_cannot_finish_on_sqlite() {
    a_worker_is_asked_to_end(Home::sqlite()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_that_is_asked_to_end_hands_back_what_it_cannot_finish_on_postgresql() {
    a_worker_is_asked_to_end(Home::postgres()).await;
}

async fn a_worker_is_asked_to_end(home: Home) {
    let scene = Scene::set(home).await;
    let part = Part { slots: 4, lease_ms: 30_000, grace_ms: 5_000, ..scene.part() };
    let worker = Played::work(&part);
    // Two end soon after they are waited for, two long after, each of them on its only try.
    let order = |n: u64, ms| Order { ms, tries: 1, ..Order::new(n) };
    ask(&*scene.queue, &scene.journal, vec![order(101, 300), order(102, 300), order(103, 8_000), order(104, 8_000)])
        .await;
    scene.until_noted("all guests begin", |note| matches!(note, Note::Began(_)), 4).await;
    worker.end().await;

    let history = scene.history(Rules::default()).await;
    let handed_back: Vec<_> = history.found.iter().filter(|found| found.end.is_none()).collect();
    let names: Vec<_> = handed_back.iter().map(|found| found.name.as_str()).collect();
    assert_eq!(names.len(), 2, "two were finished and two handed back: {names:?}");
    for found in handed_back {
        assert!(["n103", "n104"].contains(&found.name.as_str()), "the long ones were handed back: {found:?}");
        assert_eq!((found.tries, &found.attempts[..]), (0, &[(1, AttemptEnd::HandedBack)][..]), "{found:?}");
    }
    let drained = |note: &Note| matches!(note, Note::Drained { handed_back: 2, abandoned: 0, .. });
    assert_eq!(history.count(drained), 1, "it tells of it: {:?}", history.entries.last());

    // Their one try is left to them.
    let other = Played::work(&part);
    scene.expect_sound(Rules { nobody_died: false, ..Rules::default() }).await;
    other.end().await;
}
