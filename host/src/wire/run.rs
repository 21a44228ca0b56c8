//! The document of a run: how it ended, what it used, what it wrote.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

use crate::capture::{Output, Truncated};
use crate::failure::{Backtrace, Failure, Frame, Kind, LogLevel, LogLine, TrapCode};
use crate::job::{Digest, JobId};
use crate::outcome::{Fuel, Outcome, Usage};

/// How a run ended, and what it used and wrote.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct RunDocument {
    /// The run.
    pub id: JobId,
    /// The program that ran.
    pub program: Option<Digest>,
    /// The value: null for no return, the value itself for one, the list for more. Null too if it failed.
    pub result: Value,
    /// Why there is no value, if it failed.
    pub failure: Option<FailureDocument>,
    /// Each returned value, in order, whatever came after.
    pub returns: Vec<Value>,
    /// What it used.
    pub usage: UsageDocument,
    /// Standard output.
    pub stdout: String,
    /// Standard error.
    pub stderr: String,
    /// The last lines of its log.
    pub logs: Vec<LogDocument>,
    /// What is missing from these three.
    pub truncated: TruncatedDocument,
}

/// Why a run failed. What is not known of it is left out.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct FailureDocument {
    /// What kind.
    pub kind: Kind,
    /// What happened, for a person.
    pub message: String,
    /// Why it trapped.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trap: Option<TrapCode>,
    /// The status it left with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<u32>,
    /// Where the program was, innermost frame first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub backtrace: Option<Vec<FrameDocument>>,
    /// The type that the job gave its error.
    #[serde(rename = "type", default, skip_serializing_if = "Option::is_none")]
    pub error_type: Option<String>,
    /// The job's own account of where it was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub traceback: Option<String>,
    /// Whether the job says that another attempt is worth it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry: Option<bool>,
}

/// One function on the stack.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct FrameDocument {
    /// Its name.
    pub function: String,
    /// `file:line`, where it is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub location: Option<String>,
}

/// What a run used.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct UsageDocument {
    /// Units of fuel, where they are known.
    pub fuel: Option<u64>,
    /// Whether that is all: else it used at least this much.
    pub fuel_exact: bool,
    /// From the start of the run to its end, in nanoseconds.
    pub wall_ns: u64,
    /// The most that its linear memories held together.
    pub memory_peak_bytes: u64,
    /// Whether it was ever refused memory.
    pub memory_refused: bool,
}

/// One line that a job logged.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct LogDocument {
    /// How grave.
    pub level: LogLevel,
    /// The text, as the job wrote it.
    pub message: String,
}

/// What was cut from a run's output, 0 where nothing was.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct TruncatedDocument {
    /// Bytes cut from the middle of standard output.
    pub stdout_bytes: u64,
    /// Bytes cut from the middle of standard error.
    pub stderr_bytes: u64,
    /// Lines dropped from the beginning of the log.
    pub log_lines: u64,
}

impl From<Outcome> for RunDocument {
    /// Moves all that is large.
    fn from(outcome: Outcome) -> Self {
        let (result, failure) = match outcome.result {
            Ok(value) => (value, None),
            Err(failure) => (Value::Null, Some(failure.into())),
        };
        let Output { stdout, stderr, logs, truncated } = outcome.output;
        RunDocument {
            id: outcome.id,
            program: outcome.program,
            result,
            failure,
            returns: outcome.returns,
            usage: (&outcome.usage).into(),
            stdout: text(stdout),
            stderr: text(stderr),
            logs: logs.into_iter().map(LogDocument::from).collect(),
            truncated: truncated.into(),
        }
    }
}

/// Bytes as text, moved if they are UTF-8.
fn text(bytes: Vec<u8>) -> String {
    String::from_utf8(bytes).unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned())
}

impl From<&Outcome> for RunDocument {
    fn from(outcome: &Outcome) -> Self {
        outcome.clone().into()
    }
}

impl From<RunDocument> for Outcome {
    /// As far as the document tells: what callbacks did and how long it waited for a slot is not in it.
    fn from(document: RunDocument) -> Self {
        let logs: Vec<LogLine> = document.logs.into_iter().map(LogLine::from).collect();
        let result = match document.failure {
            Some(failure) => {
                Err(Failure { returns: document.returns.clone(), logs: logs.clone(), ..Failure::from(failure) })
            }
            None => Ok(document.result),
        };
        let TruncatedDocument { stdout_bytes, stderr_bytes, log_lines } = document.truncated;
        let truncated = Truncated { stdout_bytes, stderr_bytes, log_lines };
        let (stdout, stderr) = (document.stdout.into_bytes(), document.stderr.into_bytes());
        Outcome {
            id: document.id,
            program: document.program,
            result,
            returns: document.returns,
            usage: document.usage.into(),
            output: Output { stdout, stderr, logs, truncated },
            callback_failures: Vec::new(),
        }
    }
}

impl From<Failure> for FailureDocument {
    fn from(failure: Failure) -> Self {
        FailureDocument {
            kind: failure.kind,
            message: failure.message,
            trap: failure.trap,
            code: failure.code,
            backtrace: failure.backtrace.map(|trace| trace.frames.into_iter().map(FrameDocument::from).collect()),
            error_type: failure.error_type,
            traceback: failure.traceback,
            retry: failure.retry,
        }
    }
}

impl From<&Failure> for FailureDocument {
    fn from(failure: &Failure) -> Self {
        let frames = |trace: &Backtrace| trace.frames.iter().cloned().map(FrameDocument::from).collect();
        FailureDocument {
            kind: failure.kind,
            message: failure.message.clone(),
            trap: failure.trap,
            code: failure.code,
            backtrace: failure.backtrace.as_ref().map(frames),
            error_type: failure.error_type.clone(),
            traceback: failure.traceback.clone(),
            retry: failure.retry,
        }
    }
}

impl From<FailureDocument> for Failure {
    fn from(document: FailureDocument) -> Self {
        let frame = |frame: FrameDocument| Frame { function: frame.function, location: frame.location };
        let trace = |frames: Vec<FrameDocument>| Backtrace { frames: frames.into_iter().map(frame).collect() };
        Failure {
            trap: document.trap,
            code: document.code,
            backtrace: document.backtrace.map(trace),
            error_type: document.error_type,
            traceback: document.traceback,
            retry: document.retry,
            ..Failure::new(document.kind, document.message)
        }
    }
}

impl From<Frame> for FrameDocument {
    fn from(frame: Frame) -> Self {
        FrameDocument { function: frame.function, location: frame.location }
    }
}

impl From<&Usage> for UsageDocument {
    fn from(usage: &Usage) -> Self {
        UsageDocument {
            fuel: usage.fuel.map(Fuel::units),
            fuel_exact: matches!(usage.fuel, Some(Fuel::Exact(_))),
            wall_ns: u64::try_from(usage.wall.as_nanos()).unwrap_or(u64::MAX),
            memory_peak_bytes: usage.memory_peak_bytes,
            memory_refused: usage.memory_refused,
        }
    }
}

impl From<UsageDocument> for Usage {
    fn from(document: UsageDocument) -> Self {
        Usage {
            fuel: document.fuel.map(if document.fuel_exact { Fuel::Exact } else { Fuel::AtLeast }),
            wall: Duration::from_nanos(document.wall_ns),
            waited: Duration::ZERO,
            memory_peak_bytes: document.memory_peak_bytes,
            memory_refused: document.memory_refused,
        }
    }
}

impl From<LogLine> for LogDocument {
    fn from(line: LogLine) -> Self {
        LogDocument { level: line.level, message: line.message }
    }
}

impl From<LogDocument> for LogLine {
    fn from(document: LogDocument) -> Self {
        LogLine { level: document.level, message: document.message }
    }
}

impl From<Truncated> for TruncatedDocument {
    fn from(truncated: Truncated) -> Self {
        let Truncated { stdout_bytes, stderr_bytes, log_lines } = truncated;
        TruncatedDocument { stdout_bytes, stderr_bytes, log_lines }
    }
}
