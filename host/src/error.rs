//! The host's faults. A job's faults are values, in `failure.rs`; neither becomes the other.

use std::path::PathBuf;

use crate::failure::Failure;

/// Why the host could not do what it was asked.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A ceiling outside its range.
    #[error("limit `{field}`: expected {expected}, found {found}")]
    Limit {
        /// The field of [`Limits`](crate::Limits).
        field: &'static str,
        /// The range.
        expected: String,
        /// What was given.
        found: String,
    },
    /// Kwargs that are no JSON object, or that use a name reserved for the call.
    #[error("kwargs: {0}")]
    Kwargs(String),
    /// A grant that no run could be given, such as two directories under one guest path.
    #[error("grant: {0}")]
    Grant(String),
    /// The job names a program that this runner has not loaded.
    #[error("program `{0}` is not loaded in this runner; load it, or register it under that name")]
    UnknownProgram(String),
    /// The job's source is in a language for which this runner has no interpreter.
    #[error("no interpreter for the language `{language}`; known here: {}", listed(known))]
    UnknownLanguage {
        /// The language.
        language: String,
        /// The languages for which it has one.
        known: Vec<String>,
    },
    /// An interpreter's bytes could not be had.
    #[error("interpreter for `{language}`: {message}")]
    Interpreter {
        /// Its language.
        language: String,
        /// What is wrong.
        message: String,
    },
    /// `run_async` was called outside a tokio runtime, so there is nowhere to call back.
    #[error("no tokio runtime here to call back on; call this from within one")]
    NoRuntime,
    /// As many runs wait for a slot as the runner lets wait.
    #[error("busy: {waiting} runs wait for a slot already, and no more than {max_waiting} may")]
    Busy {
        /// How many wait.
        waiting: usize,
        /// How many may.
        max_waiting: usize,
    },
    /// The runner takes no more runs.
    #[error("the runner is shutting down")]
    ShuttingDown,
    /// The engine could not be built, or refused what it had accepted before.
    #[error("engine: {0}")]
    Engine(String),
    /// The compiler's child could not be started: this machine has no process, descriptor or memory left for it, or its
    /// executable is being replaced. Nothing is wrong with the program, and another try may succeed.
    #[error("compiler: {} could not be started: {error}", executable.display())]
    NoCompiler {
        /// What was to be started.
        executable: PathBuf,
        /// What the operating system said.
        error: std::io::Error,
    },
    /// The compiler could not be reached or died.
    #[error("compiler: {0}")]
    Compiler(String),
    /// The cache directory cannot be trusted or used.
    #[error("cache directory {}: {message}", path.display())]
    Cache {
        /// The directory.
        path: PathBuf,
        /// What is wrong with it.
        message: String,
    },
    /// A file could not be read or written.
    #[error("{}: {error}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What the operating system said.
        error: std::io::Error,
    },
}

fn listed(names: &[String]) -> String {
    if names.is_empty() { "none".to_owned() } else { names.join(", ") }
}

/// Why a program was not loaded.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LoadError {
    /// The program's fault, kind `bad_program`.
    #[error("{}", .0.message)]
    Refused(Box<Failure>),
    /// The host's fault.
    #[error(transparent)]
    Host(#[from] Error),
}

impl From<Failure> for LoadError {
    fn from(failure: Failure) -> Self {
        LoadError::Refused(Box::new(failure))
    }
}
