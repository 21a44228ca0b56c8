//! What a run wrote and logged, kept up to a ceiling: the beginning and the end, with a mark where it was cut.
//!
//! A noisy job never costs more memory than the ceiling, and fails for its noise only where that is asked for, which
//! `wasi.rs` and `abi.rs` decide from what is said here.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

use crate::failure::{LogLevel, LogLine};

/// How much of each stream a failure carries along.
const TAIL_BYTES: usize = 4 << 10;

/// How many log lines a failure carries along.
const TAIL_LINES: usize = 20;

/// What a log line costs beside its text, so that empty lines have an end too.
const LINE_BYTES: usize = 16;

/// Bytes kept up to a ceiling: the first half of it from the beginning, the other half from the end.
#[derive(Debug)]
pub(crate) struct Capture {
    head: Vec<u8>,
    tail: VecDeque<u8>,
    limit_bytes: usize,
    cut_bytes: u64,
}

impl Capture {
    fn new(limit_bytes: usize) -> Self {
        Capture { head: Vec::new(), tail: VecDeque::new(), limit_bytes, cut_bytes: 0 }
    }

    pub(crate) fn write(&mut self, bytes: &[u8]) {
        let head_room = (self.limit_bytes / 2).saturating_sub(self.head.len());
        let (head, rest) = bytes.split_at(head_room.min(bytes.len()));
        self.head.extend_from_slice(head);
        let tail_limit = self.limit_bytes - self.limit_bytes / 2;
        let skipped = rest.len().saturating_sub(tail_limit);
        self.tail.extend(&rest[skipped..]);
        let overflow = self.tail.len().saturating_sub(tail_limit);
        self.tail.drain(..overflow);
        self.cut_bytes += (skipped + overflow) as u64;
    }

    /// All that was kept, and how many bytes were cut from its middle.
    fn finish(&mut self) -> (Vec<u8>, u64) {
        let mut all = std::mem::take(&mut self.head);
        if self.cut_bytes > 0 {
            all.extend_from_slice(format!("\n[… {} bytes cut …]\n", self.cut_bytes).as_bytes());
        }
        all.extend(self.tail.drain(..));
        (all, self.cut_bytes)
    }
}

/// Whether something was cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Cut {
    Nothing,
    Some,
}

/// A capture shared between the store that writes it and the sandbox that reads it when the run is over.
#[derive(Clone, Debug)]
pub(crate) struct SharedCapture(Arc<Mutex<Capture>>);

impl SharedCapture {
    pub(crate) fn new(limit_bytes: usize) -> Self {
        SharedCapture(Arc::new(Mutex::new(Capture::new(limit_bytes))))
    }

    /// Keeps what fits, and says whether anything had to be cut so far.
    pub(crate) fn write(&self, bytes: &[u8]) -> Cut {
        let mut capture = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        capture.write(bytes);
        if capture.cut_bytes > 0 { Cut::Some } else { Cut::Nothing }
    }

    pub(crate) fn finish(&self) -> (Vec<u8>, u64) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).finish()
    }
}

/// The last lines of a job's log.
#[derive(Debug)]
pub(crate) struct LogBuffer {
    lines: VecDeque<LogLine>,
    kept_bytes: usize,
    limit_bytes: usize,
    cut_lines: u64,
}

impl LogBuffer {
    pub(crate) fn new(limit_bytes: usize) -> Self {
        LogBuffer { lines: VecDeque::new(), kept_bytes: 0, limit_bytes, cut_lines: 0 }
    }

    /// The longest line that is worth reading from the guest.
    pub(crate) fn line_limit_bytes(&self) -> usize {
        self.limit_bytes
    }

    /// Keeps the line in place of the oldest, and says whether any had to go so far.
    pub(crate) fn push(&mut self, line: LogLine) -> Cut {
        self.kept_bytes += line.message.len() + LINE_BYTES;
        self.lines.push_back(line);
        // The newest line stays, however long its mark made it.
        while self.kept_bytes > self.limit_bytes && self.lines.len() > 1 {
            let Some(oldest) = self.lines.pop_front() else { break };
            self.kept_bytes -= oldest.message.len() + LINE_BYTES;
            self.cut_lines += 1;
        }
        if self.cut_lines > 0 { Cut::Some } else { Cut::Nothing }
    }
}

/// All that a run wrote and logged.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Output {
    /// Standard output.
    pub stdout: Vec<u8>,
    /// Standard error.
    pub stderr: Vec<u8>,
    /// The last lines of the log.
    pub logs: Vec<LogLine>,
    /// What is missing from the three.
    pub truncated: Truncated,
}

/// What was cut from a run's output, 0 where nothing was.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Truncated {
    /// Bytes cut from the middle of standard output.
    pub stdout_bytes: u64,
    /// Bytes cut from the middle of standard error.
    pub stderr_bytes: u64,
    /// Lines dropped from the beginning of the log.
    pub log_lines: u64,
}

impl Output {
    /// Empties the buffers of a run into what its outcome keeps.
    pub(crate) fn collect(
        stdout: Option<&SharedCapture>,
        stderr: Option<&SharedCapture>,
        logs: &mut LogBuffer,
    ) -> Self {
        let (stdout, stdout_bytes) = stdout.map(SharedCapture::finish).unwrap_or_default();
        let (stderr, stderr_bytes) = stderr.map(SharedCapture::finish).unwrap_or_default();
        let truncated = Truncated { stdout_bytes, stderr_bytes, log_lines: logs.cut_lines };
        Output { stdout, stderr, logs: logs.lines.drain(..).collect(), truncated }
    }

    pub(crate) fn stdout_tail(&self) -> String {
        tail_text(&self.stdout)
    }

    pub(crate) fn stderr_tail(&self) -> String {
        tail_text(&self.stderr)
    }

    pub(crate) fn log_tail(&self) -> Vec<LogLine> {
        self.logs[self.logs.len().saturating_sub(TAIL_LINES)..].to_vec()
    }
}

fn tail_text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(&bytes[bytes.len().saturating_sub(TAIL_BYTES)..]).into_owned()
}

/// Text that may be cut anywhere, as a log line: lossy where it is not UTF-8.
pub(crate) fn line(level: i32, bytes: &[u8], cut_bytes: usize) -> LogLine {
    let mut message = String::from_utf8_lossy(bytes).into_owned();
    if cut_bytes > 0 {
        message.push_str(&format!(" [… {cut_bytes} bytes cut …]"));
    }
    LogLine { level: LogLevel::from_number(level), message }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_fits_is_kept_as_it_is() {
        let mut capture = Capture::new(10);
        capture.write(b"01234");
        capture.write(b"56789");
        assert_eq!(capture.finish(), (b"0123456789".to_vec(), 0));
    }

    #[test]
    fn of_a_flood_the_beginning_and_the_end_are_kept() {
        for chunk in [1, 3, 1_000, 100_000] {
            let mut capture = Capture::new(10);
            let flood: Vec<u8> = (0..100_000u32).map(|n| b'a' + (n % 26) as u8).collect();
            flood.chunks(chunk).for_each(|bytes| capture.write(bytes));
            let (kept, cut) = capture.finish();
            assert_eq!(cut, 99_990);
            assert!(kept.starts_with(&flood[..5]) && kept.ends_with(&flood[99_995..]), "{chunk}");
        }
    }

    #[test]
    fn of_a_long_log_the_last_lines_are_kept() {
        let mut logs = LogBuffer::new(4 * (LINE_BYTES + 2));
        for n in 10..30 {
            logs.push(line(2, n.to_string().as_bytes(), 0));
        }
        let output = Output::collect(None, None, &mut logs);
        let kept: Vec<&str> = output.logs.iter().map(|line| line.message.as_str()).collect();
        assert_eq!(kept, ["26", "27", "28", "29"]);
        assert_eq!(output.truncated.log_lines, 16);
    }
}
