//! What a job is given: kwargs as JSON, held to their limit and to the schema that the program carries.
//!
//! Arguments, environment and stdin are grants, and so in `sandbox.rs`.

use std::error::Error as _;

use ampule::{Failure, Job, Kind, Kwargs, LimitOverrides, RESERVED};
use ampule_tests::guest::fixture;
use ampule_tests::{failure, kwargs, load, refusal, run, run_wat, run_wat_with, runner, value};
use serde_json::json;

#[tokio::test]
async fn kwargs_reach_the_job_as_they_are_and_the_callbacks_kwargs_do_not() {
    let runner = runner();
    let program = load(&runner, &fixture("kwargs")).await;
    let text = r#"{"b":0.1,"a":{"z":[],"y":null},"n":-9007199254740993,"ü":"\u0000"}"#;
    let call =
        Job::new(&program).kwargs(Kwargs::from_json(text).expect("an object")).at_return(|_, _| Ok::<_, Failure>(()));
    let outcome = run(&runner, call.at_return_kwargs(kwargs(json!({"secret": 1})))).await;
    assert_eq!(value(outcome).to_string(), text);
}

#[tokio::test]
async fn no_kwargs_are_an_empty_object() {
    assert_eq!(value(run_wat(&fixture("kwargs")).await), json!({}));
}

#[test]
fn names_reserved_for_the_call_are_refused_wherever_kwargs_come_from() {
    for name in RESERVED {
        let json = format!(r#"{{"{name}":1}}"#);
        assert!(Job::new("adder").kwarg(name, 1).is_err(), "{name}");
        assert!(Kwargs::from_json(&json).is_err(), "{name}");
        assert!(Kwargs::try_from(json!({ name: 1 })).is_err(), "{name}");
        assert!(serde_json::from_str::<Kwargs>(&json).is_err(), "{name}");
        assert!(serde_json::from_str::<Job>(&format!(r#"{{"program":"adder","kwargs":{json}}}"#)).is_err(), "{name}");
    }
}

#[test]
fn what_has_no_json_form_is_refused_at_the_call() {
    let error = Job::new("adder").kwarg("x", f64::NAN).expect_err("a number that JSON cannot carry");
    assert!(error.to_string().contains("`x`") && error.source().is_none(), "{error}");
}

#[tokio::test]
async fn kwargs_over_their_limit_are_refused_and_at_it_they_are_not() {
    let limits = |bytes| LimitOverrides { kwargs_bytes: Some(bytes), ..LimitOverrides::default() };
    let describe = |bytes| move |job: Job| job.kwargs(kwargs(json!({"x": 1}))).limits(limits(bytes));
    let fits = run_wat_with(&fixture("kwargs"), describe(7)).await;
    let refused = failure(run_wat_with(&fixture("kwargs"), describe(6)).await);
    assert_eq!(value(fits), json!({"x": 1}));
    assert_eq!(refused.kind, Kind::BadKwargs);
    assert!(refused.message.contains('6') && refused.message.contains('7'), "{}", refused.message);
}

// Schemas.

fn schema(schema: &str) -> String {
    fixture("schema").replace("SCHEMA", &schema.replace('"', "\\\""))
}

#[tokio::test]
async fn kwargs_that_do_not_fit_the_schema_are_refused_with_every_violation() {
    let text = schema(r#"{"type":"object","required":["a"],"properties":{"b":{"type":"integer"}}}"#);
    let refused = run_wat_with(&text, |job| job.kwarg("b", "x").expect("a string")).await;
    assert_eq!(refused.usage.fuel, None, "nothing of it ran");
    let refused = failure(refused);
    assert_eq!(refused.kind, Kind::BadKwargs);
    assert!(refused.message.contains("`a`") && refused.message.contains("`b`"), "{}", refused.message);
    let fitting =
        run_wat_with(&text, |job| job.kwarg("a", 1).expect("a number").kwarg("b", 2).expect("a number")).await;
    assert_eq!(value(fitting), 1);
}

#[tokio::test]
async fn a_schema_that_is_none_or_refers_to_itself_is_a_bad_program() {
    for bad in ["no JSON", r#"{"type":"thing"}"#, r##"{"$ref":"#"}"##, r##"{"properties":{"a":{"$ref":"#"}}}"##] {
        assert_eq!(refusal(&schema(bad)).await.kind, Kind::BadProgram, "{bad}");
    }
}
