//! What is stored, what is refused before it is, and what a job means.

use serde_json::json;

use super::super::shell::{Shell, assembled, fixture};

#[test]
fn an_enqueued_job_is_run_by_a_worker() {
    let shell = Shell::new();
    let id = shell.enqueue("schema", &["-k", "name=3", "-k", "count=3"]);
    assert_eq!(shell.states(), [("schema".to_owned(), "queued".to_owned())]);
    assert_eq!(shell.work(&[]).code, Some(0));
    let waited = shell.call(["wait", &id]);
    assert_eq!((waited.code, waited.stdout.as_str()), (Some(0), "{\"name\":\"3\",\"count\":3}\n"));
}

#[test]
fn the_document_of_an_enqueue_says_whether_it_was_there() {
    let shell = Shell::new();
    let enqueue =
        |tenant: &str| shell.document(&["enqueue", &fixture("nothing"), "--unique", "once", "--tenant", tenant]);
    let (first, second, other) = (enqueue("a"), enqueue("a"), enqueue("b"));
    assert_eq!(
        (&first["existed"], &second["existed"], &other["existed"]),
        (&json!(false), &json!(true), &json!(false))
    );
    assert_eq!(first["id"], second["id"]);
    assert_ne!(first["id"], other["id"]);
    assert_eq!(shell.states().len(), 2);
}

#[test]
fn a_key_for_unfinished_jobs_is_free_when_the_job_has_ended() {
    let shell = Shell::new();
    let enqueue = || shell.enqueue("nothing", &["--unique", "one at a time", "--unique-while-unfinished"]);
    let first = enqueue();
    assert_eq!(enqueue(), first);
    shell.work(&[]);
    assert_ne!(enqueue(), first);
}

#[test]
fn a_program_that_would_be_refused_is_not_stored() {
    let shell = Shell::new();
    let ended = shell.call(["enqueue", &fixture("missing")]);
    assert_eq!(ended.code, Some(3), "{ended:?}");
    assert!(ended.stderr.contains("bad_program") && ended.stderr.contains("env.launch"), "{ended:?}");
    assert_eq!(shell.states(), []);
    assert_eq!(shell.call(["enqueue", "missing"]).code, Some(2), "nor is it known by its name");
}

#[test]
fn kwargs_that_do_not_fit_are_refused_before_they_are_stored() {
    let shell = Shell::new();
    let ended = shell.call(["enqueue", &fixture("schema"), "-k", "colour=red", "--json"]);
    assert_eq!((ended.code, &ended.document()["failure"]["kind"]), (Some(3), &json!("bad_kwargs")));
    assert!(ended.stderr.contains("colour"), "{ended:?}");
    assert_eq!(shell.states(), []);
}

#[test]
fn a_name_that_the_queue_knows_needs_no_file() {
    let shell = Shell::new();
    let file = shell.file("mine.wasm", assembled("schema"));
    shell.call(["enqueue", &file]);
    std::fs::remove_file(&file).unwrap();
    let again = shell.call(["enqueue", "mine", "-k", "name=3"]);
    assert_eq!(again.code, Some(0), "{again:?}");
    shell.work(&[]);
    assert_eq!(shell.call(["wait", again.stdout.trim_end()]).stdout, "{\"name\":\"3\"}\n");
}

#[test]
fn a_job_means_the_bytes_that_its_name_meant_when_it_was_enqueued() {
    let shell = Shell::new();
    let file = shell.file("job.wasm", assembled("twice"));
    let first = shell.call(["enqueue", &file]).stdout;
    shell.file("job.wasm", assembled("nothing"));
    let second = shell.call(["enqueue", &file]).stdout;
    shell.work(&[]);
    assert_eq!(shell.call(["wait", first.trim_end(), second.trim_end()]).stdout, "[8,13]\nnull\n");
}

#[test]
fn a_name_that_nobody_knows_says_where_it_was_looked_for() {
    let shell = Shell::new();
    let ended = shell.call(["enqueue", "absent"]);
    assert_eq!(ended.code, Some(2));
    assert!(ended.stderr.contains("\"absent\"") && ended.stderr.contains("the queue has no program"), "{ended:?}");
}

#[test]
fn the_url_of_the_queue_is_never_told() {
    let shell = Shell::new();
    for url in ["mysql://user:secret@h/d", "postgres://user:secret@127.0.0.1:1/d", "user:secret@h"] {
        for arguments in [&["list", "--queue", url][..], &["enqueue", "x", "--json", "--queue", url]] {
            let ended = shell.call(arguments);
            assert!(matches!(ended.code, Some(2 | 4)), "{ended:?}");
            assert!(!ended.stdout.contains("secret") && !ended.stderr.contains("secret"), "{ended:?}");
        }
        let mut from_environment = shell.command(["list"]);
        let output = from_environment.env("AMPULE_QUEUE", url).output().unwrap();
        assert!(!String::from_utf8_lossy(&output.stderr).contains("secret"));
    }
}

#[test]
fn whoever_only_looks_makes_no_queue() {
    let shell = Shell::new();
    for arguments in
        [&["list"][..], &["queues"], &["workers"], &["schedules"], &["queue", "check"], &["cancel", "--all"]]
    {
        let ended = shell.call(arguments);
        assert_eq!(ended.code, Some(2), "{ended:?}");
        assert!(ended.stderr.contains("\"ampule.db\""), "{ended:?}");
    }
    assert!(!shell.path("ampule.db").exists());
}

#[test]
fn a_job_that_returns_is_followed_by_the_program_that_gets_its_value() {
    let shell = Shell::new();
    shell.enqueue("echo", &[]);
    let kwargs = r#"{"own":1}"#;
    shell.enqueue("twice", &["--at-return", "echo", "--at-return-kwargs", kwargs, "--at-err", "closure:never"]);
    shell.enqueue("fail", &["--attempts", "1", "--at-err", "echo"]);
    assert_eq!(shell.work(&["--slots", "1"]).code, Some(1));
    let list = shell.document(&["list", "--name", "echo"]);
    let ids = list["jobs"].as_array().unwrap().iter().filter(|job| job["parent"].is_string());
    let values = ids.map(|job| shell.document(&["wait", job["id"].as_str().unwrap()])["result"].clone());
    let values: Vec<_> = values.collect();
    assert_eq!(values.len(), 2);
    assert_eq!(values[0]["failure"]["kind"], "guest");
    assert_eq!(values[1], json!({ "own": 1, "result": [8, 13] }));
}

#[test]
fn a_directory_means_the_same_to_a_worker_that_was_started_elsewhere() {
    let shell = Shell::new();
    shell.file("data/in.txt", "content");
    let id = shell.enqueue("files", &["--dir", "data", "--attempts", "1"]);
    let directories = shell.document(&["show", &id])["job"]["grants"]["directories"].clone();
    assert_eq!(directories[0]["host"], shell.path("data").to_str().unwrap());
}

#[test]
fn a_language_that_is_not_known_here_is_stored_and_said() {
    let shell = Shell::new();
    let ended = shell.call(["enqueue", "-l", "pyhton", "1 + 1"]);
    assert_eq!(ended.code, Some(0), "{ended:?}");
    assert!(ended.stderr.contains("no interpreter for pyhton"), "{ended:?}");
    assert_eq!(shell.work(&[]).code, Some(0), "a worker that cannot run it does not wait for it");
}

#[test]
fn a_queue_that_is_draining_takes_no_jobs() {
    let shell = Shell::new();
    shell.call(["queues", "drain", "default"]);
    let ended = shell.call(["enqueue", &fixture("nothing")]);
    assert_eq!(ended.code, Some(4));
    assert!(ended.stderr.contains("draining"), "{ended:?}");
}

#[test]
fn a_source_is_run_by_the_interpreter_that_a_worker_has_for_its_language() {
    let shell = Shell::new();
    let interpreter = shell.file("json.wasm", assembled("json_interpreter"));
    shell.call(["interpreters", "add", "json", &interpreter]);
    let said = shell.call(["enqueue", "-l", "json", r#"{"a":[1,2]}"#]);
    assert_eq!((said.code, said.stderr.as_str()), (Some(0), ""));
    let file = shell.file("answer.json", "42");
    let filed = shell.call(["enqueue", "-l", "json", "-f", &file]);
    assert_eq!(shell.work(&[]).code, Some(0));
    let waited = shell.call(["wait", said.stdout.trim_end(), filed.stdout.trim_end()]);
    assert_eq!(waited.stdout, "{\"a\":[1,2]}\n42\n");
    assert_eq!(shell.states()[1].0, "answer.json");
}
