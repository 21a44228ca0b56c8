//! What a person reads: failures first, each with all that helps to mend it, then every case, and the count last.

use super::{shell_with_suite, shell_with_suites};

fn human(text: &str) -> String {
    let ended = shell_with_suite(text).call(["test", "own"]);
    assert_eq!((ended.code, ended.stderr.as_str()), (Some(1), ""));
    ended.stdout
}

#[test]
fn failures_come_first_and_the_count_last() {
    let report = human(
        r#"
        program = "../echo.wat"
        [[case]]
        name = "passes"
        budget = { fuel = 100 }
        [[case]]
        name = "differs"
        kwargs = { n = 1, list = [1, 2, 3, 4, 5, 6, 7, 8, 9] }
        result = { n = 1, list = [1, 2, 3, 4, 6, 7, 8, 9, 10] }
        budget = { fuel = 5, memory_bytes = 1000 }
        [[case]]
        name = "not today"
        skip = "it rains"
        "#,
    );
    insta::assert_snapshot!(report);
}

#[test]
fn a_run_that_failed_is_shown_with_where_it_was_and_what_it_wrote() {
    let report = human(
        r#"
        [[case]]
        name = "traps"
        program = "../trap.wat"
        [[case]]
        name = "reports"
        program = "../fail.wat"
        failure = { kind = "panic" }
        [[case]]
        name = "tells"
        program = "../tell.wat"
        result = 8
        [[case]]
        name = "leaves"
        program = "../exit.wat"
        [[case]]
        name = "loops"
        program = "../loop.wat"
        limits = { fuel = 1000 }
        [[case]]
        name = "is refused"
        program = "../missing.wat"
        "#,
    );
    insta::assert_snapshot!(report);
}

#[test]
fn a_command_that_is_too_long_to_read_is_printed_on_request() {
    let long = "x".repeat(1_000);
    let text = format!(
        "program = \"../echo.wat\"\n[[case]]\nname = \"it's long\"\nkwargs = {{ text = \"{long}\" }}\nresult = 1"
    );
    let report = human(&text);
    assert!(report.contains(r"repeat it: ampule test own/own.suite.toml --repro --filter 'it'\''s long'"), "{report}");
}

#[test]
fn nothing_in_a_report_is_obeyed_by_a_terminal() {
    let ended = shell_with_suites().call(["test", "suites/hostile.suite.toml"]);
    assert!(ended.stdout.contains("\\u{1b}[2J"), "{}", ended.stdout);
    assert!(!ended.stdout.contains(|c: char| c.is_control() && c != '\n'), "{}", ended.stdout);
}
