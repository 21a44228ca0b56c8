//! A script in Python or JavaScript into a component that needs no interpreter beside it.
//!
//! The script stays as it is for `ampule eval`: its kwargs are variables, `_return` hands values out, and the value of a
//! lone expression is the result. An adapter sees to that; the tool puts both and an engine into one component. What a
//! script in Python imports is put in too, files beside it included.

use std::fs;
use std::path::Path;
use std::process::Command;

use serde_json::Value;

use super::project::{Kind, Project};
use super::{Built, read, scratch, tool};
use crate::exit::Fault;

/// The interface that the component is built against.
const WIT: &str = include_str!("../../../../wit/job.wit");

const PYTHON_ADAPTER: &str = include_str!("component/adapter.py.txt");
const JAVASCRIPT_ADAPTER: &str = include_str!("component/adapter.js.txt");

pub(super) fn build(project: &Project) -> Result<Built, Fault> {
    let text = read(project.file.clone())?;
    let text = String::from_utf8(text).map_err(|error| {
        let at = error.utf8_error().valid_up_to();
        Fault::Build(format!("{}: expected UTF-8, found another byte at {at}", project.file.display()))
    })?;
    let scratch = scratch()?;
    let wit = scratch.path().join("wit");
    fs::create_dir(&wit).and_then(|()| fs::write(wit.join("job.wit"), WIT)).map_err(unwritten)?;
    let output = scratch.path().join("job.wasm");
    match project.kind {
        Kind::Javascript => javascript(project, &text, scratch.path())?,
        _ => python(project, &text, scratch.path())?,
    }
    let mut warnings = Vec::new();
    if project.kind == Kind::Python {
        warnings.push("what it imports was imported when it was built; a run starts from there".to_owned());
    }
    Ok(Built { name: project.stem(), wasm: read(output)?, warnings })
}

fn python(project: &Project, text: &str, scratch: &Path) -> Result<(), Fault> {
    if !tool::answers(["componentize-py", "--version"]) {
        return Err(tool::missing("`componentize-py` on the PATH", &remedy("pip install componentize-py")));
    }
    write_adapter(&scratch.join("ampule_adapter.py"), PYTHON_ADAPTER, project, text)?;
    let mut command = Command::new("componentize-py");
    // What is wrong is the script, and its backtrace would be the tool's.
    command.env("RUST_BACKTRACE", "0");
    command.args(["--quiet", "--wit-path"]).arg(scratch.join("wit")).args(["--world", "job", "componentize"]);
    // The adapter first, so that no file beside the script can stand in for it.
    command.arg("--python-path").arg(scratch).arg("--python-path").arg(&project.directory);
    command.arg("--output").arg(scratch.join("job.wasm")).arg("ampule_adapter");
    tool::run(&mut command).map(|_| ())
}

fn javascript(project: &Project, text: &str, scratch: &Path) -> Result<(), Fault> {
    if !tool::answers(["componentize-qjs", "--help"]) {
        return Err(tool::missing("`componentize-qjs` on the PATH", &remedy("npm install -g componentize-qjs")));
    }
    let adapter = scratch.join("ampule_adapter.js");
    write_adapter(&adapter, JAVASCRIPT_ADAPTER, project, text)?;
    let mut command = Command::new("componentize-qjs");
    // The runner takes no component that uses the asynchronous ABI.
    command.arg("--sync").arg("--wit").arg(scratch.join("wit")).args(["--world", "job"]);
    command.arg("--js").arg(&adapter).arg("--output").arg(scratch.join("job.wasm"));
    tool::run(&mut command).map(|_| ())
}

fn remedy(install: &str) -> String {
    format!(
        "install it with `{install}`. It is needed for a program only: `ampule eval -f` and suites run the script as it is"
    )
}

/// The adapter with the script in it, and the script's name. JSON's strings are strings in both languages.
fn write_adapter(path: &Path, adapter: &str, project: &Project, text: &str) -> Result<(), Fault> {
    let name = project.file.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let adapter = adapter.replace("{{name}}", &Value::from(name).to_string());
    fs::write(path, adapter.replace("{{source}}", &Value::from(text).to_string())).map_err(unwritten)
}

fn unwritten(error: std::io::Error) -> Fault {
    anyhow::Error::new(error).context("a temporary directory").into()
}
