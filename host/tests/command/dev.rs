//! `ampule dev`: it builds and tests, again at every change, until somebody ends it.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::process::{Child, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use super::build::tools;
use super::shell::{Shell, assembled};

/// Far longer than anything here takes.
const GIVE_UP: Duration = Duration::from_secs(120);

const PASSES: &str = "program = \"nothing.wasm\"\n[[case]]\nname = \"a\"\nresult_json = \"null\"\n";
const FAILS: &str = "program = \"nothing.wasm\"\n[[case]]\nname = \"a\"\nresult_json = \"[8, 13]\"\n";

#[test]
fn a_change_of_a_suite_or_a_program_is_tested_at_once() {
    let shell = Shell::new();
    shell.file("nothing.wasm", assembled("nothing"));
    shell.file("nothing.suite.toml", PASSES);
    let mut dev = Dev::start(&shell, &["dev", "."]);
    dev.until("1 passed, 0 failed, 0 skipped");
    dev.until("watching 2 files; Ctrl-C ends it");
    shell.file("nothing.suite.toml", FAILS);
    dev.until("0 passed, 1 failed, 0 skipped");
    dev.until("watching 2 files; Ctrl-C ends it");
    shell.file("nothing.wasm", assembled("twice"));
    dev.until("1 passed, 0 failed, 0 skipped");
    assert_eq!(dev.stop(Signal::INT), Some(0));
}

#[test]
fn a_request_to_terminate_ends_a_call_that_is_under_way() {
    let shell = Shell::new();
    shell.file("loop.wasm", assembled("loop"));
    let suite = "program = \"loop.wasm\"\n[[case]]\nname = \"a\"\nlimits = { timeout_ms = 3600000 }\n";
    shell.file("loop.suite.toml", suite);
    let mut dev = Dev::start(&shell, &["dev", "."]);
    // A change stops the call that loops, and the next one ends.
    shell.file("nothing.wasm", assembled("nothing"));
    shell.file("loop.suite.toml", PASSES);
    dev.until("1 passed, 0 failed, 0 skipped");
    shell.file("loop.suite.toml", suite);
    assert_eq!(dev.stop(Signal::TERM), Some(0));
}

#[test]
fn once_ends_as_the_build_and_the_tests_did() {
    let shell = Shell::new();
    shell.file("nothing.wasm", assembled("nothing"));
    shell.file("nothing.suite.toml", PASSES);
    assert_eq!(shell.call(["dev", "--once"]).code, Some(0));
    shell.file("nothing.suite.toml", FAILS);
    assert_eq!(shell.call(["dev", "--once"]).code, Some(1));
    shell.file("nothing.suite.toml", "[[case");
    assert_eq!(shell.call(["dev", "--once", "nothing.suite.toml"]).code, Some(2));
    let absent = shell.call(["dev", "absent"]);
    assert!(absent.code == Some(2) && absent.stderr.contains("\"absent\", found nothing"), "{absent:?}");
}

#[test]
fn a_crate_is_built_before_its_suite_runs_and_not_tested_if_it_does_not_build() {
    let shell = Shell::new();
    let manifest = "[package]\nname = \"nothing\"\nversion = \"0.1.0\"\nedition = \"2024\"\n[workspace]\n";
    shell.file("one/Cargo.toml", manifest);
    shell.file("one/src/main.rs", "fn main() {}");
    shell.file("one/nothing.suite.toml", PASSES);
    let mut once = tools(shell.command(["dev", "--once", "one"]));
    let output = once.stdin(Stdio::null()).output().unwrap();
    let told = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success() && told.starts_with("built ") && told.contains("1 passed"), "{told}");
    shell.file("one/src/main.rs", "fn main() { wrong }");
    let output = once.output().unwrap();
    assert_eq!((output.status.code(), output.stdout.as_slice()), (Some(1), &b""[..]));
    assert!(fs::exists(shell.path("one/nothing.wasm")).unwrap(), "the last program stays");
}

/// A call that goes on, and the lines that it tells.
struct Dev {
    child: Child,
    lines: Receiver<String>,
}

impl Dev {
    fn start(shell: &Shell, arguments: &[&str]) -> Self {
        let mut command = shell.command(arguments);
        let (reader, writer) = std::io::pipe().unwrap();
        let child = command.stdin(Stdio::null()).stdout(writer.try_clone().unwrap()).stderr(writer).spawn().unwrap();
        // The command holds the writing end too, and reading would never end.
        drop(command);
        let (sender, lines) = mpsc::channel();
        std::thread::spawn(move || {
            BufReader::new(reader).lines().map_while(Result::ok).try_for_each(|line| sender.send(line))
        });
        Dev { child, lines }
    }

    fn until(&mut self, wanted: &str) {
        let (mut told, deadline) = (Vec::new(), Instant::now() + GIVE_UP);
        while told.last().is_none_or(|line: &String| !line.contains(wanted)) {
            let left = deadline.saturating_duration_since(Instant::now());
            told.push(self.lines.recv_timeout(left).unwrap_or_else(|_| panic!("expected {wanted:?}, found {told:?}")));
        }
    }

    /// Sends a signal, and gives the code with which it ends. What it started ends too, or its lines would go on.
    fn stop(mut self, signal: Signal) -> Option<i32> {
        kill_process(Pid::from_child(&self.child), signal).unwrap();
        let code = self.child.wait().unwrap().code();
        while self.lines.recv_timeout(GIVE_UP).is_ok() {}
        code
    }
}

impl Drop for Dev {
    fn drop(&mut self) {
        // Ended already, unless a test failed.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
