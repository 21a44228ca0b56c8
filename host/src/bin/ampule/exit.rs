//! How the command ends: the exit codes, and why it may end before a job ran.

use std::future::Future;
use std::process::ExitCode;

use ampule::server::Code;
use ampule::{Digest, Error, Failure, Kind, LoadError, Outcome, queue};
use tokio::runtime::Runtime;

/// The job failed.
pub(crate) const FAILED: u8 = 1;
/// The command was not understood, or names what is not there. Clap's own number.
pub(crate) const USAGE: u8 = 2;
/// The job was refused before anything of it ran.
pub(crate) const REFUSED: u8 = 3;
/// The host could not do its part.
pub(crate) const HOST: u8 = 4;
/// A job that was waited for had not ended when the time was over.
pub(crate) const NOT_ENDED: u8 = 5;
/// A second Ctrl-C: 128 and the number of SIGINT, as shells have it.
pub(crate) const INTERRUPTED: i32 = 130;

/// The codes, for `--help`.
pub(crate) const TABLE: &str = "\
Exit codes:
  0  the job returned (inspect: the program would be accepted)
  1  the job failed: its own error, a panic, a trap, an exit status, a limit, a cancel
  2  the command was not understood
  3  refused before running: bad_program, bad_kwargs, denied
  4  the host failed";

/// The codes of `ampule test`, for its `--help`.
pub(crate) const TEST_TABLE: &str = "\
Exit codes:
  0  every case passed, or was skipped
  1  a case failed
  2  the command or a suite was not understood, a program is not there, or there is no suite
  4  the host failed";

/// The codes of what an author calls, for `--help`.
pub(crate) const AUTHOR_TABLE: &str = "\
Exit codes:
  0  done
  1  the job does not build, or a case of its suite failed
  2  the command was not understood, or names what is not there
  3  built, and the runner would refuse it
  4  the host failed, or lacks a tool";

/// The codes of `ampule enqueue`, for its `--help`.
pub(crate) const ENQUEUE_TABLE: &str = "\
Exit codes (with --wait: those of `ampule wait`):
  0  stored, or stored before under its unique key
  2  the command was not understood, or names what is not there
  3  refused before it was stored: bad_program, bad_kwargs
  4  the queue's database cannot be reached or has no room, or the queue takes no new jobs";

/// The codes of what looks at a queue or sets it, for `--help`.
pub(crate) const QUEUE_TABLE: &str = "\
Exit codes:
  0  done
  1  `queue check` found a fault
  2  the command was not understood, or names what is not there
  4  the queue's database cannot be reached, has no room, or cannot be read";

/// The codes of what changes jobs, for `--help`.
pub(crate) const CHANGE_TABLE: &str = "\
Exit codes:
  0  done: to every job that was named, or to all that passed, even if none did
  1  jobs that were named are in a state that does not allow it
  2  the command was not understood, or a job is not there
  4  the queue's database cannot be reached, has no room, or cannot be read";

/// The codes of `ampule wait`, for its `--help`.
pub(crate) const WAIT_TABLE: &str = "\
Exit codes (of several jobs: that of the first one that did not return):
  0  the job returned
  1  the job failed, expired, was lost or was cancelled
  2  the command was not understood, or a job is not there
  3  the job was refused before it ran: bad_program, bad_kwargs, denied
  4  the host failed, or the queue's database
  5  it had not ended when the time of --timeout was over, or nobody told by then";

/// The codes of `ampule work`, for its `--help`.
pub(crate) const WORK_TABLE: &str = "\
Exit codes:
  0  stopped as asked, or nothing is left to run
  1  with --until-empty: a job that it ran failed for good
  2  the command was not understood
  4  the host failed, or the queue's database cannot be reached
  130  a second signal: it left at once";

/// The codes of `ampule serve`, for its `--help`.
pub(crate) const SERVE_TABLE: &str = "\
Exit codes:
  0  stopped as asked
  2  the command or the configuration was not understood, or there is no token to listen beyond loopback with
  4  the address cannot be listened on, the host failed, or the queue's database cannot be reached
  130  a second signal: it left at once";

/// The codes of `ampule config`, for its `--help`.
pub(crate) const CONFIG_TABLE: &str = "\
Exit codes:
  0  done
  2  the command or the configuration was not understood";

/// Why there is no outcome.
#[derive(Debug)]
pub(crate) enum Fault {
    /// The command was not understood, or names what is not there.
    Usage(String),
    /// A job's sources are wrong: no program came of them.
    Build(String),
    /// The program was refused, or was not loaded before a signal came.
    Refused {
        failure: Box<Failure>,
        /// The program, where its bytes are known.
        program: Option<Digest>,
    },
    /// The host could not do its part.
    Host(anyhow::Error),
}

impl Fault {
    /// The same, of this program.
    pub(crate) fn of(self, program: Option<Digest>) -> Self {
        match self {
            Fault::Refused { failure, .. } => Fault::Refused { failure, program },
            other => other,
        }
    }

    /// The failure's kind, or the name of what no job can fail with.
    pub(crate) fn kind(&self) -> &'static str {
        match self {
            Fault::Usage(_) => "usage",
            Fault::Build(_) => "build",
            Fault::Refused { failure, .. } => failure.kind.as_str(),
            Fault::Host(_) => Kind::Host.as_str(),
        }
    }

    pub(crate) fn message(&self) -> String {
        match self {
            Fault::Usage(message) | Fault::Build(message) => message.clone(),
            Fault::Refused { failure, .. } => failure.message.clone(),
            Fault::Host(error) => format!("{error:#}"),
        }
    }

    pub(crate) fn exit_code(&self) -> ExitCode {
        ExitCode::from(match self {
            Fault::Usage(_) => USAGE,
            Fault::Build(_) => FAILED,
            Fault::Refused { failure, .. } => of_failure(failure),
            Fault::Host(_) => HOST,
        })
    }
}

impl From<Failure> for Fault {
    fn from(failure: Failure) -> Self {
        Fault::Refused { failure: Box::new(failure), program: None }
    }
}

impl From<Error> for Fault {
    fn from(error: Error) -> Self {
        match error {
            // What the library says of limits, kwargs and grants is what was written on the command line.
            Error::Limit { .. } | Error::Kwargs(_) | Error::Grant(_) | Error::UnknownLanguage { .. } => {
                Fault::Usage(error.to_string())
            }
            _ => Fault::Host(error.into()),
        }
    }
}

impl From<queue::Error> for Fault {
    fn from(error: queue::Error) -> Self {
        match error {
            // What was written on the command line, or names what is not there.
            queue::Error::Invalid { .. } | queue::Error::UnknownProgram(_) | queue::Error::Unsupported(_) => {
                Fault::Usage(error.to_string())
            }
            queue::Error::Refused { code, detail } => refused(&code, detail),
            _ => Fault::Host(error.into()),
        }
    }
}

/// What a server's refusal would have been here. A code that is not known, or none, is a usage that it does not take.
fn refused(code: &str, detail: String) -> Fault {
    match Code::ALL.iter().find(|known| known.as_str() == code) {
        Some(Code::BadProgram) => Failure::new(Kind::BadProgram, detail).into(),
        Some(Code::BadKwargs) => Failure::new(Kind::BadKwargs, detail).into(),
        Some(Code::Denied) => Failure::new(Kind::Denied, detail).into(),
        Some(Code::Unauthorized) => Fault::Usage(format!("{detail}\n  `--token-file` or $AMPULE_TOKEN says who asks")),
        Some(Code::Internal | Code::Draining) => Fault::Host(anyhow::anyhow!("the server: {detail}")),
        _ => Fault::Usage(detail),
    }
}

impl From<LoadError> for Fault {
    fn from(error: LoadError) -> Self {
        match error {
            LoadError::Refused(failure) => Fault::Refused { failure, program: None },
            LoadError::Host(error) => error.into(),
            other => Fault::Host(other.into()),
        }
    }
}

impl From<anyhow::Error> for Fault {
    fn from(error: anyhow::Error) -> Self {
        Fault::Host(error)
    }
}

/// The exit code of a run.
pub(crate) fn of_outcome(outcome: &Outcome) -> ExitCode {
    outcome.result.as_ref().map_or_else(|failure| ExitCode::from(of_failure(failure)), |_| ExitCode::SUCCESS)
}

fn of_failure(failure: &Failure) -> u8 {
    match failure.kind {
        Kind::Host => HOST,
        kind if kind.is_refusal() => REFUSED,
        _ => FAILED,
    }
}

/// Does a subcommand's work on a runtime of one thread: guests have threads of their own.
pub(crate) fn on_runtime(work: impl Future<Output = Result<ExitCode, Fault>>) -> Result<ExitCode, Fault> {
    started(tokio::runtime::Builder::new_current_thread().enable_all().build())?.block_on(work)
}

/// Does a subcommand's work on a runtime of so many threads.
pub(crate) fn on_threads(
    threads: usize,
    work: impl Future<Output = Result<ExitCode, Fault>>,
) -> Result<ExitCode, Fault> {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(threads).enable_all().build();
    let runtime = started(runtime)?;
    let ended = runtime.block_on(work);
    // What is left in a blocking call ends with the process.
    runtime.shutdown_background();
    ended
}

fn started(runtime: std::io::Result<Runtime>) -> Result<Runtime, Fault> {
    runtime.map_err(|error| anyhow::Error::new(error).context("the runtime could not be started").into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_kind_has_its_code() {
        for (kind, code) in [
            (Kind::Guest, FAILED),
            (Kind::TimedOut, FAILED),
            (Kind::Cancelled, FAILED),
            (Kind::BadProgram, REFUSED),
            (Kind::BadKwargs, REFUSED),
            (Kind::Denied, REFUSED),
            (Kind::Host, HOST),
        ] {
            assert_eq!(of_failure(&Failure::new(kind, "")), code, "{kind}");
        }
    }
}
