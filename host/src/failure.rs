//! How a run can fail, as data: stored, shown and decided on. Never a host's fault (see `error.rs`).
//!
//! Only values here; what a wasmtime error means is decided in `outcome.rs`.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// What kind of failure: stable names for databases, metrics, exit codes and retry rules.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Kind {
    /// The job said so: it returned an error or raised one.
    Guest,
    /// The job panicked, and its hook said so.
    Panic,
    /// The program did what wasm forbids; see [`TrapCode`].
    Trap,
    /// The program left with a status other than 0.
    Exit,
    /// The fuel budget was used up.
    OutOfFuel,
    /// The run took longer than its timeout.
    TimedOut,
    /// The run died after it was refused memory.
    OutOfMemory,
    /// A value handed to `_return` was not acceptable: pointer, UTF-8, JSON, size or count.
    BadReturn,
    /// The kwargs do not fit the program's schema, or are too large.
    BadKwargs,
    /// The program cannot be loaded: invalid, unknown imports, refused proposal, too large.
    BadProgram,
    /// The grants asked for exceed what the runner allows.
    Denied,
    /// It wrote or logged more than is kept, and was told that this is a failure.
    LogOverflow,
    /// The run was cancelled, or its runner went away.
    Cancelled,
    /// A queued job waited past the moment by which it had to start.
    Expired,
    /// A queued job's worker died on every attempt.
    Lost,
    /// A closure that was to be told of the end failed itself, or a receiver could not be told.
    Callback,
    /// The host failed while running the job.
    Host,
}

impl Kind {
    /// Every kind.
    pub const ALL: [Kind; 17] = [
        Kind::Guest,
        Kind::Panic,
        Kind::Trap,
        Kind::Exit,
        Kind::OutOfFuel,
        Kind::TimedOut,
        Kind::OutOfMemory,
        Kind::BadReturn,
        Kind::BadKwargs,
        Kind::BadProgram,
        Kind::Denied,
        Kind::LogOverflow,
        Kind::Cancelled,
        Kind::Expired,
        Kind::Lost,
        Kind::Callback,
        Kind::Host,
    ];

    /// The stable name, in snake case.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Kind::Guest => "guest",
            Kind::Panic => "panic",
            Kind::Trap => "trap",
            Kind::Exit => "exit",
            Kind::OutOfFuel => "out_of_fuel",
            Kind::TimedOut => "timed_out",
            Kind::OutOfMemory => "out_of_memory",
            Kind::BadReturn => "bad_return",
            Kind::BadKwargs => "bad_kwargs",
            Kind::BadProgram => "bad_program",
            Kind::Denied => "denied",
            Kind::LogOverflow => "log_overflow",
            Kind::Cancelled => "cancelled",
            Kind::Expired => "expired",
            Kind::Lost => "lost",
            Kind::Callback => "callback",
            Kind::Host => "host",
        }
    }

    /// Whether the job was refused before anything of it ran.
    #[must_use]
    pub fn is_refusal(self) -> bool {
        matches!(self, Kind::BadKwargs | Kind::BadProgram | Kind::Denied)
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Kind {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        let known = Kind::ALL.into_iter().find(|kind| kind.as_str() == name);
        known.ok_or_else(|| format!("expected a kind of failure, such as `guest`, found {name:?}"))
    }
}

impl Serialize for Kind {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl<'de> Deserialize<'de> for Kind {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

/// Why a program trapped: the names of the core specification, and the host's own at the end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum TrapCode {
    /// An `unreachable` instruction: how compilers end an abort.
    Unreachable,
    /// A load or store outside linear memory.
    MemoryOutOfBounds,
    /// A table index outside its table.
    TableOutOfBounds,
    /// A call through an empty table entry.
    IndirectCallToNull,
    /// A call through a table entry of another type.
    BadSignature,
    /// An integer operation whose result does not fit.
    IntegerOverflow,
    /// An integer division by zero.
    IntegerDivideByZero,
    /// A float that has no integer form.
    BadConversionToInteger,
    /// Too deep a recursion.
    StackOverflow,
    /// A host function refused to go on: a full descriptor table, too many random bytes, a bad pointer.
    HostCall,
    /// Any other trap of the engine.
    Other,
}

impl TrapCode {
    /// Every code.
    pub const ALL: [TrapCode; 11] = [
        TrapCode::Unreachable,
        TrapCode::MemoryOutOfBounds,
        TrapCode::TableOutOfBounds,
        TrapCode::IndirectCallToNull,
        TrapCode::BadSignature,
        TrapCode::IntegerOverflow,
        TrapCode::IntegerDivideByZero,
        TrapCode::BadConversionToInteger,
        TrapCode::StackOverflow,
        TrapCode::HostCall,
        TrapCode::Other,
    ];

    /// The stable name, in snake case.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            TrapCode::Unreachable => "unreachable",
            TrapCode::MemoryOutOfBounds => "memory_out_of_bounds",
            TrapCode::TableOutOfBounds => "table_out_of_bounds",
            TrapCode::IndirectCallToNull => "indirect_call_to_null",
            TrapCode::BadSignature => "bad_signature",
            TrapCode::IntegerOverflow => "integer_overflow",
            TrapCode::IntegerDivideByZero => "integer_divide_by_zero",
            TrapCode::BadConversionToInteger => "bad_conversion_to_integer",
            TrapCode::StackOverflow => "stack_overflow",
            TrapCode::HostCall => "host_call",
            TrapCode::Other => "other",
        }
    }
}

impl FromStr for TrapCode {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        let known = TrapCode::ALL.into_iter().find(|code| code.as_str() == name);
        known.ok_or_else(|| format!("expected a trap's code, such as `unreachable`, found {name:?}"))
    }
}

impl fmt::Display for TrapCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Where a guest was when it trapped, innermost frame first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Backtrace {
    /// At most 32 frames.
    pub frames: Vec<Frame>,
}

/// One guest function on the stack.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frame {
    /// The function's demangled name, or `function 12` where the program carries no names.
    pub function: String,
    /// `file:line`, where the program carries DWARF.
    pub location: Option<String>,
}

impl fmt::Display for Backtrace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, frame) in self.frames.iter().enumerate() {
            if index > 0 {
                f.write_str("\n")?;
            }
            write!(f, "{index:>3}: {}", frame.function)?;
            if let Some(location) = &frame.location {
                write!(f, "\n       at {location}")?;
            }
        }
        Ok(())
    }
}

/// One line that a job logged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogLine {
    /// How grave.
    pub level: LogLevel,
    /// The text, as the job wrote it; not safe for a terminal or a page as it is.
    pub message: String,
}

/// How grave a log line is. The numbers are the guest interface's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum LogLevel {
    /// 0
    Trace = 0,
    /// 1
    Debug = 1,
    /// 2
    Info = 2,
    /// 3
    Warn = 3,
    /// 4, and all above
    Error = 4,
}

impl LogLevel {
    /// The level of a guest's number; what is past the end is an error, what is below is a trace.
    #[must_use]
    pub fn from_number(number: i32) -> Self {
        match number {
            ..=0 => LogLevel::Trace,
            1 => LogLevel::Debug,
            2 => LogLevel::Info,
            3 => LogLevel::Warn,
            4.. => LogLevel::Error,
        }
    }

    /// The name, in lower case.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            LogLevel::Trace => "trace",
            LogLevel::Debug => "debug",
            LogLevel::Info => "info",
            LogLevel::Warn => "warn",
            LogLevel::Error => "error",
        }
    }
}

/// Why a run failed, with all that a reader or a retry rule needs.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Failure {
    /// What kind.
    pub kind: Kind,
    /// What happened, for a person: lower case, no backtrace in it.
    pub message: String,
    /// The type that the job gave its error, such as `ValueError`; kind `guest`.
    pub error_type: Option<String>,
    /// The job's own account of where it was, as it wrote it; kinds `guest` and `panic`.
    pub traceback: Option<String>,
    /// Whether the job says that another attempt is worth it.
    pub retry: Option<bool>,
    /// Why it trapped; kind `trap`, and others that died of a trap.
    pub trap: Option<TrapCode>,
    /// The status it left with; kind `exit`, and others that left.
    pub code: Option<u32>,
    /// Where the guest was; whatever died of a trap.
    pub backtrace: Option<Backtrace>,
    /// What it had returned before.
    pub returns: Vec<Value>,
    /// The end of its log, at most 20 lines.
    pub logs: Vec<LogLine>,
    /// The end of its standard output, at most 4 KiB.
    pub stdout_tail: String,
    /// The end of its standard error, at most 4 KiB.
    pub stderr_tail: String,
}

impl Failure {
    /// A failure with nothing but its kind and message.
    #[must_use]
    pub fn new(kind: Kind, message: impl Into<String>) -> Self {
        Failure {
            kind,
            message: message.into(),
            error_type: None,
            traceback: None,
            retry: None,
            trap: None,
            code: None,
            backtrace: None,
            returns: Vec::new(),
            logs: Vec::new(),
            stdout_tail: String::new(),
            stderr_tail: String::new(),
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.kind, self.message)
    }
}

impl std::error::Error for Failure {}
