//! The arguments of what an author of jobs calls: `test`, `new`, `build`, `dev`.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

use super::CacheArgs;

#[derive(Debug, Args)]
pub(crate) struct TestArgs {
    /// Suites, or directories with suites in them or below
    #[arg(value_name = "PATH", default_value = ".")]
    pub(crate) paths: Vec<PathBuf>,
    /// Only cases with this text in SUITE::NAME, as --list shows them; may be repeated
    #[arg(long, value_name = "TEXT")]
    pub(crate) filter: Vec<String>,
    /// Print the cases and run none
    #[arg(long, conflicts_with_all = ["repro", "bless"])]
    pub(crate) list: bool,
    /// Print the command that repeats each case and run none
    #[arg(long, conflicts_with = "bless")]
    pub(crate) repro: bool,
    /// Write snapshots and fuel of the cases that pass, as what is expected from now on
    #[arg(long)]
    pub(crate) bless: bool,
    /// How the report is written
    #[arg(long, value_name = "FORMAT", default_value = "human")]
    pub(crate) format: TestFormat,
    /// How many cases run at once [default: one for each processor]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=256))]
    pub(crate) jobs: Option<u16>,
    /// Start no more cases when one failed
    #[arg(long)]
    pub(crate) fail_fast: bool,
    /// Run a case that failed up to N times more
    #[arg(long, value_name = "N", default_value = "0", value_parser = clap::value_parser!(u32).range(0..=100))]
    pub(crate) retries: u32,
    /// Look for programs by name in this directory; may be repeated
    ///
    /// Without it: those in $AMPULE_CATALOG, separated by colons, or $XDG_DATA_HOME/ampule/catalog.
    #[arg(long, value_name = "DIR", display_order = 100)]
    pub(crate) catalog: Vec<PathBuf>,
    #[command(flatten)]
    pub(crate) cache: CacheArgs,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum TestFormat {
    /// For people: failures first
    Human,
    /// JUnit's XML, which most servers of continuous integration read
    Junit,
    /// One JSON document that tells everything
    Json,
    /// The Test Anything Protocol, version 14
    Tap,
    /// As for people, with the failures as annotations of GitHub Actions
    Github,
}

#[derive(Debug, Args)]
pub(crate) struct NewArgs {
    /// The job's name, or the path of its directory, which ends in the name
    #[arg(value_name = "NAME")]
    pub(crate) name: String,
    /// The language that it is written in
    #[arg(long, value_name = "LANGUAGE", default_value = "rust")]
    pub(crate) lang: JobLanguage,
    /// Depend on the crate `ampule-guest` in this directory, not on the published one
    #[arg(long, value_name = "DIR")]
    pub(crate) sdk_path: Option<PathBuf>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum JobLanguage {
    Rust,
    Python,
    Javascript,
    C,
}

impl JobLanguage {
    /// As people write it.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            JobLanguage::Rust => "Rust",
            JobLanguage::Python => "Python",
            JobLanguage::Javascript => "JavaScript",
            JobLanguage::C => "C",
        }
    }
}

#[derive(Debug, Args)]
pub(crate) struct BuildArgs {
    /// A crate's directory, a file in C, Python or JavaScript, or a directory with one such file in it
    #[arg(value_name = "PATH", default_value = ".")]
    pub(crate) path: PathBuf,
    /// Write the program here [default: NAME.wasm in the job's directory]
    #[arg(short, long, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
    /// Which program of a crate that has several
    #[arg(long, value_name = "NAME")]
    pub(crate) bin: Option<String>,
    /// Build a crate with a profile of its own, in place of the one for jobs
    #[arg(long, value_name = "NAME")]
    pub(crate) profile: Option<String>,
    /// Print one JSON document
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct DevArgs {
    /// What is watched, built and tested, as `ampule build` takes it
    #[arg(value_name = "PATH", default_value = ".")]
    pub(crate) path: PathBuf,
    /// Build and test once, and end as they did
    #[arg(long)]
    pub(crate) once: bool,
    /// Look for programs by name in this directory; may be repeated
    #[arg(long, value_name = "DIR", display_order = 100)]
    pub(crate) catalog: Vec<PathBuf>,
    #[command(flatten)]
    pub(crate) cache: CacheArgs,
}
