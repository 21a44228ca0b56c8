//! What a guest hands to the host by a call, and each ceiling on it: values, reports of progress and of failure.
//!
//! Places and lengths drawn at random are in `boundary.rs`; what is logged and written is in `output.rs`.

use ampule::{Kind, LimitOverrides, Limits, TrapCode};
use ampule_tests::guest::{fixture, returning, speaking};
use ampule_tests::{builder, failure, failure_of, load, run, run_wat, run_wat_with, value};
use serde_json::json;

// Values that are none.

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
async fn the_json_values_of_all_returns_count_together_nested_ones_included() {
    let limits = |nodes| LimitOverrides { return_nodes: Some(nodes), ..LimitOverrides::default() };
    let texts = [r#"[1,[2,"[,{"]]"#, "[3]"];
    let fitting = run_wat_with(&returning(&texts), |job| job.limits(limits(7))).await;
    let over = failure(run_wat_with(&returning(&texts), |job| job.limits(limits(6))).await);
    assert_eq!(fitting.returns, [json!([1, [2, "[,{"]]), json!([3])]);
    assert_eq!((over.kind, over.returns), (Kind::BadReturn, vec![json!([1, [2, "[,{"]])]));
    assert!(over.message.contains("returned 7") && over.message.contains("limit is 6"), "{}", over.message);
}

#[tokio::test]
async fn as_many_json_values_as_the_limit_are_fine_and_one_more_is_a_bad_return() {
    // The list is a value too.
    let ones = |values: usize| format!("[{}1]", "1,".repeat(values - 2));
    let limit = Limits::default().return_nodes;
    let fitting = run_wat(&returning(&[&ones(limit)])).await;
    let over = failure_of(&returning(&[&ones(limit + 1)])).await;
    assert_eq!((limit, value(fitting).as_array().map(Vec::len)), (250_000, Some(249_999)));
    assert_eq!(over.kind, Kind::BadReturn);
    assert!(over.message.contains("returned 250001") && over.message.contains("limit is 250000"), "{}", over.message);
}

#[tokio::test]
async fn empty_containers_without_number_are_a_bad_return_long_before_their_bytes_are_too_many() {
    for text in ["{},", "[],", "[[]],", r#"{"":{}},"#] {
        let text = format!("[{}0]", text.repeat(300_000));
        assert!(text.len() < Limits::default().return_bytes);
        let failure = failure_of(&returning(&[&text])).await;
        assert_eq!(failure.kind, Kind::BadReturn);
        assert!(failure.message.contains("limit is 250000"), "{}", failure.message);
    }
}

// Other calls.

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
async fn a_progress_report_has_4_kib_and_one_that_is_longer_says_by_how_much() {
    let report = |bytes: usize| format!("\"{}\"", "a".repeat(bytes - 2));
    let fitting = run_wat(&speaking(&[("$progress", report(4_096).as_bytes())], "")).await;
    let over = failure_of(&speaking(&[("$progress", report(4_097).as_bytes())], "")).await;
    assert_eq!(value(fitting), json!(null));
    assert_eq!((over.kind, over.trap), (Kind::Trap, Some(TrapCode::HostCall)));
    assert_eq!(over.message, "progress: expected at most 4096 bytes, found 4097");
}

#[tokio::test]
async fn too_many_random_bytes_are_a_trap_of_the_host_call() {
    let over = failure_of(&fixture("random").replace("LEN", "1048577")).await;
    let fitting = run_wat(&fixture("random").replace("LEN", "1048576")).await;
    assert_eq!((over.kind, over.trap), (Kind::Trap, Some(TrapCode::HostCall)));
    assert!(fitting.result.is_ok());
}
