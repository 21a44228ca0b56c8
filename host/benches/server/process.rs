//! A server in a process of its own: what it printed, what it spends, and its end when we are done.

use std::io::{BufRead as _, BufReader};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::Duration;

/// Lines that a server prints before it is ready.
const LINES: usize = 2;

pub(crate) struct Process {
    child: Child,
    lines: Vec<String>,
}

impl Process {
    /// Starts it, and waits for what it prints first.
    pub(crate) fn start(command: &mut Command) -> Self {
        let mut child = command.stdout(Stdio::piped()).spawn().expect("it starts");
        let stdout = BufReader::new(child.stdout.take().expect("piped"));
        let lines = stdout.lines().take(LINES).map(|line| line.expect("text")).collect();
        Process { child, lines }
    }

    /// `wasmtime serve` with this component, and where it listens; none if either is missing.
    pub(crate) fn wasmtime_serve(component: &Path) -> Option<(Self, String)> {
        let wasmtime = component.with_file_name("bin").join("wasmtime");
        if !component.exists() || !wasmtime.exists() {
            return None;
        }
        let free = TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr()).expect("a free port");
        let address = free.to_string();
        let mut command = Command::new(wasmtime);
        command.args(["serve", "--addr", &address, "-S", "cli"]).arg(component);
        let child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().ok()?;
        let process = Process { child, lines: Vec::new() };
        // It compiles first, and then listens.
        for _ in 0..300 {
            if TcpStream::connect(&address).is_ok() {
                return Some((process, address));
            }
            thread::sleep(Duration::from_millis(100));
        }
        None
    }

    /// The rest of the line that begins so.
    pub(crate) fn line(&self, prefix: &str) -> String {
        let found = self.lines.iter().find_map(|line| line.strip_prefix(prefix));
        found.expect("it said so").to_owned()
    }

    /// CPU time of the process, in hundredths of a second as Linux tells it.
    pub(crate) fn cpu(&self) -> Duration {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.child.id())).expect("it runs");
        // The name before them may have spaces.
        let fields: Vec<&str> = stat.rsplit(") ").next().expect("fields").split(' ').collect();
        let ticks: u64 = [11, 12].iter().map(|at: &usize| fields[*at].parse::<u64>().expect("ticks")).sum();
        Duration::from_millis(ticks * 10)
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
