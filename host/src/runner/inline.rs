//! Runs whose first turn is computed on the caller's thread: most jobs are over before another thread would be awake.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::task::{Context, Poll, Waker};

use super::Runner;
use crate::admission::Place;
use crate::call::Call;
use crate::error::Error;
use crate::handle::{JobHandle, Status};
use crate::job::{Job, JobId};

impl Runner {
    /// As [`Runner::run_async`], with its first turn on this thread: what ends within one tick (a millisecond of
    /// computing) has ended when this returns, and cost no other thread's waking, which takes as long as a whole short
    /// run. What computes longer, or waits, goes on among the guests.
    ///
    /// For servers that have threads for it. A thread on which nothing may ever be late calls [`Runner::run_async`]: one
    /// instruction of a guest that moves much memory is not interrupted.
    ///
    /// # Errors
    /// As [`Runner::run_async`].
    pub fn run_inline(&self, call: impl Into<Call<Job>>) -> Result<JobHandle, Error> {
        let Call { work: job, callbacks } = call.into();
        let accepted = self.accept(&job)?;
        let place = self.0.core.sealed.enter()?;
        let (run, handle) = self.enlist(JobId::fresh(), job, accepted, callbacks, Status::Waiting);
        match (run, &place) {
            (None, _) => {}
            (Some(run), Place::Slot(_)) => self.take_turn(run.serve(place)),
            // Whoever waits in the line does so among the guests.
            (Some(run), Place::Line(_)) => drop(self.0.handle.spawn(run.serve(place))),
        }
        Ok(handle)
    }

    /// Polls once here, in the guests' runtime as far as timers and files can tell, and leaves the rest to its threads.
    fn take_turn(&self, serving: impl Future<Output = ()> + Send + 'static) {
        let mut serving = Box::pin(serving);
        let guests = self.0.handle.enter();
        // Nobody needs to be woken: what is not over is polled again as soon as it is spawned.
        let mut context = Context::from_waker(Waker::noop());
        // A panic of the host ends the run, as it would on a guest thread: its end tells of it.
        let turn = catch_unwind(AssertUnwindSafe(|| serving.as_mut().poll(&mut context)));
        drop(guests);
        match turn {
            Ok(Poll::Pending) => drop(self.0.handle.spawn(serving)),
            Ok(Poll::Ready(())) | Err(_) => self.0.core.outbox.flush(),
        }
    }
}
