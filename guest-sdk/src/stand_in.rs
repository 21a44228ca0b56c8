//! The host of a native build: the functions of `abi.rs` without a sandbox.
//!
//! Under `testing::record` it keeps what the job does; otherwise it prints: returns to stdout,
//! everything else to stderr. It enforces no limit.

use std::cell::RefCell;
use std::io::Read;
use std::sync::OnceLock;

use serde_json::Value;

use crate::log::Level;

/// What one recorded job has done so far.
#[derive(Default)]
pub(crate) struct Recording {
    pub(crate) kwargs: Vec<u8>,
    pub(crate) returns: Vec<Value>,
    pub(crate) progress: Vec<Value>,
    pub(crate) logs: Vec<(Level, String)>,
    pub(crate) failure: Option<Value>,
}

thread_local! {
    /// The innermost recording is the last; tests on other threads have their own.
    static RECORDINGS: RefCell<Vec<Recording>> = const { RefCell::new(Vec::new()) };
}

/// Recording from `start` until `finish` or drop, so that a panicking job leaves none behind.
pub(crate) struct Recorder(());

impl Recorder {
    pub(crate) fn start(kwargs: Vec<u8>) -> Self {
        let recording = Recording { kwargs, ..Recording::default() };
        RECORDINGS.with_borrow_mut(|recordings| recordings.push(recording));
        Self(())
    }

    pub(crate) fn finish(self) -> Recording {
        let recording = RECORDINGS.with_borrow_mut(|recordings| recordings.last_mut().map(std::mem::take));
        recording.expect("a recorder's recording is popped by its drop only")
    }
}

impl Drop for Recorder {
    fn drop(&mut self) {
        RECORDINGS.with_borrow_mut(Vec::pop);
    }
}

/// Gives the innermost recording to `keep`; without one, calls `print`.
fn record_or(keep: impl FnOnce(&mut Recording), print: impl FnOnce()) {
    let printing = RECORDINGS.with_borrow_mut(|recordings| match recordings.last_mut() {
        Some(recording) => {
            keep(recording);
            None
        }
        None => Some(print),
    });
    if let Some(print) = printing {
        print();
    }
}

fn parse(json: &[u8]) -> Value {
    serde_json::from_slice(json).expect("this crate hands over only JSON that it wrote")
}

pub(crate) fn hand_out(json: &[u8]) {
    record_or(|recording| recording.returns.push(parse(json)), || println!("{}", String::from_utf8_lossy(json)));
}

pub(crate) fn progress(json: &[u8]) {
    record_or(
        |recording| recording.progress.push(parse(json)),
        || eprintln!("progress: {}", String::from_utf8_lossy(json)),
    );
}

pub(crate) fn fail(json: &[u8]) {
    record_or(
        |recording| recording.failure = Some(parse(json)),
        || eprintln!("failed: {}", String::from_utf8_lossy(json)),
    );
}

pub(crate) fn log(level: Level, message: &str) {
    record_or(|recording| recording.logs.push((level, message.to_owned())), || eprintln!("{level:?}: {message}"));
}

/// The recording's kwargs, or all of stdin, read once for the process.
pub(crate) fn kwargs() -> Vec<u8> {
    static STDIN: OnceLock<Vec<u8>> = OnceLock::new();
    let recorded = RECORDINGS.with_borrow(|recordings| recordings.last().map(|recording| recording.kwargs.clone()));
    recorded.unwrap_or_else(|| {
        let read = || {
            let mut json = Vec::new();
            // An unreadable stdin is an empty one: a job without arguments needs none.
            let _ = std::io::stdin().read_to_end(&mut json);
            json
        };
        STDIN.get_or_init(read).clone()
    })
}
