//! Which server is asked in place of a queue and a runner here.

use std::path::PathBuf;

use clap::{Args, Command};

/// What is done on this machine, or to a queue's database itself, whatever server there is.
pub(super) const LOCAL: [&str; 11] =
    ["inspect", "interpreters", "new", "build", "test", "dev", "serve", "work", "queue", "config", "completions"];

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

impl RemoteArgs {
    /// Every one of them, with whether it was said.
    fn options(&self) -> [(&'static str, bool); 4] {
        [
            ("server", self.server.is_some()),
            ("token", self.token.is_some()),
            ("token_file", self.token_file.is_some()),
            ("ca_file", self.ca_file.is_some()),
        ]
    }

    /// The first of them that was said, as it was said.
    pub(crate) fn said(&self) -> Option<String> {
        let (name, _) = self.options().into_iter().find(|(_, is_said)| *is_said)?;
        Some(format!("--{}", name.replace('_', "-")))
    }

    /// Hides them below a built subcommand, which has no use for them.
    pub(super) fn hide(command: Command) -> Command {
        let hidden = RemoteArgs::default().options();
        // Each stays in its place, by which a built command knows it.
        let command = command.mut_args(|argument| {
            let is_hidden = hidden.iter().any(|(name, _)| argument.get_id() == name);
            if is_hidden { argument.hide(true) } else { argument }
        });
        let below: Vec<String> = command.get_subcommands().map(|below| below.get_name().to_owned()).collect();
        below.into_iter().fold(command, |command, name| command.mut_subcommand(name, RemoteArgs::hide))
    }
}

impl std::fmt::Debug for RemoteArgs {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RemoteArgs").field("server", &self.server).finish_non_exhaustive()
    }
}
