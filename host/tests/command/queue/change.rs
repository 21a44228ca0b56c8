//! `cancel`, `retry`, `hold`, `release`, `run-now`, `delete`.

use serde_json::{Value, json};

use super::super::shell::Shell;

#[test]
fn a_job_that_was_cancelled_never_runs() {
    let shell = Shell::new();
    let id = shell.enqueue("nothing", &[]);
    let cancelled = shell.call(["cancel", &id]);
    assert_eq!((cancelled.code, cancelled.stdout.as_str()), (Some(0), "1 job cancelled\n"));
    assert_eq!(shell.work(&[]).code, Some(0));
    assert_eq!(shell.state_of(&id), "cancelled");
    let waited = shell.call(["wait", &id]);
    assert_eq!(waited.code, Some(1));
    assert!(waited.stderr.contains("cancelled before it ran"), "{waited:?}");
}

#[test]
fn jobs_that_cannot_be_changed_are_told_with_the_reason() {
    let shell = Shell::new();
    let (ended, queued) = (shell.enqueue("nothing", &[]), shell.enqueue("nothing", &["--hold"]));
    shell.work(&[]);
    for (verb, id, why) in [
        ("cancel", &ended, "it has ended already, completed"),
        ("hold", &ended, "it has ended, completed"),
        ("hold", &queued, "it is held already"),
        ("retry", &queued, "it has not ended, queued"),
        ("delete", &queued, "it has not ended, queued"),
    ] {
        let refused = shell.call([verb, id]);
        assert_eq!((refused.code, refused.stdout.starts_with("0 jobs ")), (Some(1), true), "{verb}: {refused:?}");
        assert!(refused.stderr.contains(why), "{verb}: {refused:?}");
    }
    let both = shell.call(["delete", &ended, &queued, "--json"]);
    assert_eq!(both.code, Some(1));
    let document = both.document();
    assert_eq!((&document["changed"], &document["unchanged"][0]["id"]), (&json!([ended]), &json!(queued)));
}

#[test]
fn a_held_job_waits_until_it_is_released() {
    let shell = Shell::new();
    let id = shell.enqueue("nothing", &[]);
    assert_eq!(shell.call(["hold", &id]).stdout, "1 job held\n");
    shell.work(&[]);
    assert_eq!(shell.state_of(&id), "queued");
    assert_eq!(shell.call(["release", &id]).stdout, "1 job released\n");
    shell.work(&[]);
    assert_eq!(shell.state_of(&id), "completed");
}

#[test]
fn a_job_that_was_put_off_runs_at_once_if_asked_to() {
    let shell = Shell::new();
    let id = shell.enqueue("nothing", &["--delay", "30d"]);
    assert_eq!(shell.call(["run-now", &id]).stdout, "1 job made due\n");
    shell.work(&[]);
    assert_eq!(shell.state_of(&id), "completed");
}

#[test]
fn a_job_is_tried_again_with_other_kwargs_typed_as_its_program_wants() {
    let shell = Shell::new();
    let id = shell.enqueue("schema", &["-k", "name=3", "-k", "count=3"]);
    shell.work(&[]);
    assert_eq!(shell.call(["retry", &id, "-k", "name=7"]).stdout, "1 job queued again\n");
    shell.work(&[]);
    assert_eq!(shell.call(["wait", &id]).stdout, "{\"name\":\"7\",\"count\":3}\n");
    assert_eq!(shell.call(["retry", &id, "--kwargs", "{}", "-k", "count=1"]).code, Some(0));
    shell.work(&[]);
    assert_eq!(shell.call(["wait", &id]).stdout, "{\"count\":1}\n");
    let refused = shell.call(["retry", &id, "-k", "colour=red"]);
    assert_eq!(refused.code, Some(3), "{refused:?}");
    assert_eq!(shell.state_of(&id), "completed");
    let attempts = shell.document(&["show", &id])["attempts"].clone();
    assert_eq!(attempts.as_array().unwrap().len(), 3);
}

#[test]
fn a_filter_changes_all_that_pass_and_none_is_no_filter() {
    let shell = Shell::new();
    for arguments in [&["--tag", "a"][..], &["--tag", "a"], &["--tag", "b"]] {
        shell.enqueue("nothing", arguments);
    }
    let refused = shell.call(["cancel"]);
    assert_eq!(refused.code, Some(2));
    assert!(refused.stderr.contains("--all"), "{refused:?}");
    assert_eq!(shell.call(["cancel", "--tag", "a"]).stdout, "2 jobs cancelled\n");
    assert_eq!(shell.call(["cancel", "--tag", "absent"]).stdout, "0 jobs cancelled\n");
    assert_eq!(shell.call(["delete", "--state", "cancelled"]).stdout, "2 jobs deleted\n");
    assert_eq!(shell.call(["cancel", "--all"]).stdout, "1 job cancelled\n");
    assert_eq!(shell.states().len(), 1);
}

#[test]
fn ids_and_filters_are_not_mixed() {
    let shell = Shell::new();
    let id = shell.enqueue("nothing", &[]);
    for arguments in [&["--all"][..], &["--on", "default"], &["--state", "queued"]] {
        let ended = shell.call([&["cancel", &id], arguments].concat());
        assert_eq!(ended.code, Some(2), "{ended:?}");
    }
    assert_eq!(shell.call(["retry", "--all", "-k", "a=1"]).code, Some(2), "edits are of jobs that are named");
    assert_eq!(shell.state_of(&id), "queued");
}

#[test]
fn the_history_of_a_job_that_was_tried_again_stays() {
    let shell = Shell::new();
    let id = shell.enqueue("fail", &["--attempts", "1"]);
    shell.work(&[]);
    assert_eq!(shell.call(["retry", "--kind", "guest"]).stdout, "1 job queued again\n");
    shell.work(&[]);
    let job = shell.document(&["show", &id]);
    let ends = job["attempts"].as_array().unwrap().iter().map(|attempt| json!([attempt["attempt"], attempt["end"]]));
    assert_eq!(Value::from_iter(ends), json!([[1, "failed"], [2, "failed"]]));
}
