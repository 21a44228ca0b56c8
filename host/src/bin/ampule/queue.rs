//! The subcommands that speak to a durable queue, one file each.
//!
//! Whatever is asked of a queue is asked here through the library's trait; nothing here knows which database it is.

mod batch;
mod change;
mod enqueue;
mod filter;
mod list;
mod maintenance;
pub(crate) mod programs;
mod queues;
mod schedules;
mod show;
mod table;
mod terms;
mod tokens;
mod wait;
mod watch;
mod when;
mod work;
mod workers;

use std::ops::Deref;
use std::process::ExitCode;
use std::sync::Arc;

use ampule::queue::{self, Queue, QueueUrl};
use ampule::remote::{RemoteOptions, RemoteQueue};
use ampule::{Digest, Inspection, Job, Outcome, ProgramLimits};

pub(crate) use self::change::Unchanged;
pub(crate) use self::work::run as work;
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
        QueueCommand::Tokens(args) => tokens::run(&args, config).await,
        QueueCommand::Queue(args) => maintenance::run(&args, config).await,
    }
}

/// A queue: a database's, or a server's.
pub(crate) struct Opened {
    queue: Arc<dyn Queue>,
    /// The same, if it is a server's.
    server: Option<Arc<RemoteQueue>>,
}

impl Opened {
    /// A server's.
    pub(crate) fn on(options: &RemoteOptions) -> Result<Self, Fault> {
        let server = Arc::new(RemoteQueue::new(options)?);
        Ok(Opened { queue: Arc::clone(&server) as Arc<dyn Queue>, server: Some(server) })
    }

    /// Runs a job there and not here.
    ///
    /// # Errors
    /// [`Fault::Usage`] for a database, which runs nothing.
    pub(crate) async fn run(&self, job: &Job) -> Result<Outcome, Fault> {
        match &self.server {
            Some(server) => Ok(server.run(job).await?),
            None => Err(Fault::Usage("expected a server, found a database".to_owned())),
        }
    }

    /// What the queue's program of this digest is.
    async fn inspection(&self, digest: Digest) -> Result<Option<Inspection>, Fault> {
        if let Some(server) = &self.server {
            return Ok(server.inspection(digest).await?);
        }
        let program = self.queue.program(digest).await?;
        Ok(program.map(|wasm| Inspection::of(&wasm, &ProgramLimits::default())).transpose()?)
    }
}

impl Deref for Opened {
    type Target = dyn Queue;

    fn deref(&self) -> &Self::Target {
        &*self.queue
    }
}

/// Opens the queue that there is. Whoever only looks makes none by looking.
async fn open(args: &UrlArgs, config: &Config) -> Result<Opened, Fault> {
    match config.remote(Some(args))? {
        Some(options) => Opened::on(&options),
        None => Ok(Opened { queue: open_database(args, config).await?, server: None }),
    }
}

/// Opens the queue, or makes it.
async fn open_or_make(args: &UrlArgs, config: &Config) -> Result<Opened, Fault> {
    match config.remote(Some(args))? {
        Some(options) => Opened::on(&options),
        None => Ok(Opened { queue: open_or_make_database(args, config).await?, server: None }),
    }
}

/// Opens the database that there is, whatever server is asked for the rest.
async fn open_database(args: &UrlArgs, config: &Config) -> Result<Arc<dyn Queue>, Fault> {
    let url = url(args, config)?;
    match &url {
        QueueUrl::Sqlite(path) if !path.exists() => Err(Fault::Usage(format!(
            "expected a queue in {path:?}, found no file there\n  \
             `ampule enqueue` and `ampule work` make one; `--queue` or $AMPULE_QUEUE names another"
        ))),
        _ => Ok(queue::open(&url).await?),
    }
}

async fn open_or_make_database(args: &UrlArgs, config: &Config) -> Result<Arc<dyn Queue>, Fault> {
    Ok(queue::open(&url(args, config)?).await?)
}

fn url(args: &UrlArgs, config: &Config) -> Result<QueueUrl, Fault> {
    Ok(config.queue(args).parse::<QueueUrl>()?)
}
