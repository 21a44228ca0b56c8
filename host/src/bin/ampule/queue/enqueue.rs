//! `ampule enqueue`: jobs from arguments or from a file of lines into the queue, all or none.

use std::process::ExitCode;

use ampule::queue::NewJob;

use super::programs::Programs;
use super::wait::{self, Waiting};
use super::{batch, open_or_make, terms};
use crate::args::EnqueueArgs;
use crate::config::Config;
use crate::exit::Fault;
use crate::{interpreters, report, wire};

pub(super) async fn run(args: &EnqueueArgs, config: &Config) -> Result<ExitCode, Fault> {
    let queue = open_or_make(&args.url, config).await?;
    let mut programs = Programs::new(&queue, config, &args.what.catalog);
    let jobs = match &args.batch {
        Some(file) => batch::read(file, &mut programs).await?,
        None => vec![one(args, &mut programs).await?],
    };
    if queue.server.is_none() {
        say_unknown_languages(&jobs, config)?;
    }
    programs.store().await?;
    let enqueued = queue.enqueue(jobs, None).await?;
    if args.wait {
        let waiting = Waiting { follow: true, deadline: None, json: args.json };
        let ids: Vec<_> = enqueued.iter().map(|job| job.id).collect();
        return wait::each(&*queue, &ids, &waiting).await;
    }
    if args.json {
        report::print_json(&match enqueued.as_slice() {
            [job] if args.batch.is_none() => wire::queue::enqueued(job),
            all => wire::queue::batch(all),
        })?;
        return Ok(ExitCode::SUCCESS);
    }
    let existed = enqueued.iter().filter(|job| job.existed).count();
    if existed > 0 {
        let note = format!("not stored, since its unique key was taken: {existed} of {}", enqueued.len());
        report::note(&mut anstream::stderr().lock(), &note);
    }
    report::print(&enqueued.iter().map(|job| format!("{}\n", job.id)).collect::<String>())?;
    Ok(ExitCode::SUCCESS)
}

async fn one(args: &EnqueueArgs, programs: &mut Programs<'_>) -> Result<NewJob, Fault> {
    let job = terms::new_job(&args.what, &args.job, &args.terms, programs).await?;
    let job = terms::starting(job, &args.start);
    job.check()?;
    Ok(job)
}

/// A job in a language that nobody knows would wait for ever, and nobody would say why.
fn say_unknown_languages(jobs: &[NewJob], config: &Config) -> Result<(), Fault> {
    let known = interpreters::known_languages(config)?;
    let mut said: Vec<&str> = Vec::new();
    for job in jobs.iter().filter_map(|job| job.payload.job()) {
        let ampule::ProgramRef::Language(language) = &job.program else { continue };
        if !known.contains(language) && !said.contains(&language.as_str()) {
            let note = format!("no interpreter for {language} is known here: the job waits for a worker that has one");
            report::note(&mut anstream::stderr().lock(), &note);
            said.push(language);
        }
    }
    Ok(())
}
