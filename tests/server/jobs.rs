//! `GET /v1/jobs/{id}`: all that is known of a job, in the words of the command.

use ampule_tests::guest::{fixture, speaking};
use ampule_tests::served::Served;
use reqwest::StatusCode;
use serde_json::{Value, json};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_job_is_told_with_its_work_its_attempts_and_its_end() {
    let served = Served::start().await;
    served.store("echo", &fixture("kwargs")).await;
    let body = json!({"program": "echo", "kwargs": {"a": 1}, "at_err": {"url": "https://example.org/"}});
    let stored = served.post("/v1/jobs", &body).await;
    let id = stored.body["id"].as_str().expect("an id");
    let job = served.until(&format!("/v1/jobs/{id}"), |job| job["state"] == "completed").await;
    let keys: Vec<&str> = job.as_object().expect("an object").keys().map(String::as_str).collect();
    let expected = [
        "id",
        "state",
        "held",
        "queue",
        "name",
        "program",
        "language",
        "tenant",
        "tags",
        "priority",
        "attempt",
        "tries",
        "max_tries",
        "enqueued_at",
        "run_at",
        "start_before",
        "started_at",
        "ended_at",
        "worker",
        "cancel_asked",
        "kind",
        "message",
        "parent",
        "job",
        "delivery",
        "retry",
        "at_return",
        "at_err",
        "outcome",
        "attempts",
        "events",
    ];
    assert_eq!(keys, expected);
    assert_eq!(job["job"]["kwargs"], json!({"a": 1}));
    assert_eq!(job["at_err"], json!({"url": "https://example.org/", "kwargs": {}, "headers": {}}));
    assert_eq!((&job["outcome"]["result"], &job["attempts"][0]["end"]), (&json!({"a": 1}), &json!("completed")));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_job_tells_is_told_from_the_event_that_is_named() {
    let served = Served::start().await;
    let calls: [(&str, &[u8]); 3] = [("$progress", b"1"), ("$log", b"two"), ("$return", b"3")];
    served.store("tell", &speaking(&calls, "(loop $again (br $again))")).await;
    let stored = served.post("/v1/jobs", &json!({"program": "tell", "timeout": "60s"})).await;
    let path = format!("/v1/jobs/{}", stored.body["id"].as_str().expect("an id"));
    let told = |job: &Value| job["events"].as_array().map_or(0, Vec::len);
    let job = served.until(&path, |job| told(job) == 3).await;
    let events = job["events"].as_array().expect("a list");
    let kinds: Vec<&str> = events.iter().filter_map(|event| event["event"].as_str()).collect();
    assert_eq!(kinds, ["progress", "log", "return"]);
    assert_eq!(events[1]["value"], json!({"level": "info", "message": "two"}));
    let rest = served.get(&format!("{path}?after={}", events[0]["number"])).await;
    assert_eq!((told(&rest.body), &rest.body["events"][0]["event"]), (2, &json!("log")));
    assert_eq!(served.get(&format!("{path}?since=1")).await.status, StatusCode::BAD_REQUEST);
    served.post(&format!("{path}/cancel"), &json!({})).await;
}
