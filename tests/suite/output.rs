//! What a run wrote and logged: kept up to a ceiling, cut with a mark, carried along by a failure.
//!
//! A flood fails nothing unless the limits say that it does; then it is `log_overflow`.

use ampule::{Job, Kind, LimitOverrides, Limits, LogLevel};
use ampule_tests::guest::{fixture, speaking};
use ampule_tests::{builder, failure, failure_of, load, run, run_wat, run_wat_with, value};

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

// Overflow as a failure, where that is asked for.

/// Keeps this many bytes, and fails if there are more.
fn at_most(log_bytes: usize) -> impl FnOnce(Job) -> Job {
    let limits =
        LimitOverrides { log_bytes: Some(log_bytes), log_overflow_fails: Some(true), ..LimitOverrides::default() };
    move |job| job.limits(limits)
}

#[tokio::test]
async fn a_flood_on_a_stream_is_log_overflow_and_keeps_both_ends_of_what_it_wrote() {
    for (descriptor, name) in [("1", "stdout"), ("2", "stderr")] {
        let outcome = run_wat_with(&fixture("flood").replace("FD", descriptor), at_most(10_000)).await;
        let (output, other) = (outcome.output.clone(), if name == "stdout" { "stderr" } else { "stdout" });
        let (kept, cut) = match name {
            "stdout" => (output.stdout, output.truncated.stdout_bytes),
            _ => (output.stderr, output.truncated.stderr_bytes),
        };
        let failure = failure(outcome);
        assert_eq!((failure.kind, failure.kind.as_str(), failure.trap), (Kind::LogOverflow, "log_overflow", None));
        assert!(failure.message.contains("10000 bytes") && failure.message.contains(name), "{}", failure.message);
        assert!(!failure.message.contains(other), "{}", failure.message);
        assert_eq!(failure.returns, [0; 0], "it came no further");
        assert!(kept.starts_with(b"2111") && kept.ends_with(b"1111") && cut > 0, "{name}: {cut} bytes cut");
        assert!(String::from_utf8_lossy(&kept).contains(&format!("{cut} bytes cut")), "{name}: the cut is marked");
    }
}

#[tokio::test]
async fn a_flood_of_the_log_is_log_overflow_and_keeps_its_last_lines() {
    let lines: Vec<_> = (0..100).map(|number| format!("line {number:02}")).collect();
    let calls: Vec<_> = lines.iter().map(|line| ("$log", line.as_bytes())).collect();
    let outcome = run_wat_with(&speaking(&calls, ""), at_most(240)).await;
    let (kept, cut) = (outcome.output.logs.clone(), outcome.output.truncated.log_lines as usize);
    let failure = failure(outcome);
    assert_eq!((failure.kind, failure.trap), (Kind::LogOverflow, None));
    assert!(failure.message.contains("logged") && failure.message.contains("240 bytes"), "{}", failure.message);
    assert_eq!(cut, 1, "it ends at the first line that is too much");
    assert_eq!(kept.iter().map(|line| line.message.as_str()).collect::<Vec<_>>(), lines[1..=kept.len()]);
    assert_eq!(failure.logs, kept);
}

#[tokio::test]
async fn output_of_exactly_the_limit_is_no_overflow_and_one_byte_more_is() {
    let words = fixture("say").replace("WORDS", "last words").replace("LEN", "10").replace("THEN", "");
    for descriptor in ["1", "2"] {
        let text = words.replace("FD", descriptor);
        let (fitting, over) = (run_wat_with(&text, at_most(10)).await, run_wat_with(&text, at_most(9)).await);
        assert!(fitting.result.is_ok(), "{:?}", fitting.result);
        assert_eq!(failure(over).kind, Kind::LogOverflow);
    }
}

#[tokio::test]
async fn a_runner_can_ask_for_it_and_a_job_can_let_it_be() {
    let mut limits = Limits::default();
    limits.log_overflow_fails = true;
    let runner = builder().limits(limits).build().expect("a runner");
    let program = load(&runner, &fixture("flood").replace("FD", "1")).await;
    let asked = run(&runner, Job::new(&program)).await;
    let lenient = LimitOverrides { log_overflow_fails: Some(false), ..LimitOverrides::default() };
    let let_be = run(&runner, Job::new(&program).limits(lenient)).await;
    assert_eq!(failure(asked).kind, Kind::LogOverflow);
    assert_eq!(value(let_be), 1);
}

#[tokio::test]
async fn a_log_line_that_is_too_long_by_itself_is_log_overflow() {
    let outcome = run_wat_with(&speaking(&[("$log", "a".repeat(101).as_bytes())], ""), at_most(100)).await;
    assert_eq!(failure(outcome).kind, Kind::LogOverflow);
}
