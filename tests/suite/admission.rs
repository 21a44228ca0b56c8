//! Who may start: slots, the line before them, memory for all runs together, and a fair share of the guest threads.
//!
//! The slots of native closures are in `closures.rs`; what a delayed job waits for is in `cancel.rs`.

use std::sync::mpsc;
use std::time::Duration;

use ampule::{Call, Error, Job, Kind, Status};
use ampule_tests::guest::{fixture, returning};
use ampule_tests::recorder::Recorder;
use ampule_tests::{LATER, builder, ended, failure, load, run, runner, soon, until_running, value};
use serde_json::json;

// Slots, and waiting for one.

#[tokio::test]
async fn a_run_beyond_those_that_may_wait_is_busy_and_calls_nobody_back() {
    let runner = builder().pool_size(1).max_waiting(1).build().expect("a runner");
    let recorder = Recorder::default();
    let program = load(&runner, &fixture("loop")).await;
    let running = runner.run_async(Job::new(&program)).expect("a slot");
    until_running(&running).await;
    let waiting = runner.run_async(Job::new(&program)).expect("a turn");
    let refused = runner.run_async(recorder.on(Call::from(Job::new(&program))));
    assert!(matches!(refused, Err(Error::Busy { waiting: 1, max_waiting: 1 })), "{refused:?}");
    assert_eq!((waiting.status(), runner.load_now().waiting, runner.load_now().free_slots), (Status::Waiting, 1, 0));
    running.cancel();
    waiting.cancel();
    let kinds = (failure(ended(running).await).kind, failure(ended(waiting).await).kind);
    assert_eq!(kinds, (Kind::Cancelled, Kind::Cancelled));
    assert_eq!(recorder.calls().len(), 0);
}

#[tokio::test]
async fn a_run_that_waited_runs_when_a_slot_is_free() {
    let runner = builder().pool_size(1).build().expect("a runner");
    let (loops, returns) = (load(&runner, &fixture("loop")).await, load(&runner, &returning(&["2"])).await);
    let running = runner.run_async(Job::new(&loops)).expect("a slot");
    until_running(&running).await;
    let waiting = runner.run_async(Job::new(&returns)).expect("a turn");
    running.cancel();
    assert_eq!(value(ended(waiting).await), 2);
    ended(running).await;
}

#[tokio::test]
async fn nobody_overtakes_those_who_wait() {
    // With one guest thread the runs also come to the line in the order of their calls.
    let runner = builder().pool_size(1).guest_threads(1).build().expect("a runner");
    let (loops, returns) = (load(&runner, &fixture("loop")).await, load(&runner, &returning(&[])).await);
    let running = runner.run_async(Job::new(&loops)).expect("a slot");
    until_running(&running).await;
    let (sender, order) = mpsc::channel();
    let waiting: Vec<_> = (0..8)
        .map(|number| {
            let sender = sender.clone();
            let call = Job::new(&returns).at_return(move |_, _| sender.send(number));
            runner.run_async(call).expect("a turn")
        })
        .collect();
    running.cancel();
    for handle in waiting {
        ended(handle).await;
    }
    assert_eq!(order.try_iter().collect::<Vec<_>>(), (0..8).collect::<Vec<_>>());
    ended(running).await;
}

#[tokio::test]
async fn a_timeout_counts_from_the_start_of_the_run_and_not_from_the_call() {
    let runner = builder().pool_size(1).build().expect("a runner");
    let loops = load(&runner, &fixture("loop")).await;
    // Works for long enough that the clock is looked at while it does.
    let counts = load(&runner, &fixture("count").replace("COUNT", "5000000")).await;
    let first = runner.run_async(Job::new(&loops).timeout(Duration::from_millis(4_500))).expect("a slot");
    let second = runner.run_async(Job::new(&counts).timeout(Duration::from_secs(4))).expect("a turn");
    assert_eq!(failure(ended(first).await).kind, Kind::TimedOut);
    assert_eq!(value(ended(second).await), 1, "it waited longer than its timeout, and then had all of it");
}

#[tokio::test]
async fn a_resolved_handle_means_that_the_runner_counts_the_run_no_more() {
    let runner = runner();
    let program = load(&runner, &returning(&["1"])).await;
    for number in 0..500 {
        run(&runner, Job::new(&program)).await;
        let load = runner.load_now();
        assert_eq!((load.alive, load.waiting, load.free_slots), (0, 0, 4), "run {number}");
    }
}

// The memory of all runs together.

#[tokio::test]
async fn a_run_whose_start_does_not_fit_beside_others_waits_for_its_memory() {
    let runner = builder().memory_budget_bytes(1 << 20).build().expect("a runner");
    let holding = "(module (memory 12) (func (export \"run\") (loop $again (br $again))))";
    let large = fixture("start_large").replace("PAGES", "12").replace("ELEMENTS", "1");
    let (holding, large) = (load(&runner, holding).await, load(&runner, &large).await);
    let first = runner.run_async(Job::new(&holding)).expect("a slot");
    until_running(&first).await;
    let second = runner.run_async(Job::new(&large)).expect("accepted");
    assert_eq!(second.status(), ampule::Status::Waiting);
    first.cancel();
    assert!(ended(second).await.result.is_ok());
    ended(first).await;
}

#[tokio::test]
async fn a_growth_that_does_not_fit_beside_others_is_refused_and_what_ended_gives_back() {
    let runner = builder().memory_budget_bytes(1 << 20).build().expect("a runner");
    let holding = "(module (memory 12) (func (export \"run\") (loop $again (br $again))))";
    let growing = fixture("grow").replace("THEN", "(call $number (memory.size))");
    let (holding, growing) = (load(&runner, holding).await, load(&runner, &growing).await);
    let first = runner.run_async(Job::new(&holding)).expect("a slot");
    until_running(&first).await;
    let beside = run(&runner, Job::new(&growing)).await;
    first.cancel();
    ended(first).await;
    let alone = run(&runner, Job::new(&growing)).await;
    assert!(beside.usage.memory_refused && alone.usage.memory_refused);
    assert_eq!((value(beside), value(alone)), (json!(4), json!(16)));
}

#[tokio::test]
async fn a_start_that_the_budget_could_never_hold_is_out_of_memory() {
    let runner = builder().memory_budget_bytes(1 << 20).build().expect("a runner");
    let large = fixture("start_large").replace("PAGES", "17").replace("ELEMENTS", "1");
    let large = load(&runner, &large).await;
    assert_eq!(failure(run(&runner, Job::new(&large)).await).kind, Kind::OutOfMemory);
}

// Busy guests.

#[tokio::test]
async fn the_callers_timers_fire_while_guests_keep_every_guest_thread_busy() {
    let runner = runner();
    let program = load(&runner, &fixture("loop")).await;
    let busy: Vec<_> = (0..4).map(|_| runner.run_async(Job::new(&program).timeout(LATER)).expect("a slot")).collect();
    for handle in &busy {
        until_running(handle).await;
    }
    let mut interval = tokio::time::interval(Duration::from_millis(1));
    for _ in 0..50 {
        soon("the caller's timer fires", interval.tick()).await;
    }
    assert!(busy.iter().all(|handle| handle.status() == Status::Running));
    for handle in busy {
        handle.cancel();
        assert_eq!(failure(ended(handle).await).kind, Kind::Cancelled);
    }
}

#[tokio::test]
async fn a_short_run_ends_while_endless_ones_keep_every_guest_thread_busy() {
    let runner = builder().guest_threads(1).build().expect("a runner");
    let (loops, returns) = (load(&runner, &fixture("loop")).await, load(&runner, &returning(&["1"])).await);
    let busy: Vec<_> = (0..3).map(|_| runner.run_async(Job::new(&loops).timeout(LATER)).expect("a slot")).collect();
    for handle in &busy {
        until_running(handle).await;
    }
    assert_eq!(value(run(&runner, Job::new(&returns)).await), 1);
    assert!(busy.iter().all(|handle| handle.status() == Status::Running));
    for handle in busy {
        handle.cancel();
        assert_eq!(failure(ended(handle).await).kind, Kind::Cancelled);
    }
}
