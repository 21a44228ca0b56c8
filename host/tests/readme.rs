//! Holds the README to its word: its commands print what stands there, its job is the one in `jobs/`, and the files
//! that it names are there. Its library example is compiled and run as a doc test of the library.

#[path = "shared/interpreters.rs"]
mod interpreters;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

#[test]
fn every_command_prints_what_stands_below_it() {
    let catalog = workspace().join("target/guest/wasm32-wasip1/job");
    assert!(catalog.join("adder.wasm").is_file(), "the example jobs are not built; run `make jobs`");
    let cache = interpreters::cache();
    let binary = Path::new(env!("CARGO_BIN_EXE_ampule")).parent().expect("it lies in a directory").to_owned();
    let path = std::env::join_paths([binary, "/usr/bin".into(), "/bin".into()]).expect("paths without colons");
    let mut commands = 0;
    for block in blocks("console") {
        for shown in block.split("$ ").filter(|shown| !shown.is_empty()) {
            let (command, expected) = shown.split_once('\n').expect("a command and what it prints");
            assert!(command.starts_with("ampule "), "a command of ours: {command}");
            let output = Command::new("sh")
                .args(["-c", command])
                .current_dir(workspace())
                .env_clear()
                .env("PATH", &path)
                .env("AMPULE_CATALOG", &catalog)
                .env("AMPULE_CACHE", &cache)
                .output()
                .expect("the command starts");
            let printed = [output.stdout, output.stderr].concat();
            let printed = String::from_utf8(printed).expect("text");
            match expected.split_once("...\n") {
                Some((beginning, _)) => assert!(printed.starts_with(beginning), "{command}\n{printed}"),
                None => assert_eq!(printed, expected, "{command}"),
            }
            commands += 1;
        }
    }
    assert!(commands >= 4, "only {commands} commands were found");
}

#[test]
fn the_job_is_the_one_in_the_catalog() {
    let source = fs::read_to_string(workspace().join("jobs/adder.rs")).expect("the job");
    let shown = blocks("rust,ignore");
    assert_eq!(shown.len(), 1);
    assert!(source.contains(&shown[0]), "jobs/adder.rs does not contain what the README shows");
}

#[test]
fn every_file_it_names_is_there() {
    let text = readme();
    let linked = text.split("](").skip(1).filter_map(|rest| rest.split(')').next());
    let in_table = text.split('`').filter(|part| part.starts_with("tests/") && part.ends_with(".rs"));
    for name in linked.filter(|name| !name.starts_with("http")).chain(in_table) {
        assert!(workspace().join(name).exists(), "the README names {name}, which is not there");
    }
}

fn workspace() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the host lies in the workspace").to_owned()
}

fn readme() -> String {
    fs::read_to_string(workspace().join("README.md")).expect("the README")
}

/// The contents of all code blocks of one language.
fn blocks(language: &str) -> Vec<String> {
    let opening = format!("```{language}\n");
    let text = readme();
    let inside = text.split(&opening).skip(1);
    inside.filter_map(|rest| rest.split("```").next()).map(str::to_owned).collect()
}
