//! Nothing of one run is there for the next, however the one before ended.
//!
//! Each runner here has one slot, so that the next run gets the same memory, table and stack.

use std::time::Duration;

use ampule::{Job, Kind, Runner};
use ampule_tests::guest::{fixture, returning, speaking};
use ampule_tests::{builder, ended, failure, load, run, until_running, value};
use serde_json::json;

fn one_slot() -> Runner {
    builder().pool_size(1).guest_threads(1).build().expect("a runner")
}

async fn nothing_is_left(runner: &Runner) {
    let seek = load(runner, &fixture("seek")).await;
    let found = run(runner, Job::new(&seek)).await;
    assert!(found.usage.memory_peak_bytes == 4 << 20, "it looked everywhere");
    assert_eq!(value(found), json!([0, 0, 0]), "words of memory, table elements, and the global of the run before");
}

#[tokio::test]
async fn nothing_is_left_of_a_run_that_returned() {
    let runner = one_slot();
    let spoil = load(&runner, &fixture("spoil").replace("THEN", "")).await;
    assert!(run(&runner, Job::new(&spoil)).await.result.is_ok());
    nothing_is_left(&runner).await;
}

#[tokio::test]
async fn nothing_is_left_of_a_run_that_trapped() {
    let runner = one_slot();
    let spoil = load(&runner, &fixture("spoil").replace("THEN", "unreachable")).await;
    assert_eq!(failure(run(&runner, Job::new(&spoil)).await).kind, Kind::Trap);
    nothing_is_left(&runner).await;
}

#[tokio::test]
async fn nothing_is_left_of_a_run_that_ran_out_of_fuel() {
    let runner = one_slot();
    let spoil = load(&runner, &fixture("spoil").replace("THEN", "(loop $again (br $again))")).await;
    let outcome = run(&runner, Job::new(&spoil).fuel(100_000_000)).await;
    assert_eq!(failure(outcome).kind, Kind::OutOfFuel);
    nothing_is_left(&runner).await;
}

#[tokio::test]
async fn nothing_is_left_of_a_run_that_was_timed_out() {
    let runner = one_slot();
    let spoil = load(&runner, &fixture("spoil").replace("THEN", "(loop $again (br $again))")).await;
    let outcome = run(&runner, Job::new(&spoil).timeout(Duration::from_millis(200))).await;
    assert_eq!(failure(outcome).kind, Kind::TimedOut);
    nothing_is_left(&runner).await;
}

#[tokio::test]
async fn nothing_is_left_of_a_run_that_was_cancelled() {
    let runner = one_slot();
    let spoil = load(&runner, &fixture("spoil").replace("THEN", "(loop $again (br $again))")).await;
    let handle = runner.run_async(Job::new(&spoil)).expect("a slot");
    until_running(&handle).await;
    handle.cancel();
    assert_eq!(failure(ended(handle).await).kind, Kind::Cancelled);
    nothing_is_left(&runner).await;
}

#[tokio::test]
async fn every_run_of_a_program_finds_its_data_tables_and_globals_fresh() {
    let runner = one_slot();
    let returns = load(&runner, &fixture("twice").replace("THEN", "")).await;
    let traps = load(&runner, &fixture("twice").replace("THEN", "unreachable")).await;
    for program in [&returns, &returns, &traps, &traps, &returns] {
        assert_eq!(run(&runner, Job::new(program)).await.returns, [json!("fresh"), json!(3), json!(5)]);
    }
}

#[tokio::test]
async fn what_one_run_returned_logged_and_wrote_is_in_its_outcome_alone() {
    let runner = one_slot();
    let loud = load(&runner, &speaking(&[("$return", b"1"), ("$log", b"mine")], "unreachable")).await;
    let says = fixture("say").replace("WORDS", "mine").replace("LEN", "4").replace("FD", "1").replace("THEN", "");
    let says = load(&runner, &says).await;
    let quiet = load(&runner, &returning(&[])).await;
    run(&runner, Job::new(&loud)).await;
    run(&runner, Job::new(&says)).await;
    let outcome = run(&runner, Job::new(&quiet)).await;
    assert_eq!((outcome.output, outcome.returns), (ampule::Output::default(), vec![]));
    assert_eq!(outcome.result, Ok(json!(null)));
}

#[tokio::test]
async fn the_kwargs_of_one_run_are_not_the_next_ones() {
    let runner = one_slot();
    let program = load(&runner, &fixture("kwargs")).await;
    let first = run(&runner, Job::new(&program).kwarg("secret", "x".repeat(1_000)).expect("a string")).await;
    let second = run(&runner, Job::new(&program)).await;
    assert_eq!(value(first)["secret"].as_str().map(str::len), Some(1_000));
    assert_eq!(value(second), json!({}));
}
