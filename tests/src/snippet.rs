//! Snippets: sources that are run through an interpreter, each with the end that it must come to.
//!
//! A table of them is one test. Every snippet that breaks its law is named, not only the first.

use std::path::{Path, PathBuf};

use ampule::{Failure, Interpreter, Job, Kind, Kwargs, Outcome, Runner, RunnerBuilder, Value};

use crate::{builder, ended, kwargs};

/// A source, and how it must end.
#[derive(Clone, Debug)]
pub struct Snippet {
    /// The law, in words.
    pub name: &'static str,
    /// What is run.
    pub source: String,
    /// Its variables.
    pub kwargs: Kwargs,
    /// Its end.
    pub expect: Expect,
}

/// How a snippet must end.
#[derive(Clone, Debug)]
pub enum Expect {
    /// With this value.
    Value(Value),
    /// With a failure.
    Failure {
        /// Of this kind.
        kind: Kind,
        /// With this class of error, if the law names one.
        error_type: Option<&'static str>,
        /// Whose message holds this.
        message: &'static str,
        /// Whose traceback holds each of these, in this order.
        traceback: Vec<&'static str>,
    },
}

impl Snippet {
    /// A source that ends with a value.
    pub fn returns(name: &'static str, source: &str, value: Value) -> Self {
        Snippet { name, source: source.to_owned(), kwargs: Kwargs::new(), expect: Expect::Value(value) }
    }

    /// A source that fails with an error of its language, of this class and with this in its message.
    pub fn raises(name: &'static str, source: &str, error_type: &'static str, message: &'static str) -> Self {
        Snippet::failing(name, source.to_owned(), Kind::Guest, Some(error_type), message)
    }

    /// A source that ends with a failure of this kind.
    pub fn fails(name: &'static str, source: &str, kind: Kind) -> Self {
        Snippet::failing(name, source.to_owned(), kind, None, "")
    }

    fn failing(
        name: &'static str,
        source: String,
        kind: Kind,
        error_type: Option<&'static str>,
        message: &'static str,
    ) -> Self {
        let expect = Expect::Failure { kind, error_type, message, traceback: Vec::new() };
        Snippet { name, source, kwargs: Kwargs::new(), expect }
    }

    /// Gives the source variables.
    #[must_use]
    pub fn with(mut self, json: Value) -> Self {
        self.kwargs = kwargs(json);
        self
    }

    /// Wants this in the traceback, after what was wanted before.
    #[must_use]
    pub fn showing(mut self, part: &'static str) -> Self {
        match &mut self.expect {
            Expect::Failure { traceback, .. } => traceback.push(part),
            Expect::Value(_) => panic!("{}: a value has no traceback", self.name),
        }
        self
    }

    /// What is wrong with the end that it came to.
    fn complaint(&self, outcome: Outcome) -> Option<String> {
        match (&self.expect, outcome.result) {
            (Expect::Value(expected), Ok(found)) if *expected == found => None,
            (Expect::Value(expected), Ok(found)) => Some(format!("expected {expected}, found {found}")),
            (Expect::Value(expected), Err(found)) => Some(format!("expected {expected}, found {}", told(&found))),
            (expected, Ok(found)) => Some(format!("expected {expected:?}, found the value {found}")),
            (Expect::Failure { kind, error_type, message, traceback }, Err(found)) => {
                let is_as_expected = found.kind == *kind
                    && (error_type.is_none() || found.error_type.as_deref() == *error_type)
                    && found.message.contains(message)
                    && holds_in_order(found.traceback.as_deref().unwrap_or_default(), traceback);
                (!is_as_expected).then(|| format!("expected {:?}, found {}", self.expect, told(&found)))
            }
        }
    }
}

fn told(failure: &Failure) -> String {
    let Failure { kind, error_type, message, traceback, trap, code, .. } = failure;
    let traceback = traceback.as_deref().unwrap_or_default();
    format!("{kind} {error_type:?} {message:?}, trap {trap:?}, code {code:?}\n{traceback}")
}

fn holds_in_order(mut text: &str, parts: &[&str]) -> bool {
    parts.iter().all(|part| match text.find(part) {
        Some(at) => {
            text = &text[at + part.len()..];
            true
        }
        None => false,
    })
}

/// Runs every snippet, and panics with a list of those that did not end as they must.
pub async fn check(runner: &Runner, language: &str, snippets: &[Snippet]) {
    let mut complaints = Vec::new();
    for snippet in snippets {
        let job = Job::source(language, &snippet.source).name("job").kwargs(snippet.kwargs.clone());
        let outcome = ended(runner.run_async(job).expect("the job is accepted")).await;
        if let Some(complaint) = snippet.complaint(outcome) {
            complaints.push(format!("{}\n{}\n{complaint}", snippet.name, snippet.source));
        }
    }
    assert!(complaints.is_empty(), "{} of {}:\n\n{}", complaints.len(), snippets.len(), complaints.join("\n\n"));
}

/// A small runner with the interpreter of a language, which must have been built. It is compiled once for this machine,
/// not once for each test.
pub fn speaking(language: &str) -> RunnerBuilder {
    let target: PathBuf = Path::new(env!("CARGO_MANIFEST_DIR")).join("../target");
    let path = target.join("interpreters").join(language).with_extension("wasm");
    let wasm = std::fs::read(&path)
        .unwrap_or_else(|error| panic!("{}: {error}; run `sh jobs/interpreters/{language}/build`", path.display()));
    builder().interpreter(Interpreter::new(language, wasm)).cache_directory(target.join("compiled"))
}
