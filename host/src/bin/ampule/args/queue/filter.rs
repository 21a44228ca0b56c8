//! Which jobs are listed or changed.

use ampule::queue::State;
use ampule::{JobId, Kind};
use clap::Args;

use super::ReportArgs;
use crate::values;

/// Every condition of [`FilterArgs`], by its id.
const FILTERS: [&str; 11] =
    ["state", "on", "tenant", "tag", "program", "name", "kind", "text", "since", "until", "parent"];

/// What a job must be to pass.
#[derive(Debug, Default, Args)]
pub(crate) struct FilterArgs {
    /// In this state: queued, running, completed, failed or cancelled; may be repeated
    #[arg(long, value_name = "STATE", value_delimiter = ',')]
    pub(crate) state: Vec<State>,
    /// In this queue
    #[arg(long, value_name = "QUEUE")]
    pub(crate) on: Option<String>,
    /// Of this tenant
    #[arg(long, value_name = "NAME")]
    pub(crate) tenant: Option<String>,
    /// With this tag
    #[arg(long, value_name = "WORD")]
    pub(crate) tag: Option<String>,
    /// Of this program: a name that the queue knows, for the bytes that it means now, or `sha256:…`
    #[arg(long, value_name = "NAME|DIGEST")]
    pub(crate) program: Option<String>,
    /// With this name
    #[arg(long, value_name = "TEXT")]
    pub(crate) name: Option<String>,
    /// Failed with this kind, such as timed_out
    #[arg(long, value_name = "KIND")]
    pub(crate) kind: Option<Kind>,
    /// With this text in the failure's message
    #[arg(long, value_name = "TEXT")]
    pub(crate) text: Option<String>,
    /// Enqueued at this moment or later: 2027-01-31T08:00:00Z, or `2h` for two hours ago
    #[arg(long, value_name = "TIME", value_parser = values::when)]
    pub(crate) since: Option<values::When>,
    /// Enqueued before this moment
    #[arg(long, value_name = "TIME", value_parser = values::when)]
    pub(crate) until: Option<values::When>,
    /// That follow from the end of this job
    #[arg(long, value_name = "ID")]
    pub(crate) parent: Option<JobId>,
}

#[derive(Debug, Args)]
pub(crate) struct ListArgs {
    #[command(flatten)]
    pub(crate) filter: FilterArgs,
    /// How many
    #[arg(long, value_name = "N", default_value = "50", value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub(crate) limit: u32,
    /// Only those older than this one: the last of the list before
    #[arg(long, value_name = "ID")]
    pub(crate) after: Option<JobId>,
    #[command(flatten)]
    pub(crate) report: ReportArgs,
}

/// Jobs by their ids, or by what they are.
#[derive(Debug, Args)]
pub(crate) struct SelectionArgs {
    /// The jobs
    #[arg(value_name = "ID", conflicts_with_all = FILTERS, conflicts_with = "all")]
    pub(crate) ids: Vec<JobId>,
    /// All jobs of the queue's database
    #[arg(long, conflicts_with_all = FILTERS)]
    pub(crate) all: bool,
    /// Ask nothing
    #[arg(long)]
    pub(crate) yes: bool,
    #[command(flatten, next_help_heading = "Instead of ids")]
    pub(crate) filter: FilterArgs,
    #[command(flatten)]
    pub(crate) report: ReportArgs,
}

#[derive(Debug, Args)]
pub(crate) struct RetryArgs {
    /// Give one named argument of jobs that are named another value; may be repeated; the others stay
    #[arg(short = 'k', value_name = "NAME=VALUE", value_parser = values::kwarg)]
    pub(crate) kwarg: Vec<(String, String)>,
    /// Give jobs that are named these arguments in place of all; -k goes on top. `@FILE` reads a file, `-` stdin
    #[arg(long, value_name = "JSON|@FILE|-")]
    pub(crate) kwargs: Option<String>,
    #[command(flatten)]
    pub(crate) selection: SelectionArgs,
}
