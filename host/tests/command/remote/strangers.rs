//! Who answers in a server's place, or does not answer at all: no client takes that for what a server would have said.

use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::sync::mpsc::{Receiver, channel};

use serde_json::json;

use super::super::shell::{Ended, Shell};
use super::Serve;

const ID: &str = "01900000-0000-7000-8000-000000000000";

/// What takes the place of a server.
struct Stranger {
    url: String,
    /// The first line of each request that came.
    requests: Receiver<String>,
}

impl Stranger {
    /// Gives these answers, one to each request, and the last to all that come after it.
    fn answering(answers: &[(&str, &str, &str)]) -> Self {
        let answers: Vec<String> = answers.iter().map(|answer| http(*answer)).collect();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let (sender, requests) = channel();
        std::thread::spawn(move || {
            let mut answers = answers.iter().chain(std::iter::repeat(answers.last().unwrap()));
            for stream in listener.incoming() {
                let mut stream = stream.unwrap();
                let mut head = [0; 4_096];
                // Who hangs up has heard enough.
                let read = stream.read(&mut head).unwrap_or(0);
                let line = String::from_utf8_lossy(&head[..read]).lines().next().unwrap_or_default().to_owned();
                // Whoever counts may be gone.
                let _ = sender.send(line);
                let _ = stream.write_all(answers.next().unwrap().as_bytes());
            }
        });
        Stranger { url, requests }
    }

    fn call(&self, arguments: &[&str]) -> Ended {
        Shell::new().call([&["--server", &self.url, "--token", "amp_x"], arguments].concat())
    }
}

/// An answer on the wire, of a status, a type and a body.
fn http((status, kind, body): (&str, &str, &str)) -> String {
    let length = body.len();
    format!("HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{body}")
}

#[test]
fn nothing_was_done_if_whoever_answers_is_no_server() {
    let portal = Stranger::answering(&[("200 OK", "text/html", "<p>please log in</p>")]);
    for arguments in [
        &["cancel", ID][..],
        &["retry", ID],
        &["retry", ID, "-k", "n=1"],
        &["hold", ID],
        &["delete", ID, "--yes"],
        &["queues", "pause", "mail"],
        &["schedules", "remove", "nightly"],
        &["tokens", "revoke", "x"],
    ] {
        let ended = portal.call(arguments);
        assert_eq!((ended.code, ended.stdout.as_str()), (Some(2), ""), "{arguments:?}: {ended:?}");
        assert!(ended.stderr.contains("expected an Ampule server"), "{arguments:?}: {ended:?}");
    }
}

#[test]
fn a_proxy_without_its_server_is_asked_again() {
    for status in ["502 Bad Gateway", "503 Service Unavailable", "504 Gateway Timeout"] {
        let away = (status, "text/html", "<h1>nobody there</h1>");
        // The list, and the version, of which the client takes the time.
        let truth = ("200 OK", "application/json", r#"{"jobs": [], "version": "1"}"#);
        let ended = Stranger::answering(&[away, away, truth]).call(&["list", "--json"]);
        assert_eq!((ended.code, &ended.document()["jobs"]), (Some(0), &json!([])), "{status}: {ended:?}");
    }
}

#[test]
fn what_a_proxy_may_have_handed_on_is_not_sent_twice() {
    for (status, times) in [("502 Bad Gateway", 1), ("504 Gateway Timeout", 1), ("503 Service Unavailable", 4)] {
        let proxy = Stranger::answering(&[(status, "text/html", "<h1>nobody there</h1>")]);
        let ended = proxy.call(&["cancel", ID]);
        assert_eq!((ended.code, ended.stdout.as_str()), (Some(4), ""), "{status}: {ended:?}");
        assert!(ended.stderr.contains("cannot be reached") && ended.stderr.contains(status), "{ended:?}");
        assert_eq!(proxy.requests.try_iter().count(), times, "{status}");
    }
}

#[test]
fn a_wait_ends_in_its_time_although_the_server_is_silent() {
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", silent.local_addr().unwrap());
    let ended = Shell::new().call(["--server", &url, "--token", "amp_x", "wait", ID, "--timeout", "1ms"]);
    assert_eq!((ended.code, ended.stdout.as_str()), (Some(5), ""), "{ended:?}");
    assert!(ended.stderr.contains("the queue does not answer"), "{ended:?}");
}

#[test]
fn a_value_is_read_as_deep_as_jobs_may_return_it() {
    let (serve, client) = (Serve::start(), Shell::new());
    let value = format!("{}{}", "[".repeat(127), "]".repeat(127));
    let returns = format!(
        "(module (import \"ampule\" \"_return\" (func $return (param i32 i32))) (memory (export \"memory\") 1)
         (data (i32.const 0) \"{value}\") (func (export \"run\") (call $return (i32.const 0) (i32.const {}))))",
        value.len()
    );
    let program = client.file("deep.wat", returns);
    let ran = serve.call(&client, &["run", &program]);
    assert_eq!((ran.code, ran.stdout.trim_end()), (Some(0), value.as_str()), "{ran:?}");
    let id = serve.call(&client, &["enqueue", &program]).stdout.trim_end().to_owned();
    assert_eq!(serve.shell.call(["work", "--until-empty", "--quiet"]).code, Some(0));
    let waited = serve.call(&client, &["wait", &id]);
    assert_eq!((waited.code, waited.stdout.trim_end()), (Some(0), value.as_str()), "{waited:?}");
    let shown = serve.call(&client, &["show", &id, "--json"]);
    assert!(shown.code == Some(0) && shown.stdout.contains(&value), "{shown:?}");
}
