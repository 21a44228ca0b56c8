//! What is counted, and who may see it.

use std::collections::BTreeSet;

use ampule::Job;
use ampule::queue::{NewJob, QueueSettings};
use ampule::server::{Role, Settings};
use ampule_tests::served::{Answered, Served};
use reqwest::{Method, StatusCode};

use super::until::until;

const RETURNS: &str = "(module (func (export \"run\")))";
const TRAPS: &str = "(module (func (export \"run\") unreachable))";

/// The lines that tell of values, without comments.
async fn lines(served: &Served) -> Vec<String> {
    let answered = served.get("/metrics").await;
    assert_eq!(answered.status, StatusCode::OK);
    assert!(answered.headers["content-type"].to_str().expect("text").starts_with("application/openmetrics-text"));
    let text = answered.body.as_str().expect("text").to_owned();
    assert!(text.ends_with("# EOF\n"), "{text}");
    text.lines().filter(|line| !line.starts_with('#')).map(str::to_owned).collect()
}

async fn has(served: &Served, line: &str) -> bool {
    lines(served).await.iter().any(|found| found == line)
}

/// Whether the fuel of a run in the queue is counted, which is what comes last of an end.
async fn has_fuel(served: &Served) -> bool {
    lines(served).await.iter().any(|line| line.starts_with("ampule_job_fuel_total{queue=\"mail\""))
}

async fn run(served: &Served, program: &str) {
    let wasm = ampule::assemble(program).expect("a program");
    let digest = served.queue.put_program(&wasm, None, None).await.expect("room");
    let job = NewJob::new(Job::new(digest).name("a secret name")).tenant("a-secret-tenant").queue("mail");
    served.queue.enqueue(vec![job], None).await.expect("room");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn figures_are_for_tokens_without_a_tenant_unless_they_are_public() {
    let served = Served::with(Settings::default(), false).await;
    let as_of = async |token: &str| Answered::of(served.request_as(token, Method::GET, "/metrics")).await.status;
    let (reader, tenants) = (served.token(Role::Read, None).await, served.token(Role::Admin, Some("acme")).await);
    assert_eq!((as_of(&reader).await, as_of(&tenants).await), (StatusCode::OK, StatusCode::FORBIDDEN));
    assert_eq!(as_of("amp_nobody").await, StatusCode::UNAUTHORIZED);
    let mut public = Settings::default();
    public.public_metrics = true;
    let (_server, base) = served.another(std::sync::Arc::clone(&served.queue), public).await;
    assert_eq!(Answered::of(served.client.get(format!("{base}/metrics"))).await.status, StatusCode::OK);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ends_are_counted_by_kind_queue_and_program_and_nobody_is_named() {
    let served = Served::start().await;
    run(&served, RETURNS).await;
    run(&served, TRAPS).await;
    // Of one end they are counted one after the other.
    for line in ["ampule_job_run_seconds_count{queue=\"mail\"} 2", "ampule_job_wait_seconds_count{queue=\"mail\"} 2"] {
        until(line, async || has(&served, line).await).await;
    }
    until("fuel is counted", async || has_fuel(&served).await).await;
    let lines = lines(&served).await;
    for kind in ["returned", "trap"] {
        let of_mail = lines.iter().filter(|line| line.starts_with("ampule_jobs_ended_total{queue=\"mail\",program=\""));
        let count = of_mail.filter(|line| line.ends_with(&format!("kind=\"{kind}\"}} 1"))).count();
        assert_eq!(count, 1, "{kind}: {lines:#?}");
    }
    assert!(!lines.iter().any(|line| line.contains("secret")), "{lines:#?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn requests_are_counted_by_route_and_status_however_many_paths_there_are() {
    let served = Served::with(Settings::default(), false).await;
    for path in ["/v1/nowhere", "/elsewhere"] {
        assert_eq!(served.get(path).await.status, StatusCode::NOT_FOUND);
    }
    let made_up = Method::from_bytes(b"BREW").expect("a method");
    assert_eq!(Answered::of(served.request(made_up, "/v1/version")).await.status, StatusCode::METHOD_NOT_ALLOWED);
    for line in [
        "ampule_http_requests_total{route=\"other\",method=\"GET\",status=\"404\"} 2",
        "ampule_http_requests_total{route=\"/v1/version\",method=\"other\",status=\"405\"} 1",
    ] {
        assert!(has(&served, line).await, "{line}: {:#?}", lines(&served).await);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_waits_in_the_queue_is_told_by_queue_and_state() {
    let served = Served::with(Settings::default(), false).await;
    run(&served, RETURNS).await;
    for (state, count) in [("queued", 1), ("due", 1), ("held", 0), ("running", 0)] {
        let line = format!("ampule_queue_jobs{{queue=\"mail\",state=\"{state}\"}} {count}");
        until(&line, async || has(&served, &line).await).await;
    }
    for line in ["ampule_queue_up 1", "ampule_runner_slots{state=\"free\"} 8", "ampule_runner_slots{state=\"used\"} 0"]
    {
        assert!(has(&served, line).await, "{line}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_change_of_what_is_counted_is_seen_in_review() {
    let served = Served::start().await;
    // A queue that is not known is told of only while it has jobs.
    served.queue.configure("mail", &QueueSettings::default()).await.expect("the queue is there");
    run(&served, RETURNS).await;
    until("its end is counted", async || has_fuel(&served).await).await;
    let text = served.get("/metrics").await.body.as_str().expect("text").to_owned();
    let about: BTreeSet<&str> = text.lines().filter(|line| line.starts_with("# HELP")).collect();
    insta::assert_snapshot!(about.into_iter().collect::<Vec<_>>().join("\n"));
}
