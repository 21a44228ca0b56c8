//! When a schedule's ticks are.

use crate::queue::{Error, Queue, Schedule, Timestamp, Timing};

/// The next ticks after a moment, at most `count`.
///
/// # Errors
/// [`Error::Invalid`] for an expression or a zone that means nothing.
pub fn upcoming(_timing: &Timing, _after: Timestamp, _count: usize) -> Result<Vec<Timestamp>, Error> {
    unimplemented!()
}

/// Checks a schedule and stores it, due first at its next tick.
///
/// # Errors
/// [`Error::Invalid`], and those of the queue.
pub async fn put(_queue: &dyn Queue, _schedule: &Schedule) -> Result<(), Error> {
    unimplemented!()
}
