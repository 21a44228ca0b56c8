//! Which tokens, and what a new one is.

use ampule::server::{Expires, Role};
use clap::{Args, Subcommand};

use super::ReportArgs;

#[derive(Debug, Args)]
pub(crate) struct TokensArgs {
    #[command(subcommand)]
    pub(crate) action: Option<TokensAction>,
    #[command(flatten)]
    pub(crate) report: ReportArgs,
}

#[derive(Debug, Subcommand)]
pub(crate) enum TokensAction {
    /// List tokens, oldest first, without their secrets
    List,
    /// Make a token and print it: it is shown here and never again
    Create(CreateTokenArgs),
    /// Revoke tokens: servers refuse them within five seconds
    Revoke {
        /// The tokens, by what stands between the first `_` and the second
        #[arg(value_name = "ID", required = true)]
        ids: Vec<String>,
    },
}

#[derive(Debug, Args)]
pub(crate) struct CreateTokenArgs {
    /// What people call it
    pub(crate) name: String,
    /// What it allows: `read`, `submit` (and run, enqueue, change jobs, store programs), or `admin` (everything)
    #[arg(long, value_name = "ROLE")]
    pub(crate) role: Role,
    /// Whose jobs, programs and schedules it sees [default: everybody's]
    #[arg(long, value_name = "NAME")]
    pub(crate) tenant: Option<String>,
    /// When it is over: 30d, or a moment [default: never]
    #[arg(long, value_name = "TIME|MOMENT")]
    pub(crate) expires: Option<Expires>,
}
