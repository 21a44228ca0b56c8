//! Why a run fails, `design.md` §4: each kind with a guest that ends so, and which kind wins where two could be said.
//!
//! Kinds come from types and flags: tests look at `kind`, `trap` and `code`, and at a message only for what it names.

use std::time::Duration;

use ampule::{Failure, Fuel, Kind, LimitOverrides, Limits, LogLevel, TrapCode};
use ampule_tests::guest::{fixture, returning, speaking};
use ampule_tests::{builder, failure, load, refusal, run, run_wat, run_wat_with, value};
use serde_json::json;

async fn failure_of(text: &str) -> Failure {
    failure(run_wat(text).await)
}

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

// Bad returns and bad calls.

#[tokio::test]
async fn a_return_that_is_no_value_is_a_bad_return() {
    let deep = "[".repeat(200) + &"]".repeat(200);
    let texts: [&[u8]; 11] =
        [b"", b" ", b"{", b"nul", b"1 2", b"{\"a\":1,}", b"'a'", b"NaN", b"1e999", b"\"\xff\"", deep.as_bytes()];
    for text in texts {
        let failure = failure_of(&speaking(&[("$return", b"7"), ("$return", text)], "")).await;
        assert_eq!((failure.kind, failure.trap), (Kind::BadReturn, None), "{}", text.escape_ascii());
        assert_eq!(failure.returns, [7], "what came before is kept");
    }
}

#[tokio::test]
async fn a_return_of_bytes_that_are_not_the_guests_is_a_bad_return() {
    let places =
        [(65_536, 1), (65_535, 2), (0, 65_537), (-1, 1), (-1, -1), (1, -1), (i32::MAX, i32::MAX), (i32::MIN, i32::MIN)];
    for (ptr, len) in places {
        let call = format!("$_return (i32.const {ptr}) (i32.const {len})");
        let failure = failure_of(&fixture("return_at").replace("FUNCTION", &call)).await;
        assert_eq!(failure.kind, Kind::BadReturn, "{ptr} {len}");
    }
}

#[tokio::test]
async fn the_last_byte_of_memory_can_be_returned() {
    let text = fixture("return_at").replace("FUNCTION", "$_return (i32.const 65535) (i32.const 1)");
    assert_eq!(value(run_wat(&text).await), 1);
}

#[tokio::test]
async fn a_return_without_an_exported_memory_is_a_bad_return() {
    assert_eq!(failure_of(&fixture("no_memory")).await.kind, Kind::BadReturn);
}

#[tokio::test]
async fn a_million_returns_end_at_the_limit_of_their_number() {
    let failure = failure_of(&fixture("million_returns")).await;
    assert_eq!((failure.kind, failure.returns.len()), (Kind::BadReturn, Limits::default().return_count));
}

#[tokio::test]
async fn as_many_returns_as_the_limit_are_fine() {
    let limits = |count| LimitOverrides { return_count: Some(count), ..LimitOverrides::default() };
    let three = run_wat_with(&returning(&["1", "2", "3"]), |job| job.limits(limits(3))).await;
    let more = run_wat_with(&returning(&["1", "2", "3"]), |job| job.limits(limits(2))).await;
    assert_eq!(three.returns.len(), 3);
    assert_eq!(failure(more).kind, Kind::BadReturn);
}

#[tokio::test]
async fn the_bytes_of_all_returns_count_together() {
    let limits = |bytes| LimitOverrides { return_bytes: Some(bytes), ..LimitOverrides::default() };
    let fitting = run_wat_with(&returning(&["111", "222"]), |job| job.limits(limits(6))).await;
    let over = failure(run_wat_with(&returning(&["111", "222"]), |job| job.limits(limits(5))).await);
    assert_eq!(value(fitting), json!([111, 222]));
    assert_eq!((over.kind, over.returns), (Kind::BadReturn, vec![json!(111)]));
}

#[tokio::test]
async fn a_bad_call_of_another_host_function_is_a_trap_of_the_host_call() {
    let calls: [(&str, &[u8]); 8] = [
        ("$progress", b"{"),
        ("$progress", b"\xff"),
        ("$log", b"\xff\xfe"),
        ("$fail", b"no JSON"),
        ("$fail", b"[]"),
        ("$fail", b"{\"type\":\"x\"}"),
        ("$fail", b"{\"message\":1}"),
        ("$fail", b"\"\xff\""),
    ];
    for (function, bytes) in calls {
        let failure = failure_of(&speaking(&[(function, bytes)], "")).await;
        assert_eq!((failure.kind, failure.trap), (Kind::Trap, Some(TrapCode::HostCall)), "{function}");
        assert!(failure.message.contains(function.trim_start_matches('$')), "{}", failure.message);
    }
}

#[tokio::test]
async fn a_progress_report_and_a_failure_document_have_a_size() {
    let mut limits = Limits::default();
    (limits.progress_bytes, limits.failure_bytes) = (4, 20);
    let runner = builder().limits(limits).build().expect("a runner");
    for call in [("$progress", b"12345" as &[u8]), ("$fail", br#"{"message":"too long"}"#)] {
        let program = load(&runner, &speaking(&[call], "")).await;
        let failure = failure(run(&runner, ampule::Job::new(&program)).await);
        assert_eq!((failure.kind, failure.trap), (Kind::Trap, Some(TrapCode::HostCall)), "{}", call.0);
    }
}

#[tokio::test]
async fn too_many_random_bytes_are_a_trap_of_the_host_call() {
    let over = failure_of(&fixture("random").replace("LEN", "1048577")).await;
    let fitting = run_wat(&fixture("random").replace("LEN", "1048576")).await;
    assert_eq!((over.kind, over.trap), (Kind::Trap, Some(TrapCode::HostCall)));
    assert!(fitting.result.is_ok());
}

// Kwargs.

fn schema(schema: &str) -> String {
    fixture("schema").replace("SCHEMA", &schema.replace('"', "\\\""))
}

#[tokio::test]
async fn kwargs_that_do_not_fit_the_schema_are_refused_with_every_violation() {
    let text = schema(r#"{"type":"object","required":["a"],"properties":{"b":{"type":"integer"}}}"#);
    let refused = run_wat_with(&text, |job| job.kwarg("b", "x").expect("a string")).await;
    assert_eq!(refused.usage.fuel, None, "nothing of it ran");
    let refused = failure(refused);
    assert_eq!(refused.kind, Kind::BadKwargs);
    assert!(refused.message.contains("`a`") && refused.message.contains("`b`"), "{}", refused.message);
    let fitting =
        run_wat_with(&text, |job| job.kwarg("a", 1).expect("a number").kwarg("b", 2).expect("a number")).await;
    assert_eq!(value(fitting), 1);
}

#[tokio::test]
async fn a_schema_that_is_none_or_refers_to_itself_is_a_bad_program() {
    for bad in ["no JSON", r#"{"type":"thing"}"#, r##"{"$ref":"#"}"##, r##"{"properties":{"a":{"$ref":"#"}}}"##] {
        assert_eq!(refusal(&schema(bad)).await.kind, Kind::BadProgram, "{bad}");
    }
}

// What a run wrote.

#[tokio::test]
async fn a_flood_of_output_is_cut_and_marked_and_fails_nothing() {
    for (descriptor, name) in [("1", "stdout"), ("2", "stderr")] {
        let outcome = run_wat(&fixture("flood").replace("FD", descriptor)).await;
        let output = outcome.output.clone();
        let (kept, cut) = match name {
            "stdout" => (output.stdout, output.truncated.stdout_bytes),
            _ => (output.stderr, output.truncated.stderr_bytes),
        };
        let limit = Limits::default().log_bytes;
        assert_eq!(cut, (1_000 * 16_384 - limit) as u64, "{name}");
        assert!(kept.starts_with(b"2111") && kept.ends_with(b"1113"), "{name}: both ends are kept");
        assert!(String::from_utf8_lossy(&kept).contains(&format!("{cut} bytes cut")), "{name}: the cut is marked");
        assert_eq!(value(outcome), 1);
    }
}

#[tokio::test]
async fn a_failure_carries_the_ends_of_output_and_log() {
    let words = fixture("say").replace("WORDS", "last words").replace("LEN", "10").replace("THEN", "unreachable");
    let stdout = failure_of(&words.replace("FD", "1")).await;
    let stderr = failure_of(&words.replace("FD", "2")).await;
    let logs = failure_of(&speaking(&[("$log", b"first"), ("$log", b"last")], "unreachable")).await.logs;
    assert_eq!((stdout.stdout_tail.as_str(), stdout.stderr_tail.as_str()), ("last words", ""));
    assert_eq!((stderr.stdout_tail.as_str(), stderr.stderr_tail.as_str()), ("", "last words"));
    assert_eq!(logs.iter().map(|line| line.message.as_str()).collect::<Vec<_>>(), ["first", "last"]);
}

#[tokio::test]
async fn the_ends_that_a_failure_carries_are_short() {
    let lines: Vec<_> = (0..30).map(|number| format!("line {number:02}")).collect();
    let calls: Vec<_> = lines.iter().map(|line| ("$log", line.as_bytes())).collect();
    let logs = failure_of(&speaking(&calls, "unreachable")).await.logs;
    let flood =
        fixture("flood").replace("FD", "1").replace("(call $return (i32.const 17) (i32.const 1))", "unreachable");
    let tail = failure_of(&flood).await.stdout_tail;
    assert_eq!(logs.iter().map(|line| line.message.as_str()).collect::<Vec<_>>(), lines[10..]);
    assert_eq!((tail.len(), tail.ends_with("1113")), (4 << 10, true));
}

#[tokio::test]
async fn a_level_past_the_end_is_the_end() {
    let cases = [("0", LogLevel::Trace), ("1", LogLevel::Debug), ("3", LogLevel::Warn), ("4", LogLevel::Error)];
    let beyond = [("-1", LogLevel::Trace), ("5", LogLevel::Error), ("2147483647", LogLevel::Error)];
    for (number, level) in cases.into_iter().chain(beyond) {
        let outcome = run_wat(&fixture("levels").replace("LEVEL", number)).await;
        assert_eq!(outcome.output.logs[0].level, level, "{number}");
    }
}

#[tokio::test]
async fn of_a_long_log_the_last_lines_are_kept_and_the_rest_is_counted() {
    let lines: Vec<_> = (0..100).map(|number| format!("line {number:02}")).collect();
    let calls: Vec<_> = lines.iter().map(|line| ("$log", line.as_bytes())).collect();
    let limits = LimitOverrides { log_bytes: Some(240), ..LimitOverrides::default() };
    let outcome = run_wat_with(&speaking(&calls, ""), |job| job.limits(limits)).await;
    let kept: Vec<_> = outcome.output.logs.iter().map(|line| line.message.clone()).collect();
    assert!(!kept.is_empty() && kept.len() < 100);
    assert_eq!(kept, lines[100 - kept.len()..]);
    assert_eq!(outcome.output.truncated.log_lines as usize, 100 - kept.len());
    assert!(outcome.result.is_ok());
}

#[tokio::test]
async fn a_log_line_longer_than_the_limit_is_cut_and_marked_and_not_lost() {
    let limits = LimitOverrides { log_bytes: Some(100), ..LimitOverrides::default() };
    let long = "ä".repeat(500);
    let outcome = run_wat_with(&speaking(&[("$log", long.as_bytes())], ""), |job| job.limits(limits)).await;
    let [line] = &outcome.output.logs[..] else { panic!("the line is kept: {:?}", outcome.output) };
    assert!(line.message.starts_with("äää") && line.message.contains("bytes cut"), "{}", line.message);
}

#[tokio::test]
async fn a_log_line_of_the_limit_is_kept() {
    let limits = LimitOverrides { log_bytes: Some(100), ..LimitOverrides::default() };
    let line = "a".repeat(95);
    let outcome = run_wat_with(&speaking(&[("$log", line.as_bytes())], ""), |job| job.limits(limits)).await;
    let kept: Vec<_> = outcome.output.logs.iter().map(|line| line.message.as_str()).collect();
    assert_eq!(kept, [line.as_str()]);
}
