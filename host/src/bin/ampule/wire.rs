//! The JSON documents of the command: those of the library, and those that only the command has.
//!
//! One document for each call, whatever happens; its keys are promised to whoever parses them.

pub(crate) mod queue;

use ampule::wire::{FailureDocument, RunDocument, TruncatedDocument, UsageDocument};
use ampule::{Outcome, Usage, Value};
use serde::Serialize;
use serde_json::json;

use crate::exit::Fault;

/// A document as JSON.
pub(crate) fn document(plain: &impl Serialize) -> Value {
    serde_json::to_value(plain).expect("plain data with string keys has a JSON form")
}

/// The document of a run.
pub(crate) fn outcome(outcome: &Outcome) -> Value {
    document(&RunDocument::from(outcome))
}

/// The document of a run that there was not. Its failure may be of kind `usage` or `build`, which no job has.
pub(crate) fn refused(fault: &Fault) -> Value {
    let (failure, program) = match fault {
        Fault::Refused { failure, program } => (document(&FailureDocument::from(&**failure)), *program),
        Fault::Usage(_) | Fault::Build(_) | Fault::Host(_) => {
            (json!({ "kind": fault.kind(), "message": fault.message() }), None)
        }
    };
    json!({
        "id": null,
        "program": program,
        "result": null,
        "failure": failure,
        "returns": [],
        "usage": UsageDocument::from(&Usage::default()),
        "stdout": "",
        "stderr": "",
        "logs": [],
        "truncated": TruncatedDocument::default(),
    })
}
