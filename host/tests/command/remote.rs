//! The command on a server: a real one, asked by a real client, says what the command says on a queue of its own.

use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use regex::Regex;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};

use super::http::ask;
use super::queue::redacted;
use super::shell::{Ended, Shell, assembled, fixture};

/// Far longer than anything here takes.
const GIVE_UP: Duration = Duration::from_secs(60);

/// `ampule serve`, on a port of its own, in a directory of its own. It runs no queued jobs.
struct Serve {
    shell: Shell,
    child: Child,
    /// What it says on stderr, line by line.
    lines: Receiver<String>,
    url: String,
    token: String,
}

impl Serve {
    fn start() -> Self {
        Serve::with(Shell::new())
    }

    fn with(shell: Shell) -> Self {
        let mut command = shell.command(["--verbose", "serve", "--listen", "127.0.0.1:0", "--no-work"]);
        let mut child = command.stdin(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
        let said = BufReader::new(child.stderr.take().unwrap()).lines();
        let (sender, lines) = channel();
        // Whoever listens may be gone before it ends.
        std::thread::spawn(move || said.map_while(Result::ok).try_for_each(|line| sender.send(line)));
        let (url, token) = (String::new(), String::new());
        let mut serve = Serve { shell, child, lines, url, token };
        serve.url = serve.says("listening on ");
        serve.token = serve.says("shown this once: ");
        serve
    }

    /// Waits until it says this, and gives the word after it.
    fn says(&self, what: &str) -> String {
        loop {
            let line = self.lines.recv_timeout(GIVE_UP).unwrap_or_else(|error| panic!("{what}: {error}"));
            if let Some((_, after)) = line.split_once(what) {
                return after.split([',', ' ']).next().unwrap().to_owned();
            }
        }
    }

    /// A client of it, called from another directory.
    fn client(&self, shell: &Shell, arguments: &[&str]) -> Command {
        let mut command = shell.command(arguments);
        command.env("AMPULE_SERVER", &self.url).env("AMPULE_TOKEN", &self.token);
        command
    }

    fn call(&self, shell: &Shell, arguments: &[&str]) -> Ended {
        self.client(shell, arguments).stdin(Stdio::null()).output().unwrap().into()
    }

    fn document(&self, shell: &Shell, arguments: &[&str]) -> Value {
        let ended = self.call(shell, &[arguments, &["--json"]].concat());
        assert_eq!(ended.code, Some(0), "{ended:?}");
        ended.document()
    }
}

impl Drop for Serve {
    fn drop(&mut self) {
        // It may be gone already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The same calls, here and on a server.
struct Both {
    here: Shell,
    there: Serve,
    client: Shell,
    /// The job that was enqueued last, here and there.
    ids: [String; 2],
}

impl Both {
    fn new() -> Self {
        let here = Shell::new();
        // A server has made its queue when it listens.
        assert_eq!(here.call(["tokens", "create", "first", "--role", "admin"]).code, Some(0));
        Both { here, there: Serve::start(), client: Shell::new(), ids: Default::default() }
    }

    /// Calls both, with `ID` for the last job, and says where they differ.
    fn compare(&mut self, arguments: &[&str]) -> [Ended; 2] {
        let named = |id: &str| arguments.iter().map(|text| text.replace("ID", id)).collect::<Vec<_>>();
        let [here, there] = [named(&self.ids[0]), named(&self.ids[1])];
        let there: Vec<&str> = there.iter().map(String::as_str).collect();
        let here = self.here.call(&here);
        let there = self.there.call(&self.client, &there);
        assert_eq!(here.code, there.code, "{arguments:?}: {here:?} and {there:?}");
        assert_eq!(normal(&here.stdout), normal(&there.stdout), "{arguments:?}");
        assert_eq!(normal(&here.stderr), normal(&there.stderr), "{arguments:?}");
        [here, there]
    }

    fn enqueue(&mut self, arguments: &[&str]) {
        let ended = self.compare(&[&["enqueue"], arguments].concat());
        self.ids = ended.map(|ended| ended.stdout.trim_end().to_owned());
    }

    /// Runs what is queued, here and there.
    fn work(&self) {
        for shell in [&self.here, &self.there.shell] {
            let ended = shell.call(["work", "--until-empty", "--quiet"]);
            assert!(matches!(ended.code, Some(0 | 1)), "{ended:?}");
        }
    }
}

/// The text without what differs from run to run.
fn normal(text: &str) -> String {
    let numbers = Regex::new(r#""(wall_ns|revision)":\d+"#).unwrap();
    numbers.replace_all(&redacted(text), "\"$1\":0").into_owned()
}

#[test]
fn a_jobs_way_through_the_queue_is_told_as_here() {
    let mut both = Both::new();
    both.compare(&["list"]);
    both.compare(&["queues"]);
    both.compare(&["workers"]);
    both.enqueue(&[&fixture("twice"), "-k", "n=3", "--tag", "a", "--priority", "7", "--on", "mail", "--hold"]);
    both.compare(&["list"]);
    both.compare(&["list", "--json"]);
    both.compare(&["list", "--state", "queued", "--on", "mail", "--tag", "a", "--program", "twice"]);
    both.compare(&["list", "--name", "another"]);
    both.compare(&["show", "ID"]);
    both.compare(&["show", "ID", "--json"]);
    both.compare(&["hold", "ID"]);
    both.compare(&["release", "ID"]);
    both.compare(&["queues", "pause", "mail"]);
    both.compare(&["queues", "limit", "mail", "--running", "2"]);
    both.compare(&["queues", "resume", "mail", "--json"]);
    both.compare(&["run-now", "ID"]);
    both.work();
    both.compare(&["wait", "ID"]);
    both.compare(&["show", "ID"]);
    both.compare(&["cancel", "ID"]);
    both.compare(&["retry", "ID", "-k", "n=4"]);
    both.work();
    both.compare(&["wait", "ID", "--json"]);
    both.compare(&["list", "--state", "completed", "--since", "1h"]);
    both.compare(&["delete", "--state", "completed", "--yes"]);
    both.compare(&["show", "ID"]);
    both.compare(&["list"]);
}

#[test]
fn failures_batches_and_refusals_are_told_as_here() {
    let mut both = Both::new();
    both.enqueue(&[&fixture("fail"), "--attempts", "1", "--at-err", &fixture("nothing")]);
    both.work();
    both.compare(&["wait", "ID"]);
    both.compare(&["show", "ID"]);
    both.compare(&["list", "--kind", "guest", "--json"]);
    both.enqueue(&[&fixture("nothing"), "--unique", "k"]);
    both.compare(&["enqueue", &fixture("nothing"), "--unique", "k"]);
    both.compare(&["enqueue", "no-such-program"]);
    both.compare(&["enqueue", &fixture("schema"), "--kwargs", r#"{"name": 7}"#]);
    both.compare(&["cancel", "01900000-0000-7000-8000-000000000000"]);
    both.compare(&["wait", "01900000-0000-7000-8000-000000000000"]);
    let lines = format!(
        "{}\n{}\n",
        json!({"program": fixture("nothing")}),
        json!({"program": fixture("twice"), "kwargs": {"n": 1}, "tag": ["b"]})
    );
    let (here, there) = (both.here.file("jobs", &lines), both.client.file("jobs", &lines));
    assert!(here.ends_with("jobs") && there.ends_with("jobs"));
    both.compare(&["enqueue", "--batch", "jobs"]);
    both.compare(&["cancel", "--state", "queued"]);
    let told = ["--at-return", "https://example.org/hook", "--at-return-kwargs", r#"{"order": 7}"#];
    both.enqueue(&[&[&*fixture("nothing"), "--hold"], &told[..]].concat());
    both.compare(&["show", "ID"]);
    let [_, there] = both.compare(&["show", "ID", "--json"]);
    assert_eq!(there.document()["at_return"]["url"], "https://example.org/hook", "{there:?}");
}

#[test]
fn schedules_are_kept_as_here() {
    let mut both = Both::new();
    both.compare(&["schedules"]);
    both.compare(&["schedules", "add", "nightly", "--cron", "0 3 * * *", &fixture("twice"), "-k", "n=2"]);
    both.compare(&["schedules", "pause", "nightly"]);
    both.compare(&["schedules", "resume", "nightly", "--json"]);
    both.compare(&["schedules", "show", "nightly"]);
    both.compare(&["schedules", "run-now", "nightly"]);
    both.compare(&["schedules", "add", "nightly", "--cron", "never", &fixture("nothing")]);
    both.compare(&["schedules", "remove", "nightly"]);
    both.compare(&["schedules", "remove", "nightly"]);
}

#[test]
fn a_run_there_says_what_a_run_here_says() {
    let mut both = Both::new();
    for arguments in [
        &["run", &*fixture("twice"), "-k", "n=3"][..],
        &["run", &fixture("twice"), "-k", "n=3", "--json"],
        &["run", &fixture("tell")],
        &["run", &fixture("fail")],
        &["run", &fixture("fail"), "--json"],
        &["run", &fixture("trap")],
        &["run", &fixture("exit")],
        &["run", &fixture("loop"), "--fuel", "1_000"],
        &["run", &fixture("schema"), "--kwargs", r#"{"name": 7}"#],
        &["run", &fixture("missing")],
        &["run", &fixture("schema"), "--help-job"],
    ] {
        both.compare(arguments);
    }
    let denied = both.there.call(&both.client, &["run", &fixture("tell"), "--timeout", "2h"]);
    assert_eq!(denied.code, Some(3), "{denied:?}");
    assert!(denied.stderr.contains("`timeout`") && !denied.stderr.contains("--dir"), "{denied:?}");
    let stored = both.there.call(&both.client, &["run", "twice", "-k", "n=5"]);
    let missing = both.there.call(&both.client, &["run", "no-such-program"]);
    assert_eq!(missing.code, Some(2), "{missing:?}");
    assert!(missing.stderr.contains("has no program of that name either"), "{missing:?}");
    assert_eq!(
        (stored.code, stored.stdout.as_str()),
        (Some(0), "[8,13]\n"),
        "by the name that it was stored under: {stored:?}"
    );
}

#[test]
fn a_source_is_run_there() {
    let shell = Shell::new();
    let file = shell.file("json.wasm", assembled("json_interpreter"));
    assert_eq!(shell.call(["interpreters", "add", "json", &file]).code, Some(0));
    let (serve, client) = (Serve::with(shell), Shell::new());
    let ended = serve.call(&client, &["eval", "-l", "json", "[1, 2]"]);
    assert_eq!((ended.code, ended.stdout.as_str()), (Some(0), "[1,2]\n"), "{ended:?}");
    let failed = serve.call(&client, &["eval", "-l", "json", "[1", "--json"]);
    assert_eq!((failed.code, &failed.document()["failure"]["kind"]), (Some(1), &json!("bad_return")), "{failed:?}");
    let unknown = serve.call(&client, &["eval", "-l", "cobol", "STOP RUN"]);
    assert_eq!(unknown.code, Some(2), "{unknown:?}");
    assert!(unknown.stderr.contains("cobol") && unknown.stderr.contains("json"), "{unknown:?}");
}

#[test]
fn a_source_that_the_server_has_is_run_and_queued_there_by_its_name() {
    let shell = Shell::new();
    let file = shell.file("json.wasm", assembled("json_interpreter"));
    assert_eq!(shell.call(["interpreters", "add", "json", &file]).code, Some(0));
    let (serve, client) = (Serve::with(shell), Shell::new());
    let address = serve.url.trim_start_matches("http://");
    let named = br#"{"language": "json", "source": "[1, 2]"}"#;
    let stored = ask(address, &serve.token, "PUT", "/v1/programs/pair", named).unwrap();
    assert_eq!(stored.status, 201, "{}", stored.body);

    let ended = serve.call(&client, &["run", "pair", "-k", "n=1"]);
    assert_eq!((ended.code, ended.stdout.as_str()), (Some(0), "[1,2]\n"), "{ended:?}");
    let help = serve.call(&client, &["run", "pair", "--help-job"]);
    assert!(help.code == Some(0) && help.stdout.contains("does not say which arguments"), "{help:?}");

    let after = ["--at-return", "pair", "--name", "first"];
    let enqueued = serve.document(&client, &[&["enqueue", "pair", "-k", "n=1"], &after[..]].concat());
    let shown = serve.document(&client, &["show", enqueued["id"].as_str().unwrap()]);
    let source = |job: &Value| (job["program"].clone(), job["source"].clone());
    let expected = (json!("language:json"), json!("[1, 2]"));
    assert_eq!(source(&shown["job"]), expected, "{shown}");
    assert_eq!(source(&shown["at_return"]["job"]), expected, "{shown}");
    let every = ["schedules", "add", "hourly", "--every", "1h", "pair"];
    let added = serve.call(&client, &every);
    assert_eq!(added.code, Some(0), "{added:?}");

    let listed = serve.call(&client, &["list", "--program", "pair"]);
    assert!(listed.code == Some(2) && listed.stderr.contains("found with --name"), "{listed:?}");
}

#[test]
fn a_signal_stops_the_run_on_the_server() {
    let serve = Serve::start();
    let shell = Shell::new();
    let mut command = serve.client(&shell, &["run", &fixture("loop"), "--timeout", "1h"]);
    let running = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    serve.says("run started");
    kill_process(Pid::from_child(&running), Signal::INT).unwrap();
    let ended = Ended::from(running.wait_with_output().unwrap());
    assert_eq!(ended.code, Some(1), "{ended:?}");
    assert!(ended.stderr.contains("cancelled"), "{ended:?}");
    assert_eq!(serve.says("kind="), "\"cancelled\"", "the run ends there too");
}

#[test]
fn a_wait_hears_of_the_end_as_it_comes() {
    let serve = Serve::start();
    let client = Shell::new();
    let id = serve.call(&client, &["enqueue", &fixture("tell")]).stdout.trim_end().to_owned();
    let mut waiting = serve.client(&client, &["wait", &id, "--follow"]);
    let waiting = waiting.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let worked = serve.shell.call(["work", "--until-empty"]);
    assert_eq!(worked.code, Some(0), "{worked:?}");
    let ended = Ended::from(waiting.wait_with_output().unwrap());
    assert_eq!(ended.code, Some(0), "{ended:?}");
    let late = serve.call(&client, &["wait", &id, "--timeout", "1s"]);
    assert_eq!(late.stdout, ended.stdout);
}

#[test]
fn who_may_not_and_who_is_nobody_is_told_so() {
    let serve = Serve::start();
    let client = Shell::new();
    let created = |arguments: &[&str]| {
        let ended = serve.shell.call([&["tokens", "create"], arguments].concat());
        assert_eq!(ended.code, Some(0), "{ended:?}");
        ended.stdout.trim_end().to_owned()
    };
    let reader = client.file("reader", created(&["reader", "--role", "read"]));
    let other = client.file("other", created(&["other", "--role", "admin", "--tenant", "other"]));
    let id = serve.document(&client, &["enqueue", &fixture("nothing")])["id"].as_str().unwrap().to_owned();
    let on = |arguments: &[&str]| client.call([&["--server", &serve.url], arguments].concat());
    for (arguments, said) in [
        (&["list"][..], "Bearer"),
        (&["list"], "`--token-file` or $AMPULE_TOKEN"),
        (&["list", "--token", "amp_nobody"], "not known here"),
        (&["enqueue", &fixture("twice"), "-k", "n=1", "--token-file", &reader], "role"),
        (&["run", &fixture("twice"), "-k", "n=1", "--token-file", &reader], "role"),
        (&["show", &id, "--token-file", &other], "found none with the id"),
        (&["workers", "--token-file", &other], "without a tenant"),
        (&["list", "--token", "two words"], "a token such as"),
        (&["list", "--token-file", "not-there"], "--token-file"),
        (&["list", "--queue", "sqlite:x.db"], "found both"),
    ] {
        let ended = on(arguments);
        assert_eq!((ended.code, ended.stdout.as_str()), (Some(2), ""), "{arguments:?}: {ended:?}");
        assert!(ended.stderr.contains(said), "{arguments:?}: {ended:?}");
    }
    assert_eq!(on(&["show", &id, "--token-file", &reader]).code, Some(0));
}

#[test]
fn a_server_that_is_away_or_is_none_is_told_of() {
    let client = Shell::new();
    let on = |url: &str| client.call(["list", "--server", url, "--token", "amp_x"]);
    // The port of `discard`, where nobody listens; one that was free a moment ago may be somebody's now.
    let free = "http://127.0.0.1:9";
    let away = on(free);
    assert_eq!((away.code, away.stdout.as_str()), (Some(4), ""), "{away:?}");
    assert!(away.stderr.contains("cannot be reached") && away.stderr.contains(free), "{away:?}");
    for (head, found) in [
        ("HTTP/1.1 200 OK\r\ncontent-type: text/html\r\n", "an answer that is none"),
        ("HTTP/1.1 404 Not Found\r\ncontent-type: text/html\r\n", "404 Not Found with text/html"),
        ("HTTP/1.1 302 Found\r\nlocation: http://127.0.0.1:9/\r\n", "a redirect"),
    ] {
        let stranger = answering(format!("{head}content-length: 9\r\nconnection: close\r\n\r\n<p>hi</p>"));
        let ended = on(&stranger);
        assert_eq!((ended.code, ended.stdout.as_str()), (Some(2), ""), "{ended:?}");
        assert!(ended.stderr.contains("expected an Ampule server") && ended.stderr.contains(found), "{ended:?}");
    }
    let plain = answering("HTTP/1.1 200 OK\r\ncontent-length: 0\r\nconnection: close\r\n\r\n".to_owned());
    let untrusted = on(&plain.replace("http://", "https://"));
    assert_eq!(untrusted.code, Some(4), "{untrusted:?}");
    for bad in ["localhost:7070", "ftp://h", "http://u:secret@h"] {
        let ended = on(bad);
        assert_eq!(ended.code, Some(2), "{ended:?}");
        assert!(ended.stderr.contains("the URL of a server") && !ended.stderr.contains("secret"), "{ended:?}");
    }
    let authorities = client.call(["list", "--server", "https://127.0.0.1:9", "--ca-file", "not-there.pem"]);
    assert!(authorities.stderr.contains("not-there.pem"), "{authorities:?}");
}

#[test]
fn what_works_on_this_machine_alone_refuses_a_server() {
    let shell = Shell::new();
    for arguments in [
        &["work"][..],
        &["serve"],
        &["queue", "check"],
        &["queue", "backup", "x.db"],
        &["inspect", "x"],
        &["config"],
        &["interpreters"],
    ] {
        let ended = shell.call([&["--server", "http://127.0.0.1:9"], arguments].concat());
        assert_eq!((ended.code, ended.stdout.as_str()), (Some(2), ""), "{arguments:?}: {ended:?}");
        assert!(ended.stderr.contains(&format!("`{}`", arguments[0])), "{ended:?}");
        assert!(!shell.path("ampule.db").exists());
    }
}

#[test]
fn a_server_of_the_environment_is_not_taken_for_a_queue_of_this_directory() {
    let shell = Shell::new();
    let call = |arguments: &[&str], queue: &str| {
        let mut command = shell.command(arguments);
        command.env("AMPULE_SERVER", "http://127.0.0.1:9").env("AMPULE_QUEUE", queue).stdin(Stdio::null());
        Ended::from(command.output().unwrap())
    };
    for arguments in [&["work", "--until-empty"][..], &["queue", "check"]] {
        let ended = call(arguments, "");
        assert_eq!((ended.code, ended.stdout.as_str()), (Some(2), ""), "{ended:?}");
        assert!(ended.stderr.contains("$AMPULE_SERVER") && ended.stderr.contains("--queue"), "{ended:?}");
        assert!(!shell.path("ampule.db").exists());
    }
    assert_eq!(call(&["work", "--until-empty"], "sqlite:named.db").code, Some(0));
    assert_eq!(call(&["queue", "check"], "sqlite:named.db").code, Some(0));
    let shown = call(&["config"], "");
    assert!(shown.code == Some(0) && shown.stderr.contains("$AMPULE_SERVER"), "{shown:?}");
}

#[test]
fn tokens_are_listed_made_and_revoked_on_the_server() {
    let (serve, client) = (Serve::start(), Shell::new());
    let made =
        serve.document(&client, &["tokens", "create", "ci", "--role", "read", "--tenant", "t", "--expires", "1d"]);
    let id = made["id"].as_str().unwrap();
    let asked = client.call(["list", "--server", &serve.url, "--token", made["token"].as_str().unwrap()]);
    assert_eq!(asked.code, Some(0), "{asked:?}");
    let here = serve.shell.call(["tokens", "--json"]).document();
    let there = serve.document(&client, &["tokens"]);
    let names =
        |listed: &Value| listed["tokens"].as_array().unwrap().iter().map(|t| t["name"].clone()).collect::<Vec<_>>();
    assert_eq!(names(&there), names(&here));
    assert_eq!((&there["tokens"][1]["tenant"], &there["tokens"][1]["expires_at"]), (&json!("t"), &made["expires_at"]));
    let table = serve.call(&client, &["tokens"]);
    assert!(table.code == Some(0) && table.stdout.contains(id), "{table:?}");
    let unknown = serve.call(&client, &["tokens", "revoke", id, "nobody"]);
    assert!(unknown.code == Some(2) && unknown.stderr.contains("\"nobody\""), "{unknown:?}");
    assert_eq!(serve.call(&client, &["tokens", "revoke", id]).stdout, "1 token revoked\n");
    assert_eq!(serve.document(&client, &["tokens"])["tokens"].as_array().unwrap().len(), 1);
    let last = serve.call(&client, &["tokens", "revoke", there["tokens"][0]["id"].as_str().unwrap()]);
    assert!(last.code == Some(2) && last.stderr.contains("the last token"), "{last:?}");
    assert!(!client.path("ampule.db").exists());
}

/// A server that answers every request so, for as long as the test goes on.
fn answering(answer: String) -> String {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let mut head = [0; 4_096];
            // Who hangs up has heard enough.
            let _ = std::io::Read::read(&mut stream, &mut head);
            let _ = std::io::Write::write_all(&mut stream, answer.as_bytes());
        }
    });
    url
}
