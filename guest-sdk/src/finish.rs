//! What happens to the value of a job's function: handed out, turned into a failure, or nothing.
//!
//! Called by the code that `#[job]` writes, always as `Finish(value).split()?.hand_over()`.
//! The function's type chooses: a method of a `Finish` of a known type wins over the trait's
//! method of the same name, which serves all other types.

use std::error::Error;

use serde::Serialize;

use crate::error::JobError;
use crate::value::_return;

/// The value that a job's function ended with.
pub struct Finish<T>(pub T);

impl<T, E> Finish<Result<T, E>> {
    /// The value of `Ok`; an `Err` becomes the job's failure.
    pub fn split(self) -> Result<Finish<T>, JobError>
    where
        E: Fault,
    {
        self.0.map(Finish).map_err(Fault::into_job_error)
    }
}

impl Finish<()> {
    /// Hands nothing out: a job without a value has said all with `_return`.
    pub fn hand_over(self) {}
}

/// The methods for all other types.
pub trait Otherwise: Sized {
    /// What is in the `Finish`.
    type Value;

    /// The value as it is: there is no `Err` to split off.
    fn split(self) -> Result<Self, JobError>;

    /// One last `_return`.
    fn hand_over(self)
    where
        Self::Value: Returnable;
}

impl<T> Otherwise for Finish<T> {
    type Value = T;

    fn split(self) -> Result<Self, JobError> {
        Ok(self)
    }

    fn hand_over(self)
    where
        T: Returnable,
    {
        self.0.hand_out();
    }
}

/// What a job can fail with. Its own trait for the sake of the compiler's message.
#[diagnostic::on_unimplemented(
    message = "expected `JobError` or a `std::error::Error` as the error of a job, found `{Self}`",
    label = "a job cannot fail with `{Self}`",
    note = "make it one: `.map_err(|error| JobError::new(\"its_type\", error))`"
)]
pub trait Fault {
    /// The failure that the host is told.
    fn into_job_error(self) -> JobError;
}

impl Fault for JobError {
    fn into_job_error(self) -> JobError {
        self
    }
}

#[diagnostic::do_not_recommend]
impl<E: Error> Fault for E {
    fn into_job_error(self) -> JobError {
        self.into()
    }
}

/// What a job can return. Its own trait for the sake of the compiler's message.
#[diagnostic::on_unimplemented(
    message = "expected a value that serde can write as JSON, found `{Self}`",
    label = "a job cannot return `{Self}`",
    note = "derive `serde::Serialize` for it"
)]
pub trait Returnable {
    /// Hands the value out.
    fn hand_out(self);
}

#[diagnostic::do_not_recommend]
impl<T: Serialize> Returnable for T {
    fn hand_out(self) {
        _return(self);
    }
}
