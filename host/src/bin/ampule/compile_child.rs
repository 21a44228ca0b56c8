//! `ampule compile-child`: compiles one program in a process that can be killed. Started by the runner, never by hand.
//!
//! Wasm comes from stdin, native code goes to stdout, and the exit code says whose fault it was.

use std::io;
use std::process::ExitCode;

use ampule::{Error, LoadError};
use rustix::process::{Resource, Rlimit, getrlimit, setpgid, setrlimit};

use crate::args::Metering;

/// Address space: some ten times what the largest honest program seen took.
const ADDRESS_SPACE_BYTES: u64 = 4 << 30;

/// Processor time, over all threads. The parent waits as long by the wall clock.
const CPU_SECONDS: u64 = 120;

/// Confines this process, then compiles.
pub(crate) fn run(metering: Metering) -> ExitCode {
    let compiled = confine()
        .and_then(|()| ampule::compile_child(metering == Metering::Metered, io::stdin().lock(), io::stdout().lock()));
    match compiled {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::from(ampule::refusal_status(&error))
        }
    }
}

fn confine() -> Result<(), LoadError> {
    let limited = lower(Resource::As, ADDRESS_SPACE_BYTES)
        .and_then(|()| lower(Resource::Cpu, CPU_SECONDS))
        .and_then(|()| lower(Resource::Core, 0))
        // Ctrl-C goes to a whole process group: a child that it killed would look like a program at fault.
        .and_then(|()| setpgid(None, None))
        .and_then(|()| die_with_parent());
    limited.map_err(|error| Error::Compiler(format!("the child could not limit itself: {error}")).into())
}

/// Nobody waits for a child whose parent has died.
#[cfg(target_os = "linux")]
fn die_with_parent() -> rustix::io::Result<()> {
    rustix::process::set_parent_process_death_signal(Some(rustix::process::Signal::KILL))
}

/// Elsewhere a child whose parent has died ends at the latest when it writes into the closed pipe.
#[cfg(not(target_os = "linux"))]
fn die_with_parent() -> rustix::io::Result<()> {
    Ok(())
}

/// Lowers a limit, soft and hard. One that is lower already stays.
fn lower(resource: Resource, most: u64) -> rustix::io::Result<()> {
    let limit = Some(getrlimit(resource).maximum.map_or(most, |hard| hard.min(most)));
    setrlimit(resource, Rlimit { current: limit, maximum: limit })
}
