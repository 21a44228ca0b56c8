//! What a job says while it works: a level, a message, and one macro for each level.
//!
//! Called by job authors. It does not filter: the host decides which levels it keeps.

use std::fmt::Display;

/// How much a message matters; the number is the one that the guest ABI carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[repr(i32)]
pub enum Level {
    /// Every step.
    Trace = 0,
    /// For whoever looks for a fault.
    Debug = 1,
    /// Worth a line in a healthy run.
    Info = 2,
    /// Odd, and survived.
    Warn = 3,
    /// Wrong.
    Error = 4,
}

/// Sends one message to the host's log. The host cuts what exceeds the run's `log_bytes`.
///
/// ```
/// ampule_guest::log(ampule_guest::Level::Info, "started");
/// ampule_guest::warn!("{} rows skipped", 3);
/// ```
pub fn log(level: Level, message: impl Display) {
    crate::host::log(level, &message.to_string());
}

/// Logs at [`Level::Trace`]; takes what `format!` takes.
#[macro_export]
macro_rules! trace {
    ($($message:tt)+) => { $crate::log($crate::Level::Trace, ::core::format_args!($($message)+)) };
}

/// Logs at [`Level::Debug`]; takes what `format!` takes.
#[macro_export]
macro_rules! debug {
    ($($message:tt)+) => { $crate::log($crate::Level::Debug, ::core::format_args!($($message)+)) };
}

/// Logs at [`Level::Info`]; takes what `format!` takes.
#[macro_export]
macro_rules! info {
    ($($message:tt)+) => { $crate::log($crate::Level::Info, ::core::format_args!($($message)+)) };
}

/// Logs at [`Level::Warn`]; takes what `format!` takes.
#[macro_export]
macro_rules! warn {
    ($($message:tt)+) => { $crate::log($crate::Level::Warn, ::core::format_args!($($message)+)) };
}

/// Logs at [`Level::Error`]; takes what `format!` takes.
#[macro_export]
macro_rules! error {
    ($($message:tt)+) => { $crate::log($crate::Level::Error, ::core::format_args!($($message)+)) };
}
