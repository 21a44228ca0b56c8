//! What `#[job]` makes of a function: arguments from kwargs, values, failures, and descriptions.
//!
//! Each job is in a module of its own, as it would be in a file of its own.

#![expect(clippy::unwrap_used, reason = "a test that unwraps says enough by failing")]

use ampule_guest::testing::{self, Recorded};
use ampule_guest::{Job, Level};
use serde_json::{Value, json};

mod adder_job {
    use ampule_guest::{_return, job};

    /// Adds five, then five again.
    #[job]
    pub(super) fn adder(
        /// The number to start from.
        testvar: i64,
    ) {
        _return(testvar + 5);
        _return(testvar + 10);
    }
}

mod greet_job {
    use ampule_guest::job;

    #[job]
    pub(super) fn greet(
        name: &str,
        #[default("Hello")] greeting: String,
        #[default(default_times())] mut times: usize,
        r#type: Option<char>,
    ) -> Vec<String> {
        times = times.min(3);
        vec![format!("{greeting} {name}{}", r#type.unwrap_or('.')); times]
    }

    fn default_times() -> usize {
        1
    }
}

mod options_job {
    use std::num::ParseIntError;

    use ampule_guest::{Schema, job};
    use serde::Deserialize;

    /// What to parse.
    #[derive(Deserialize, Schema)]
    #[serde(deny_unknown_fields)]
    pub(super) struct Options {
        pub(super) text: String,
        #[serde(default)]
        pub(super) twice: bool,
    }

    #[job]
    pub(super) fn options(#[kwargs] options: Options) -> Result<i64, ParseIntError> {
        let number: i64 = options.text.parse()?;
        Ok(if options.twice { 2 * number } else { number })
    }
}

mod longest_job {
    use ampule_guest::{JobError, job};

    /// Borrows from its argument.
    #[job]
    pub(super) fn longest(text: &str) -> Result<&str, JobError> {
        ampule_guest::progress(0.5);
        ampule_guest::info!("{} bytes", text.len());
        let longest = text.split(' ').max_by_key(|word| word.len());
        longest.filter(|word| !word.is_empty()).ok_or_else(|| JobError::new("no_words", "expected a word").retry(true))
    }
}

mod opaque_job {
    use ampule_guest::job;

    #[job]
    pub(super) fn opaque() -> impl serde::Serialize {
        [1, 2]
    }
}

mod check_job {
    use ampule_guest::{JobError, job};

    type Checked = Result<(), JobError>;

    #[job]
    pub(super) fn check(ok: bool) -> Checked {
        if ok { Ok(()) } else { Err(JobError::new("not_ok", "said so")) }
    }
}

use adder_job::adder;
use check_job::check;
use greet_job::greet;
use longest_job::longest;
use opaque_job::opaque;
use options_job::options;

fn failure<J: Job>(kwargs: &str) -> Value {
    testing::run::<J>(kwargs).failure.unwrap()
}

fn kwargs_schema<J: Job>() -> Value {
    serde_json::from_str(J::KWARGS.as_str()).unwrap()
}

#[test]
fn the_function_stays_callable() {
    assert_eq!(testing::record(|| adder(3)).returns, [8, 13]);
    assert_eq!(greet("you", "Hi".into(), 9, Some('!')).len(), 3);
}

#[test]
fn kwargs_become_arguments() {
    let greeted = |kwargs| testing::run::<greet>(kwargs).returns;
    assert_eq!(greeted(r#"{"name": "you"}"#), [json!(["Hello you."])]);
    assert_eq!(
        greeted(r#"{"name": "you", "greeting": "Hi", "times": 2, "type": "!"}"#),
        [json!(["Hi you!", "Hi you!"])]
    );
}

#[test]
fn bad_kwargs_fail_and_name_the_argument() {
    let message = |kwargs| failure::<greet>(kwargs)["message"].clone();
    assert_eq!(message("{}"), "argument `name` is missing: expected `&str`");
    assert_eq!(message(r#"{"name": 1}"#), "argument `name` (`&str`): invalid type: integer `1`, expected a string");
    assert_eq!(
        message(r#"{"name": "", "nome": ""}"#),
        "unknown argument `nome`: expected `name`, `greeting`, `times`, `type`"
    );
    assert_eq!(failure::<greet>("[]")["type"], "bad_kwargs");
}

#[test]
fn all_kwargs_may_be_one_value() {
    assert_eq!(testing::run::<options>(r#"{"text": "4", "twice": true}"#).returns, [8]);
    let message = failure::<options>("{}")["message"].clone();
    assert_eq!(message, "kwargs (`Options`): missing field `text`");
}

#[test]
fn an_error_is_the_failure_of_the_job() {
    assert_eq!(
        failure::<options>(r#"{"text": "x"}"#),
        json!({"type": "ParseIntError", "message": "invalid digit found in string"})
    );
    let recorded = testing::run::<longest>(r#"{"text": ""}"#);
    assert_eq!(recorded.failure, Some(json!({"type": "no_words", "message": "expected a word", "retry": true})));
    assert_eq!(recorded.returns, Vec::<Value>::new());
}

#[test]
fn a_value_is_one_last_return() {
    let Recorded { returns, progress, logs, failure, .. } = testing::run::<longest>(r#"{"text": "a bcd ef"}"#);
    assert_eq!((returns, progress, failure), (vec![json!("bcd")], vec![json!(0.5)], None));
    assert_eq!(logs, [(Level::Info, "8 bytes".to_owned())]);
    assert_eq!(testing::run::<opaque>("").returns, [json!([1, 2])]);
}

#[test]
fn a_result_of_nothing_is_no_return_by_any_name() {
    let recorded = testing::run::<check>(r#"{"ok": true}"#);
    assert!(recorded.returns.is_empty() && recorded.failure.is_none());
    assert_eq!(failure::<check>(r#"{"ok": false}"#)["type"], "not_ok");
}

#[test]
fn a_panic_leaves_no_recording_behind() {
    let panicked = std::panic::catch_unwind(|| testing::record(|| panic!("on purpose")));
    assert!(panicked.is_err());
    let outer = testing::record(|| {
        ampule_guest::_return(1);
        testing::record(|| ampule_guest::_return(2)).returns
    });
    assert_eq!((outer.returns, outer.value), (vec![json!(1)], vec![json!(2)]));
}

#[test]
fn about_names_and_describes_the_job() {
    let about: Value = serde_json::from_str(adder::ABOUT.as_str()).unwrap();
    let sdk = concat!("ampule-guest ", env!("CARGO_PKG_VERSION"));
    assert_eq!(about, json!({"name": "adder", "description": "Adds five, then five again.", "sdk": sdk}));
}

#[test]
fn the_schema_of_the_kwargs_has_docs_defaults_and_requirements() {
    assert_eq!(
        kwargs_schema::<adder>(),
        json!({
            "$schema": "https://json-schema.org/draft/2020-12/schema",
            "type": "object",
            "properties": {"testvar": {"type": "integer", "description": "The number to start from."}},
            "required": ["testvar"],
            "additionalProperties": false,
        })
    );
    let greet = kwargs_schema::<greet>();
    assert_eq!(greet["required"], json!(["name"]));
    assert_eq!(greet["properties"]["greeting"], json!({"type": "string", "default": "Hello"}));
    assert_eq!(greet["properties"]["times"].get("default"), None);
}

#[test]
fn the_schema_of_all_kwargs_is_their_types() {
    let schema = kwargs_schema::<options>();
    assert_eq!(schema["description"], "What to parse.");
    assert_eq!(schema["required"], json!(["text"]));
    assert_eq!(schema["additionalProperties"], false);
}

#[test]
fn the_schema_of_the_result_is_the_ok_type_or_any_or_none() {
    let result = |schema: Option<ampule_guest::schema::text::Text>| {
        schema.map(|text| serde_json::from_str::<Value>(text.as_str()).unwrap())
    };
    assert_eq!(result(adder::RESULT), None);
    assert_eq!(result(longest::RESULT).unwrap()["type"], "string");
    assert_eq!(result(opaque::RESULT).unwrap().get("type"), None);
}
