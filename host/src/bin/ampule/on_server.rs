//! `ampule run` and `ampule eval` on a server: the program goes there if it lies here, the job is run there, and its end
//! is told as that of a run here.

use std::process::ExitCode;

use ampule::remote::RemoteOptions;
use ampule::{Failure, Job, Kind};

use crate::args::{EvalArgs, RunArgs};
use crate::config::Config;
use crate::exit::{self, Fault};
use crate::queue::Opened;
use crate::queue::programs::Programs;
use crate::run::{self, Inputs};
use crate::signals::Signals;
use crate::{eval, job_help, report};

/// Runs one job of a program: of a file here, which is stored on the server first, or of one that the server has.
pub(crate) async fn run(args: &RunArgs, options: &RemoteOptions, config: &Config) -> Result<ExitCode, Fault> {
    let server = Opened::on(options)?;
    let mut programs = Programs::new(&server, config, &args.program.catalog);
    if args.help_job {
        let found = programs.find(&args.program.program).await?;
        return job_help::tell(&found.name, found.inspection.as_ref());
    }
    let inputs = Inputs::read(&args.job)?;
    let mut signals = Signals::catch()?;
    let found = unless_stopped(&mut signals, programs.find(&args.program.program)).await??;
    let job = inputs.fill(found.job(), &args.job, found.kwargs_schema())?;
    found.check(&job.kwargs)?;
    unless_stopped(&mut signals, programs.store()).await??;
    finish(&server, &job, found.inspection.is_none(), args.run.json, &mut signals).await
}

/// Runs one source.
pub(crate) async fn eval(args: &EvalArgs, options: &RemoteOptions) -> Result<ExitCode, Fault> {
    let server = Opened::on(options)?;
    let (name, text) = eval::source(args.source.as_deref(), args.file.as_deref(), &args.job)?;
    let inputs = Inputs::read(&args.job)?;
    let mut signals = Signals::catch()?;
    let language = args.language.as_deref().unwrap_or_else(|| eval::language_of(args.file.as_deref()));
    let job = inputs.fill(Job::source(language, text).name(name), &args.job, None)?;
    finish(&server, &job, true, args.run.json, &mut signals).await
}

/// Runs the job and reports it. Dropped by a signal, the request takes the run with it.
async fn finish(
    server: &Opened,
    job: &Job,
    is_source: bool,
    json: bool,
    signals: &mut Signals,
) -> Result<ExitCode, Fault> {
    let mut outcome = unless_stopped(signals, server.run(job)).await??;
    if let (true, false, Err(failure)) = (is_source, json, &mut outcome.result) {
        // Of a source it shows the interpreter's functions, in which nobody looks for the fault.
        failure.backtrace = None;
    }
    if !json {
        let mut stderr = anstream::stderr().lock();
        outcome.output.logs.iter().for_each(|line| report::log_line(&mut stderr, line));
    }
    run::report(&outcome, json)?;
    Ok(exit::of_outcome(&outcome))
}

async fn unless_stopped<T>(signals: &mut Signals, work: impl Future<Output = T>) -> Result<T, Fault> {
    tokio::select! {
        biased;
        () = signals.asked_to_stop() => Err(Failure::new(Kind::Cancelled, "stopped by a signal").into()),
        done = work => Ok(done),
    }
}
