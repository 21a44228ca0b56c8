//! A crate into a program, by the crate's own cargo.
//!
//! Target, profile and flags go on the command line, so that the crate's files need not know of them. Where RUSTFLAGS
//! is set, cargo takes those flags in place of ours.

use std::path::Path;
use std::process::Command;

use ampule::Value;

use super::project::Project;
use super::{Built, read, tool};
use crate::args::BuildArgs;
use crate::exit::Fault;

const TARGET: &str = "wasm32-wasip1";

/// The profile, which a crate's manifest need not have; see the figures in `build.rs`. Names and lines are kept for
/// backtraces, and a panic has nowhere to unwind to.
const PROFILE: &str = "ampule";
const PROFILE_SETTINGS: [&str; 7] = [
    "inherits=\"release\"",
    "opt-level=3",
    "lto=true",
    "codegen-units=1",
    "panic=\"abort\"",
    "debug=\"line-tables-only\"",
    "strip=\"none\"",
];
const FLAGS: &str = "target.wasm32-wasip1.rustflags=[\"-Ctarget-feature=+simd128\"]";

/// What cargo made for us: a name and a file.
type Artifact = (String, String);

pub(super) fn build(project: &Project, args: &BuildArgs) -> Result<Built, Fault> {
    refuse_without_toolchain()?;
    let mut cargo = Command::new("cargo");
    cargo.args(["build", "--message-format=json-render-diagnostics", "--target", TARGET, "--config", FLAGS]);
    cargo.arg("--manifest-path").arg(&project.file);
    match &args.profile {
        Some(profile) => {
            cargo.args(["--profile", profile]);
        }
        None => {
            cargo.args(["--profile", PROFILE]);
            for setting in PROFILE_SETTINGS {
                cargo.args(["--config", &format!("profile.{PROFILE}.{setting}")]);
            }
        }
    }
    if let Some(bin) = &args.bin {
        cargo.args(["--bin", bin]);
    }
    let told = tool::run(&mut cargo)?;
    let (name, file) = the_one(artifacts(&String::from_utf8_lossy(&told), &project.file))?;
    Ok(Built { name, wasm: read(file.into())?, warnings: Vec::new() })
}

fn refuse_without_toolchain() -> Result<(), Fault> {
    if !tool::answers(["cargo", "--version"]) {
        return Err(tool::missing("`cargo` on the PATH", "install Rust from https://rustup.rs"));
    }
    let library = tool::said(["rustc", "--print", "target-libdir", "--target", TARGET]);
    if library.is_some_and(|library| Path::new(&library).is_dir()) {
        return Ok(());
    }
    Err(tool::missing(&format!("the Rust target {TARGET}"), &format!("install it with `rustup target add {TARGET}`")))
}

/// The programs among what cargo tells, one JSON document a line: executables, or a library that is a program by
/// itself.
fn artifacts(told: &str, manifest: &Path) -> Vec<Artifact> {
    let documents = told.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    let made: Vec<Value> = documents.filter(|document| document["reason"] == "compiler-artifact").collect();
    let name = |artifact: &Value| artifact["target"]["name"].as_str().unwrap_or_default().to_owned();
    let executables: Vec<Artifact> = made
        .iter()
        .filter_map(|artifact| Some((name(artifact), artifact["executable"].as_str()?.to_owned())))
        .collect();
    if !executables.is_empty() {
        return executables;
    }
    let own = manifest.canonicalize().ok();
    let is_own = |artifact: &&Value| {
        artifact["manifest_path"].as_str().and_then(|path| Path::new(path).canonicalize().ok()) == own
    };
    let library = |artifact: &Value| {
        let files = artifact["filenames"].as_array()?;
        let file = files.iter().filter_map(Value::as_str).find(|file| file.ends_with(".wasm"))?;
        Some((name(artifact), file.to_owned()))
    };
    made.iter().filter(is_own).filter_map(library).collect()
}

fn the_one(mut artifacts: Vec<Artifact>) -> Result<Artifact, Fault> {
    if artifacts.len() > 1 {
        let names: Vec<_> = artifacts.iter().map(|(name, _)| format!("`{name}`")).collect();
        let message =
            format!("expected one program in the crate, found {}: choose with `--bin NAME`", names.join(", "));
        return Err(Fault::Usage(message));
    }
    artifacts.pop().ok_or_else(|| {
        let message = "expected a program in the crate: `src/main.rs`, or a library of crate type `cdylib` that \
                       exports `run`; found neither";
        Fault::Usage(message.to_owned())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn executables_go_before_libraries() {
        let told = r#"{"reason":"compiler-artifact","target":{"name":"lib"},"filenames":["/t/lib.wasm"],"executable":null}
            no document
            {"reason":"compiler-artifact","target":{"name":"job"},"filenames":["/t/job.wasm"],"executable":"/t/job.wasm"}
            {"reason":"build-finished","success":true}"#;
        assert_eq!(artifacts(told, Path::new("absent")), [("job".to_owned(), "/t/job.wasm".to_owned())]);
    }

    #[test]
    fn several_programs_have_to_be_told_apart() {
        let artifact = |name: &str| (name.to_owned(), String::new());
        assert_eq!(the_one(vec![artifact("a")]).expect("one").0, "a");
        let message = the_one(vec![artifact("a"), artifact("b")]).expect_err("two").message();
        assert!(message.contains("`a`, `b`") && message.contains("--bin"), "{message}");
        assert!(the_one(Vec::new()).is_err());
    }
}
