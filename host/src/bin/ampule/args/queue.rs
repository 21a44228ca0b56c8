//! The arguments of the subcommands that speak to a durable queue.
//!
//! The URL stays text here: it may hold a password, and what cannot be parsed is shown by clap.

mod enqueue;
mod filter;
mod tokens;

use std::path::PathBuf;
use std::time::Duration;

use ampule::JobId;
use clap::{Args, Subcommand};

pub(crate) use self::enqueue::{EnqueueArgs, StartArgs, TermsArgs, WhatArgs};
pub(crate) use self::filter::{FilterArgs, ListArgs, RetryArgs, SelectionArgs};
pub(crate) use self::tokens::{CreateTokenArgs, TokensAction, TokensArgs};
use crate::{exit, values};

/// Which queue.
#[derive(Debug, Default, Args)]
pub(crate) struct UrlArgs {
    /// The queue: sqlite:PATH or postgres://USER:PASSWORD@HOST/DATABASE [default: $AMPULE_QUEUE, or sqlite:ampule.db]
    #[arg(long = "queue", value_name = "URL", global = true, display_order = 150, help_heading = None)]
    pub(crate) queue: Option<String>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum QueueCommand {
    /// Store a job in a queue, to be run by a worker
    #[command(after_help = exit::ENQUEUE_TABLE)]
    Enqueue(Box<EnqueueArgs>),
    /// List jobs, newest first
    #[command(after_help = exit::QUEUE_TABLE)]
    List(Box<ListArgs>),
    /// Tell all that is known of a job
    #[command(after_help = exit::QUEUE_TABLE)]
    Show(ShowArgs),
    /// Wait until jobs have ended, and tell their end as `ampule run` does
    #[command(after_help = exit::WAIT_TABLE)]
    Wait(Box<WaitArgs>),
    /// Stop jobs: queued ones never run, running ones are stopped by their worker
    #[command(after_help = exit::CHANGE_TABLE)]
    Cancel(Box<SelectionArgs>),
    /// Queue ended jobs again, due at once, with all their attempts before them
    #[command(after_help = exit::CHANGE_TABLE)]
    Retry(Box<RetryArgs>),
    /// Let queued jobs wait until they are released
    #[command(after_help = exit::CHANGE_TABLE)]
    Hold(Box<SelectionArgs>),
    /// Take back `hold`: the jobs are due when they were due before
    #[command(after_help = exit::CHANGE_TABLE)]
    Release(Box<SelectionArgs>),
    /// Make queued jobs due at once, held ones too
    #[command(after_help = exit::CHANGE_TABLE)]
    RunNow(Box<SelectionArgs>),
    /// Forget ended jobs
    #[command(after_help = exit::CHANGE_TABLE)]
    Delete(Box<SelectionArgs>),
    /// List queues, or pause, resume, drain and limit them
    #[command(args_conflicts_with_subcommands = true, after_help = exit::QUEUE_TABLE)]
    Queues(Box<QueuesArgs>),
    /// List schedules, which enqueue a job again and again, or change them
    #[command(args_conflicts_with_subcommands = true, after_help = exit::QUEUE_TABLE)]
    Schedules(Box<SchedulesArgs>),
    /// List the workers that are alive
    #[command(after_help = exit::QUEUE_TABLE)]
    Workers(ReportArgs),
    /// List the tokens by which clients speak to a queue's servers, make or revoke them
    #[command(args_conflicts_with_subcommands = true, after_help = exit::QUEUE_TABLE)]
    Tokens(Box<TokensArgs>),
    /// Check a queue's database, or copy it
    #[command(after_help = exit::QUEUE_TABLE)]
    Queue(MaintenanceArgs),
}

impl QueueCommand {
    /// Whether the caller reads documents.
    pub(crate) fn json(&self) -> bool {
        match self {
            QueueCommand::Enqueue(args) => args.json,
            QueueCommand::List(args) => args.report.json,
            QueueCommand::Show(args) => args.report.json,
            QueueCommand::Wait(args) => args.report.json,
            QueueCommand::Retry(args) => args.selection.report.json,
            QueueCommand::Cancel(args)
            | QueueCommand::Hold(args)
            | QueueCommand::Release(args)
            | QueueCommand::RunNow(args)
            | QueueCommand::Delete(args) => args.report.json,
            QueueCommand::Queues(args) => args.report.json,
            QueueCommand::Schedules(args) => args.report.json,
            QueueCommand::Workers(args) => args.json,
            QueueCommand::Tokens(args) => args.report.json,
            QueueCommand::Queue(args) => args.report.json,
        }
    }
}

/// Which queue, and for whom the report is.
#[derive(Debug, Default, Args)]
pub(crate) struct ReportArgs {
    /// Print one JSON document
    #[arg(long, global = true, display_order = 149)]
    pub(crate) json: bool,
    #[command(flatten)]
    pub(crate) url: UrlArgs,
}

#[derive(Debug, Args)]
pub(crate) struct ShowArgs {
    /// The job
    pub(crate) id: JobId,
    /// Print what it tells while it runs, until it has ended
    #[arg(long, conflicts_with = "json")]
    pub(crate) follow: bool,
    #[command(flatten)]
    pub(crate) report: ReportArgs,
}

#[derive(Debug, Args)]
pub(crate) struct WaitArgs {
    /// The jobs; of several, one line each, in this order
    #[arg(value_name = "ID", required = true)]
    pub(crate) ids: Vec<JobId>,
    /// Print on stderr what the jobs log at once, and not when they have ended
    #[arg(long)]
    pub(crate) follow: bool,
    /// Wait no longer than this; the jobs go on [default: without end]
    #[arg(long, value_name = "TIME", value_parser = values::span)]
    pub(crate) timeout: Option<Duration>,
    #[command(flatten)]
    pub(crate) report: ReportArgs,
}

#[derive(Debug, Args)]
pub(crate) struct QueuesArgs {
    #[command(subcommand)]
    pub(crate) action: Option<QueuesAction>,
    #[command(flatten)]
    pub(crate) report: ReportArgs,
}

#[derive(Debug, Subcommand)]
pub(crate) enum QueuesAction {
    /// Hand out no more jobs; new ones are taken in
    Pause {
        /// The queues
        #[arg(value_name = "NAME", required = true)]
        names: Vec<String>,
    },
    /// Take jobs in and hand them out again
    Resume {
        /// The queues
        #[arg(value_name = "NAME", required = true)]
        names: Vec<String>,
    },
    /// Take no new jobs in; those that are there are handed out
    Drain {
        /// The queues
        #[arg(value_name = "NAME", required = true)]
        names: Vec<String>,
    },
    /// Limit how many jobs run at once, on all machines together
    #[command(arg_required_else_help = true)]
    Limit {
        /// The queue
        name: String,
        /// How many of the queue's jobs, or `none` for no limit
        #[arg(long, value_name = "N|none", value_parser = values::limit)]
        running: Option<values::Limit>,
        /// How many of its jobs of any one tenant, or `none` for no limit
        #[arg(long, value_name = "N|none", value_parser = values::limit)]
        per_tenant: Option<values::Limit>,
    },
}

#[derive(Debug, Args)]
pub(crate) struct SchedulesArgs {
    #[command(subcommand)]
    pub(crate) action: Option<SchedulesAction>,
    #[command(flatten)]
    pub(crate) report: ReportArgs,
}

#[derive(Debug, Subcommand)]
pub(crate) enum SchedulesAction {
    /// Store a schedule, in place of the one of its name
    Add(Box<AddScheduleArgs>),
    /// Enqueue nothing until it is resumed
    Pause {
        /// The schedules
        #[arg(value_name = "NAME", required = true)]
        names: Vec<String>,
    },
    /// Take back `pause`; it goes on with its next tick
    Resume {
        /// The schedules
        #[arg(value_name = "NAME", required = true)]
        names: Vec<String>,
    },
    /// Enqueue its job once, now, whatever its ticks are
    RunNow {
        /// The schedule
        name: String,
    },
    /// Forget schedules; jobs that they enqueued stay
    Remove {
        /// The schedules
        #[arg(value_name = "NAME", required = true)]
        names: Vec<String>,
    },
    /// Tell all that is known of one, with its next ten runs
    Show {
        /// The schedule
        name: String,
    },
}

#[derive(Debug, Args)]
pub(crate) struct AddScheduleArgs {
    /// The schedule's name
    #[arg(value_name = "NAME")]
    pub(crate) schedule: String,
    #[command(flatten)]
    pub(crate) what: WhatArgs,
    /// When, as cron has it: minute, hour, day, month, day of the week; seconds may come first
    #[arg(long, value_name = "EXPR", required_unless_present = "every", conflicts_with = "every")]
    pub(crate) cron: Option<String>,
    /// The time zone of --cron by the IANA's name, such as Europe/Berlin [default: UTC]
    #[arg(long, value_name = "ZONE")]
    pub(crate) zone: Option<String>,
    /// Every so often: 30s, 15m, 6h, 1d; counted from 1970, so that all machines agree
    #[arg(long, value_name = "TIME", value_parser = values::span)]
    pub(crate) every: Option<Duration>,
    /// What becomes of ticks that no worker was there for: `skip`, `once` for the latest, or `all=N`
    #[arg(long, value_name = "POLICY", value_parser = values::missed, default_value = "once")]
    pub(crate) missed: ampule::queue::Missed,
    /// Store it paused
    #[arg(long)]
    pub(crate) paused: bool,
    #[command(flatten, next_help_heading = "The job")]
    pub(crate) job: super::JobArgs,
    #[command(flatten, next_help_heading = "Its terms")]
    pub(crate) terms: TermsArgs,
}

#[derive(Debug, Args)]
pub(crate) struct MaintenanceArgs {
    #[command(subcommand)]
    pub(crate) action: MaintenanceAction,
    #[command(flatten)]
    pub(crate) report: ReportArgs,
}

#[derive(Debug, Subcommand)]
pub(crate) enum MaintenanceAction {
    /// Look for damage, rows that contradict each other, and jobs that are stuck
    Check,
    /// Copy the whole queue into a new file, while it is in use
    Backup {
        /// The new file
        file: PathBuf,
    },
}
