//! One run, sealed: a store of its own, its limits armed before the first instruction, driven to its end.
//!
//! The only place where a `Store` is built. A store serves one run and is never used again.

use std::sync::Arc;
use std::time::{Duration, Instant};

use wasmtime::{Store, UpdateDeadline};
use wasmtime_wasi::p1::WasiP1Ctx;

use crate::abi::State;
use crate::capture::{LogBuffer, Output};
use crate::deterministic::VirtualClock;
use crate::events::EventQueue;
use crate::failure::Failure;
use crate::given::Given;
use crate::grants::{Allowance, Grants};
use crate::handle::Control;
use crate::job::{Digest, JobId};
use crate::limits::Limits;
use crate::linked::Linked;
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
    pub(crate) linked: &'a Linked,
    pub(crate) imports_wasi: bool,
}

/// Runs the program to its end, or until its time is up, it is cancelled, or `shut_down` resolves.
///
/// Never fails because of the guest: whatever it does is in the outcome.
pub(crate) async fn run(
    program: Sealable<'_>,
    given: Box<Given>,
    reservation: Reservation,
    allowance: &Allowance,
    control: &Control,
    shut_down: impl Future<Output = ()>,
) -> Outcome {
    let started = Instant::now();
    let (id, limits, waited) = (given.id, given.limits, started - given.called);
    let mut sandbox = match Sandbox::seal(program, given, reservation, allowance) {
        Ok(sandbox) => sandbox,
        Err(failure) => return outcome::never_ran(id, Some(program.digest), failure, waited),
    };
    let deadline = started + limits.timeout;
    arm(&mut sandbox.store, &limits, deadline);
    let ending = tokio::select! {
        biased;
        result = program.linked.run(&mut sandbox.store) => Ending::Finished(result),
        () = control.cancelled() => Ending::Cancelled("stopped on request"),
        () = shut_down => Ending::Cancelled("the runner shut down"),
        () = a_turn_past(deadline) => Ending::TimedOut,
    };
    let record = sandbox.finish(started.elapsed(), waited);
    outcome::classify(id, program.digest, &limits, ending, record)
}

/// Resolves one turn after the deadline: a busy guest whose time ended while it gave way to others is then caught in the
/// act, by the epoch, and the failure tells where. One that waits in a host call is not.
async fn a_turn_past(deadline: Instant) {
    tokio::time::sleep_until(deadline.into()).await;
    tokio::task::yield_now().await;
}

/// A store in which nothing runs, for asking a linker what it defines.
pub(crate) fn idle(engine: &wasmtime::Engine, reservation: Reservation) -> Store<State> {
    let given = Given {
        id: JobId::fresh(),
        name: String::new(),
        kwargs: String::new(),
        source: None,
        limits: Limits::default(),
        grants: Grants::none(),
        events: Arc::new(EventQueue::new(0)),
        called: Instant::now(),
    };
    Store::new(engine, state(Box::new(given), reservation, None, None))
}

/// One store and what it wrote to.
struct Sandbox {
    store: Store<State>,
    streams: Option<Streams>,
}

impl Sandbox {
    fn seal(
        program: Sealable<'_>,
        given: Box<Given>,
        reservation: Reservation,
        allowance: &Allowance,
    ) -> Result<Self, Failure> {
        let clock = wasi::virtual_clock(&given.grants);
        let streams = program.imports_wasi.then(|| Streams::new(&given.limits));
        let wasi = match &streams {
            Some(streams) => Some(wasi::context(&given, allowance, clock.as_ref(), streams)?),
            None => None,
        };
        let state = state(given, reservation, wasi, clock);
        Ok(Sandbox { store: Store::new(program.linked.engine(), state), streams })
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
            fuel_used: fuel_left.map(|left| fuel_budget(&state.given.limits) - left),
            memory_peak_bytes: state.meter.peak_bytes(),
            memory_refusal: state.meter.take_refusal(),
            wall,
            waited,
        }
    }
}

fn state(given: Box<Given>, reservation: Reservation, wasi: Option<WasiP1Ctx>, clock: Option<VirtualClock>) -> State {
    State {
        meter: Meter::new(reservation, given.limits.memory_bytes, given.limits.table_elements),
        logs: LogBuffer::new(given.limits.log_bytes),
        given,
        wasi,
        clock,
        returns: Vec::new(),
        return_bytes: 0,
        return_nodes: 0,
        reported: None,
        memory: None,
    }
}

/// Sets the bounds of a store, before anything of the guest runs in it.
fn arm(store: &mut Store<State>, limits: &Limits, deadline: Instant) {
    store.limiter(|state| &mut state.meter);
    store.set_hostcall_fuel(HOSTCALL_BYTES.max(limits.memory_bytes as usize));
    // Refused only by an engine that does not meter, which then has no budget to keep.
    let _ = store.set_fuel(fuel_budget(limits));
    store.set_epoch_deadline(1);
    store.epoch_deadline_callback(move |_| {
        if Instant::now() >= deadline {
            return Ok(UpdateDeadline::Interrupt);
        }
        // Wakes itself at once, which puts the guest behind the others of its thread. Tokio's own `yield_now` would put
        // it before them on a runtime that looks at its events after every turn: two endless loops then kept every
        // other run waiting.
        Ok(UpdateDeadline::Yield(1))
    });
}

fn fuel_budget(limits: &Limits) -> u64 {
    limits.fuel.unwrap_or(u64::MAX)
}
