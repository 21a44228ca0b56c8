//! How a server ends: in an orderly way, at once, and killed in the middle of everything.

use std::collections::BTreeSet;
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use rustix::process::{Pid, Signal, kill_process};

use super::super::http::{Exchange, ask};
use super::super::shell::{Shell, assembled, wait_for};
use super::Server;

/// Stores a fixture under its name.
fn put(server: &Server<'_>, token: &str, name: &str) {
    let answer = server.ask(token, "PUT", &format!("/v1/programs/{name}"), &assembled(name)).unwrap();
    assert!([200, 201].contains(&answer.status), "{answer:?}");
}

#[test]
fn a_server_that_is_told_to_stop_lets_go_of_waits_and_streams_and_finishes_requests() {
    let shell = Shell::new();
    let server = Server::start(&shell, &["--grace", "5s", "--set", "worker.slots=1"]);
    let token = server.token();
    put(&server, &token, "loop");
    let job = br#"{"program": "loop", "timeout": "1h"}"#;
    let id = server.ask(&token, "POST", "/v1/jobs", job).unwrap().json()["id"].as_str().unwrap().to_owned();
    wait_for(|| server.get(&token, &format!("/v1/jobs/{id}"))["state"] == "running");
    let address = server.address.clone();
    let mut waits = Exchange::begin(&address, &token, "POST", "/v1/jobs?wait=60s", job.len()).unwrap();
    waits.send(job).unwrap();
    let mut streams = Exchange::begin(&address, &token, "GET", &format!("/v1/jobs/{id}/events"), 0).unwrap();
    while !streams.some().contains("event: started") {}
    wait_for(|| server.get(&token, "/v1/jobs")["jobs"].as_array().unwrap().len() == 2);
    server.signal(Signal::TERM);
    server.says("stopping: 1 running");
    assert!(!streams.rest().contains("event: ended"), "the job goes on elsewhere");
    let waited = waits.answer().unwrap();
    assert_eq!((waited.status, &waited.json()["state"]), (202, &"queued".into()));
    server.says("stopped, 1 handed back");
    assert!(TcpStream::connect(&address).is_err());
    assert_eq!(server.ended(), Some(0));
    let job = shell.call(["show", &id, "--json"]).document();
    assert_eq!((&job["state"], &job["attempts"][0]["end"]), (&"queued".into(), &"handed_back".into()));
}

#[test]
fn a_request_whose_body_is_on_its_way_is_answered_before_the_end() {
    let shell = Shell::new();
    let server = Server::start(&shell, &["--no-work", "--grace", "60s"]);
    let token = server.token();
    put(&server, &token, "nothing");
    let body = br#"{"program": "nothing"}"#;
    let mut begun = Exchange::begin(&server.address, &token, "POST", "/v1/jobs", body.len()).unwrap();
    begun.send(&body[..5]).unwrap();
    wait_for(|| {
        let metrics = server.ask(&token, "GET", "/metrics", b"").unwrap();
        metrics.body.contains("ampule_http_requests_in_progress 2\n")
    });
    server.signal(Signal::INT);
    server.says("stopping");
    begun.send(&body[5..]).unwrap();
    let answer = begun.answer().unwrap();
    assert_eq!(answer.status, 201, "{answer:?}");
    assert_eq!(server.ended(), Some(0));
    let id = answer.json()["id"].as_str().unwrap().to_owned();
    assert_eq!(shell.call(["show", &id, "--json"]).document()["state"], "queued");
}

#[test]
fn a_second_signal_ends_a_server_at_once() {
    let shell = Shell::new();
    let server = Server::start(&shell, &["--grace", "1h"]);
    let token = server.token();
    put(&server, &token, "loop");
    let job = br#"{"program": "loop", "timeout": "1h"}"#;
    let id = server.ask(&token, "POST", "/v1/jobs", job).unwrap().json()["id"].as_str().unwrap().to_owned();
    wait_for(|| server.get(&token, &format!("/v1/jobs/{id}"))["state"] == "running");
    server.signal(Signal::TERM);
    server.says("a second signal leaves at once");
    server.signal(Signal::TERM);
    assert_eq!(server.ended(), Some(130));
}

#[test]
fn who_still_starts_is_stopped_by_the_first_signal() {
    // A database that takes connections and says nothing.
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let queue = format!("postgres://ada:secret@{}/jobs", silent.local_addr().unwrap());
    for (arguments, signal) in [(&["serve", "--listen", "127.0.0.1:0"][..], Signal::TERM), (&["work"], Signal::INT)] {
        let shell = Shell::new();
        let mut child = shell.command(arguments).env("AMPULE_QUEUE", &queue).spawn().unwrap();
        let _connection = silent.accept().unwrap();
        kill_process(Pid::from_child(&child), signal).unwrap();
        assert_eq!(child.wait().unwrap().code(), Some(0), "{arguments:?}");
    }
}

#[test]
fn a_server_whose_binary_is_replaced_goes_on_compiling() {
    let shell = Shell::with_binary();
    let server = Server::start(&shell, &[]);
    let token = server.says("shown this once: ");
    std::fs::remove_file(shell.path("ampule")).unwrap();
    shell.file("ampule", "an upgrade that is half written");
    put(&server, &token, "twice");
    let answer = server.ask(&token, "POST", "/v1/jobs?wait=60s", br#"{"program": "twice"}"#).unwrap();
    assert_eq!(answer.json()["state"], "completed", "{answer:?}");
}

/// How often the server is killed.
const KILLS: usize = 4;

#[test]
fn what_was_acknowledged_is_there_after_a_kill_and_ends() {
    let shell = Shell::new();
    let arguments = ["--lease", "1s", "--set", "worker.slots=4"];
    let mut server = Server::start(&shell, &arguments);
    let token = server.token();
    put(&server, &token, "twice");
    let mut acknowledged = BTreeSet::new();
    for round in 0..KILLS {
        let (is_killed, sent) = (AtomicBool::new(false), AtomicUsize::new(0));
        let ids = std::thread::scope(|scope| {
            let (address, token, is_killed, sent) = (server.address.as_str(), token.as_str(), &is_killed, &sent);
            let send = move || send_until(address, token, is_killed, sent);
            let senders: Vec<_> = (0..4).map(|_| scope.spawn(send)).collect();
            wait_for(|| sent.load(Ordering::Acquire) >= 20 * (round + 1));
            server.signal(Signal::KILL);
            is_killed.store(true, Ordering::Release);
            senders.into_iter().flat_map(|sender| sender.join().unwrap()).collect::<Vec<_>>()
        });
        acknowledged.extend(ids);
        server = Server::start(&shell, &arguments);
    }
    assert!(acknowledged.len() > KILLS, "some were acknowledged");
    for id in &acknowledged {
        wait_for(|| server.get(&token, &format!("/v1/jobs/{id}"))["state"] == "completed");
    }
}

/// Hands in jobs until nobody answers, and gives the ids that came back.
fn send_until(address: &str, token: &str, is_killed: &AtomicBool, sent: &AtomicUsize) -> Vec<String> {
    let mut ids = Vec::new();
    while !is_killed.load(Ordering::Acquire) {
        // Whatever is killed with a server has a try left.
        let job = br#"{"program": "twice", "kwargs": {"n": 2}, "attempts": 100}"#;
        let Some(answer) = ask(address, token, "POST", "/v1/jobs", job) else { break };
        let Ok(document) = serde_json::from_str::<serde_json::Value>(&answer.body) else { break };
        assert_eq!(answer.status, 201, "{answer:?}");
        ids.push(document["id"].as_str().unwrap().to_owned());
        sent.fetch_add(1, Ordering::AcqRel);
    }
    ids
}
