//! More than a server takes on: it says so at once, and still says that it is well.

use std::sync::Arc;
use std::time::Duration;

use ampule::Job;
use ampule::queue::NewJob;
use ampule::server::Settings;
use ampule_tests::raw::{Raw, RawAnswer};
use ampule_tests::served::{Answered, Served};
use reqwest::StatusCode;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tokio::io::AsyncWriteExt as _;

use super::listen::{connections, echo_head, settings};
use super::until::until;

/// Connections that are let in past the ceiling, for questions of health.
const HEALTH_CONNECTIONS: usize = 64;

const HEALTH: &str = "GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n";
const VERSION: &str = "GET /v1/version HTTP/1.1\r\nHost: a\r\n\r\n";

const RETURNS: &str = "(module (func (export \"run\")))";

/// A connection that is served, and stays.
async fn open(served: &Served) -> Raw {
    let mut raw = Raw::saying(&served.base, HEALTH).await;
    assert_eq!(raw.answer().await.status, 204);
    raw
}

/// A connection past the ceiling, and what is answered there. It has a second for its head, which a busy machine may take
/// away from it.
async fn past_the_ceiling(served: &Served, said: &str) -> (Raw, RawAnswer) {
    for _ in 0..20 {
        let mut raw = Raw::saying(&served.base, said).await;
        if let Some(answer) = raw.answer_if_any().await {
            return (raw, answer);
        }
    }
    panic!("none of twenty was answered")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn past_the_ceiling_of_connections_only_questions_of_health_are_answered() {
    let served = Served::with(settings(|settings| settings.max_connections = 2), false).await;
    let (_first, second) = (open(&served).await, open(&served).await);
    let (mut third, answer) = past_the_ceiling(&served, VERSION).await;
    assert_eq!((answer.status, answer.code()), (503, "busy".to_owned()));
    assert!(answer.head.contains("retry-after: 1") && answer.head.contains("connection: close"), "{}", answer.head);
    assert!(third.is_closed().await);
    let (mut third, answer) = past_the_ceiling(&served, HEALTH).await;
    assert_eq!(answer.status, 204);
    assert!(third.is_closed().await, "it has no business there any more");
    drop(second);
    until("there is room again", async || {
        let answer = Raw::saying(&served.base, VERSION).await.answer_if_any().await;
        answer.is_some_and(|answer| answer.status == 401)
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn past_all_ceilings_a_connection_is_told_so_before_it_asks() {
    let served = Served::with(settings(|settings| settings.max_connections = 1), false).await;
    let _first = open(&served).await;
    // Each has a second for its head, so they are renewed until there are as many as there may be.
    let mut silent = Vec::new();
    let answer = loop {
        for _ in 0..HEALTH_CONNECTIONS {
            silent.push(Raw::connect(&served.base).await);
        }
        let mut last = Raw::connect(&served.base).await;
        let told = String::from_utf8(last.rest().await).expect("text");
        if !told.is_empty() {
            break told;
        }
    };
    assert!(answer.starts_with("HTTP/1.1 503 ") && answer.contains("Retry-After: 1\r\n"), "{answer}");
    assert!(answer.contains("\"code\":\"busy\""), "{answer}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn past_the_ceiling_of_requests_others_are_told_to_come_later() {
    let served = Served::with(settings(|settings| settings.max_requests = 1), false).await;
    let mut first = Raw::saying(&served.base, &echo_head(&served, 7)).await;
    first.say("{\"a").await;
    // A question that is under the ceiling itself could take the place that the first one is about to have.
    until("the first one is worked on", async || {
        let metrics = served.get("/metrics").await;
        metrics.body.as_str().is_some_and(|text| text.contains("ampule_http_requests_in_progress 2\n"))
    })
    .await;
    let second = served.get("/v1/version").await;
    assert_eq!(second.status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!((&second.body["code"], &second.headers["retry-after"]), (&"busy".into(), &"1".parse().expect("text")));
    for (path, status) in
        [("/healthz", StatusCode::NO_CONTENT), ("/readyz", StatusCode::NO_CONTENT), ("/metrics", StatusCode::OK)]
    {
        // The queue has a second to say that it is ready, which a stall takes away.
        until(path, async || served.get(path).await.status == status).await;
    }
    first.say("\":1}").await;
    assert_eq!(first.answer().await.body, "{\"a\":1}");
    assert_eq!(served.get("/v1/version").await.status, StatusCode::OK);
}

/// Lets this process have as many descriptors as it may.
fn more_descriptors() {
    let limit = getrlimit(Resource::Nofile);
    setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, ..limit }).expect("up to the hard limit");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_thousand_slow_connections_keep_nobody_else_waiting() {
    more_descriptors();
    let patient = |settings: &mut Settings| {
        settings.head_timeout = Duration::from_secs(600);
        settings.body_timeout = Duration::from_secs(600);
        settings.idle_timeout = Duration::from_secs(600);
    };
    let served = Arc::new(Served::with(settings(patient), true).await);
    let mut slow = Vec::new();
    for _ in 0..1_000 {
        slow.push(Raw::saying(&served.base, "GET /v1/version HTTP/1.1\r\nHost: a\r\nX-Slow: ").await);
        slow.push(Raw::saying(&served.base, &echo_head(&served, 1_000_000)).await);
    }
    let dripping = tokio::spawn(async move {
        loop {
            for raw in &mut slow {
                raw.0.write_all(b" ").await.expect("it is still open");
            }
        }
    });
    until("all of them are there", async || connections(&served).await == 2_001).await;
    let wasm = ampule::assemble(RETURNS).expect("a program");
    let digest = served.queue.put_program(&wasm, None, None).await.expect("room");
    for _ in 0..20 {
        let health = Answered::of(served.client.get(format!("{}/healthz", served.base))).await;
        assert_eq!(health.status, StatusCode::NO_CONTENT);
        assert_eq!(served.get("/v1/version").await.status, StatusCode::OK);
        let enqueued = served.queue.enqueue(vec![NewJob::new(Job::new(digest))], None).await;
        let id = enqueued.expect("room")[0].id;
        until("the job ends", async || {
            let record = served.queue.get(id).await.expect("the queue is there").expect("the job is there");
            record.summary.state.is_end()
        })
        .await;
    }
    assert!(!dripping.is_finished(), "all of them are still open");
    dripping.abort();
}
