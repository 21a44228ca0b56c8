//! What people do to jobs over HTTP: each change where it applies, and why not where it does not.

use ampule::server::{Role, Settings};
use ampule_tests::guest::fixture;
use ampule_tests::served::Served;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

async fn store(served: &Served, extra: Value) -> String {
    let mut body = json!({"program": "echo"});
    for (name, value) in extra.as_object().expect("an object") {
        body[name] = value.clone();
    }
    let stored = served.post("/v1/jobs", &body).await;
    stored.body["id"].as_str().unwrap_or_else(|| panic!("{}", stored.body)).to_owned()
}

/// The status of a change, and what it says: the job, or why not.
async fn change(served: &Served, id: &str, change: &str) -> (u16, Value) {
    let answered = served.ask_as(&served.admin, Method::POST, &format!("/v1/jobs/{id}/{change}"), None).await;
    (answered.status.as_u16(), answered.body)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_job_is_held_released_hurried_cancelled_tried_again_and_forgotten() {
    let served = Served::with(Settings::default(), false).await;
    served.store("echo", &fixture("kwargs")).await;
    let id = store(&served, json!({"delay": "1h"})).await;
    let (status, held) = change(&served, &id, "hold").await;
    assert_eq!((status, &held["held"]), (200, &json!(true)));
    let (status, released) = change(&served, &id, "release").await;
    assert_eq!((status, &released["held"]), (200, &json!(false)));
    let (status, hurried) = change(&served, &id, "run-now").await;
    assert_eq!(status, 200);
    assert!(hurried["run_at"].as_str() < held["run_at"].as_str(), "{hurried}");
    let (status, cancelled) = change(&served, &id, "cancel").await;
    assert_eq!((status, &cancelled["state"]), (200, &json!("cancelled")));
    let (status, again) = change(&served, &id, "retry").await;
    assert_eq!((status, &again["state"]), (200, &json!("queued")));
    change(&served, &id, "cancel").await;
    assert_eq!(served.delete(&format!("/v1/jobs/{id}")).await.status, StatusCode::NO_CONTENT);
    assert_eq!(served.get(&format!("/v1/jobs/{id}")).await.status, StatusCode::NOT_FOUND);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_change_that_does_not_apply_says_why() {
    let served = Served::with(Settings::default(), false).await;
    served.store("echo", &fixture("kwargs")).await;
    let queued = store(&served, json!({})).await;
    let ended = store(&served, json!({})).await;
    change(&served, &ended, "cancel").await;
    for (id, what, why) in [
        (&queued, "release", "it is not held"),
        (&queued, "retry", "it has not ended, queued"),
        (&ended, "cancel", "it has ended already, cancelled"),
        (&ended, "hold", "it has ended, cancelled"),
        (&ended, "run-now", "it has ended, cancelled"),
    ] {
        let (status, problem) = change(&served, id, what).await;
        assert_eq!((status, &problem["code"], &problem["detail"]), (409, &json!("conflict"), &json!(why)), "{what}");
    }
    let deleted = served.delete(&format!("/v1/jobs/{queued}")).await;
    assert_eq!((deleted.status.as_u16(), &deleted.body["code"]), (409, &json!("conflict")));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_job_is_tried_again_with_other_kwargs_if_its_program_takes_them() {
    let served = Served::with(Settings::default(), false).await;
    let schema = r#"{\"type\":\"object\",\"required\":[\"a\"]}"#;
    served.store("strict", &fixture("schema").replace("SCHEMA", schema)).await;
    let stored = served.post("/v1/jobs", &json!({"program": "strict", "kwargs": {"a": 1}})).await;
    let id = stored.body["id"].as_str().expect("an id").to_owned();
    change(&served, &id, "cancel").await;
    let path = format!("/v1/jobs/{id}/retry");
    let refused = served.post(&path, &json!({"kwargs": {}})).await;
    assert_eq!((refused.status.as_u16(), &refused.body["code"]), (422, &json!("bad_kwargs")));
    let large = served.post(&path, &json!({"kwargs": {"a": "x".repeat(2 << 20)}})).await;
    assert_eq!((large.status.as_u16(), &large.body["code"]), (422, &json!("bad_kwargs")));
    let unknown = served.post(&path, &json!({"kwarg": {}})).await;
    assert_eq!(unknown.status, StatusCode::BAD_REQUEST);
    let again = served.post(&path, &json!({"kwargs": {"a": 2}})).await;
    assert_eq!((again.status.as_u16(), &again.body["state"]), (200, &json!("queued")));
    assert_eq!(served.get(&format!("/v1/jobs/{id}")).await.body["job"]["kwargs"], json!({"a": 2}));
    change(&served, &id, "cancel").await;
    let with_null = served.post(&path, &Value::Null).await;
    assert_eq!((with_null.status.as_u16(), &with_null.body["state"]), (200, &json!("queued")), "{}", with_null.body);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_jobs_are_changed_by_a_filter() {
    let served = Served::with(Settings::default(), false).await;
    served.store("echo", &fixture("kwargs")).await;
    for n in 0..6 {
        store(&served, json!({"tag": [if n % 2 == 0 { "even" } else { "odd" }]})).await;
    }
    let bulk = async |what: &str, filter: Value| {
        let answered = served.post(&format!("/v1/jobs/{what}"), &json!({"filter": filter})).await;
        (answered.status.as_u16(), answered.body["changed"].as_array().map(Vec::len))
    };
    assert_eq!(bulk("hold", json!({"tag": "even"})).await, (200, Some(3)));
    assert_eq!(bulk("release", json!({})).await, (200, Some(3)));
    assert_eq!(bulk("cancel", json!({"tag": "odd", "state": ["queued"]})).await, (200, Some(3)));
    assert_eq!(bulk("retry", json!({"state": ["cancelled"]})).await, (200, Some(3)));
    assert_eq!(bulk("run-now", json!({"tag": "none"})).await, (200, Some(0)));
    bulk("cancel", json!({})).await;
    assert_eq!(bulk("delete", json!({})).await, (200, Some(6)));
    for body in [
        json!({}),
        json!({"filter": []}),
        json!([{}]),
        json!({"filter": {"tags": "a"}}),
        json!({"filter": {"state": ["tired"]}}),
    ] {
        assert_eq!(served.post("/v1/jobs/cancel", &body).await.status, StatusCode::BAD_REQUEST, "{body}");
    }
    assert_eq!(bulk("cancel", json!({"program": "nobody"})).await.0, 404);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn somebody_elses_job_is_not_there() {
    let served = Served::with(Settings::default(), false).await;
    served.store("echo", &fixture("kwargs")).await;
    let id = store(&served, json!({"tenant": "acme"})).await;
    let of_nobody = store(&served, json!({})).await;
    let stranger = served.token(Role::Admin, Some("other")).await;
    for id in [&id, &of_nobody, "0190b0a0-0000-7000-8000-000000000000", "no-id", "..%2f"] {
        let mut asked = vec![(Method::GET, format!("/v1/jobs/{id}")), (Method::DELETE, format!("/v1/jobs/{id}"))];
        for what in ["cancel", "retry", "hold", "release", "run-now"] {
            asked.push((Method::POST, format!("/v1/jobs/{id}/{what}")));
        }
        for (method, path) in asked {
            let answered = served.ask_as(&stranger, method.clone(), &path, None).await;
            assert_eq!(
                (answered.status.as_u16(), &answered.body["code"]),
                (404, &json!("not_found")),
                "{method} {path}"
            );
        }
    }
    for what in ["cancel", "hold", "delete"] {
        let body = json!({"filter": {}});
        let bulk = served.ask_as(&stranger, Method::POST, &format!("/v1/jobs/{what}"), Some(&body)).await;
        assert_eq!(bulk.body["changed"], json!([]));
        let body = json!({"filter": {"tenant": "acme"}});
        let bulk = served.ask_as(&stranger, Method::POST, &format!("/v1/jobs/{what}"), Some(&body)).await;
        assert_eq!(bulk.status, StatusCode::FORBIDDEN);
    }
    assert_eq!(served.get(&format!("/v1/jobs/{id}")).await.body["state"], "queued");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_role_that_is_too_small_changes_nothing() {
    let served = Served::with(Settings::default(), false).await;
    served.store("echo", &fixture("kwargs")).await;
    let id = store(&served, json!({})).await;
    let (reader, submitter) = (served.token(Role::Read, None).await, served.token(Role::Submit, None).await);
    let all = json!({"filter": {}});
    for (token, method, path, body) in [
        (&reader, Method::POST, format!("/v1/jobs/{id}/cancel"), None),
        (&reader, Method::POST, format!("/v1/jobs/{id}/retry"), None),
        (&submitter, Method::DELETE, format!("/v1/jobs/{id}"), None),
        (&submitter, Method::POST, "/v1/jobs/cancel".to_owned(), Some(&all)),
        (&submitter, Method::POST, "/v1/jobs/delete".to_owned(), Some(&all)),
    ] {
        let answered = served.ask_as(token, method, &path, body).await;
        assert_eq!((answered.status.as_u16(), &answered.body["code"]), (403, &json!("forbidden")), "{path}");
    }
    let path = format!("/v1/jobs/{id}/hold");
    assert_eq!(served.ask_as(&submitter, Method::POST, &path, None).await.status, StatusCode::OK);
}
