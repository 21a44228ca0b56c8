//! `work`: what a worker process serves, what it lets jobs do, and how it stops.

use std::io::{BufRead as _, BufReader, Read as _};
use std::process::{Child, Stdio};

use rustix::process::{Pid, Signal, kill_process};

use serde_json::json;

use super::super::shell::{Shell, wait_for};
use super::redacted;

/// A worker that goes on until it is told to stop.
pub(super) struct Running {
    child: Child,
    stderr: BufReader<std::process::ChildStderr>,
}

impl Running {
    /// Starts one and waits until it says that it is ready.
    pub(super) fn start(shell: &Shell, arguments: &[&str]) -> Self {
        let mut command = shell.command([&["work"], arguments].concat());
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let mut stderr = BufReader::new(child.stderr.take().unwrap());
        let mut line = String::new();
        stderr.read_line(&mut line).unwrap();
        assert!(line.contains("is ready"), "{line}");
        Running { child, stderr }
    }

    /// Tells it to stop, and waits until it has.
    pub(super) fn stop(self) {
        self.signal(Signal::TERM);
        assert_eq!(self.ended().0, Some(0));
    }

    fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).unwrap();
    }

    /// The exit code, and what it said on stdout and stderr.
    fn ended(mut self) -> (Option<i32>, String, String) {
        let (mut stdout, mut stderr) = (String::new(), String::new());
        self.stderr.read_to_string(&mut stderr).unwrap();
        self.child.stdout.take().unwrap().read_to_string(&mut stdout).unwrap();
        (self.child.wait().unwrap().code(), stdout, stderr)
    }
}

#[test]
fn a_line_tells_of_each_job_that_ends() {
    let shell = Shell::new();
    shell.enqueue("twice", &[]);
    shell.enqueue("fail", &["--attempts", "2", "--backoff", "1ms"]);
    let worked = shell.work(&["--slots", "1"]);
    assert_eq!(worked.code, Some(1), "a job failed");
    insta::assert_snapshot!(redacted(&worked.stdout), @r"
    <id> twice completed in <time>
    <id> fail failed, again in <time> in <time>: guest: expected sun, found \u{1b}[2Jrain
    <id> fail failed in <time>: guest: expected sun, found \u{1b}[2Jrain
    ");
    let ready = worked.stderr.lines().next().unwrap();
    assert_eq!(redacted(ready), "worker <id> is ready: 1 slot, all queues");
}

#[test]
fn a_worker_that_ends_when_nothing_is_left_says_which_webhooks_wait() {
    let shell = Shell::new();
    let id = shell.enqueue("twice", &["-k", "n=1", "--at-return", "https://localhost:9/hook"]);
    let document = shell.document(&["show", &id]);
    assert_eq!(document["at_return"]["url"], "https://localhost:9/hook", "{document}");
    // The port of `discard`, where nobody listens.
    let worked = shell.work(&["--set", "webhooks.allow_hosts=localhost", "--set", "webhooks.allow_ports=9"]);
    assert_eq!(worked.code, Some(0), "{worked:?}");
    assert!(worked.stderr.contains("1 webhook waits for another try"), "{worked:?}");
    assert!(worked.stderr.lines().any(|line| line == "stopped"), "{worked:?}");
}

#[test]
fn a_quiet_worker_tells_of_none() {
    let shell = Shell::new();
    shell.enqueue("twice", &[]);
    assert_eq!(shell.work(&["--quiet"]).stdout, "");
}

#[test]
fn a_worker_serves_no_queue_but_those_it_is_told() {
    let shell = Shell::new();
    let (mail, other) = (shell.enqueue("nothing", &["--on", "mail"]), shell.enqueue("nothing", &["--on", "other"]));
    assert_eq!(shell.work(&["--only", "mail"]).code, Some(0));
    assert_eq!((shell.state_of(&mail), shell.state_of(&other)), ("completed".to_owned(), "queued".to_owned()));
}

#[test]
fn a_directory_is_granted_only_below_those_that_the_worker_allows() {
    let shell = Shell::new();
    shell.file("data/in.txt", "content");
    shell.file("other/in.txt", "content");
    let end = |grant: &str, arguments: &[&str]| {
        let id = shell.enqueue("files", &["--dir", grant]);
        shell.work(arguments);
        let document = shell.call(["wait", "--json", &id]).document();
        document["failure"]["kind"].as_str().map_or_else(|| document["result"].to_string(), str::to_owned)
    };
    assert_eq!(end("data", &[]), "denied");
    assert_eq!(end("other", &["--allow-dir", "data"]), "denied");
    assert_eq!(end("data", &["--allow-dir", "data"]), "false", "it may look");
    assert_eq!(end("data:rw", &["--allow-dir", "data"]), "denied");
    assert_eq!(end("data:rw", &["--allow-dir", "data", "--allow-write"]), "true", "it may change");
}

#[test]
fn a_worker_that_is_told_to_stop_hands_back_what_it_cannot_finish() {
    let shell = Shell::new();
    let id = shell.enqueue("loop", &["--timeout", "1h"]);
    let worker = Running::start(&shell, &["--grace", "1ms"]);
    wait_for(|| shell.state_of(&id) == "running");
    worker.signal(Signal::TERM);
    let (code, _, stderr) = worker.ended();
    assert_eq!(code, Some(0), "{stderr}");
    assert!(stderr.contains("stopped, 1 handed back"), "{stderr}");
    let job = shell.document(&["show", &id]);
    assert_eq!((&job["state"], &job["attempts"][0]["end"]), (&"queued".into(), &"handed_back".into()));
    assert_eq!(job["tries"], 0, "it does not count");
}

#[test]
fn a_worker_that_is_told_to_stop_lets_jobs_finish() {
    let shell = Shell::new();
    let id = shell.enqueue("loop", &["--timeout", "10s", "--attempts", "1"]);
    let worker = Running::start(&shell, &["--grace", "1h"]);
    wait_for(|| shell.state_of(&id) == "running");
    worker.signal(Signal::INT);
    let (code, stdout, stderr) = worker.ended();
    assert_eq!(code, Some(0), "{stderr}");
    assert!(stdout.contains("loop failed") && stderr.contains("stopped, 1 ended meanwhile"), "{stdout}{stderr}");
    assert_eq!(shell.state_of(&id), "failed");
}

#[test]
fn a_worker_goes_on_and_stops_as_told_although_nobody_reads_its_lines() {
    let shell = Shell::new();
    let id = shell.enqueue("nothing", &["--hold"]);
    let digest = shell.document(&["show", &id])["job"]["program"].as_str().unwrap().to_owned();
    // Together far more than a pipe holds.
    let job = json!({ "program": digest, "name": "n".repeat(200) }).to_string();
    let batch = shell.call_with_stdin(&["enqueue", "--batch", "-"], &format!("{job}\n").repeat(600));
    assert_eq!(batch.code, Some(0), "{batch:?}");
    let worker = Running::start(&shell, &[]);
    wait_for(|| {
        let queues = shell.document(&["queues"]);
        (&queues["queues"][0]["queued"], &queues["queues"][0]["running"]) == (&1.into(), &0.into())
    });
    worker.signal(Signal::TERM);
    let Running { mut child, stderr: _unread } = worker;
    assert_eq!(child.wait().unwrap().code(), Some(0));
}

#[test]
fn a_second_signal_ends_a_worker_at_once() {
    let shell = Shell::new();
    let id = shell.enqueue("loop", &["--timeout", "1h"]);
    let mut worker = Running::start(&shell, &["--grace", "1h"]);
    wait_for(|| shell.state_of(&id) == "running");
    worker.signal(Signal::TERM);
    let mut line = String::new();
    worker.stderr.read_line(&mut line).unwrap();
    assert!(line.contains("a second signal leaves at once"), "{line}");
    worker.signal(Signal::TERM);
    assert_eq!(worker.ended().0, Some(130));
    assert_eq!(shell.state_of(&id), "running", "until its lease expires");
}

#[test]
fn a_running_job_is_stopped_by_its_worker_when_it_is_cancelled() {
    let shell = Shell::new();
    let id = shell.enqueue("loop", &["--timeout", "1h"]);
    let worker = Running::start(&shell, &[]);
    wait_for(|| shell.state_of(&id) == "running");
    assert_eq!(shell.call(["cancel", &id]).stdout, "1 job cancelled\n");
    let waited = shell.call(["wait", &id]);
    assert_eq!(waited.code, Some(1));
    assert!(waited.stderr.contains("error: cancelled"), "{waited:?}");
    worker.stop();
}
