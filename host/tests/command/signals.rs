//! Ctrl-C and SIGTERM cancel the job; they are sent once its first log line shows that it runs.

use std::io::{BufRead as _, BufReader, Read as _};
use std::process::Stdio;

use rustix::process::{Pid, Signal, kill_process};

use super::shell::{Shell, fixture};

/// Runs an endless job, sends `signal`, and gives the exit code and what was said after the first log line.
fn stopped_by(signal: Signal, job: &str) -> (Option<i32>, String) {
    let shell = Shell::new();
    let mut command = shell.command(["run", &fixture(job), "--timeout", "1h"]);
    let mut child = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    let mut stderr = BufReader::new(child.stderr.take().unwrap());
    let mut line = String::new();
    stderr.read_line(&mut line).unwrap();
    assert_eq!(line, "info: looping\n");
    kill_process(Pid::from_child(&child), signal).unwrap();
    let mut rest = String::new();
    stderr.read_to_string(&mut rest).unwrap();
    (child.wait().unwrap().code(), rest)
}

#[test]
fn ctrl_c_cancels_the_job() {
    let (code, said) = stopped_by(Signal::INT, "loop");
    assert_eq!(code, Some(1));
    assert!(said.starts_with("error: cancelled: "), "{said}");
}

#[test]
fn a_request_to_terminate_cancels_the_job() {
    let (code, said) = stopped_by(Signal::TERM, "loop");
    assert_eq!(code, Some(1));
    assert!(said.starts_with("error: cancelled: "), "{said}");
}

#[test]
fn ctrl_c_is_seen_in_a_flood_of_log_lines() {
    let (code, said) = stopped_by(Signal::INT, "flood");
    assert_eq!(code, Some(1));
    // More lines may come first, or none.
    assert!(said.lines().any(|line| line.starts_with("error: cancelled: ")), "{said}");
}
