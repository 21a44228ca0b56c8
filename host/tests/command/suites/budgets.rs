//! What a case may cost: the same fuel whatever runs beside it, records that `--bless` writes, and changes past them.

use std::fs;

use serde_json::{Value, json};

use super::{Shell, cases, shell_with_suite, shell_with_suites};

const SUITE: &str = r#"
program = "../echo.wat"

[defaults]
tolerance_percent = 5

[[case]]
name = "zebra"
snapshot = "kept/zebra.json"

[[case]]
name = "ant"

[[case]]
name = "host"
deterministic = false

[[case]]
name = "left out"
record_fuel = false

[[case]]
name = "broken"
result = 1
snapshot = "kept/broken.json"
"#;

/// The fuel of every case, as one process reports it.
fn fuel(shell: &Shell, jobs: &str) -> Vec<Value> {
    let ended = shell.call(["test", "--format", "json", "--jobs", jobs, "suites"]);
    cases(&ended).into_iter().map(|case| json!([case["name"], case["fuel"]])).collect()
}

fn last_line(shell: &Shell, arguments: &[&str]) -> String {
    let ended = shell.call([&["test", "own"], arguments].concat());
    ended.stdout.lines().last().unwrap_or_default().to_owned()
}

#[test]
fn two_processes_and_two_thread_counts_give_the_same_fuel() {
    let (one, other) = (shell_with_suites(), shell_with_suites());
    let told = fuel(&one, "1");
    assert!(told.iter().filter(|case| case[1]["exact"].is_u64()).count() > 40, "{told:?}");
    assert_eq!(told, fuel(&one, "4"));
    assert_eq!(told, fuel(&other, "4"));
}

#[test]
fn bless_records_what_passes_in_the_suites_order_and_nothing_else() {
    let shell = shell_with_suite(SUITE);
    let ended = shell.call(["test", "own", "--bless"]);
    assert_eq!(ended.code, Some(1), "one case is not as expected, and no blessing makes it so");
    assert!(
        ended
            .stdout
            .ends_with("wrote own/kept/zebra.json\nwrote own/own.suite.lock.toml\n4 passed, 1 failed, 0 skipped\n")
    );
    insta::assert_snapshot!(fs::read_to_string(shell.path("own/own.suite.lock.toml")).unwrap(), @r#"
    # The fuel of each case, written by `ampule test --bless`.

    [fuel]
    "zebra" = 6
    "ant" = 6
    "#);
    assert_eq!(fs::read_to_string(shell.path("own/kept/zebra.json")).unwrap(), "{}\n");
    assert!(!shell.path("own/kept/broken.json").exists());
    let again = shell.call(["test", "own", "--bless"]);
    assert!(!again.stdout.contains("wrote"), "{}", again.stdout);
}

#[test]
fn bless_of_some_cases_leaves_the_records_of_the_others() {
    let shell = shell_with_suite(SUITE);
    shell.file("own/own.suite.lock.toml", "[fuel]\nzebra = 7\nant = 8\n\"of no case\" = 9\n");
    shell.call(["test", "own", "--bless", "--filter", "ant"]);
    let written = fs::read_to_string(shell.path("own/own.suite.lock.toml")).unwrap();
    assert!(written.ends_with("[fuel]\n\"zebra\" = 7\n\"ant\" = 6\n"), "{written}");
}

#[test]
fn more_fuel_than_recorded_fails_past_the_tolerance_and_less_never_does() {
    let shell = shell_with_suite(SUITE);
    shell.call(["test", "own", "--bless"]);
    let ant = ["--filter", "ant"];
    for (recorded, line) in [
        ("6", "1 passed, 0 failed, 0 skipped"),
        ("5", "0 passed, 1 failed, 0 skipped"),
        ("600", "1 passed, 0 failed, 0 skipped"),
    ] {
        shell.file("own/own.suite.lock.toml", format!("[fuel]\nant = {recorded}\n"));
        assert_eq!(last_line(&shell, &ant), line, "{recorded}");
    }
    shell.file("own/own.suite.lock.toml", "[fuel]\nant = 5\n");
    let ended = shell.call(["test", "own", "--filter", "ant"]);
    let said = "recorded_fuel: expected at most 5 % more than the recorded 5, found 6 (+20.0 %)";
    assert!(ended.stdout.contains(said), "{}", ended.stdout);
    assert_eq!(last_line(&shell, &["--filter", "ant", "--bless"]), "1 passed, 0 failed, 0 skipped");
    assert_eq!(last_line(&shell, &ant), "1 passed, 0 failed, 0 skipped");
}

#[test]
fn a_job_that_costs_five_percent_more_is_caught() {
    let looping = |times: u32| {
        format!(
            "(module (func (export \"run\") (local i32) (local.set 0 (i32.const {times})) \
             (loop (br_if 0 (local.tee 0 (i32.sub (local.get 0) (i32.const 1)))))))"
        )
    };
    let shell = shell_with_suite("program = \"job.wat\"\n[[case]]\nname = \"a\"");
    shell.file("own/job.wat", looping(1_000));
    assert_eq!(last_line(&shell, &["--bless"]), "1 passed, 0 failed, 0 skipped");
    shell.file("own/job.wat", looping(1_005));
    assert_eq!(last_line(&shell, &[]), "1 passed, 0 failed, 0 skipped");
    shell.file("own/job.wat", looping(1_050));
    assert_eq!(last_line(&shell, &[]), "0 passed, 1 failed, 0 skipped");
}

#[test]
fn a_snapshot_that_means_the_same_is_left_as_it_is_laid_out() {
    let shell = shell_with_suite(SUITE);
    shell.file("own/kept/zebra.json", " { } ");
    shell.call(["test", "own", "--bless"]);
    assert_eq!(fs::read_to_string(shell.path("own/kept/zebra.json")).unwrap(), " { } ");
}

#[test]
fn what_another_compiler_made_is_compared_and_not_judged() {
    let module = |compiler: &str, nops: &str| {
        format!("(module (@producers (processed-by \"rustc\" \"{compiler}\")) (func (export \"run\") {nops}))")
    };
    let program = |text: String| ampule::assemble(&text).unwrap();
    let shell = shell_with_suite("program = \"job.wasm\"\n[[case]]\nname = \"a\"");
    let more = "(drop (i32.const 1)) (drop (i32.const 1)) (drop (i32.const 1))";
    shell.file("own/job.wasm", program(module("1.95.0", "")));
    shell.call(["test", "own", "--bless"]);
    let kept = fs::read_to_string(shell.path("own/own.suite.lock.toml")).unwrap();
    assert!(kept.contains("built_by = [\"rustc 1.95.0\"]\n\n[fuel]\n\"a\" = "), "{kept}");
    shell.file("own/job.wasm", program(module("1.95.0", more)));
    assert_eq!(last_line(&shell, &[]), "0 passed, 1 failed, 0 skipped");
    shell.file("own/job.wasm", program(module("1.96.0", more)));
    let ended = shell.call(["test", "own"]);
    assert_eq!(ended.code, Some(0));
    assert!(ended.stdout.contains("by another compiler, +"), "{}", ended.stdout);
}
