//! Why a run fails, `design.md` §4: each kind with a guest that ends so, and which kind wins where two could be said.
//!
//! Kinds come from types and flags: tests look at `kind`, `trap` and `code`, and at a message only for what it names.
//! Calls that the host refuses are in `calls.rs`, and output that is too much is in `output.rs`.

use std::time::Duration;

use ampule::{Fuel, Kind, LimitOverrides, TrapCode};
use ampule_tests::guest::{fixture, speaking};
use ampule_tests::{builder, ended, failure, failure_of, load, run, run_wat, run_wat_with, value};
use serde_json::json;

fn trap(body: &str) -> String {
    fixture("trap").replace("BODY", body)
}

// Traps, each with its code.

#[tokio::test]
async fn an_unreachable_instruction_is_a_trap_with_its_code() {
    let failure = failure_of(&trap("unreachable")).await;
    assert_eq!((failure.kind, failure.trap, failure.code), (Kind::Trap, Some(TrapCode::Unreachable), None));
}

#[tokio::test]
async fn each_way_to_break_the_rules_has_a_code_of_its_own() {
    let cases = [
        ("(call_indirect (type $plain) (i32.const 0))", TrapCode::IndirectCallToNull),
        ("(call_indirect (type $plain) (i32.const 1))", TrapCode::BadSignature),
        ("(call_indirect (type $plain) (i32.const 2))", TrapCode::TableOutOfBounds),
        ("(drop (table.get $t (i32.const 2)))", TrapCode::TableOutOfBounds),
        ("(drop (i32.load (i32.const 65533)))", TrapCode::MemoryOutOfBounds),
        ("(i32.store (i32.const -1) (i32.const 0))", TrapCode::MemoryOutOfBounds),
        ("(memory.fill (i32.const 1) (i32.const 0) (i32.const 65536))", TrapCode::MemoryOutOfBounds),
        ("(drop (i32.div_u (i32.const 1) (i32.const 0)))", TrapCode::IntegerDivideByZero),
        ("(drop (i32.div_s (i32.const 0x80000000) (i32.const -1)))", TrapCode::IntegerOverflow),
        ("(drop (i32.trunc_f32_s (f32.const nan)))", TrapCode::BadConversionToInteger),
        ("(drop (i32.trunc_f32_s (f32.const 1e30)))", TrapCode::IntegerOverflow),
    ];
    for (body, code) in cases {
        let failure = failure_of(&trap(body)).await;
        assert_eq!((failure.kind, failure.trap), (Kind::Trap, Some(code)), "{body}");
    }
}

#[tokio::test]
async fn endless_recursion_is_a_stack_overflow() {
    let failure = failure_of(&fixture("recursion")).await;
    assert_eq!((failure.kind, failure.trap), (Kind::Trap, Some(TrapCode::StackOverflow)));
}

#[tokio::test]
async fn a_trap_carries_a_backtrace_of_names_apart_from_its_message() {
    let failure = failure_of(&fixture("unreachable")).await;
    let backtrace = failure.backtrace.expect("a trap has one");
    let names: Vec<_> = backtrace.frames.iter().map(|frame| frame.function.as_str()).collect();
    assert_eq!(names, ["look_inside", "lift_the_lid", "open_the_box"]);
    assert!(!failure.message.contains("lift_the_lid"), "{}", failure.message);
}

#[tokio::test]
async fn functions_without_names_are_numbered() {
    let failure = failure_of("(module (func) (func (export \"run\") unreachable))").await;
    assert_eq!(failure.backtrace.expect("a trap has one").frames[0].function, "function 1");
}

#[tokio::test]
async fn mangled_rust_names_are_shown_as_they_were_written_and_without_their_hashes() {
    let names = [
        ("_ZN3job6hidden12look_further17h0123456789abcdefE", "job::hidden::look_further"),
        (
            "_ZN42_$LT$job..Box$u20$as$u20$job..Openable$GT$4open17hfedcba9876543210E",
            "<job::Box as job::Openable>::open",
        ),
        ("_RNvCs4fqI2P2rA04_3job12lift_the_lid", "job::lift_the_lid"),
        ("_RNCNvCs4fqI2P2rA04_3job4open0B3_", "job::open::{closure#0}"),
    ];
    for (mangled, shown) in names {
        assert_eq!(first_frame(mangled).await, shown);
    }
}

#[tokio::test]
async fn names_that_are_not_mangled_rust_are_shown_as_they_stand() {
    for name in [
        "look_inside",
        "_ZN5shape4areaEv",
        "_Z4areav",
        "_ZN",
        "_R",
        "_RNv",
        "_ZN999999999999999999999999E",
        "main.loop",
    ] {
        assert_eq!(first_frame(name).await, name);
    }
}

/// The name under which a function with this name is shown where it traps.
async fn first_frame(name: &str) -> String {
    let text = format!("(module (func ${name} unreachable) (func (export \"run\") (call ${name}) (nop)))");
    failure_of(&text).await.backtrace.expect("a trap has one").frames.remove(0).function
}

#[tokio::test]
async fn a_backtrace_of_a_deep_recursion_is_cut() {
    let backtrace = failure_of(&fixture("recursion")).await.backtrace.expect("a trap has one");
    assert_eq!((backtrace.frames.len(), backtrace.frames[0].function.as_str()), (32, "deeper"));
}

// Exits.

#[tokio::test]
async fn a_status_is_kept_whole_and_is_exit() {
    for code in [1, 2, 125, 126, 127, 255, 256, 65_536, i32::MAX as u32, u32::MAX] {
        let failure = failure_of(&fixture("exit").replace("CODE", &code.to_string())).await;
        assert_eq!((failure.kind, failure.code, failure.trap), (Kind::Exit, Some(code), None));
        assert_eq!((failure.backtrace, failure.returns), (None, vec![json!(1)]));
    }
}

// The job's own account.

#[tokio::test]
async fn a_reported_failure_is_guest_even_if_the_job_then_returns() {
    let document = br#"{"type":"ValueError","message":"no such thing","traceback":"line 3","retry":true}"#;
    let failure = failure_of(&speaking(&[("$return", b"1"), ("$fail", document)], "")).await;
    assert_eq!((failure.kind, failure.message.as_str()), (Kind::Guest, "no such thing"));
    assert_eq!((failure.error_type.as_deref(), failure.traceback.as_deref()), (Some("ValueError"), Some("line 3")));
    assert_eq!((failure.retry, failure.returns), (Some(true), vec![json!(1)]));
}

#[tokio::test]
async fn a_reported_failure_is_guest_even_if_the_job_then_leaves_with_status_0() {
    let failure = failure_of(&fixture("fail_and_leave").replace("THEN", "(call $exit (i32.const 0))")).await;
    assert_eq!((failure.kind, failure.message.as_str()), (Kind::Guest, "not today"));
}

#[tokio::test]
async fn a_reported_failure_outranks_the_exit_and_keeps_its_status() {
    let failure = failure_of(&fixture("fail_and_leave").replace("THEN", "(call $exit (i32.const 3))")).await;
    assert_eq!((failure.kind, failure.code), (Kind::Guest, Some(3)));
}

#[tokio::test]
async fn a_reported_failure_outranks_the_trap_and_keeps_its_code() {
    let failure = failure_of(&fixture("fail_and_leave").replace("THEN", "unreachable")).await;
    assert_eq!((failure.kind, failure.trap), (Kind::Guest, Some(TrapCode::Unreachable)));
    assert!(failure.backtrace.is_some());
}

#[tokio::test]
async fn a_reported_failure_does_not_hide_a_spent_budget() {
    let text = fixture("fail_and_leave").replace("THEN", "(loop $again (br $again))");
    let outcome = run_wat_with(&text, |job| job.fuel(10_000)).await;
    assert_eq!(failure(outcome).kind, Kind::OutOfFuel);
}

#[tokio::test]
async fn a_reported_failure_of_type_panic_is_panic_with_its_place() {
    let document = br#"{"type":"panic","message":"index out of range","location":"src/main.rs:3:5"}"#;
    let failure = failure_of(&speaking(&[("$fail", document)], "unreachable")).await;
    assert_eq!((failure.kind, failure.trap), (Kind::Panic, Some(TrapCode::Unreachable)));
    assert!(failure.message.contains("index out of range") && failure.message.contains("src/main.rs:3:5"));
}

#[tokio::test]
async fn of_two_reported_failures_the_last_counts() {
    let calls: [(&str, &[u8]); 2] = [("$fail", br#"{"message":"first"}"#), ("$fail", br#"{"message":"last"}"#)];
    assert_eq!(failure_of(&speaking(&calls, "")).await.message, "last");
}

// Fuel and time.

#[tokio::test]
async fn a_loop_runs_out_of_fuel_exactly() {
    let outcome = run_wat_with(&fixture("loop"), |job| job.fuel(100_000)).await;
    assert_eq!(outcome.usage.fuel, Some(Fuel::Exact(100_000)));
    assert_eq!(failure(outcome).kind, Kind::OutOfFuel);
}

#[tokio::test]
async fn a_loop_in_the_start_section_runs_out_of_fuel() {
    let outcome = run_wat_with(&fixture("start_loop"), |job| job.fuel(100_000)).await;
    assert_eq!(failure(outcome).kind, Kind::OutOfFuel);
}

#[tokio::test]
async fn a_loop_is_timed_out_and_its_fuel_is_unknown() {
    let outcome = run_wat_with(&fixture("loop"), |job| job.timeout(Duration::from_millis(30))).await;
    assert_eq!(outcome.usage.fuel, None);
    assert_eq!(failure(outcome).kind, Kind::TimedOut);
}

#[tokio::test]
async fn a_busy_guest_that_is_timed_out_tells_where_it_was_however_many_take_turns() {
    let runner = builder().pool_size(32).build().expect("a runner");
    let program = load(&runner, &fixture("loop")).await;
    let job = || ampule::Job::new(&program).timeout(Duration::from_millis(20));
    let handles: Vec<_> = (0..32).map(|_| runner.run_async(job()).expect("a turn")).collect();
    for handle in handles {
        let failure = failure(ended(handle).await);
        assert_eq!(
            (failure.kind, failure.backtrace.map(|backtrace| backtrace.frames.len())),
            (Kind::TimedOut, Some(1))
        );
    }
}

#[tokio::test]
async fn a_loop_in_the_start_section_is_timed_out() {
    let outcome = run_wat_with(&fixture("start_loop"), |job| job.timeout(Duration::from_millis(30))).await;
    assert_eq!(failure(outcome).kind, Kind::TimedOut);
}

#[tokio::test]
async fn a_loop_that_is_not_metered_is_timed_out_too() {
    let runner = builder().metering(false).build().expect("a runner");
    let program = load(&runner, &fixture("loop")).await;
    let outcome = run(&runner, ampule::Job::new(&program).timeout(Duration::from_millis(30))).await;
    assert_eq!(failure(outcome).kind, Kind::TimedOut);
}

#[tokio::test]
async fn a_timeout_covers_a_sleep_in_a_host_call() {
    let text = fixture("sleep").replace("NANOSECONDS", "3600000000000");
    let outcome = run_wat_with(&text, |job| job.timeout(Duration::from_millis(50))).await;
    assert_eq!(failure(outcome).kind, Kind::TimedOut);
}

#[tokio::test]
async fn a_flood_without_end_is_timed_out() {
    let endless = fixture("flood").replace("FD", "1").replace("(br_if $again (local.get $n))", "(br $again)");
    let outcome = run_wat_with(&endless, |job| job.timeout(Duration::from_millis(30))).await;
    assert_eq!(failure(outcome).kind, Kind::TimedOut);
}

#[tokio::test]
async fn the_fuel_of_a_trap_is_a_lower_bound() {
    let outcome = run_wat(&trap("unreachable")).await;
    assert!(matches!(outcome.usage.fuel, Some(Fuel::AtLeast(_))), "{:?}", outcome.usage.fuel);
}

#[tokio::test]
async fn the_fuel_of_an_exit_is_exact() {
    let used = async || run_wat(&fixture("exit").replace("CODE", "3")).await.usage.fuel;
    let (first, second) = (used().await, used().await);
    assert!(matches!(first, Some(Fuel::Exact(units)) if units > 0), "{first:?}");
    assert_eq!(first, second);
}

// Memory.

fn grow(then: &str) -> String {
    fixture("grow").replace("THEN", then)
}

#[tokio::test]
async fn a_job_that_copes_with_refused_memory_returns_and_the_refusal_is_noted() {
    let outcome = run_wat_with(&grow("(call $number (memory.size))"), |job| job.memory_bytes(640 << 10)).await;
    assert_eq!((outcome.usage.memory_refused, outcome.usage.memory_peak_bytes), (true, 640 << 10));
    assert_eq!(value(outcome), 10);
}

#[tokio::test]
async fn a_job_that_traps_after_refused_memory_is_out_of_memory() {
    let outcome = run_wat_with(&grow("unreachable"), |job| job.memory_bytes(640 << 10)).await;
    assert!(outcome.usage.memory_refused);
    let failure = failure(outcome);
    assert_eq!((failure.kind, failure.trap), (Kind::OutOfMemory, Some(TrapCode::Unreachable)));
    assert!(failure.message.contains(&(640 << 10).to_string()), "it names the limit: {}", failure.message);
}

#[tokio::test]
async fn a_job_that_leaves_after_refused_memory_is_out_of_memory() {
    let outcome = run_wat_with(&grow("(call $exit (i32.const 134))"), |job| job.memory_bytes(640 << 10)).await;
    let failure = failure(outcome);
    assert_eq!((failure.kind, failure.code), (Kind::OutOfMemory, Some(134)));
}

#[tokio::test]
async fn a_job_that_leaves_with_status_0_after_refused_memory_has_returned() {
    let outcome = run_wat_with(&grow("(call $exit (i32.const 0))"), |job| job.memory_bytes(640 << 10)).await;
    assert!(outcome.usage.memory_refused);
    assert_eq!(value(outcome), json!(null));
}

#[tokio::test]
async fn a_job_that_reports_refused_memory_itself_stays_guest() {
    for last in ["(call $exit (i32.const 1))", "(call $exit (i32.const 0))", "unreachable", ""] {
        let then = format!("(call $fail (i32.const 0) (i32.const 42)) {last}");
        let outcome = run_wat_with(&grow(&then), |job| job.memory_bytes(640 << 10)).await;
        assert!(outcome.usage.memory_refused);
        let failure = failure(outcome);
        assert_eq!((failure.kind, failure.error_type.as_deref()), (Kind::Guest, Some("MemoryError")), "{last:?}");
    }
}

#[tokio::test]
async fn a_growth_past_the_programs_own_maximum_is_no_refusal() {
    let outcome = run_wat(&fixture("grow_past_maximum")).await;
    assert!(!outcome.usage.memory_refused);
    assert_eq!(failure(outcome).kind, Kind::Trap);
}

#[tokio::test]
async fn a_start_over_the_memory_limit_is_out_of_memory() {
    let text = fixture("start_large").replace("PAGES", "20").replace("ELEMENTS", "1");
    let outcome = run_wat_with(&text, |job| job.memory_bytes(640 << 10)).await;
    assert_eq!((outcome.usage.memory_refused, failure(outcome).kind), (true, Kind::OutOfMemory));
}

#[tokio::test]
async fn a_start_of_exactly_the_memory_limit_is_none() {
    let text = fixture("start_large").replace("PAGES", "10").replace("ELEMENTS", "1");
    let outcome = run_wat_with(&text, |job| job.memory_bytes(640 << 10)).await;
    assert_eq!(value(outcome), json!(null));
}

#[tokio::test]
async fn tables_over_their_limit_are_out_of_memory() {
    let limits = || LimitOverrides { table_elements: Some(1_000), ..LimitOverrides::default() };
    let large = fixture("start_large").replace("PAGES", "1").replace("ELEMENTS", "1001");
    let growing = fixture("grow_table").replace("ELEMENTS", "1001");
    let fitting = fixture("grow_table").replace("ELEMENTS", "1000");
    assert_eq!(failure(run_wat_with(&large, |job| job.limits(limits())).await).kind, Kind::OutOfMemory);
    assert_eq!(failure(run_wat_with(&growing, |job| job.limits(limits())).await).kind, Kind::OutOfMemory);
    assert_eq!(value(run_wat_with(&fitting, |job| job.limits(limits())).await), json!(null));
}
