//! A job as it is asked for over HTTP: the names of the command's options, each read by the option's own parser.

mod callback;
mod filter;
mod submission;
mod unreadable;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::ToSchema;

pub use self::callback::{CallbackRequest, ClosureRequest, WebhookRequest};
pub use self::filter::{ChangeRequest, FilterRequest, RetryRequest};
pub use self::submission::{BatchRequest, Submission};
pub use self::unreadable::Unreadable;
pub(crate) use self::unreadable::read;
use super::values::{BackoffText, DirectoryText, FuelAmount, LanguageName, Moment, Size, Span, Time};
use crate::failure::Kind;
use crate::kwargs::Kwargs;

/// A run that is asked for: what is run, with what, under which ceilings.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct RunRequest {
    /// The program: a name, or `sha256:` and its digest. Either this, or `source` with `language`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub program: Option<String>,
    /// The source text to be run.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub source: Option<String>,
    /// The language of the source text.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub language: Option<LanguageName>,
    /// Its named arguments.
    #[serde(skip_serializing_if = "Kwargs::is_empty")]
    #[schema(value_type = Object)]
    pub kwargs: Kwargs,
    /// A name for people. Default the program's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Wall-clock time of a run.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub timeout: Option<Time>,
    /// Fuel of a run.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fuel: Option<FuelAmount>,
    /// Linear memory of a run.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub memory: Option<Size>,
    /// Directories of the server's machine that are opened for it, as far as the operator allows.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub dir: Vec<DirectoryText>,
    /// Environment variables, if the operator allows them.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub env: BTreeMap<String, String>,
    /// Standard input, in place of the kwargs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stdin: Option<String>,
    /// Makes the run repeatable: a clock of its own, and random bytes from this seed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub seed: Option<u64>,
    /// Arguments after the program's own name.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub args: Vec<String>,
}

/// A job that is asked for: a run, and the terms on which it waits.
// The fields of a run are written out once more: serde refuses unknown fields only where none are flattened.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct JobRequest {
    /// The program: a name, or `sha256:` and its digest. Either this, or `source` with `language`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub program: Option<String>,
    /// The source text to be run.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub source: Option<String>,
    /// The language of the source text.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub language: Option<LanguageName>,
    /// Its named arguments.
    #[serde(skip_serializing_if = "Kwargs::is_empty")]
    #[schema(value_type = Object)]
    pub kwargs: Kwargs,
    /// A name for people. Default the program's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Wall-clock time of a run.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub timeout: Option<Time>,
    /// Fuel of a run.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fuel: Option<FuelAmount>,
    /// Linear memory of a run.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub memory: Option<Size>,
    /// Directories of the server's machine that are opened for it, as far as the operator allows.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub dir: Vec<DirectoryText>,
    /// Environment variables, if the operator allows them.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub env: BTreeMap<String, String>,
    /// Standard input, in place of the kwargs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stdin: Option<String>,
    /// Makes the run repeatable: a clock of its own, and random bytes from this seed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub seed: Option<u64>,
    /// Arguments after the program's own name.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub args: Vec<String>,
    /// The queue that it waits in. Default `default`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub on: Option<String>,
    /// Higher ones go first. Default 0.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub priority: Option<i16>,
    /// Whose it is. A token of a tenant makes jobs of that tenant alone.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tenant: Option<String>,
    /// Words to find it by, at most twenty.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub tag: Vec<String>,
    /// How long after the enqueue it must have started, or it ends as `expired`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub start_before: Option<Span>,
    /// How often it is tried in all. Default 3.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 1, maximum = 1000)]
    pub attempts: Option<u32>,
    /// How long until the next try. Default `2s..1h`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub backoff: Option<BackoffText>,
    /// The kinds of failure that are worth another try. Default `guest`, `lost` and `host`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub retry_on: Vec<Kind>,
    /// Who is told if it returns.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub at_return: Option<CallbackRequest>,
    /// Who is told if it fails for good.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub at_err: Option<CallbackRequest>,
    /// How long after the enqueue it is due. Either this or `at`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub delay: Option<Span>,
    /// When it is due.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub at: Option<Moment>,
    /// Whether it waits until it is released, due or not.
    #[serde(skip_serializing_if = "is_false")]
    pub hold: bool,
    /// Stores nothing if a job of the same tenant has this key already.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unique: Option<String>,
    /// How long the key is taken. Default as long as the job is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unique_for: Option<Span>,
    /// Whether the key is taken until the job has ended.
    #[serde(skip_serializing_if = "is_false")]
    pub unique_while_unfinished: bool,
}

impl JobRequest {
    /// Reads the fields of a job, with the callbacks among them.
    ///
    /// # Errors
    /// The first of them that cannot be read.
    pub fn read(fields: Map<String, Value>) -> Result<Self, Unreadable> {
        JobRequest::at_depth(fields, 0)
    }

    /// Reads a job at this depth of a chain of callbacks, from 0. What follows from it is taken out before it is read:
    /// a reader of a document builds all that lies in it anew, which would happen once more at each level.
    fn at_depth(mut fields: Map<String, Value>, depth: usize) -> Result<Self, Unreadable> {
        let mut take = |name: &str| fields.remove(name).filter(|callback| !callback.is_null());
        let (at_return, at_err) = (take("at_return"), take("at_err"));
        let callback = |name: &str, document: Option<Value>| {
            let read = document.map(|document| CallbackRequest::read(document, depth + 1));
            read.transpose().map_err(|fault| fault.within(name))
        };
        let alone: JobRequest = read(Value::Object(fields))?;
        Ok(JobRequest { at_return: callback("at_return", at_return)?, at_err: callback("at_err", at_err)?, ..alone })
    }

    /// The run alone, taken out of the job.
    pub fn take_run(&mut self) -> RunRequest {
        RunRequest {
            program: self.program.take(),
            source: self.source.take(),
            language: self.language.take(),
            kwargs: std::mem::take(&mut self.kwargs),
            name: self.name.take(),
            timeout: self.timeout.take(),
            fuel: self.fuel.take(),
            memory: self.memory.take(),
            dir: std::mem::take(&mut self.dir),
            env: std::mem::take(&mut self.env),
            stdin: self.stdin.take(),
            seed: self.seed.take(),
            args: std::mem::take(&mut self.args),
        }
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "what serde asks for")]
fn is_false(flag: &bool) -> bool {
    !*flag
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_request_is_written_as_it_was_read() {
        let document = json!({
            "program": "resize", "kwargs": {"a": [1, null]}, "name": "n", "timeout": "30s", "fuel": "7",
            "memory": "1024", "dir": ["/srv::/data:rw"], "env": {"A": "1"}, "stdin": "in", "seed": 7, "args": ["x"],
            "on": "mail", "priority": -3, "tenant": "acme", "tag": ["a"], "start_before": "60s", "attempts": 2,
            "backoff": "1s,10s", "retry_on": ["guest"],
            "at_return": {"url": "https://example.org/", "headers": {"x-a": "b"}},
            "at_err": {"program": "next", "at_err": "closure:told"},
            "delay": "5s", "hold": true, "unique": "k", "unique_for": "60s",
        });
        let request: JobRequest = serde_json::from_value(document.clone()).expect("a request");
        assert_eq!(serde_json::to_value(&request).expect("its JSON"), document);
    }

    #[test]
    fn a_field_that_there_is_not_is_named() {
        for (document, named) in [
            (json!({"program": "x", "timout": 3}), "timout"),
            (json!({"program": "x", "at_err": {"program": "y", "delai": 3}}), "delai"),
            (json!({"program": "x", "at_err": {"url": "http://a/", "header": {}}}), "header"),
            (json!({"program": "x", "at_err": {"closure": "a", "args": []}}), "args"),
        ] {
            let error = serde_json::from_value::<JobRequest>(document).expect_err(named).to_string();
            assert!(error.contains(named), "{error}");
        }
    }

    #[test]
    fn the_place_of_a_fault_within_a_callback_is_told() {
        let document =
            json!({"program": "x", "at_return": {"program": "y", "at_err": {"program": "z", "timeout": "x"}}});
        let error = JobRequest::read(document.as_object().expect("an object").clone()).expect_err("no time");
        assert_eq!(error.place, "at_return.at_err.timeout");
        let error = serde_json::from_value::<JobRequest>(document).expect_err("no time").to_string();
        assert!(error.starts_with("`at_err.timeout`: expected a time"), "{error}");
    }

    #[test]
    fn a_chain_that_is_too_long_is_refused_before_what_is_further_down_is_read() {
        let chain = |length: usize| {
            let jobs = 1..length;
            let callback = jobs.fold(json!({"program": 3}), |next, _| json!({"program": "x", "at_err": next}));
            let fields = json!({"program": "x", "at_err": callback});
            JobRequest::read(fields.as_object().expect("an object").clone()).expect_err("no program is a number")
        };
        let longest = chain(16);
        assert_eq!(longest.place, format!("{}program", "at_err.".repeat(16)));
        for length in [17, 100] {
            let refused = chain(length);
            assert_eq!(refused.place, ["at_err"; 17].join("."));
            assert_eq!(refused.expected.as_deref(), Some("a chain of at most 16"));
        }
    }
}
