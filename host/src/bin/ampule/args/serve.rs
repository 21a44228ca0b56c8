//! The arguments of what runs until it is told to stop: servers and workers.
//!
//! Whatever the configuration has too stays text here: `config/` reads all of it at once, wherever it comes from, and
//! tells of all that is wrong with it.

use std::path::PathBuf;

use clap::Args;

use super::{CacheArgs, UrlArgs};

#[derive(Debug, Args)]
pub(crate) struct ServeArgs {
    /// Listen here; port 0 takes a free one [default: 127.0.0.1:7070]
    ///
    /// Anything but loopback takes a token that was made before: `ampule tokens create`.
    #[arg(long, value_name = "ADDRESS")]
    pub(crate) listen: Option<String>,
    /// Run no jobs of the queue here: `ampule work` does, elsewhere
    #[arg(long)]
    pub(crate) no_work: bool,
    #[command(flatten)]
    pub(crate) service: ServiceArgs,
}

#[derive(Debug, Args)]
pub(crate) struct WorkArgs {
    /// End when nothing is left to run: no job runs, and none is queued but held ones and those of paused queues
    ///
    /// Callbacks that are programs are jobs and are run. Webhooks that a receiver did not take at once wait for another
    /// worker, and closures for a program that has them.
    #[arg(long)]
    pub(crate) until_empty: bool,
    /// Print nothing of jobs that end
    #[arg(long)]
    pub(crate) quiet: bool,
    #[command(flatten)]
    pub(crate) service: ServiceArgs,
}

/// What servers and workers have in common.
#[derive(Debug, Args)]
pub(crate) struct ServiceArgs {
    /// How many jobs of the queue run at once [default: four for each processor]
    #[arg(long, value_name = "N")]
    pub(crate) slots: Option<String>,
    /// Serve this queue and no other; may be repeated
    #[arg(long, value_name = "NAME")]
    pub(crate) only: Vec<String>,
    /// Once asked to stop, give running jobs this long before they are handed back to the queue [default: 30s]
    #[arg(long, value_name = "TIME")]
    pub(crate) grace: Option<String>,
    /// How long a job is kept from other workers without a word from this one [default: 30s]
    #[arg(long, value_name = "TIME")]
    pub(crate) lease: Option<String>,
    /// Forget jobs that returned or were cancelled after this long [default: 7d]
    #[arg(long, value_name = "TIME")]
    pub(crate) keep_completed: Option<String>,
    /// Forget jobs that failed after this long [default: 30d]
    #[arg(long, value_name = "TIME")]
    pub(crate) keep_failed: Option<String>,
    /// Let jobs open this directory and those below it; may be repeated [default: none]
    #[arg(long, value_name = "DIR")]
    pub(crate) allow_dir: Vec<String>,
    /// Let jobs change what is in these directories, if they ask to
    #[arg(long)]
    pub(crate) allow_write: bool,
    #[command(flatten)]
    pub(crate) cache: CacheArgs,
    #[command(flatten)]
    pub(crate) config: ConfigFileArgs,
    #[command(flatten)]
    pub(crate) url: UrlArgs,
}

/// What stands in files, and how logs are written.
#[derive(Debug, Default, Args)]
pub(crate) struct ConfigFileArgs {
    /// Read what is not said here from this TOML file [default: $AMPULE_CONFIG]
    #[arg(long, value_name = "FILE", display_order = 150)]
    pub(crate) config: Option<PathBuf>,
    /// Set anything that the file could, such as `--set server.max_requests=100`; may be repeated
    #[arg(long, value_name = "KEY=VALUE", display_order = 150)]
    pub(crate) set: Vec<String>,
    /// Write the log as lines of `text` or of `json` [default: text]
    #[arg(long, value_name = "FORMAT", display_order = 150)]
    pub(crate) log_format: Option<String>,
    /// The same as `--log-format json`
    #[arg(long, conflicts_with = "log_format", display_order = 150)]
    pub(crate) json_log: bool,
}

#[derive(Debug, Args)]
pub(crate) struct ConfigArgs {
    /// Print one JSON document
    #[arg(long)]
    pub(crate) json: bool,
    #[command(flatten)]
    pub(crate) file: ConfigFileArgs,
}
