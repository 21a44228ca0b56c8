//! Queues over HTTP: how they are served, and what waits in them.

use ampule::Value;
use ampule::server::{Role, Settings};
use ampule_tests::served::{Answered, Served};
use reqwest::{Method, StatusCode};
use serde_json::json;

use super::programs::{program, put, put_as, refusal};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_queue_is_served_as_it_was_last_set() {
    let served = Served::with(Settings::default(), false).await;
    let set = served.put("/v1/queues/mail", &json!({"mode": "paused", "max_running": 3})).await;
    assert_eq!(
        (set.status, &set.body["mode"], &set.body["max_running"]),
        (StatusCode::OK, &"paused".into(), &3.into())
    );
    let set = served.put("/v1/queues/mail", &json!({"max_running_per_tenant": 1})).await;
    assert_eq!((&set.body["mode"], &set.body["max_running"]), (&"open".into(), &Value::Null));
    assert_eq!(served.get("/v1/queues").await.body["queues"], json!([set.body]));
    served.put("/v1/queues/mail", &json!({"mode": "draining"})).await;
    put(&served, "a", program("1")).await;
    let refused = served.post("/v1/jobs", &json!({"program": "a", "on": "mail"})).await;
    assert_eq!(refusal(&refused), (409, "draining"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn settings_that_mean_nothing_are_refused() {
    let served = Served::with(Settings::default(), false).await;
    for (path, body) in [
        ("/v1/queues/mail", json!({"mode": "shut"})),
        ("/v1/queues/mail", json!({"max_running": 0})),
        ("/v1/queues/mail", json!({"max_running": -1})),
        ("/v1/queues/mail", json!({"limit": 1})),
        ("/v1/queues/a%20b", json!({})),
        ("/v1/queues/@http", json!({})),
    ] {
        assert_eq!(refusal(&served.put(path, &body).await), (400, "bad_request"), "{path} {body}");
    }
    let admin = served.token(Role::Admin, Some("acme")).await;
    let refused = Answered::of(served.request_as(&admin, Method::PUT, "/v1/queues/mail").json(&json!({}))).await;
    assert_eq!(refusal(&refused), (403, "forbidden"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_tenant_counts_its_own_jobs_alone() {
    let served = Served::with(Settings::default(), false).await;
    let acme = served.token(Role::Submit, Some("acme")).await;
    put(&served, "a", program("1")).await;
    put_as(&served, &acme, "a", program("1")).await;
    for queue in ["mail", "mail", "other"] {
        served.post("/v1/jobs", &json!({"program": "a", "on": queue})).await;
    }
    let own = served.request_as(&acme, Method::POST, "/v1/jobs").json(&json!({"program": "a", "on": "mail"}));
    assert_eq!(Answered::of(own).await.status, StatusCode::CREATED);
    let all = served.get("/v1/queues").await;
    assert_eq!(all.body["queues"][0]["queued"], 3);
    let own = Answered::of(served.request_as(&acme, Method::GET, "/v1/queues")).await;
    let expected = json!([{"name": "mail", "mode": "open", "max_running": null, "max_running_per_tenant": null,
        "due": null, "queued": 1, "held": null, "running": 0, "oldest_due": null}]);
    assert_eq!(own.body["queues"], expected);
}
