//! One try at a delivery, from its URL to what is written down of it.

use std::fmt;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderName, HeaderValue, Method, Request, header};
use http_body_util::Full;
use serde_json::Value;
use tokio::time::Instant;

use super::answer::{Answer, exchange};
use super::budget::Budget;
use super::connect::Connector;
use super::fault::Fault;
use super::in_flight::InFlight;
use super::message::Message;
use super::record::{Record, verdict};
use super::resolve::{Questions, Resolve, SystemResolver, Turn};
use super::secrets::Secrets;
use super::settings::WebhookSettings;
use super::target::{Refusal, Target};
use super::{header as asked, sign, tls, trace};
use crate::failure::{Failure, Kind};
use crate::queue::{Error, Queue};
use crate::worker::{DeliverHttp, Delivering, HttpDelivery, NotTold};

/// Delivers webhooks for a worker.
///
/// ```no_run
/// # fn example(runner: ampule::Runner, queue: std::sync::Arc<dyn ampule::queue::Queue>) -> Result<(), Box<dyn std::error::Error>> {
/// use ampule::Worker;
/// use ampule::server::webhook::{Deliverer, WebhookSettings};
///
/// let deliverer = Deliverer::new(queue.clone(), WebhookSettings::default())?;
/// // Receivers that hang take none of the slots of jobs: deliveries have a worker of their own.
/// let worker = Worker::builder(runner, queue).queues(Vec::<String>::new()).http(deliverer).slots(256).start()?;
/// # Ok(()) }
/// ```
pub struct Deliverer(Arc<Inner>);

struct Inner {
    queue: Arc<dyn Queue>,
    secrets: Secrets,
    connector: Connector,
    by_host: InFlight,
    by_tenant: InFlight,
    bodies: Budget,
    settings: WebhookSettings,
}

/// How long a try is put off that found no room: longer each time, so that many that wait for one host cost little.
const FIRST_WAIT: Duration = Duration::from_secs(2);
const LONGEST_WAIT: Duration = Duration::from_secs(2 * 60);

impl Deliverer {
    /// A deliverer that finds hosts by the system's resolver.
    ///
    /// # Errors
    /// If the file of authorities that the settings name cannot be read.
    pub fn new(queue: Arc<dyn Queue>, settings: WebhookSettings) -> io::Result<Arc<Self>> {
        Deliverer::with_resolver(queue, settings, Arc::new(SystemResolver::default()))
    }

    /// A deliverer that finds hosts by another resolver. What it answers is judged as any other's.
    ///
    /// # Errors
    /// As [`Deliverer::new`].
    pub fn with_resolver(
        queue: Arc<dyn Queue>,
        settings: WebhookSettings,
        resolver: Arc<dyn Resolve>,
    ) -> io::Result<Arc<Self>> {
        let tls = tls::connector(settings.ca_file.as_deref())?;
        let secrets = Secrets::new(Arc::clone(&queue));
        let connector = Connector { questions: Questions::new(resolver, settings.max_in_flight_per_tenant), tls };
        let by_host = InFlight::new(settings.max_in_flight_per_host);
        let by_tenant = InFlight::new(settings.max_in_flight_per_tenant);
        let bodies = Budget::default();
        let inner = Inner { queue, secrets, connector, by_host, by_tenant, bodies, settings };
        Ok(Arc::new(Deliverer(Arc::new(inner))))
    }
}

impl DeliverHttp for Deliverer {
    fn deliver(&self, delivery: HttpDelivery) -> Delivering {
        let inner = Arc::clone(&self.0);
        Box::pin(async move { inner.attempt(delivery).await })
    }
}

impl Inner {
    /// One try. Its record is the value, or what was returned before the failure.
    async fn attempt(&self, mut delivery: HttpDelivery) -> Result<Value, NotTold> {
        let target = Target::parse(&delivery.url, &self.settings).map_err(|refusal| refused(&delivery, refusal))?;
        let put_off_for = wait_after(delivery.attempt);
        let put_off = || NotTold::PutOff(put_off_for);
        let owner = owner(&delivery, &target);
        let message = Message::of(&mut delivery);
        let _held = self.bodies.take(&owner, message.bytes()).ok_or_else(put_off)?;
        let wait = self.settings.in_flight_wait;
        // The host's last: who waits for what is the tenant's own keeps nothing from other tenants.
        let _of_tenant = match &delivery.tenant {
            Some(tenant) => Some(self.by_tenant.take(tenant, wait).await.ok_or_else(put_off)?),
            None => None,
        };
        let turn = self.connector.questions.turn(&target, &owner, wait).await.ok_or_else(put_off)?;
        let _of_host = self.by_host.take(&target.host, wait).await.ok_or_else(put_off)?;
        let request = self.request(&target, &delivery, message).await.map_err(unsent)?;
        let start = Instant::now();
        let answered = self.send(&target, turn, request, start).await;
        let record = Record::of(answered.as_ref().ok(), start.elapsed());
        log(&delivery, &target, &record, answered.as_ref().err());
        match answered.map(|answer| verdict(answer.status)) {
            Ok(Ok(())) => Ok(record.into_value()),
            Ok(Err((message, retry))) => Err(record.into_failure(message, retry).into()),
            Err(Fault::Crowded) => Err(put_off()),
            Err(fault) => Err(record.into_failure(fault.to_string(), None).into()),
        }
    }

    async fn send(
        &self,
        target: &Target,
        turn: Turn,
        request: Request<Full<Bytes>>,
        start: Instant,
    ) -> Result<Answer, Fault> {
        let stream = self.connector.connect(target, turn, &self.settings).await?;
        exchange(stream, request, (start, self.settings.timeout)).await
    }

    /// What is sent, signed as of now.
    async fn request(
        &self,
        target: &Target,
        delivery: &HttpDelivery,
        message: Message,
    ) -> Result<Request<Full<Bytes>>, Unsent> {
        let body = message.body(&self.queue).await?;
        let signing = self.secrets.signing(delivery.tenant.as_deref()).await?;
        let secrets: Vec<_> = signing.into_iter().map(|signing| signing.secret).collect();
        let (id, timestamp) = (delivery.id.to_string(), self.queue.clock().await?.timestamp());
        let signature = sign::signature(&secrets, &id, timestamp, &body);
        let mut request = Request::builder().method(Method::POST).uri(target.path.clone()).body(Full::new(body))?;
        let headers = request.headers_mut();
        for (name, value) in asked::parsed(&delivery.headers).map_err(|refusal| Unsent::Header(refusal.name))? {
            headers.insert(name, value);
        }
        let version = concat!("ampule/", env!("CARGO_PKG_VERSION"));
        headers.insert(header::HOST, target.authority.clone());
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
        headers.insert(header::ACCEPT_ENCODING, HeaderValue::from_static("identity"));
        headers.insert(header::USER_AGENT, HeaderValue::from_static(version));
        headers.insert(header::CONNECTION, HeaderValue::from_static("close"));
        headers.insert(HeaderName::from_static("webhook-id"), HeaderValue::try_from(id)?);
        headers.insert(HeaderName::from_static("webhook-timestamp"), timestamp.into());
        headers.insert(HeaderName::from_static("webhook-signature"), HeaderValue::try_from(signature)?);
        if let Some(child) = delivery.trace.as_deref().and_then(trace::child) {
            headers.insert(HeaderName::from_static("traceparent"), HeaderValue::try_from(child)?);
        }
        Ok(request)
    }
}

/// Whose share of what all have in common it takes: its tenant's, or its host's if it has none. No host has a colon,
/// unless it is an address, and no address begins like this.
fn owner(delivery: &HttpDelivery, target: &Target) -> String {
    delivery.tenant.as_deref().map_or_else(|| target.host.clone(), |tenant| format!("tenant:{tenant}"))
}

fn wait_after(attempt: u32) -> Duration {
    FIRST_WAIT.saturating_mul(2_u32.saturating_pow(attempt.saturating_sub(1))).min(LONGEST_WAIT)
}

/// Why nothing was sent.
#[derive(Debug, thiserror::Error)]
enum Unsent {
    #[error(transparent)]
    Queue(#[from] Error),
    #[error("the header `{0}` cannot be sent")]
    Header(String),
    #[error(transparent)]
    Value(#[from] http::header::InvalidHeaderValue),
    #[error(transparent)]
    Request(#[from] http::Error),
}

/// The queue's faults are the host's, and pass; what cannot be sent now never can.
fn unsent(error: Unsent) -> Failure {
    match error {
        Unsent::Queue(error) => {
            tracing::warn!(%error, "a webhook could not be made ready");
            Failure::new(Kind::Host, "the queue could not be reached")
        }
        other => Record::default().into_failure(other.to_string(), Some(false)),
    }
}

/// What this worker's settings refuse is tried again: those of whoever took the job in allowed it.
fn refused(delivery: &HttpDelivery, refusal: Refusal) -> Failure {
    if !refusal.is_by_settings {
        return Record::default().into_failure(Fault::Url(refusal).to_string(), Some(false));
    }
    let Refusal { expected, found, .. } = &refusal;
    tracing::warn!(job_id = %delivery.id, tenant = delivery.tenant, expected, found, "a webhook's URL is not allowed here");
    Record::default().into_failure(Fault::Url(refusal).to_string(), None)
}

fn log(delivery: &HttpDelivery, target: &Target, record: &Record, fault: Option<&Fault>) {
    tracing::debug!(
        job_id = %delivery.id,
        attempt = delivery.attempt,
        tenant = delivery.tenant,
        host = target.host,
        status = record.status,
        time_ms = record.time_ms,
        fault = fault.map(tracing::field::display),
        "webhook tried"
    );
}

impl fmt::Debug for Deliverer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Deliverer").field("settings", &self.0.settings).finish_non_exhaustive()
    }
}
