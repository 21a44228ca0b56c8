//! `serve` and `config`: the real binary, from its first line to its last, and what is left when it is killed.

mod configuration;
mod ends;
mod starts;

use std::io::{BufRead as _, BufReader};
use std::process::{Child, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use super::http::{self, Answer};
use super::shell::Shell;

/// Far longer than anything here takes.
const GIVE_UP: Duration = Duration::from_secs(60);

/// For a server whose queue may take as long as a machine that stalls makes it.
pub(super) const PATIENT: &[&str] = &["--set", "server.queue_timeout=1h"];

/// Waits for a line with this.
fn line_with(lines: &Receiver<String>, what: &str) -> String {
    let mut before = Vec::new();
    loop {
        let line = lines.recv_timeout(GIVE_UP).unwrap_or_else(|error| panic!("{what:?}: {error} after {before:#?}"));
        if line.contains(what) {
            return line;
        }
        before.push(line);
    }
}

/// Waits for a line with this, and gives what stands after it.
pub(super) fn said(lines: &Receiver<String>, what: &str) -> String {
    line_with(lines, what).split_once(what).unwrap().1.to_owned()
}

/// The lines that a process says on stderr, as they come.
pub(super) fn lines_of(child: &mut Child) -> Receiver<String> {
    let said = BufReader::new(child.stderr.take().unwrap()).lines();
    let (sender, lines) = channel();
    // Whoever listens may be gone before it ends.
    std::thread::spawn(move || said.map_while(Result::ok).try_for_each(|line| sender.send(line)));
    lines
}

/// A server on a port of its own.
struct Server<'a> {
    shell: &'a Shell,
    child: Child,
    lines: Receiver<String>,
    /// `127.0.0.1:PORT`.
    address: String,
}

impl<'a> Server<'a> {
    /// Starts one on loopback.
    fn start(shell: &'a Shell, arguments: &[&str]) -> Self {
        Server::on("127.0.0.1:0", shell, arguments)
    }

    /// Starts one in the shell's directory, and waits until it says where it listens.
    fn on(address: &str, shell: &'a Shell, arguments: &[&str]) -> Self {
        let mut command = shell.command([&["serve", "--listen", address], PATIENT, arguments].concat());
        let mut child = command.stdin(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
        let lines = lines_of(&mut child);
        let mut server = Server { shell, child, lines, address: String::new() };
        server.address = server.says("listening on http://").split(',').next().unwrap().to_owned();
        server
    }

    /// Waits until it says this, and gives the rest of the line.
    fn says(&self, what: &str) -> String {
        said(&self.lines, what)
    }

    /// A token, made by the command.
    fn token(&self) -> String {
        let made = self.shell.call(["tokens", "create", "tests", "--role", "admin", "--json"]);
        assert_eq!(made.code, Some(0), "{made:?}");
        made.document()["token"].as_str().unwrap().to_owned()
    }

    fn ask(&self, token: &str, method: &str, path: &str, body: &[u8]) -> Option<Answer> {
        http::ask(&self.address, token, method, path, body)
    }

    fn get(&self, token: &str, path: &str) -> Value {
        let answer = self.ask(token, "GET", path, b"").unwrap();
        assert_eq!(answer.status, 200, "{answer:?}");
        answer.json()
    }

    fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).unwrap();
    }

    /// The exit code, once it has ended by itself.
    fn ended(mut self) -> Option<i32> {
        self.child.wait().unwrap().code()
    }
}

impl Drop for Server<'_> {
    fn drop(&mut self) {
        // It may be gone already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
