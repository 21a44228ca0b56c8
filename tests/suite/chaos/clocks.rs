//! Clocks that are wrong: they jump an hour forth and back while jobs are held.

use std::sync::Arc;
use std::time::Duration;

use ampule::queue::Queue as _;
use ampule_tests::dice::Dice;
use ampule_tests::history::Rules;
use ampule_tests::journal::Note;
use ampule_tests::part::{Part, Producing, Working};
use ampule_tests::witness::Witness;

use super::scene::{Home, Scene, kills, lost, until};

const HOUR_MS: i64 = 60 * 60 * 1_000;

#[tokio::test(flavor = "multi_thread")]
async fn the_clock_jumps_while_jobs_are_held_and_nothing_is_lost_or_doubled_on_sqlite() {
    the_clock_jumps(Home::sqlite()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_clock_jumps_while_jobs_are_held_and_nothing_is_lost_or_doubled_on_postgresql() {
    the_clock_jumps(Home::postgres()).await;
}

async fn the_clock_jumps(home: Home) {
    let scene = Scene::set(home).await;
    let mut dice = Dice::new(scene.seed);
    let witness = Witness::with_clock(Arc::clone(&scene.queue), Arc::clone(&scene.journal));
    let part = Part { workers: 2, ..scene.part() };
    let working = Working::start(&part, witness.clone(), &scene.journal).expect("the workers start");
    let producing = Producing::start(part.clone(), witness.clone(), scene.journal.clone());
    for hours in [1, -1, 0].into_iter().cycle().take(usize::try_from(kills()).expect("few")) {
        let lines = scene.journal.count() + 50 + usize::try_from(dice.below(50)).expect("small");
        until("work goes on", async || scene.journal.count() >= lines).await;
        witness.step_to(hours * HOUR_MS);
        scene.journal.note(Note::Remark(format!("the clock is {hours} hours wrong")));
        // Somebody looks for leases that are over before anyone has renewed theirs.
        witness.reclaim(None).await.expect("leases are looked at");
    }
    producing.stop().await;
    // What was put off by a clock that was ahead is due when that hour has come.
    witness.step_to(2 * HOUR_MS);
    let history = scene.expect_sound(Rules { clocks_are_right: false, ..Rules::default() }).await;
    assert!(lost(&history) > 0, "the clock took leases from workers that were alive");
    working.stop(Duration::from_secs(10)).await;
}
