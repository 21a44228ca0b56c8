//! `ampule dev`: builds a job and runs its suites, and does both again whenever a file changes.
//!
//! Building and testing are calls of this same command, so that what is shown is what they show. Files are watched by
//! looking: their times and sizes are compared a few times a second, which costs nothing beside a build. A change while
//! a call is under way stops that call.

mod watch;

use std::ffi::OsString;
use std::io::IsTerminal as _;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitCode, ExitStatus, Stdio};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process_group};

use self::watch::{Seen, Watched};
use crate::args::DevArgs;
use crate::build::{Kind, Project};
use crate::config::Config;
use crate::exit::{self, Fault};
use crate::signals::Signals;
use crate::{executable, report};

/// How often files and calls are looked at.
const LOOK_EVERY: Duration = Duration::from_millis(200);

/// Builds and tests, until somebody ends it.
pub(crate) async fn run(args: DevArgs, config: &Config) -> Result<ExitCode, Fault> {
    let mut signals = Signals::catch()?;
    let plan = Plan::of(&args, config)?;
    if args.once {
        return tokio::select! {
            biased;
            () = signals.asked_to_stop() => Ok(ExitCode::SUCCESS),
            ended = plan.run(None) => Ok(ended?.map_or(ExitCode::SUCCESS, ExitCode::from)),
        };
    }
    tokio::select! {
        biased;
        () = signals.asked_to_stop() => Ok(ExitCode::SUCCESS),
        fault = plan.run_for_ever() => Err(fault),
    }
}

/// What is called, and when again.
struct Plan {
    calls: Vec<Vec<OsString>>,
    watched: Watched,
}

impl Plan {
    fn of(args: &DevArgs, config: &Config) -> Result<Self, Fault> {
        let (project, suites) = (project(&args.path)?, suites(&args.path));
        let mut calls = Vec::new();
        if project.as_ref().is_some_and(|project| matches!(project.kind, Kind::Crate | Kind::C)) {
            calls.push(vec!["build".into(), "--".into(), args.path.clone().into()]);
        }
        let mut test: Vec<OsString> = vec!["test".into()];
        for catalog in &args.catalog {
            test.extend(["--catalog".into(), catalog.clone().into()]);
        }
        if let Some(cache) = &args.cache.cache {
            test.extend(["--cache".into(), cache.clone().into()]);
        }
        if args.cache.no_cache {
            test.push("--no-cache".into());
        }
        test.extend(["--".into(), suites.into()]);
        calls.push(test);
        let builds = calls.len() > 1;
        let directory = if args.path.is_dir() { args.path.clone() } else { beside(&args.path) };
        Ok(Plan { calls, watched: Watched { directory, programs: !builds, cache: config.cache(&args.cache) } })
    }

    async fn run_for_ever(&self) -> Fault {
        let mut seen = self.watched.look();
        loop {
            clear();
            if let Err(fault) = self.run(Some(&seen)).await {
                return fault;
            }
            let mut stderr = anstream::stderr().lock();
            report::note(&mut stderr, &format!("watching {} files; Ctrl-C ends it", seen.len()));
            drop(stderr);
            seen = self.changed(seen).await;
        }
    }

    /// Makes the calls in turn, as far as they end well. Gives the code of the last; none if a file changed meanwhile.
    async fn run(&self, seen: Option<&Seen>) -> Result<Option<u8>, Fault> {
        let mut code = 0;
        for arguments in &self.calls {
            let mut call = Call::start(arguments)?;
            let status = loop {
                if let Some(status) = call.ended()? {
                    break status;
                }
                tokio::time::sleep(LOOK_EVERY).await;
                if seen.is_some_and(|seen| self.watched.look() != *seen) {
                    return Ok(None);
                }
            };
            code = status.code().and_then(|code| u8::try_from(code).ok()).unwrap_or(exit::HOST);
            if code != 0 {
                break;
            }
        }
        Ok(Some(code))
    }

    /// Waits until something is other than it was, and then until nothing changes any more: an editor writes in steps.
    async fn changed(&self, mut seen: Seen) -> Seen {
        let mut differs = false;
        loop {
            tokio::time::sleep(LOOK_EVERY).await;
            let now = self.watched.look();
            if now != seen {
                (seen, differs) = (now, true);
            } else if differs {
                return seen;
            }
        }
    }
}

/// The job at a path; none where there are only suites.
fn project(path: &Path) -> Result<Option<Project>, Fault> {
    match Project::at(path) {
        Ok(project) => Ok(Some(project)),
        Err(_) if path.is_dir() || is_suite(path) => Ok(None),
        Err(fault) => Err(fault),
    }
}

fn is_suite(path: &Path) -> bool {
    path.is_file() && path.to_str().is_some_and(|path| path.ends_with(".suite.toml"))
}

/// What `ampule test` is given: the suite beside a file, or all in its directory.
fn suites(path: &Path) -> PathBuf {
    if path.is_dir() || is_suite(path) {
        return path.to_owned();
    }
    let own = path.with_extension("suite.toml");
    if own.is_file() { own } else { beside(path) }
}

fn beside(file: &Path) -> PathBuf {
    let parent = file.parent().filter(|parent| !parent.as_os_str().is_empty());
    parent.map_or_else(|| PathBuf::from("."), Path::to_owned)
}

/// Empties the terminal, if it is one.
fn clear() {
    if std::io::stdout().is_terminal() {
        // That stdout is gone shows in the calls.
        let _ = report::print("\u{1b}[2J\u{1b}[3J\u{1b}[H");
    }
}

/// A call of this command, in a process group of its own; stopped, with all that it started, when it is dropped.
struct Call(Child);

impl Call {
    fn start(arguments: &[OsString]) -> Result<Self, Fault> {
        let host = |error| Fault::from(anyhow::Error::new(error).context("this executable"));
        let mut command = Command::new(executable::path()?);
        // What it says of its usage names it so.
        command.arg0("ampule").args(arguments).stdin(Stdio::null()).process_group(0);
        command.spawn().map(Call).map_err(host)
    }

    fn ended(&mut self) -> Result<Option<ExitStatus>, Fault> {
        self.0.try_wait().map_err(|error| anyhow::Error::new(error).context("a call of this command").into())
    }
}

impl Drop for Call {
    fn drop(&mut self) {
        if let (Ok(None), Some(group)) = (self.0.try_wait(), Pid::from_raw(self.0.id().cast_signed())) {
            // Gone already is as good as stopped. KILL, since a call that waits for its own child would not end at once.
            let _ = kill_process_group(group, Signal::KILL);
            let _ = self.0.wait();
        }
    }
}
