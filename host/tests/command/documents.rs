//! `--json`: one document with the same keys, however the call ends.

use serde_json::{Value, json};

use super::shell::{Ended, Shell};

const KEYS: [&str; 10] =
    ["id", "program", "result", "failure", "returns", "usage", "stdout", "stderr", "logs", "truncated"];

fn document(ended: &Ended, code: i32) -> Value {
    let document = ended.document();
    let keys: Vec<_> = document.as_object().unwrap().keys().collect();
    assert_eq!(keys, KEYS);
    let usage: Vec<_> = document["usage"].as_object().unwrap().keys().collect();
    assert_eq!(usage, ["fuel", "fuel_exact", "wall_ns", "memory_peak_bytes", "memory_refused"]);
    assert_eq!(document["truncated"], json!({ "stdout_bytes": 0, "stderr_bytes": 0, "log_lines": 0 }));
    assert_eq!(ended.code, Some(code), "{ended:?}");
    document
}

#[test]
fn a_return_is_told_whole() {
    let ended = Shell::new().run("twice", &["--json"]);
    let document = document(&ended, 0);
    assert_eq!(ended.stderr, "");
    assert_eq!((&document["result"], &document["returns"]), (&json!([8, 13]), &json!([8, 13])));
    assert_eq!((&document["failure"], &document["usage"]["fuel_exact"]), (&Value::Null, &json!(true)));
    assert!(document["usage"]["fuel"].as_u64().unwrap() > 0 && document["usage"]["wall_ns"].as_u64().unwrap() > 0);
    assert!(document["program"].as_str().unwrap().starts_with("sha256:"));
    assert_eq!(document["id"].as_str().unwrap().len(), 36);
}

#[test]
fn a_job_that_reports_its_failure_is_told_with_its_report() {
    let document = document(&Shell::new().run("fail", &["--json"]), 1);
    let expected = json!({
        "kind": "guest",
        "message": "expected sun, found \u{1b}[2Jrain",
        "type": "ValueError",
        "traceback": "line 1\nline 2",
        "retry": true,
    });
    assert_eq!((&document["failure"], &document["result"]), (&expected, &Value::Null));
}

#[test]
fn a_trap_is_told_with_its_code_and_its_backtrace() {
    let document = document(&Shell::new().run("trap", &["--json"]), 1);
    let failure = &document["failure"];
    assert_eq!((&failure["kind"], &failure["trap"]), (&json!("trap"), &json!("unreachable")));
    let frames = json!([{ "function": "inner" }, { "function": "outer" }, { "function": "run" }]);
    assert_eq!(failure["backtrace"], frames);
    assert_eq!((&document["returns"], &document["usage"]["fuel_exact"]), (&json!([8]), &json!(false)));
}

#[test]
fn an_exit_is_told_with_its_status_and_output_as_text() {
    let document = document(&Shell::new().run("exit", &["--json"]), 1);
    assert_eq!((&document["failure"]["kind"], &document["failure"]["code"]), (&json!("exit"), &json!(7)));
    assert_eq!(document["stdout"], "out\u{1b}[2J\u{fffd}\n");
    assert_eq!(document["stderr"], "err\u{1b}]0;x\u{7}");
}

#[test]
fn a_job_that_takes_too_long_is_told_as_timed_out() {
    let document = document(&Shell::new().run("loop", &["--json", "--timeout", "50ms"]), 1);
    assert_eq!((&document["failure"]["kind"], &document["usage"]["fuel"]), (&json!("timed_out"), &Value::Null));
    assert_eq!(document["logs"], json!([{ "level": "info", "message": "looping" }]));
}

#[test]
fn a_job_that_uses_up_its_fuel_is_told_as_out_of_fuel() {
    let document = document(&Shell::new().run("loop", &["--json", "--fuel", "10_000"]), 1);
    assert_eq!((&document["failure"]["kind"], &document["usage"]["fuel"]), (&json!("out_of_fuel"), &json!(10_000)));
}

#[test]
fn a_job_that_dies_of_memory_is_told_as_out_of_memory() {
    let document = document(&Shell::new().run("grow", &["--json", "--memory", "4MiB"]), 1);
    assert_eq!(document["failure"]["kind"], "out_of_memory");
    assert_eq!(document["usage"]["memory_refused"], true);
    assert_eq!(document["usage"]["memory_peak_bytes"], 65_536 * (1 + 3 * 16));
}

#[test]
fn kwargs_that_the_schema_refuses_are_told_as_bad_kwargs() {
    let document = document(&Shell::new().run("schema", &["--json", "-k", "colour=red"]), 3);
    assert_eq!((&document["failure"]["kind"], &document["usage"]["fuel"]), (&json!("bad_kwargs"), &Value::Null));
    assert!(document["failure"]["message"].as_str().unwrap().contains("colour"));
    assert!(document["id"].is_string());
}

#[test]
fn a_program_that_is_none_is_told_as_bad_program() {
    let shell = Shell::new();
    let document = document(&shell.call(["run", "--json", &shell.file("garbage.wasm", "garbage")]), 3);
    assert_eq!((&document["failure"]["kind"], &document["id"]), (&json!("bad_program"), &Value::Null));
    assert!(document["program"].as_str().unwrap().starts_with("sha256:"));
}

#[test]
fn every_missing_import_is_named() {
    let document = document(&Shell::new().run("missing", &["--json"]), 3);
    let message = document["failure"]["message"].as_str().unwrap();
    assert!(message.contains("env.launch") && message.contains("ampule.rename"), "{message}");
}

#[test]
fn a_command_that_is_not_understood_is_told_too() {
    let shell = Shell::new();
    for arguments in [&["run", "--json", "nothing", "--timeout", "soon"][..], &["run", "--json", "absent"]] {
        let ended = shell.call(arguments);
        assert_eq!(document(&ended, 2)["failure"]["kind"], "usage");
        assert!(ended.stderr.starts_with("error: "), "{ended:?}");
    }
}

#[test]
fn a_host_that_fails_is_told_too() {
    let shell = Shell::new();
    let no_directory = shell.file("file", "");
    let ended = shell.run("nothing", &["--json", "--cache", &no_directory]);
    assert_eq!(document(&ended, 4)["failure"]["kind"], "host");
    assert!(ended.stderr.contains("cache directory"), "{ended:?}");
}

#[test]
fn the_same_seed_gives_the_same_document() {
    let shell = Shell::new();
    let told = |seed| {
        let mut document = document(&shell.run("random", &["--json", "--seed", seed]), 0);
        document["id"] = Value::Null;
        document["usage"]["wall_ns"] = Value::Null;
        document
    };
    assert_eq!(told("7").to_string(), told("7").to_string());
    assert_ne!(told("7")["stdout"], told("8")["stdout"]);
}
