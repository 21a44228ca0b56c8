//! The stand-in host of unit tests: what a job did, as values.
//!
//! Called by tests of jobs, natively. It seals nothing: limits and grants are tested by running
//! the built program in Ampule.

use serde_json::Value;

use crate::host::{Recorder, Recording};
use crate::log::Level;
use crate::run::{Job, start};

/// What a job did while it was recorded.
#[derive(Clone, Debug)]
pub struct Recorded<T = ()> {
    /// What the recorded closure gave.
    pub value: T,
    /// The value of each `_return`, in order. The function's own value is among them only under
    /// [`run`].
    pub returns: Vec<Value>,
    /// Each progress, in order.
    pub progress: Vec<Value>,
    /// Each log message, in order.
    pub logs: Vec<(Level, String)>,
    /// The failure under [`run`], as the host gets it: `{type, message, retry?}`.
    pub failure: Option<Value>,
}

impl<T> Recorded<T> {
    fn new(value: T, recording: Recording) -> Self {
        Self {
            value,
            returns: recording.returns,
            progress: recording.progress,
            logs: recording.logs,
            failure: recording.failure,
        }
    }
}

/// Calls `job` and keeps what it does on this thread; other threads print as usual.
///
/// A recording inside a recording is kept apart from it. Panics pass through.
///
/// ```
/// let recorded = ampule_guest::testing::record(|| {
///     ampule_guest::_return(1);
///     ampule_guest::info!("halfway");
///     "done"
/// });
/// assert_eq!(recorded.returns, [1]);
/// assert_eq!(recorded.logs[0].1, "halfway");
/// assert_eq!(recorded.value, "done");
/// ```
pub fn record<T>(job: impl FnOnce() -> T) -> Recorded<T> {
    let recorder = Recorder::start(Vec::new());
    let value = job();
    Recorded::new(value, recorder.finish())
}

/// Runs a job from its kwargs, a JSON object as text, as the host would.
pub fn run<J: Job>(kwargs: &str) -> Recorded {
    let recorder = Recorder::start(kwargs.into());
    start::<J>();
    Recorded::new((), recorder.finish())
}
