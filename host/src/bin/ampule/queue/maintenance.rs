//! `ampule queue check` and `ampule queue backup`: what keeps a queue's database sound.

use std::fmt::Write as _;
use std::path::Path;
use std::process::ExitCode;

use ampule::queue::{Filter, Finding, Queue};

use super::open_database;
use crate::args::{MaintenanceAction, MaintenanceArgs};
use crate::config::Config;
use crate::exit::{self, Fault};
use crate::printable::printable_line;
use crate::{report, wire};

/// How many of a finding's jobs are shown.
const SHOWN_JOBS: usize = 5;

pub(super) async fn run(args: &MaintenanceArgs, config: &Config) -> Result<ExitCode, Fault> {
    config.refuse_default_queue("queue", config.names_queue(&args.report.url))?;
    let queue = open_database(&args.report.url, config).await?;
    match &args.action {
        MaintenanceAction::Check => check(&*queue, args.report.json).await,
        MaintenanceAction::Backup { file } => backup(&*queue, file, args.report.json).await,
    }
}

async fn check(queue: &dyn Queue, json: bool) -> Result<ExitCode, Fault> {
    let findings = queue.check(None).await?;
    if json {
        report::print_json(&wire::queue::findings(&findings))?;
    } else if findings.is_empty() {
        let jobs: u64 = queue.counts(&Filter::default()).await?.iter().map(|count| count.jobs).sum();
        report::print(&format!("no fault in {jobs} {}\n", if jobs == 1 { "job" } else { "jobs" }))?;
    } else {
        report::print(&text(&findings))?;
    }
    let faulty = findings.iter().any(|finding| finding.is_fault);
    Ok(if faulty { ExitCode::from(exit::FAILED) } else { ExitCode::SUCCESS })
}

fn text(findings: &[Finding]) -> String {
    let mut text = String::new();
    for finding in findings {
        let weight = if finding.is_fault { "fault" } else { "note" };
        // Writing to a string cannot fail.
        let _ = writeln!(text, "{weight}: {}", printable_line(&finding.what));
        for job in finding.jobs.iter().take(SHOWN_JOBS) {
            let _ = writeln!(text, "  {job}");
        }
        if finding.jobs.len() > SHOWN_JOBS {
            let _ = writeln!(text, "  and {} more; `--json` names them", finding.jobs.len() - SHOWN_JOBS);
        }
    }
    text
}

async fn backup(queue: &dyn Queue, file: &Path, json: bool) -> Result<ExitCode, Fault> {
    if file.symlink_metadata().is_ok() {
        return Err(Fault::Usage(format!("expected a file that is not there yet, found one at {file:?}")));
    }
    queue.backup(file).await?;
    let size_bytes = file.metadata().map(|metadata| metadata.len()).unwrap_or_default();
    if json {
        report::print_json(&wire::queue::backup(file, size_bytes))?;
    } else {
        report::print(&format!("{}: {size_bytes} bytes\n", printable_line(&file.display().to_string())))?;
    }
    Ok(ExitCode::SUCCESS)
}
