//! Loads what the chosen cases run: each program once, each interpreter once, shared by all cases.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use ampule::suite::{Loaded, Runnable, Selected, Subject, Suite, built_by};

use crate::args::{ProgramArgs, TestArgs};
use crate::config::Config;
use crate::eval::{self, language_of};
use crate::exit::Fault;
use crate::interpreters;
use crate::program::{Content, Source};
use crate::run::{self, Desk, Notice};

/// The chosen cases with what they run.
///
/// # Errors
/// [`Fault::Usage`] with the place in the suite for a program or a language that is not there. A program that is there
/// and refused is no fault: its cases fail, unless that is what they expect.
pub(super) async fn load(
    desk: &mut Desk,
    suites: &[Suite],
    chosen: &[(usize, usize)],
    args: &TestArgs,
    config: &Config,
) -> Result<Vec<Selected>, Fault> {
    let mut known: BTreeMap<&Subject, Arc<Runnable>> = BTreeMap::new();
    let mut selected = Vec::with_capacity(chosen.len());
    interpreters::install(&desk.runner, config)?;
    for &(suite, case) in chosen {
        let (of, case_of) = (&suites[suite], &suites[suite].cases[case]);
        if case_of.skip.is_some() {
            selected.push(Selected { suite, case, runnable: None });
            continue;
        }
        let runnable = match known.get(&case_of.subject) {
            Some(runnable) => Arc::clone(runnable),
            None => {
                let loaded = load_one(desk, &case_of.subject, args, config).await;
                let runnable = Arc::new(loaded.map_err(|fault| at(of, case_of.line, fault))?);
                known.insert(&case_of.subject, Arc::clone(&runnable));
                runnable
            }
        };
        selected.push(Selected { suite, case, runnable: Some(runnable) });
    }
    Ok(selected)
}

async fn load_one(desk: &mut Desk, subject: &Subject, args: &TestArgs, config: &Config) -> Result<Runnable, Fault> {
    let program = match subject {
        Subject::Source { language, text, file } => {
            let language = language.as_deref().unwrap_or_else(|| language_of(file.as_deref()));
            return load_source(desk, language, text, file.as_deref()).await;
        }
        Subject::Name(name) => name.clone(),
        Subject::File(path) => match path.to_str() {
            Some(path) => path.to_owned(),
            None => return Err(Fault::Usage(format!("expected a program's path in UTF-8, found {path:?}"))),
        },
    };
    let is_absent = matches!(subject, Subject::File(path) if !path.exists());
    let source = Source::find(&ProgramArgs { program, catalog: args.catalog.clone() }, config);
    let source = source.map_err(|fault| match fault {
        Fault::Usage(message) if is_absent => {
            Fault::Usage(format!("{message}; if a job becomes it, `ampule build` it"))
        }
        other => other,
    })?;
    let notice = Notice { what: source.name.clone(), even_unwatched: false };
    let runner = desk.runner.clone();
    let loaded = match desk.wait(run::load(&runner, &source), notice, source.digest()).await {
        Ok(program) => {
            // A digest means a program for as long as somebody holds it.
            runner.register(program.digest().to_string(), &program);
            Loaded::Program((&program).into())
        }
        Err(Fault::Refused { failure, .. }) if failure.kind.is_refusal() => Loaded::Refused(failure),
        Err(fault) => return Err(fault),
    };
    let built_by = match source.content() {
        Ok(Content::Wasm(wasm)) => built_by(wasm),
        _ => None,
    };
    Ok(Runnable { name: source.name, loaded, built_by })
}

async fn load_source(desk: &mut Desk, language: &str, text: &str, file: Option<&Path>) -> Result<Runnable, Fault> {
    let known = desk.runner.languages().into_iter().find(|known| known.name == language);
    let Some(known) = known else { return Err(eval::unknown(language, &desk.runner)) };
    let (runner, notice) = (desk.runner.clone(), eval::notice(&known));
    desk.wait(runner.prepare(language), notice, Some(known.digest)).await?;
    let name = file.and_then(Path::file_name).unwrap_or_default().to_string_lossy().into_owned();
    let loaded = Loaded::Source { language: language.to_owned(), text: text.to_owned() };
    Ok(Runnable { name, loaded, built_by: None })
}

/// A fault of what was asked for, with the place where it was asked.
fn at(suite: &Suite, line: usize, fault: Fault) -> Fault {
    match fault {
        Fault::Usage(message) => Fault::Usage(format!("{}:{line}: {message}", suite.file.display())),
        other => other,
    }
}
