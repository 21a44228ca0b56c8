//! `ampule enqueue --batch`: a job from each line of a file, or none at all.
//!
//! A line is a JSON object whose fields are named as the options are; each is read by the option's own parser.

mod fields;

use std::path::{Path, PathBuf};

use ampule::queue::NewJob;

use self::fields::Fields;
use super::programs::Programs;
use super::terms;
use crate::args::{JobArgs, StartArgs, TermsArgs, WhatArgs};
use crate::exit::Fault;
use crate::run::read_text;
use crate::values;

/// What a queue takes in one call, and so in one transaction.
const MAX_JOBS: usize = 10_000;

/// The jobs of a file, or of stdin for `-`.
///
/// # Errors
/// Whatever is wrong with the first line that is not right, with its number.
pub(super) async fn read(file: &Path, programs: &mut Programs<'_>) -> Result<Vec<NewJob>, Fault> {
    let text = read_text("--batch", file)?;
    let mut jobs = Vec::new();
    for (index, line) in text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty()) {
        if jobs.len() == MAX_JOBS {
            return Err(Fault::Usage(format!("--batch: expected at most {MAX_JOBS} jobs at a time, found more")));
        }
        jobs.push(job(line, programs).await.map_err(|fault| at_line(index + 1, fault))?);
    }
    Ok(jobs)
}

fn at_line(number: usize, fault: Fault) -> Fault {
    let place = format!("--batch: line {number}");
    match fault {
        Fault::Usage(message) => Fault::Usage(format!("{place}: {message}")),
        Fault::Refused { mut failure, program } => {
            failure.message = format!("{place}: {}", failure.message);
            Fault::Refused { failure, program }
        }
        other => other,
    }
}

async fn job(line: &str, programs: &mut Programs<'_>) -> Result<NewJob, Fault> {
    let line = Line::parse(line).map_err(Fault::Usage)?;
    if terms::reads_stdin(&line.what, &line.job) {
        return Err(Fault::Usage("expected files, found `-` for stdin, which a line cannot read".to_owned()));
    }
    let job = terms::starting(terms::new_job(&line.what, &line.job, &line.terms, programs).await?, &line.start);
    job.check()?;
    Ok(job)
}

/// A line, as if it had been written as arguments.
struct Line {
    what: WhatArgs,
    job: JobArgs,
    terms: TermsArgs,
    start: StartArgs,
}

impl Line {
    fn parse(line: &str) -> Result<Self, String> {
        let mut fields = Fields::parse(line)?;
        let line = Line {
            what: what(&mut fields)?,
            job: self::job_args(&mut fields)?,
            terms: self::terms(&mut fields)?,
            start: start(&mut fields)?,
        };
        fields.end()?;
        Ok(line)
    }
}

fn what(fields: &mut Fields) -> Result<WhatArgs, String> {
    let program = fields.text("program")?;
    let source = fields.text("source")?;
    let file = fields.text("file")?.map(PathBuf::from);
    let language = fields.parsed("language", values::language)?;
    let what = match (program, source, &file) {
        (Some(program), None, None) if language.is_none() => program,
        (None, Some(source), None) if language.is_some() => source,
        (None, None, Some(_)) => return Ok(WhatArgs { file, language, ..WhatArgs::default() }),
        _ => return Err("expected either `program`, or `source` with `language`, or `file`".to_owned()),
    };
    Ok(WhatArgs { what: Some(what), language, ..WhatArgs::default() })
}

fn job_args(fields: &mut Fields) -> Result<JobArgs, String> {
    Ok(JobArgs {
        kwarg: Vec::new(),
        kwargs: fields.object("kwargs")?,
        timeout: fields.parsed("timeout", values::duration)?,
        fuel: fields.parsed("fuel", values::fuel)?,
        memory: fields.parsed("memory", values::size)?,
        dir: fields.list("dir", values::directory)?,
        env: fields.pairs("env")?,
        stdin: fields.text("stdin")?.map(PathBuf::from),
        seed: fields.parsed("seed", number)?,
        args: fields.list("args", |text| Ok(text.to_owned()))?,
    })
}

fn terms(fields: &mut Fields) -> Result<TermsArgs, String> {
    Ok(TermsArgs {
        name: fields.text("name")?,
        on: fields.text("on")?,
        priority: fields.parsed("priority", number)?,
        tenant: fields.text("tenant")?,
        tag: fields.list("tag", |text| Ok(text.to_owned()))?,
        start_before: fields.parsed("start_before", values::span)?,
        attempts: fields.parsed("attempts", number)?,
        backoff: fields.parsed("backoff", values::backoff)?,
        retry_on: fields.list("retry_on", str::parse)?,
        at_return: fields.text("at_return")?,
        at_return_kwargs: fields.object("at_return_kwargs")?,
        at_err: fields.text("at_err")?,
        at_err_kwargs: fields.object("at_err_kwargs")?,
    })
}

fn start(fields: &mut Fields) -> Result<StartArgs, String> {
    let start = StartArgs {
        delay: fields.parsed("delay", values::span)?,
        at: fields.parsed("at", values::moment)?,
        hold: fields.flag("hold")?,
        unique: fields.text("unique")?,
        unique_for: fields.parsed("unique_for", values::span)?,
        unique_while_unfinished: fields.flag("unique_while_unfinished")?,
    };
    if start.delay.is_some() && start.at.is_some() {
        return Err("expected `delay` or `at`, found both".to_owned());
    }
    let scopes = [start.unique_for.is_some(), start.unique_while_unfinished];
    match (start.unique.is_some(), scopes) {
        (false, [true, _] | [_, true]) => Err("expected `unique` with a scope of it, found the scope alone".to_owned()),
        (_, [true, true]) => Err("expected `unique_for` or `unique_while_unfinished`, found both".to_owned()),
        _ => Ok(start),
    }
}

fn number<T: std::str::FromStr>(text: &str) -> Result<T, String> {
    text.parse().map_err(|_| format!("expected a whole number within its bounds, found {text:?}"))
}
