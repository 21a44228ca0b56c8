//! A job, or a native closure, together with the closures that are told how it ended.

use std::error::Error as StdError;

use serde::Serialize;
use serde_json::Value;

use crate::failure::{Failure, Kind};
use crate::finite;
use crate::job::Job;
use crate::kwargs::Kwargs;

/// Any error of a callback or of a native closure.
pub type BoxError = Box<dyn StdError + Send + Sync>;

pub(crate) type AtReturn = Box<dyn FnOnce(Value, Kwargs) -> Result<(), BoxError> + Send>;
pub(crate) type AtErr = Box<dyn FnOnce(Failure, Kwargs) -> Result<(), BoxError> + Send>;

/// What to run and whom to tell. `W` is a [`Job`] or a [`Closure`].
///
/// For one run exactly one of the two callbacks is called, once, on the caller's tokio runtime. What `at_return`
/// itself fails with, an error or a panic, goes to `at_err` as kind `callback`. Without `at_err` a failure is logged
/// at `error`; without `at_return` the value is in the [`Outcome`](crate::Outcome) alone.
#[must_use = "a call does nothing until it is handed to a runner"]
pub struct Call<W> {
    pub(crate) work: W,
    pub(crate) callbacks: Callbacks,
}

#[derive(Default)]
pub(crate) struct Callbacks {
    pub(crate) at_return: Option<AtReturn>,
    pub(crate) at_return_kwargs: Kwargs,
    pub(crate) at_err: Option<AtErr>,
    pub(crate) at_err_kwargs: Kwargs,
    /// Whether whoever holds the handle tells of a failure, so that it is not logged for want of an `at_err`.
    pub(crate) quiet: bool,
}

impl<W> Call<W> {
    /// Leaves it to the holder of the handle to tell of a failure.
    #[cfg(feature = "queue")]
    pub(crate) fn quiet(mut self) -> Self {
        self.callbacks.quiet = true;
        self
    }

    /// Called with the value and `at_return_kwargs` if the run returns.
    pub fn at_return<E: Into<BoxError>>(
        mut self,
        callback: impl FnOnce(Value, Kwargs) -> Result<(), E> + Send + 'static,
    ) -> Self {
        self.callbacks.at_return = Some(Box::new(|value, kwargs| callback(value, kwargs).map_err(Into::into)));
        self
    }

    /// Handed to `at_return`, and never to the job.
    pub fn at_return_kwargs(mut self, kwargs: Kwargs) -> Self {
        self.callbacks.at_return_kwargs = kwargs;
        self
    }

    /// Called with the failure and `at_err_kwargs` if the run, or `at_return`, fails.
    pub fn at_err<E: Into<BoxError>>(
        mut self,
        callback: impl FnOnce(Failure, Kwargs) -> Result<(), E> + Send + 'static,
    ) -> Self {
        self.callbacks.at_err = Some(Box::new(|failure, kwargs| callback(failure, kwargs).map_err(Into::into)));
        self
    }

    /// Handed to `at_err`, and never to the job.
    pub fn at_err_kwargs(mut self, kwargs: Kwargs) -> Self {
        self.callbacks.at_err_kwargs = kwargs;
        self
    }
}

impl From<Job> for Call<Job> {
    fn from(job: Job) -> Self {
        Call { work: job, callbacks: Callbacks::default() }
    }
}

impl Job {
    /// Makes a call of this job; see [`Call::at_return`].
    pub fn at_return<E: Into<BoxError>>(
        self,
        callback: impl FnOnce(Value, Kwargs) -> Result<(), E> + Send + 'static,
    ) -> Call<Job> {
        Call::from(self).at_return(callback)
    }

    /// Makes a call of this job; see [`Call::at_err`].
    pub fn at_err<E: Into<BoxError>>(
        self,
        callback: impl FnOnce(Failure, Kwargs) -> Result<(), E> + Send + 'static,
    ) -> Call<Job> {
        Call::from(self).at_err(callback)
    }
}

/// Native code with the callbacks and the handle of a job. **Not sealed**: it has all the rights of this process, no
/// limit stops it, and cancelling it once it runs only gives up waiting for it.
pub struct Closure(pub(crate) Box<dyn FnOnce() -> Result<Value, Failure> + Send>);

impl Closure {
    /// A closure whose value becomes the run's value. An error is kind `guest` with the error's text.
    pub fn new<T: Serialize, E: Into<BoxError>>(work: impl FnOnce() -> Result<T, E> + Send + 'static) -> Call<Closure> {
        let work = move || {
            let failed = |error: &dyn std::fmt::Display| Failure::new(Kind::Guest, error.to_string());
            let value = work().map_err(|error| failed(&error.into()))?;
            finite::check(&value).map_err(|error| failed(&error))?;
            serde_json::to_value(value).map_err(|error| failed(&error))
        };
        Call { work: Closure(Box::new(work)), callbacks: Callbacks::default() }
    }
}
