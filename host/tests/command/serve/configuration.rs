//! What servers and workers are told, by whatever means, and what is said of it.

use std::process::Command;

use super::super::shell::{Ended, Shell};

fn ended(command: &mut Command) -> Ended {
    command.output().unwrap().into()
}

#[test]
fn all_that_is_wrong_is_told_at_once_with_its_place() {
    let shell = Shell::new();
    let text = "queue = 7\nlisten = \"here\"\n\n[server]\nlisten = \"7070\"\nmax_conections = 10\nrate = \"fast\"\n\
                head_timeout = [1]\n\n[worker]\nslots = 0\nonly = \"a,b\"\n[runner]\nallow_dir = [\"absent\"]\n";
    shell.file("ampule.toml", text);
    let mut command = shell.command(["serve", "--config", "ampule.toml", "--set", "x", "--slots", "many"]);
    command.env("AMPULE_SERVER_MAX_WAIT", "long").env("AMPULE_WORKER_SLOT", "1").env("AMPULE_OTHER", "fine");
    let ended = ended(&mut command);
    assert_eq!((ended.code, ended.stdout.as_str()), (Some(2), ""));
    insta::assert_snapshot!(ended.stderr);
    assert!(!shell.path("ampule.db").exists());
}

#[test]
fn a_file_that_is_no_toml_or_not_there_is_said_to_be_so() {
    let shell = Shell::new();
    shell.file("bad.toml", "[server\nlisten = 1\n");
    shell.file("latin1.toml", b"[worker]\nonly = [\"caf\xe9\"]\n");
    for (file, message) in [
        ("bad.toml", "bad.toml:1:8: expected TOML"),
        ("latin1.toml", "latin1.toml:2:13: expected text in UTF-8, found other bytes"),
        ("none.toml", "none.toml: expected a TOML file"),
    ] {
        let ended = shell.call(["config", "--config", file]);
        assert_eq!(ended.code, Some(2), "{ended:?}");
        assert!(ended.stderr.contains(message), "{ended:?}");
    }
}

#[test]
fn what_a_start_would_refuse_is_refused_by_the_configuration() {
    let shell = Shell::new();
    shell.file("empty.pem", "");
    for (key, value, said) in [
        ("webhooks.ca_file", "not-there.pem", "not-there.pem"),
        ("webhooks.ca_file", "empty.pem", "expected certificates as PEM, found none"),
        ("queue", "postgres://ada:s3cr3t@db:99999/jobs", "invalid port number"),
    ] {
        for subcommand in ["config", "serve"] {
            let ended = shell.call([subcommand, "--set", &format!("{key}={value}")]);
            assert_eq!((ended.code, ended.stdout.as_str()), (Some(2), ""), "{ended:?}");
            let (place, secret) = (format!("--set: {key}: "), "s3cr3t");
            assert!(ended.stderr.contains(&place) && ended.stderr.contains(said), "{ended:?}");
            assert!(!ended.stderr.contains(secret), "{ended:?}");
        }
    }
}

#[test]
fn a_slip_is_no_less_one_outside_of_tables_and_without_a_key() {
    let shell = Shell::new();
    shell.file("ampule.toml", "grace = \"1s\"\n[server]\n[bogus]\n[webhook]\n");
    let mut command = shell.command(["config", "--config", "ampule.toml"]);
    command.env("AMPULE_GRAC", "1s").env("AMPULE_TRACE", "fine");
    let ended = ended(&mut command);
    assert_eq!(ended.code, Some(2), "{ended:?}");
    let faults: Vec<&str> = ended.stderr.lines().skip(1).map(str::trim).collect();
    assert_eq!(faults.len(), 3, "{ended:?}");
    assert_eq!(faults[0], "$AMPULE_GRAC: there is no key `grac`; did you mean `grace`?");
    assert!(faults[1].starts_with("ampule.toml:3:2: there is no key `bogus`"), "{ended:?}");
    assert!(faults[2].starts_with("ampule.toml:4:2: there is no key `webhook`"), "{ended:?}");
}

#[test]
fn flags_go_before_variables_and_these_before_the_file_and_no_password_is_shown() {
    let shell = Shell::new();
    shell.file("ampule.toml", "[server]\nmax_requests = 1\nmax_waits = 2\nmax_batch = 3\n");
    let mut command = shell.command(["config", "--set", "server.max_requests=9"]);
    command.env("AMPULE_CONFIG", "ampule.toml").env("AMPULE_SERVER_MAX_REQUESTS", "8");
    command.env("AMPULE_SERVER_MAX_WAITS", "7").env("AMPULE_QUEUE", "postgres://ada:s3cr3t@db/jobs");
    let ended = ended(&mut command);
    assert_eq!(ended.code, Some(0), "{ended:?}");
    for line in [
        "max_requests = 9 # --set",
        "max_waits = 7 # $AMPULE_SERVER_MAX_WAITS",
        "max_batch = 3 # ampule.toml:4:1",
        "max_streams = 1024 # default",
        "queue = \"postgres://ada:***@db/jobs\" # $AMPULE_QUEUE",
    ] {
        assert!(ended.stdout.lines().any(|found| found == line), "{line}: {}", ended.stdout);
    }
    assert!(!ended.stdout.contains("s3cr3t"));
}

#[test]
fn what_is_printed_is_a_configuration_that_says_the_same() {
    let shell = Shell::new();
    let printed = shell.call(["config", "--set", "server.rate=5/s", "--set", "webhooks.allow_networks=10.0.0.0/8"]);
    shell.file("printed.toml", &printed.stdout);
    let values =
        |text: &str| -> Vec<String> { text.lines().map(|line| line.split(" # ").next().unwrap().to_owned()).collect() };
    let again = shell.call(["config", "--config", "printed.toml"]);
    assert_eq!(again.code, Some(0), "{again:?}");
    assert_eq!(values(&printed.stdout), values(&again.stdout));
    let document = shell.call(["config", "--json", "--config", "printed.toml"]).document();
    assert_eq!(document["server.rate"]["value"], "5/s, 5 at once");
}

#[test]
fn a_worker_reads_the_same_configuration() {
    let shell = Shell::new();
    shell.file("ampule.toml", "queue = \"sqlite:other.db\"\n[worker]\nslots = 3\n");
    let ended = shell.call(["work", "--until-empty", "--config", "ampule.toml"]);
    assert_eq!(ended.code, Some(0), "{ended:?}");
    assert!(ended.stderr.contains(": 3 slots, all queues") && shell.path("other.db").exists(), "{ended:?}");
}
