//! The command `ampule`: runs and inspects sealed jobs and source strings from a shell.
//!
//! Parses the arguments, hands them to the file named after the subcommand, and turns what comes back into an exit
//! code. Data goes to stdout, everything else to stderr.

mod args;
mod backtrace;
mod build;
mod compile_child;
mod completions;
mod config;
mod dev;
mod eval;
mod exit;
mod inspect;
mod interpreters;
mod job_help;
mod live;
mod new;
mod printable;
mod program;
mod queue;
mod report;
mod run;
mod signals;
mod test;
mod typed_kwargs;
mod values;
mod wire;

use std::ffi::OsStr;
use std::process::ExitCode;

use anstream::{AutoStream, ColorChoice};
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;

use crate::args::{Cli, Command, QueueCommand};
use crate::config::Config;
use crate::exit::Fault;

fn main() -> ExitCode {
    let cli = match Cli::read() {
        Ok(cli) => cli,
        Err(error) => return misunderstood(&error),
    };
    log_to_stderr(&cli);
    let config = Config::from_environment();
    let (json, ended) = match cli.command {
        Command::Run(args) => (args.run.json, exit::on_runtime(run::run(args, &config))),
        Command::Eval(args) => (args.run.json, exit::on_runtime(eval::run(args, &config))),
        // Its own document tells of a refusal too.
        Command::Test(args) => (false, exit::on_runtime(test::run(args, &config))),
        Command::Interpreters(args) => (args.json, exit::on_runtime(interpreters::run(args, &config))),
        Command::Inspect(args) => (args.json, exit::on_runtime(inspect::run(args, &config))),
        Command::New(args) => (false, new::run(&args)),
        Command::Build(args) => (args.json, build::run(args)),
        Command::Dev(args) => (false, exit::on_runtime(dev::run(args, &config))),
        Command::Completions { shell } => (false, completions::run(shell)),
        Command::OfQueue(command) => (command.json(), exit::on_runtime(queue::run(command, &config))),
        Command::CompleteKwargs { line } => (false, completions::kwargs(&line, &config)),
        Command::CompileChild { metering } => return compile_child::run(metering),
    };
    ended.unwrap_or_else(|fault| refuse(&fault, json))
}

/// Says on stderr why nothing ran, and on stdout too if the caller reads documents.
fn refuse(fault: &Fault, json: bool) -> ExitCode {
    if json {
        // A second fault has nowhere better to go than the exit code, which says that it failed already.
        let _ = report::print_json(&wire::refused(fault));
    }
    report::fault(&mut anstream::stderr().lock(), fault);
    fault.exit_code()
}

/// What clap refuses or answers by itself: `--help`, `--version`, and arguments that it cannot read.
fn misunderstood(error: &clap::Error) -> ExitCode {
    // Writing to a closed pipe is the reader's choice.
    let _ = error.print();
    if !error.use_stderr() {
        return ExitCode::SUCCESS;
    }
    let wants_json = std::env::args_os().take_while(|text| text != OsStr::new("--")).any(|text| text == "--json");
    if wants_json {
        let text = error.render().to_string();
        let message = text.lines().next().unwrap_or_default().trim_start_matches("error: ").to_owned();
        let _ = report::print_json(&wire::refused(&Fault::Usage(message)));
    }
    ExitCode::from(exit::USAGE)
}

fn log_to_stderr(cli: &Cli) {
    let ours = if cli.verbose { LevelFilter::DEBUG } else { LevelFilter::ERROR };
    let filter = Targets::new().with_target("ampule", ours).with_default(LevelFilter::ERROR);
    let filter = match &cli.command {
        // It has a line of its own for each job that ends.
        Command::OfQueue(QueueCommand::Work(_)) if !cli.verbose => {
            filter.with_target("ampule::worker::attempt", LevelFilter::OFF)
        }
        _ => filter,
    };
    let lines = tracing_subscriber::fmt::layer()
        .with_writer(std::io::stderr)
        .with_ansi(AutoStream::choice(&std::io::stderr()) != ColorChoice::Never)
        .with_target(false);
    tracing_subscriber::registry().with(filter).with(lines).init();
}
