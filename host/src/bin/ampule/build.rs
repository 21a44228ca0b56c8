//! `ampule build`: a job's sources into one program, inspected as the runner would before it runs it.
//!
//! A crate is built by its own cargo, C by the compiler that is there, a script by the tool that wraps an engine around
//! it. None of them has to be told anything in the job's own files. Nothing is left at the output's path unless the
//! runner would accept it.
//!
//! # Profile
//! Crates are built with `opt-level = 3` and SIMD, and with names and lines kept for backtraces. Measured on an AMD EPYC
//! with rustc 1.95 and fuel counted, against `opt-level = "s"` without SIMD (medians of five interleaved runs):
//!
//! | job | fuel | CPU time | fuel at `2` with SIMD | CPU time |
//! | --- | --- | --- | --- | --- |
//! | product of two matrices of 256², rows in the inner loop | ÷ 3.3 | ÷ 2.0 | ÷ 3.3 | ÷ 2.0 |
//! | SHA-256 of 20 MiB | ÷ 1.5 | ÷ 3.1 | ÷ 1.5 | ÷ 3.1 |
//! | reading and writing JSON | − 9 % | − 6 % | − 9 % | − 5 % |
//! | counting words in a hash map | − 14 % | − 19 % | 0 % | − 3 % |
//! | sorting numbers and strings | − 3 % | 0 % | − 3 % | − 2 % |
//!
//! The times are those of `ampule run`, compiled already, as a whole. Programs of 520 to 580 KiB become 590 to 660 KiB,
//! DWARF included. SIMD alone, at `"s"`, saves at most 2 % of the fuel and no time, since loops are not vectorised
//! there. Unrolling (`-unroll-runtime -unroll-allow-partial -unroll-threshold=600`) gains nothing at `"s"`, at `3`, or
//! with SIMD: fuel differs by some 0.1 % at most, time by what runs differ anyway. A product whose inner loop jumps
//! through memory costs the same under all of them.

mod c;
mod component;
mod crates;
mod project;
mod sections;
mod tool;

use std::fmt::Write as _;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use ampule::wire::InspectionDocument;
use ampule::{Form, Inspection, Runner, Value, World};
use serde_json::json;

pub(crate) use self::project::{Kind, Project};
use crate::args::BuildArgs;
use crate::exit::Fault;
use crate::inspect::bytes;
use crate::printable::printable_line;
use crate::report;

/// A program as a tool made it, before it is checked.
struct Built {
    /// The job's name, after which the file is called.
    name: String,
    wasm: Vec<u8>,
    warnings: Vec<String>,
}

/// Builds one job, checks it, writes it and reports it.
pub(crate) fn run(args: BuildArgs) -> Result<ExitCode, Fault> {
    let project = Project::at(&args.path)?;
    if project.kind != Kind::Crate && (args.bin.is_some() || args.profile.is_some()) {
        return Err(Fault::Usage("`--bin` and `--profile` are for crates, and this job is a file".to_owned()));
    }
    let mut built = match project.kind {
        Kind::Crate => crates::build(&project, &args)?,
        Kind::C => c::build(&project)?,
        Kind::Python | Kind::Javascript => component::build(&project)?,
    };
    let runner = Runner::builder().guest_threads(1).pool_size(1).build()?;
    let (before, _) = runner.inspect(&built.wasm)?;
    sections::complete(&mut built, &before, &project)?;
    let (inspection, refusal) = runner.inspect(&built.wasm)?;
    if let Some(failure) = refusal {
        return Err(failure.into());
    }
    let output = args.output.unwrap_or_else(|| project.directory.join(format!("{}.wasm", built.name)));
    write(&output, &built.wasm)?;
    warn_of_what_lacks(&inspection, &mut built.warnings);
    if args.json {
        report::print_json(&document(&output, &inspection, &built.warnings))?;
    } else {
        report::print(&text(&output, &inspection))?;
        for warning in &built.warnings {
            report::note(&mut anstream::stderr().lock(), &format!("warning: {}", printable_line(warning)));
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// Puts the file in its place at once, so that who watches it never reads half of it.
fn write(path: &Path, wasm: &[u8]) -> Result<(), Fault> {
    let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let written = || -> io::Result<()> {
        let mut partial =
            tempfile::Builder::new().prefix(".ampule-build-").permissions(readable()).tempfile_in(parent)?;
        io::Write::write_all(&mut partial, wasm)?;
        partial.persist(path).map(|_| ()).map_err(|error| error.error)
    };
    written().map_err(|error| match error.kind() {
        io::ErrorKind::NotFound => Fault::Usage(format!("--output: expected a directory at {parent:?}, found nothing")),
        _ => anyhow::Error::new(error).context(path.display().to_string()).into(),
    })
}

fn readable() -> fs::Permissions {
    std::os::unix::fs::PermissionsExt::from_mode(0o644)
}

fn warn_of_what_lacks(inspection: &Inspection, warnings: &mut Vec<String>) {
    if inspection.kwargs_schema.is_none() {
        warnings.push("it has no schema of its kwargs: a wrong one is found out only by the job itself".to_owned());
    }
}

fn document(output: &Path, inspection: &Inspection, warnings: &[String]) -> Value {
    let mut document = json!(InspectionDocument::of(Some(inspection), None));
    if let Some(fields) = document.as_object_mut() {
        // Which grants it could use is for `ampule inspect` to say.
        fields.remove("needs");
        fields.insert("path".to_owned(), output.to_string_lossy().into());
        fields.insert("warnings".to_owned(), json!(warnings));
    }
    document
}

fn text(output: &Path, inspection: &Inspection) -> String {
    let mut text = String::new();
    let mut row = |key: &str, value: &str| {
        // Writing to a string cannot fail.
        let _ = writeln!(text, "{key:<9} {value}");
    };
    row("built", &printable_line(&output.display().to_string()));
    row("size", &bytes(inspection.size_bytes as u64));
    row("digest", &inspection.digest.to_string());
    row("kind", inspection.form.as_str());
    match inspection.form {
        Form::Module => row("entry", &inspection.entry_names().join(", then ")),
        Form::Component => {
            row("worlds", &inspection.worlds().into_iter().map(World::as_str).collect::<Vec<_>>().join(", "));
        }
    }
    let schemas = [("kwargs", &inspection.kwargs_schema), ("result", &inspection.result_schema)];
    let schemas: Vec<_> = schemas.iter().filter(|(_, schema)| schema.is_some()).map(|(name, _)| *name).collect();
    row("schemas", &if schemas.is_empty() { "none".to_owned() } else { schemas.join(", ") });
    text
}

/// A place for what a tool writes, gone when it is dropped.
fn scratch() -> Result<tempfile::TempDir, Fault> {
    let made = tempfile::Builder::new().prefix("ampule-build-").tempdir();
    made.map_err(|error| anyhow::Error::new(error).context("a temporary directory").into())
}

fn read(path: PathBuf) -> Result<Vec<u8>, Fault> {
    fs::read(&path).map_err(|error| anyhow::Error::new(error).context(path.display().to_string()).into())
}
