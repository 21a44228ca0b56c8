//! The JSON documents of the command: the only place where they are made, field by field.
//!
//! One document for each call, whatever happens; its keys are promised to whoever parses them.

pub(crate) mod queue;

use ampule::{Backtrace, Failure, Fuel, Inspection, Outcome, Output, Usage, Value, World};
use serde_json::{Map, json};

use crate::exit::Fault;

/// The document of a run.
pub(crate) fn outcome(outcome: &Outcome) -> Value {
    let failure = outcome.result.as_ref().err().map(failure);
    json!({
        "id": outcome.id.to_string(),
        "program": outcome.program.map(|digest| digest.to_string()),
        "result": outcome.result.as_ref().ok(),
        "failure": failure,
        "returns": outcome.returns,
        "usage": usage(&outcome.usage),
        "stdout": String::from_utf8_lossy(&outcome.output.stdout),
        "stderr": String::from_utf8_lossy(&outcome.output.stderr),
        "logs": logs(&outcome.output),
        "truncated": truncated(&outcome.output),
    })
}

/// The document of a run that there was not. Its failure may be of kind `usage` or `build`, which no job has.
pub(crate) fn refused(fault: &Fault) -> Value {
    let (failure, program) = match fault {
        Fault::Refused { failure, program } => (self::failure(failure), *program),
        Fault::Usage(_) | Fault::Build(_) | Fault::Host(_) => {
            (json!({ "kind": fault.kind(), "message": fault.message() }), None)
        }
    };
    json!({
        "id": null,
        "program": program.map(|digest| digest.to_string()),
        "result": null,
        "failure": failure,
        "returns": [],
        "usage": usage(&Usage::default()),
        "stdout": "",
        "stderr": "",
        "logs": [],
        "truncated": truncated(&Output::default()),
    })
}

/// The document of an inspection; null wherever the bytes are no program that can be read.
pub(crate) fn inspection(inspection: Option<&Inspection>, needs: &[&str], refusal: Option<&Failure>) -> Value {
    let list = |items: Vec<Value>| Value::from(items);
    let imports = |read: &Inspection| {
        let one =
            |import: &ampule::Import| json!({ "module": import.module, "name": import.name, "type": import.signature });
        list(read.imports.iter().map(one).collect())
    };
    let exports = |read: &Inspection| {
        let one = |export: &ampule::Export| json!({ "name": export.name, "type": export.signature });
        list(read.exports.iter().map(one).collect())
    };
    json!({
        "program": inspection.map(|read| read.digest.to_string()),
        "size_bytes": inspection.map(|read| read.size_bytes),
        "kind": inspection.map(|read| read.form.as_str()),
        "worlds": inspection.map(|read| read.worlds().into_iter().map(World::as_str).collect::<Vec<_>>()),
        "entry": inspection.map(Inspection::entry_names),
        "imports": inspection.map(imports),
        "exports": inspection.map(exports),
        "needs": inspection.map(|_| needs),
        "initial_memory_bytes": inspection.map(|read| read.initial_memory_bytes),
        "debug_bytes": inspection.map(|read| read.debug_bytes),
        "about": inspection.and_then(|read| read.about.as_ref()),
        "kwargs_schema": inspection.and_then(|read| read.kwargs_schema.as_ref()),
        "result_schema": inspection.and_then(|read| read.result_schema.as_ref()),
        "accepted": refusal.is_none(),
        "failure": refusal.map(failure),
    })
}

/// What is not known of a failure is left out.
fn failure(failure: &Failure) -> Value {
    let known = [
        ("kind", Some(failure.kind.as_str().into())),
        ("message", Some(failure.message.as_str().into())),
        ("trap", failure.trap.map(|code| code.as_str().into())),
        ("code", failure.code.map(Value::from)),
        ("backtrace", failure.backtrace.as_ref().map(backtrace)),
        ("type", failure.error_type.as_deref().map(Value::from)),
        ("traceback", failure.traceback.as_deref().map(Value::from)),
        ("retry", failure.retry.map(Value::from)),
    ];
    let fields = known.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?)));
    Value::Object(fields.collect())
}

fn backtrace(backtrace: &Backtrace) -> Value {
    let frames = backtrace.frames.iter().map(|frame| {
        let mut fields = Map::new();
        fields.insert("function".to_owned(), frame.function.as_str().into());
        if let Some(location) = &frame.location {
            fields.insert("location".to_owned(), location.as_str().into());
        }
        Value::Object(fields)
    });
    frames.collect()
}

fn usage(usage: &Usage) -> Value {
    json!({
        "fuel": usage.fuel.map(Fuel::units),
        "fuel_exact": matches!(usage.fuel, Some(Fuel::Exact(_))),
        "wall_ns": u64::try_from(usage.wall.as_nanos()).unwrap_or(u64::MAX),
        "memory_peak_bytes": usage.memory_peak_bytes,
        "memory_refused": usage.memory_refused,
    })
}

fn logs(output: &Output) -> Value {
    output.logs.iter().map(|line| json!({ "level": line.level.as_str(), "message": line.message })).collect()
}

fn truncated(output: &Output) -> Value {
    json!({
        "stdout_bytes": output.truncated.stdout_bytes,
        "stderr_bytes": output.truncated.stderr_bytes,
        "log_lines": output.truncated.log_lines,
    })
}
