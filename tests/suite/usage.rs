//! What a run used, counted, and how the ceilings of runner and job make one: fuel, memory, timeout.
//!
//! How a run ends that goes over them is in `kinds.rs`.

use std::time::Duration;

use ampule::{Error, Fuel, Job, Kind, Limits};
use ampule_tests::guest::{fixture, returning};
use ampule_tests::{builder, failure, load, run, run_wat, run_wat_with, runner, value};
use serde_json::json;

// Fuel and memory, counted.

#[tokio::test]
async fn more_work_is_more_fuel_exactly() {
    let fuel = async |count: &str| run_wat(&fixture("count").replace("COUNT", count)).await.usage.fuel;
    let (ten, eleven, twelve) = (fuel("10").await, fuel("11").await, fuel("12").await);
    let units = [ten, eleven, twelve].map(|fuel| fuel.map_or(0, Fuel::units));
    assert!(matches!(ten, Some(Fuel::Exact(_))), "{ten:?}");
    assert!(units[0] > 0 && units[1] > units[0]);
    assert_eq!(units[2] - units[1], units[1] - units[0]);
}

#[tokio::test]
async fn a_budget_over_the_fuel_used_is_enough_and_half_of_it_is_not() {
    let text = fixture("count").replace("COUNT", "1000");
    let used = run_wat(&text).await.usage.fuel.expect("it returned").units();
    let enough = run_wat_with(&text, |job| job.fuel(used + 1)).await;
    let scarce = run_wat_with(&text, |job| job.fuel(used / 2)).await;
    assert_eq!((enough.usage.fuel, enough.result), (Some(Fuel::Exact(used)), Ok(json!(1))));
    assert_eq!(scarce.usage.fuel, Some(Fuel::Exact(used / 2)));
    assert_eq!(failure(scarce).kind, Kind::OutOfFuel);
}

#[tokio::test]
async fn a_count_of_fuel_that_is_called_exact_does_not_depend_on_the_budget() {
    let text = fixture("count").replace("COUNT", "1000");
    let used = run_wat(&text).await.usage.fuel.expect("it returned").units();
    for budget in used - 10..used + 10 {
        // Fuel is looked at in loops and calls alone, so the last stretch may go over the budget.
        let outcome = run_wat_with(&text, |job| job.fuel(budget)).await;
        match (&outcome.result, outcome.usage.fuel) {
            (Ok(_), Some(Fuel::Exact(units))) => assert_eq!(units, used, "with a budget of {budget}"),
            (Ok(_), told) => assert!(matches!(told, Some(Fuel::AtLeast(units)) if units <= used), "{told:?}"),
            (Err(failure), told) => {
                assert_eq!((failure.kind, told), (Kind::OutOfFuel, Some(Fuel::Exact(budget))));
                assert!(budget < used);
            }
        }
    }
}

#[tokio::test]
async fn the_peak_of_memory_is_counted() {
    let text = fixture("start_large").replace("PAGES", "3").replace("ELEMENTS", "1");
    let usage = run_wat(&text).await.usage;
    assert_eq!((usage.memory_peak_bytes, usage.memory_refused), (3 * 65_536, false));
}

// Limits that no run could have, and whose limits count.

#[tokio::test]
async fn a_timeout_of_zero_is_refused() {
    let runner = runner();
    let program = load(&runner, &returning(&[])).await;
    let refused = runner.run_async(Job::new(&program).timeout(Duration::ZERO));
    assert!(matches!(refused, Err(Error::Limit { field: "timeout", .. })), "{refused:?}");
    let refused = runner.run_async(Job::new(&program).timeout(ampule::MAX_TIMEOUT + Duration::from_secs(1)));
    assert!(matches!(refused, Err(Error::Limit { field: "timeout", .. })), "{refused:?}");
    let mut limits = Limits::default();
    limits.timeout = Duration::ZERO;
    let refused = builder().limits(limits).build();
    assert!(matches!(refused, Err(Error::Limit { field: "timeout", .. })), "{refused:?}");
}

#[tokio::test]
async fn a_fuel_budget_of_zero_is_refused() {
    let runner = runner();
    let program = load(&runner, &returning(&[])).await;
    let refused = runner.run_async(Job::new(&program).fuel(0));
    assert!(matches!(refused, Err(Error::Limit { field: "fuel", .. })), "{refused:?}");
}

#[tokio::test]
async fn a_fuel_budget_is_refused_where_fuel_is_not_counted() {
    let runner = builder().metering(false).build().expect("a runner");
    let program = load(&runner, &returning(&["1"])).await;
    let refused = runner.run_async(Job::new(&program).fuel(1_000));
    assert!(matches!(refused, Err(Error::Limit { field: "fuel", .. })), "{refused:?}");
    let outcome = run(&runner, Job::new(&program)).await;
    assert_eq!((outcome.result, outcome.usage.fuel), (Ok(json!(1)), None));
}

#[tokio::test]
async fn a_jobs_own_limits_win_over_the_runners_and_can_lift_its_budget() {
    let mut limits = Limits::default();
    limits.fuel = Some(10);
    let runner = builder().limits(limits).build().expect("a runner");
    let program = load(&runner, &fixture("count").replace("COUNT", "1000")).await;
    let under_the_runners = run(&runner, Job::new(&program)).await;
    let under_its_own = run(&runner, Job::new(&program).fuel(100_000)).await;
    let under_none = run(&runner, Job::new(&program).fuel(u64::MAX)).await;
    assert_eq!(failure(under_the_runners).kind, Kind::OutOfFuel);
    assert_eq!((value(under_its_own), value(under_none)), (json!(1), json!(1)));
}
