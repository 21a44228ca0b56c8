//! Schedules over HTTP: stored, shown with their next ticks, rested, fired by hand, taken away.

use ampule::Value;
use ampule::server::{Role, Settings};
use ampule_tests::served::{Answered, Served};
use reqwest::{Method, StatusCode};
use serde_json::json;

use super::programs::{program, put, put_as, refusal};

async fn served() -> Served {
    let served = Served::with(Settings::default(), false).await;
    put(&served, "report", program("1")).await;
    served
}

fn nightly() -> Value {
    json!({"cron": "30 2 * * *", "zone": "Europe/Berlin", "missed": "all=3", "program": "report", "on": "mail",
        "timeout": "30s"})
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_schedule_is_stored_and_shown_with_its_next_ten_ticks() {
    let served = served().await;
    let stored = served.put("/v1/schedules/nightly", &nightly()).await;
    assert_eq!(stored.status, StatusCode::CREATED, "{}", stored.body);
    let shown = served.get("/v1/schedules/nightly").await;
    assert_eq!((shown.status, &shown.body["cron"]), (StatusCode::OK, &"30 2 * * *".into()));
    assert_eq!((&shown.body["zone"], &shown.body["missed"]), (&"Europe/Berlin".into(), &"all=3".into()));
    assert_eq!((&shown.body["job"]["queue"], &shown.body["paused"]), (&"mail".into(), &false.into()));
    let runs = shown.body["runs"].as_array().expect("runs");
    assert_eq!((runs.len(), &runs[0]), (10, &shown.body["next"]));
    assert_eq!(served.put("/v1/schedules/nightly", &nightly()).await.status, StatusCode::OK);
    let listed = served.get("/v1/schedules").await;
    assert_eq!(listed.body["schedules"][0]["name"], "nightly");
    assert_eq!(listed.body["schedules"][0].get("runs"), None);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_schedule_rests_and_goes_on_and_is_fired_by_hand() {
    let served = served().await;
    served.put("/v1/schedules/nightly", &nightly()).await;
    let none = Value::Null;
    let paused = served.post("/v1/schedules/nightly/pause", &none).await;
    assert_eq!((&paused.body["paused"], &paused.body["next"]), (&true.into(), &Value::Null));
    let fired = served.post("/v1/schedules/nightly/run-now", &none).await;
    assert_eq!(fired.status, StatusCode::CREATED, "{}", fired.body);
    let place = format!("/v1/jobs/{}", fired.body["id"].as_str().expect("an id"));
    assert_eq!(fired.headers["location"], place);
    let job = served.get(&place).await;
    assert_eq!((&job.body["queue"], &job.body["state"]), (&"mail".into(), &"queued".into()));
    let resumed = served.post("/v1/schedules/nightly/resume", &none).await;
    assert_eq!((&resumed.body["paused"], resumed.body["next"].is_string()), (&false.into(), true));
    assert_eq!(served.post("/v1/schedules/nightly/resume", &none).await.body["revision"], resumed.body["revision"]);
    assert_eq!(served.delete("/v1/schedules/nightly").await.status, StatusCode::NO_CONTENT);
    for verb in ["pause", "resume", "run-now"] {
        let answered = served.post(&format!("/v1/schedules/nightly/{verb}"), &none).await;
        assert_eq!(refusal(&answered), (404, "not_found"), "{verb}");
    }
    assert_eq!(refusal(&served.get("/v1/schedules/nightly").await), (404, "not_found"));
    assert_eq!(refusal(&served.delete("/v1/schedules/nightly").await), (404, "not_found"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_schedule_that_means_nothing_is_refused_with_its_place() {
    let served = served().await;
    let deep = json!({"program": "report", "at_return": {"program": "report", "timeout": "soon"}});
    let cases = [
        (json!({"program": "report"}), 400, "cron"),
        (json!({"cron": "0 * * * *", "every": "1h", "program": "report"}), 400, "cron"),
        (json!({"every": "1h", "zone": "UTC", "program": "report"}), 400, "zone"),
        (json!({"cron": "every day", "program": "report"}), 400, "cron"),
        (json!({"cron": "0 0 30 2 *", "program": "report"}), 400, "cron"),
        (json!({"cron": "0 * * * *", "zone": "Mars/Olympus", "program": "report"}), 400, "zone"),
        (json!({"every": "10ms", "program": "report"}), 400, "every"),
        (json!({"every": "1h", "missed": "all=0", "program": "report"}), 400, "missed"),
        (json!({"every": "1h", "progam": "report"}), 400, "progam"),
        (json!({"every": "1h", "program": "report", "unique": "k"}), 400, "unique"),
        (json!({"every": "1h", "program": "report", "delay": "1s"}), 400, "delay"),
        (json!({"every": "1h", "program": "report", "on": "a b"}), 400, "on"),
        (json!({"every": "1h", "program": "report", "at": "2099-01-31T08:00:00Z"}), 400, "at"),
        (json!({"every": "1h", "program": "report", "at_err": deep}), 400, "at_err.at_return.timeout"),
        (json!({"every": "1h", "program": "none"}), 404, "program"),
    ];
    for (body, status, field) in cases {
        let answered = served.put("/v1/schedules/x", &body).await;
        assert_eq!(answered.status.as_u16(), status, "{body}: {}", answered.body);
        assert_eq!(answered.body["field"], *field, "{body}: {}", answered.body);
    }
    assert_eq!(refusal(&served.put("/v1/schedules/a:b", &nightly()).await), (400, "bad_request"));
    assert_eq!(served.get("/v1/schedules").await.body["schedules"], json!([]));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn schedules_of_tenants_are_their_own_and_enqueue_their_own_jobs() {
    let served = served().await;
    let acme = served.token(Role::Admin, Some("acme")).await;
    let other = served.token(Role::Admin, Some("other")).await;
    put_as(&served, &acme, "report", program("2")).await;
    let ask = |token: &str, method: Method, path: &str| served.request_as(token, method, path);
    let stored = Answered::of(ask(&acme, Method::PUT, "/v1/schedules/nightly").json(&nightly())).await;
    assert_eq!((&stored.body["name"], &stored.body["job"]["tenant"]), (&"nightly".into(), &"acme".into()));
    let foreign = json!({"every": "1h", "program": "report", "tenant": "other"});
    let refused = Answered::of(ask(&acme, Method::PUT, "/v1/schedules/x").json(&foreign)).await;
    assert_eq!(refusal(&refused), (403, "forbidden"));
    assert_eq!(served.get("/v1/schedules").await.body["schedules"][0]["name"], "acme:nightly");
    for (method, path) in [
        (Method::GET, "/v1/schedules/nightly"),
        (Method::GET, "/v1/schedules/acme:nightly"),
        (Method::POST, "/v1/schedules/acme:nightly/run-now"),
        (Method::DELETE, "/v1/schedules/acme:nightly"),
    ] {
        assert_eq!(refusal(&Answered::of(ask(&other, method, path)).await), (404, "not_found"), "{path}");
    }
    assert_eq!(Answered::of(ask(&other, Method::GET, "/v1/schedules")).await.body["schedules"], json!([]));
    assert_eq!(served.post("/v1/schedules/acme:nightly/pause", &Value::Null).await.body["paused"], true);
}
