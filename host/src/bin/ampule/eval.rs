//! `ampule eval`: one source string from its arguments to its exit code.

use std::path::Path;
use std::process::ExitCode;

use ampule::{Job, Language, Readiness, Runner};

use crate::args::{EvalArgs, JobArgs};
use crate::config::Config;
use crate::exit::Fault;
use crate::run::{Desk, Inputs, Notice, read_text};
use crate::{interpreters, on_server};

/// The language of a source that says nothing of it.
const DEFAULT_LANGUAGE: &str = "python";

/// File endings by which a language is known.
const ENDINGS: [(&str, &str); 4] =
    [("py", "python"), ("js", "javascript"), ("mjs", "javascript"), ("cjs", "javascript")];

/// Runs one source and reports it.
pub(crate) async fn run(args: Box<EvalArgs>, config: &Config) -> Result<ExitCode, Fault> {
    if let Some(server) = config.remote(None)? {
        return on_server::eval(&args, &server).await;
    }
    // Read before signals are caught, so that Ctrl-C ends a wait for stdin.
    let (name, text) = source(args.source.as_deref(), args.file.as_deref(), &args.job)?;
    let inputs = Inputs::read(&args.job)?;
    let language = args.language.as_deref().unwrap_or_else(|| language_of(args.file.as_deref()));
    let mut desk = Desk::open(&args.run.cache, config)?;
    interpreters::install(&desk.runner, config)?;
    let known = desk.runner.languages().into_iter().find(|known| known.name == language);
    let Some(known) = known else { return Err(unknown(language, &desk.runner)) };
    let (runner, notice) = (desk.runner.clone(), notice(&known));
    desk.wait(runner.prepare(language), notice, Some(known.digest)).await?;
    let job = inputs.fill(Job::source(language, text).name(name), &args.job, None)?;
    desk.finish(job, args.run.json).await
}

/// Said at a terminal if it takes long, and everywhere if the interpreter is compiled for the first time.
pub(crate) fn notice(language: &Language) -> Notice {
    let even_unwatched = language.readiness == Readiness::Uncompiled;
    Notice { what: format!("the interpreter for {}", language.name), even_unwatched }
}

pub(crate) fn unknown(language: &str, runner: &Runner) -> Fault {
    let known: Vec<String> = runner.languages().into_iter().map(|known| known.name).collect();
    let known = if known.is_empty() { "none".to_owned() } else { known.join(", ") };
    Fault::Usage(format!(
        "expected a language that is known here ({known}), found {language:?}\n  \
         `ampule interpreters` lists them and adds one"
    ))
}

/// The job's name and its text.
pub(crate) fn source(source: Option<&str>, file: Option<&Path>, job: &JobArgs) -> Result<(String, String), Fault> {
    if source == Some("-") || file == Some(Path::new("-")) {
        if job.kwargs.as_deref() == Some("-") || job.stdin.as_deref() == Some(Path::new("-")) {
            return Err(Fault::Usage("expected one use of stdin, found the source and another there".to_owned()));
        }
        return Ok((String::new(), read_text("SOURCE", Path::new("-"))?));
    }
    match (source, file) {
        (_, Some(file)) => {
            let name = file.file_name().unwrap_or_default().to_string_lossy().into_owned();
            Ok((name, read_text("--file", file)?))
        }
        (Some(text), None) => Ok((String::new(), text.to_owned())),
        (None, None) => Err(Fault::Usage("expected a SOURCE or `--file FILE`, found neither".to_owned())),
    }
}

pub(crate) fn language_of(file: Option<&Path>) -> &'static str {
    let ending = file.and_then(Path::extension).and_then(|ending| ending.to_str());
    let known = ENDINGS.iter().find(|(known, _)| Some(*known) == ending);
    known.map_or(DEFAULT_LANGUAGE, |(_, language)| language)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_files_ending_says_its_language() {
        for (file, language) in
            [(None, "python"), (Some("a.py"), "python"), (Some("b.mjs"), "javascript"), (Some("c"), "python")]
        {
            assert_eq!(language_of(file.map(Path::new)), language, "{file:?}");
        }
    }
}
