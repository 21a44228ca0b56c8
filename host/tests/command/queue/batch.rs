//! `--batch`: all lines or none.

use serde_json::json;

use super::super::shell::{Shell, fixture};

#[test]
fn each_line_is_a_job_on_terms_of_its_own() {
    let shell = Shell::new();
    let lines = [
        json!({ "program": fixture("schema"), "kwargs": { "name": "Ada" }, "timeout": 5, "priority": -3, "tag": ["x", "y"] }),
        json!({ "program": "schema", "on": "mail", "delay": "1h", "attempts": 1, "unique": "u", "unique_for": "2h" }),
        json!({ "source": "1 + 1", "language": "python", "hold": true, "tenant": null }),
    ];
    // Names that the first line stores are known to the next.
    shell.enqueue("schema", &["--hold"]);
    let file = shell.file("jobs.jsonl", lines.map(|line| format!("{line}\n\n")).concat());
    let batch = shell.document(&["enqueue", "--batch", &file]);
    let ids: Vec<_> = batch["jobs"].as_array().unwrap().iter().map(|job| job["id"].as_str().unwrap()).collect();
    let jobs: Vec<_> = ids.iter().map(|id| shell.document(&["show", id])).collect();
    assert_eq!(
        (&jobs[0]["job"]["kwargs"], &jobs[0]["job"]["limits"]["timeout_ms"]),
        (&json!({ "name": "Ada" }), &json!(5000))
    );
    assert_eq!((&jobs[0]["priority"], &jobs[0]["tags"]), (&json!(-3), &json!(["x", "y"])));
    assert_eq!((&jobs[1]["queue"], &jobs[1]["max_tries"]), (&json!("mail"), &json!(1)));
    assert_eq!(
        (&jobs[2]["held"], &jobs[2]["language"], &jobs[2]["job"]["source"]),
        (&json!(true), &json!("python"), &json!("1 + 1"))
    );
    assert_eq!(jobs[0]["program"], jobs[1]["program"]);
}

#[test]
fn a_line_that_is_wrong_is_named_and_nothing_is_stored() {
    let shell = Shell::new();
    let good = json!({ "program": fixture("schema") }).to_string();
    for (bad, code, said) in [
        ("{", 2, "JSON object"),
        ("[]", 2, "JSON object"),
        ("{}", 2, "`program`"),
        (r#"{"program":"absent"}"#, 2, "\"absent\""),
        (r#"{"source":"1"}"#, 2, "`language`"),
        (r#"{"source":"1","language":"python","timeot":1}"#, 2, "did you mean `timeout`?"),
        (r#"{"source":"1","language":"python","timeout":"soon"}"#, 2, "\"soon\""),
        (r#"{"source":"1","language":"python","delay":1,"at":"2027-01-31T08:00:00Z"}"#, 2, "found both"),
        (r#"{"source":"1","language":"python","unique_for":1}"#, 2, "`unique`"),
        (r#"{"source":"-","language":"python"}"#, 2, "stdin"),
        (r#"{"source":"1","language":"python","on":"a b"}"#, 2, "queue"),
        (r#"{"source":"1","language":"python","tag":["a b"]}"#, 2, "tag"),
        (&json!({ "program": fixture("missing") }).to_string(), 3, "bad_program"),
        (&json!({ "program": fixture("schema"), "kwargs": { "colour": 1 } }).to_string(), 3, "bad_kwargs"),
    ] {
        let ended = shell.call_with_stdin(&["enqueue", "--batch", "-"], &format!("{good}\n\n{bad}\n{good}\n"));
        assert_eq!((ended.code, ended.stdout.as_str()), (Some(code), ""), "{bad}: {ended:?}");
        assert!(ended.stderr.contains("line 3") && ended.stderr.contains(said), "{bad}: {ended:?}");
    }
    assert_eq!(shell.states(), []);
    assert_eq!(shell.call(["enqueue", "schema"]).code, Some(2), "nor was a program stored");
}

#[test]
fn what_says_something_of_one_job_is_refused_beside_many() {
    let shell = Shell::new();
    for argument in [&["--on", "mail"][..], &["--wait"], &["--delay", "1s"], &["-k", "a=1"], &["program"]] {
        let ended = shell.call([&["enqueue", "--batch", "-"], argument].concat());
        assert_eq!(ended.code, Some(2), "{ended:?}");
        assert!(ended.stderr.contains("--batch"), "{ended:?}");
    }
}
