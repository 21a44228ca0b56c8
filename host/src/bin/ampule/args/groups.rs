//! `ampule --help`: the subcommands under headings, which clap has no word for.

use std::fmt::Write as _;

use clap::{Command, CommandFactory as _, FromArgMatches as _};

use super::Cli;
use super::remote::{LOCAL, RemoteArgs};

/// Every subcommand that is shown, in the order in which it is shown.
const GROUPS: [(&str, &[&str]); 5] = [
    ("Run jobs here and now", &["run", "eval", "inspect", "interpreters"]),
    ("Write jobs", &["new", "build", "test", "dev"]),
    (
        "Jobs in a durable queue",
        &["enqueue", "list", "show", "wait", "cancel", "retry", "hold", "release", "run-now", "delete"],
    ),
    ("Serve a queue", &["serve", "work", "workers", "queues", "schedules", "tokens", "queue", "config"]),
    ("This command", &["completions", "help"]),
];

/// The column in which the descriptions begin.
const INDENT: usize = 16;

impl Cli {
    /// What stands on the command line.
    pub(crate) fn read() -> Result<Self, clap::Error> {
        let mut command = grouped(Cli::command());
        let matches = command.try_get_matches_from_mut(std::env::args_os())?;
        let mut cli = Cli::from_arg_matches(&matches).map_err(|error| error.format(&mut command))?;
        cli.local = matches.subcommand_name().and_then(|name| LOCAL.into_iter().find(|local| *local == name));
        Ok(cli)
    }

    /// The subcommands that a server may be asked for, as people list them.
    pub(crate) fn on_servers() -> String {
        let names =
            GROUPS.iter().flat_map(|(_, names)| *names).filter(|name| **name != "help" && !LOCAL.contains(name));
        names.map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
    }
}

fn grouped(mut command: Command) -> Command {
    // Adds `help`, which has a description too, and to each subcommand the options that all have.
    command.build();
    let (header, literal) = (*command.get_styles().get_header(), *command.get_styles().get_literal());
    let mut groups = String::new();
    for (title, names) in GROUPS {
        // Writing to a string cannot fail.
        let _ = writeln!(groups, "\n{header}{title}:{header:#}");
        for name in names {
            let about = command.find_subcommand(name).and_then(Command::get_about).map(ToString::to_string);
            let width = INDENT - 2;
            let _ = writeln!(groups, "  {literal}{name:<width$}{literal:#}{}", about.unwrap_or_default());
        }
    }
    let template = format!(
        "{{before-help}}{{about-with-newline}}\n{{usage-heading}} {{usage}}\n{groups}\n\
         {header}Options:{header:#}\n{{options}}{{after-help}}"
    );
    LOCAL
        .into_iter()
        .fold(command, |command, name| command.mut_subcommand(name, RemoteArgs::hide))
        .help_template(template)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_subcommand_that_is_shown_stands_in_one_group() {
        let mut command = Cli::command();
        command.build();
        let shown = command.get_subcommands().filter(|subcommand| !subcommand.is_hide_set());
        let mut shown: Vec<&str> = shown.map(Command::get_name).collect();
        let mut grouped: Vec<&str> = GROUPS.iter().flat_map(|(_, names)| *names).copied().collect();
        shown.sort_unstable();
        grouped.sort_unstable();
        assert_eq!(shown, grouped);
    }

    #[test]
    fn the_options_of_a_server_are_shown_where_they_mean_something() {
        let mut command = grouped(Cli::command());
        assert!(command.render_help().to_string().contains("--token-file"));
        for subcommand in command.get_subcommands_mut().filter(|subcommand| !subcommand.is_hide_set()) {
            let name = subcommand.get_name().to_owned();
            let is_shown = subcommand.render_long_help().to_string().contains("--server");
            let is_local = LOCAL.contains(&name.as_str()) || name == "help";
            assert_eq!(is_shown, !is_local, "{name}");
        }
        let queue = command.find_subcommand_mut("queue").and_then(|queue| queue.find_subcommand_mut("check"));
        assert!(!queue.expect("a subcommand").render_help().to_string().contains("--server"));
        let tokens = command.find_subcommand_mut("tokens").and_then(|tokens| tokens.find_subcommand_mut("create"));
        assert!(tokens.expect("a subcommand").render_help().to_string().contains("--server"));
        assert!(LOCAL.iter().all(|name| GROUPS.iter().any(|(_, names)| names.contains(name))));
    }
}
