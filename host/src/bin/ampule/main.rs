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
mod descriptors;
mod dev;
mod eval;
mod executable;
mod exit;
mod inspect;
mod interpreters;
mod job_help;
mod live;
mod log;
mod new;
mod on_server;
mod outlet;
mod printable;
mod program;
mod queue;
mod report;
mod run;
mod serve;
mod signals;
mod test;
mod typed_kwargs;
mod values;
mod wire;
mod workers;

use std::ffi::OsStr;
use std::process::ExitCode;

use crate::args::{Cli, Command, ServeArgs, WorkArgs};
use crate::config::Config;
use crate::exit::Fault;

fn main() -> ExitCode {
    let cli = match Cli::read() {
        Ok(cli) => cli,
        Err(error) => return misunderstood(&error),
    };
    let verbose = cli.verbose;
    if !matches!(cli.command, Command::Serve(_) | Command::Work(_)) {
        log::start(verbose);
    }
    let config = Config::from_environment().asking(cli.remote);
    if let Some(Err(fault)) = cli.local.map(|subcommand| config.refuse_server(subcommand)) {
        return refuse(&fault, false);
    }
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
        Command::Serve(args) => (false, serve(&args, verbose, &config)),
        Command::Config(args) => (args.json, config.print(&args)),
        Command::Work(args) => (false, work(&args, verbose, &config)),
        Command::OfQueue(command) => (command.json(), exit::on_runtime(queue::run(command, &config))),
        Command::CompleteKwargs { line } => (false, completions::kwargs(&line, &config)),
        Command::CompileChild { metering } => return compile_child::run(metering),
    };
    ended.unwrap_or_else(|fault| refuse(&fault, json))
}

/// The log of a service is as its configuration says, so it starts once that is read.
fn serve(args: &ServeArgs, verbose: bool, config: &Config) -> Result<ExitCode, Fault> {
    let service = config.server(args)?;
    log::start_service(service.log, verbose, false);
    if config.server_of_environment().is_some() {
        tracing::warn!(target: log::SERVICE, "$AMPULE_SERVER is set and not used: `ampule serve` is a server itself");
    }
    descriptors::raise();
    descriptors::warn_of_connections(service.server.settings.max_connections);
    exit::on_threads(service.server.threads, serve::run(service, config))
}

fn work(args: &WorkArgs, verbose: bool, config: &Config) -> Result<ExitCode, Fault> {
    let service = config.worker(&args.service)?;
    log::start_service(service.log, verbose, true);
    descriptors::raise();
    exit::on_runtime(queue::work(args, &service, config))
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
