//! `ampule queues`: how queues are served, and how they are doing.

use std::process::ExitCode;

use ampule::queue::{Mode, Queue, QueueInfo, QueueSettings, Timestamp};

use super::table::table;
use super::{open, open_or_make, when};
use crate::args::{QueuesAction, QueuesArgs};
use crate::config::Config;
use crate::exit::Fault;
use crate::{report, wire};

pub(super) async fn run(args: &QueuesArgs, config: &Config) -> Result<ExitCode, Fault> {
    let changed: &[String] = match &args.action {
        None => {
            let queue = open(&args.report.url, config).await?;
            tell(args, &*queue, |_| true).await?;
            return Ok(ExitCode::SUCCESS);
        }
        Some(QueuesAction::Pause { names } | QueuesAction::Resume { names } | QueuesAction::Drain { names }) => names,
        Some(QueuesAction::Limit { name, .. }) => std::slice::from_ref(name),
    };
    // A queue may be set before it has jobs.
    let queue = open_or_make(&args.report.url, config).await?;
    let known = queue.queues(None).await?;
    for name in changed {
        let settings = known.iter().find(|info| info.name == *name).map(|info| info.settings.clone());
        queue.configure(name, &set(args.action.as_ref(), settings.unwrap_or_default())).await?;
    }
    tell(args, &*queue, |info| changed.contains(&info.name)).await?;
    Ok(ExitCode::SUCCESS)
}

/// The settings with what was asked for.
fn set(action: Option<&QueuesAction>, settings: QueueSettings) -> QueueSettings {
    match action {
        None => settings,
        Some(QueuesAction::Pause { .. }) => QueueSettings { mode: Mode::Paused, ..settings },
        Some(QueuesAction::Resume { .. }) => QueueSettings { mode: Mode::Open, ..settings },
        Some(QueuesAction::Drain { .. }) => QueueSettings { mode: Mode::Draining, ..settings },
        Some(QueuesAction::Limit { running, per_tenant, .. }) => QueueSettings {
            max_running: running.map_or(settings.max_running, |limit| limit.0),
            max_running_per_tenant: per_tenant.map_or(settings.max_running_per_tenant, |limit| limit.0),
            ..settings
        },
    }
}

async fn tell(args: &QueuesArgs, queue: &dyn Queue, shown: impl Fn(&QueueInfo) -> bool) -> Result<(), Fault> {
    let mut queues = queue.queues(None).await?;
    queues.retain(shown);
    if args.report.json {
        return report::print_json(&wire::queue::queues(&queues));
    }
    if queues.is_empty() {
        report::note(&mut anstream::stderr().lock(), "no queues: there are no jobs, and none was configured");
        return Ok(());
    }
    let now = queue.clock().await?;
    let rows = queues.iter().map(|info| row(info, now)).collect();
    report::print(&table(
        ["QUEUE", "MODE", "DUE", "QUEUED", "HELD", "RUNNING", "LIMIT", "PER TENANT", "OLDEST DUE"],
        rows,
    ))
}

fn row(info: &QueueInfo, now: Timestamp) -> [String; 9] {
    let limit = |limit: Option<u32>| limit.map_or_else(|| "-".to_owned(), |limit| limit.to_string());
    [
        info.name.clone(),
        info.settings.mode.as_str().to_owned(),
        info.due.to_string(),
        info.queued.to_string(),
        info.held.to_string(),
        info.running.to_string(),
        limit(info.settings.max_running),
        limit(info.settings.max_running_per_tenant),
        info.oldest_due.map_or_else(|| "-".to_owned(), |due| when::distance(now, due)),
    ]
}
