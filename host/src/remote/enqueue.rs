//! Jobs as a server is asked for them: what was built here, in the words of its API.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::grants::{Clock, DETERMINISTIC_START_UNIX_SECONDS, Grants, Random};
use crate::job::{Job, ProgramRef};
use crate::queue::{Backoff, Callback, Error, NewJob, RetryPolicy, Start, UniqueScope, Webhook, Work};
use crate::wire::{
    BackoffText, CallbackRequest, ClosureRequest, DirectoryText, FuelAmount, JobRequest, LanguageName, Moment,
    RunRequest, Size, Span, Time, WebhookRequest,
};

/// The request for a run.
///
/// # Errors
/// [`Error::Unsupported`] for what the API has no word for.
pub(super) fn run_request(job: &Job) -> Result<RunRequest, Error> {
    let Grants { directories, env, args, stdin, clock, random } = &job.grants;
    let (program, language) = match &job.program {
        ProgramRef::Digest(digest) => (Some(digest.to_string()), None),
        ProgramRef::Name(name) => (Some(name.clone()), None),
        ProgramRef::Language(language) => (None, Some(LanguageName(language.clone()))),
    };
    Ok(RunRequest {
        program,
        source: job.source.clone(),
        language,
        kwargs: job.kwargs.clone(),
        name: Some(job.name.clone()).filter(|name| !name.is_empty()),
        timeout: job.limits.timeout.map(Time),
        fuel: job.limits.fuel.map(FuelAmount),
        memory: job.limits.memory_bytes.map(Size),
        dir: directories.iter().cloned().map(DirectoryText).collect(),
        env: env.clone(),
        stdin: stdin.clone().map(text).transpose()?,
        seed: seed(*clock, *random)?,
        args: args.clone(),
    })
}

/// The request for a queued job.
///
/// # Errors
/// [`Error::Unsupported`] for what the API has no word for, such as a delivery.
pub(super) fn job_request(new: &NewJob) -> Result<JobRequest, Error> {
    let Work::Job(job) = &new.payload.work else { return Err(unsupported("a delivery")) };
    if new.by_request {
        return Err(unsupported("a unique key of another's request"));
    }
    if new.parent.is_some() {
        return Err(unsupported("a job that follows from another"));
    }
    let RunRequest { program, source, language, kwargs, name, timeout, fuel, memory, dir, env, stdin, seed, args } =
        run_request(job)?;
    let (delay, at) = match new.start {
        Start::Now => (None, None),
        Start::After(delay) => (Some(Span(delay)), None),
        Start::At(moment) => (None, Some(Moment(moment))),
    };
    let scope = new.unique.as_ref().map(|unique| unique.scope);
    let retry = &new.payload.retry;
    Ok(JobRequest {
        program,
        source,
        language,
        kwargs,
        name,
        timeout,
        fuel,
        memory,
        dir,
        env,
        stdin,
        seed,
        args,
        on: Some(new.queue.clone()),
        priority: Some(new.priority).filter(|priority| *priority != 0),
        tenant: new.tenant.clone(),
        tag: new.tags.clone(),
        start_before: new.start_before.map(Span),
        attempts: Some(retry.attempts),
        backoff: backoff(retry)?,
        retry_on: kinds(retry)?,
        at_return: new.payload.at_return.as_ref().map(callback).transpose()?,
        at_err: new.payload.at_err.as_ref().map(callback).transpose()?,
        delay: delay.filter(|delay| delay.0 > Duration::ZERO),
        at,
        hold: new.held,
        unique: new.unique.as_ref().map(|unique| unique.key.clone()),
        unique_for: match scope {
            Some(UniqueScope::Period(period)) => Some(Span(period)),
            _ => None,
        },
        unique_while_unfinished: scope == Some(UniqueScope::Unfinished),
    })
}

fn text(bytes: Vec<u8>) -> Result<String, Error> {
    String::from_utf8(bytes).map_err(|_| unsupported("standard input that is no text in UTF-8"))
}

/// The seed of a run that is repeatable.
fn seed(clock: Clock, random: Random) -> Result<Option<u64>, Error> {
    match (clock, random) {
        (Clock::Host, Random::Host) => Ok(None),
        (Clock::Virtual { start_unix_seconds: DETERMINISTIC_START_UNIX_SECONDS }, Random::Seeded(seed)) => {
            Ok(Some(seed))
        }
        _ => Err(unsupported("a clock without a seed, or a seed without a clock")),
    }
}

/// The waits, as the text that the API reads; none for those that it takes by itself.
fn backoff(retry: &RetryPolicy) -> Result<Option<BackoffText>, Error> {
    if retry.backoff == Backoff::default() {
        return Ok(None);
    }
    let text = BackoffText(retry.backoff.clone());
    // Not every factor and jitter can be written.
    match text.to_string().parse::<BackoffText>() {
        Ok(read) if read == text => Ok(Some(text)),
        _ => Err(unsupported("a backoff of another factor or jitter than the default's")),
    }
}

/// The kinds that are tried again; none for those of the default.
fn kinds(retry: &RetryPolicy) -> Result<Vec<crate::failure::Kind>, Error> {
    match &retry.kinds {
        kinds if *kinds == RetryPolicy::default().kinds => Ok(Vec::new()),
        kinds if kinds.is_empty() => Err(unsupported("a policy that tries no kind of failure again; set one attempt")),
        kinds => Ok(kinds.clone()),
    }
}

fn callback(callback: &Callback) -> Result<CallbackRequest, Error> {
    Ok(match callback {
        Callback::Job(next) => CallbackRequest::Job(Box::new(job_request(next)?)),
        Callback::Closure { name, kwargs } => {
            CallbackRequest::Closure(ClosureRequest { closure: name.clone(), kwargs: kwargs.clone() })
        }
        Callback::Http(Webhook { url, kwargs, headers }) => CallbackRequest::Http(WebhookRequest {
            url: url.clone(),
            kwargs: kwargs.clone(),
            headers: headers.clone() as BTreeMap<String, String>,
        }),
    })
}

fn unsupported(what: &str) -> Error {
    Error::Unsupported(format!("a server cannot be asked for {what}"))
}
