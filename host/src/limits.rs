//! The ceilings of one run, and of one program.
//!
//! The runner holds the defaults, a job overrides some of them, and the sandbox
//! enforces the sum. Nothing here measures or stops anything.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::error::Error;

/// The longest timeout that is accepted: thirty days, far below what an instant can hold.
pub const MAX_TIMEOUT: Duration = Duration::from_secs(30 * 24 * 60 * 60);

/// The most memory that a run can be given: a 32-bit linear memory ends at 4 GiB.
pub const MAX_MEMORY_BYTES: u64 = 4 << 30;

/// The most elements that the tables of a run can be given; the pool reserves this much for each table.
pub const MAX_TABLE_ELEMENTS: u64 = 200_000;

/// Every ceiling of one run. Sizes are bytes unless the name says otherwise.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Limits {
    /// Units of fuel (about one for each wasm instruction), or no budget. Default: none, since the timeout
    /// already ends every run; a budget is for runs that must cost the same everywhere.
    pub fuel: Option<u64>,
    /// Wall-clock time from the start of the run, host calls and sleeps included. Default 10 s, as in the
    /// process pool that Ampule replaces.
    pub timeout: Duration,
    /// The sum of all linear memories of the run. Default 256 MiB: room for an interpreter and its data.
    pub memory_bytes: u64,
    /// The sum of the elements of all tables. Default 100,000: ten times what a large C++ program has.
    pub table_elements: u64,
    /// The kwargs object as JSON text. Default 1 MiB.
    pub kwargs_bytes: usize,
    /// The source text of a job that has one. Default 1 MiB.
    pub source_bytes: usize,
    /// The sum of all returned values as JSON text. Default 16 MiB.
    pub return_bytes: usize,
    /// How many values may be returned. Default 10,000.
    pub return_count: usize,
    /// JSON values that the returned values may consist of, keys and nested ones included, counted by the signs that
    /// open and separate them (an empty container counts twice). Default 250,000: `{}` is two bytes of
    /// text and some seventy of the host's memory, so the text alone bounds little.
    pub return_nodes: usize,
    /// One progress report as JSON text. Default 4 KiB; events of a slow listener wait in the host's memory.
    pub progress_bytes: usize,
    /// The document with which a job reports its own failure. Default 1 MiB.
    pub failure_bytes: usize,
    /// What is kept of stdout, of stderr and of the log, each; the rest is cut and marked. Default 64 KiB.
    pub log_bytes: usize,
    /// Whether a run that writes or logs more than `log_bytes` fails, as `log_overflow`. Default false: it goes on, and
    /// what is too much is cut.
    pub log_overflow_fails: bool,
    /// Events that wait for a slow listener; older ones are dropped and counted. Default 256.
    pub event_count: usize,
    /// Open descriptors, streams and pollables of the run. Default 256.
    pub descriptors: usize,
    /// Random bytes in one call. Default 1 MiB.
    pub random_bytes: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Limits {
            fuel: None,
            timeout: Duration::from_secs(10),
            memory_bytes: 256 << 20,
            table_elements: 100_000,
            kwargs_bytes: 1 << 20,
            source_bytes: 1 << 20,
            return_bytes: 16 << 20,
            return_count: 10_000,
            return_nodes: 250_000,
            progress_bytes: 4 << 10,
            failure_bytes: 1 << 20,
            log_bytes: 64 << 10,
            log_overflow_fails: false,
            event_count: 256,
            descriptors: 256,
            random_bytes: 1 << 20,
        }
    }
}

impl Limits {
    /// Refuses ceilings under which no run could mean anything.
    ///
    /// # Errors
    /// [`Error::Limit`] names the field, what was expected and what was found.
    pub fn check(&self) -> Result<(), Error> {
        let within = |field, found: u64, least: u64, most: u64| {
            if (least..=most).contains(&found) {
                return Ok(());
            }
            Err(Error::Limit { field, expected: format!("{least} to {most}"), found: found.to_string() })
        };
        if self.timeout.is_zero() || self.timeout > MAX_TIMEOUT {
            return Err(Error::Limit {
                field: "timeout",
                expected: format!("more than 0 s and at most {} s", MAX_TIMEOUT.as_secs()),
                found: format!("{:?}", self.timeout),
            });
        }
        within("fuel", self.fuel.unwrap_or(1), 1, u64::MAX)?;
        within("memory_bytes", self.memory_bytes, 0, MAX_MEMORY_BYTES)?;
        within("table_elements", self.table_elements, 0, MAX_TABLE_ELEMENTS)?;
        within("descriptors", self.descriptors as u64, 8, 1 << 20)
    }
}

/// The ceilings that a job sets for itself; those it leaves out are the runner's.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LimitOverrides {
    /// See [`Limits::fuel`]. `u64::MAX` lifts the runner's budget.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fuel: Option<u64>,
    /// See [`Limits::timeout`].
    #[serde(rename = "timeout_ms", with = "milliseconds", skip_serializing_if = "Option::is_none")]
    pub timeout: Option<Duration>,
    /// See [`Limits::memory_bytes`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub memory_bytes: Option<u64>,
    /// See [`Limits::table_elements`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub table_elements: Option<u64>,
    /// See [`Limits::kwargs_bytes`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kwargs_bytes: Option<usize>,
    /// See [`Limits::source_bytes`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub source_bytes: Option<usize>,
    /// See [`Limits::return_bytes`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub return_bytes: Option<usize>,
    /// See [`Limits::return_count`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub return_count: Option<usize>,
    /// See [`Limits::return_nodes`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub return_nodes: Option<usize>,
    /// See [`Limits::log_bytes`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub log_bytes: Option<usize>,
    /// See [`Limits::log_overflow_fails`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub log_overflow_fails: Option<bool>,
    /// See [`Limits::event_count`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub event_count: Option<usize>,
    /// See [`Limits::descriptors`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub descriptors: Option<usize>,
}

impl LimitOverrides {
    /// These ceilings laid over `base`.
    #[must_use]
    pub fn over(&self, base: &Limits) -> Limits {
        Limits {
            fuel: self.fuel.or(base.fuel).filter(|fuel| *fuel != u64::MAX),
            timeout: self.timeout.unwrap_or(base.timeout),
            memory_bytes: self.memory_bytes.unwrap_or(base.memory_bytes),
            table_elements: self.table_elements.unwrap_or(base.table_elements),
            kwargs_bytes: self.kwargs_bytes.unwrap_or(base.kwargs_bytes),
            source_bytes: self.source_bytes.unwrap_or(base.source_bytes),
            return_bytes: self.return_bytes.unwrap_or(base.return_bytes),
            return_count: self.return_count.unwrap_or(base.return_count),
            return_nodes: self.return_nodes.unwrap_or(base.return_nodes),
            log_bytes: self.log_bytes.unwrap_or(base.log_bytes),
            log_overflow_fails: self.log_overflow_fails.unwrap_or(base.log_overflow_fails),
            event_count: self.event_count.unwrap_or(base.event_count),
            descriptors: self.descriptors.unwrap_or(base.descriptors),
            ..*base
        }
    }
}

/// The ceilings of a program, checked before it is compiled: compiling is not covered by
/// wasmtime's promise that untrusted input is safe, so its input is kept small and plain.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct ProgramLimits {
    /// The whole file. Default 64 MiB.
    pub wasm_bytes: usize,
    /// Functions that the program defines. Default 100,000.
    pub functions: u32,
    /// One function's body. Default 1 MiB; the format's own maximum is 7,654,321 bytes.
    pub body_bytes: usize,
    /// Locals of one function. Default 10,000; the format's own maximum is 50,000.
    pub locals: u32,
    /// Targets of one `br_table`. Default 10,000: aarch64 compiled tables past 32,768 wrongly before
    /// wasmtime 48.0.7 (GHSA-mghf-wjfp-p5xm).
    pub branch_targets: u32,
    /// Blocks inside blocks. Default 1,000.
    pub nesting: usize,
    /// Entries of any one of the type, import, export, global, data and element sections. Default 100,000.
    pub section_entries: u32,
    /// DWARF that is kept for backtraces; a program with more loses all of it. Default 32 MiB, 0 for
    /// programs of strangers: it is parsed on the host, unmetered.
    pub debug_bytes: usize,
    /// One schema section. Default 256 KiB.
    pub schema_bytes: usize,
}

impl Default for ProgramLimits {
    fn default() -> Self {
        ProgramLimits {
            wasm_bytes: 64 << 20,
            functions: 100_000,
            body_bytes: 1 << 20,
            locals: 10_000,
            branch_targets: 10_000,
            nesting: 1_000,
            section_entries: 100_000,
            debug_bytes: 32 << 20,
            schema_bytes: 256 << 10,
        }
    }
}

/// A duration as whole milliseconds, rounded up, as it stands in JSON: what is more than none stays more than none.
mod milliseconds {
    use std::time::Duration;

    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    pub(super) fn serialize<S: Serializer>(value: &Option<Duration>, serializer: S) -> Result<S::Ok, S::Error> {
        let whole = |duration: Duration| duration.as_nanos().div_ceil(1_000_000);
        let milliseconds = value.map(|duration| u64::try_from(whole(duration)).unwrap_or(u64::MAX));
        milliseconds.serialize(serializer)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Duration>, D::Error> {
        Ok(Option::<u64>::deserialize(deserializer)?.map(Duration::from_millis))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_timeout_of_zero_is_refused() {
        let limits = Limits { timeout: Duration::ZERO, ..Limits::default() };
        let error = limits.check().expect_err("zero is no timeout");
        assert!(error.to_string().contains("timeout"), "{error}");
    }

    #[test]
    fn what_a_job_leaves_out_is_the_runners() {
        let base = Limits { fuel: Some(7), return_count: 3, ..Limits::default() };
        let job = LimitOverrides { timeout: Some(Duration::from_secs(1)), ..LimitOverrides::default() };
        let limits = job.over(&base);
        assert_eq!((limits.fuel, limits.return_count), (Some(7), 3));
        assert_eq!(limits.timeout, Duration::from_secs(1));
    }

    #[test]
    fn overrides_survive_json_in_milliseconds() {
        let job = LimitOverrides { timeout: Some(Duration::from_millis(1_500)), ..LimitOverrides::default() };
        let json = serde_json::to_string(&job).expect("plain data");
        assert_eq!(json, r#"{"timeout_ms":1500}"#);
        assert_eq!(serde_json::from_str::<LimitOverrides>(&json).expect("what was written"), job);
        let short = LimitOverrides { timeout: Some(Duration::from_nanos(1)), ..LimitOverrides::default() };
        assert_eq!(serde_json::to_string(&short).expect("plain data"), r#"{"timeout_ms":1}"#);
    }
}
