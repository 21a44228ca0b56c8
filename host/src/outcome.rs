//! How a run ended: what the guest did, read from types and flags, made into an [`Outcome`].
//!
//! The only file that interprets a wasmtime error.

use std::time::Duration;

use serde_json::Value;
use wasmtime::{Trap, WasmBacktrace};
use wasmtime_wasi::I32Exit;

use crate::capture::Output;
use crate::failure::{Backtrace, Failure, Frame, Kind, TrapCode};
use crate::job::{Digest, JobId};
use crate::limits::Limits;

/// How one run ended, and what it used and wrote.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Outcome {
    /// The run.
    pub id: JobId,
    /// The program that ran; `None` for a native closure.
    pub program: Option<Digest>,
    /// The value: `null` for no return, the value itself for one, the list for more. Or why there is none.
    pub result: Result<Value, Failure>,
    /// Each returned value, in order, whatever came after.
    pub returns: Vec<Value>,
    /// What it used.
    pub usage: Usage,
    /// What it wrote and logged.
    pub output: Output,
    /// The failures of the closures that were told of the end: none, `at_return`'s, or `at_err`'s last.
    pub callback_failures: Vec<Failure>,
}

impl Outcome {
    /// How something ended that no sandbox ran: with these returned values, or with this failure; nothing used, nothing
    /// written.
    #[must_use]
    pub fn of(id: JobId, result: Result<Vec<Value>, Failure>) -> Self {
        let (result, returns) = match result {
            Ok(returns) => (Ok(value_of(&returns)), returns),
            Err(failure) => {
                let returns = failure.returns.clone();
                (Err(failure), returns)
            }
        };
        let (usage, output) = (Usage::default(), Output::default());
        Outcome { id, program: None, result, returns, usage, output, callback_failures: Vec::new() }
    }
}

/// What a run used.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Usage {
    /// Fuel, where it is known.
    pub fuel: Option<Fuel>,
    /// From the start of the run to its end, waiting for a slot not included.
    pub wall: Duration,
    /// From the call to the start of the run.
    pub waited: Duration,
    /// The most that its linear memories held together, in bytes.
    pub memory_peak_bytes: u64,
    /// Whether it was ever refused memory.
    pub memory_refused: bool,
}

/// A count of fuel. It is unknown when a run was interrupted from outside.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fuel {
    /// The run returned, left, or used up its budget: the same program and input use this much everywhere.
    Exact(u64),
    /// The run trapped, or returned with nothing left of its budget: what it used since the last check is missing.
    AtLeast(u64),
}

impl Fuel {
    /// The count.
    #[must_use]
    pub fn units(self) -> u64 {
        match self {
            Fuel::Exact(units) | Fuel::AtLeast(units) => units,
        }
    }
}

/// What a host function says when the run cannot go on. Travels through wasmtime as an error.
#[derive(Debug, thiserror::Error)]
pub(crate) enum GuestStop {
    #[error("left with status {0}")]
    Exit(u32),
    #[error("{0}")]
    BadReturn(String),
    #[error("{0}")]
    BadCall(String),
    #[error("{0}")]
    LogOverflow(String),
}

/// Says of an error that the program was called by then: whatever is wrong is the guest's doing. A component can fail
/// before and after its own code, in what it makes of the arguments and of the result.
#[derive(Debug, thiserror::Error)]
#[error("while the program was called")]
pub(crate) struct Called;

/// How the run came to its end.
pub(crate) enum Ending {
    /// The guest returned, trapped or was stopped by a host function.
    Finished(wasmtime::Result<()>),
    /// Its time was up.
    TimedOut,
    /// Somebody stopped it, for the reason given.
    Cancelled(&'static str),
}

/// The failure that a job reported of itself.
#[derive(Debug, Default)]
pub(crate) struct Reported {
    pub(crate) error_type: Option<String>,
    pub(crate) message: String,
    pub(crate) traceback: Option<String>,
    pub(crate) location: Option<String>,
    pub(crate) retry: Option<bool>,
}

/// What was noted while the run went on.
pub(crate) struct Record {
    pub(crate) returns: Vec<Value>,
    pub(crate) reported: Option<Reported>,
    pub(crate) output: Output,
    pub(crate) fuel_used: Option<u64>,
    pub(crate) memory_peak_bytes: u64,
    /// Why memory was refused, if it ever was.
    pub(crate) memory_refusal: Option<String>,
    pub(crate) wall: Duration,
    pub(crate) waited: Duration,
}

/// Makes an outcome of an ending and what was noted.
pub(crate) fn classify(id: JobId, program: Digest, limits: &Limits, ending: Ending, record: Record) -> Outcome {
    let fuel = record.fuel_used.and_then(|used| known_fuel(&ending, used, limits.fuel));
    let usage = Usage {
        fuel,
        wall: record.wall,
        waited: record.waited,
        memory_peak_bytes: record.memory_peak_bytes,
        memory_refused: record.memory_refusal.is_some(),
    };
    let failure = failure_of(ending, limits, record.reported, record.memory_refusal);
    let result = match failure {
        None => Ok(value_of(&record.returns)),
        Some(failure) => Err(Failure {
            returns: record.returns.clone(),
            logs: record.output.log_tail(),
            stdout_tail: record.output.stdout_tail(),
            stderr_tail: record.output.stderr_tail(),
            ..failure
        }),
    };
    let (returns, output) = (record.returns, record.output);
    Outcome { id, program: Some(program), result, returns, usage, output, callback_failures: Vec::new() }
}

/// An outcome of a job of which nothing ran.
pub(crate) fn never_ran(id: JobId, program: Option<Digest>, failure: Failure, waited: Duration) -> Outcome {
    Outcome {
        id,
        program,
        result: Err(failure),
        returns: Vec::new(),
        usage: Usage { waited, ..Usage::default() },
        output: Output::default(),
        callback_failures: Vec::new(),
    }
}

/// No return is `null`, one is itself, more are a list.
pub(crate) fn value_of(returns: &[Value]) -> Value {
    match returns {
        [] => Value::Null,
        [one] => one.clone(),
        many => Value::Array(many.to_vec()),
    }
}

fn known_fuel(ending: &Ending, used: u64, budget: Option<u64>) -> Option<Fuel> {
    let Ending::Finished(result) = ending else { return None };
    match result {
        // Fuel is looked at in loops and calls only: the last stretch may have gone past the budget unseen.
        Ok(()) if budget == Some(used) => Some(Fuel::AtLeast(used)),
        Ok(()) => Some(Fuel::Exact(used)),
        Err(error) if error.is::<GuestStop>() || error.is::<I32Exit>() => Some(Fuel::Exact(used)),
        Err(error) => match error.downcast_ref::<Trap>() {
            Some(Trap::OutOfFuel) => Some(Fuel::Exact(used)),
            Some(Trap::Interrupt) => None,
            _ => Some(Fuel::AtLeast(used)),
        },
    }
}

/// The one place where it is decided what kind of failure an ending is.
///
/// A stop from outside and a spent budget are what they are. A job's own report comes next, then memory that was
/// refused before the job died, then how it died.
fn failure_of(
    ending: Ending,
    limits: &Limits,
    reported: Option<Reported>,
    memory_refusal: Option<String>,
) -> Option<Failure> {
    let error = match ending {
        Ending::TimedOut => return Some(timed_out(limits)),
        Ending::Cancelled(reason) => return Some(Failure::new(Kind::Cancelled, reason)),
        Ending::Finished(Ok(())) => return reported.map(own_report),
        Ending::Finished(Err(error)) => error,
    };
    let backtrace = error.downcast_ref::<WasmBacktrace>().map(symbolise);
    let failure = death(&error, limits, reported, memory_refusal)?;
    // A job that left on its own was not caught anywhere.
    let left = error.is::<I32Exit>() || matches!(error.downcast_ref(), Some(GuestStop::Exit(_)));
    let backtrace = backtrace.filter(|_| !left);
    Some(Failure { backtrace, ..failure })
}

/// What a run died of; nothing if it left with status 0 and reported nothing.
fn death(
    error: &wasmtime::Error,
    limits: &Limits,
    reported: Option<Reported>,
    memory_refusal: Option<String>,
) -> Option<Failure> {
    // The guest was on the stack, so it was the guest's call that failed and not the host's set-up.
    let in_guest = error.is::<WasmBacktrace>() || error.is::<Called>();
    let own = reported.map(own_report);
    let refused = memory_refusal.map(|refusal| Failure::new(Kind::OutOfMemory, refusal));
    let trapped = |own: Option<Failure>, refused: Option<Failure>, code, message: String| {
        let failure = own.or(refused).unwrap_or_else(|| Failure::new(Kind::Trap, message));
        Some(Failure { trap: Some(code), ..failure })
    };
    let left = |code: u32, own: Option<Failure>, refused: Option<Failure>| match code {
        0 => own,
        _ => {
            let exit = || Failure::new(Kind::Exit, format!("left with status {code}"));
            Some(Failure { code: Some(code), ..own.or(refused).unwrap_or_else(exit) })
        }
    };
    // What `wasi:cli/exit` says.
    if let Some(I32Exit(status)) = error.downcast_ref() {
        return left(*status as u32, own, refused);
    }
    if let Some(stop) = error.downcast_ref::<GuestStop>() {
        return match stop {
            GuestStop::Exit(code) => left(*code, own, refused),
            GuestStop::BadReturn(message) => Some(Failure::new(Kind::BadReturn, message)),
            GuestStop::LogOverflow(message) => Some(Failure::new(Kind::LogOverflow, message)),
            GuestStop::BadCall(message) => trapped(None, None, TrapCode::HostCall, message.clone()),
        };
    }
    match error.downcast_ref::<Trap>() {
        // A busy guest is caught in the act, so the backtrace tells where.
        Some(Trap::OutOfFuel) => Some(out_of_fuel(limits)),
        Some(Trap::Interrupt) => Some(timed_out(limits)),
        Some(trap) => trapped(own, refused, trap_code(*trap), trap_message(*trap)),
        None if in_guest => {
            let message = format!("a host call failed: {}", error.root_cause());
            trapped(own, refused, TrapCode::HostCall, message)
        }
        None => {
            let host = || Failure::new(Kind::Host, format!("the engine could not start the run: {error:#}"));
            Some(refused.unwrap_or_else(host))
        }
    }
}

fn own_report(reported: Reported) -> Failure {
    let panicked = reported.error_type.as_deref() == Some("panic");
    let message = match (&reported.location, panicked) {
        (Some(location), true) => format!("{} (at {location})", reported.message),
        _ => reported.message,
    };
    Failure {
        error_type: reported.error_type,
        traceback: reported.traceback,
        retry: reported.retry,
        ..Failure::new(if panicked { Kind::Panic } else { Kind::Guest }, message)
    }
}

fn timed_out(limits: &Limits) -> Failure {
    Failure::new(Kind::TimedOut, format!("ran longer than its timeout of {:?}", limits.timeout))
}

fn out_of_fuel(limits: &Limits) -> Failure {
    let budget = limits.fuel.unwrap_or(u64::MAX);
    Failure::new(Kind::OutOfFuel, format!("used up its fuel budget of {budget}"))
}

fn trap_code(trap: Trap) -> TrapCode {
    match trap {
        Trap::UnreachableCodeReached => TrapCode::Unreachable,
        Trap::MemoryOutOfBounds => TrapCode::MemoryOutOfBounds,
        Trap::TableOutOfBounds => TrapCode::TableOutOfBounds,
        Trap::IndirectCallToNull | Trap::NullReference => TrapCode::IndirectCallToNull,
        Trap::BadSignature => TrapCode::BadSignature,
        Trap::IntegerOverflow => TrapCode::IntegerOverflow,
        Trap::IntegerDivisionByZero => TrapCode::IntegerDivideByZero,
        Trap::BadConversionToInteger => TrapCode::BadConversionToInteger,
        Trap::StackOverflow => TrapCode::StackOverflow,
        _ => TrapCode::Other,
    }
}

fn trap_message(trap: Trap) -> String {
    match trap_code(trap) {
        TrapCode::Unreachable => "trapped: an `unreachable` instruction was executed".to_owned(),
        TrapCode::MemoryOutOfBounds => "trapped: memory was accessed out of bounds".to_owned(),
        TrapCode::TableOutOfBounds => "trapped: a table was accessed out of bounds".to_owned(),
        TrapCode::IndirectCallToNull => "trapped: an empty table entry was called".to_owned(),
        TrapCode::BadSignature => "trapped: a function was called with another type than its own".to_owned(),
        TrapCode::IntegerOverflow => "trapped: an integer overflowed".to_owned(),
        TrapCode::IntegerDivideByZero => "trapped: an integer was divided by zero".to_owned(),
        TrapCode::BadConversionToInteger => "trapped: a float without an integer form was converted".to_owned(),
        TrapCode::StackOverflow => "trapped: the call stack overflowed".to_owned(),
        TrapCode::HostCall | TrapCode::Other => format!("trapped: {trap}"),
    }
}

/// Names and places of a backtrace; functions that were inlined appear as frames of their own.
fn symbolise(backtrace: &WasmBacktrace) -> Backtrace {
    let mut frames = Vec::new();
    for frame in backtrace.frames() {
        for symbol in frame.symbols() {
            let location = symbol.file().map(|file| match symbol.line() {
                Some(line) => format!("{file}:{line}"),
                None => file.to_owned(),
            });
            let name = symbol.name().or(frame.func_name());
            frames.push(Frame { function: function_name(name, frame.func_index()), location });
        }
        if frame.symbols().is_empty() {
            frames.push(Frame { function: function_name(frame.func_name(), frame.func_index()), location: None });
        }
    }
    Backtrace { frames }
}

fn function_name(name: Option<&str>, index: u32) -> String {
    let Some(name) = name else { return format!("function {index}") };
    if let Ok(demangled) = rustc_demangle::try_demangle(name) {
        return format!("{demangled:#}");
    }
    name.to_owned()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn no_return_is_null_one_is_itself_more_are_a_list() {
        assert_eq!(value_of(&[]), json!(null));
        for value in [json!(0), json!(""), json!([]), json!(false), json!(null), json!([1, 2])] {
            assert_eq!(value_of(std::slice::from_ref(&value)), value);
        }
        assert_eq!(value_of(&[json!(8), json!(13)]), json!([8, 13]));
    }

    #[test]
    fn a_report_outranks_a_refusal_of_memory_and_both_outrank_the_trap() {
        let limits = Limits::default();
        let trap = || Ending::Finished(Err(wasmtime::Error::from(Trap::UnreachableCodeReached)));
        let report = || Some(Reported { message: "no".into(), ..Reported::default() });
        let refusal = || Some("refused".to_owned());
        let kind = |ending, reported, refusal| failure_of(ending, &limits, reported, refusal).map(|f| f.kind);
        assert_eq!(kind(trap(), report(), refusal()), Some(Kind::Guest));
        assert_eq!(kind(trap(), None, refusal()), Some(Kind::OutOfMemory));
        assert_eq!(kind(trap(), None, None), Some(Kind::Trap));
        assert_eq!(kind(Ending::Finished(Ok(())), None, refusal()), None);
        assert_eq!(kind(Ending::TimedOut, report(), refusal()), Some(Kind::TimedOut));
    }

    #[test]
    fn a_status_of_zero_is_a_return_and_any_other_is_kept_whole() {
        let limits = Limits::default();
        let exit = |code| Ending::Finished(Err(wasmtime::Error::from(GuestStop::Exit(code))));
        assert_eq!(failure_of(exit(0), &limits, None, None), None);
        for code in [1, 125, 126, 256, u32::MAX] {
            let failure = failure_of(exit(code), &limits, None, None).expect("a failure");
            assert_eq!((failure.kind, failure.code), (Kind::Exit, Some(code)));
        }
    }
}
