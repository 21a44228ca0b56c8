//! `ampule completions`: scripts by which shells complete the command, the arguments of programs included.
//!
//! What can follow `-k` is the program's to say, so the scripts ask the command itself, `ampule complete-kwargs LINE`.
//! A program is a stranger's: nothing is offered that a shell would read as more than a word.

use std::process::ExitCode;

use ampule::{Inspection, Parameter, ProgramLimits, Value};
use clap::{CommandFactory as _, Parser as _};
use clap_complete::Shell;

use crate::args::{Cli, Command, JobArgs, ProgramArgs, QueueCommand, SchedulesAction, WhatArgs};
use crate::config::Config;
use crate::exit::Fault;
use crate::program::Source;
use crate::{inspect, report};

const BASH: &str = include_str!("completions/kwargs.bash.txt");
const ZSH: &str = include_str!("completions/kwargs.zsh.txt");
const FISH: &str = include_str!("completions/kwargs.fish.txt");

/// The longest word that is offered.
const OFFERED_CHARS: usize = 128;

/// Prints the script of a shell.
pub(crate) fn run(shell: Shell) -> Result<ExitCode, Fault> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut shown(&Cli::command()), "ampule", &mut script);
    let mut script = String::from_utf8_lossy(&script).into_owned();
    script.push_str(match shell {
        Shell::Bash => BASH,
        Shell::Zsh => ZSH,
        Shell::Fish => FISH,
        // The others complete names of options, and not yet those of arguments.
        _ => "",
    });
    report::print(&script)?;
    Ok(ExitCode::SUCCESS)
}

/// The command without what is not for people, which the scripts would offer all the same.
fn shown(whole: &clap::Command) -> clap::Command {
    let subcommands = whole.get_subcommands().filter(|subcommand| !subcommand.is_hide_set()).cloned();
    clap::Command::new("ampule")
        .version(env!("CARGO_PKG_VERSION"))
        .args(whole.get_arguments().cloned())
        .subcommands(subcommands)
}

/// Prints how the last word of a line may go on, one a line; nothing if it is none that follows `-k`. Whatever is
/// wrong with the line is for the command to say once it is called.
pub(crate) fn kwargs(line: &str, config: &Config) -> Result<ExitCode, Fault> {
    let offered = offered(line, config).unwrap_or_default();
    report::print(&offered.iter().map(|word| format!("{word}\n")).collect::<String>())?;
    Ok(ExitCode::SUCCESS)
}

fn offered(line: &str, config: &Config) -> Option<Vec<String>> {
    let mut words = words(line);
    let begun = words.pop()?;
    (words.pop()? == "-k").then_some(())?;
    let (program, job) = program_and_job(Cli::try_parse_from(words).ok()?.command)?;
    let source = Source::find(&program, config).ok()?;
    let inspection = Inspection::of(&inspect::wasm(&source).ok()?, &ProgramLimits::default()).ok()?;
    let parameters = Parameter::all_of(inspection.kwargs_schema.as_ref()?);
    let given = |parameter: &Parameter| job.kwarg.iter().any(|(name, _)| *name == parameter.name);
    let all =
        parameters.iter().filter(|parameter| !given(parameter)).flat_map(|parameter| continuations(parameter, &begun));
    Some(all.filter(|word| is_plain(word) && word.starts_with(&begun)).collect())
}

/// The program whose arguments are completed, and what is given already.
fn program_and_job(command: Command) -> Option<(ProgramArgs, JobArgs)> {
    let of_what = |what: WhatArgs| {
        let program = what.what.filter(|_| what.language.is_none())?;
        Some(ProgramArgs { program, catalog: what.catalog })
    };
    match command {
        Command::Run(args) => Some((args.program, args.job)),
        Command::OfQueue(QueueCommand::Enqueue(args)) => Some((of_what(args.what)?, args.job)),
        Command::OfQueue(QueueCommand::Schedules(args)) => match args.action? {
            SchedulesAction::Add(args) => Some((of_what(args.what)?, args.job)),
            _ => None,
        },
        _ => None,
    }
}

/// `NAME=`, or `NAME=VALUE` for each value that is known once the name stands there.
fn continuations(parameter: &Parameter, begun: &str) -> Vec<String> {
    let name = &parameter.name;
    if !begun.contains('=') {
        return vec![format!("{name}=")];
    }
    let value = |value: &Value| match value {
        Value::String(text) => format!("{name}={text}"),
        other => format!("{name}={other}"),
    };
    parameter
        .choices
        .iter()
        .chain(parameter.default.as_ref().filter(|_| parameter.choices.is_empty()))
        .map(value)
        .collect()
}

/// Whether a shell takes it for one word and nothing else.
fn is_plain(word: &str) -> bool {
    word.len() <= OFFERED_CHARS && word.chars().all(|c| c.is_ascii_alphanumeric() || "_-.=/+,".contains(c))
}

/// The words of a line as a shell would part them, quotes taken off; the last may be empty. What a shell would put in
/// place of a word (variables, `~`) stays as it is written.
fn words(line: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let (mut quote, mut chars) = (None, line.trim_start().chars());
    while let Some(c) = chars.next() {
        let last = words.last_mut().expect("one word is there from the start");
        match (c, quote) {
            (c, Some(open)) if c == open => quote = None,
            ('\'' | '"', None) => quote = Some(c),
            ('\\', None | Some('"')) => last.extend(chars.next()),
            (c, None) if c.is_whitespace() => {
                if !last.is_empty() {
                    words.push(String::new());
                }
            }
            (c, _) => last.push(c),
        }
    }
    words
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_line_parts_as_in_a_shell() {
        for (line, parts) in [
            ("ampule run x -k ", vec!["ampule", "run", "x", "-k", ""]),
            ("ampule  run 'a b' -k x=", vec!["ampule", "run", "a b", "-k", "x="]),
            (r#"a "b \" c" d\ e"#, vec!["a", "b \" c", "d e"]),
            ("", vec![""]),
        ] {
            assert_eq!(words(line), parts, "{line}");
        }
    }

    #[test]
    fn a_name_goes_on_with_its_sign_and_then_with_its_values() {
        let schema = json!({ "properties": { "how": { "enum": ["a", "b"] }, "top": { "default": 10 }, "x": {} } });
        let all = |begun: &str| -> Vec<String> {
            Parameter::all_of(&schema).iter().flat_map(|parameter| continuations(parameter, begun)).collect()
        };
        assert_eq!(all(""), ["how=", "top=", "x="]);
        assert_eq!(all("how="), ["how=a", "how=b", "top=10"]);
    }

    #[test]
    fn nothing_is_offered_that_a_shell_would_obey() {
        assert!(is_plain("name=") && is_plain("how=a-b.c"));
        for word in ["$(reboot)=", "a b=", "a;b=", "`x`=", "a\n=", "ä=", "a'=", &"a".repeat(200)] {
            assert!(!is_plain(word), "{word}");
        }
    }
}
