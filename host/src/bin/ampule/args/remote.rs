//! Which server is asked in place of a queue and a runner here.

use std::path::PathBuf;

use clap::Args;

/// A server, and who asks it. The token stays text that is not shown.
#[derive(Clone, Default, PartialEq, Eq, Args)]
#[command(next_help_heading = "On a server")]
pub(crate) struct RemoteArgs {
    /// Ask this server, such as https://jobs.example.org [default: $AMPULE_SERVER, or none]
    #[arg(long, value_name = "URL", global = true, display_order = 201)]
    pub(crate) server: Option<String>,
    /// Say by this token who asks [default: $AMPULE_TOKEN]; others on this machine may see it, unlike the next
    #[arg(long, value_name = "TOKEN", global = true, display_order = 202, conflicts_with = "token_file")]
    pub(crate) token: Option<String>,
    /// Read the token from this file, or from stdin for `-`
    #[arg(long, value_name = "FILE|-", global = true, display_order = 203)]
    pub(crate) token_file: Option<PathBuf>,
    /// Trust these certificates of authorities too, as PEM [default: $AMPULE_CA_FILE]
    #[arg(long, value_name = "FILE", global = true, display_order = 204)]
    pub(crate) ca_file: Option<PathBuf>,
}

impl std::fmt::Debug for RemoteArgs {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RemoteArgs").field("server", &self.server).finish_non_exhaustive()
    }
}
