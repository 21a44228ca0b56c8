//! A witness of callbacks: how often each was called, with what, and where.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use ampule::{BoxError, Call, Failure, Kwargs, Value};
use tokio::runtime;

/// One call of a callback.
#[derive(Clone, Debug)]
pub struct Called {
    /// What it was called with.
    pub end: Result<Value, Failure>,
    /// Its own kwargs.
    pub kwargs: Kwargs,
    /// The name of the thread that it was called on.
    pub thread: String,
    /// The tokio runtime that it was called on.
    pub runtime: Option<runtime::Id>,
}

/// Notes the calls of the callbacks that it made. Clones share their notes.
#[derive(Clone, Debug, Default)]
pub struct Recorder(Arc<Mutex<Vec<Called>>>);

impl Recorder {
    /// Sets both callbacks of a call to ones that are noted here and succeed.
    pub fn on<W>(&self, call: impl Into<Call<W>>) -> Call<W> {
        call.into().at_return(self.at_return()).at_err(self.at_err())
    }

    /// An `at_return` that is noted here.
    pub fn at_return(&self) -> impl FnOnce(Value, Kwargs) -> Result<(), BoxError> + Send + 'static {
        let recorder = self.clone();
        move |value, kwargs| {
            recorder.note(Ok(value), kwargs);
            Ok(())
        }
    }

    /// An `at_err` that is noted here.
    pub fn at_err(&self) -> impl FnOnce(Failure, Kwargs) -> Result<(), BoxError> + Send + 'static {
        let recorder = self.clone();
        move |failure, kwargs| {
            recorder.note(Err(failure), kwargs);
            Ok(())
        }
    }

    /// All calls so far, in order.
    #[must_use]
    pub fn calls(&self) -> Vec<Called> {
        self.notes().clone()
    }

    /// The one call that there was.
    #[must_use]
    pub fn only_call(&self) -> Called {
        let calls = self.calls();
        assert_eq!(calls.len(), 1, "exactly one callback is called: {calls:?}");
        calls[0].clone()
    }

    fn note(&self, end: Result<Value, Failure>, kwargs: Kwargs) {
        let thread = std::thread::current().name().unwrap_or_default().to_owned();
        let runtime = runtime::Handle::try_current().ok().map(|handle| handle.id());
        self.notes().push(Called { end, kwargs, thread, runtime });
    }

    fn notes(&self) -> MutexGuard<'_, Vec<Called>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
