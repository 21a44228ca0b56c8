//! `ampule list`: jobs, newest first.

use std::process::ExitCode;

use ampule::queue::{Page, State, Summary, Timestamp};

use super::table::table;
use super::{filter, open, when};
use crate::args::ListArgs;
use crate::config::Config;
use crate::exit::Fault;
use crate::printable::printable_line;
use crate::{report, wire};

/// The most of a failure's message that is shown, and of a job's name.
const MESSAGE_CHARS: usize = 80;
const NAME_CHARS: usize = 32;

pub(super) async fn run(args: &ListArgs, config: &Config) -> Result<ExitCode, Fault> {
    let queue = open(&args.report.url, config).await?;
    let filter = filter::filter(&args.filter, &*queue).await?;
    let page = Page { after: args.after, limit: args.limit };
    let jobs = queue.list(&filter, page).await?;
    if args.report.json {
        report::print_json(&wire::queue::list(&jobs))?;
        return Ok(ExitCode::SUCCESS);
    }
    if jobs.is_empty() {
        report::note(&mut anstream::stderr().lock(), "no such jobs");
        return Ok(ExitCode::SUCCESS);
    }
    let now = queue.clock().await?;
    let rows = jobs.iter().map(|job| row(job, now)).collect();
    report::print(&table(["ID", "STATE", "QUEUE", "NAME", "TRY", "ENQUEUED", ""], rows))?;
    if let Some(last) = jobs.last().filter(|_| jobs.len() == args.limit as usize) {
        report::note(&mut anstream::stderr().lock(), &format!("there may be more: --after {}", last.id));
    }
    Ok(ExitCode::SUCCESS)
}

fn row(job: &Summary, now: Timestamp) -> [String; 7] {
    [
        job.id.to_string(),
        if job.held { "held".to_owned() } else { job.state.to_string() },
        job.queue.clone(),
        // A source text has a name only if it came from a file.
        if job.name.is_empty() { job.language.clone().unwrap_or_default() } else { cut(&job.name, NAME_CHARS) },
        format!("{}/{}", job.tries, job.max_tries),
        when::distance(now, job.enqueued_at),
        note(job, now),
    ]
}

/// What matters most of a job in its state.
pub(super) fn note(job: &Summary, now: Timestamp) -> String {
    let failure = || match (job.kind, &job.message) {
        (Some(kind), Some(message)) => format!("{kind}: {}", cut(message, MESSAGE_CHARS)),
        (Some(kind), None) => kind.to_string(),
        (None, _) => String::new(),
    };
    match job.state {
        State::Queued if job.held => "until it is released".to_owned(),
        State::Queued => {
            let due =
                if job.run_at > now { format!("due {}", when::distance(now, job.run_at)) } else { "due".to_owned() };
            let again = if job.kind.is_some() { format!(" after {}", failure()) } else { String::new() };
            format!("{due}{again}")
        }
        State::Running => {
            let time = job.started_at.map(|start| when::span(when::between(start, now))).unwrap_or_default();
            let asked = if job.cancel_asked { ", asked to stop" } else { "" };
            format!("for {time}{asked}")
        }
        State::Completed => {
            let ran = job.started_at.zip(job.ended_at).map(|(start, end)| when::span(when::between(start, end)));
            ran.map(|ran| format!("in {ran}")).unwrap_or_default()
        }
        State::Failed | State::Cancelled => failure(),
    }
}

fn cut(text: &str, chars: usize) -> String {
    let line = printable_line(text);
    match line.char_indices().nth(chars) {
        Some((end, _)) => format!("{}…", &line[..end]),
        None => line,
    }
}
