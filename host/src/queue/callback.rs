//! Who is told how a queued job ended: another job, a closure that a worker registered under a name, or a receiver over
//! HTTP.
//!
//! A callback becomes a job of the same queue when the one before it has ended, in the same transaction. So it has
//! leases, attempts and a history like any other.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::new_job::{DELIVERY_QUEUE, NewJob, Payload, Work, check_name};
use super::retry::{Backoff, RetryPolicy};
use super::{Error, stored};
use crate::failure::{Failure, Kind};
use crate::job::JobId;
use crate::kwargs::Kwargs;

/// How often a delivery is tried. With the backoff below the last try is some four hours after the first.
const DELIVERY_ATTEMPTS: u32 = 12;

/// How often a webhook is tried, and the waits between: the schedule that Standard Webhooks 1.0 suggests, three days in all.
const WEBHOOK_ATTEMPTS: u32 = 10;
const WEBHOOK_DELAYS: [Duration; 9] = [
    Duration::from_secs(5),
    Duration::from_secs(5 * 60),
    Duration::from_secs(30 * 60),
    Duration::from_secs(2 * 60 * 60),
    Duration::from_secs(5 * 60 * 60),
    Duration::from_secs(10 * 60 * 60),
    Duration::from_secs(14 * 60 * 60),
    Duration::from_secs(20 * 60 * 60),
    Duration::from_secs(24 * 60 * 60),
];

/// Callbacks of callbacks: how far a chain written into one job may go. A document this deep still reads back.
pub(crate) const MAX_CHAIN: usize = 16;

/// The longest URL of a webhook, and the most headers that it may ask for.
const MAX_URL_BYTES: usize = 2_000;
const MAX_HEADERS: usize = 20;

/// Where the end of a job is delivered, at least once, with the same delivery id each time.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Callback {
    /// Another job, which gets `result` or `failure` in its kwargs beside its own. If it names no `at_err`, that of the
    /// job before it is told when it fails.
    Job(Box<NewJob>),
    /// The closure that a worker registered under this name, on whichever machine it lives.
    Closure {
        /// The name.
        name: String,
        /// Handed to the closure beside the end.
        #[serde(default, skip_serializing_if = "Kwargs::is_empty")]
        kwargs: Kwargs,
    },
    /// Whoever answers at a URL, told by an HTTP request that is signed.
    Http(Webhook),
}

/// A receiver of ends over HTTP.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Webhook {
    /// Where to: `http` or `https`, at most 2,000 bytes.
    pub url: String,
    /// Told beside the end.
    #[serde(default, skip_serializing_if = "Kwargs::is_empty")]
    pub kwargs: Kwargs,
    /// Sent as headers of the request, beside those that every delivery has; at most twenty.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub headers: BTreeMap<String, String>,
}

/// An end that is to be told of.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct Delivery {
    /// Who is told.
    pub to: Target,
    /// Handed over beside the end.
    #[serde(default, skip_serializing_if = "Kwargs::is_empty")]
    pub kwargs: Kwargs,
    /// The end.
    pub ended: Ended,
}

/// Who is told.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Target {
    /// The closure of this name.
    Closure(String),
    /// Whoever answers at a URL.
    Http {
        /// The URL.
        url: String,
        /// What is sent as headers.
        #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
        headers: BTreeMap<String, String>,
    },
}

/// How a queued job ended.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Ended {
    /// The job.
    pub job: JobId,
    /// Its name.
    pub name: String,
    /// Its value, or why there is none.
    pub result: Result<Value, Failure>,
}

impl Callback {
    /// The closure that a worker registered under this name.
    #[must_use]
    pub fn closure(name: impl Into<String>) -> Self {
        Callback::Closure { name: name.into(), kwargs: Kwargs::new() }
    }

    /// Another job.
    #[must_use]
    pub fn job(job: NewJob) -> Self {
        Callback::Job(Box::new(job))
    }

    pub(crate) fn check(&self) -> Result<(), Error> {
        if self.depth() > MAX_CHAIN {
            return Err(Error::invalid("callbacks", format!("a chain of at most {MAX_CHAIN}"), "a longer one"));
        }
        match self {
            Callback::Job(job) => job.check(),
            Callback::Closure { name, .. } => check_name("closure", name),
            Callback::Http(webhook) => webhook.check(),
        }
    }

    fn depth(&self) -> usize {
        let Callback::Job(job) = self else { return 1 };
        let callbacks = [&job.payload.at_return, &job.payload.at_err];
        1 + callbacks.into_iter().flatten().map(Callback::depth).max().unwrap_or(0)
    }
}

impl Webhook {
    fn check(&self) -> Result<(), Error> {
        let has_scheme = ["http://", "https://"].iter().any(|scheme| self.url.starts_with(scheme));
        if !has_scheme || self.url.len() > MAX_URL_BYTES || self.url.contains(char::is_control) {
            // A path may hold a secret, so it is not repeated.
            let found = format!("{} bytes for {:?}", self.url.len(), host_of(&self.url));
            return Err(Error::invalid("url", format!("an http or https URL of at most {MAX_URL_BYTES} bytes"), found));
        }
        if self.headers.len() > MAX_HEADERS {
            let found = self.headers.len().to_string();
            return Err(Error::invalid("headers", format!("at most {MAX_HEADERS}"), found));
        }
        Ok(())
    }
}

/// The part of a URL that may be shown to anybody: no credentials, no path.
fn host_of(url: &str) -> &str {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    let authority = rest.split(['/', '?', '#', '\\']).next().unwrap_or_default();
    authority.rsplit_once('@').map_or(authority, |(_, host)| host)
}

impl Target {
    /// Where deliveries over HTTP wait.
    pub const HTTP_QUEUE: &str = "@http";

    /// The queue in which deliveries to it wait. Only workers that can serve it look there.
    #[must_use]
    pub fn queue(&self) -> String {
        match self {
            Target::Closure(name) => format!("{DELIVERY_QUEUE}closure:{name}"),
            Target::Http { .. } => Target::HTTP_QUEUE.to_owned(),
        }
    }

    /// A name for people.
    #[must_use]
    pub fn name(&self) -> &str {
        match self {
            Target::Closure(name) => name,
            Target::Http { url, .. } => host_of(url),
        }
    }
}

/// What follows from the end of a job: the delivery of its one callback, if it has one. Deliveries of `at_return` that
/// fail for good tell the job's `at_err`, once, with a failure of kind `callback`.
pub(crate) fn follow_up(
    id: JobId,
    tenant: Option<&str>,
    payload: &Payload,
    result: &Result<Value, Failure>,
) -> Option<NewJob> {
    let callback = if result.is_ok() { payload.at_return.as_ref()? } else { payload.at_err.as_ref()? };
    let result = match (&payload.work, result) {
        (Work::Delivery(delivery), Err(failure)) => Err(callback_failed(delivery, failure)),
        (_, result) => result.clone(),
    };
    let ended = match &payload.work {
        // Who is told of a failed delivery wants to know of the job, not of the delivery.
        Work::Delivery(delivery) => Ended { result, ..delivery.ended.clone() },
        Work::Job(job) => Ended { job: id, name: job.name.clone(), result },
    };
    let at_err = payload.at_err.clone().filter(|_| ended.result.is_ok());
    let mut next = match callback {
        Callback::Closure { name, kwargs } => {
            let policy = RetryPolicy { attempts: DELIVERY_ATTEMPTS, backoff: closure_backoff(), kinds: retried() };
            delivery(Target::Closure(name.clone()), kwargs, ended).retry(policy)
        }
        Callback::Http(Webhook { url, kwargs, headers }) => {
            let to = Target::Http { url: url.clone(), headers: headers.clone() };
            let backoff = Backoff::Delays(WEBHOOK_DELAYS.to_vec());
            let policy = RetryPolicy { attempts: WEBHOOK_ATTEMPTS, backoff, kinds: retried() };
            delivery(to, kwargs, ended).retry(policy)
        }
        Callback::Job(job) => chained(job, ended),
    };
    // The job's own `at_err` is told if nobody else is.
    next.payload.at_err = next.payload.at_err.or(at_err);
    next.parent = Some(id);
    next.payload.trace = next.payload.trace.or_else(|| payload.trace.clone());
    next.tenant = next.tenant.or_else(|| tenant.map(str::to_owned));
    Some(next)
}

fn delivery(to: Target, kwargs: &Kwargs, ended: Ended) -> NewJob {
    let queue = to.queue();
    NewJob::of(Work::Delivery(Delivery { to, kwargs: kwargs.clone(), ended }), queue)
}

fn closure_backoff() -> Backoff {
    Backoff::Exponential {
        first: Duration::from_secs(2),
        factor: 3,
        most: Duration::from_secs(60 * 60),
        jitter_percent: 20,
    }
}

/// The kinds after which a delivery is tried again.
fn retried() -> Vec<Kind> {
    vec![Kind::Callback, Kind::Host, Kind::Lost]
}

fn chained(job: &NewJob, ended: Ended) -> NewJob {
    let mut next = NewJob { id: JobId::fresh(), ..job.clone() };
    if let Work::Job(job) = &mut next.payload.work {
        let (name, value) = match ended.result {
            Ok(value) => ("result", value),
            Err(failure) => ("failure", stored::failure_to_value(&failure)),
        };
        // The name is not reserved, and the value is JSON already.
        let inserted = job.kwargs.insert(name.to_owned(), value);
        debug_assert!(inserted.is_ok(), "JSON under a plain name is accepted");
    }
    next
}

fn callback_failed(delivery: &Delivery, failure: &Failure) -> Failure {
    let message = format!("at_return: {}: {}", delivery.to.name(), failure.message);
    Failure { kind: Kind::Callback, message, ..failure.clone() }
}

impl Serialize for Ended {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut document = json!({ "job": self.job, "name": self.name });
        match &self.result {
            Ok(value) => document["result"] = value.clone(),
            Err(failure) => document["failure"] = stored::failure_to_value(failure),
        }
        document.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Ended {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        struct Document {
            job: JobId,
            name: String,
            #[serde(default)]
            result: Value,
            failure: Option<Value>,
        }
        let Document { job, name, result, failure } = Document::deserialize(deserializer)?;
        let failure = failure.map(stored::failure_from_value).transpose().map_err(serde::de::Error::custom)?;
        Ok(Ended { job, name, result: failure.map_or(Ok(result), Err) })
    }
}
