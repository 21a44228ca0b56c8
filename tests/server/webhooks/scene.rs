//! A server, a worker for its jobs, another for its deliveries, and jobs that end at once.

use std::sync::Arc;
use std::time::Duration;

use ampule::queue::{
    Callback, Change, Filter, JobRecord, NewJob, Page, RetryPolicy, Selection, State, Summary, Webhook,
};
use ampule::server::Settings;
use ampule::server::webhook::{Deliverer, Resolve, SystemResolver, WebhookSettings};
use ampule::{Digest, Job, JobId, Value, Worker};
use ampule_tests::guest::{returning, speaking};
use ampule_tests::served::Served;
use tokio::time::{sleep, timeout};

/// How long a test waits for what must come.
const PATIENCE: Duration = Duration::from_secs(60);

/// The slots of the worker for deliveries.
pub(super) const SLOTS: usize = 64;

/// All of it.
pub(super) struct Scene {
    pub(super) served: Served,
    returns: Digest,
    fails: Digest,
    _deliveries: Worker,
}

/// Settings under which receivers on this machine may be reached, and have time to answer.
pub(super) fn open() -> WebhookSettings {
    let mut settings = WebhookSettings::default();
    settings.allow_http = true;
    settings.allow_networks = vec!["127.0.0.0/8".parse().expect("a network")];
    settings.allow_ports = vec!["1-65535".parse().expect("ports")];
    settings.timeout = PATIENCE;
    settings.connect_timeout = PATIENCE;
    settings
}

/// A webhook to this URL, without more.
pub(super) fn webhook(url: impl Into<String>) -> Webhook {
    Webhook { url: url.into(), kwargs: ampule::Kwargs::new(), headers: [].into() }
}

impl Scene {
    pub(super) async fn start(settings: WebhookSettings) -> Self {
        Scene::with_resolver(settings, Arc::new(SystemResolver::default())).await
    }

    pub(super) async fn with_resolver(settings: WebhookSettings, resolver: Arc<dyn Resolve>) -> Self {
        let mut served = Settings::default();
        served.webhooks = settings.clone();
        let served = Served::with(served, true).await;
        let put = async |name: &str, text: String| {
            let wasm = wat::parse_str(text).expect("the text is a program");
            served.queue.put_program(&wasm, Some(name), None).await.expect("stored")
        };
        let returns = put("sum", returning(&[r#"{"answer":42}"#])).await;
        let fails = put("trap", speaking(&[], "unreachable")).await;
        let deliverer = Deliverer::with_resolver(Arc::clone(&served.queue), settings, resolver).expect("a deliverer");
        let builder = Worker::builder(served.runner.clone(), Arc::clone(&served.queue)).queues(Vec::<String>::new());
        let builder = builder.http(deliverer).slots(SLOTS).poll_every(Duration::from_millis(100));
        let deliveries = builder.start().expect("a worker");
        Scene { served, returns, fails, _deliveries: deliveries }
    }

    /// A job that returns, and tells of it.
    pub(super) fn job(&self, webhook: Webhook) -> NewJob {
        NewJob::new(Job::new(self.returns).name("sum")).at_return(Callback::Http(webhook))
    }

    /// A job that fails, and tells of it.
    pub(super) fn failing_job(&self, webhook: Webhook) -> NewJob {
        let job = NewJob::new(Job::new(self.fails).name("trap")).retry(RetryPolicy::never());
        job.at_err(Callback::Http(webhook))
    }

    /// Enqueues a job, and gives its delivery when there is one.
    pub(super) async fn enqueue(&self, job: NewJob) -> JobId {
        let enqueued = self.served.queue.enqueue(vec![job], None).await.expect("enqueued");
        self.delivery_of(enqueued[0].id).await
    }

    /// What [`Scene::enqueue`] gives for a job that returns.
    pub(super) async fn tell(&self, webhook: Webhook) -> JobId {
        self.enqueue(self.job(webhook)).await
    }

    /// The delivery that follows from a job.
    pub(super) async fn delivery_of(&self, job: JobId) -> JobId {
        let filter = Filter { parent: Some(job), ..Filter::default() };
        until(async || {
            self.served.queue.list(&filter, Page::default()).await.expect("a list").first().map(|job| job.id)
        })
        .await
    }

    /// A delivery, once it was tried so often and is not being tried.
    pub(super) async fn tried(&self, delivery: JobId, tries: u32) -> JobRecord {
        let is_there = |job: &Summary| job.state != State::Running && job.tries >= tries;
        until(async || self.served.queue.get(delivery).await.expect("a job").filter(|job| is_there(&job.summary))).await
    }

    /// Sends again what waits for another try, unless its turn has come by itself meanwhile.
    pub(super) async fn again(&self, delivery: JobId) {
        let changed = self.served.queue.change(&Selection::Ids(vec![delivery]), &Change::RunNow, None).await;
        let changed = changed.expect("changed");
        assert!(changed.is_empty() || changed == [delivery], "{changed:?}");
    }
}

/// What a look gives, as soon as it gives anything.
pub(super) async fn until<T>(look: impl AsyncFn() -> Option<T>) -> T {
    let looking = async {
        loop {
            if let Some(found) = look().await {
                return found;
            }
            sleep(Duration::from_millis(5)).await;
        }
    };
    timeout(PATIENCE, looking).await.expect("it comes in time")
}

/// What was written down of each try: the status, how the body began, and the message of the failure.
pub(super) fn tries(job: &JobRecord) -> Vec<(Option<u64>, Option<String>, Option<String>)> {
    let outcomes = job.attempts.iter().filter_map(|attempt| attempt.outcome.as_ref());
    let tries = outcomes.map(|outcome| {
        let message = outcome.result.as_ref().err().map(|failure| failure.message.clone());
        let record = outcome.returns.first().cloned().unwrap_or(Value::Null);
        assert!(record["time_ms"].is_u64(), "{record}");
        (record["status"].as_u64(), record["body"].as_str().map(str::to_owned), message)
    });
    tries.collect()
}
