//! `POST /v1/jobs?wait`: the job's end in the same answer when it comes in time, whoever runs it, and whatever happens
//! meanwhile.

use std::time::Duration;

use ampule::server::Settings;
use ampule_tests::guest::{fixture, returning};
use ampule_tests::served::{Answered, Served};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

/// The id of the one job that is in this state.
async fn only(served: &Served, state: &str) -> String {
    let listed = served.until(&format!("/v1/jobs?state={state}"), |body| body["jobs"][0].is_object()).await;
    listed["jobs"][0]["id"].as_str().expect("an id").to_owned()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_end_of_a_job_comes_with_the_answer() {
    let served = Served::start().await;
    served.store("echo", &fixture("kwargs")).await;
    served.store("trap", &fixture("unreachable")).await;
    let ended = served.post("/v1/jobs?wait=30s", &json!({"program": "echo", "kwargs": {"a": 1}})).await;
    assert_eq!(ended.status, StatusCode::OK, "{}", ended.body);
    assert_eq!(ended.body["state"], "completed");
    assert_eq!(ended.body["outcome"]["result"], json!({"a": 1}));
    let failed = served.post("/v1/jobs?wait=30", &json!({"program": "trap", "attempts": 1})).await;
    assert_eq!((failed.status, &failed.body["state"]), (StatusCode::OK, &json!("failed")));
    assert_eq!(failed.body["outcome"]["failure"]["kind"], "trap");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_job_that_takes_longer_is_told_as_it_is() {
    let served = Served::with(Settings::default(), false).await;
    served.store("echo", &fixture("kwargs")).await;
    let waited = served.post("/v1/jobs?wait=50ms", &json!({"program": "echo"})).await;
    assert_eq!((waited.status, &waited.body["state"]), (StatusCode::ACCEPTED, &json!("queued")));
    assert_eq!(waited.body["outcome"], Value::Null);
    for wait in ["61s", "0", "soon"] {
        let refused = served.post(&format!("/v1/jobs?wait={wait}"), &json!({"program": "echo"})).await;
        assert_eq!(refused.status, StatusCode::BAD_REQUEST, "{wait}: {}", refused.body);
    }
    assert_eq!(served.get("/v1/jobs").await.body["jobs"].as_array().map(Vec::len), Some(1));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_job_that_is_cancelled_while_it_is_waited_for_has_ended() {
    let served = Served::start().await;
    served.store("loop", &fixture("loop")).await;
    let body = json!({"program": "loop", "timeout": "60s"});
    let waiting = tokio::spawn(Answered::of(served.request(Method::POST, "/v1/jobs?wait=60s").json(&body)));
    let id = only(&served, "running").await;
    let cancelled = served.post(&format!("/v1/jobs/{id}/cancel"), &json!({})).await;
    assert_eq!(cancelled.status, StatusCode::OK, "{}", cancelled.body);
    let waited = waiting.await.expect("an answer");
    assert_eq!((waited.status, &waited.body["state"]), (StatusCode::OK, &json!("cancelled")));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn so_many_may_wait_and_no_more_and_who_goes_away_makes_room() {
    let mut settings = Settings::default();
    settings.max_waits = 1;
    let served = Served::with(settings, false).await;
    served.store("echo", &fixture("kwargs")).await;
    let body = json!({"program": "echo"});
    let waiting = tokio::spawn(served.request(Method::POST, "/v1/jobs?wait=60s").json(&body).send());
    only(&served, "queued").await;
    let turned_away = served.post("/v1/jobs?wait=60s", &body).await;
    assert_eq!((turned_away.status.as_u16(), &turned_away.body["code"]), (503, &json!("busy")));
    let counted = served.get("/v1/jobs/counts").await;
    assert_eq!(counted.body["counts"][0]["jobs"], 1, "who is turned away has stored nothing");
    waiting.abort();
    let deadline = std::time::Instant::now() + Duration::from_secs(20);
    while served.post("/v1/jobs?wait=10ms", &body).await.status != StatusCode::ACCEPTED {
        assert!(std::time::Instant::now() < deadline, "nobody made room");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_waits_when_the_server_goes_is_told_how_the_job_is() {
    let mut served = Served::with(Settings::default(), false).await;
    served.store("echo", &fixture("kwargs")).await;
    let request = served.request(Method::POST, "/v1/jobs?wait=60s").json(&json!({"program": "echo"}));
    let waiting = tokio::spawn(Answered::of(request));
    only(&served, "queued").await;
    served.stop().await;
    let waited = waiting.await.expect("an answer");
    assert_eq!((waited.status, &waited.body["state"]), (StatusCode::ACCEPTED, &json!("queued")));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_job_handed_in_at_one_server_is_seen_and_waited_for_at_another() {
    let served = Served::start().await;
    let (server, base) = served.beside().await;
    served.store("answer", &returning(&["42"])).await;
    let there = |method, path: &str| served.client.request(method, format!("{base}{path}")).bearer_auth(&served.admin);
    let waits = (0..8).map(|n| {
        let body = json!({"program": "answer", "name": n.to_string()});
        let request = if n % 2 == 0 {
            there(Method::POST, "/v1/jobs?wait=30s")
        } else {
            served.request(Method::POST, "/v1/jobs?wait=30s")
        };
        tokio::spawn(Answered::of(request.json(&body)))
    });
    for wait in waits.collect::<Vec<_>>() {
        let ended = wait.await.expect("an answer");
        assert_eq!((ended.status, &ended.body["outcome"]["result"]), (StatusCode::OK, &json!(42)));
        let id = ended.body["id"].as_str().expect("an id");
        for seen in [
            Answered::of(there(Method::GET, &format!("/v1/jobs/{id}"))).await,
            served.get(&format!("/v1/jobs/{id}")).await,
        ] {
            assert_eq!(seen.body["state"], "completed");
        }
    }
    server.shutdown(Duration::from_secs(5)).await;
}
