//! `ampule wait`: until jobs have ended, and how they did, as `ampule run` tells it.

use std::process::ExitCode;

use ampule::JobId;
use ampule::queue::{JobRecord, Queue};
use tokio::time::Instant;

use super::watch::{Told, Watch, answered, unknown};
use super::{list, open};
use crate::args::WaitArgs;
use crate::config::Config;
use crate::exit::{self, Fault};
use crate::{report, wire};

/// How it is waited.
pub(super) struct Waiting {
    pub(super) follow: bool,
    /// Until when; without end if there is none.
    pub(super) deadline: Option<Instant>,
    pub(super) json: bool,
}

pub(super) async fn run(args: &WaitArgs, config: &Config) -> Result<ExitCode, Fault> {
    let queue = open(&args.report.url, config).await?;
    let deadline = args.timeout.and_then(|timeout| Instant::now().checked_add(timeout));
    let waiting = Waiting { follow: args.follow, deadline, json: args.report.json };
    // Those that are not there are told before anything is waited for.
    for id in &args.ids {
        let Some(found) = answered(queue.get(*id), deadline).await else { return Ok(silent(*id)) };
        found?.ok_or_else(|| Fault::Usage(unknown(*id)))?;
    }
    each(&*queue, &args.ids, &waiting).await
}

/// Waits for these, one after the other, and tells each end.
pub(super) async fn each(queue: &dyn Queue, ids: &[JobId], waiting: &Waiting) -> Result<ExitCode, Fault> {
    let told = if waiting.follow && !waiting.json { Told::Log } else { Told::Nothing };
    let mut worst = None;
    for id in ids {
        let mut watch = Watch::new(queue, *id);
        let code = match watch.until_ended(told, waiting.deadline).await? {
            Some(record) => tell(queue, &watch, &record, waiting).await?,
            None => silent(*id),
        };
        if code != ExitCode::SUCCESS {
            worst.get_or_insert(code);
        }
    }
    Ok(worst.unwrap_or(ExitCode::SUCCESS))
}

/// Tells that nothing is known of a job: nobody answered until the deadline.
fn silent(id: JobId) -> ExitCode {
    let note = format!("{id} has not ended, as far as is known: the queue does not answer");
    report::note(&mut anstream::stderr().lock(), &note);
    ExitCode::from(exit::NOT_ENDED)
}

async fn tell(queue: &dyn Queue, watch: &Watch<'_>, record: &JobRecord, waiting: &Waiting) -> Result<ExitCode, Fault> {
    let json = waiting.json;
    let Some(outcome) = record.outcome.as_ref().filter(|_| record.summary.state.is_end()) else {
        if json {
            report::print_json(&wire::queue::waited(record))?;
        }
        let job = &record.summary;
        let Some(now) = answered(queue.clock(), waiting.deadline).await else { return Ok(silent(job.id)) };
        let now = now?;
        let note = format!("{} has not ended: {} {}", job.id, job.state, list::note(job, now));
        report::note(&mut anstream::stderr().lock(), &note);
        return Ok(ExitCode::from(exit::NOT_ENDED));
    };
    if json {
        report::print_json(&wire::queue::waited(record))?;
    } else {
        let mut stderr = anstream::stderr().lock();
        for line in watch.untold(record, outcome) {
            report::log_line(&mut stderr, line);
        }
        report::output(&mut stderr, &outcome.output);
        match &outcome.result {
            Ok(value) => report::print_json(value)?,
            Err(failure) => report::failure_facts(&mut stderr, failure),
        }
    }
    Ok(exit::of_outcome(outcome))
}
