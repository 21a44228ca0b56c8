//! A job built natively is an ordinary program: kwargs on stdin, returns on stdout.
//!
//! What a job does in the sandbox is tested elsewhere, with the host.

use std::io::Write;
use std::process::{Command, Output, Stdio};

fn run(program: &str, kwargs: &str) -> Output {
    let mut command = Command::new(program);
    let command = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().expect("cargo built the program");
    let mut stdin = child.stdin.take().expect("stdin is piped");
    stdin.write_all(kwargs.as_bytes()).expect("a job reads all of its kwargs");
    drop(stdin);
    child.wait_with_output().expect("the child is ours to wait for")
}

fn text(bytes: &[u8]) -> &str {
    str::from_utf8(bytes).expect("a job prints UTF-8")
}

#[test]
fn each_return_is_a_line_of_json() {
    let output = run(env!("CARGO_BIN_EXE_adder"), r#"{"testvar": 3}"#);
    assert_eq!((text(&output.stdout), output.status.code()), ("8\n13\n", Some(0)));
}

#[test]
fn no_input_is_no_kwargs() {
    let output = run(env!("CARGO_BIN_EXE_primes"), "");
    assert_eq!(text(&output.stdout), "78498\n");
}

#[test]
fn a_failure_goes_to_stderr_and_exits_with_one() {
    let output = run(env!("CARGO_BIN_EXE_flaky"), r#"{"how": "error"}"#);
    assert_eq!((text(&output.stdout), output.status.code()), ("", Some(1)));
    assert!(text(&output.stderr).contains("expected sun, found rain"));
}
