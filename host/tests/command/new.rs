//! `ampule new`: what is written builds, runs and passes its own suite, in each language.

use std::fs;
use std::path::Path;

use super::build::{at_work, lacks, sdk};
use super::shell::Shell;

#[test]
fn the_directory_holds_the_job_its_suite_and_a_short_readme() {
    let shell = Shell::new();
    for (language, files) in [
        ("rust", &["Cargo.toml", "src/main.rs", "one.suite.toml"][..]),
        ("python", &["one.py", "one.suite.toml"]),
        ("javascript", &["one.js", "one.suite.toml"]),
        ("c", &["one.c", "ampule.h", "one.kwargs.json", "one.suite.toml"]),
    ] {
        let path = format!("{language}/one");
        fs::create_dir(shell.path(language)).unwrap();
        let ended = shell.call(["new", &path, "--lang", language]);
        assert_eq!((ended.code, ended.stderr.as_str()), (Some(0), ""), "{language}");
        for file in files.iter().chain(&["README.md", ".gitignore"]) {
            assert!(shell.path(&format!("{path}/{file}")).is_file(), "{language}: {file}");
        }
        let readme = fs::read_to_string(shell.path(&format!("{path}/README.md"))).unwrap();
        assert_eq!(readme.lines().count(), 10, "{language}");
    }
    let manifest = fs::read_to_string(shell.path("rust/one/Cargo.toml")).unwrap();
    assert!(manifest.contains("ampule-guest = \"0.1\"") && !manifest.contains("path ="), "{manifest}");
}

#[test]
fn what_is_there_already_stays_as_it_is() {
    let shell = Shell::new();
    shell.file("taken/notes.txt", "mine");
    std::os::unix::fs::symlink("nowhere", shell.path("dangling")).unwrap();
    for name in ["taken", "dangling"] {
        let ended = shell.call(["new", name]);
        assert_eq!((ended.code, ended.stdout.as_str()), (Some(2), ""));
        assert!(ended.stderr.contains("expected nothing at"), "{ended:?}");
    }
    assert_eq!(names_in(shell.directory.path()), ["dangling", "taken"]);
    assert_eq!(fs::read_to_string(shell.path("taken/notes.txt")).unwrap(), "mine");
}

#[test]
fn a_name_that_cannot_be_one_is_refused_with_why_and_nothing_is_written() {
    let shell = Shell::new();
    let crate_of_another_name = sdk().join("macros");
    for (arguments, said) in [
        (&["Word-Count"][..], "begins with something else"),
        (&["word-count"], "try `word_count`"),
        (&[".."], "there is none"),
        (&["match"], "a word of the language"),
        (&["absent/one"], "expected a directory at \"absent\", found nothing"),
        (&["one", "--lang", "cobol"], "[possible values: rust, python, javascript, c]"),
        (&["one", "--sdk-path", "absent"], "expected the crate `ampule-guest`"),
        (&["one", "--sdk-path", crate_of_another_name.to_str().unwrap()], "found another crate"),
        (&["one", "--lang", "c", "--sdk-path", "."], "for jobs in Rust"),
    ] {
        let ended = shell.call([&["new"], arguments].concat());
        assert_eq!((ended.code, ended.stdout.as_str()), (Some(2), ""), "{arguments:?}");
        assert!(ended.stderr.contains(said), "{arguments:?}: {}", ended.stderr);
    }
    assert_eq!(names_in(shell.directory.path()), [""; 0]);
}

#[test]
fn a_directory_that_cannot_be_filled_is_not_left_half_full() {
    let shell = Shell::new();
    shell.file("file", "");
    assert_eq!(shell.call(["new", "file/one"]).code, Some(2));
    assert_eq!(names_in(shell.directory.path()), ["file"]);
}

#[test]
fn a_new_job_in_rust_builds_runs_and_passes() {
    builds_runs_and_passes("rust", &["--sdk-path", sdk().to_str().unwrap()]);
}

#[test]
fn a_new_job_in_c_builds_runs_and_passes() {
    builds_runs_and_passes("c", &[]);
}

#[test]
fn a_new_job_in_python_builds_runs_and_passes() {
    builds_runs_and_passes("python", &[]);
}

#[test]
fn a_new_job_in_javascript_builds_runs_and_passes() {
    builds_runs_and_passes("javascript", &[]);
}

#[test]
fn new_scripts_pass_their_suites_as_they_are() {
    let shell = Shell::with_interpreters();
    for language in ["python", "javascript"] {
        shell.call(["new", language, "--lang", language]);
        let ended = shell.call(["test", language]);
        assert!(ended.code == Some(0) && ended.stdout.ends_with("3 passed, 0 failed, 0 skipped\n"), "{ended:?}");
    }
}

/// The whole way of an author. Where the machine lacks the language's tool, it must say so by name.
fn builds_runs_and_passes(language: &str, options: &[&str]) {
    let shell = Shell::new();
    let new = [&["new", "one", "--lang", language], options].concat();
    assert_eq!(shell.call(&new).code, Some(0));
    if language == "rust" {
        // The versions that are here already: nothing is to be downloaded.
        fs::copy(sdk().join("../Cargo.lock"), shell.path("one/Cargo.lock")).unwrap();
    }
    let built = at_work(&shell, &["build", "one"]);
    if lacks(&built, language) {
        return;
    }
    assert_eq!(built.code, Some(0), "{built:?}");
    assert!(built.stdout.starts_with("built     one/one.wasm\n"), "{built:?}");
    let ran = at_work(&shell, &["run", "one/one.wasm", "-k", "numbers=[1, 2, 3.5]"]);
    assert_eq!(ran.stdout, "{\"count\":3,\"sum\":6.5}\n", "{ran:?}");
    let failed = at_work(&shell, &["run", "one/one.wasm", "-k", "numbers=[]"]);
    assert!(failed.code == Some(1) && failed.stderr.contains("expected numbers, found none"), "{failed:?}");
    // A script's suite runs the script; this one is about the program.
    let suite = fs::read_to_string(shell.path("one/one.suite.toml")).unwrap();
    let of_program: String =
        suite
            .lines()
            .map(|line| {
                if line.starts_with("source_file") {
                    "program = \"one.wasm\"\n".to_owned()
                } else {
                    format!("{line}\n")
                }
            })
            .collect();
    fs::write(shell.path("one/one.suite.toml"), of_program).unwrap();
    let tested = at_work(&shell, &["test", "one"]);
    assert!(tested.code == Some(0) && tested.stdout.contains(" 0 failed, 0 skipped"), "{tested:?}");
    let about = at_work(&shell, &["inspect", "one/one.wasm", "--json"]).document();
    assert_eq!((&about["about"]["name"], &about["accepted"]), (&"one".into(), &true.into()));
    assert_eq!(about["about"]["description"], "Says how many numbers there are, and what they add up to.");
}

fn names_in(directory: &Path) -> Vec<String> {
    let entries = directory.read_dir().unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let mut names: Vec<String> = entries.collect();
    names.sort();
    names
}
