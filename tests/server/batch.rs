//! Batches of jobs: all are stored or none, and each fault has its place.

use ampule::queue::{Filter, Page};
use ampule::server::Settings;
use ampule_tests::guest::fixture;
use ampule_tests::served::Served;
use reqwest::StatusCode;
use serde_json::{Value, json};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_batch_is_stored_in_its_order_or_not_at_all() {
    let served = Served::with(Settings::default(), false).await;
    served.store("echo", &fixture("kwargs")).await;
    let jobs: Vec<Value> = (0..50).map(|n| json!({"program": "echo", "kwargs": {"n": n}})).collect();
    let stored = served.post("/v1/jobs", &json!({"jobs": jobs})).await;
    assert_eq!(stored.status, StatusCode::CREATED);
    let stored = stored.body["jobs"].as_array().expect("a list").clone();
    assert_eq!(stored.len(), 50);
    for (n, job) in stored.iter().enumerate() {
        let id = job["id"].as_str().expect("an id");
        assert_eq!(served.get(&format!("/v1/jobs/{id}")).await.body["job"]["kwargs"], json!({"n": n}));
    }
    let mut bad = jobs.clone();
    bad[33] = json!({"program": "nobody"});
    let refused = served.post("/v1/jobs", &json!({"jobs": bad})).await;
    assert_eq!((refused.status.as_u16(), &refused.body["field"]), (404, &json!("jobs[33].program")));
    bad[33] = json!({"program": "echo", "timeout": "never"});
    let refused = served.post("/v1/jobs", &json!({"jobs": bad})).await;
    assert_eq!((refused.status.as_u16(), &refused.body["field"]), (400, &json!("jobs[33].timeout")));
    bad[33] = json!({"program": "echo", "on": "no spaces"});
    let refused = served.post("/v1/jobs", &json!({"jobs": bad})).await;
    assert_eq!((refused.status.as_u16(), &refused.body["field"]), (400, &json!("jobs[33].on")));
    let page = Page { after: None, limit: 1_000 };
    assert_eq!(served.queue.list(&Filter::default(), page).await.expect("a list").len(), 50);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_batch_has_a_size_and_nothing_beside_its_jobs() {
    let mut settings = Settings::default();
    settings.max_batch = 2;
    let served = Served::with(settings, false).await;
    served.store("echo", &fixture("kwargs")).await;
    let one = json!({"program": "echo"});
    for (body, path, field) in [
        (json!({"jobs": []}), "/v1/jobs", "jobs"),
        (json!({"jobs": [one, one, one]}), "/v1/jobs", "jobs"),
        (json!({"jobs": [one], "on": "mail"}), "/v1/jobs", "on"),
        (json!({"jobs": 3}), "/v1/jobs", "jobs"),
        (json!({"jobs": [["echo"]]}), "/v1/jobs", "jobs[0]"),
        (json!({"jobs": [one, one]}), "/v1/jobs?wait=1s", "wait"),
    ] {
        let refused = served.post(path, &body).await;
        assert_eq!((refused.status.as_u16(), &refused.body["field"]), (400, &json!(field)), "{body}: {}", refused.body);
    }
    let stored = served.post("/v1/jobs", &json!({"jobs": [one, {"program": "echo", "unique": "k"}]})).await;
    assert_eq!(stored.status, StatusCode::CREATED);
    let again = served.post("/v1/jobs", &json!({"jobs": [{"program": "echo", "unique": "k"}]})).await;
    assert_eq!((again.status, &again.body["jobs"][0]["existed"]), (StatusCode::OK, &json!(true)));
}
