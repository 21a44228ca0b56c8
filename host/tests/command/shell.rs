//! Starts the binary and keeps what it said. Nothing of the caller's environment reaches it.

use std::ffi::OsStr;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use serde_json::Value;
use tempfile::TempDir;

/// A place to call the command from: a directory of its own, and a cache in it.
pub(super) struct Shell {
    pub(super) directory: TempDir,
    /// A cache in place of its own.
    cache: Option<PathBuf>,
    /// A binary in place of the one that was built.
    binary: Option<PathBuf>,
}

/// How a call ended.
#[derive(Debug)]
pub(super) struct Ended {
    pub(super) code: Option<i32>,
    pub(super) stdout: String,
    pub(super) stderr: String,
}

impl Shell {
    pub(super) fn new() -> Self {
        Shell { directory: tempfile::tempdir().unwrap(), cache: None, binary: None }
    }

    /// A shell whose interpreters are compiled already.
    pub(super) fn with_interpreters() -> Self {
        Shell { cache: Some(crate::interpreters::cache()), ..Shell::new() }
    }

    /// A shell with a binary of its own, which may be taken away.
    pub(super) fn with_binary() -> Self {
        // Beside the one that was built, where a second name for it can be made.
        let directory = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
        let binary = directory.path().join("ampule");
        std::fs::hard_link(env!("CARGO_BIN_EXE_ampule"), &binary).unwrap();
        Shell { directory, cache: None, binary: Some(binary) }
    }

    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    pub(super) fn command<I: AsRef<OsStr>>(&self, arguments: impl IntoIterator<Item = I>) -> Command {
        let binary = self.binary.as_deref().unwrap_or(Path::new(env!("CARGO_BIN_EXE_ampule")));
        let mut command = Command::new(binary);
        let cache = self.cache.clone().unwrap_or_else(|| self.path("cache"));
        command.args(arguments).env_clear().current_dir(self.directory.path());
        command.env("AMPULE_CACHE", cache).env("AMPULE_INTERPRETERS", self.path("interpreters"));
        command
    }

    /// Calls the command without input.
    pub(super) fn call<I: AsRef<OsStr>>(&self, arguments: impl IntoIterator<Item = I>) -> Ended {
        self.command(arguments).stdin(Stdio::null()).output().unwrap().into()
    }

    /// Calls `ampule run` on a fixture.
    pub(super) fn run(&self, program: &str, arguments: &[&str]) -> Ended {
        self.call([&["run", &fixture(program)], arguments].concat())
    }

    /// As [`Shell::run`], with text on stdin.
    pub(super) fn run_with_stdin(&self, program: &str, arguments: &[&str], stdin: &str) -> Ended {
        self.call_with_stdin(&[&["run", fixture(program).as_str()], arguments].concat(), stdin)
    }

    /// As [`Shell::call`], with text on stdin.
    pub(super) fn call_with_stdin(&self, arguments: &[&str], stdin: &str) -> Ended {
        let mut command = self.command(arguments);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        // A command that refuses its arguments may be gone before it reads.
        match child.stdin.take().unwrap().write_all(stdin.as_bytes()) {
            Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => panic!("stdin: {error}"),
            _ => {}
        }
        child.wait_with_output().unwrap().into()
    }

    /// A file of this shell's own.
    pub(super) fn file(&self, name: &str, content: impl AsRef<[u8]>) -> String {
        let path = self.path(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, content).unwrap();
        path.to_str().unwrap().to_owned()
    }
}

impl Ended {
    /// Standard output, which is one document on one line.
    pub(super) fn document(&self) -> Value {
        assert!(self.stdout.ends_with('\n') && self.stdout.lines().count() == 1, "{self:?}");
        serde_json::from_str(&self.stdout).unwrap()
    }
}

impl From<Output> for Ended {
    fn from(output: Output) -> Self {
        let text = |bytes| String::from_utf8(bytes).unwrap();
        Ended { code: output.status.code(), stdout: text(output.stdout), stderr: text(output.stderr) }
    }
}

/// Waits until it is so; long enough for any machine.
pub(super) fn wait_for(mut condition: impl FnMut() -> bool) {
    for _ in 0..3_000 {
        if condition() {
            return;
        }
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    panic!("it does not come true");
}

/// The path of a `.wat` file.
pub(super) fn fixture(name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/command/fixtures").join(name).with_extension("wat");
    path.to_str().unwrap().to_owned()
}

/// The same, assembled.
pub(super) fn assembled(name: &str) -> Vec<u8> {
    wat::parse_file(fixture(name)).unwrap()
}
