//! What may be written on the command line, as clap reads it.
//!
//! Each value is parsed by `values.rs` into a type that cannot be wrong; what needs the program, such as the types of
//! kwargs, is settled later.

use std::path::PathBuf;
use std::time::Duration;

use ampule::Directory;
use clap::{Args, Parser, Subcommand, ValueEnum};

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
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Run a program and print its value as JSON
    #[command(after_help = exit::TABLE)]
    Run(Box<RunArgs>),
    /// Say what a program is, what it may use, and whether it would be accepted
    #[command(after_help = exit::TABLE)]
    Inspect(InspectArgs),
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
    /// Print one JSON document that tells everything, whatever happens
    #[arg(long)]
    pub(crate) json: bool,
    /// Keep compiled programs in this directory
    ///
    /// Without it: $AMPULE_CACHE, or $XDG_CACHE_HOME/ampule.
    #[arg(long, value_name = "DIR")]
    pub(crate) cache: Option<PathBuf>,
    /// Compile anew and keep nothing
    #[arg(long, conflicts_with = "cache")]
    pub(crate) no_cache: bool,
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
        assert_eq!((args.args, args.json, args.seed), (vec!["--json".to_owned(), "-k".to_owned()], false, Some(7)));
    }
}
