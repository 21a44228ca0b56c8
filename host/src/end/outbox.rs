//! Ends on their way from guest threads to the callers' runtimes, sent in batches.
//!
//! Waking another runtime costs a system call and a context switch, some 5 µs of CPU: as much as a whole short run. A
//! guest thread that has more to do therefore leaves its ends here. They go out when there are enough of them, when
//! the thread finds nothing more to do, and at every tick of the ticker, so none waits longer than that.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};

use tokio::runtime::{Handle, RuntimeFlavor};

use super::Delivery;

/// Ends that go out together at the latest. More save little, for the wake-up is then a small part of each.
const BATCH: usize = 32;

/// The ends that have not gone out yet.
#[derive(Default)]
pub(crate) struct Outbox {
    waiting: Mutex<Vec<Delivery>>,
    /// Whether each end goes out at once: when those who would send the rest are going away.
    at_once: AtomicBool,
}

impl Outbox {
    pub(crate) fn push(&self, delivery: Delivery) {
        let waiting = {
            let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
            waiting.push(delivery);
            waiting.len()
        };
        if waiting >= BATCH || self.at_once.load(Ordering::Acquire) {
            self.flush();
        }
    }

    /// From now on each end goes out at once.
    pub(crate) fn stop_batching(&self) {
        self.at_once.store(true, Ordering::Release);
        self.flush();
    }

    /// Sends all that waits.
    pub(crate) fn flush(&self) {
        let mut waiting = std::mem::take(&mut *self.waiting.lock().unwrap_or_else(PoisonError::into_inner));
        while let Some(caller) = waiting.first().map(|delivery| delivery.caller().clone()) {
            let (batch, rest) = waiting.into_iter().partition(|delivery| delivery.caller().id() == caller.id());
            send(&caller, batch);
            waiting = rest;
        }
    }
}

fn send(caller: &Handle, batch: Vec<Delivery>) {
    // Those without callbacks only resolve a handle, which any thread may do.
    let (silent, mut loud): (Vec<_>, Vec<_>) = batch.into_iter().partition(Delivery::is_silent);
    silent.into_iter().for_each(Delivery::run);
    if loud.len() == 1 || caller.runtime_flavor() == RuntimeFlavor::CurrentThread {
        if !loud.is_empty() {
            caller.spawn(async move { loud.into_iter().for_each(Delivery::run) });
        }
        return;
    }
    // A callback that takes long does not hold up the others where there are threads for them.
    caller.spawn(async move {
        for delivery in loud.drain(..) {
            tokio::spawn(async move { delivery.run() });
        }
    });
}
