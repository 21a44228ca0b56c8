//! What a server says when it starts, and when it does not.

use std::fs::Permissions;
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt as _;
use std::process::Command;

use rustix::process::Signal;

use super::super::shell::{Shell, fixture};
use super::{GIVE_UP, Server, line_with, lines_of};

#[test]
fn the_line_to_try_works_as_it_stands() {
    let shell = Shell::new();
    let server = Server::start(&shell, &[]);
    let token = server.says("shown this once: ");
    server.says("try it:");
    let line = server.lines.recv_timeout(GIVE_UP).unwrap();
    assert!(line.contains(&token) && line.trim_start().starts_with("curl "), "{line}");
    // Where there is no curl, the words that a shell makes of the line are sent by hand.
    let words = Command::new("sh").args(["-c", &line.replacen("curl ", "printf '%s\\n' ", 1)]).output().unwrap();
    let words = String::from_utf8(words.stdout).unwrap();
    let path = words.lines().next().unwrap().split_once(&server.address).unwrap().1.to_owned();
    let body = words.lines().skip_while(|word| *word != "-d").nth(1).unwrap_or_default();
    let method = if body.is_empty() { "GET" } else { "POST" };
    let answer = server.ask(&token, method, &path, body.as_bytes()).unwrap();
    assert_eq!(answer.status, 200, "{answer:?}");
    match Command::new("sh").args(["-c", &line]).output() {
        Ok(ended) if ended.status.code() != Some(127) => {
            let said = String::from_utf8(ended.stdout).unwrap();
            assert!(said.starts_with('{') && !said.contains("urn:ampule:problem"), "{said}");
        }
        _ => {}
    }
}

#[test]
fn the_second_start_makes_no_second_token() {
    let shell = Shell::new();
    Server::start(&shell, &["--no-work"]).says("shown this once: ");
    let server = Server::start(&shell, &["--no-work"]);
    let line = server.says("curl ");
    let answer = server.ask("", "GET", line.split_once(&server.address).unwrap().1.trim(), b"").unwrap();
    assert_eq!(answer.status, 204, "{line}");
    assert_eq!(shell.call(["tokens", "--json"]).document()["tokens"].as_array().unwrap().len(), 1);
}

#[test]
fn a_start_that_fails_makes_no_token_and_the_next_one_shows_it() {
    let shell = Shell::new();
    let cache = shell.path("open");
    std::fs::create_dir(&cache).unwrap();
    let may_be_read_by = |mode| std::fs::set_permissions(&cache, Permissions::from_mode(mode)).unwrap();
    may_be_read_by(0o755);
    let start = ["serve", "--listen", "127.0.0.1:0"];
    for (arguments, code) in [(["--cache", "open"], 4), (["--set", "webhooks.ca_file=/not-there.pem"], 2)] {
        let ended = shell.call([&start[..], &arguments].concat());
        assert_eq!(ended.code, Some(code), "{ended:?}");
    }
    may_be_read_by(0o700);
    let server = Server::start(&shell, &["--cache", "open"]);
    let token = server.says("shown this once: ");
    server.get(&token, "/v1/version");
}

#[test]
fn as_many_connections_are_open_as_the_hard_limit_allows_and_too_few_are_warned_of() {
    let shell = Shell::new();
    let serve = shell.command(["serve", "--listen", "127.0.0.1:0"]);
    let mut command = Command::new("/bin/sh");
    command.args(["-c", "ulimit -Sn 64; ulimit -Hn 1000; exec \"$0\" \"$@\""]);
    command.arg(serve.get_program()).args(serve.get_args()).current_dir(shell.directory.path());
    command.env_clear().envs(serve.get_envs().filter_map(|(name, value)| Some((name, value?))));
    let mut child = command.stderr(std::process::Stdio::piped()).spawn().unwrap();
    let mut lines = std::io::BufRead::lines(std::io::BufReader::new(child.stderr.take().unwrap()));
    let warning = lines.next().unwrap().unwrap();
    assert!(warning.contains("WARN") && warning.contains("server.max_connections is 4096"), "{warning}");
    let limits = std::fs::read_to_string(format!("/proc/{}/limits", child.id())).unwrap();
    let open_files = limits.lines().find(|line| line.starts_with("Max open files")).unwrap();
    assert_eq!(open_files.split_whitespace().skip(3).take(2).collect::<Vec<_>>(), ["1000", "1000"]);
    child.kill().unwrap();
    child.wait().unwrap();
}

#[test]
fn a_port_that_is_taken_is_said_to_be_and_nothing_is_left_behind() {
    let shell = Shell::new();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let ended = shell.call(["serve", "--listen", &address]);
    assert_eq!(ended.code, Some(4), "{ended:?}");
    assert!(ended.stderr.contains(&format!("{address} cannot be listened on: Address already in use")), "{ended:?}");
    assert!(ended.stderr.contains("`--listen` names another address"), "{ended:?}");
    assert!(!shell.path("ampule.db").exists());
}

#[test]
fn a_queue_that_cannot_be_opened_is_told_of() {
    let shell = Shell::new();
    shell.file("ampule.db", "this is no database, and it is long enough to be taken for one".repeat(100));
    let ended = shell.call(["serve", "--listen", "127.0.0.1:0"]);
    assert_eq!(ended.code, Some(2), "{ended:?}");
    assert!(ended.stderr.contains("a file of another kind"), "{ended:?}");
}

#[test]
fn others_can_reach_a_server_only_once_there_is_a_token() {
    let shell = Shell::new();
    let ended = shell.call(["serve", "--listen", "0.0.0.0:0"]);
    assert_eq!(ended.code, Some(2), "{ended:?}");
    assert!(ended.stderr.contains("`ampule tokens create` makes one"), "{ended:?}");
    assert_eq!(shell.call(["tokens", "create", "first", "--role", "admin"]).code, Some(0));
    let server = Server::on("0.0.0.0:0", &shell, &["--no-work"]);
    assert!(server.address.starts_with("0.0.0.0:"), "{}", server.address);
    assert!(server.says("curl ").starts_with("http://127.0.0.1:"), "what can be tried reaches it from here");
    let answer = server.ask("", "GET", "/healthz", b"").unwrap();
    assert_eq!(answer.status, 204);
}

#[test]
fn a_log_for_machines_is_all_documents() {
    let shell = Shell::new();
    let mut command = shell.command(["--verbose", "serve", "--listen", "127.0.0.1:0", "--json-log"]);
    command.env("AMPULE_SERVER", "http://127.0.0.1:9");
    let mut child = command.stderr(std::process::Stdio::piped()).spawn().unwrap();
    let lines = lines_of(&mut child);
    let mut documents = Vec::new();
    loop {
        let line = lines.recv_timeout(GIVE_UP).unwrap_or_else(|error| panic!("{error} after {documents:#?}"));
        let document: serde_json::Value = serde_json::from_str(&line).unwrap_or_else(|error| panic!("{error}: {line}"));
        let is_last = document["fields"]["message"] == "listening";
        documents.push(document);
        if is_last {
            break;
        }
    }
    let warned = |document: &serde_json::Value| document["fields"]["message"].to_string().contains("$AMPULE_SERVER");
    assert!(documents.iter().any(|document| document["level"] == "WARN" && warned(document)), "{documents:?}");
    let last = documents.last().unwrap();
    assert!(last["fields"]["first_token"].as_str().unwrap().starts_with("amp_"), "{last}");
    child.kill().unwrap();
    child.wait().unwrap();
}

#[test]
fn what_a_job_says_cannot_be_taken_for_more_than_a_part_of_one_line_of_the_log() {
    for format in ["text", "json"] {
        let shell = Shell::new();
        let mut command = shell.command(["serve", "--listen", "127.0.0.1:0", "--log-format", format]);
        let mut child = command.stderr(std::process::Stdio::piped()).spawn().unwrap();
        let lines = lines_of(&mut child);
        let enqueued = shell.call(["enqueue", &fixture("fail"), "--tenant", "acme", "--attempts", "1"]);
        assert_eq!(enqueued.code, Some(0), "{enqueued:?}");
        let line = line_with(&lines, "job failed");
        assert!(!line.contains('\u{1b}'), "{line}");
        for part in [enqueued.stdout.trim(), "acme", "guest", "expected sun, found "] {
            assert!(line.contains(part), "{part}: {line}");
        }
        if format == "json" {
            let document: serde_json::Value = serde_json::from_str(&line).unwrap();
            assert_eq!(document["fields"]["failure"], "expected sun, found \u{1b}[2Jrain");
            assert_eq!((&document["fields"]["tenant"], &document["fields"]["attempt"]), (&"acme".into(), &1.into()));
        }
        child.kill().unwrap();
        child.wait().unwrap();
    }
}

#[test]
fn what_a_run_says_forges_no_line_of_the_log_and_is_told_to_its_client_alone_unless_asked() {
    let shell = Shell::with_interpreters();
    let forged = "FORGED\n2026-11-23T11:00:00Z ERROR FORGED";
    let source = format!("throw new Error({})", serde_json::json!(forged));
    let body = serde_json::json!({ "language": "javascript", "source": source }).to_string();
    for (level, told) in [("warn", 0), ("debug", 1)] {
        let server = Server::start(&shell, &["--no-work", "--set", &format!("log.level={level}")]);
        let token = server.token();
        let answer = server.ask(&token, "POST", "/v1/run", body.as_bytes()).unwrap();
        assert_eq!(answer.status, 200, "{answer:?}");
        assert_eq!(answer.json()["failure"]["message"], forged);
        server.signal(Signal::TERM);
        let lines: Vec<String> = server.lines.iter().filter(|line| line.contains("FORGED")).collect();
        assert_eq!(lines.len(), told, "{lines:?}");
        assert!(lines.iter().all(|line| line.contains("run failed") && line.contains("\\n2026")), "{lines:?}");
    }
}
