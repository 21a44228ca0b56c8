//! `queues`, `workers`, `queue check` and `queue backup`: how a queue is served and kept.

use serde_json::json;

use super::super::shell::{Shell, fixture, wait_for};
use super::redacted;
use super::work::Running;

#[test]
fn a_paused_queue_hands_out_nothing_until_it_is_resumed() {
    let shell = Shell::new();
    let id = shell.enqueue("nothing", &["--on", "mail"]);
    assert_eq!(shell.call(["queues", "pause", "mail"]).code, Some(0));
    assert_eq!(shell.work(&[]).code, Some(0), "it is not waited for");
    assert_eq!(shell.state_of(&id), "queued");
    assert_eq!(shell.call(["queues", "resume", "mail"]).code, Some(0));
    shell.work(&[]);
    assert_eq!(shell.state_of(&id), "completed");
}

#[test]
fn a_table_tells_how_each_queue_does() {
    let shell = Shell::new();
    for arguments in [&["--on", "mail"][..], &["--on", "mail", "--hold"], &["--delay", "1d"]] {
        shell.enqueue("nothing", arguments);
    }
    shell.call(["queues", "limit", "mail", "--running", "3", "--per-tenant", "1"]);
    shell.call(["queues", "pause", "idle"]);
    insta::assert_snapshot!(redacted(&shell.call(["queues"]).stdout), @r"
    QUEUE  MODE  DUE  QUEUED  HELD  RUNNING  LIMIT  PER TENANT  OLDEST DUE
    default  open  0  1  0  0  -  -  -
    idle  paused  0  0  0  0  -  -  -
    mail  open  1  2  1  0  3  1  <time>
    ");
}

#[test]
fn limits_are_set_one_by_one_and_taken_away() {
    let shell = Shell::new();
    let limits = |arguments: &[&str]| {
        let queues = shell.document(&[&["queues", "limit", "mail"], arguments].concat());
        json!([queues["queues"][0]["max_running"], queues["queues"][0]["max_running_per_tenant"]])
    };
    assert_eq!(limits(&["--running", "3"]), json!([3, null]));
    assert_eq!(limits(&["--per-tenant", "1"]), json!([3, 1]));
    assert_eq!(limits(&["--running", "none"]), json!([null, 1]));
    let refused = shell.call(["queues", "limit", "mail", "--running", "0"]);
    assert_eq!(refused.code, Some(2));
    assert!(refused.stderr.contains("above 0"), "{refused:?}");
}

#[test]
fn workers_are_told_of_with_what_they_serve_until_they_have_ended() {
    let shell = Shell::new();
    shell.enqueue("nothing", &["--on", "mail"]);
    let worker = Running::start(&shell, &["--slots", "3", "--only", "mail"]);
    wait_for(|| shell.document(&["workers"])["workers"].as_array().unwrap().len() == 2);
    wait_for(|| shell.document(&["list", "--state", "completed"])["jobs"].as_array().unwrap().len() == 1);
    let mut lines: Vec<String> = redacted(&shell.call(["workers"]).stdout).lines().map(str::to_owned).collect();
    // Both began in one millisecond, or one of them in the next.
    lines[1..].sort_unstable();
    let lines: Vec<&str> = lines.iter().map(|line| line.split("  <time>").next().unwrap().trim_end()).collect();
    assert_eq!(lines[0], "ID  HOST  SERVES  VERSION  RUNNING  STARTED  HEARD OF");
    let running = |line: &str| line.rsplit("  ").next().unwrap().split('/').nth(1).unwrap().to_owned();
    assert_eq!((running(lines[1]), running(lines[2])), ("3".to_owned(), "256".to_owned()), "{lines:?}");
    assert!(lines[1].starts_with("<id>  <host>  mail  <version>"), "{lines:?}");
    assert!(lines[2].starts_with("<id>  <host>  webhooks  <version>"), "{lines:?}");
    let workers = shell.document(&["workers"]);
    assert!(workers["workers"].as_array().unwrap().iter().any(|worker| worker["serves"] == "webhooks"), "{workers}");
    worker.stop();
    assert_eq!(shell.document(&["workers"]), json!({ "workers": [] }));
    assert!(shell.call(["workers"]).stderr.contains("no workers"));
}

#[test]
fn a_sound_queue_has_no_findings() {
    let shell = Shell::new();
    shell.enqueue("nothing", &[]);
    let checked = shell.call(["queue", "check"]);
    assert_eq!((checked.code, checked.stdout.as_str()), (Some(0), "no fault in 1 job\n"));
    assert_eq!(shell.document(&["queue", "check"]), json!({ "sound": true, "findings": [] }));
}

#[test]
fn a_file_that_is_no_queue_is_said_to_be_none() {
    let shell = Shell::new();
    shell.file("ampule.db", "this is no database, and it is long enough to be taken for one".repeat(100));
    for arguments in [&["list"][..], &["queue", "check"]] {
        let ended = shell.call(arguments);
        assert_eq!((ended.code, ended.stdout.as_str()), (Some(2), ""));
        assert!(ended.stderr.contains("a file of another kind"), "{ended:?}");
    }
}

#[test]
fn a_backup_is_a_queue_and_takes_no_files_place() {
    let shell = Shell::new();
    let id = shell.enqueue("twice", &[]);
    let backup = shell.document(&["queue", "backup", "copy.db"]);
    assert_eq!(backup["size_bytes"], shell.path("copy.db").metadata().unwrap().len());
    shell.call(["cancel", &id]);
    assert_eq!(shell.document(&["show", &id, "--queue", "sqlite:copy.db"])["state"], "queued");
    let refused = shell.call(["queue", "backup", "copy.db"]);
    assert_eq!(refused.code, Some(2));
    assert!(refused.stderr.contains("\"copy.db\""), "{refused:?}");
}

#[test]
fn the_environment_names_the_queue_and_the_command_line_another() {
    let shell = Shell::new();
    let call = |arguments: &[&str]| {
        let mut command = shell.command(arguments);
        super::Ended::from(command.env("AMPULE_QUEUE", "sqlite:named.db").output().unwrap())
    };
    assert_eq!(call(&["enqueue", &fixture("nothing")]).code, Some(0));
    assert!(shell.path("named.db").exists() && !shell.path("ampule.db").exists());
    assert_eq!(call(&["enqueue", &fixture("nothing"), "--queue", "sqlite:other.db"]).code, Some(0));
    assert!(shell.path("other.db").exists());
}
