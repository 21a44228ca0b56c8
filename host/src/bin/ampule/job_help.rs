//! `ampule run --help-job`: the arguments that a program says it takes. Compiles nothing and runs nothing.

use std::fmt::Write as _;
use std::process::ExitCode;

use ampule::{Inspection, Parameter, ProgramLimits, Value};

use crate::args::ProgramArgs;
use crate::config::Config;
use crate::exit::Fault;
use crate::printable::printable_line;
use crate::program::Source;
use crate::{inspect, report};

/// Prints what the program says of itself.
pub(crate) fn run(args: &ProgramArgs, config: &Config) -> Result<ExitCode, Fault> {
    let source = Source::find(args, config)?;
    let inspection = Inspection::of(&inspect::wasm(&source)?, &ProgramLimits::default())?;
    tell(&source.name, Some(&inspection))
}

/// Prints what a program says of itself that was looked at already. A source says nothing.
pub(crate) fn tell(name: &str, inspection: Option<&Inspection>) -> Result<ExitCode, Fault> {
    report::print(&text(name, inspection))?;
    Ok(ExitCode::SUCCESS)
}

fn text(name: &str, inspection: Option<&Inspection>) -> String {
    let said = inspection.and_then(|inspection| inspection.about.as_ref());
    let about = |key: &str| said.and_then(|said| said.get(key)).and_then(Value::as_str);
    let mut text = format!("{}\n", printable_line(about("name").unwrap_or(name)));
    paragraph(&mut text, "  ", about("description").unwrap_or_default());
    text.push('\n');
    match inspection.and_then(|inspection| inspection.kwargs_schema.as_ref()) {
        None => text.push_str("It does not say which arguments it takes: it has no schema of them.\n"),
        Some(schema) => arguments(&mut text, schema),
    }
    if let Some(schema) = inspection.and_then(|inspection| inspection.result_schema.as_ref()) {
        let _ = writeln!(text, "\nResult, in JSON Schema:\n  {}", printable_line(&without_dialect(schema).to_string()));
    }
    text
}

fn arguments(text: &mut String, schema: &Value) {
    let parameters = Parameter::all_of(schema);
    if parameters.is_empty() {
        text.push_str("It names no arguments.\n");
    } else {
        text.push_str("Arguments, each given as -k NAME=VALUE, or all as --kwargs JSON:\n");
    }
    for parameter in &parameters {
        let note = match &parameter.default {
            _ if parameter.required => " (required)".to_owned(),
            Some(default) => format!(" [default: {}]", printable_line(&default.to_string())),
            None => String::new(),
        };
        // Writing to a string cannot fail.
        let _ = writeln!(text, "  {}  {}{note}", printable_line(&parameter.name), printable_line(&parameter.shape));
        paragraph(text, "      ", &parameter.description);
    }
    if schema.get("additionalProperties") != Some(&Value::Bool(false)) {
        text.push_str("It takes arguments of other names too.\n");
    }
}

/// The lines of a description, each with the margin.
fn paragraph(text: &mut String, margin: &str, description: &str) {
    for line in description.lines() {
        let _ = writeln!(text, "{}", format!("{margin}{}", printable_line(line)).trim_end());
    }
}

/// The schema without the word on which JSON Schema it is written in.
fn without_dialect(schema: &Value) -> Value {
    let mut schema = schema.clone();
    if let Some(fields) = schema.as_object_mut() {
        fields.shift_remove("$schema");
    }
    schema
}
