//! `ampule cancel`, `retry`, `hold`, `release`, `run-now` and `delete`: jobs by their ids, or by what they are.

use std::io::{self, BufRead as _, IsTerminal as _, Write as _};
use std::process::ExitCode;

use ampule::queue::{Change, Filter, JobRecord, Queue, Selection, State};
use ampule::{JobId, Kwargs, ProgramRef};

use super::watch::unknown;
use super::{Opened, filter, open};
use crate::args::{RetryArgs, SelectionArgs};
use crate::config::Config;
use crate::exit::{self, Fault};
use crate::{report, run, typed_kwargs, wire};

/// How many jobs are changed by a filter before somebody at a terminal is asked.
const ASK_ABOVE: u64 = 20;

/// A change, and what is said of it.
struct Verb {
    change: Change,
    /// `3 jobs …`
    done: &'static str,
    /// The states in which a job can be changed so.
    applies: &'static [State],
}

/// A job that was named and not changed.
pub(crate) struct Unchanged {
    pub(crate) id: JobId,
    /// None if the queue does not know it.
    pub(crate) state: Option<State>,
    pub(crate) why: String,
}

const ENDS: [State; 3] = [State::Completed, State::Failed, State::Cancelled];

pub(super) async fn cancel(args: &SelectionArgs, config: &Config) -> Result<ExitCode, Fault> {
    let verb = Verb { change: Change::Cancel, done: "cancelled", applies: &[State::Queued, State::Running] };
    change(args, &verb, config).await
}

pub(super) async fn hold(args: &SelectionArgs, config: &Config) -> Result<ExitCode, Fault> {
    change(args, &Verb { change: Change::Hold, done: "held", applies: &[State::Queued] }, config).await
}

pub(super) async fn release(args: &SelectionArgs, config: &Config) -> Result<ExitCode, Fault> {
    change(args, &Verb { change: Change::Release, done: "released", applies: &[State::Queued] }, config).await
}

pub(super) async fn run_now(args: &SelectionArgs, config: &Config) -> Result<ExitCode, Fault> {
    change(args, &Verb { change: Change::RunNow, done: "made due", applies: &[State::Queued] }, config).await
}

pub(super) async fn delete(args: &SelectionArgs, config: &Config) -> Result<ExitCode, Fault> {
    change(args, &Verb { change: Change::Delete, done: "deleted", applies: &ENDS }, config).await
}

pub(super) async fn retry(args: &RetryArgs, config: &Config) -> Result<ExitCode, Fault> {
    let again = |kwargs| Verb { change: Change::Retry { kwargs }, done: "queued again", applies: &ENDS };
    if args.kwarg.is_empty() && args.kwargs.is_none() {
        return change(&args.selection, &again(None), config).await;
    }
    if args.selection.ids.is_empty() {
        let expected = "expected the ids of jobs whose kwargs are to be others, found none";
        return Err(Fault::Usage(expected.to_owned()));
    }
    let base = args.kwargs.as_deref().map(run::kwargs_from).transpose()?;
    let queue = open(&args.selection.report.url, config).await?;
    let (mut changed, mut unchanged) = (Vec::new(), Vec::new());
    let mut edited = Vec::new();
    // All are read and edited before the first is changed.
    for id in &args.selection.ids {
        match queue.get(*id).await? {
            Some(record) => edited.push((*id, edit(&record, base.clone(), args, &queue).await?)),
            None => unchanged.push(Unchanged { id: *id, state: None, why: unknown(*id) }),
        }
    }
    for (id, kwargs) in edited {
        let verb = again(Some(kwargs));
        let ids = queue.change(&Selection::Ids(vec![id]), &verb.change, None).await?;
        if ids.is_empty() {
            unchanged.push(why_not(&*queue, id, &verb).await?);
        }
        changed.extend(ids);
    }
    tell(&args.selection, &again(None), &changed, &unchanged)
}

/// The kwargs with which a job is to be tried again, as the program's schema wants them.
async fn edit(record: &JobRecord, base: Option<Kwargs>, args: &RetryArgs, queue: &Opened) -> Result<Kwargs, Fault> {
    let job = record.payload.job();
    let inspection = match job.map(|job| &job.program) {
        Some(ProgramRef::Digest(digest)) => queue.inspection(*digest).await?,
        _ => None,
    };
    let schema = inspection.as_ref().and_then(|inspection| inspection.kwargs_schema.as_ref());
    let own = base.or_else(|| job.map(|job| job.kwargs.clone())).unwrap_or_default();
    let kwargs = typed_kwargs::build(own, &args.kwarg, schema)?;
    inspection.map_or(Ok(()), |inspection| inspection.check_kwargs(&kwargs))?;
    Ok(kwargs)
}

async fn change(args: &SelectionArgs, verb: &Verb, config: &Config) -> Result<ExitCode, Fault> {
    let queue = open(&args.report.url, config).await?;
    if !args.ids.is_empty() {
        let changed = queue.change(&Selection::Ids(args.ids.clone()), &verb.change, None).await?;
        let mut unchanged = Vec::new();
        for id in args.ids.iter().filter(|id| !changed.contains(id)) {
            unchanged.push(why_not(&*queue, *id, verb).await?);
        }
        return tell(args, verb, &changed, &unchanged);
    }
    let filter = filter::filter(&args.filter, &*queue).await?;
    if filter == Filter::default() && !args.all {
        let expected = "expected ids, a filter such as `--state failed`, or `--all`, found none";
        return Err(Fault::Usage(expected.to_owned()));
    }
    if !args.yes && !confirmed(&*queue, &filter, verb).await? {
        return Err(Fault::Usage("nothing was changed".to_owned()));
    }
    let changed = queue.change(&Selection::Filter(filter), &verb.change, None).await?;
    tell(args, verb, &changed, &[])
}

/// Whether somebody at a terminal means so many jobs. Where nobody is, it was said already.
async fn confirmed(queue: &dyn Queue, filter: &Filter, verb: &Verb) -> Result<bool, Fault> {
    if !(io::stdin().is_terminal() && io::stderr().is_terminal()) {
        return Ok(true);
    }
    let counts = queue.counts(filter).await?;
    let jobs: u64 = counts.iter().filter(|count| verb.applies.contains(&count.state)).map(|count| count.jobs).sum();
    if jobs <= ASK_ABOVE {
        return Ok(true);
    }
    let mut stderr = io::stderr().lock();
    // Nobody can be told that stderr is gone.
    let _ = write!(stderr, "{jobs} jobs are to be {}. Go on? [y/N] ", verb.done).and_then(|()| stderr.flush());
    let mut answer = String::new();
    io::stdin().lock().read_line(&mut answer).map_err(anyhow::Error::new)?;
    Ok(["y", "yes"].contains(&answer.trim().to_lowercase().as_str()))
}

async fn why_not(queue: &dyn Queue, id: JobId, verb: &Verb) -> Result<Unchanged, Fault> {
    let Some(record) = queue.get(id).await? else {
        return Ok(Unchanged { id, state: None, why: unknown(id) });
    };
    let job = record.summary;
    let why = verb.change.why_not(job.state);
    Ok(Unchanged { id, state: Some(job.state), why })
}

fn tell(args: &SelectionArgs, verb: &Verb, changed: &[JobId], unchanged: &[Unchanged]) -> Result<ExitCode, Fault> {
    if args.report.json {
        report::print_json(&wire::queue::changed(changed, unchanged))?;
    } else {
        let jobs = if changed.len() == 1 { "job" } else { "jobs" };
        report::print(&format!("{} {jobs} {}\n", changed.len(), verb.done))?;
    }
    for one in unchanged {
        report::note(&mut anstream::stderr().lock(), &format!("{}: not {}: {}", one.id, verb.done, one.why));
    }
    Ok(match unchanged {
        [] => ExitCode::SUCCESS,
        some if some.iter().any(|one| one.state.is_none()) => ExitCode::from(exit::USAGE),
        _ => ExitCode::from(exit::FAILED),
    })
}
