//! What is to be done by a queued job, and on which terms.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::ToSchema;

use super::run::FailureDocument;
use crate::failure::Kind;
use crate::grants::{Access, Clock, Grants, Random};
use crate::job::{Job, JobId};
use crate::limits::LimitOverrides;
use crate::queue::{Backoff, Callback, Delivery, NewJob, Payload, RetryPolicy, Target, Work};

/// What is to be done.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct PayloadDocument {
    /// The job to be run; none for a delivery.
    pub job: Option<WorkDocument>,
    /// The end of another job that is to be told of; none for a job.
    pub delivery: Option<DeliveryDocument>,
    /// What happens when it fails.
    pub retry: RetryDocument,
    /// Who is told if it returns.
    pub at_return: Option<CallbackDocument>,
    /// Who is told if it fails for good.
    pub at_err: Option<CallbackDocument>,
}

/// A job as it would be stored.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct NewJobDocument {
    /// The queue that it waits in.
    pub queue: String,
    /// Higher ones go first.
    pub priority: i16,
    /// Whose it is.
    pub tenant: Option<String>,
    /// Words to find it by.
    pub tags: Vec<String>,
    /// How long after the enqueue it must have started.
    pub start_before_ms: Option<u64>,
    /// What is to be done.
    #[serde(flatten)]
    pub payload: PayloadDocument,
}

/// What is run, with what, under which ceilings.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct WorkDocument {
    /// The program: a digest, a name, or `language:` and a language.
    pub program: String,
    /// What the interpreter is to run, if it is a source string.
    pub source: Option<String>,
    /// A name for people.
    pub name: String,
    /// Its named arguments.
    #[schema(value_type = Object)]
    pub kwargs: Map<String, Value>,
    /// Its own ceilings.
    pub limits: LimitsDocument,
    /// What it may touch.
    pub grants: GrantsDocument,
}

/// The ceilings that a job sets for itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct LimitsDocument {
    /// Wall-clock time of a run.
    pub timeout_ms: Option<u64>,
    /// Units of fuel.
    pub fuel: Option<u64>,
    /// Linear memory.
    pub memory_bytes: Option<u64>,
}

/// What a job may touch.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct GrantsDocument {
    /// Directories of the host.
    pub directories: Vec<DirectoryDocument>,
    /// Environment variables.
    pub env: BTreeMap<String, String>,
    /// Arguments after the program's own name.
    pub args: Vec<String>,
    /// Standard input, if it is not the kwargs.
    pub stdin: Option<String>,
    /// The seed of its random bytes, if they are repeatable.
    pub seed: Option<u64>,
    /// Whether it has a clock of its own.
    pub virtual_clock: bool,
}

/// A directory of the host, opened for a run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct DirectoryDocument {
    /// The directory on the host.
    pub host: String,
    /// Its name in the guest.
    pub guest: String,
    /// Whether the guest may change it.
    pub write: bool,
}

/// The end of a job that is to be told of.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct DeliveryDocument {
    /// Who is told: `closure:` and its name, or a URL.
    pub to: String,
    /// Handed over beside the end.
    #[schema(value_type = Object)]
    pub kwargs: Map<String, Value>,
    /// The job that ended.
    pub job: JobId,
    /// Its name.
    pub name: String,
    /// Its value.
    pub result: Value,
    /// Why there is none, if it failed.
    pub failure: Option<FailureDocument>,
}

/// What happens when a job fails.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RetryDocument {
    /// How often it is tried in all.
    pub attempts: u32,
    /// How long until the next try.
    pub backoff: BackoffDocument,
    /// Which kinds of failure are worth another try.
    pub kinds: Vec<Kind>,
}

/// How long until the next try.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(untagged)]
pub enum BackoffDocument {
    /// These waits, and then the last of them each time.
    Delays {
        /// The waits.
        delays_ms: Vec<u64>,
    },
    /// Longer each time.
    Exponential {
        /// After the first failure.
        first_ms: u64,
        /// How many times longer each wait is than the one before.
        factor: u32,
        /// The longest wait.
        most_ms: u64,
        /// How far a wait may be off, both ways.
        jitter_percent: u8,
    },
}

/// Who is told how a job ended.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(untagged)]
pub enum CallbackDocument {
    /// A closure that a worker registered.
    Closure {
        /// Its name.
        closure: String,
        /// Handed to it beside the end.
        #[schema(value_type = Object)]
        kwargs: Map<String, Value>,
    },
    /// Whoever answers at a URL.
    Http {
        /// The URL.
        url: String,
        /// Told beside the end.
        #[schema(value_type = Object)]
        kwargs: Map<String, Value>,
        /// Sent as headers. Their values are nobody's to read again: each stands as `(not shown)`.
        headers: BTreeMap<String, String>,
    },
    /// Another job.
    #[schema(no_recursion)]
    Job(Box<NewJobDocument>),
}

impl From<&NewJob> for NewJobDocument {
    fn from(new: &NewJob) -> Self {
        NewJobDocument {
            queue: new.queue.clone(),
            priority: new.priority,
            tenant: new.tenant.clone(),
            tags: new.tags.clone(),
            start_before_ms: new.start_before.map(milliseconds),
            payload: (&new.payload).into(),
        }
    }
}

impl From<&Payload> for PayloadDocument {
    fn from(payload: &Payload) -> Self {
        let (job, delivery) = match &payload.work {
            Work::Job(job) => (Some(job.into()), None),
            Work::Delivery(delivery) => (None, Some(delivery.into())),
        };
        PayloadDocument {
            job,
            delivery,
            retry: (&payload.retry).into(),
            at_return: payload.at_return.as_ref().map(CallbackDocument::from),
            at_err: payload.at_err.as_ref().map(CallbackDocument::from),
        }
    }
}

impl From<&Job> for WorkDocument {
    fn from(job: &Job) -> Self {
        WorkDocument {
            program: job.program.to_string(),
            source: job.source.clone(),
            name: job.name.clone(),
            kwargs: job.kwargs.as_object().clone(),
            limits: (&job.limits).into(),
            grants: (&job.grants).into(),
        }
    }
}

impl From<&LimitOverrides> for LimitsDocument {
    fn from(limits: &LimitOverrides) -> Self {
        let timeout_ms = limits.timeout.map(milliseconds);
        LimitsDocument { timeout_ms, fuel: limits.fuel, memory_bytes: limits.memory_bytes }
    }
}

impl From<&Grants> for GrantsDocument {
    fn from(grants: &Grants) -> Self {
        let directories = grants.directories.iter().map(|directory| DirectoryDocument {
            host: directory.host.display().to_string(),
            guest: directory.guest.clone(),
            write: directory.access == Access::ReadWrite,
        });
        let seed = match grants.random {
            Random::Seeded(seed) => Some(seed),
            Random::Host => None,
        };
        GrantsDocument {
            directories: directories.collect(),
            env: grants.env.clone(),
            args: grants.args.clone(),
            stdin: grants.stdin.as_ref().map(|bytes| String::from_utf8_lossy(bytes).into_owned()),
            seed,
            virtual_clock: matches!(grants.clock, Clock::Virtual { .. }),
        }
    }
}

impl From<&Delivery> for DeliveryDocument {
    fn from(delivery: &Delivery) -> Self {
        let to = match &delivery.to {
            Target::Closure(name) => format!("closure:{name}"),
            Target::Http { url, .. } => url.clone(),
        };
        let ended = &delivery.ended;
        DeliveryDocument {
            to,
            kwargs: delivery.kwargs.as_object().clone(),
            job: ended.job,
            name: ended.name.clone(),
            result: ended.result.as_ref().ok().cloned().unwrap_or_default(),
            failure: ended.result.as_ref().err().map(FailureDocument::from),
        }
    }
}

impl From<&RetryPolicy> for RetryDocument {
    fn from(policy: &RetryPolicy) -> Self {
        let backoff = match &policy.backoff {
            Backoff::Delays(delays) => {
                BackoffDocument::Delays { delays_ms: delays.iter().copied().map(milliseconds).collect() }
            }
            Backoff::Exponential { first, factor, most, jitter_percent } => BackoffDocument::Exponential {
                first_ms: milliseconds(*first),
                factor: *factor,
                most_ms: milliseconds(*most),
                jitter_percent: *jitter_percent,
            },
        };
        RetryDocument { attempts: policy.attempts, backoff, kinds: policy.kinds.clone() }
    }
}

/// In the place of what may be a receiver's secret.
const NOT_SHOWN: &str = "(not shown)";

impl From<&Callback> for CallbackDocument {
    fn from(callback: &Callback) -> Self {
        match callback {
            Callback::Closure { name, kwargs } => {
                CallbackDocument::Closure { closure: name.clone(), kwargs: kwargs.as_object().clone() }
            }
            Callback::Http(webhook) => CallbackDocument::Http {
                url: webhook.url.clone(),
                kwargs: webhook.kwargs.as_object().clone(),
                headers: webhook.headers.keys().map(|name| (name.clone(), NOT_SHOWN.to_owned())).collect(),
            },
            Callback::Job(next) => CallbackDocument::Job(Box::new((&**next).into())),
        }
    }
}

pub(super) fn milliseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
