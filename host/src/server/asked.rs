//! What a request asks for, made into a job that may be run or stored: its program found, its ceilings held, its grants
//! allowed. What is refused here never reaches a queue.

mod room;

use std::pin::Pin;

pub(super) use self::room::Room;
use super::access::Principal;
use super::problem::{Code, Problem, Result};
use super::programs::Meaning;
use super::settings::Ceilings;
use super::{App, webhook};
use crate::grants::{GrantFault, Grants};
use crate::job::{Digest, Job, ProgramRef};
use crate::limits::{LimitOverrides, Limits};
use crate::queue::{self, Callback, NewJob, RetryPolicy, Start, Unique, UniqueScope, Webhook};
use crate::wire::{CallbackRequest, ClosureRequest, JobRequest, RunRequest, WebhookRequest};

/// What a callback's closure is written with.
const CLOSURE: &str = "closure:";

/// What the unique keys begin with that an `Idempotency-Key` becomes. Nobody else's may.
pub(super) const KEYS_OF_REQUESTS: &str = "idempotency-key:";

/// The job of a run. The rules that a program has for its kwargs are left to whoever runs or stores it.
pub(super) async fn job(app: &App, principal: &Principal, request: RunRequest, room: &mut Room) -> Result<Job> {
    let RunRequest { program, source, language, kwargs, name, timeout, fuel, memory, dir, env, stdin, seed, args } =
        request;
    let mut job = match (program, source, language) {
        (Some(program), None, None) => match app.programs.find(&program, principal).await? {
            // A digest is no name for people.
            Meaning::Program(digest) if program.starts_with("sha256:") => Job::new(digest),
            Meaning::Program(digest) => Job::new(digest).name(program),
            Meaning::Source(source) => {
                room.take(source.source.len())?;
                Job::source(&*source.language, &*source.source).name(program)
            }
        },
        (None, Some(source), Some(language)) => Job::source(language.0, source),
        (program, source, language) => {
            let given =
                [("program", program.is_some()), ("source", source.is_some()), ("language", language.is_some())];
            return Err(Problem::invalid("program", "either `program`, or `source` with `language`", found(&given)));
        }
    };
    if let ProgramRef::Language(language) = &job.program {
        check_language(app, language)?;
    }
    if let Some(name) = name {
        job.name = name;
    }
    job.kwargs = kwargs;
    job.limits.timeout = timeout.map(|time| time.0);
    job.limits.fuel = fuel.map(|fuel| fuel.0);
    job.limits.memory_bytes = memory.map(|size| size.0);
    hold(&mut job.limits, &app.runner.limits(), &app.settings.ceilings)?;
    job.grants = Grants {
        directories: dir.into_iter().map(|directory| directory.0).collect(),
        env,
        args,
        stdin: stdin.map(String::into_bytes),
        ..Grants::none()
    };
    if let Some(seed) = seed {
        job.grants = job.grants.deterministic(seed);
    }
    match job.grants.fault() {
        Some(GrantFault { field, expected, found }) => Err(Problem::invalid(field, expected, found)),
        None => Ok(job),
    }
}

/// The job to be stored, with all that follow from it.
pub(super) async fn new_job(app: &App, principal: &Principal, request: JobRequest, room: &mut Room) -> Result<NewJob> {
    room.next_job();
    of_depth(app, principal, request, room, 0).await
}

/// The job at this depth of a chain of callbacks, from 0.
fn of_depth<'a>(
    app: &'a App,
    principal: &'a Principal,
    mut request: JobRequest,
    room: &'a mut Room,
    depth: usize,
) -> Pin<Box<dyn Future<Output = Result<NewJob>> + Send + 'a>> {
    Box::pin(async move {
        let job = job(app, principal, request.take_run(), room).await?;
        // Who follows gets the end of the one before among its kwargs, so its program judges them when it runs.
        if let (ProgramRef::Digest(digest), 0) = (&job.program, depth) {
            app.programs.check(*digest, &job.kwargs).await?;
        }
        if let Some(failure) = app.runner.refusal(&job) {
            return Err(Problem::of_failure(&failure));
        }
        let (at_return, at_err) = (request.at_return.take(), request.at_err.take());
        let mut new = terms(principal, job, request)?;
        // What follows is judged where it stands, so that a refusal has its place.
        new.check().map_err(named)?;
        let follows = callback(app, principal, at_return, room, depth).await;
        new.payload.at_return = follows.map_err(|refusal| refusal.within("at_return"))?;
        let follows = callback(app, principal, at_err, room, depth).await;
        new.payload.at_err = follows.map_err(|refusal| refusal.within("at_err"))?;
        Ok(new)
    })
}

async fn callback(
    app: &App,
    principal: &Principal,
    request: Option<CallbackRequest>,
    room: &mut Room,
    depth: usize,
) -> Result<Option<Callback>> {
    let Some(request) = request else { return Ok(None) };
    let job = match request {
        CallbackRequest::Named(name) => match name.strip_prefix(CLOSURE) {
            Some(closure) => return told(Callback::closure(closure)).map(Some),
            None => JobRequest { program: Some(name), ..JobRequest::default() },
        },
        CallbackRequest::Closure(ClosureRequest { closure: name, kwargs }) => {
            return told(Callback::Closure { name, kwargs }).map(Some);
        }
        CallbackRequest::Http(WebhookRequest { url, kwargs, headers }) => {
            let webhook = Webhook { url, kwargs, headers };
            webhook::check(&app.settings.webhooks, &webhook)?;
            return told(Callback::Http(webhook)).map(Some);
        }
        CallbackRequest::Job(job) => *job,
    };
    // It was judged as it was made.
    Ok(Some(Callback::job(of_depth(app, principal, job, room, depth + 1).await?)))
}

/// Who is told and is no job.
fn told(callback: Callback) -> Result<Callback> {
    callback.check().map_err(named)?;
    Ok(callback)
}

/// A refusal of the queue, by the name that a request has for what is wrong.
fn named(error: queue::Error) -> Problem {
    match error {
        queue::Error::Invalid { field: "queue", expected, found } => Problem::invalid("on", expected, found),
        other => other.into(),
    }
}

/// The terms on which a job waits.
fn terms(principal: &Principal, job: Job, request: JobRequest) -> Result<NewJob> {
    let mut new = NewJob::new(job);
    new.queue = request.on.unwrap_or(new.queue);
    new.priority = request.priority.unwrap_or_default();
    new.tenant = principal.tenant_of(request.tenant)?;
    new.tags = request.tag;
    new.start_before = request.start_before.map(|span| span.0);
    new.payload.retry = {
        let policy = RetryPolicy::default();
        RetryPolicy {
            attempts: request.attempts.unwrap_or(policy.attempts),
            backoff: request.backoff.map_or(policy.backoff, |backoff| backoff.0),
            kinds: if request.retry_on.is_empty() { policy.kinds } else { request.retry_on },
        }
    };
    new.start = match (request.delay, request.at) {
        (Some(_), Some(_)) => return Err(Problem::invalid("at", "`delay` or `at`", "both")),
        (Some(delay), None) => Start::After(delay.0),
        (None, Some(moment)) => Start::At(moment.0),
        (None, None) => Start::Now,
    };
    new.held = request.hold;
    let scope = match (request.unique_for, request.unique_while_unfinished) {
        (Some(_), true) => {
            return Err(Problem::invalid("unique_for", "`unique_for` or `unique_while_unfinished`", "both"));
        }
        (None, false) => UniqueScope::Forever,
        _ if request.unique.is_none() => {
            return Err(Problem::invalid("unique", "a key with its scope", "the scope alone"));
        }
        (Some(period), false) => UniqueScope::Period(period.0),
        (None, true) => UniqueScope::Unfinished,
    };
    if request.unique.as_ref().is_some_and(|key| key.starts_with(KEYS_OF_REQUESTS)) {
        return Err(Problem::invalid("unique", format!("no `{KEYS_OF_REQUESTS}` before it"), "one that begins so"));
    }
    new.unique = request.unique.map(|key| Unique { key, scope });
    Ok(new)
}

/// Nobody would say why a job in a language that nobody knows waits for ever.
pub(super) fn check_language(app: &App, language: &str) -> Result<()> {
    let known = app.runner.language_names();
    if known.iter().any(|name| name == language) {
        return Ok(());
    }
    Err(crate::error::Error::UnknownLanguage { language: language.to_owned(), known }.into())
}

/// Holds a job to the operator's ceilings: what it asks for beyond them is refused, and where the runner's own limits are
/// beyond them, they are the limits.
fn hold(asked: &mut LimitOverrides, base: &Limits, ceilings: &Ceilings) -> Result<()> {
    let denied = |field: &str, expected: String, found: String| Problem::of_field(Code::Denied, field, expected, found);
    match asked.timeout {
        Some(timeout) if timeout > ceilings.timeout => {
            let expected = format!("at most {:?}", ceilings.timeout);
            return Err(denied("timeout", expected, format!("{timeout:?}")));
        }
        None if base.timeout > ceilings.timeout => asked.timeout = Some(ceilings.timeout),
        _ => {}
    }
    match asked.memory_bytes {
        Some(bytes) if bytes > ceilings.memory_bytes => {
            return Err(denied("memory", format!("at most {} bytes", ceilings.memory_bytes), bytes.to_string()));
        }
        None if base.memory_bytes > ceilings.memory_bytes => asked.memory_bytes = Some(ceilings.memory_bytes),
        _ => {}
    }
    let Some(ceiling) = ceilings.fuel else { return Ok(()) };
    match asked.fuel {
        Some(fuel) if fuel > ceiling => Err(denied("fuel", format!("at most {ceiling}"), fuel.to_string())),
        None if base.fuel.is_none_or(|fuel| fuel > ceiling) => {
            asked.fuel = Some(ceiling);
            Ok(())
        }
        _ => Ok(()),
    }
}

/// The names of what was given.
fn found(given: &[(&str, bool)]) -> String {
    let names: Vec<String> = given.iter().filter(|(_, is)| *is).map(|(name, _)| format!("`{name}`")).collect();
    if names.is_empty() { "none".to_owned() } else { names.join(" and ") }
}

/// The program that a job means, if it means one by its bytes.
pub(super) fn digest_of(job: &Job) -> Option<Digest> {
    match job.program {
        ProgramRef::Digest(digest) => Some(digest),
        ProgramRef::Name(_) | ProgramRef::Language(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn what_is_left_out_is_held_to_the_ceilings_too() {
        let seconds = Duration::from_secs;
        let ceilings = Ceilings { timeout: seconds(5), memory_bytes: 1 << 20, fuel: Some(100) };
        let base = Limits { timeout: seconds(10), ..Limits::default() };
        let mut asked = LimitOverrides::default();
        hold(&mut asked, &base, &ceilings).expect("nothing was asked for");
        let held = (asked.timeout, asked.memory_bytes, asked.fuel);
        assert_eq!(held, (Some(seconds(5)), Some(1 << 20), Some(100)));
        let narrower = Limits { timeout: seconds(1), memory_bytes: 1, fuel: Some(1), ..Limits::default() };
        let mut asked = LimitOverrides::default();
        hold(&mut asked, &narrower, &ceilings).expect("nothing was asked for");
        assert_eq!(asked, LimitOverrides::default());
    }
}
