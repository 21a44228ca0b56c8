//! The tools that build: how one is started, and what is said where it is missing.

use std::ffi::OsStr;
use std::io;
use std::process::{Command, Stdio};

use crate::exit::Fault;

/// Whether a tool is there: it starts, and ends well.
pub(super) fn answers<S: AsRef<OsStr>>(line: impl IntoIterator<Item = S>) -> bool {
    said(line).is_some()
}

/// What a tool says on stdout, if it is there and ends well.
pub(super) fn said<S: AsRef<OsStr>>(line: impl IntoIterator<Item = S>) -> Option<String> {
    let mut line = line.into_iter();
    let output = Command::new(line.next()?).args(line).stdin(Stdio::null()).stderr(Stdio::null()).output().ok()?;
    output.status.success().then(|| String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

/// Runs a tool to its end. What it has to say goes to stderr; what it wrote to stdout comes back.
///
/// # Errors
/// [`Fault::Build`] if it ends badly: what is wrong is the job's sources, and stands above.
pub(super) fn run(command: &mut Command) -> Result<Vec<u8>, Fault> {
    let tool = command.get_program().to_string_lossy().into_owned();
    let output = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::inherit()).output();
    let output = output.map_err(|error| match error.kind() {
        io::ErrorKind::NotFound => missing(&format!("`{tool}`"), "put it on the PATH"),
        _ => anyhow::Error::new(error).context(tool.clone()).into(),
    })?;
    if output.status.success() {
        return Ok(output.stdout);
    }
    Err(Fault::Build(format!("the job does not build: {tool} ended with {}; what it said stands above", output.status)))
}

/// What this machine lacks, and whose move it is.
pub(super) fn missing(what: &str, remedy: &str) -> Fault {
    anyhow::anyhow!("expected {what}, found none; {remedy}").into()
}
