//! What is wrong with a suite is said with its place, and nothing runs.

use super::{Shell, shell_with_suite};

fn refusal(text: &str) -> String {
    let ended = shell_with_suite(text).call(["test", "own"]);
    assert_eq!((ended.code, ended.stdout.as_str()), (Some(2), ""), "{ended:?}");
    ended.stderr
}

#[test]
fn a_fault_of_a_suite_is_named_with_its_line_and_what_was_expected() {
    for (text, said) in [
        (
            "program = \"x\"\n\n[[case]]\nname = \"a\"\nkwags = {}",
            ":5: `case` has no key `kwags`; did you mean `kwargs`?",
        ),
        ("progam = \"x\"", ":1: a suite has no key `progam`; did you mean `program`?"),
        ("program = \"x\"\n[defaults]\nresult = 1", ":3: `defaults` has no key `result`"),
        (
            "[[case]]\nname = \"a\"\nprogram = \"x\"\nfailure = { kid = \"trap\" }",
            ":4: `failure` has no key `kid`; did you mean `kind`?",
        ),
        (
            "[[case]]\nname = \"a\"\nprogram = \"x\"\ncheck = [{ equal = 1 }]",
            ":4: `check` has no key `equal`; did you mean `equals`?",
        ),
        (
            "[[case]]\nname = \"a\"\nprogram = \"x\"\nlimits = { timeout = 1 }",
            ":4: `limits` has no key `timeout`; did you mean `timeout_ms`?",
        ),
        ("program = \"x\"\n[[case]]\nname = ", ":3: expected TOML"),
        ("program = \"x\"", "expected at least one `[[case]]`, found none"),
        ("program = \"x\"\n[[case]]\n", ":2: a case: expected a `name`, found none"),
        ("[[case]]\nname = \"a\"", ":1: a case: expected `program`, `source` or `source_file`"),
        (
            "program = \"x\"\n[[case]]\nname = \"a\"\n[[case]]\nname = \"a\"",
            ":4: expected each name once, found \"a\" in line 2 too",
        ),
        ("program = \"x\"\n[[case]]\nname = \"a\"\nseed = -1", ":4: `seed`: expected a whole number from 0, found -1"),
        (
            "program = \"x\"\n[[case]]\nname = \"a\"\nseed = 1\ndeterministic = false",
            ":4: `seed`: expected no seed beside",
        ),
        (
            "program = \"x\"\n[[case]]\nname = \"a\"\nresult = 1\nresult_json = \"1\"",
            ":5: `result_json`: expected nothing beside `result`, found both",
        ),
        (
            "program = \"x\"\n[[case]]\nname = \"a\"\nresult = 1\nfailure = {}",
            ":4: `result`: expected nothing of a result beside `failure`",
        ),
        ("program = \"x\"\n[[case]]\nname = \"a\"\nresult_json = \"{\"", ":4: `result_json`: expected JSON"),
        (
            "program = \"x\"\n[[case]]\nname = \"a\"\nresult_file = \"absent.json\"",
            ":4: `result_file`: expected a file at \"own/absent.json\"",
        ),
        (
            "program = \"x\"\n[[case]]\nname = \"a\"\nresult_schema = { type = \"thing\" }",
            ":4: `result_schema`: expected a JSON Schema",
        ),
        ("program = \"x\"\n[[case]]\nname = \"a\"\nreturns = 1", ":4: `returns`: expected the list of all values"),
        (
            "program = \"x\"\n[[case]]\nname = \"a\"\nfailure = { kind = \"boom\" }",
            ":4: `kind`: expected one of guest, panic, trap",
        ),
        (
            "program = \"x\"\n[[case]]\nname = \"a\"\nfailure = { trap = \"door\" }",
            ":4: `trap`: expected one of unreachable",
        ),
        (
            "program = \"x\"\n[[case]]\nname = \"a\"\ncheck = [{ at = \"/0\" }]",
            ":4: a check expects something: one of equals",
        ),
        (
            "program = \"x\"\n[[case]]\nname = \"a\"\ncheck = [{ at = \"0\", equals = 1 }]",
            ":4: `at`: expected a JSON pointer, such as `/0/name`, found \"0\"",
        ),
        (
            "program = \"x\"\n[[case]]\nname = \"a\"\ncheck = [{ matches = \"(\" }]",
            ":4: `matches`: expected a regular expression",
        ),
        (
            "program = \"x\"\n[[case]]\nname = \"a\"\ncheck = [{ near = 1 }]",
            ":4: `near`: expected `within` beside it, found none",
        ),
        (
            "program = \"x\"\n[[case]]\nname = \"a\"\ncheck = [{ type = \"float\" }]",
            ":4: `type`: expected one of null, boolean",
        ),
        (
            "program = \"x\"\n[[case]]\nname = \"a\"\nfailure = {}\ncheck = [{ equals = 1 }]",
            "expected a part of `returns` or `progress`",
        ),
        (
            "program = \"x\"\n[[case]]\nname = \"a\"\ndirs = [\"absent\"]",
            ":4: `dirs`: expected a directory at \"own/absent\", found nothing",
        ),
        (
            "program = \"x\"\n[[case]]\nname = \"a\"\ndirs = [\"..::/d:rw\"]",
            ":4: `dirs`: expected a directory to look at (a case that writes",
        ),
        ("program = \"x\"\n[[case]]\nname = \"a\"\nscratch = [\"/a\", \"/a\"]", "is empty or given twice"),
        (
            "program = \"x\"\n[[case]]\nname = \"a\"\nlimits = { timeout_ms = 0 }",
            ":4: limit `timeout`: expected more than 0 s",
        ),
        ("program = \"x\"\n[[case]]\nname = \"a\"\nkwargs = { at_err = 1 }", ":4: kwargs: `at_err` is reserved"),
        (
            "program = \"x\"\n[[case]]\nname = \"a\"\nkwargs = { d = 2020-01-01 }",
            ":4: `d`: expected a value that JSON has, found a date",
        ),
        (
            "program = \"x\"\n[[case]]\nname = \"a\"\ntolerance_percent = -1",
            ":4: `tolerance_percent`: expected a percentage from 0",
        ),
        (
            "program = \"../absent.wasm\"\n[[case]]\nname = \"a\"",
            "own.suite.toml:2: expected a program at \"own/../absent.wasm\", found nothing",
        ),
        (
            "program = \"absent\"\n[[case]]\nname = \"a\"",
            "own.suite.toml:2: expected a program in the catalog, found none",
        ),
        (
            "source = \"1\"\nlanguage = \"ruby\"\n[[case]]\nname = \"a\"",
            "own.suite.toml:3: expected a language that is known here",
        ),
    ] {
        let refusal = refusal(text);
        assert!(refusal.contains(said), "{text}\n{refusal}");
    }
}

#[test]
fn all_suites_that_cannot_be_read_are_told_at_once() {
    let shell = Shell::new();
    shell.file("a.suite.toml", "a = 1");
    shell.file("b.suite.toml", "b = 1");
    let ended = shell.call(["test", "--format", "json"]);
    assert_eq!(ended.code, Some(2));
    assert!(ended.stderr.contains("a.suite.toml:1:") && ended.stderr.contains("b.suite.toml:1:"), "{}", ended.stderr);
    assert_eq!(ended.document()["fault"]["kind"], "usage");
}

#[test]
fn recorded_fuel_that_cannot_be_read_is_no_record() {
    let shell = shell_with_suite("program = \"../echo.wat\"\n[[case]]\nname = \"a\"");
    shell.file("own/own.suite.lock.toml", "[fuel]\na = \"much\"");
    let ended = shell.call(["test", "own"]);
    assert_eq!(ended.code, Some(2));
    assert!(
        ended.stderr.contains("own/own.suite.lock.toml:2: `a`: expected a whole number from 0"),
        "{}",
        ended.stderr
    );
}
