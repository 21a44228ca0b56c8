//! All that servers and workers can be told, in one struct, with its defaults.
//!
//! `fields.rs` names each of them; `layers.rs` reads them.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use ampule::queue::Retention;
use ampule::server::Settings;
use ampule::{Limits, ProgramLimits};
use tracing_subscriber::filter::LevelFilter;

/// Slots for each processor: jobs wait for the disk and for the queue too.
const SLOTS_PER_PROCESSOR: usize = 4;

/// Runs beside those of the queue, for `/v1/run`. Each reserves address space, and memory only as its guest uses it.
const DIRECT_SLOTS: usize = 64;

/// Threads that speak HTTP: guests have others, so that few are enough; one would stand still behind each slow hash.
const MIN_THREADS: usize = 2;

/// How a server or a worker is set up.
#[derive(Clone, Debug)]
pub(crate) struct Service {
    /// A URL, which may hold a password.
    pub(crate) queue: String,
    pub(crate) cache: Option<PathBuf>,
    /// How long what goes on may go on once a signal came.
    pub(crate) grace: Duration,
    pub(crate) log: Log,
    pub(crate) server: ServerPart,
    pub(crate) worker: WorkerPart,
    /// How many deliveries of webhooks are tried at once.
    pub(crate) webhook_slots: usize,
    pub(crate) runner: RunnerPart,
}

/// What is logged, and how.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Log {
    pub(crate) format: LogFormat,
    pub(crate) level: LevelFilter,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum LogFormat {
    Text,
    Json,
}

/// What only a server has.
#[derive(Clone, Debug)]
pub(crate) struct ServerPart {
    pub(crate) listen: SocketAddr,
    pub(crate) threads: usize,
    pub(crate) settings: Settings,
}

/// What a worker does.
#[derive(Clone, Debug)]
pub(crate) struct WorkerPart {
    /// Whether a server runs jobs of the queue too.
    pub(crate) enabled: bool,
    pub(crate) slots: usize,
    /// Which queues; all if there is none.
    pub(crate) only: Vec<String>,
    pub(crate) lease: Duration,
    pub(crate) retention: Retention,
}

/// What runs may use.
#[derive(Clone, Debug)]
pub(crate) struct RunnerPart {
    pub(crate) threads: usize,
    /// Slots beside those of the worker.
    pub(crate) direct_slots: usize,
    pub(crate) max_waiting: usize,
    pub(crate) memory_budget_bytes: u64,
    pub(crate) allow_dir: Vec<PathBuf>,
    pub(crate) allow_write: bool,
    pub(crate) allow_env: bool,
    /// Of jobs that set none of their own.
    pub(crate) limits: Limits,
    pub(crate) programs: ProgramLimits,
}

impl Service {
    /// What holds where nothing is said, on so many processors.
    pub(super) fn new(cache: Option<PathBuf>, processors: usize) -> Self {
        let mut programs = ProgramLimits::default();
        // They are strangers': what is in there would be parsed on the host, unmetered.
        programs.debug_bytes = 0;
        Service {
            queue: super::DEFAULT_QUEUE.to_owned(),
            cache,
            grace: Duration::from_secs(30),
            log: Log { format: LogFormat::Text, level: LevelFilter::WARN },
            server: ServerPart {
                listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 7070)),
                threads: processors.max(MIN_THREADS),
                settings: Settings::default(),
            },
            worker: WorkerPart {
                enabled: true,
                slots: SLOTS_PER_PROCESSOR * processors,
                only: Vec::new(),
                lease: Duration::from_secs(30),
                retention: Retention::default(),
            },
            webhook_slots: 256,
            runner: RunnerPart {
                threads: processors,
                direct_slots: DIRECT_SLOTS,
                max_waiting: 1_000,
                memory_budget_bytes: 4 << 30,
                allow_dir: Vec::new(),
                allow_write: false,
                allow_env: true,
                limits: Limits::default(),
                programs,
            },
        }
    }
}

impl LogFormat {
    pub(super) fn as_str(self) -> &'static str {
        match self {
            LogFormat::Text => "text",
            LogFormat::Json => "json",
        }
    }
}
