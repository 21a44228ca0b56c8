//! How a runner is described and built.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::atomic::AtomicUsize;
use std::sync::{Arc, Mutex};

use super::core::{Core, Guests};
use super::{Owner, Runner};
use crate::admission::Admission;
use crate::cache::Cache;
use crate::catalog::Catalog;
use crate::compile::Compiler;
use crate::end::Outbox;
use crate::engine;
use crate::error::Error;
use crate::grants::Allowance;
use crate::interpreter::Interpreter;
use crate::limits::{Limits, ProgramLimits};
use crate::live::{Flag, Live};
use crate::loader::{Loader, LoaderConfig};
use crate::memory::MemoryBudget;
use crate::sandbox;
use crate::ticker::Ticker;

/// The most slots of one runner: each takes six of the 65,530 mappings that Linux gives a process by default
/// (`vm.max_map_count`).
const MAX_POOL_SIZE: usize = 10_000;

/// Describes a runner; [`RunnerBuilder::build`] makes it.
#[derive(Debug)]
#[must_use = "describes a runner; `build` makes it"]
pub struct RunnerBuilder {
    guest_threads: usize,
    pool_size: usize,
    max_waiting: usize,
    native_threads: usize,
    memory_budget_bytes: u64,
    metering: bool,
    limits: Limits,
    program_limits: ProgramLimits,
    allowance: Allowance,
    cache_directory: Option<PathBuf>,
    compiler: Compiler,
    interpreters: Vec<Interpreter>,
}

impl Default for RunnerBuilder {
    fn default() -> Self {
        RunnerBuilder {
            guest_threads: std::thread::available_parallelism().map_or(1, usize::from),
            pool_size: 1_000,
            max_waiting: 10_000,
            native_threads: 64,
            memory_budget_bytes: 4 << 30,
            metering: true,
            limits: Limits::default(),
            program_limits: ProgramLimits::default(),
            allowance: Allowance::default(),
            cache_directory: None,
            compiler: Compiler::InProcess,
            interpreters: Vec::new(),
        }
    }
}

impl RunnerBuilder {
    /// Threads on which guests compute. Default: one for each processor.
    pub fn guest_threads(mut self, threads: usize) -> Self {
        self.guest_threads = threads;
        self
    }

    /// Runs that may be under way at once, sleeping ones included; more wait. Default 1,000, at most 10,000. Each
    /// reserves address space, and memory only as its guest uses it.
    pub fn pool_size(mut self, slots: usize) -> Self {
        self.pool_size = slots;
        self
    }

    /// Runs that may wait for a slot; more are [`Error::Busy`]. Default 10,000.
    pub fn max_waiting(mut self, runs: usize) -> Self {
        self.max_waiting = runs;
        self
    }

    /// Native closures that may run at once. Default 64.
    pub fn native_threads(mut self, threads: usize) -> Self {
        self.native_threads = threads;
        self
    }

    /// The memory of all runs together, in bytes. A run whose start does not fit waits; a growth that does not fit
    /// is refused. Default 4 GiB.
    pub fn memory_budget_bytes(mut self, bytes: u64) -> Self {
        self.memory_budget_bytes = bytes;
        self
    }

    /// Whether fuel is counted. Default true. Without it guests compute some 15 % faster (geometric mean of
    /// six kernels: sha256, matrix product, JSON, Mandelbrot, fib, sort), no budget can be set, and
    /// the timeout still ends every run.
    pub fn metering(mut self, metering: bool) -> Self {
        self.metering = metering;
        self
    }

    /// The limits of jobs that set none of their own.
    pub fn limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    /// The limits of programs.
    pub fn program_limits(mut self, limits: ProgramLimits) -> Self {
        self.program_limits = limits;
        self
    }

    /// What jobs may ask for. Default: everything; narrow it where jobs come from others.
    pub fn allow(mut self, allowance: Allowance) -> Self {
        self.allowance = allowance;
        self
    }

    /// Where compiled programs are kept: a directory of mode 0700, made if it is missing. Default: nowhere.
    pub fn cache_directory(mut self, directory: impl Into<PathBuf>) -> Self {
        self.cache_directory = Some(directory.into());
        self
    }

    /// Where programs are compiled. Default: in this process.
    pub fn compiler(mut self, compiler: Compiler) -> Self {
        self.compiler = compiler;
        self
    }

    /// Adds an interpreter of source strings; see [`Runner::add_interpreter`].
    pub fn interpreter(mut self, interpreter: Interpreter) -> Self {
        self.interpreters.push(interpreter);
        self
    }

    /// Makes the runner and starts its threads.
    ///
    /// # Errors
    /// [`Error::Limit`] for a number out of range, [`Error::Cache`] for a directory that cannot be trusted,
    /// [`Error::Engine`] if the address space or the threads cannot be had.
    pub fn build(self) -> Result<Runner, Error> {
        in_range("guest_threads", self.guest_threads, 1_024)?;
        in_range("pool_size", self.pool_size, MAX_POOL_SIZE)?;
        in_range("native_threads", self.native_threads, 1_024)?;
        self.limits.check()?;
        let cache = self.cache_directory.as_deref().map(Cache::open).transpose()?;
        let engine = engine::running(self.pool_size as u32, self.metering)?;
        let budget = MemoryBudget::new(self.memory_budget_bytes);
        let idle = sandbox::idle(&engine, budget.empty());
        let config =
            LoaderConfig { metering: self.metering, limits: self.program_limits, cache, compiler: self.compiler };
        let loader = Arc::new(Loader::new(&engine, idle, config)?);
        let outbox = Arc::new(Outbox::default());
        let guests = guest_runtime(self.guest_threads, Arc::clone(&outbox))?;
        let at_tick = Arc::clone(&outbox);
        let core = Arc::new(Core {
            ticker: Ticker::start(engine, move || at_tick.flush())?,
            loader,
            catalog: Catalog::default(),
            limits: self.limits,
            metering: self.metering,
            allowance: self.allowance,
            budget,
            sealed: Admission::new(self.pool_size, self.max_waiting),
            native: Admission::new(self.native_threads, self.max_waiting),
            live: Live::default(),
            outbox,
            closing: Flag::default(),
            stopping: Flag::default(),
            cut_short: AtomicUsize::new(0),
            delayed: Mutex::new(BTreeMap::new()),
        });
        self.interpreters.into_iter().for_each(|interpreter| core.catalog.interpreters.add(interpreter));
        let handle = guests.handle().clone();
        Ok(Runner(Arc::new(Owner { core, handle, guests: Mutex::new(Some(Guests(Some(guests)))) })))
    }
}

/// Guests have threads of their own, so that the caller's timers and sockets never feel a busy one: on the caller's
/// runtime they were up to 600 ms late.
fn guest_runtime(threads: usize, outbox: Arc<Outbox>) -> Result<tokio::runtime::Runtime, Error> {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(threads)
        .thread_name("ampule-guest")
        // Looks at the timers after every guest's turn; the default of 61 turns lets timeouts be 60 ms late.
        .event_interval(1)
        .on_thread_park(move || outbox.flush())
        .enable_time()
        .build()
        .map_err(|error| Error::Engine(format!("the guest threads could not be started: {error}")))
}

fn in_range(field: &'static str, found: usize, most: usize) -> Result<(), Error> {
    if (1..=most).contains(&found) {
        return Ok(());
    }
    Err(Error::Limit { field, expected: format!("1 to {most}"), found: found.to_string() })
}
