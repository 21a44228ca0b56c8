//! `schedules`: what is enqueued again and again.

use serde_json::json;

use super::super::shell::{Shell, fixture};
use super::redacted;

fn scheduled() -> Shell {
    let shell = Shell::new();
    let arguments = ["--cron", "0 3 * * *", "--zone", "Europe/Berlin", "-k", "name=Ada", "--on", "reports"];
    let added = shell.call([&["schedules", "add", "nightly", &fixture("schema")], &arguments[..]].concat());
    assert_eq!(added.code, Some(0), "{added:?}");
    shell
}

#[test]
fn a_table_tells_when_each_schedule_runs() {
    let shell = scheduled();
    shell.call(["schedules", "add", "often", "schema", "--every", "15m", "--missed", "all=3", "--paused"]);
    insta::assert_snapshot!(redacted(&shell.call(["schedules"]).stdout), @r"
    SCHEDULE  WHEN  JOB  QUEUE  NEXT  LAST
    nightly  0 3 * * * (Europe/Berlin)  schema  reports  in <time>  -
    often  every <time>  schema  default  paused  -
    ");
}

#[test]
fn a_schedule_is_shown_with_its_next_ten_runs() {
    let shell = scheduled();
    insta::assert_snapshot!(redacted(&shell.call(["schedules", "show", "nightly"]).stdout), @r"
    schedule  nightly
    when  0 3 * * * (Europe/Berlin)
    job  schema on reports
    missed  of missed ticks the latest is run
    last  -
    next  <moment> (in <time>)
              <moment> (in <time>)
              <moment> (in <time>)
              <moment> (in <time>)
              <moment> (in <time>)
              <moment> (in <time>)
              <moment> (in <time>)
              <moment> (in <time>)
              <moment> (in <time>)
              <moment> (in <time>)
    ");
    let document = shell.document(&["schedules", "show", "nightly"]);
    let runs = document["runs"].as_array().unwrap();
    assert_eq!((runs.len(), &runs[0]), (10, &document["next"]));
    assert_eq!(document["job"]["job"]["kwargs"], json!({ "name": "Ada" }));
}

#[test]
fn each_run_that_is_asked_for_is_a_job_of_its_own() {
    let shell = scheduled();
    let run = || shell.call(["schedules", "run-now", "nightly"]).stdout.trim_end().to_owned();
    let (first, second) = (run(), run());
    assert_ne!(first, second);
    shell.work(&["--only", "reports"]);
    assert_eq!(shell.call(["wait", &first, &second]).stdout, "{\"name\":\"Ada\"}\n{\"name\":\"Ada\"}\n");
}

#[test]
fn a_paused_schedule_has_no_next_run_until_it_is_resumed() {
    let shell = scheduled();
    let next = |verb: &str| shell.document(&["schedules", verb, "nightly"])["schedules"][0]["next"].clone();
    assert!(next("pause").is_null());
    assert!(next("resume").is_string());
}

#[test]
fn a_schedule_that_was_removed_is_gone_and_its_jobs_stay() {
    let shell = scheduled();
    shell.call(["schedules", "run-now", "nightly"]);
    assert_eq!(shell.call(["schedules", "remove", "nightly"]).stdout, "1 schedule removed\n");
    assert_eq!(shell.document(&["schedules"]), json!({ "schedules": [] }));
    assert_eq!(shell.states().len(), 1);
}

#[test]
fn a_schedule_enqueues_by_itself_while_a_worker_is_there() {
    let shell = Shell::new();
    shell.call(["schedules", "add", "often", &fixture("twice"), "--every", "1s"]);
    // The worker goes on for this one, and the schedule has ticks meanwhile.
    let delayed = shell.enqueue("nothing", &["--delay", "3s"]);
    shell.work(&[]);
    assert_eq!(shell.state_of(&delayed), "completed");
    assert!(shell.states().iter().any(|(name, _)| name == "twice"), "{:?}", shell.states());
}

#[test]
fn what_is_wrong_with_a_schedule_is_said_and_nothing_is_stored() {
    let shell = scheduled();
    for (arguments, said) in [
        (&["--cron", "61 * * * *"][..], "cron"),
        (&["--cron", "0 3 * * *", "--zone", "Mars"], "\"Mars\""),
        (&["--every", "0s"], "\"0s\""),
        (&["--every", "1h", "--missed", "some"], "\"some\""),
        (&["--every", "1h", "--cron", "0 3 * * *"], "--cron"),
        (&["--every", "1h", "--zone", "UTC"], "--cron"),
        (&[], "--cron"),
    ] {
        let ended = shell.call([&["schedules", "add", "bad", "schema"], arguments].concat());
        assert_eq!(ended.code, Some(2), "{ended:?}");
        assert!(ended.stderr.contains(said), "{ended:?}");
    }
    let unknown = shell.call(["schedules", "pause", "bad"]);
    assert_eq!(unknown.code, Some(2));
    assert!(unknown.stderr.contains("(nightly)"), "{unknown:?}");
}
