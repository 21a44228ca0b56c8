//! The command on a server: a real one, asked by a real client, says what the command says on a queue of its own.

mod refusals;
mod runs;
mod strangers;

use std::process::{Child, Command, Stdio};
use std::sync::mpsc::Receiver;

use regex::Regex;
use serde_json::{Value, json};

use super::queue::redacted;
use super::serve::{PATIENT, lines_of, said};
use super::shell::{Ended, Shell, fixture};

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
        let serve = ["--verbose", "serve", "--listen", "127.0.0.1:0", "--no-work"];
        let mut command = shell.command([&serve[..], PATIENT].concat());
        let mut child = command.stdin(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
        let lines = lines_of(&mut child);
        let (url, token) = (String::new(), String::new());
        let mut serve = Serve { shell, child, lines, url, token };
        serve.url = serve.says("listening on ");
        serve.token = serve.says("shown this once: ");
        serve
    }

    /// Waits until it says this, and gives the word after it.
    fn says(&self, what: &str) -> String {
        said(&self.lines, what).split([',', ' ']).next().unwrap().to_owned()
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
