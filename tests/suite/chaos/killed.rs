//! kill -9, again and again: of workers that share a queue, and of a program that embeds one.

use std::time::Duration;

use ampule_tests::dice::Dice;
use ampule_tests::history::Rules;
use ampule_tests::journal::Note;
use ampule_tests::part::{Part, Producing};

use super::scene::{Home, Played, Scene, kills, lost, until};

/// How many workers share a queue.
const WORKERS: usize = 3;

#[tokio::test(flavor = "multi_thread")]
async fn workers_on_one_sqlite_file_are_killed_and_nothing_is_lost_or_doubled() {
    workers_are_killed(Home::sqlite()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn workers_on_one_postgresql_are_killed_and_nothing_is_lost_or_doubled() {
    workers_are_killed(Home::postgres()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_program_that_embeds_a_sqlite_queue_is_killed_and_nothing_is_lost_or_doubled() {
    the_embedding_program_is_killed(Home::sqlite()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_program_that_embeds_a_postgresql_queue_is_killed_and_nothing_is_lost_or_doubled() {
    the_embedding_program_is_killed(Home::postgres()).await;
}

async fn workers_are_killed(home: Home) {
    let scene = Scene::set(home).await;
    let part = scene.part();
    let mut dice = Dice::new(scene.seed);
    let mut workers: Vec<_> = (0..WORKERS).map(|_| Played::work(&part)).collect();
    let producing = Producing::start(part.clone(), scene.queue.clone(), scene.journal.clone());
    for kill in 1..=kills() {
        somewhere(&scene, &mut dice).await;
        let victim = usize::try_from(dice.below(WORKERS as u64)).expect("small");
        workers.swap_remove(victim).kill();
        scene.journal.note(Note::Remark(format!("kill {kill}")));
        workers.push(Played::work(&part));
    }
    producing.stop().await;
    let history = scene.expect_sound(Rules::default()).await;
    assert!(lost(&history) > 0, "some were killed in the middle of their work");
    for worker in workers {
        worker.end().await;
    }
}

async fn the_embedding_program_is_killed(home: Home) {
    let scene = Scene::set(home).await;
    let mut dice = Dice::new(scene.seed);
    for life in 1..=kills() {
        let part = Part { seed: dice.roll(), first: life * 1_000_000, ..scene.part() };
        let program = Played::embed(&part);
        somewhere(&scene, &mut dice).await;
        program.kill();
        scene.journal.note(Note::Remark(format!("kill {life}")));
    }
    let worker = Played::work(&scene.part());
    let history = scene.expect_sound(Rules::default()).await;
    worker.end().await;
    assert!(
        history.count(|note| matches!(note, Note::Acknowledged(_))) as u64 >= kills(),
        "each life has asked for jobs"
    );
}

/// Waits for a moment that cannot be foreseen, in the middle of work: so many lines of the journal from now, and a
/// little longer.
async fn somewhere(scene: &Scene, dice: &mut Dice) {
    let lines = scene.journal.count() + usize::try_from(1 + dice.below(150)).expect("small");
    until("work goes on", async || scene.journal.count() >= lines).await;
    tokio::time::sleep(Duration::from_micros(dice.below(20_000))).await;
}
