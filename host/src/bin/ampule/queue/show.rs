//! `ampule show`: all that is known of one job.

mod delivery;
mod facts;

use std::process::ExitCode;

use ampule::JobId;
use ampule::queue::{JobRecord, Queue, StoredEvent};

use super::open;
use super::watch::{Told, Watch, unknown};
use crate::args::ShowArgs;
use crate::config::Config;
use crate::exit::Fault;
use crate::{report, wire};

pub(super) async fn run(args: &ShowArgs, config: &Config) -> Result<ExitCode, Fault> {
    let queue = open(&args.report.url, config).await?;
    let record = queue.get(args.id).await?.ok_or_else(|| Fault::Usage(unknown(args.id)))?;
    if args.report.json {
        report::print_json(&wire::queue::record(&record, &events(&*queue, args.id).await?))?;
        return Ok(ExitCode::SUCCESS);
    }
    let record = if args.follow && !record.summary.state.is_end() {
        report::print(&facts::head(&record, queue.clock().await?))?;
        let ended = Watch::new(&*queue, args.id).until_ended(Told::All, None).await?;
        report::print("\n")?;
        ended.unwrap_or(record)
    } else {
        record
    };
    tell(&*queue, &record).await?;
    Ok(ExitCode::SUCCESS)
}

async fn tell(queue: &dyn Queue, record: &JobRecord) -> Result<(), Fault> {
    let now = queue.clock().await?;
    let mut text = facts::head(record, now);
    if record.outcome.is_none() {
        text.push_str(&facts::so_far(&events(queue, record.summary.id).await?));
    }
    text.push_str(&facts::attempts(record));
    report::print(&text)
}

/// All that it told.
async fn events(queue: &dyn Queue, id: JobId) -> Result<Vec<StoredEvent>, Fault> {
    let mut all: Vec<StoredEvent> = Vec::new();
    loop {
        let page = queue.events(id, all.last().map_or(0, |event| event.number)).await?;
        if page.is_empty() {
            return Ok(all);
        }
        all.extend(page);
    }
}
