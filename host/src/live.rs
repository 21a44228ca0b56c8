//! Counts the runs that a runner has accepted and not ended, and tells them to stop: what a shutdown needs.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use tokio::sync::Notify;

/// The runs of one runner.
#[derive(Clone, Debug, Default)]
pub(crate) struct Live(Arc<Counter>);

#[derive(Debug, Default)]
struct Counter {
    alive: AtomicUsize,
    none_left: Notify,
}

impl Live {
    pub(crate) fn enter(&self) -> Alive {
        self.0.alive.fetch_add(1, Ordering::AcqRel);
        Alive(Arc::clone(&self.0))
    }

    pub(crate) fn count(&self) -> usize {
        self.0.alive.load(Ordering::Acquire)
    }

    /// Resolves when no run is left.
    pub(crate) async fn drained(&self) {
        loop {
            // Made before the look, so that the last end is not missed.
            let none_left = self.0.none_left.notified();
            if self.count() == 0 {
                return;
            }
            none_left.await;
        }
    }
}

/// One run that was accepted; dropped when its end was delivered.
#[derive(Debug)]
pub(crate) struct Alive(Arc<Counter>);

impl Alive {
    /// Whether no other run is alive.
    pub(crate) fn is_alone(&self) -> bool {
        self.0.alive.load(Ordering::Acquire) == 1
    }
}

impl Drop for Alive {
    fn drop(&mut self) {
        if self.0.alive.fetch_sub(1, Ordering::AcqRel) == 1 {
            self.0.none_left.notify_waiters();
        }
    }
}

/// Something that happens once and is seen by all who wait for it.
#[derive(Debug, Default)]
pub(crate) struct Flag {
    raised: AtomicBool,
    changed: Notify,
}

impl Flag {
    pub(crate) fn raise(&self) {
        self.raised.store(true, Ordering::Release);
        self.changed.notify_waiters();
    }

    pub(crate) fn is_raised(&self) -> bool {
        self.raised.load(Ordering::Acquire)
    }

    pub(crate) async fn raised(&self) {
        loop {
            // Made before the look, so that a change between the two is not missed.
            let changed = self.changed.notified();
            if self.is_raised() {
                return;
            }
            changed.await;
        }
    }
}
