//! `ampule test`: every form of input and expectation holds where it should and fails where it should.

mod budgets;
mod formats;
mod reports;
mod unreadable;
mod xml;

use std::fs;
use std::path::Path;

use serde_json::{Value, json};

use super::shell::{Ended, Shell};

/// A shell with the fixtures in it: programs at its root, suites in `suites`.
fn shell_with_suites() -> Shell {
    let shell = Shell::new();
    let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/command/fixtures");
    copy(&fixtures, shell.directory.path());
    shell
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap().map(Result::unwrap) {
        let target = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).unwrap();
        }
    }
}

/// A shell with one suite of this text, beside the programs.
fn shell_with_suite(text: &str) -> Shell {
    let shell = shell_with_suites();
    shell.file("own/own.suite.toml", text);
    shell
}

/// The cases of a JSON report, in order.
fn cases(ended: &Ended) -> Vec<Value> {
    let document = ended.document();
    let suites = document["suites"].as_array().unwrap();
    suites.iter().flat_map(|suite| suite["cases"].as_array().unwrap().clone()).collect()
}

#[test]
fn every_form_holds_where_it_should() {
    let shell = shell_with_suites();
    let ended = shell.call(["test", "--format", "json", "suites/passes.suite.toml"]);
    let document = ended.document();
    assert_eq!((&document["passed"], &document["failed"], &document["skipped"]), (&json!(23), &json!(0), &json!(1)));
    assert_eq!((ended.code, &document["fault"]), (Some(0), &Value::Null));
    for case in cases(&ended) {
        assert_eq!(case["problems"], json!([]), "{case}");
    }
}

#[test]
fn every_form_fails_where_it_should_and_for_its_own_reason() {
    let shell = shell_with_suites();
    let ended = shell.call(["test", "--format", "json", "suites/fails.suite.toml"]);
    assert_eq!(ended.code, Some(1));
    let cases = cases(&ended);
    assert_eq!(cases.len(), 45);
    for case in cases {
        let (expected, _) = case["name"].as_str().unwrap().split_once(':').unwrap();
        let problems: Vec<_> =
            case["problems"].as_array().unwrap().iter().map(|problem| problem["what"].as_str().unwrap()).collect();
        assert_eq!((&case["status"], problems), (&json!("failed"), vec![expected]), "{case}");
    }
}

#[test]
fn cases_run_in_any_number_at_once_with_the_same_report() {
    let shell = shell_with_suites();
    let told = |jobs: &str| {
        let ended = shell.call(["test", "--jobs", jobs, "suites"]);
        assert_eq!(ended.code, Some(1), "{}", ended.stderr);
        ended.stdout
    };
    assert_eq!(told("1"), told("4"));
}

#[test]
fn a_case_is_chosen_by_a_part_of_its_name() {
    let shell = shell_with_suites();
    let listed = |arguments: &[&str]| shell.call([&["test", "--list", "suites"], arguments].concat());
    assert_eq!(listed(&[]).stdout.lines().count(), 23 + 1 + 45 + 3);
    assert_eq!(listed(&["--filter", "passes::snapshot"]).stdout, "suites/passes::snapshot\n");
    let two = listed(&["--filter", "passes::snapshot", "--filter", "an exit"]);
    assert_eq!(two.stdout, "suites/passes::snapshot\nsuites/passes::an exit\n");
    let ended = shell.call(["test", "suites", "--filter", "passes::snapshot"]);
    assert_eq!((ended.code, ended.stdout.lines().last()), (Some(0), Some("1 passed, 0 failed, 0 skipped")));
    let none = listed(&["--filter", "no such name"]);
    assert_eq!((none.code, none.stdout.as_str()), (Some(2), ""));
    assert!(none.stderr.contains("found none among 72"), "{}", none.stderr);
}

#[test]
fn after_a_failure_nothing_more_is_started_if_so_asked() {
    let shell = shell_with_suites();
    let ended = shell.call(["test", "suites/fails.suite.toml", "--fail-fast", "--jobs", "1"]);
    assert_eq!((ended.code, ended.stdout.lines().last()), (Some(1), Some("0 passed, 1 failed, 44 skipped")));
    assert!(ended.stdout.contains("skip  result: another value  not started"), "{}", ended.stdout);
}

#[test]
fn a_case_is_run_again_only_if_so_asked() {
    let shell = shell_with_suites();
    let attempts = |retries: &str| {
        let ended = shell.call(["test", "--retries", retries, "--format", "json", "suites", "--filter", "check: less"]);
        assert_eq!(ended.code, Some(1));
        cases(&ended)[0]["attempts"].clone()
    };
    assert_eq!((attempts("0"), attempts("2")), (json!(1), json!(3)));
}

#[test]
fn a_path_is_a_suite_or_a_directory_and_each_suite_is_run_once() {
    let shell = shell_with_suites();
    let ended = shell.call(["test", "suites/passes.suite.toml", "./suites/passes.suite.toml", "--filter", "passes"]);
    assert_eq!(ended.stdout.lines().last(), Some("23 passed, 0 failed, 1 skipped"));
    let here = shell.call(["test", "--filter", "passes::an exit"]);
    assert_eq!((here.code, here.stdout.lines().next()), (Some(0), Some("suites/passes.suite.toml")));
}

#[test]
fn no_suite_at_all_is_an_error() {
    let shell = Shell::new();
    shell.file("empty/adder.toml", "");
    for (path, said) in [
        ("empty", "expected a suite, `NAME.suite.toml`, in empty, found none"),
        ("absent", "absent: expected a suite or a directory"),
        ("empty/adder.toml", "expected a name that ends in `.suite.toml`"),
    ] {
        let ended = shell.call(["test", path]);
        assert_eq!((ended.code, ended.stdout.as_str()), (Some(2), ""));
        assert!(ended.stderr.contains(said), "{}", ended.stderr);
    }
}

#[test]
fn the_line_that_repeats_a_case_repeats_it() {
    let shell = shell_with_suite(
        r#"
        program = "../echo.wat"
        [[case]]
        name = "quotes"
        kwargs = { text = "it's $HOME", n = 1 }
        [[case]]
        name = "files"
        program = "../files.wat"
        dirs = ["../suites/given::/data"]
        env = { A = "b c" }
        args = ["x", "--y"]
        seed = 7
        limits = { timeout_ms = 5000, fuel = 100000, memory_bytes = 65536 }
        [[case]]
        name = "input"
        program = "../wasi.wat"
        stdin = "typed\n"
        scratch = ["/out"]
        "#,
    );
    let printed = shell.call(["test", "--repro", "own"]).stdout;
    insta::assert_snapshot!(printed, @r#"
    # own/own::quotes
    ampule run own/../echo.wat --kwargs '{"text":"it'\''s $HOME","n":1}' --seed 0
    # own/own::files
    ampule run own/../files.wat --dir own/../suites/given::/data --env 'A=b c' --seed 7 --timeout 5000ms --fuel 100000 --memory 65536 -- x --y
    # own/own::input
    printf %s 'typed
    ' | ampule run own/../wasi.wat --seed 0 --stdin - --dir "$(mktemp -d)"::/out:rw
    "#);
    let line = printed.lines().nth(1).unwrap().replace("ampule", env!("CARGO_BIN_EXE_ampule"));
    let mut command = std::process::Command::new("sh");
    command.args(["-c", &line]).current_dir(shell.directory.path()).env("AMPULE_CACHE", shell.path("cache"));
    let output = command.output().unwrap();
    assert_eq!(String::from_utf8(output.stdout).unwrap(), "{\"text\":\"it's $HOME\",\"n\":1}\n");
}

#[test]
fn a_source_is_run_by_its_interpreter_as_a_text_or_as_a_file() {
    let shell = Shell::with_interpreters();
    shell.file("twice.py", "_return(n + n)\nprogress('half')\n_return(n * 3)");
    shell.file(
        "twice.suite.toml",
        r#"
        source_file = "twice.py"
        [[case]]
        name = "a file says its language"
        kwargs = { n = 2 }
        result = [4, 6]
        progress = ["half"]
        [[case]]
        name = "an error has its type"
        kwargs = { n = {} }
        failure = { kind = "guest", type = "TypeError", message_contains = "dict" }
        [[case]]
        name = "a text of its own"
        source = "n.map(x => x * 2)"
        language = "javascript"
        kwargs = { n = [1, 2] }
        result = [2, 4]
        "#,
    );
    let ended = shell.call(["test"]);
    assert_eq!(ended.stdout.lines().last(), Some("3 passed, 0 failed, 0 skipped"), "{}", ended.stdout);
    let repeated = shell.call(["test", "--repro", "--filter", "text of its own"]).stdout;
    assert!(repeated.contains("ampule eval -l javascript 'n.map(x => x * 2)'"), "{repeated}");
}
