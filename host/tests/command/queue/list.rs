//! `list` and `show`: what is known of jobs, for people and for programs.

use std::io::{BufRead as _, BufReader};
use std::process::Stdio;

use serde_json::{Value, json};

use super::super::shell::{Ended, Shell, fixture};
use super::redacted;
use super::work::Running;

/// Some jobs in every state that needs no luck.
fn played() -> Shell {
    let shell = Shell::new();
    shell.enqueue("twice", &["--tenant", "acme", "--tag", "a", "--tag", "b"]);
    shell.enqueue("fail", &["--attempts", "2", "--backoff", "1ms", "--on", "mail"]);
    shell.enqueue("trap", &["--priority", "9"]);
    shell.work(&["--slots", "1"]);
    shell.enqueue("nothing", &["--delay", "1d"]);
    shell.enqueue("nothing", &["--hold", "--name", "line one\nline \u{1b}[2Jtwo"]);
    let cancelled = shell.enqueue("nothing", &["--on", "mail"]);
    shell.call(["cancel", &cancelled]);
    shell
}

#[test]
fn a_table_has_a_line_for_each_job_newest_first() {
    let list = played().call(["list"]);
    assert_eq!((list.code, list.stderr.as_str()), (Some(0), ""));
    insta::assert_snapshot!(redacted(&list.stdout), @r"
    ID  STATE  QUEUE  NAME  TRY  ENQUEUED
    <id>  cancelled  mail  nothing  0/3  <time>  cancelled: cancelled before it ran
    <id>  held  default  line one\nline \u{1b}[2Jtwo  0/3  <time>  until it is released
    <id>  queued  default  nothing  0/3  <time>  due in <time>
    <id>  failed  default  trap  1/3  <time>  trap: trapped: an `unreachable` instruction was executed
    <id>  failed  mail  fail  2/2  <time>  guest: expected sun, found \u{1b}[2Jrain
    <id>  completed  default  twice  1/3  <time>  in <time>
    ");
}

#[test]
fn the_document_of_a_list_has_the_same_keys_for_each_job() {
    let list = played().document(&["list"]);
    let jobs = list["jobs"].as_array().unwrap();
    for job in jobs {
        let keys: Vec<_> = job.as_object().unwrap().keys().map(String::as_str).collect();
        insta::allow_duplicates! {
            insta::assert_snapshot!(keys.join(" "), @"id state held queue name program language tenant tags priority attempt tries max_tries enqueued_at run_at start_before started_at ended_at worker cancel_asked kind message parent");
        }
    }
    assert_eq!(jobs.len(), 6);
}

#[test]
fn a_filter_leaves_what_passes_all_of_it() {
    let shell = played();
    let names = |arguments: &[&str]| -> Vec<String> {
        let list = shell.document(&[&["list"], arguments].concat());
        let jobs = list["jobs"].as_array().unwrap();
        jobs.iter().map(|job| format!("{} {}", job["name"].as_str().unwrap(), job["state"].as_str().unwrap())).collect()
    };
    assert_eq!(names(&["--state", "failed"]), ["trap failed", "fail failed"]);
    assert_eq!(names(&["--state", "failed,cancelled", "--on", "mail"]), ["nothing cancelled", "fail failed"]);
    assert_eq!(names(&["--kind", "trap"]), ["trap failed"]);
    assert_eq!(names(&["--text", "EXPECTED SUN"]), ["fail failed"]);
    assert_eq!(names(&["--tenant", "acme", "--tag", "b"]), ["twice completed"]);
    assert_eq!(names(&["--program", "twice"]), ["twice completed"]);
    assert_eq!(names(&["--since", "1h", "--name", "trap"]), ["trap failed"]);
    assert_eq!(names(&["--until", "1h ago"]), [""; 0]);
    assert_eq!(names(&["--limit", "2"]).len(), 2);
    let all = shell.document(&["list"]);
    let third = all["jobs"][2]["id"].as_str().unwrap();
    assert_eq!(names(&["--after", third, "--limit", "1"]), ["trap failed"]);
    assert_eq!(shell.call(["list", "--program", "absent"]).code, Some(2));
}

#[test]
fn all_that_is_known_of_a_job_is_shown() {
    let shell = Shell::new();
    let arguments = ["--tenant", "acme", "--tag", "a", "--priority", "2", "--attempts", "2", "--backoff", "1ms,1m"];
    let more = ["--at-err", "closure:told", "--timeout", "5s", "--env", "LANG=C", "--start-before", "1h"];
    let id = shell.enqueue("fail", &[&arguments[..], &more].concat());
    shell.work(&[]);
    let shown = shell.call(["show", &id]);
    assert_eq!((shown.code, shown.stderr.as_str()), (Some(0), ""));
    insta::assert_snapshot!(redacted(&shown.stdout), @r"
    job  <id>
    name  fail
    state  failed, attempt 2 of 2
    queue  default
    priority  2
    tenant  acme
    tags  a
    program  <digest>
    limits  timeout <time>
    grants  $LANG
    at_err  closure:told
    retries  2 attempts, <time>, <time> between them, after guest, lost, host
    enqueued  <moment> (<time>)
    ended  <moment> (<time>)
    failure  guest: expected sun, found \u{1b}[2Jrain

    attempt 1: failed after <time>, from <moment>, by worker <id>
      error: guest: expected sun, found \u{1b}[2Jrain
        type: ValueError
        the job's own traceback:
          line 1
          line 2
      used <time>, <fuel>, 64 KiB

    attempt 2: failed after <time>, from <moment>, by worker <id>
      error: guest: expected sun, found \u{1b}[2Jrain
        type: ValueError
        the job's own traceback:
          line 1
          line 2
      used <time>, <fuel>, 64 KiB
    ");
}

#[test]
fn the_document_of_a_job_tells_how_it_ended() {
    let shell = Shell::new();
    let id = shell.enqueue("tell", &["-k", "a=1"]);
    shell.work(&[]);
    let job = shell.document(&["show", &id]);
    assert_eq!((&job["state"], &job["job"]["kwargs"]), (&json!("completed"), &json!({ "a": 1 })));
    assert_eq!((&job["outcome"]["result"], &job["outcome"]["stdout"]), (&json!([8, 13]), &json!("written\n")));
    assert_eq!(job["attempts"].as_array().unwrap().len(), 1);
    assert_eq!((&job["attempts"][0]["end"], &job["attempts"][0]["failure"]), (&json!("completed"), &Value::Null));
}

#[test]
fn a_job_is_followed_while_it_runs() {
    let shell = Shell::new();
    let id = shell.enqueue("loop", &["--timeout", "1h"]);
    let worker = Running::start(&shell, &[]);
    let mut follow = shell.command(["show", &id, "--follow"]);
    let mut follow = follow.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut line = String::new();
    BufReader::new(follow.stderr.as_mut().unwrap()).read_line(&mut line).unwrap();
    assert_eq!(line, "info: looping\n", "it is told while the job runs");
    let job = shell.document(&["show", &id]);
    assert_eq!((&job["state"], &job["events"][0]["value"]["message"]), (&json!("running"), &json!("looping")));
    shell.call(["cancel", &id]);
    let ended = Ended::from(follow.wait_with_output().unwrap());
    assert_eq!(ended.code, Some(0));
    assert!(ended.stdout.contains("state      cancelled"), "{ended:?}");
    worker.stop();
}

#[test]
fn an_id_that_the_queue_does_not_know_is_named() {
    let shell = Shell::new();
    shell.enqueue("nothing", &[]);
    let id = "01a205ab-32cc-7532-aa1c-41410fc35f00";
    for arguments in [&["show", id][..], &["wait", id], &["cancel", id], &["delete", id]] {
        let ended = shell.call(arguments);
        assert_eq!(ended.code, Some(2), "{ended:?}");
        assert!(ended.stderr.contains(id), "{ended:?}");
    }
    let ended = shell.call(["show", "soon"]);
    assert_eq!(ended.code, Some(2));
    assert!(ended.stderr.contains("UUID"), "{ended:?}");
}

#[test]
fn a_program_may_be_filtered_by_its_digest() {
    let shell = Shell::new();
    shell.enqueue("nothing", &[]);
    let digest =
        shell.call(["inspect", "--json", &fixture("nothing")]).document()["program"].as_str().unwrap().to_owned();
    assert_eq!(shell.document(&["list", "--program", &digest])["jobs"].as_array().unwrap().len(), 1);
}
