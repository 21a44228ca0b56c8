//! One run, sealed: a store of its own, its limits armed before the first instruction, driven to its end.
//!
//! The only place where a `Store` is built. A store serves one run and is never used again.

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use wasmtime::{InstancePre, Store, UpdateDeadline};
use wasmtime_wasi::p1::WasiP1Ctx;

use crate::abi::State;
use crate::capture::{LogBuffer, Output};
use crate::deterministic::VirtualClock;
use crate::events::EventQueue;
use crate::failure::Failure;
use crate::grants::Grants;
use crate::handle::Control;
use crate::inspect::Entry;
use crate::job::{Digest, JobId};
use crate::limits::Limits;
use crate::memory::{Meter, Reservation};
use crate::outcome::{self, Ending, Outcome, Record};
use crate::wasi::{self, Streams};

/// What hostcalls may copy at once, at the least: wasmtime's own default. Below the memory limit a large read fails
/// with an errno that programs take for the end of their input.
const HOSTCALL_BYTES: usize = 128 << 20;

/// A program, ready to be instantiated in a store.
#[derive(Clone, Copy)]
pub(crate) struct Sealable<'a> {
    pub(crate) digest: Digest,
    pub(crate) pre: &'a InstancePre<State>,
    pub(crate) entry: &'a Entry,
    pub(crate) imports_wasi: bool,
}

/// What one run is given.
pub(crate) struct Given {
    pub(crate) id: JobId,
    pub(crate) name: Arc<str>,
    pub(crate) kwargs: Bytes,
    pub(crate) limits: Limits,
    pub(crate) grants: Grants,
    pub(crate) reservation: Reservation,
    pub(crate) events: Arc<EventQueue>,
    pub(crate) waited: Duration,
}

/// Runs the program to its end, or until its time is up or `stopped` resolves with a reason.
///
/// Never fails because of the guest: whatever it does is in the outcome.
pub(crate) async fn run(
    program: Sealable<'_>,
    given: Given,
    control: &Control,
    shut_down: impl Future<Output = ()>,
) -> Outcome {
    let started = Instant::now();
    let (id, limits, waited) = (given.id, given.limits, given.waited);
    let mut sandbox = match Sandbox::seal(program, given, started) {
        Ok(sandbox) => sandbox,
        Err(failure) => return outcome::never_ran(id, Some(program.digest), failure, waited),
    };
    let deadline = started + limits.timeout;
    let ending = tokio::select! {
        biased;
        result = sandbox.enter(program) => Ending::Finished(result),
        () = control.cancelled() => Ending::Cancelled("cancelled"),
        () = shut_down => Ending::Cancelled("cancelled: the runner shut down"),
        () = tokio::time::sleep_until(deadline.into()) => Ending::TimedOut,
    };
    let record = sandbox.finish(started.elapsed(), waited);
    outcome::classify(id, program.digest, &limits, ending, record)
}

/// A store in which nothing runs, for asking a linker what it defines.
pub(crate) fn idle(engine: &wasmtime::Engine, reservation: Reservation) -> Store<State> {
    let limits = Limits::default();
    let given = Given {
        id: JobId::fresh(),
        name: Arc::from(""),
        kwargs: Bytes::new(),
        limits,
        grants: Grants::none(),
        reservation,
        events: Arc::new(EventQueue::new(0)),
        waited: Duration::ZERO,
    };
    Store::new(engine, state(given, None, None))
}

/// One store and what it wrote to.
struct Sandbox {
    store: Store<State>,
    streams: Option<Streams>,
}

impl Sandbox {
    fn seal(program: Sealable<'_>, given: Given, started: Instant) -> Result<Self, Failure> {
        let limits = given.limits;
        let clock = wasi::virtual_clock(&given.grants);
        let streams = program.imports_wasi.then(|| Streams::new(&limits));
        let wasi = match &streams {
            Some(streams) => Some(wasi::context(&given.grants, &limits, &given.kwargs, clock.as_ref(), streams)?),
            None => None,
        };
        let state = state(given, wasi, clock);
        let mut store = Store::new(program.pre.module().engine(), state);
        arm(&mut store, &limits, started);
        Ok(Sandbox { store, streams })
    }

    /// Instantiates and calls the program. Start functions run here too, under the same limits.
    async fn enter(&mut self, program: Sealable<'_>) -> wasmtime::Result<()> {
        let store = &mut self.store;
        let instance = program.pre.instantiate_async(&mut *store).await?;
        for export in program.entry.exports() {
            let function = instance
                .get_module_export(&mut *store, export)
                .and_then(wasmtime::Extern::into_func)
                .ok_or_else(|| wasmtime::Error::msg("the program's entry is no function, though it was checked"))?;
            function.typed::<(), ()>(&*store)?.call_async(&mut *store, ()).await?;
        }
        Ok(())
    }

    /// Reads what the run left behind; the store goes with it.
    fn finish(mut self, wall: Duration, waited: Duration) -> Record {
        let fuel_left = self.store.get_fuel().ok();
        let state = self.store.data_mut();
        let streams = self.streams.as_ref();
        Record {
            returns: std::mem::take(&mut state.returns),
            reported: state.reported.take(),
            output: Output::collect(
                streams.map(|streams| &streams.stdout),
                streams.map(|streams| &streams.stderr),
                &mut state.logs,
            ),
            fuel_used: fuel_left.map(|left| fuel_budget(&state.limits) - left),
            memory_peak_bytes: state.meter.peak_bytes(),
            memory_refusal: state.meter.take_refusal(),
            wall,
            waited,
        }
    }
}

fn state(given: Given, wasi: Option<WasiP1Ctx>, clock: Option<VirtualClock>) -> State {
    let limits = given.limits;
    State {
        limits,
        meter: Meter::new(given.reservation, limits.memory_bytes, limits.table_elements),
        wasi,
        clock,
        kwargs: given.kwargs,
        name: given.name,
        events: given.events,
        logs: LogBuffer::new(limits.log_bytes),
        returns: Vec::new(),
        return_bytes: 0,
        reported: None,
        memory: None,
    }
}

/// Sets the bounds of a store, before anything of the guest runs in it.
fn arm(store: &mut Store<State>, limits: &Limits, started: Instant) {
    store.limiter(|state| &mut state.meter);
    store.set_hostcall_fuel(HOSTCALL_BYTES.max(limits.memory_bytes as usize));
    // Refused only by an engine that does not meter, which then has no budget to keep.
    let _ = store.set_fuel(fuel_budget(limits));
    let deadline = started + limits.timeout;
    store.set_epoch_deadline(1);
    store.epoch_deadline_callback(move |_| {
        if Instant::now() >= deadline {
            return Ok(UpdateDeadline::Interrupt);
        }
        // Tokio's own yield puts the guest behind the others of its thread; wasmtime's would not.
        Ok(UpdateDeadline::YieldCustom(1, Box::pin(tokio::task::yield_now())))
    });
}

fn fuel_budget(limits: &Limits) -> u64 {
    limits.fuel.unwrap_or(u64::MAX)
}
