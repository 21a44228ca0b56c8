//! A job for the queue, from arguments: what is run, and the terms on which it waits.

use std::collections::BTreeMap;
use std::path::Path;

use ampule::queue::{Callback, NewJob, RetryPolicy, Start, Unique, UniqueScope, Webhook};
use ampule::{Job, Kwargs};

use super::programs::Programs;
use crate::args::{JobArgs, StartArgs, TermsArgs, WhatArgs};
use crate::eval;
use crate::exit::Fault;
use crate::run::Inputs;

/// What a callback's closure is written with.
const CLOSURE: &str = "closure:";
/// What a callback's URL begins with.
const URLS: [&str; 2] = ["https://", "http://"];

/// The job, with callbacks, due at once.
pub(super) async fn new_job(
    what: &WhatArgs,
    args: &JobArgs,
    terms: &TermsArgs,
    programs: &mut Programs<'_>,
) -> Result<NewJob, Fault> {
    let job = absolute(job(what, args, programs).await?)?;
    let job = match &terms.name {
        Some(name) => job.name(name),
        None => job,
    };
    let mut new = NewJob::new(job).retry(retry(terms)).priority(terms.priority.unwrap_or_default());
    new.queue = terms.on.clone().unwrap_or(new.queue);
    new.tenant.clone_from(&terms.tenant);
    new.tags.clone_from(&terms.tag);
    new.start_before = terms.start_before;
    let callbacks = [
        ("--at-return-kwargs", &terms.at_return, &terms.at_return_kwargs),
        ("--at-err-kwargs", &terms.at_err, &terms.at_err_kwargs),
    ];
    let mut made = Vec::with_capacity(callbacks.len());
    for (argument, who, kwargs) in callbacks {
        made.push(match who {
            Some(who) => Some(callback(argument, who, kwargs.as_deref(), programs).await?),
            None => None,
        });
    }
    new.payload.at_err = made.pop().flatten();
    new.payload.at_return = made.pop().flatten();
    Ok(new)
}

/// The same, with what says when it is due and whether it is stored.
pub(super) fn starting(mut new: NewJob, args: &StartArgs) -> NewJob {
    new.start = match (args.delay, args.at) {
        (Some(delay), _) => Start::After(delay),
        (None, Some(moment)) => Start::At(moment),
        (None, None) => Start::Now,
    };
    new.held = args.hold;
    let scope = match args.unique_for {
        Some(period) => UniqueScope::Period(period),
        None if args.unique_while_unfinished => UniqueScope::Unfinished,
        None => UniqueScope::Forever,
    };
    new.unique = args.unique.clone().map(|key| Unique { key, scope });
    new
}

async fn job(what: &WhatArgs, args: &JobArgs, programs: &mut Programs<'_>) -> Result<Job, Fault> {
    let inputs = Inputs::read(args)?;
    if what.language.is_some() || what.file.is_some() {
        let (name, text) = eval::source(what.what.as_deref(), what.file.as_deref(), args)?;
        let language = what.language.as_deref().unwrap_or_else(|| eval::language_of(what.file.as_deref()));
        return inputs.fill(Job::source(language, text).name(name), args, None);
    }
    let Some(program) = &what.what else {
        let expected = "expected a PROGRAM, `-l LANGUAGE SOURCE` or `--file FILE`, found none";
        return Err(Fault::Usage(expected.to_owned()));
    };
    let found = programs.find(program).await?;
    let job = inputs.fill(found.job(), args, found.kwargs_schema())?;
    found.check(&job.kwargs)?;
    Ok(job)
}

/// The job with its directories by paths that mean the same to a worker that was started elsewhere.
fn absolute(mut job: Job) -> Result<Job, Fault> {
    for directory in &mut job.grants.directories {
        directory.host = std::path::absolute(&directory.host)
            .map_err(|error| anyhow::Error::new(error).context(directory.host.display().to_string()))?;
    }
    Ok(job)
}

fn retry(terms: &TermsArgs) -> RetryPolicy {
    let mut policy = RetryPolicy::default();
    policy.attempts = terms.attempts.unwrap_or(policy.attempts);
    if let Some(backoff) = &terms.backoff {
        policy.backoff = backoff.clone();
    }
    if !terms.retry_on.is_empty() {
        policy.kinds.clone_from(&terms.retry_on);
    }
    policy
}

async fn callback(
    argument: &str,
    who: &str,
    kwargs: Option<&str>,
    programs: &mut Programs<'_>,
) -> Result<Callback, Fault> {
    let kwargs = kwargs.map_or_else(|| Ok(Kwargs::new()), Kwargs::from_json);
    let kwargs = kwargs.map_err(|error| Fault::Usage(format!("{argument}: {error}")))?;
    if let Some(name) = who.strip_prefix(CLOSURE) {
        return Ok(Callback::Closure { name: name.to_owned(), kwargs });
    }
    if URLS.iter().any(|scheme| who.starts_with(scheme)) {
        return Ok(Callback::Http(Webhook { url: who.to_owned(), kwargs, headers: BTreeMap::new() }));
    }
    let found = programs.find(who).await?;
    Ok(Callback::job(NewJob::new(found.job().kwargs(kwargs))))
}

/// Whether stdin is read for one of these.
pub(super) fn reads_stdin(what: &WhatArgs, args: &JobArgs) -> bool {
    let is_stdin = |path: &Path| path == Path::new("-");
    [what.file.as_deref(), args.stdin.as_deref()].into_iter().flatten().any(is_stdin)
        || args.kwargs.as_deref() == Some("-")
        || (what.language.is_some() && what.what.as_deref() == Some("-"))
}
