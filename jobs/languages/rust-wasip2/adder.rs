//! Lesson: a job in Rust as a component of the world `job` in host/wit/job.wit.
//!
//! The interface is typed, so there is no pointer here, and nothing unsafe of our own.

use serde::Deserialize;

use crate::ampule::job::host;

wit_bindgen::generate!({ path: "../../../host/wit", world: "job" });

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Kwargs {
    testvar: i32,
}

struct Adder;

export!(Adder);

impl Guest for Adder {
    fn run(kwargs: String) -> Result<Option<String>, Failure> {
        let kwargs: Kwargs = serde_json::from_str(&kwargs).map_err(bad_kwargs)?;
        // An i32 is read and an i64 is handed out, so that no sum can overflow.
        let sum = i64::from(kwargs.testvar) + 5;
        // Hands a value out, as JSON. May be called any number of times, and never ends the job.
        host::return_(&sum.to_string());
        host::return_(&(sum + 5).to_string());
        // Whatever else were given back here would count as one last value.
        Ok(None)
    }
}

fn bad_kwargs(error: serde_json::Error) -> Failure {
    Failure { type_: "bad_kwargs".to_owned(), message: error.to_string(), traceback: None, retry: Some(false) }
}
