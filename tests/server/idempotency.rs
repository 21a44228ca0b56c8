//! `Idempotency-Key`: what is sent twice is stored once, and another request under the same key is told so.

use ampule::queue::{Filter, Mode, Page, QueueSettings};
use ampule::server::{Role, Settings};
use ampule_tests::guest::fixture;
use ampule_tests::served::{Answered, Served};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

async fn post(served: &Served, token: &str, key: &str, body: &Value) -> Answered {
    let request = served.request_as(token, Method::POST, "/v1/jobs").header("Idempotency-Key", key);
    Answered::of(request.json(body)).await
}

async fn count(served: &Served) -> usize {
    served.queue.list(&Filter::default(), Page::default()).await.expect("a list").len()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_sent_twice_under_one_key_is_stored_once() {
    let served = Served::with(Settings::default(), false).await;
    served.store("echo", &fixture("kwargs")).await;
    let body = json!({"program": "echo", "kwargs": {"n": 1}});
    let first = post(&served, &served.admin, "key", &body).await;
    assert_eq!((first.status, &first.body["existed"]), (StatusCode::CREATED, &json!(false)));
    let second = post(&served, &served.admin, "key", &body).await;
    assert_eq!((second.status, &second.body["existed"]), (StatusCode::OK, &json!(true)));
    assert_eq!(first.body["id"], second.body["id"]);
    let batch = json!({"jobs": [body, body, body]});
    let first = post(&served, &served.admin, "batch", &batch).await;
    let second = post(&served, &served.admin, "batch", &batch).await;
    let ids = |answered: &Answered| -> Vec<Value> {
        answered.body["jobs"].as_array().expect("a list").iter().map(|job| job["id"].clone()).collect()
    };
    assert_eq!((ids(&first), second.status), (ids(&second), StatusCode::OK));
    assert_eq!(count(&served).await, 4);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn another_request_under_the_same_key_is_a_mismatch_and_stores_nothing() {
    let served = Served::with(Settings::default(), false).await;
    served.store("echo", &fixture("kwargs")).await;
    let body = json!({"program": "echo", "kwargs": {"n": 1}});
    post(&served, &served.admin, "key", &body).await;
    for other in [
        json!({"program": "echo", "kwargs": {"n": 2}}),
        json!({"program": "echo", "kwargs": {"n": 1}, "priority": 1}),
        json!({"jobs": [body]}),
        json!({"jobs": [body, body]}),
    ] {
        let refused = post(&served, &served.admin, "key", &other).await;
        let found = (refused.status.as_u16(), &refused.body["code"]);
        assert_eq!(found, (409, &json!("idempotency_mismatch")), "{other}: {}", refused.body);
    }
    assert_eq!(count(&served).await, 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_batch_that_is_refused_under_a_key_stores_nothing() {
    let served = Served::with(Settings::default(), false).await;
    served.store("echo", &fixture("kwargs")).await;
    let settings = QueueSettings { mode: Mode::Draining, ..QueueSettings::default() };
    served.queue.configure("closed", &settings).await.expect("a queue that takes nothing");
    let (open, closed) = (json!({"program": "echo"}), json!({"program": "echo", "on": "closed"}));
    let batch = json!({"jobs": [open, closed]});
    let refused = post(&served, &served.admin, "key", &batch).await;
    assert_eq!((refused.status.as_u16(), &refused.body["code"]), (409, &json!("draining")), "{}", refused.body);
    assert_eq!(count(&served).await, 0);
    served.queue.configure("closed", &QueueSettings::default()).await.expect("a queue that is open again");
    assert_eq!(post(&served, &served.admin, "key", &batch).await.status, StatusCode::CREATED);
    assert_eq!(count(&served).await, 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_sends_again_is_told_of_the_jobs_whatever_became_of_program_queue_and_room() {
    let mut settings = Settings::default();
    settings.max_queued = 3;
    let served = Served::with(settings, false).await;
    served.store("echo", &fixture("kwargs")).await;
    let job = json!({"program": "echo", "on": "mail"});
    let batch = json!({"jobs": [job, job]});
    let mut made = Vec::new();
    for (key, body) in [("one", &job), ("many", &batch)] {
        let answered = post(&served, &served.admin, key, body).await;
        assert_eq!(answered.status, StatusCode::CREATED, "{}", answered.body);
        made.push(answered.body);
    }
    let refused = async |body: &Value, code: &str| {
        let answered = post(&served, &served.admin, "new", body).await;
        assert_eq!(answered.body["code"], code, "{}", answered.body);
    };
    let same = async || {
        for (key, body, made) in [("one", &job, &made[0]), ("many", &batch, &made[1])] {
            let again = post(&served, &served.admin, key, body).await;
            assert_eq!(again.status, StatusCode::OK, "{}", again.body);
            assert_eq!(again.body.to_string(), made.to_string().replace("\"existed\":false", "\"existed\":true"));
        }
        let other = post(&served, &served.admin, "one", &json!({"program": "echo"})).await;
        assert_eq!(other.body["code"], "idempotency_mismatch", "{}", other.body);
    };
    refused(&job, "busy").await;
    same().await;
    let draining = QueueSettings { mode: Mode::Draining, ..QueueSettings::default() };
    served.queue.configure("mail", &draining).await.expect("a queue that takes nothing new");
    same().await;
    let strict = fixture("schema").replace("SCHEMA", r#"{\"type\":\"object\",\"required\":[\"a\"]}"#);
    let wasm = ampule::assemble(&strict).expect("a program");
    let put = served.request(Method::PUT, "/v1/programs/echo").header("content-type", "application/wasm").body(wasm);
    assert_eq!(Answered::of(put).await.status, StatusCode::OK);
    refused(&job, "bad_kwargs").await;
    same().await;
    let deleted = Answered::of(served.request(Method::DELETE, "/v1/programs/echo")).await;
    assert_eq!(deleted.status, StatusCode::NO_CONTENT);
    refused(&job, "unknown_program").await;
    same().await;
    assert_eq!(count(&served).await, 3);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_keys_of_a_batch_are_nobody_else_s() {
    let served = Served::with(Settings::default(), false).await;
    served.store("echo", &fixture("kwargs")).await;
    let body = json!({"program": "echo"});
    for key in ["key#1", "1:key", "key:1"] {
        assert_eq!(post(&served, &served.admin, key, &body).await.status, StatusCode::CREATED);
    }
    let batch = json!({"jobs": [body, body]});
    assert_eq!(post(&served, &served.admin, "key", &batch).await.status, StatusCode::CREATED);
    assert_eq!(count(&served).await, 5);
    let taken = json!({"program": "echo", "unique": "idempotency-key:0:other"});
    for (job, field) in [(&taken, "unique"), (&json!({"program": "echo", "at_return": taken}), "at_return.unique")] {
        let refused = served.post("/v1/jobs", job).await;
        assert_eq!((refused.status.as_u16(), &refused.body["field"]), (400, &json!(field)), "{}", refused.body);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_key_is_of_its_tenant_and_has_a_form() {
    let served = Served::with(Settings::default(), false).await;
    let mut ids = Vec::new();
    for tenant in ["acme", "other"] {
        served.store(&format!("{tenant}:echo"), &fixture("kwargs")).await;
        let token = served.token(Role::Submit, Some(tenant)).await;
        let made = post(&served, &token, "key", &json!({"program": "echo"})).await;
        assert_eq!(made.status, StatusCode::CREATED);
        ids.push(made.body["id"].clone());
    }
    assert_ne!(ids[0], ids[1]);
    for (key, body, field) in [
        ("", json!({"program": "acme:echo"}), "Idempotency-Key"),
        (&*"k".repeat(256), json!({"program": "acme:echo"}), "Idempotency-Key"),
        ("key", json!({"program": "acme:echo", "unique": "k"}), "unique"),
    ] {
        let refused = post(&served, &served.admin, key, &body).await;
        assert_eq!((refused.status.as_u16(), &refused.body["field"]), (400, &json!(field)), "{}", refused.body);
    }
    let two = served.request(Method::POST, "/v1/jobs").header("Idempotency-Key", "a").header("Idempotency-Key", "b");
    let refused = Answered::of(two.json(&json!({"program": "acme:echo"}))).await;
    assert_eq!((refused.status.as_u16(), &refused.body["field"]), (400, &json!("Idempotency-Key")), "{}", refused.body);
    assert_eq!(count(&served).await, 2);
}
