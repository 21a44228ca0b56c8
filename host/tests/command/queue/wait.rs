//! `wait` ends as `run` does.

use std::process::Stdio;

use serde_json::{Value, json};

use super::super::shell::wait_for;
use super::super::shell::{Ended, Shell, fixture};

#[test]
fn each_end_has_the_exit_code_and_the_report_that_it_has_when_it_is_run() {
    let shell = Shell::new();
    for (program, arguments) in [
        ("twice", &[][..]),
        ("fail", &[]),
        ("exit", &[]),
        ("loop", &["--timeout", "50ms"]),
        ("loop", &["--fuel", "1000"]),
        ("grow", &["--memory", "4MiB"]),
    ] {
        let id = shell.enqueue(program, &[arguments, &["--attempts", "1"]].concat());
        shell.work(&[]);
        let (run, waited) = (shell.run(program, arguments), shell.call(["wait", &id]));
        let without_hint = run.stderr.lines().filter(|line| !line.starts_with("  hint: "));
        let expected: Vec<_> = without_hint.collect();
        assert_eq!((waited.code, &waited.stdout), (run.code, &run.stdout), "{program}");
        assert_eq!(waited.stderr.lines().collect::<Vec<_>>(), expected, "{program}");
    }
}

#[test]
fn the_document_is_that_of_a_run_with_the_way_through_the_queue() {
    let shell = Shell::new();
    let id = shell.enqueue("fail", &["--attempts", "2", "--backoff", "1ms"]);
    shell.work(&[]);
    let waited = shell.call(["wait", "--json", &id]);
    let (run, mut waited_for) = (shell.run("fail", &["--json"]).document(), waited.document());
    assert_eq!(waited.code, Some(1));
    let own = waited_for.as_object_mut().unwrap();
    assert_eq!(own.remove("state"), Some(json!("failed")));
    let attempts = own.remove("attempts").unwrap();
    let ends = attempts.as_array().unwrap().iter().map(|attempt| json!([attempt["attempt"], attempt["end"]]));
    assert_eq!(Value::from_iter(ends), json!([[1, "failed"], [2, "failed"]]));
    assert_eq!(attempts[0]["failure"], run["failure"]);
    let without_what_differs = |mut document: Value| {
        (document["id"], document["usage"]["wall_ns"]) = (Value::Null, Value::Null);
        document.to_string()
    };
    assert_eq!(without_what_differs(waited_for), without_what_differs(run));
}

#[test]
fn a_job_that_has_not_ended_in_time_goes_on() {
    let shell = Shell::new();
    let id = shell.enqueue("nothing", &["--hold"]);
    let waited = shell.call(["wait", &id, "--timeout", "1ms"]);
    assert_eq!((waited.code, waited.stdout.as_str()), (Some(5), ""));
    assert!(waited.stderr.contains("has not ended: queued"), "{waited:?}");
    let waited = shell.call(["wait", &id, "--timeout", "1ms", "--json"]);
    assert_eq!((waited.code, &waited.document()["state"]), (Some(5), &json!("queued")));
    assert_eq!(shell.state_of(&id), "queued");
}

#[test]
fn several_jobs_are_told_in_the_order_in_which_they_are_named() {
    let shell = Shell::new();
    let (two, none) = (shell.enqueue("twice", &[]), shell.enqueue("nothing", &[]));
    let fails = shell.enqueue("fail", &["--attempts", "1"]);
    shell.work(&[]);
    let all = shell.call(["wait", &none, &fails, &two]);
    assert_eq!((all.code, all.stdout.as_str()), (Some(1), "null\n[8,13]\n"));
}

#[test]
fn a_job_is_enqueued_and_waited_for_at_once() {
    let shell = Shell::new();
    let mut enqueue = shell.command(["enqueue", &fixture("tell"), "--wait"]);
    let enqueue = enqueue.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    wait_for(|| !shell.call(["list"]).stdout.is_empty());
    shell.work(&[]);
    let ended = Ended::from(enqueue.wait_with_output().unwrap());
    assert_eq!((ended.code, ended.stdout.as_str()), (Some(0), "[8,13]\n"));
    assert_eq!(ended.stderr, "warn: logged\nwritten\ncomplained\n");
}
