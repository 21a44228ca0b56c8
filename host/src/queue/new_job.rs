//! What is asked of a queue for one job: the work, and the terms on which it waits.

use std::ops::RangeInclusive;
use std::time::Duration;

use chrono::Datelike as _;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::callback::{Callback, Delivery};
use super::retry::RetryPolicy;
use super::{Error, Timestamp, milliseconds};
use crate::grants::GrantFault;
use crate::job::{Digest, Job, JobId, ProgramRef};
use crate::limits::Limits;

/// How deep kwargs may be nested: as deep as JSON text is read.
const MAX_DEPTH: usize = 128;
/// The longest name of a queue, a tenant or a tag, in bytes.
const MAX_NAME_BYTES: usize = 100;
/// The longest unique key, in bytes: an index has to carry it.
const MAX_KEY_BYTES: usize = 500;
/// The most tags of one job.
const MAX_TAGS: usize = 20;
/// The furthest that a job may be put off: ten years.
const MAX_DELAY: Duration = Duration::from_secs(10 * 365 * 24 * 60 * 60);
/// The years in UTC of moments that are taken in: RFC 3339 writes no more than four digits, so nobody could read back
/// what is further off; and nothing was due before computers counted.
pub(crate) const YEARS: RangeInclusive<i32> = 1970..=9999;
/// The queue of jobs that name none.
const DEFAULT_QUEUE: &str = "default";
/// What the queues of deliveries begin with. Nobody else's may.
pub(super) const DELIVERY_QUEUE: char = '@';

/// A job to be stored.
///
/// ```
/// use std::time::Duration;
/// use ampule::queue::NewJob;
/// use ampule::Job;
///
/// let job = NewJob::new(Job::source("python", "_return(1 + 2)")).queue("mail").delay(Duration::from_secs(60));
/// # let _ = job;
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct NewJob {
    /// Its id, made here, so that asking twice stores it once.
    #[serde(skip, default = "JobId::fresh")]
    pub id: JobId,
    /// What is stored as it is.
    pub payload: Payload,
    /// The queue that it waits in. Default `default`.
    pub queue: String,
    /// Higher ones go first. Default 0.
    #[serde(default)]
    pub priority: i16,
    /// When it is due. Default at once.
    #[serde(default)]
    pub start: Start,
    /// Whether it waits until it is released, due or not.
    #[serde(default)]
    pub held: bool,
    /// Whose it is, for limits and lists.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tenant: Option<String>,
    /// Words to find it by.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tags: Vec<String>,
    /// Stores nothing if a job of the same tenant has the key already.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unique: Option<Unique>,
    /// Whether its unique key is that of a request, told by the [mark](JobId::mark) of its id: if a job with another
    /// mark has the key, the call stores none of its jobs.
    #[serde(skip)]
    pub by_request: bool,
    /// How long after the enqueue it must have started, or it ends as `expired`.
    #[serde(
        rename = "start_before_ms",
        default,
        with = "milliseconds::optional",
        skip_serializing_if = "Option::is_none"
    )]
    pub start_before: Option<Duration>,
    /// The job whose end this one follows from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parent: Option<JobId>,
}

/// What of a job is stored as one document.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct Payload {
    /// What is to be done.
    pub work: Work,
    /// What happens when it fails.
    #[serde(default, skip_serializing_if = "RetryPolicy::is_default")]
    pub retry: RetryPolicy,
    /// Who is told if it returns.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at_return: Option<Callback>,
    /// Who is told if it fails for good.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at_err: Option<Callback>,
    /// The `traceparent` of whoever asked for it, as W3C Trace Context has it: passed on to webhooks and to what follows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trace: Option<String>,
}

/// What is to be done.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Work {
    /// A job to be run.
    Job(Job),
    /// An end of another job to be told of.
    Delivery(Delivery),
}

/// When a job is due.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Start {
    /// At once.
    #[default]
    Now,
    /// So long after the enqueue, by the database's clock.
    #[serde(rename = "after_ms", with = "milliseconds")]
    After(Duration),
    /// At this moment; at once if it has passed.
    At(Timestamp),
}

/// A key that only one job may have.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Unique {
    /// The key.
    pub key: String,
    /// How long it is taken.
    #[serde(default)]
    pub scope: UniqueScope,
}

/// A unique key and whose it is: each tenant has keys of its own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UniqueKey {
    /// The tenant of the jobs; of those without one if `None`.
    pub tenant: Option<String>,
    /// The key.
    pub key: String,
}

/// How long a unique key is taken.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum UniqueScope {
    /// As long as the job is known: until it is deleted or no longer kept.
    #[default]
    Forever,
    /// Until the job has ended.
    Unfinished,
    /// So long after the enqueue, whatever became of the job.
    #[serde(rename = "period_ms", with = "milliseconds")]
    Period(Duration),
}

/// What became of a job that was to be stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Enqueued {
    /// The job: the new one, or the one that has its id or unique key already.
    pub id: JobId,
    /// Whether it was there already.
    pub existed: bool,
}

impl NewJob {
    /// This job, due at once, in the queue `default`.
    #[must_use]
    pub fn new(job: Job) -> Self {
        NewJob::of(Work::Job(job), DEFAULT_QUEUE)
    }

    pub(super) fn of(work: Work, queue: impl Into<String>) -> Self {
        NewJob {
            id: JobId::fresh(),
            payload: Payload { work, retry: RetryPolicy::default(), at_return: None, at_err: None, trace: None },
            queue: queue.into(),
            priority: 0,
            start: Start::Now,
            held: false,
            tenant: None,
            tags: Vec::new(),
            unique: None,
            by_request: false,
            start_before: None,
            parent: None,
        }
    }

    /// Sets the queue that it waits in.
    #[must_use]
    pub fn queue(mut self, queue: impl Into<String>) -> Self {
        self.queue = queue.into();
        self
    }

    /// Sets its priority; higher ones go first.
    #[must_use]
    pub fn priority(mut self, priority: i16) -> Self {
        self.priority = priority;
        self
    }

    /// Puts it off, counted from the enqueue.
    #[must_use]
    pub fn delay(mut self, delay: Duration) -> Self {
        self.start = Start::After(delay);
        self
    }

    /// Puts it off until a moment.
    #[must_use]
    pub fn run_at(mut self, run_at: Timestamp) -> Self {
        self.start = Start::At(run_at);
        self
    }

    /// Holds it until it is released.
    #[must_use]
    pub fn held(mut self) -> Self {
        self.held = true;
        self
    }

    /// Says whose it is.
    #[must_use]
    pub fn tenant(mut self, tenant: impl Into<String>) -> Self {
        self.tenant = Some(tenant.into());
        self
    }

    /// Adds a word to find it by.
    #[must_use]
    pub fn tag(mut self, tag: impl Into<String>) -> Self {
        self.tags.push(tag.into());
        self
    }

    /// Stores it only if no other job has this key within the scope.
    #[must_use]
    pub fn unique(mut self, key: impl Into<String>, scope: UniqueScope) -> Self {
        self.unique = Some(Unique { key: key.into(), scope });
        self
    }

    /// Lets it end as `expired` if it has not started so long after the enqueue.
    #[must_use]
    pub fn start_before(mut self, limit: Duration) -> Self {
        self.start_before = Some(limit);
        self
    }

    /// Sets what happens when it fails.
    #[must_use]
    pub fn retry(mut self, retry: RetryPolicy) -> Self {
        self.payload.retry = retry;
        self
    }

    /// Says who is told if it returns.
    #[must_use]
    pub fn at_return(mut self, callback: Callback) -> Self {
        self.payload.at_return = Some(callback);
        self
    }

    /// Says who is told if it fails for good.
    #[must_use]
    pub fn at_err(mut self, callback: Callback) -> Self {
        self.payload.at_err = Some(callback);
        self
    }

    /// Refuses what no queue takes.
    ///
    /// # Errors
    /// [`Error::Invalid`] names the field, what was expected and what was found.
    pub fn check(&self) -> Result<(), Error> {
        check_name("queue", self.queue.trim_start_matches(DELIVERY_QUEUE))?;
        let is_delivery = matches!(self.payload.work, Work::Delivery(_));
        if self.queue.starts_with(DELIVERY_QUEUE) != is_delivery {
            return Err(Error::invalid("queue", format!("no `{DELIVERY_QUEUE}` before its name"), &*self.queue));
        }
        self.tenant.as_deref().map_or(Ok(()), |tenant| check_name("tenant", tenant))?;
        self.tags.iter().try_for_each(|tag| check_name("tag", tag))?;
        if self.tags.len() > MAX_TAGS {
            return Err(Error::invalid("tag", format!("at most {MAX_TAGS} of them"), self.tags.len().to_string()));
        }
        if let Some(unique) = &self.unique {
            unique.check()?;
        }
        if let Start::At(moment) = self.start
            && !YEARS.contains(&moment.year())
        {
            return Err(Error::invalid("at", "a moment from 1970 to 9999 in UTC", moment.to_string()));
        }
        let delay = if let Start::After(delay) = self.start { delay } else { Duration::ZERO };
        for (field, duration) in [("delay", delay), ("start_before", self.start_before.unwrap_or_default())] {
            if duration > MAX_DELAY {
                return Err(Error::invalid(field, "at most ten years", format!("{duration:?}")));
            }
        }
        if self.start_before == Some(Duration::ZERO) {
            return Err(Error::invalid("start_before", "more than 0 s", "0 s"));
        }
        self.payload.check()
    }
}

impl Payload {
    /// Documents that are longer stay out of the hot rows: these are read and written with every change of a job.
    pub(super) const MAX_ROW_BYTES: usize = 2 * 1024;

    /// The program that it means, or the language, for lists and claims: none of a name that is not pinned yet.
    pub(super) fn program(&self) -> (Option<Digest>, Option<String>) {
        match self.job().map(|job| &job.program) {
            Some(ProgramRef::Digest(digest)) => (Some(*digest), None),
            Some(ProgramRef::Language(language)) => (None, Some(language.clone())),
            Some(ProgramRef::Name(_)) | None => (None, None),
        }
    }

    pub(super) fn check(&self) -> Result<(), Error> {
        self.retry.check()?;
        if let Work::Job(job) = &self.work {
            check_job(job)?;
        }
        [&self.at_return, &self.at_err].into_iter().flatten().try_for_each(Callback::check)
    }

    /// Every program that is meant, by the job and by those that follow from it.
    pub(super) fn each_program<E>(&mut self, visit: &mut dyn FnMut(&mut ProgramRef) -> Result<(), E>) -> Result<(), E> {
        if let Work::Job(job) = &mut self.work {
            visit(&mut job.program)?;
        }
        for callback in [&mut self.at_return, &mut self.at_err].into_iter().flatten() {
            if let Callback::Job(next) = callback {
                next.payload.each_program(visit)?;
            }
        }
        Ok(())
    }

    /// The job, if it is one.
    #[must_use]
    pub fn job(&self) -> Option<&Job> {
        match &self.work {
            Work::Job(job) => Some(job),
            Work::Delivery(_) => None,
        }
    }

    /// A name for people.
    #[must_use]
    pub fn name(&self) -> &str {
        match &self.work {
            Work::Job(job) => &job.name,
            Work::Delivery(delivery) => delivery.to.name(),
        }
    }
}

/// What a runner would refuse for certain is refused before it is stored.
fn check_job(job: &Job) -> Result<(), Error> {
    if job.name.len() > 10 * MAX_NAME_BYTES || job.name.contains('\0') {
        let expected = format!("at most {} bytes without a NUL", 10 * MAX_NAME_BYTES);
        return Err(Error::invalid("name", expected, format!("{:?}", job.name)));
    }
    if job.kwargs.as_object().values().any(|value| is_deeper(value, MAX_DEPTH)) {
        return Err(Error::invalid("kwargs", format!("at most {MAX_DEPTH} levels"), "more"));
    }
    if let Some(GrantFault { field, expected, found }) = job.grants.fault() {
        return Err(Error::invalid(field, expected, found));
    }
    job.limits.over(&Limits::default()).check().map_err(|error| match error {
        crate::error::Error::Limit { field, expected, found } => Error::Invalid { field, expected, found },
        other => Error::invalid("limits", "limits that a run can be given", other.to_string()),
    })
}

/// Whether arrays and objects stand in each other further than that.
pub(super) fn is_deeper(value: &Value, levels: usize) -> bool {
    match value {
        Value::Array(items) => levels == 0 || items.iter().any(|item| is_deeper(item, levels - 1)),
        Value::Object(fields) => levels == 0 || fields.values().any(|field| is_deeper(field, levels - 1)),
        _ => false,
    }
}

impl Unique {
    fn check(&self) -> Result<(), Error> {
        if self.key.is_empty() || self.key.len() > MAX_KEY_BYTES || self.key.contains('\0') {
            let expected = format!("1 to {MAX_KEY_BYTES} bytes without a NUL");
            return Err(Error::invalid("unique", expected, format!("{} bytes", self.key.len())));
        }
        match self.scope {
            UniqueScope::Period(period) if period.is_zero() || period > MAX_DELAY => {
                Err(Error::invalid("unique_for", "more than 0 s and at most ten years", format!("{period:?}")))
            }
            _ => Ok(()),
        }
    }
}

/// A name that is safe in a table, a label and a URL.
pub(crate) fn check_name(field: &'static str, name: &str) -> Result<(), Error> {
    check_signs(field, name, "._-:/")
}

/// As [`check_name`], for what stands beside another name with a `:` between.
#[cfg(feature = "server")]
pub(crate) fn check_part(field: &'static str, name: &str) -> Result<(), Error> {
    check_signs(field, name, "._-/")
}

fn check_signs(field: &'static str, name: &str, signs: &str) -> Result<(), Error> {
    let plain = |sign: char| sign.is_ascii_alphanumeric() || signs.contains(sign);
    // Which clients take for a place in a path, and send something else.
    let is_place = matches!(name, "." | "..");
    if (1..=MAX_NAME_BYTES).contains(&name.len()) && name.chars().all(plain) && !is_place {
        return Ok(());
    }
    let other_than = if is_place { ", other than `.` and `..`" } else { "" };
    let expected = format!("1 to {MAX_NAME_BYTES} letters, digits and signs of `{signs}`{other_than}");
    Err(Error::invalid(field, expected, format!("{name:?}")))
}
