//! `ampule workers`: who runs jobs.

use std::process::ExitCode;

use ampule::queue::{Timestamp, WorkerInfo};

use super::table::table;
use super::{open, when};
use crate::args::ReportArgs;
use crate::config::Config;
use crate::exit::Fault;
use crate::{report, wire};

pub(super) async fn run(args: &ReportArgs, config: &Config) -> Result<ExitCode, Fault> {
    let queue = open(&args.url, config).await?;
    let workers = queue.workers(None).await?;
    if args.json {
        report::print_json(&wire::queue::workers(&workers))?;
    } else if workers.is_empty() {
        report::note(&mut anstream::stderr().lock(), "no workers; `ampule work` is one");
    } else {
        let now = queue.clock().await?;
        let rows = workers.iter().map(|worker| row(worker, now)).collect();
        report::print(&table(["ID", "HOST", "SERVES", "VERSION", "RUNNING", "STARTED", "HEARD OF", ""], rows))?;
    }
    Ok(ExitCode::SUCCESS)
}

fn row(worker: &WorkerInfo, now: Timestamp) -> [String; 8] {
    [
        worker.id.to_string(),
        worker.host.clone(),
        worker.serves.clone(),
        worker.version.clone(),
        format!("{}/{}", worker.running, worker.slots),
        when::distance(now, worker.started_at),
        when::distance(now, worker.seen_at),
        if worker.draining { "draining".to_owned() } else { String::new() },
    ]
}
