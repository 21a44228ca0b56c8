//! `wasi:clocks/monotonic-clock` for a run with a virtual clock: a sleep moves the clock and returns.
//!
//! wasmtime-wasi sleeps by the host's timers whatever clock it is given, so the waits are ours.

use std::future::poll_fn;
use std::task::Poll;

use wasmtime::component::Resource;
use wasmtime_wasi::p2::bindings::clocks::monotonic_clock::{Duration, Host, Instant};
use wasmtime_wasi::p2::{DynPollable, Pollable, subscribe};
use wasmtime_wasi::{WasiView as _, async_trait};

use super::State;
use crate::deterministic::VirtualClock;

/// A wait for a time of the virtual clock, in nanoseconds.
struct Sleep {
    clock: VirtualClock,
    until_ns: u64,
}

impl State {
    fn virtual_clock(&self) -> &VirtualClock {
        self.clock.as_ref().expect("a linker with a virtual clock serves only runs that have one")
    }

    fn sleep_until(&mut self, until_ns: u64) -> wasmtime::Result<Resource<DynPollable>> {
        let clock = self.virtual_clock().clone();
        let table = self.ctx().table;
        let sleep = table.push(Sleep { clock, until_ns })?;
        subscribe(table, sleep)
    }
}

impl Host for State {
    fn now(&mut self) -> wasmtime::Result<Instant> {
        Ok(self.virtual_clock().monotonic_ns())
    }

    fn resolution(&mut self) -> wasmtime::Result<Duration> {
        Ok(1)
    }

    fn subscribe_instant(&mut self, when: Instant) -> wasmtime::Result<Resource<DynPollable>> {
        self.sleep_until(when)
    }

    fn subscribe_duration(&mut self, duration: Duration) -> wasmtime::Result<Resource<DynPollable>> {
        let until_ns = self.virtual_clock().monotonic_ns().saturating_add(duration);
        self.sleep_until(until_ns)
    }
}

#[async_trait]
impl Pollable for Sleep {
    /// Lets everything else that is waited for come first: whatever is ready already, then the earliest time.
    async fn ready(&mut self) {
        if self.clock.monotonic_ns() >= self.until_ns {
            return;
        }
        let wait = self.clock.wait_until(self.until_ns);
        loop {
            once_more().await;
            if wait.is_first() {
                self.clock.advance_to(self.until_ns);
            }
            if self.clock.monotonic_ns() >= self.until_ns {
                return;
            }
        }
    }
}

/// Pends once, to be polled again when all that is waited for beside it was polled.
async fn once_more() {
    let mut polled = false;
    poll_fn(|context| {
        if std::mem::replace(&mut polled, true) {
            return Poll::Ready(());
        }
        context.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}
