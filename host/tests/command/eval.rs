//! `ampule eval` and `ampule interpreters`, through the binary and the interpreters that it carries.

use serde_json::json;

use super::shell::{Shell, fixture};

/// The seed's own example: a job that sleeps, and returns twice.
const SEED: &str = "import time\ntime.sleep(5)\n_return(testvar + 5)\n_return(testvar + 10)";

#[test]
fn a_source_prints_what_it_returns() {
    let shell = Shell::with_interpreters();
    for (language, source, printed) in [
        ("python", "_return(1+2)", "3\n"),
        ("python", "1+2", "3\n"),
        ("python", "x = 1", "null\n"),
        ("javascript", "_return(1+2)", "3\n"),
        ("javascript", "1+2", "3\n"),
        ("javascript", "await Promise.resolve([1, {a: null}])", "[1,{\"a\":null}]\n"),
    ] {
        let ended = shell.call(["eval", "-l", language, source]);
        assert_eq!((ended.code, ended.stdout.as_str()), (Some(0), printed), "{language}: {source}: {}", ended.stderr);
    }
}

#[test]
fn the_seeds_example_returns_eight_and_thirteen() {
    let shell = Shell::with_interpreters();
    // With a clock of its own the run does not wait for the five seconds.
    let ended = shell.call(["eval", "--seed", "1", "-k", "testvar=3", SEED]);
    assert_eq!((ended.code, ended.stdout.as_str()), (Some(0), "[8,13]\n"), "{}", ended.stderr);
}

#[test]
fn a_syntax_error_is_shown_as_the_language_shows_it() {
    let shell = Shell::with_interpreters();
    let ended = shell.call(["eval", "1 +"]);
    assert_eq!((ended.code, ended.stdout.as_str()), (Some(1), ""));
    insta::assert_snapshot!(ended.stderr, @r#"
    error: guest: invalid syntax (<job>, line 1)
      type: SyntaxError
      the job's own traceback:
          File "<job>", line 1
            1 +
               ^
        SyntaxError: invalid syntax
    "#);
}

#[test]
fn a_file_gives_the_source_the_language_and_the_name() {
    let shell = Shell::with_interpreters();
    let python = shell.file("tools/broken.py", "def f():\n    raise ValueError('no')\nf()\n");
    let ended = shell.call(["eval", "-f", &python]);
    assert_eq!(ended.code, Some(1));
    assert!(ended.stderr.contains("File \"broken.py\", line 2, in f"), "{}", ended.stderr);
    let javascript = shell.file("tools/twice.js", "_return(n * 2)");
    let ended = shell.call(["eval", "--file", &javascript, "-k", "n=21"]);
    assert_eq!(ended.stdout, "42\n", "{}", ended.stderr);
    let absent = shell.call(["eval", "-f", "absent.py"]);
    assert_eq!(absent.code, Some(2));
    assert!(absent.stderr.contains("expected a file at \"absent.py\""), "{}", absent.stderr);
}

#[test]
fn a_source_can_come_from_stdin() {
    let shell = Shell::with_interpreters();
    for arguments in [["eval", "-"].as_slice(), &["eval", "-f", "-"]] {
        let ended = shell.call_with_stdin(arguments, "_return(len('été'))");
        assert_eq!(ended.stdout, "3\n", "{}", ended.stderr);
    }
    let twice = shell.call_with_stdin(&["eval", "-", "--kwargs", "-"], "1");
    assert_eq!(twice.code, Some(2));
    assert!(twice.stderr.contains("one use of stdin"), "{}", twice.stderr);
}

#[test]
fn the_limits_and_the_document_are_those_of_run() {
    let shell = Shell::with_interpreters();
    let endless = "while True:\n  try:\n    while True: pass\n  except BaseException: pass";
    let ended = shell.call(["eval", "--timeout", "300ms", "--json", endless]);
    assert_eq!(ended.code, Some(1));
    assert_eq!(ended.document()["failure"]["kind"], "timed_out");
    let ended = shell.call(["eval", "--fuel", "30_000_000", "--json", endless]);
    assert_eq!(ended.document()["failure"]["kind"], "out_of_fuel");
    let ended = shell.call(["eval", "--json", "print('hello')\nprogress(0.5)\n_return(2)\nraise KeyError('x')"]);
    let document = ended.document();
    assert_eq!((&document["failure"]["type"], &document["returns"]), (&json!("KeyError"), &json!([2])));
    assert_eq!(document["stdout"], "hello\n");
    let ended = shell.call(["eval", "import sys; sys.exit(3)", "--json"]);
    assert_eq!(
        (&ended.document()["failure"]["kind"], &ended.document()["failure"]["code"]),
        (&json!("exit"), &json!(3))
    );
}

#[test]
fn an_unknown_language_names_those_that_are_known() {
    let shell = Shell::with_interpreters();
    let ended = shell.call(["eval", "-l", "ruby", "1"]);
    assert_eq!(ended.code, Some(2));
    assert!(ended.stderr.contains("(javascript, python), found \"ruby\""), "{}", ended.stderr);
}

#[test]
fn what_is_missing_of_a_call_is_named() {
    let shell = Shell::new();
    for arguments in [["eval"].as_slice(), &["eval", "1", "-f", "x.py"]] {
        assert_eq!(shell.call(arguments).code, Some(2), "{arguments:?}");
    }
}

#[test]
fn the_carried_interpreters_are_listed_with_version_digest_size_and_state() {
    let shell = Shell::with_interpreters();
    let listed = shell.call(["interpreters", "--json"]).document();
    let languages: Vec<&str> = listed.as_array().unwrap().iter().filter_map(|row| row["language"].as_str()).collect();
    assert_eq!(languages, ["javascript", "python"]);
    for row in listed.as_array().unwrap() {
        assert!(row["version"].as_str().is_some_and(|version| !version.is_empty()), "{row}");
        assert!(row["digest"].as_str().is_some_and(|digest| digest.len() == 71), "{row}");
        assert!(row["size_bytes"].as_u64().is_some_and(|bytes| bytes > 100_000), "{row}");
        assert_eq!((&row["state"], &row["file"]), (&json!("ready"), &json!(null)));
    }
    let table = shell.call(["interpreters"]).stdout;
    assert!(table.lines().all(|line| line.contains("ready") && line.ends_with("carried")), "{table}");
}

#[test]
fn an_interpreter_that_nobody_needed_yet_is_listed_as_not_compiled() {
    let listed = Shell::new().call(["interpreters", "--json"]).document();
    let states: Vec<&str> = listed.as_array().unwrap().iter().filter_map(|row| row["state"].as_str()).collect();
    assert_eq!(states, ["not compiled", "not compiled"]);
}

#[test]
fn an_operator_can_add_an_interpreter_take_it_away_and_switch_a_language_off() {
    let shell = Shell::with_interpreters();
    let file = fixture("json_interpreter.wat");
    let wasm = shell.file("json.wasm", ampule::assemble(&std::fs::read_to_string(file).unwrap()).unwrap());
    let state = |language: &str| {
        let listed = shell.call(["interpreters", "--json"]).document();
        let row = listed.as_array().unwrap().iter().find(|row| row["language"] == language).cloned();
        row.map(|row| row["state"].as_str().unwrap().to_owned())
    };
    assert_eq!(state("json"), None);
    assert_eq!(shell.call(["interpreters", "add", "json", &wasm]).code, Some(0));
    assert!(state("json").is_some());
    assert_eq!(shell.call(["eval", "-l", "json", "[1, 2]"]).stdout, "[1,2]\n");
    assert_eq!(state("json").as_deref(), Some("ready"));

    assert_eq!(shell.call(["interpreters", "disable", "json"]).code, Some(0));
    assert_eq!(state("json").as_deref(), Some("off"));
    assert_eq!(shell.call(["eval", "-l", "json", "[1, 2]"]).code, Some(2));
    assert_eq!(shell.call(["interpreters", "enable", "json"]).code, Some(0));
    assert_eq!(shell.call(["eval", "-l", "json", "7"]).stdout, "7\n");

    assert_eq!(shell.call(["interpreters", "remove", "json"]).code, Some(0));
    assert_eq!(state("json"), None);
    assert_eq!(shell.call(["interpreters", "remove", "json"]).code, Some(2));
}

#[test]
fn only_interpreters_can_be_added_and_only_under_plain_names() {
    let shell = Shell::with_interpreters();
    let returning = shell.file("job.wasm", ampule::assemble("(module (func (export \"run\")))").unwrap());
    let ended = shell.call(["interpreters", "add", "json", &returning]);
    assert_eq!(ended.code, Some(2));
    assert!(ended.stderr.contains("expected an interpreter"), "{}", ended.stderr);
    let text = shell.file("text.wasm", "no program");
    assert_eq!(shell.call(["interpreters", "add", "json", &text]).code, Some(3));
    for name in ["../json", "Json", ""] {
        assert_eq!(shell.call(["interpreters", "add", name, &returning]).code, Some(2), "{name}");
    }
    assert_eq!(shell.call(["interpreters", "disable", "ruby"]).code, Some(2));
    assert!(!shell.path("interpreters").join("json.off").exists());
}
