//! Outcomes and failures as the documents that a queue stores: short, and readable by later versions.
//!
//! The only place where they are made and read. What clients see is made elsewhere.

use std::time::Duration;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::new_job::Payload;
use crate::capture::{Output, Truncated};
use crate::events::Event;
use crate::failure::{Backtrace, Failure, Frame, Kind, LogLevel, LogLine};
use crate::job::{Digest, JobId};
use crate::outcome::{Fuel, Outcome, Usage, value_of};

/// How a run ended. Returned values stand once, and what is empty is left out.
#[derive(Serialize, Deserialize)]
struct OutcomeDocument {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    program: Option<Digest>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    returns: Vec<Value>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    failure: Option<FailureDocument>,
    usage: UsageDocument,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    stdout: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    stderr: String,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    logs: Vec<LogDocument>,
    #[serde(default, skip_serializing_if = "is_whole")]
    truncated: (u64, u64, u64),
}

#[derive(Serialize, Deserialize)]
struct UsageDocument {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    fuel: Option<u64>,
    #[serde(default, skip_serializing_if = "is_false")]
    fuel_exact: bool,
    wall_ns: u64,
    #[serde(default)]
    waited_ns: u64,
    #[serde(default)]
    memory_peak_bytes: u64,
    #[serde(default, skip_serializing_if = "is_false")]
    memory_refused: bool,
}

/// Also what a job that is told of a failure gets in its kwargs.
#[derive(Serialize, Deserialize)]
struct FailureDocument {
    kind: Kind,
    message: String,
    #[serde(rename = "type", default, skip_serializing_if = "Option::is_none")]
    error_type: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    traceback: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    retry: Option<bool>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    trap: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    code: Option<u32>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    backtrace: Vec<FrameDocument>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    returns: Vec<Value>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    logs: Vec<LogDocument>,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    stdout_tail: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    stderr_tail: String,
}

#[derive(Serialize, Deserialize)]
struct FrameDocument {
    function: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    location: Option<String>,
}

#[derive(Serialize, Deserialize)]
struct LogDocument {
    level: String,
    message: String,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum EventDocument {
    Return(Value),
    Progress(Value),
    Log(LogDocument),
}

pub(super) fn payload_to_json(payload: &Payload) -> String {
    to_json(payload)
}

pub(super) fn payload_from_json(json: &str) -> Result<Payload, serde_json::Error> {
    read(json)
}

pub(super) fn outcome_to_json(outcome: &Outcome) -> String {
    let Outcome { id: _, program, result, returns, usage, output, callback_failures: _ } = outcome;
    let failure = result.as_ref().err().map(|failure| {
        // They stand beside it already.
        let mut document = FailureDocument::of(failure);
        document.returns = Vec::new();
        document.logs = Vec::new();
        document
    });
    let Truncated { stdout_bytes, stderr_bytes, log_lines } = output.truncated;
    to_json(&OutcomeDocument {
        program: *program,
        returns: returns.clone(),
        failure,
        usage: UsageDocument::of(usage),
        stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
        stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        logs: output.logs.iter().map(LogDocument::of).collect(),
        truncated: (stdout_bytes, stderr_bytes, log_lines),
    })
}

pub(super) fn outcome_from_json(id: JobId, json: &str) -> Result<Outcome, serde_json::Error> {
    let OutcomeDocument { program, returns, failure, usage, stdout, stderr, logs, truncated } = read(json)?;
    let (stdout_bytes, stderr_bytes, log_lines) = truncated;
    let output = Output {
        stdout: stdout.into_bytes(),
        stderr: stderr.into_bytes(),
        logs: logs.into_iter().map(LogDocument::read).collect(),
        truncated: Truncated { stdout_bytes, stderr_bytes, log_lines },
    };
    let result = match failure {
        None => Ok(value_of(&returns)),
        Some(document) => {
            let (returns, logs) = (returns.clone(), output.log_tail());
            Err(Failure { returns, logs, ..document.read() })
        }
    };
    Ok(Outcome { id, program, result, returns, usage: usage.read(), output, callback_failures: Vec::new() })
}

pub(super) fn failure_to_value(failure: &Failure) -> Value {
    serde_json::to_value(FailureDocument::of(failure)).expect("plain data with string keys has a JSON form")
}

pub(super) fn failure_from_value(value: Value) -> Result<Failure, serde_json::Error> {
    serde_json::from_value(value).map(FailureDocument::read)
}

pub(super) fn event_to_json(event: &Event) -> String {
    to_json(&match event {
        Event::Return(value) => EventDocument::Return(value.clone()),
        Event::Progress(value) => EventDocument::Progress(value.clone()),
        Event::Log(line) => EventDocument::Log(LogDocument::of(line)),
    })
}

pub(super) fn event_from_json(json: &str) -> Result<Event, serde_json::Error> {
    Ok(match read(json)? {
        EventDocument::Return(value) => Event::Return(value),
        EventDocument::Progress(value) => Event::Progress(value),
        EventDocument::Log(line) => Event::Log(line.read()),
    })
}

fn to_json(document: &impl Serialize) -> String {
    serde_json::to_string(document).expect("plain data with string keys has a JSON form")
}

/// Reads a document of our own. A value of a guest that is as deep as JSON is read elsewhere lies a few levels deeper
/// here, so the reader's own limit is lifted; what may be stored is bounded where it came in.
fn read<T: DeserializeOwned>(json: &str) -> Result<T, serde_json::Error> {
    let mut reader = serde_json::Deserializer::from_str(json);
    reader.disable_recursion_limit();
    let document = T::deserialize(&mut reader)?;
    reader.end()?;
    Ok(document)
}

fn is_false(flag: &bool) -> bool {
    !flag
}

fn is_whole(truncated: &(u64, u64, u64)) -> bool {
    *truncated == (0, 0, 0)
}

impl UsageDocument {
    fn of(usage: &Usage) -> Self {
        let nanoseconds = |duration: Duration| u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX);
        UsageDocument {
            fuel: usage.fuel.map(Fuel::units),
            fuel_exact: matches!(usage.fuel, Some(Fuel::Exact(_))),
            wall_ns: nanoseconds(usage.wall),
            waited_ns: nanoseconds(usage.waited),
            memory_peak_bytes: usage.memory_peak_bytes,
            memory_refused: usage.memory_refused,
        }
    }

    fn read(self) -> Usage {
        let fuel = self.fuel.map(if self.fuel_exact { Fuel::Exact } else { Fuel::AtLeast });
        Usage {
            fuel,
            wall: Duration::from_nanos(self.wall_ns),
            waited: Duration::from_nanos(self.waited_ns),
            memory_peak_bytes: self.memory_peak_bytes,
            memory_refused: self.memory_refused,
        }
    }
}

impl FailureDocument {
    fn of(failure: &Failure) -> Self {
        let frames = failure.backtrace.iter().flat_map(|backtrace| &backtrace.frames);
        FailureDocument {
            kind: failure.kind,
            message: failure.message.clone(),
            error_type: failure.error_type.clone(),
            traceback: failure.traceback.clone(),
            retry: failure.retry,
            trap: failure.trap.map(|code| code.as_str().to_owned()),
            code: failure.code,
            backtrace: frames.map(FrameDocument::of).collect(),
            returns: failure.returns.clone(),
            logs: failure.logs.iter().map(LogDocument::of).collect(),
            stdout_tail: failure.stdout_tail.clone(),
            stderr_tail: failure.stderr_tail.clone(),
        }
    }

    fn read(self) -> Failure {
        let frames: Vec<Frame> = self.backtrace.into_iter().map(FrameDocument::read).collect();
        Failure {
            error_type: self.error_type,
            traceback: self.traceback,
            retry: self.retry,
            // A code that a later version knows is no reason to lose the rest.
            trap: self.trap.map(|code| code.parse().unwrap_or(crate::failure::TrapCode::Other)),
            code: self.code,
            backtrace: (!frames.is_empty()).then_some(Backtrace { frames }),
            returns: self.returns,
            logs: self.logs.into_iter().map(LogDocument::read).collect(),
            stdout_tail: self.stdout_tail,
            stderr_tail: self.stderr_tail,
            ..Failure::new(self.kind, self.message)
        }
    }
}

impl FrameDocument {
    fn of(frame: &Frame) -> Self {
        FrameDocument { function: frame.function.clone(), location: frame.location.clone() }
    }

    fn read(self) -> Frame {
        Frame { function: self.function, location: self.location }
    }
}

impl LogDocument {
    fn of(line: &LogLine) -> Self {
        LogDocument { level: line.level.as_str().to_owned(), message: line.message.clone() }
    }

    fn read(self) -> LogLine {
        let levels = [LogLevel::Trace, LogLevel::Debug, LogLevel::Info, LogLevel::Warn, LogLevel::Error];
        let level = levels.into_iter().find(|level| level.as_str() == self.level).unwrap_or(LogLevel::Error);
        LogLine { level, message: self.message }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::outcome::never_ran;

    #[test]
    fn an_outcome_survives_the_store() {
        let id = JobId::fresh();
        let logs = vec![LogLine { level: LogLevel::Warn, message: "hm\0".into() }];
        let frames = vec![Frame { function: "f".into(), location: Some("a.c:3".into()) }];
        let failure = Failure {
            error_type: Some("ValueError".into()),
            retry: Some(true),
            trap: Some(crate::failure::TrapCode::Unreachable),
            code: Some(3),
            backtrace: Some(Backtrace { frames }),
            returns: vec![json!(1), json!(null)],
            logs: logs.clone(),
            ..Failure::new(Kind::Trap, "no")
        };
        let failed = Outcome {
            returns: vec![json!(1), json!(null)],
            output: Output { stdout: b"out".to_vec(), logs, ..Output::default() },
            usage: Usage { fuel: Some(Fuel::AtLeast(7)), wall: Duration::from_nanos(5), ..Usage::default() },
            ..never_ran(id, Some(Digest::of(b"x")), failure, Duration::from_millis(3))
        };
        let returned = |returns: Vec<Value>| Outcome { result: Ok(value_of(&returns)), returns, ..failed.clone() };
        for outcome in
            [failed.clone(), returned(vec![]), returned(vec![json!([])]), returned(vec![json!(8), json!(13)])]
        {
            let read = outcome_from_json(id, &outcome_to_json(&outcome)).expect("what was written");
            assert_eq!(read, outcome);
        }
    }

    #[test]
    fn the_plainest_outcome_is_short() {
        let outcome = Outcome {
            result: Ok(json!(3)),
            returns: vec![json!(3)],
            ..never_ran(JobId::fresh(), None, Failure::new(Kind::Lost, ""), Duration::ZERO)
        };
        let json = outcome_to_json(&outcome);
        assert_eq!(json, r#"{"returns":[3],"usage":{"wall_ns":0,"waited_ns":0,"memory_peak_bytes":0}}"#);
    }

    #[test]
    fn a_value_as_deep_as_a_guest_may_return_is_read_back() {
        let deepest = format!("{}1{}", "[".repeat(127), "]".repeat(127));
        let value: Value = serde_json::from_str(&deepest).expect("as deep as JSON is read");
        let failure = Failure { returns: vec![value.clone()], ..Failure::new(Kind::Guest, "no") };
        let outcome = Outcome::of(JobId::fresh(), Err(failure));
        assert_eq!(outcome_from_json(outcome.id, &outcome_to_json(&outcome)).expect("what was written"), outcome);
        let event = Event::Progress(value);
        assert_eq!(event_from_json(&event_to_json(&event)).expect("what was written"), event);
    }

    #[test]
    fn an_event_survives_the_store() {
        let line = LogLine { level: LogLevel::Info, message: "x".into() };
        for event in [Event::Return(json!(null)), Event::Progress(json!({"done": 0.5})), Event::Log(line)] {
            assert_eq!(event_from_json(&event_to_json(&event)).expect("what was written"), event);
        }
    }
}
