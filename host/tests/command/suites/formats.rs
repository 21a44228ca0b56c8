//! The formats that programs read. Each is well-formed whatever a job writes.

use serde_json::json;

use super::xml::{self, Element};
use super::{cases, shell_with_suites};

fn report(format: &str) -> String {
    let ended = shell_with_suites().call(["test", "suites", "--format", format]);
    assert_eq!(ended.code, Some(1), "{}", ended.stderr);
    ended.stdout
}

/// What the common schema of JUnit reports asks of a suite.
fn check_suite(suite: &Element, id: usize) {
    assert_eq!(suite.name, "testsuite");
    assert_eq!(suite.attribute("id"), id.to_string());
    for required in ["package", "name", "hostname"] {
        assert!(!suite.attribute(required).is_empty(), "{required}");
    }
    let timestamp = suite.attribute("timestamp");
    let shape: String = timestamp.chars().map(|c| if c.is_ascii_digit() { '0' } else { c }).collect();
    assert_eq!(shape, "0000-00-00T00:00:00");
    suite.attribute("time").parse::<f64>().unwrap();
    let mut order = suite.names();
    order.dedup();
    assert_eq!(order, ["properties", "testcase", "system-out", "system-err"]);
    for property in suite.children[0].named("property") {
        assert!(property.attribute("name").starts_with("fuel: ") && property.attribute("value").parse::<u64>().is_ok());
    }
    let count = |name: &str| suite.named("testcase").filter(|case| case.named(name).count() == 1).count().to_string();
    assert_eq!(suite.attribute("tests"), suite.named("testcase").count().to_string());
    assert_eq!(suite.attribute("failures"), count("failure"));
    assert_eq!(suite.attribute("skipped"), count("skipped"));
    assert_eq!(suite.attribute("errors"), "0");
    suite.named("testcase").for_each(check_case);
}

fn check_case(case: &Element) {
    let known = ["name", "classname", "time"];
    assert!(case.attributes.iter().map(|(name, _)| name.as_str()).eq(known), "{:?}", case.attributes);
    case.attribute("time").parse::<f64>().unwrap();
    assert!(case.children.len() <= 1);
    for failure in case.named("failure") {
        assert!(!failure.attribute("type").is_empty() && !failure.attribute("message").is_empty());
        assert!(failure.text.contains("repeat it: ampule "), "{}", failure.text);
    }
}

#[test]
fn junit_is_as_its_common_schema_asks() {
    let root = xml::parse(&report("junit"));
    assert_eq!((root.name.as_str(), root.attributes.len(), root.children.len()), ("testsuites", 0, 3));
    root.children.iter().enumerate().for_each(|(id, suite)| check_suite(suite, id));
    let counts = |key: &str| root.children.iter().map(|suite| suite.attribute(key).to_owned()).collect::<Vec<_>>();
    assert_eq!(counts("tests"), ["45", "3", "24"]);
    assert_eq!(
        (counts("failures"), counts("skipped")),
        (["45", "1", "0"].map(str::to_owned).to_vec(), ["0", "1", "1"].map(str::to_owned).to_vec())
    );
}

#[test]
fn hostile_text_arrives_in_junit_as_text() {
    let root = xml::parse(&report("junit"));
    let suite = &root.children[1];
    let case = suite.named("testcase").next().unwrap();
    assert_eq!(case.attribute("name"), "a name with ]]> & <tags> \"quotes\" # TODO and \\ in it");
    let output = &suite.named("system-out").next().unwrap().text;
    assert!(output.contains("]]></system-out>&\\u{1b}[2J\\u{0}\\r\n::error::owned\n"), "{output}");
    let skipped = suite.named("testcase").nth(2).unwrap().named("skipped").next().unwrap();
    assert_eq!(skipped.attribute("message"), "]]> # TODO \\u{1b}[2J");
}

#[test]
fn tap_has_one_line_for_each_case_and_no_text_is_a_directive() {
    let text = report("tap");
    let mut lines = text.lines();
    assert_eq!((lines.next(), lines.next()), (Some("TAP version 14"), Some("1..72")));
    let points: Vec<&str> = lines.filter(|line| !line.starts_with("  ")).collect();
    assert_eq!(points.len(), 72);
    for (number, point) in (1..).zip(&points) {
        let rest = point.strip_prefix("not ").unwrap_or(point);
        assert!(rest.starts_with(&format!("ok {number} - suites/")), "{point}");
    }
    assert_eq!(points.iter().filter(|point| point.starts_with("not ok")).count(), 46);
    let named = r#"not ok 46 - suites/hostile::a name with ]]> & <tags> "quotes" \# TODO and \\ in it"#;
    assert_eq!(points[45], named);
    assert_eq!(points[47], r"ok 48 - suites/hostile::skipped # SKIP ]]> \# TODO \\u{1b}[2J");
}

#[test]
fn github_gets_an_annotation_for_each_failure_and_no_command_from_a_job() {
    let text = report("github");
    let (annotations, rest) = text.split_once("::stop-commands::").unwrap();
    assert_eq!(annotations.lines().count(), 46);
    for line in annotations.lines() {
        assert!(
            line.starts_with("::error file=suites/") && line.contains(",line=") && line.contains(",title="),
            "{line}"
        );
    }
    let (word, rest) = rest.split_once('\n').unwrap();
    assert_eq!(word.len(), 36);
    assert!(rest.contains("::error::owned"), "the job's own text is there, where it is no command");
    assert!(rest.ends_with(&format!("::{word}::\n24 passed, 46 failed, 2 skipped\n")));
}

#[test]
fn the_document_tells_everything() {
    let shell = shell_with_suites();
    let ended = shell.call(["test", "suites/passes.suite.toml", "--format", "json", "--filter", "returns, progress"]);
    let document = ended.document();
    let keys: Vec<_> = document.as_object().unwrap().keys().collect();
    assert_eq!(keys, ["suites", "passed", "failed", "skipped", "written", "fault"]);
    let suite = &document["suites"][0];
    assert_eq!((&suite["name"], &suite["file"]), (&json!("passes"), &json!("suites/passes.suite.toml")));
    let case = &cases(&ended)[0];
    let keys: Vec<_> = case.as_object().unwrap().keys().collect();
    let known =
        ["name", "line", "status", "reason", "attempts", "command", "problems", "fuel", "built_by", "progress", "run"];
    assert_eq!(keys, known);
    assert_eq!((&case["status"], &case["run"]["result"]), (&json!("passed"), &json!([8, 13])));
    assert_eq!(case["progress"], json!([25, 100]));
    assert_eq!(case["fuel"]["exact"], case["run"]["usage"]["fuel"]);
    let keys: Vec<_> = case["fuel"].as_object().unwrap().keys().collect();
    assert_eq!(keys, ["exact", "budget", "recorded", "recorded_by_same_compilers", "change_percent"]);
}
