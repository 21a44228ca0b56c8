//! What a process that works is made of: a runner, a worker for jobs, and one for the deliveries of webhooks, so that
//! receivers that hang never take a job's slot.

use std::sync::Arc;
use std::time::Duration;

use ampule::queue::{Queue, WorkerId};
use ampule::server::webhook::Deliverer;
use ampule::{Allowance, Drained, Runner, SettledJob, Worker};

use crate::config::{Config, Service};
use crate::exit::Fault;
use crate::{interpreters, run};

/// How long deliveries that are under way may go on after the last job. They are durable: what is cut is tried again.
const LAST_DELIVERIES: Duration = Duration::from_secs(1);

/// The workers of this process.
pub(crate) struct Workers {
    jobs: Worker,
    deliveries: Worker,
}

/// A runner as the configuration has it, with so many slots, and the interpreters that are switched on.
pub(crate) fn runner(service: &Service, slots: usize, config: &Config) -> Result<Runner, Fault> {
    let part = &service.runner;
    let mut allowance = Allowance::default();
    allowance.directories = Some(part.allow_dir.clone());
    allowance.write = part.allow_write;
    allowance.env = part.allow_env;
    let runner = run::builder(service.cache.clone())?
        .guest_threads(part.threads.min(slots))
        .pool_size(slots)
        .max_waiting(part.max_waiting.max(slots))
        .memory_budget_bytes(part.memory_budget_bytes)
        .limits(part.limits)
        .program_limits(part.programs)
        .allow(allowance)
        .build()?;
    interpreters::install(&runner, config)?;
    prepare(&runner);
    Ok(runner)
}

/// Compiles interpreters in the background, so that the first job in each language does not wait for it.
fn prepare(runner: &Runner) {
    for language in runner.languages() {
        let runner = runner.clone();
        tokio::spawn(async move {
            if let Err(error) = runner.prepare(&language.name).await {
                tracing::error!(language = %language.name, %error, "the interpreter cannot be prepared");
            }
        });
    }
}

impl Workers {
    /// Starts them.
    pub(crate) fn start(
        runner: &Runner,
        queue: &Arc<dyn Queue>,
        service: &Service,
        on_settled: impl Fn(&SettledJob) + Send + Sync + 'static,
    ) -> Result<Self, Fault> {
        let on_settled = Arc::new(on_settled);
        let part = &service.worker;
        let builder = || {
            let on_settled = Arc::clone(&on_settled);
            let builder = Worker::builder(runner.clone(), Arc::clone(queue)).on_settled(move |ended| on_settled(ended));
            builder.lease(part.lease).retention(part.retention)
        };
        let jobs = builder().slots(part.slots);
        let jobs = if part.only.is_empty() { jobs } else { jobs.queues(&part.only) };
        let settings = service.server.settings.webhooks.clone();
        let deliverer = Deliverer::new(Arc::clone(queue), settings)
            .map_err(|error| Fault::Usage(format!("webhooks.ca_file: expected certificates as PEM, found: {error}")))?;
        let deliveries = builder().slots(service.webhook_slots).queues(Vec::<String>::new()).http(deliverer);
        Ok(Workers { jobs: jobs.start()?, deliveries: deliveries.start()? })
    }

    /// The id of the one that runs jobs.
    pub(crate) fn id(&self) -> WorkerId {
        self.jobs.id()
    }

    /// How many jobs run.
    pub(crate) fn running(&self) -> usize {
        self.jobs.running()
    }

    /// Ends them as [`Worker::shutdown`] does, and says what became of jobs. What delivers goes on until they have ended:
    /// the last ones have callbacks too.
    pub(crate) async fn shutdown(self, grace: Duration) -> Drained {
        let drained = self.jobs.shutdown(grace).await;
        self.deliveries.shutdown(LAST_DELIVERIES).await;
        drained
    }
}

/// What is said when they have ended.
pub(crate) fn ended(drained: &Drained) -> String {
    let mut text = "stopped".to_owned();
    for (jobs, what) in [
        (drained.finished, "ended meanwhile"),
        (drained.handed_back, "handed back"),
        (drained.abandoned, "left to their leases, since the queue cannot be told"),
    ] {
        if jobs > 0 {
            text.push_str(&format!(", {jobs} {what}"));
        }
    }
    text
}
