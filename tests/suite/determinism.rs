//! The same program, kwargs and seed give the same bytes and the same fuel; a deterministic run has a clock of its own.

use std::time::Duration;

use ampule::{DETERMINISTIC_START_UNIX_SECONDS, Fuel, Grants, Job, Kind, Outcome};
use ampule_tests::guest::fixture;
use ampule_tests::{builder, ended, failure, load, run_wat, run_wat_with, value};
use serde_json::json;

async fn seeded(text: &str, seed: u64) -> Outcome {
    run_wat_with(text, |job| job.grants(Grants::none().deterministic(seed))).await
}

#[tokio::test]
async fn the_same_seed_gives_the_same_bytes_and_the_same_fuel() {
    let text = fixture("random").replace("LEN", "16");
    let (first, second) = (seeded(&text, 7).await, seeded(&text, 7).await);
    assert!(matches!(first.usage.fuel, Some(Fuel::Exact(_))));
    assert_eq!(first.usage.fuel, second.usage.fuel);
    assert_eq!(value(first), value(second));
}

#[tokio::test]
async fn another_seed_gives_other_bytes() {
    let text = fixture("random").replace("LEN", "16");
    assert_ne!(value(seeded(&text, 7).await), value(seeded(&text, 8).await));
}

#[tokio::test]
async fn without_a_seed_every_run_gets_other_bytes() {
    let text = fixture("random").replace("LEN", "16");
    let mut seen: Vec<_> = Vec::new();
    for _ in 0..3 {
        seen.push(value(run_wat(&text).await).to_string());
    }
    seen.dedup();
    assert_eq!(seen.len(), 3);
}

#[tokio::test]
async fn a_deterministic_run_begins_in_the_year_2000_and_an_hours_sleep_is_an_hour_on_both_its_clocks() {
    let outcome = seeded(&fixture("clock"), 1).await;
    assert_eq!(value(outcome), json!([DETERMINISTIC_START_UNIX_SECONDS, 3_600, 3_600]));
}

#[tokio::test]
async fn a_sleep_without_end_ends_at_once_on_a_virtual_clock() {
    let text = fixture("sleep").replace("NANOSECONDS", "-1");
    assert_eq!(value(seeded(&text, 1).await), json!([0, 1]));
}

#[tokio::test]
async fn sleeps_without_number_on_a_virtual_clock_are_timed_out_by_the_real_one() {
    let describe = |job: Job| job.grants(Grants::none().deterministic(1)).timeout(Duration::from_millis(50));
    let outcome = run_wat_with(&fixture("sleep_again"), describe).await;
    assert_eq!(failure(outcome).kind, Kind::TimedOut);
}

#[tokio::test]
async fn two_runs_of_everything_are_equal_but_for_their_ids_and_times() {
    let text = fixture("clock");
    let (first, second) = (seeded(&text, 3).await, seeded(&text, 3).await);
    assert_ne!(first.id, second.id);
    assert_eq!((first.result, first.returns, first.output), (second.result, second.returns, second.output));
    assert_eq!((first.program, first.usage.fuel), (second.program, second.usage.fuel));
    assert_eq!(first.usage.memory_peak_bytes, second.usage.memory_peak_bytes);
}

#[tokio::test]
async fn a_nan_has_the_same_bits_everywhere() {
    assert_eq!(value(run_wat(&fixture("nan")).await), 0x7fc0_0000);
}

#[tokio::test]
async fn fuel_does_not_depend_on_how_busy_the_runner_is() {
    let text = fixture("count").replace("COUNT", "3000000");
    let alone = run_wat(&text).await.usage.fuel;
    let runner = builder().guest_threads(1).build().expect("a runner");
    let program = load(&runner, &text).await;
    let runs: Vec<_> = (0..4).map(|_| runner.run_async(Job::new(&program)).expect("a slot")).collect();
    for run in runs {
        assert_eq!(ended(run).await.usage.fuel, alone);
    }
}
