//! One run's way through the runner: a slot, memory, the sandbox, its end. Each step can be cancelled.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Instant;

use tokio::runtime::Handle;

use super::core::Core;
use crate::admission::{Place, Slot};
use crate::call::Closure;
use crate::capture::Output;
use crate::catalog::Meant;
use crate::end::{End, panic_text};
use crate::error::LoadError;
use crate::failure::{Failure, Kind};
use crate::given::Given;
use crate::grants::Clock;
use crate::handle::{Control, Status};
use crate::interpreter::Seat;
use crate::kwargs::Kwargs;
use crate::limits::Limits;
use crate::memory::Reservation;
use crate::outcome::{Outcome, Usage};
use crate::program::Program;
use crate::sandbox;

/// A job that a run can be given.
pub(super) struct Accepted {
    pub(super) caller: Handle,
    pub(super) limits: Limits,
    pub(super) program: Meant,
}

/// A run that was accepted. Small, since it moves between tasks: what is large is boxed.
pub(super) struct Run {
    pub(super) core: Arc<Core>,
    pub(super) program: Meant,
    pub(super) given: Box<Given>,
    pub(super) control: Control,
    pub(super) end: End,
}

impl Run {
    /// Runs as soon as there is room.
    pub(super) async fn serve(self, place: Place) {
        let program = match &self.program {
            Meant::Loaded(program) => program.clone(),
            Meant::Unprepared(seat) => {
                match Box::pin(prepare(&self.core, &self.control, Arc::clone(seat), &self.given)).await {
                    Ok(program) => program,
                    Err(failure) => return self.end.refuse(failure),
                }
            }
        };
        // What is over the job's own limit is refused when the store asks for it.
        let bytes = program.inspection().initial_memory_bytes.min(self.given.limits.memory_bytes);
        let room = tokio::select! {
            biased;
            stop = stopped(&self.core, &self.control) => Err(stop),
            room = room(&self.core, bytes, place) => room,
        };
        match room {
            Ok((slot, reservation)) => Box::pin(self.run(program, slot, reservation)).await,
            Err(failure) => self.end.refuse(failure),
        }
    }

    /// Runs when the delay is over, or when told to.
    pub(super) async fn serve_after(self, due: Instant) {
        let started = tokio::select! {
            biased;
            stop = stopped(&self.core, &self.control) => Err(stop),
            () = self.core.closing.raised() => {
                self.core.cut_short.fetch_add(1, Ordering::Relaxed);
                Err(cancelled("the runner shut down before the delay was over"))
            }
            () = self.control.started(tokio::time::sleep_until(due.into())) => Ok(()),
        };
        self.core.delayed().remove(&self.control.id());
        if let Err(failure) = started {
            return self.end.refuse(failure);
        }
        self.control.set_status(Status::Waiting);
        let place = self.core.sealed.enter_accepted();
        self.serve(place).await;
    }

    async fn run(self, program: Program, slot: Slot, reservation: Reservation) {
        let Run { core, program: _, given, control, end } = self;
        let sealable = match program.0.sealable(given.grants.clock != Clock::Host) {
            Ok(sealable) => sealable,
            Err(error) => return end.refuse(Failure::new(Kind::Host, error.to_string())),
        };
        control.set_status(Status::Running);
        tracing::debug!(job_id = %control.id(), program = %program.digest(), name = given.name, "run started");
        let ticks = core.ticker.while_running();
        let stop = core.told_to_stop();
        let outcome = sandbox::run(sealable, given, reservation, &core.allowance, &control, stop).await;
        // Whoever is called back finds the slot free.
        drop((ticks, slot));
        end.finish(outcome);
    }
}

/// The job's interpreter, which nobody needed before.
async fn prepare(core: &Arc<Core>, control: &Control, seat: Arc<Seat>, given: &Given) -> Result<Program, Failure> {
    let guests = Handle::current();
    let prepared = tokio::select! {
        biased;
        stop = stopped(core, control) => return Err(stop),
        prepared = core.prepare(&guests, seat) => prepared,
    };
    let program = prepared.map_err(|error| match error {
        LoadError::Refused(failure) => *failure,
        LoadError::Host(error) => Failure::new(Kind::Host, error.to_string()),
    })?;
    // An interpreter has no rules for kwargs: they are variables of the source.
    match program.0.refusal(given.source.is_some(), &Kwargs::new()) {
        Some(failure) => Err(failure),
        None => Ok(program),
    }
}

/// A slot, and the memory with which the program starts.
async fn room(core: &Core, bytes: u64, place: Place) -> Result<(Slot, Reservation), Failure> {
    let slot = place.slot().await;
    let reservation = core.budget.reserve(bytes).await.ok_or_else(|| {
        let message = format!("starts with {bytes} bytes of memory, more than all runs of this runner may hold");
        Failure::new(Kind::OutOfMemory, message)
    })?;
    Ok((slot, reservation))
}

/// Runs native code on a thread where it may block.
pub(super) async fn serve_native(
    core: Arc<Core>,
    control: Control,
    threads: Handle,
    work: Closure,
    end: End,
    place: Place,
) {
    let called = end.called();
    let slot = tokio::select! {
        biased;
        stop = stopped(&core, &control) => return end.refuse(stop),
        slot = place.slot() => slot,
    };
    control.set_status(Status::Running);
    let started = Instant::now();
    let running = threads.spawn_blocking(move || {
        let result = catch_unwind(AssertUnwindSafe(work.0));
        // The thread is in use until here, whoever still waits for it.
        drop(slot);
        result.unwrap_or_else(|panic| Err(Failure::new(Kind::Panic, panic_text(&*panic))))
    });
    let result = tokio::select! {
        biased;
        result = running => result.unwrap_or_else(|error| Err(Failure::new(Kind::Host, error.to_string()))),
        stop = stopped(&core, &control) => Err(stop),
    };
    let returns = result.as_ref().ok().filter(|value| !value.is_null()).cloned().into_iter().collect();
    let usage = Usage { wall: started.elapsed(), waited: started - called, ..Usage::default() };
    end.finish(Outcome {
        id: control.id(),
        program: None,
        result,
        returns,
        usage,
        output: Output::default(),
        callback_failures: Vec::new(),
    });
}

/// Resolves when the run is not to begin, or not to be waited for any more.
async fn stopped(core: &Core, control: &Control) -> Failure {
    tokio::select! {
        biased;
        () = control.cancelled() => cancelled("stopped on request"),
        () = core.told_to_stop() => cancelled("the runner shut down"),
    }
}

fn cancelled(why: &str) -> Failure {
    Failure::new(Kind::Cancelled, why)
}
