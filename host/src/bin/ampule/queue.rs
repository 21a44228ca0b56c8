//! The subcommands that speak to a durable queue, one file each.
//!
//! Whatever is asked of a queue is asked here through the library's trait; nothing here knows which database it is.

mod batch;
mod change;
mod enqueue;
mod filter;
mod list;
mod maintenance;
mod programs;
mod queues;
mod schedules;
mod show;
mod table;
mod terms;
mod wait;
mod watch;
mod when;
mod work;
mod workers;

use std::process::ExitCode;
use std::sync::Arc;

use ampule::queue::{self, Queue, QueueUrl};

pub(crate) use self::change::Unchanged;
use crate::args::{QueueCommand, UrlArgs};
use crate::config::Config;
use crate::exit::Fault;

/// Does what was asked.
pub(crate) async fn run(command: QueueCommand, config: &Config) -> Result<ExitCode, Fault> {
    match command {
        QueueCommand::Enqueue(args) => enqueue::run(&args, config).await,
        QueueCommand::List(args) => list::run(&args, config).await,
        QueueCommand::Show(args) => show::run(&args, config).await,
        QueueCommand::Wait(args) => wait::run(&args, config).await,
        QueueCommand::Cancel(args) => change::cancel(&args, config).await,
        QueueCommand::Retry(args) => change::retry(&args, config).await,
        QueueCommand::Hold(args) => change::hold(&args, config).await,
        QueueCommand::Release(args) => change::release(&args, config).await,
        QueueCommand::RunNow(args) => change::run_now(&args, config).await,
        QueueCommand::Delete(args) => change::delete(&args, config).await,
        QueueCommand::Queues(args) => queues::run(&args, config).await,
        QueueCommand::Schedules(args) => schedules::run(&args, config).await,
        QueueCommand::Workers(args) => workers::run(&args, config).await,
        QueueCommand::Work(args) => work::run(&args, config).await,
        QueueCommand::Queue(args) => maintenance::run(&args, config).await,
    }
}

/// Opens the queue that there is. Whoever only looks makes none by looking.
async fn open(args: &UrlArgs, config: &Config) -> Result<Arc<dyn Queue>, Fault> {
    let url = url(args, config)?;
    match &url {
        QueueUrl::Sqlite(path) if !path.exists() => Err(Fault::Usage(format!(
            "expected a queue in {path:?}, found no file there\n  \
             `ampule enqueue` and `ampule work` make one; `--queue` or $AMPULE_QUEUE names another"
        ))),
        _ => Ok(queue::open(&url).await?),
    }
}

/// Opens the queue, or makes it.
async fn open_or_make(args: &UrlArgs, config: &Config) -> Result<Arc<dyn Queue>, Fault> {
    Ok(queue::open(&url(args, config)?).await?)
}

fn url(args: &UrlArgs, config: &Config) -> Result<QueueUrl, Fault> {
    Ok(config.queue(args).parse::<QueueUrl>()?)
}
