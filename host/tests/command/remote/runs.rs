//! Runs on a server: what they say, sources by their text and by the name that the server has, and the signal that stops one.

use std::process::Stdio;

use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};

use super::super::http::ask;
use super::super::shell::{Ended, Shell, assembled, fixture};
use super::{Both, Serve};

#[test]
fn a_run_there_says_what_a_run_here_says() {
    let mut both = Both::new();
    for arguments in [
        &["run", &*fixture("twice"), "-k", "n=3"][..],
        &["run", &fixture("twice"), "-k", "n=3", "--json"],
        &["run", &fixture("tell")],
        &["run", &fixture("fail")],
        &["run", &fixture("fail"), "--json"],
        &["run", &fixture("trap")],
        &["run", &fixture("exit")],
        &["run", &fixture("loop"), "--fuel", "1_000"],
        &["run", &fixture("schema"), "--kwargs", r#"{"name": 7}"#],
        &["run", &fixture("missing")],
        &["run", &fixture("schema"), "--help-job"],
    ] {
        both.compare(arguments);
    }
    let denied = both.there.call(&both.client, &["run", &fixture("tell"), "--timeout", "2h"]);
    assert_eq!(denied.code, Some(3), "{denied:?}");
    assert!(denied.stderr.contains("`timeout`") && !denied.stderr.contains("--dir"), "{denied:?}");
    let stored = both.there.call(&both.client, &["run", "twice", "-k", "n=5"]);
    let missing = both.there.call(&both.client, &["run", "no-such-program"]);
    assert_eq!(missing.code, Some(2), "{missing:?}");
    assert!(missing.stderr.contains("has no program of that name either"), "{missing:?}");
    assert_eq!(
        (stored.code, stored.stdout.as_str()),
        (Some(0), "[8,13]\n"),
        "by the name that it was stored under: {stored:?}"
    );
}

#[test]
fn a_source_is_run_there() {
    let shell = Shell::new();
    let file = shell.file("json.wasm", assembled("json_interpreter"));
    assert_eq!(shell.call(["interpreters", "add", "json", &file]).code, Some(0));
    let (serve, client) = (Serve::with(shell), Shell::new());
    let ended = serve.call(&client, &["eval", "-l", "json", "[1, 2]"]);
    assert_eq!((ended.code, ended.stdout.as_str()), (Some(0), "[1,2]\n"), "{ended:?}");
    let failed = serve.call(&client, &["eval", "-l", "json", "[1", "--json"]);
    assert_eq!((failed.code, &failed.document()["failure"]["kind"]), (Some(1), &json!("bad_return")), "{failed:?}");
    let unknown = serve.call(&client, &["eval", "-l", "cobol", "STOP RUN"]);
    assert_eq!(unknown.code, Some(2), "{unknown:?}");
    assert!(unknown.stderr.contains("cobol") && unknown.stderr.contains("json"), "{unknown:?}");
}

#[test]
fn a_source_that_the_server_has_is_run_and_queued_there_by_its_name() {
    let shell = Shell::new();
    let file = shell.file("json.wasm", assembled("json_interpreter"));
    assert_eq!(shell.call(["interpreters", "add", "json", &file]).code, Some(0));
    let (serve, client) = (Serve::with(shell), Shell::new());
    let address = serve.url.trim_start_matches("http://");
    let named = br#"{"language": "json", "source": "[1, 2]"}"#;
    let stored = ask(address, &serve.token, "PUT", "/v1/programs/pair", named).unwrap();
    assert_eq!(stored.status, 201, "{}", stored.body);

    let ended = serve.call(&client, &["run", "pair", "-k", "n=1"]);
    assert_eq!((ended.code, ended.stdout.as_str()), (Some(0), "[1,2]\n"), "{ended:?}");
    let help = serve.call(&client, &["run", "pair", "--help-job"]);
    assert!(help.code == Some(0) && help.stdout.contains("does not say which arguments"), "{help:?}");

    let after = ["--at-return", "pair", "--name", "first"];
    let enqueued = serve.document(&client, &[&["enqueue", "pair", "-k", "n=1"], &after[..]].concat());
    let shown = serve.document(&client, &["show", enqueued["id"].as_str().unwrap()]);
    let source = |job: &Value| (job["program"].clone(), job["source"].clone());
    let expected = (json!("language:json"), json!("[1, 2]"));
    assert_eq!(source(&shown["job"]), expected, "{shown}");
    assert_eq!(source(&shown["at_return"]["job"]), expected, "{shown}");
    let every = ["schedules", "add", "hourly", "--every", "1h", "pair"];
    let added = serve.call(&client, &every);
    assert_eq!(added.code, Some(0), "{added:?}");

    let listed = serve.call(&client, &["list", "--program", "pair"]);
    assert!(listed.code == Some(2) && listed.stderr.contains("found with --name"), "{listed:?}");
}

#[test]
fn a_signal_stops_the_run_on_the_server() {
    let serve = Serve::start();
    let shell = Shell::new();
    let mut command = serve.client(&shell, &["run", &fixture("loop"), "--timeout", "1h"]);
    let running = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    serve.says("run started");
    kill_process(Pid::from_child(&running), Signal::INT).unwrap();
    let ended = Ended::from(running.wait_with_output().unwrap());
    assert_eq!(ended.code, Some(1), "{ended:?}");
    assert!(ended.stderr.contains("cancelled"), "{ended:?}");
    assert_eq!(serve.says("kind="), "\"cancelled\"", "the run ends there too");
}
