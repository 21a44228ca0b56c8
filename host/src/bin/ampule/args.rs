//! What may be written on the command line, as clap reads it.
//!
//! Each value is parsed by `values.rs` into a type that cannot be wrong; what needs the program, such as the types of
//! kwargs, is settled later.

mod author;
mod groups;
#[cfg(test)]
mod packaging;
mod queue;
mod remote;
mod serve;

use std::path::PathBuf;
use std::time::Duration;

use ampule::Directory;
use clap::{Args, Parser, Subcommand, ValueEnum};

pub(crate) use self::author::{BuildArgs, DevArgs, JobLanguage, NewArgs, TestArgs, TestFormat};
pub(crate) use self::queue::*;
pub(crate) use self::remote::RemoteArgs;
pub(crate) use self::serve::{ConfigArgs, ConfigFileArgs, ServeArgs, ServiceArgs, WorkArgs};
use crate::{exit, values};

/// Runs jobs that nobody has to trust: WebAssembly programs, each sealed in a store of its own.
#[derive(Debug, Parser)]
#[command(name = "ampule", version, after_help = exit::TABLE, max_term_width = 120)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
    /// Tell on stderr what the runner does
    #[arg(short, long, global = true, display_order = 200)]
    pub(crate) verbose: bool,
    #[command(flatten)]
    pub(crate) remote: RemoteArgs,
    /// The name of the subcommand, if a server has no part in it.
    #[arg(skip)]
    pub(crate) local: Option<&'static str>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Run a program and print its value as JSON
    #[command(after_help = exit::TABLE)]
    Run(Box<RunArgs>),
    /// Run a source string and print its value as JSON
    #[command(after_help = exit::TABLE)]
    Eval(Box<EvalArgs>),
    /// Say what a program is, what it may use, and whether it would be accepted
    #[command(after_help = exit::TABLE)]
    Inspect(InspectArgs),
    /// Run suites of jobs, NAME.suite.toml, and say which cases failed
    #[command(after_help = exit::TEST_TABLE)]
    Test(Box<TestArgs>),
    /// Write a directory with a new job, its suite and a README
    #[command(after_help = exit::AUTHOR_TABLE)]
    New(NewArgs),
    /// Build a job into one program, and say whether it would be accepted
    #[command(after_help = exit::AUTHOR_TABLE)]
    Build(BuildArgs),
    /// Build a job and run its suites, again whenever a file changes
    #[command(after_help = exit::AUTHOR_TABLE)]
    Dev(DevArgs),
    /// Print the script that completes this command in a shell
    Completions {
        /// The shell
        shell: clap_complete::Shell,
    },
    /// List the interpreters of source strings, add one, or switch one off
    #[command(args_conflicts_with_subcommands = true, after_help = exit::TABLE)]
    Interpreters(InterpretersArgs),
    /// Serve HTTP in front of a queue, and run its jobs
    #[command(after_help = exit::SERVE_TABLE)]
    Serve(Box<ServeArgs>),
    /// Run the jobs of a queue until told to stop
    #[command(after_help = exit::WORK_TABLE)]
    Work(Box<WorkArgs>),
    /// Print how servers and workers are set up, and where each value comes from
    #[command(after_help = exit::CONFIG_TABLE)]
    Config(ConfigArgs),
    #[command(flatten)]
    OfQueue(QueueCommand),
    /// What the scripts of `completions` ask: how the last word of a line may go on
    #[command(hide = true)]
    CompleteKwargs {
        /// What stands on the command line, up to where it is to go on
        line: String,
    },
    /// What the runner starts to compile a program under limits of its own
    #[command(hide = true)]
    CompileChild {
        /// Whether the code counts fuel
        metering: Metering,
    },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Metering {
    Metered,
    Unmetered,
}

/// Which program.
#[derive(Debug, Args)]
pub(crate) struct ProgramArgs {
    /// A .wasm file, a .wat file, or a name from the catalog
    ///
    /// It is a path if it has a `/` in it or ends in .wasm or .wat. Any other is a name: NAME.wasm in a catalog.
    pub(crate) program: String,
    /// Look for names in this directory; may be repeated
    ///
    /// Without it: those in $AMPULE_CATALOG, separated by colons, or $XDG_DATA_HOME/ampule/catalog.
    #[arg(long, value_name = "DIR", display_order = 100)]
    pub(crate) catalog: Vec<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct RunArgs {
    #[command(flatten)]
    pub(crate) program: ProgramArgs,
    /// Print the program's own arguments and run nothing
    #[arg(long, conflicts_with = "json", display_order = 199)]
    pub(crate) help_job: bool,
    #[command(flatten)]
    pub(crate) job: JobArgs,
    #[command(flatten)]
    pub(crate) run: SingleRunArgs,
}

#[derive(Debug, Args)]
pub(crate) struct EvalArgs {
    /// The source text, or `-` for stdin
    #[arg(value_name = "SOURCE", required_unless_present = "file", conflicts_with = "file")]
    pub(crate) source: Option<String>,
    /// Read the source from this file, after which the job is named
    #[arg(short, long, value_name = "FILE")]
    pub(crate) file: Option<PathBuf>,
    /// The source's language [default: by the file's ending (.py, .js, .mjs), else python]
    #[arg(short, long, value_name = "NAME")]
    pub(crate) language: Option<String>,
    #[command(flatten)]
    pub(crate) job: JobArgs,
    #[command(flatten)]
    pub(crate) run: SingleRunArgs,
}

/// How a single run is done and told.
#[derive(Debug, Args)]
pub(crate) struct SingleRunArgs {
    /// Print one JSON document that tells everything, whatever happens
    #[arg(long)]
    pub(crate) json: bool,
    #[command(flatten)]
    pub(crate) cache: CacheArgs,
}

#[derive(Debug, Args)]
pub(crate) struct InterpretersArgs {
    #[command(subcommand)]
    pub(crate) action: Option<InterpretersAction>,
    /// Print one JSON document
    #[arg(long)]
    pub(crate) json: bool,
    #[command(flatten)]
    pub(crate) cache: CacheArgs,
}

#[derive(Debug, Subcommand)]
pub(crate) enum InterpretersAction {
    /// Add an interpreter, in place of the one that its language had
    Add {
        /// The language, as `ampule eval -l` names it
        #[arg(value_name = "NAME", value_parser = values::language)]
        language: String,
        /// A component of world `ampule:job/interpreter`, or a core module that reads `ampule.source_read`
        file: PathBuf,
    },
    /// Take away an interpreter that was added; a carried one of the same language serves again
    Remove {
        /// The language
        #[arg(value_name = "NAME", value_parser = values::language)]
        language: String,
    },
    /// Switch a language off
    Disable {
        /// The language
        #[arg(value_name = "NAME", value_parser = values::language)]
        language: String,
    },
    /// Switch a language on again
    Enable {
        /// The language
        #[arg(value_name = "NAME", value_parser = values::language)]
        language: String,
    },
    /// Compile interpreters now, so that no job waits for it
    Prepare {
        /// The languages [default: all]
        #[arg(value_name = "NAME", value_parser = values::language)]
        languages: Vec<String>,
    },
}

/// Where compiled programs are kept.
#[derive(Debug, Args)]
pub(crate) struct CacheArgs {
    /// Keep compiled programs in this directory
    ///
    /// Without it: $AMPULE_CACHE, or $XDG_CACHE_HOME/ampule.
    #[arg(long, value_name = "DIR")]
    pub(crate) cache: Option<PathBuf>,
    /// Compile anew and keep nothing
    #[arg(long, conflicts_with = "cache")]
    pub(crate) no_cache: bool,
}

/// What a job is given, and its limits.
#[derive(Debug, Default, Args)]
pub(crate) struct JobArgs {
    /// Give one named argument; may be repeated
    ///
    /// The value is JSON if it reads as JSON, and a string otherwise. Where the program's schema wants a string, it is
    /// a string as it stands.
    #[arg(short = 'k', value_name = "NAME=VALUE", value_parser = values::kwarg)]
    pub(crate) kwarg: Vec<(String, String)>,
    /// Give all named arguments as a JSON object; -k goes on top. `@FILE` reads a file, `-` stdin
    #[arg(long, value_name = "JSON|@FILE|-")]
    pub(crate) kwargs: Option<String>,
    /// Stop the job after this long: 5s, 500ms, 2m, 1h, or seconds [default: 10s]
    #[arg(long, value_name = "TIME", value_parser = values::duration)]
    pub(crate) timeout: Option<Duration>,
    /// Stop the job after this much fuel, about one unit an instruction [default: no limit]
    #[arg(long, value_name = "UNITS", value_parser = values::fuel)]
    pub(crate) fuel: Option<u64>,
    /// Refuse it more memory than this: 64MiB, 1GiB, or bytes [default: 256MiB]
    #[arg(long, value_name = "SIZE", value_parser = values::size)]
    pub(crate) memory: Option<u64>,
    /// Open a directory for it, to look only, or with `:rw` to change; may be repeated
    ///
    /// The job sees it as GUEST, by default `/` and the directory's own name: `--dir jobs/input` is `/input`,
    /// `--dir jobs/input::/data` is `/data`, `--dir out::/out:rw` may be written.
    #[arg(long, value_name = "HOST[::GUEST][:rw]", value_parser = values::directory)]
    pub(crate) dir: Vec<Directory>,
    /// Set an environment variable; nothing is inherited; may be repeated
    #[arg(long, value_name = "NAME=VALUE", value_parser = values::variable)]
    pub(crate) env: Vec<(String, String)>,
    /// Give this file, or `-` for stdin, as its standard input; without it the kwargs stand there
    #[arg(long, value_name = "FILE|-")]
    pub(crate) stdin: Option<PathBuf>,
    /// Make the run repeatable: a clock of its own and random bytes from this seed
    #[arg(long, value_name = "NUMBER")]
    pub(crate) seed: Option<u64>,
    /// What the program gets as its own arguments
    #[arg(last = true, value_name = "ARGS")]
    pub(crate) args: Vec<String>,
}

#[derive(Debug, Args)]
pub(crate) struct InspectArgs {
    #[command(flatten)]
    pub(crate) program: ProgramArgs,
    /// Print one JSON document
    #[arg(long)]
    pub(crate) json: bool,
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn the_description_is_sound() {
        Cli::command().debug_assert();
    }

    #[test]
    fn what_comes_after_two_dashes_is_the_programs() {
        let cli = Cli::try_parse_from(["ampule", "run", "x", "--seed", "7", "--", "--json", "-k"]).expect("valid");
        let Command::Run(args) = cli.command else { panic!("another command") };
        let (job, json) = (args.job, args.run.json);
        assert_eq!((job.args, json, job.seed), (vec!["--json".to_owned(), "-k".to_owned()], false, Some(7)));
    }
}
