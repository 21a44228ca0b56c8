//! How a worker is described and started.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use super::closures::Closures;
use super::http::DeliverHttp;
use super::settled::SettledJob;
use super::shared::Shared;
use super::{Worker, start};
use crate::call::BoxError;
use crate::kwargs::Kwargs;
use crate::queue::{Ended, Error, Queue, Queues, Retention, Target, check_name};
use crate::runner::Runner;

/// As many as a runner can have.
const MAX_SLOTS: usize = 10_000;

/// The periods that are accepted: below a millisecond the database's clock sees nothing, and a lease of more than a day
/// leaves a job whose worker died to itself for as long.
const PERIODS: std::ops::RangeInclusive<Duration> = Duration::from_millis(1)..=Duration::from_secs(24 * 60 * 60);

/// Whoever is told of ends that were written down.
pub(super) type OnSettled = Arc<dyn Fn(&SettledJob) + Send + Sync>;

/// The least time that the queue has for an answer: a commit may wait for others, and for the disk.
const MIN_PATIENCE: Duration = Duration::from_secs(1);

/// Describes a worker; [`WorkerBuilder::start`] starts it.
#[must_use = "describes a worker; `start` starts it"]
pub struct WorkerBuilder {
    runner: Runner,
    queue: Arc<dyn Queue>,
    serves: Serves,
    on_settled: Option<OnSettled>,
    renew_every: Option<Duration>,
    config: Config,
}

/// What a worker claims.
pub(super) struct Serves {
    pub(super) queues: Queues,
    pub(super) closures: Closures,
    pub(super) http: Option<Arc<dyn DeliverHttp>>,
}

/// How a worker goes about it.
#[derive(Clone, Debug)]
pub(super) struct Config {
    pub(super) slots: usize,
    pub(super) lease: Duration,
    pub(super) renew_every: Duration,
    pub(super) poll_every: Duration,
    pub(super) retention: Retention,
    pub(super) host: String,
}

impl WorkerBuilder {
    pub(super) fn new(runner: Runner, queue: Arc<dyn Queue>) -> Self {
        let config = Config {
            slots: 32,
            lease: Duration::from_secs(30),
            renew_every: Duration::from_secs(5),
            poll_every: Duration::from_secs(1),
            retention: Retention::default(),
            host: this_process(),
        };
        let serves = Serves { queues: Queues::All, closures: Closures::default(), http: None };
        WorkerBuilder { runner, queue, serves, on_settled: None, renew_every: None, config }
    }

    /// Serves these queues only; none of them, to make nothing but deliveries. Default: all.
    pub fn queues(mut self, queues: impl IntoIterator<Item = impl Into<String>>) -> Self {
        self.serves.queues = Queues::Only(queues.into_iter().map(Into::into).collect());
        self
    }

    /// How many jobs at once. Default 32, at most 10,000. The runner must have as many slots, or jobs that were claimed
    /// wait for them.
    pub fn slots(mut self, slots: usize) -> Self {
        self.config.slots = slots;
        self
    }

    /// How long a job may be held without a word, before others may have it. Default 30 s.
    pub fn lease(mut self, lease: Duration) -> Self {
        self.config.lease = lease;
        self
    }

    /// How often leases are renewed. Default 5 s, or a third of the lease if that is less; at most half of it.
    pub fn renew_every(mut self, period: Duration) -> Self {
        self.renew_every = Some(period);
        self
    }

    /// How often it looks for jobs although nothing woke it. Default 1 s, with jitter.
    pub fn poll_every(mut self, period: Duration) -> Self {
        self.config.poll_every = period;
        self
    }

    /// How long ended jobs are kept.
    pub fn retention(mut self, retention: Retention) -> Self {
        self.config.retention = retention;
        self
    }

    /// What people see of where it runs. Default: the machine's name and the number of the process.
    pub fn host(mut self, host: impl Into<String>) -> Self {
        self.config.host = host.into();
        self
    }

    /// Registers a closure that callbacks may name, in place of the one that had the name. It is called at least once
    /// for each end, on a thread where it may block; an error or a panic is tried again.
    pub fn closure<E: Into<BoxError>>(
        mut self,
        name: impl Into<String>,
        closure: impl Fn(Ended, Kwargs) -> Result<(), E> + Send + Sync + 'static,
    ) -> Self {
        let closure = move |ended, kwargs| closure(ended, kwargs).map_err(Into::into);
        self.serves.closures.insert(name.into(), Arc::new(closure));
        self
    }

    /// Tells of ends over HTTP; without it they wait for a worker that does. A delivery takes one of the worker's slots
    /// as long as it is under way, and none of the runner's: where receivers that are slow must not keep jobs waiting,
    /// deliveries have a worker of their own.
    pub fn http(mut self, deliver: Arc<dyn DeliverHttp>) -> Self {
        self.serves.http = Some(deliver);
        self
    }

    /// Tells of each end once the queue has written it down. Called on the loop that settles, so it must not block.
    pub fn on_settled(mut self, told: impl Fn(&SettledJob) + Send + Sync + 'static) -> Self {
        self.on_settled = Some(Arc::new(told));
        self
    }

    /// Starts it, on the tokio runtime of the caller.
    ///
    /// # Errors
    /// [`Error::Invalid`] for a number or a name that is not accepted, and outside a tokio runtime.
    pub fn start(self) -> Result<Worker, Error> {
        let WorkerBuilder { runner, queue, serves, on_settled, renew_every, mut config } = self;
        config.renew_every = renew_every.unwrap_or(config.renew_every.min(config.lease / 3));
        config.check()?;
        if let Queues::Only(names) = &serves.queues {
            names.iter().try_for_each(|name| check_name("queue", name))?;
        }
        serves.closures.names().try_for_each(|name| check_name("closure", name))?;
        if tokio::runtime::Handle::try_current().is_err() {
            return Err(Error::invalid("runtime", "a tokio runtime to work on", "none here"));
        }
        let (shared, ends) = Shared::new(runner, queue, serves, on_settled, config);
        Ok(start(Arc::new(shared), ends))
    }
}

impl Serves {
    /// The queues in which the deliveries wait that it can make.
    pub(super) fn deliveries(&self) -> Vec<String> {
        let over_http = self.http.as_ref().map(|_| Target::HTTP_QUEUE.to_owned());
        self.closures.queues().into_iter().chain(over_http).collect()
    }

    /// All of it, as a list of workers shows it.
    pub(super) fn in_words(&self) -> String {
        let mut words = match &self.queues {
            Queues::All => vec!["all queues"],
            Queues::Only(names) => names.iter().map(String::as_str).collect(),
        };
        words.extend(self.closures.names().next().map(|_| "closures"));
        words.extend(self.http.as_ref().map(|_| "webhooks"));
        words.join(", ")
    }
}

impl Config {
    /// How long an answer of the queue is waited for: what was claimed longer ago may be somebody else's already.
    pub(super) fn patience(&self) -> Duration {
        self.lease.max(MIN_PATIENCE)
    }

    fn check(&self) -> Result<(), Error> {
        if !(1..=MAX_SLOTS).contains(&self.slots) {
            return Err(Error::invalid("slots", format!("1 to {MAX_SLOTS}"), self.slots.to_string()));
        }
        for (field, period) in
            [("lease", self.lease), ("renew_every", self.renew_every), ("poll_every", self.poll_every)]
        {
            if !PERIODS.contains(&period) {
                return Err(Error::invalid(field, "1 ms to 24 h", format!("{period:?}")));
            }
        }
        if self.renew_every > self.lease / 2 {
            let expected = format!("at most half of the lease of {:?}", self.lease);
            return Err(Error::invalid("renew_every", expected, format!("{:?}", self.renew_every)));
        }
        Ok(())
    }
}

impl fmt::Debug for WorkerBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WorkerBuilder").field("queues", &self.serves.queues).field("config", &self.config).finish()
    }
}

/// The machine's name, as far as Linux tells it, and the process.
fn this_process() -> String {
    let name = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    let name = name.trim();
    format!("{}:{}", if name.is_empty() { "localhost" } else { name }, std::process::id())
}
