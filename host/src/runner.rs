//! The embeddable entry: takes jobs, runs each in a sandbox on threads of its own, tells the caller how it ended.

mod builder;
mod core;
mod inline;
mod programs;
mod run;

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use tokio::runtime::Handle;
use tokio::sync::oneshot;

pub use self::builder::RunnerBuilder;
pub use self::core::Shutdown;
use self::core::{Core, Guests};
use self::run::{Accepted, Run};
use crate::call::{Call, Callbacks, Closure};
use crate::catalog::Meant;
use crate::end::{End, Parts};
use crate::error::Error;
use crate::events::EventQueue;
use crate::failure::{Failure, Kind};
use crate::given::Given;
use crate::handle::{Control, JobHandle, Status};
use crate::job::{Digest, Job, JobId};
use crate::limits::{Limits, MAX_TIMEOUT};

/// Delayed runs of one runner: each is some two kilobytes of memory.
const MAX_DELAYED: usize = 100_000;

/// Runs jobs. Cheap to clone; the last clone to be dropped stops everything, without waiting.
///
/// ```
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # tokio::runtime::Runtime::new()?.block_on(async {
/// use ampule::{Job, Runner};
///
/// let runner = Runner::builder().pool_size(4).build()?;
/// let program = runner.load_wat(r#"(module
///     (import "ampule" "_return" (func $return (param i32 i32)))
///     (memory (export "memory") 1) (data (i32.const 0) "42")
///     (func (export "run") (call $return (i32.const 0) (i32.const 2))))"#).await?;
/// let outcome = runner.run_async(Job::new(&program))?.await;
/// assert_eq!(outcome.result?, 42);
/// # Ok(()) }) }
/// ```
#[derive(Clone)]
pub struct Runner(Arc<Owner>);

/// Owns what must be stopped: the guests' runtime and, through the core, the ticker.
struct Owner {
    core: Arc<Core>,
    handle: Handle,
    guests: Mutex<Option<Guests>>,
}

/// A delayed run, as listed by [`Runner::delayed`].
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Delayed {
    /// The job's name.
    pub name: String,
    /// When its delay is over, by the wall clock as it stood at the call.
    pub due: SystemTime,
    /// The means to cancel, pause or hurry it.
    pub control: Control,
}

/// What a runner is busy with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Load {
    /// Runs that were accepted and have not ended, the delayed ones included.
    pub alive: usize,
    /// Runs that wait for a slot.
    pub waiting: usize,
    /// Slots that are free.
    pub free_slots: usize,
    /// Slots that are used.
    pub taken_slots: usize,
}

/// What a runner has compiled since it was made; what came from a cache is not counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Compiled {
    /// Programs, those that turned out to be none included.
    pub programs: u64,
    /// The time that it took, of all together.
    pub took: Duration,
}

impl Runner {
    /// Starts the description of a runner.
    pub fn builder() -> RunnerBuilder {
        RunnerBuilder::default()
    }

    /// Runs a job in a sandbox of its own and returns at once.
    ///
    /// # Errors
    /// [`Error::NoRuntime`] outside a tokio runtime, [`Error::Busy`] if too many wait, [`Error::ShuttingDown`],
    /// [`Error::UnknownProgram`], [`Error::UnknownLanguage`], and [`Error::Limit`] or [`Error::Grant`] for a job that no run could be given.
    /// No callback is called then. All else, refusals of the job included, comes to `at_err`.
    pub fn run_async(&self, call: impl Into<Call<Job>>) -> Result<JobHandle, Error> {
        self.run_as(JobId::fresh(), call.into())
    }

    /// As [`Runner::run_async`], under an id that the job has already.
    pub(crate) fn run_as(&self, id: JobId, call: Call<Job>) -> Result<JobHandle, Error> {
        let Call { work: job, callbacks } = call;
        let accepted = self.accept(&job)?;
        let place = self.0.core.sealed.enter()?;
        let (run, handle) = self.enlist(id, job, accepted, callbacks, Status::Waiting);
        if let Some(run) = run {
            self.0.handle.spawn(run.serve(place));
        }
        Ok(handle)
    }

    /// Runs a job after a delay, counted from now. Until then it holds no slot and can be paused, hurried and
    /// cancelled through its handle or [`Runner::delayed`]. It is kept in memory only.
    ///
    /// # Errors
    /// As [`Runner::run_async`], with [`Error::Busy`] if 100,000 are delayed already; [`Error::Limit`] for a delay of
    /// more than thirty days.
    pub fn delay(&self, delay: Duration, call: impl Into<Call<Job>>) -> Result<JobHandle, Error> {
        let Call { work: job, callbacks } = call.into();
        if delay > MAX_TIMEOUT {
            let expected = format!("at most {} s", MAX_TIMEOUT.as_secs());
            return Err(Error::Limit { field: "delay", expected, found: format!("{} s", delay.as_secs()) });
        }
        let accepted = self.accept(&job)?;
        let waiting = self.0.core.delayed().len();
        if waiting >= MAX_DELAYED {
            return Err(Error::Busy { waiting, max_waiting: MAX_DELAYED });
        }
        let name = job.name.clone();
        let (run, handle) = self.enlist(JobId::fresh(), job, accepted, callbacks, Status::Delayed);
        if let Some(run) = run {
            let entry = Delayed { name, due: SystemTime::now() + delay, control: handle.control() };
            self.0.core.delayed().insert(handle.id(), entry);
            self.0.handle.spawn(run.serve_after(Instant::now() + delay));
        }
        Ok(handle)
    }

    /// The runs whose delay is not over, oldest first; those of one name, if one is given.
    #[must_use]
    pub fn delayed(&self, name: Option<&str>) -> Vec<Delayed> {
        let delayed = self.0.core.delayed();
        delayed.values().filter(|entry| name.is_none_or(|name| entry.name == name)).cloned().collect()
    }

    /// Runs native code with the callbacks and the handle of a job. **Not sealed**, see [`Closure`].
    ///
    /// # Errors
    /// [`Error::NoRuntime`], [`Error::Busy`], [`Error::ShuttingDown`].
    pub fn run_thread(&self, call: Call<Closure>) -> Result<JobHandle, Error> {
        self.run_thread_as(JobId::fresh(), call)
    }

    /// As [`Runner::run_thread`], under an id that the work has already.
    pub(crate) fn run_thread_as(&self, id: JobId, call: Call<Closure>) -> Result<JobHandle, Error> {
        let Call { work, callbacks } = call;
        let caller = self.caller()?;
        let place = self.0.core.native.enter()?;
        let (end, handle) = self.begin(id, caller, callbacks, None, self.0.core.limits.event_count, Status::Waiting);
        let (core, control, threads) = (Arc::clone(&self.0.core), handle.control(), self.0.handle.clone());
        self.0.handle.spawn(run::serve_native(core, control, threads, work, end, place));
        Ok(handle)
    }

    /// Why a job would be refused here before anything of it runs, as far as that is known without its program: grants
    /// beyond what is allowed, kwargs or a source that are too large.
    #[must_use]
    pub fn refusal(&self, job: &Job) -> Option<Failure> {
        let core = &self.0.core;
        core.refusal(job, &job.limits.over(&core.limits), job.kwargs.to_json().len())
    }

    /// The ceilings of jobs that set none.
    #[must_use]
    pub fn limits(&self) -> Limits {
        self.0.core.limits
    }

    /// What this runner is busy with.
    #[must_use]
    pub fn load_now(&self) -> Load {
        let core = &self.0.core;
        Load {
            alive: core.live.count(),
            waiting: core.sealed.waiting(),
            free_slots: core.sealed.free_slots(),
            taken_slots: core.sealed.taken_slots(),
        }
    }

    /// What this runner has compiled so far.
    #[must_use]
    pub fn compiled(&self) -> Compiled {
        let (programs, took) = self.0.core.loader.compiled();
        Compiled { programs, took }
    }

    /// Ends the runner: takes no more runs, cancels the delayed ones, waits up to `grace` for the others, then stops
    /// them, and joins all threads. Every run gets its callback. Goes on to the end even if the future is dropped; the
    /// second call finds nothing to do.
    pub async fn shutdown(&self, grace: Duration) -> Shutdown {
        self.0.core.closing.raise();
        self.0.core.outbox.stop_batching();
        let guests = self.0.guests.lock().unwrap_or_else(PoisonError::into_inner).take();
        let Some(guests) = guests else { return self.0.core.shutdown_report() };
        let core = Arc::clone(&self.0.core);
        let (sender, report) = oneshot::channel();
        // A runtime may not be shut down from within another, so a thread does it. It holds no clone of this runner:
        // dropping the last one still stops what the grace period would have let go on.
        let thread = std::thread::Builder::new().name("ampule-shutdown".to_owned()).spawn(move || {
            // Nobody may be waiting any more.
            let _ = sender.send(core.shut_down(guests, grace));
        });
        if let Err(error) = thread {
            tracing::error!(%error, "the shutdown thread could not be started; what runs was stopped without waiting");
        }
        report.await.unwrap_or_else(|_| self.0.core.shutdown_report())
    }

    /// Refuses, as the host, what no run could be given.
    fn accept(&self, job: &Job) -> Result<Accepted, Error> {
        let core = &self.0.core;
        let caller = self.caller()?;
        let limits = job.limits.over(&core.limits);
        limits.check()?;
        if limits.fuel.is_some() && !core.metering {
            let (expected, found) = ("none, for this runner does not meter".to_owned(), "a budget".to_owned());
            return Err(Error::Limit { field: "fuel", expected, found });
        }
        job.grants.check()?;
        let program = core.catalog.resolve(&job.program)?;
        Ok(Accepted { caller, limits, program })
    }

    fn caller(&self) -> Result<Handle, Error> {
        let caller = Handle::try_current().map_err(|_| Error::NoRuntime)?;
        if self.0.core.closing.is_raised() { Err(Error::ShuttingDown) } else { Ok(caller) }
    }

    /// Makes a run of an accepted job; none if the job itself is refused, whose end is then under way.
    fn enlist(
        &self,
        id: JobId,
        job: Job,
        accepted: Accepted,
        callbacks: Callbacks,
        status: Status,
    ) -> (Option<Run>, JobHandle) {
        let core = &self.0.core;
        let Accepted { caller, limits, program } = accepted;
        let (end, handle) = self.begin(id, caller, callbacks, Some(program.digest()), limits.event_count, status);
        let kwargs = job.kwargs.to_json();
        let refusal = core.refusal(&job, &limits, kwargs.len()).or_else(|| match &program {
            Meant::Loaded(program) => program.0.refusal(job.source.is_some(), &job.kwargs),
            Meant::Unprepared(_) => None,
        });
        if let Some(failure) = refusal {
            end.refuse(failure);
            return (None, handle);
        }
        let (events, called) = (handle.queue(), end.called());
        let Job { name, source, grants, .. } = job;
        let given = Given { id: handle.id(), name, kwargs, source, limits, grants, events, called };
        let run = Run { core: Arc::clone(core), program, given: Box::new(given), control: handle.control(), end };
        (Some(run), handle)
    }

    fn begin(
        &self,
        id: JobId,
        caller: Handle,
        callbacks: Callbacks,
        program: Option<Digest>,
        event_count: usize,
        status: Status,
    ) -> (End, JobHandle) {
        let control = Control::new(id, status);
        let events = Arc::new(EventQueue::new(event_count));
        let (resolve, outcome) = oneshot::channel();
        let handle = JobHandle::new(control.clone(), Arc::clone(&events), outcome);
        let alive = self.0.core.live.enter();
        let (called, outbox) = (Instant::now(), Arc::clone(&self.0.core.outbox));
        (
            End::new(Parts {
                callbacks,
                caller,
                control,
                events,
                resolve,
                program,
                called,
                outcome: None,
                outbox,
                alive,
            }),
            handle,
        )
    }
}

/// Assembles the text form of WebAssembly.
///
/// # Errors
/// A `bad_program` failure with the place in the text.
pub fn assemble(text: &str) -> Result<Vec<u8>, Failure> {
    let refused = |error: wat::Error| Failure::new(Kind::BadProgram, format!("the program's text: {error}"));
    wat::parse_str(text).map_err(refused)
}

impl fmt::Debug for Runner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Runner").field(&self.load_now()).finish()
    }
}

impl Drop for Owner {
    fn drop(&mut self) {
        self.core.closing.raise();
        self.core.outbox.stop_batching();
        self.core.stopping.raise();
        self.core.ticker.stop();
    }
}
