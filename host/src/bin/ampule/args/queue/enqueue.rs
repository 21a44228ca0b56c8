//! What is enqueued, and on which terms it waits.

use std::path::PathBuf;
use std::time::Duration;

use ampule::Kind;
use ampule::queue::{Backoff, Timestamp};
use clap::Args;

use super::super::JobArgs;
use super::UrlArgs;
use crate::values;

/// What says something of one job, and so nothing of many.
const OF_ONE_JOB: [&str; 33] = [
    "what",
    "language",
    "file",
    "wait",
    "kwarg",
    "kwargs",
    "timeout",
    "fuel",
    "memory",
    "dir",
    "env",
    "stdin",
    "seed",
    "args",
    "name",
    "on",
    "priority",
    "tenant",
    "tag",
    "start_before",
    "attempts",
    "backoff",
    "retry_on",
    "at_return",
    "at_return_kwargs",
    "at_err",
    "at_err_kwargs",
    "delay",
    "at",
    "hold",
    "unique",
    "unique_for",
    "unique_while_unfinished",
];

/// How `--batch` reads its lines; ends the long help of `ampule enqueue`.
const BATCH_HELP: &str = "\
Enqueue a job for each line of this file, or of stdin: JSON objects, at most 10,000

Nothing is stored unless every line is right. The ids are printed in the order of the lines. The fields are named as \
the options are, and take what they take:

`program`, or `source` with `language`, or `file`; `kwargs` (an object), `timeout`, `fuel`, `memory`, `dir` (a list), \
`env` (an object), `stdin` (a file), `seed`, `args` (a list); `name`, `on`, `priority`, `tenant`, `tag` (a list), \
`start_before`, `attempts`, `backoff`, `retry_on` (a list), `at_return`, `at_return_kwargs`, `at_err`, \
`at_err_kwargs`; `delay`, `at`, `hold` (true or false), `unique`, `unique_for`, `unique_while_unfinished` (true or \
false).";

#[derive(Debug, Args)]
pub(crate) struct EnqueueArgs {
    #[command(flatten)]
    pub(crate) what: WhatArgs,
    #[arg(
        long,
        value_name = "FILE|-",
        help = "Enqueue a job for each line of this file, or of stdin: JSON objects; see --help",
        long_help = BATCH_HELP,
        conflicts_with_all = OF_ONE_JOB
    )]
    pub(crate) batch: Option<PathBuf>,
    /// Wait until the job has ended, and tell its end as `ampule run` does
    #[arg(long)]
    pub(crate) wait: bool,
    #[command(flatten, next_help_heading = "The job")]
    pub(crate) job: JobArgs,
    #[command(flatten, next_help_heading = "Its terms")]
    pub(crate) terms: TermsArgs,
    #[command(flatten, next_help_heading = "When and whether")]
    pub(crate) start: StartArgs,
    /// Print one JSON document: {"id": …, "existed": …}
    #[arg(long, display_order = 149, help_heading = None)]
    pub(crate) json: bool,
    #[command(flatten)]
    pub(crate) url: UrlArgs,
}

/// What is run.
#[derive(Debug, Default, Args)]
pub(crate) struct WhatArgs {
    /// A .wasm file, a .wat file, or a name from the catalog or from the queue; with -l, a source text, or `-` for stdin
    ///
    /// The program is stored in the queue under its name, and the job means these very bytes whatever becomes of the
    /// file. A name that no catalog has is looked up in the queue; `sha256:…` is looked up there only.
    #[arg(value_name = "PROGRAM|SOURCE", conflicts_with = "file")]
    pub(crate) what: Option<String>,
    /// It is a source text in this language
    #[arg(short, long, value_name = "NAME", value_parser = values::language)]
    pub(crate) language: Option<String>,
    /// Read a source text from this file, after which the job is named [language: by its ending, unless -l says]
    #[arg(short, long, value_name = "FILE")]
    pub(crate) file: Option<PathBuf>,
    /// Look for names in this directory; may be repeated
    ///
    /// Without it: those in $AMPULE_CATALOG, separated by colons, or $XDG_DATA_HOME/ampule/catalog.
    #[arg(long, value_name = "DIR", display_order = 100)]
    pub(crate) catalog: Vec<PathBuf>,
}

/// The terms on which a job waits and is tried.
#[derive(Debug, Default, Args)]
pub(crate) struct TermsArgs {
    /// What people call the job [default: the program's or the file's name]
    #[arg(long, value_name = "TEXT")]
    pub(crate) name: Option<String>,
    /// The queue that it waits in [default: default]
    #[arg(long, value_name = "QUEUE")]
    pub(crate) on: Option<String>,
    /// Jobs of a higher priority go first: -32768 to 32767 [default: 0]
    #[arg(long, value_name = "N", allow_negative_numbers = true)]
    pub(crate) priority: Option<i16>,
    /// Whose it is, for limits and lists
    #[arg(long, value_name = "NAME")]
    pub(crate) tenant: Option<String>,
    /// A word to find it by; may be repeated
    #[arg(long, value_name = "WORD")]
    pub(crate) tag: Vec<String>,
    /// Fail it as `expired` if it has not started this long after the enqueue
    #[arg(long, value_name = "TIME", value_parser = values::span)]
    pub(crate) start_before: Option<Duration>,
    /// How often it is tried in all [default: 3]
    #[arg(long, value_name = "N")]
    pub(crate) attempts: Option<u32>,
    /// How long to wait between tries: `1s,10s,5m` (the last again and again), or `2s..1h`, four times longer each time
    /// [default: 2s..1h]
    #[arg(long, value_name = "TIMES", value_parser = values::backoff)]
    pub(crate) backoff: Option<Backoff>,
    /// Try again after failures of this kind; may be repeated [default: guest, lost, host]
    #[arg(long, value_name = "KIND", value_delimiter = ',')]
    pub(crate) retry_on: Vec<Kind>,
    /// When it returns, enqueue this program, which gets the value as `result`; or tell a URL, or `closure:NAME` of a
    /// worker
    ///
    /// A URL is told by a signed request, again and again until it is taken. Workers reach those only that the
    /// configuration allows: by default https, and no address of a private network.
    #[arg(long, value_name = "PROGRAM|URL|closure:NAME")]
    pub(crate) at_return: Option<String>,
    /// What --at-return is given besides, as a JSON object
    #[arg(long, value_name = "JSON", requires = "at_return")]
    pub(crate) at_return_kwargs: Option<String>,
    /// When it fails for good, enqueue this program, which gets the `failure`; or tell a URL, or `closure:NAME` of a
    /// worker
    #[arg(long, value_name = "PROGRAM|URL|closure:NAME")]
    pub(crate) at_err: Option<String>,
    /// What --at-err is given besides, as a JSON object
    #[arg(long, value_name = "JSON", requires = "at_err")]
    pub(crate) at_err_kwargs: Option<String>,
}

/// When a job is due, and whether it is stored at all.
#[derive(Debug, Default, Args)]
pub(crate) struct StartArgs {
    /// Put it off for this long: 500ms, 5s, 2m, 1h, 7d
    #[arg(long, value_name = "TIME", value_parser = values::span, conflicts_with = "at")]
    pub(crate) delay: Option<Duration>,
    /// Put it off until this moment, such as 2027-01-31T08:00:00+01:00
    #[arg(long, value_name = "TIME", value_parser = values::moment)]
    pub(crate) at: Option<Timestamp>,
    /// Let it wait until `ampule release`, due or not
    #[arg(long)]
    pub(crate) hold: bool,
    /// Store it only if no job of the same tenant has this key: as long as one is known, unless said
    #[arg(long, value_name = "KEY")]
    pub(crate) unique: Option<String>,
    /// The key is taken for this long
    #[arg(long, value_name = "TIME", value_parser = values::span, requires = "unique")]
    pub(crate) unique_for: Option<Duration>,
    /// The key is taken until the job has ended
    #[arg(long, requires = "unique", conflicts_with = "unique_for")]
    pub(crate) unique_while_unfinished: bool,
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::OF_ONE_JOB;
    use crate::args::Cli;

    #[test]
    fn whatever_says_something_of_one_job_is_refused_beside_many() {
        let command = Cli::command();
        let enqueue = command.find_subcommand("enqueue").expect("a subcommand");
        let of_all = ["batch", "catalog", "json", "queue"];
        let others = enqueue.get_arguments().map(|argument| argument.get_id().as_str());
        let left: Vec<&str> = others.filter(|id| !of_all.contains(id) && !OF_ONE_JOB.contains(id)).collect();
        assert_eq!(left, [""; 0]);
    }
}
