//! `ampule --help`: the subcommands under headings, which clap has no word for.

use std::fmt::Write as _;

use clap::{Command, CommandFactory as _, FromArgMatches as _};

use super::Cli;

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
        Cli::from_arg_matches(&matches).map_err(|error| error.format(&mut command))
    }
}

fn grouped(mut command: Command) -> Command {
    // Adds `help`, which has a description too.
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
    Cli::command().help_template(template)
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
}
