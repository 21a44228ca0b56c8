//! Every operation of the API, every status that the document says it may answer with, and every code: as snapshots.

mod refusals;
mod steps;

use std::collections::BTreeSet;

use ampule::server::{Code, Role, Settings, openapi};
use ampule::{Interpreter, Value};
use ampule_tests::guest::fixture;
use ampule_tests::served::Served;

use super::walk::{Seen, Walk};

/// Codes that no request can bring about by itself, each with where it is tried.
const ELSEWHERE: [(&str, &str); 3] = [
    ("busy", "uploads, run: as much goes on as is taken on"),
    ("shutting_down", "shutdown: a runner that has ended while its server has not"),
    ("unsupported", "no route asks a queue for what only one backend has"),
];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_operation_status_and_code_is_as_it_was_reviewed() {
    let document = openapi();
    let mut seen = Seen::of(&document);
    walks(&mut seen).await;
    refusals::by_what_they_bring(&document, &mut seen).await;
    refusals::by_what_is_behind(&document, &mut seen).await;
    let documented = documented(&document);
    let mut missing = documented.clone();
    missing.retain(|operation| !seen.statuses.contains(operation));
    let undocumented: Vec<_> = seen.statuses.difference(&documented).collect();
    let reached: BTreeSet<&str> =
        seen.codes.iter().map(String::as_str).chain(ELSEWHERE.map(|(code, _)| code)).collect();
    let codes: Vec<&str> = Code::ALL.iter().map(|code| code.as_str()).filter(|code| !reached.contains(code)).collect();
    assert!(
        missing.is_empty() && undocumented.is_empty() && codes.is_empty(),
        "documented and not tried: {missing:#?}\nnot documented: {undocumented:#?}\ncodes that were not met: {codes:?}"
    );
}

/// Every operation with every status that the document says it may answer with.
fn documented(document: &Value) -> BTreeSet<(String, u16)> {
    let mut documented = BTreeSet::new();
    for (path, method, operation) in super::openapi::operations(document) {
        for status in operation["responses"].as_object().expect("responses").keys() {
            documented.insert((format!("{} {path}", method.to_uppercase()), status.parse().expect("a status")));
        }
    }
    documented
}

/// A server with a worker, a language and a few bounds that can be reached.
async fn served() -> Served {
    let interpreter = ampule::assemble(&fixture("interpreter")).expect("a program");
    let builder = Served::runner().interpreter(Interpreter::new("json", interpreter));
    let mut settings = Settings::default();
    settings.max_queued_per_tenant = Some(2);
    Served::on(builder, settings, true).await
}

async fn walks(seen: &mut Seen) {
    let served = served().await;
    let [reader, acme] = [served.token(Role::Read, None).await, served.token(Role::Admin, Some("acme")).await];
    let mut walk = Walk::new(&served, seen);
    walk.know("reader", reader);
    walk.know("acme", acme);
    walk.know("none", "01890000-0000-7000-8000-000000000000".to_owned());
    for (name, steps) in [
        ("programs", steps::programs()),
        ("runs", steps::runs()),
        ("jobs", steps::jobs()),
        ("changes_of_jobs", steps::changes()),
        ("schedules", steps::schedules()),
        ("queues_and_workers", steps::queues_and_workers()),
        ("tokens", steps::tokens()),
        ("webhooks", steps::webhooks()),
        ("server", steps::server()),
        ("programs_that_go", steps::programs_that_go()),
    ] {
        insta::assert_snapshot!(name, walk.take(steps).await);
    }
}
