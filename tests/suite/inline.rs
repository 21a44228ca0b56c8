//! Runs whose first turn is computed on the caller's thread: what ends at once, what moves on, and that the rest is as
//! for any run.

use std::thread;
use std::time::Duration;

use ampule::{Call, Error, Job, Kind, Program, Runner, Status};
use ampule_tests::guest::{fixture, returning, sleeping};
use ampule_tests::recorder::Recorder;
use ampule_tests::{builder, ended, failure, load, runner, soon, until_running, value};
use serde_json::json;

/// Computes for ever.
const LOOP: &str = r#"(module (memory (export "memory") 1) (func (export "run") (loop $again (br $again))))"#;

#[tokio::test]
async fn a_short_job_has_ended_when_the_call_returns() {
    let runner = runner();
    let program = load(&runner, &returning(&["8", "13"])).await;
    // A machine that is busy elsewhere may take a tick for its first turn, but not each time.
    let mut ended_at_once = false;
    for _ in 0..1_000 {
        let handle = runner.run_inline(Job::new(&program)).expect("a slot is free");
        ended_at_once |= handle.status() == Status::Ended;
        assert_eq!(value(ended(handle).await), json!([8, 13]));
        if ended_at_once {
            break;
        }
    }
    assert!(ended_at_once);
}

#[tokio::test]
async fn a_busy_guest_moves_on_and_is_stopped_by_its_timeout() {
    let runner = runner();
    let program = load(&runner, LOOP).await;
    let handle = runner.run_inline(Job::new(&program).timeout(Duration::from_millis(100))).expect("a slot is free");
    assert_eq!(failure(ended(handle).await).kind, Kind::TimedOut);
}

#[tokio::test]
async fn a_guest_that_waits_holds_no_thread_and_can_be_cancelled() {
    let runner = runner();
    let program = load(&runner, &sleeping()).await;
    let handle = runner.run_inline(Job::new(&program)).expect("a slot is free");
    until_running(&handle).await;
    handle.cancel();
    assert_eq!(failure(ended(handle).await).kind, Kind::Cancelled);
}

#[tokio::test]
async fn it_ends_as_it_would_among_the_guests() {
    let runner = runner();
    for text in [returning(&[]), returning(&["1", "{}"]), fixture("exit").replace("CODE", "7"), trapping()] {
        let program = load(&runner, &text).await;
        let job = || Job::new(&program).fuel(1_000_000);
        let inline = ended(runner.run_inline(job()).expect("a slot is free")).await;
        let among_guests = ended(runner.run_async(job()).expect("a slot is free")).await;
        assert_eq!((&inline.result, &inline.returns), (&among_guests.result, &among_guests.returns), "{text}");
        assert_eq!(inline.usage.fuel, among_guests.usage.fuel, "{text}");
    }
}

#[tokio::test]
async fn a_fuel_budget_is_kept_on_the_way() {
    let runner = runner();
    let program = load(&runner, LOOP).await;
    for fuel in [1_000, 50_000_000] {
        let handle = runner.run_inline(Job::new(&program).fuel(fuel)).expect("a slot is free");
        assert_eq!(failure(ended(handle).await).kind, Kind::OutOfFuel, "{fuel}");
    }
}

#[tokio::test]
async fn its_callback_is_called_once_on_the_callers_runtime() {
    let (runner, recorder) = (runner(), Recorder::default());
    let program = load(&runner, &returning(&["3"])).await;
    let handle = runner.run_inline(recorder.on(Call::from(Job::new(&program)))).expect("a slot is free");
    assert_eq!(value(ended(handle).await), 3);
    assert_eq!(recorder.only_call().end, Ok(json!(3)));
}

#[tokio::test]
async fn without_a_free_slot_it_waits_in_the_line_like_any_other() {
    let runner = builder().pool_size(1).max_waiting(1).build().expect("a runner");
    let (busy, short) = (load(&runner, LOOP).await, load(&runner, &returning(&["1"])).await);
    let holder = runner.run_async(Job::new(&busy)).expect("a slot is free");
    until_running(&holder).await;
    let waiting = runner.run_inline(Job::new(&short)).expect("a place in the line");
    assert_ne!(waiting.status(), Status::Ended);
    assert!(matches!(runner.run_inline(Job::new(&short)), Err(Error::Busy { .. })));
    holder.cancel();
    assert_eq!(value(ended(waiting).await), 1);
    ended(holder).await;
}

#[tokio::test]
async fn a_thousand_endless_loops_leave_the_callers_timers_alive() {
    let runner = builder().pool_size(4).max_waiting(1_000).build().expect("a runner");
    let program = load(&runner, LOOP).await;
    let start = |runner: &Runner, program: &Program| {
        runner.run_inline(Job::new(program).timeout(Duration::from_secs(600))).expect("a place")
    };
    let handles: Vec<_> = (0..1_000).map(|_| start(&runner, &program)).collect();
    soon("a timer fires", tokio::time::sleep(Duration::from_millis(20))).await;
    handles.iter().for_each(|handle| handle.cancel());
    for handle in handles {
        assert_eq!(failure(ended(handle).await).kind, Kind::Cancelled);
    }
}

#[test]
fn outside_a_runtime_there_is_nowhere_to_call_back() {
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let runner = runner();
    let program = runtime.block_on(load(&runner, &returning(&["1"])));
    let refused = thread::scope(|scope| scope.spawn(|| runner.run_inline(Job::new(&program)).err()).join());
    assert!(matches!(refused.expect("no panic"), Some(Error::NoRuntime)));
}

fn trapping() -> String {
    r#"(module (memory (export "memory") 1) (func (export "run") unreachable))"#.to_owned()
}
