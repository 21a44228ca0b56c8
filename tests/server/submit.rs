//! `POST /v1/jobs`: what is asked for is what is stored, and what may not be stored is refused before it is.

use std::time::Duration;

use ampule::queue::{Backoff, Callback, Filter, Mode, NewJob, Page, QueueSettings, RetryPolicy, Webhook};
use ampule::server::{Ceilings, Role, Settings};
use ampule::{Grants, Job, JobId, Kind, Kwargs};
use ampule_tests::guest::{fixture, returning};
use ampule_tests::served::{Answered, Served};
use reqwest::{Method, StatusCode, header};
use serde_json::json;

const TRACE: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

fn id(answered: &Answered) -> JobId {
    assert!(answered.status.is_success(), "{}", answered.body);
    answered.body["id"].as_str().expect("an id").parse().expect("an id")
}

fn kwargs(json: &str) -> Kwargs {
    Kwargs::from_json(json).expect("kwargs")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_field_of_a_request_arrives_in_the_job() {
    let served = Served::with(Settings::default(), false).await;
    let echo = served.store("echo", &fixture("kwargs")).await;
    let next = served.store("next", &returning(&["2"])).await;
    let body = json!({
        "program": "echo", "kwargs": {"a": [1]}, "name": "n", "timeout": "30s", "fuel": "1_000", "memory": "1MiB",
        "stdin": "in", "seed": 7, "args": ["x", "y"],
        "on": "mail", "priority": -3, "tenant": "acme", "tag": ["a", "b"], "start_before": "1h", "attempts": 2,
        "backoff": "1s,10s", "retry_on": ["guest", "trap"],
        "at_return": {"url": "https://example.org/done", "kwargs": {"w": 1}, "headers": {"x-a": "b"}},
        "at_err": {
            "program": "next", "kwargs": {"k": 2}, "on": "late", "at_err": "closure:told",
            "at_return": {"closure": "told", "kwargs": {"c": 3}},
        },
        "delay": "5m", "hold": true, "unique": "key", "unique_for": "1h",
    });
    let request = served.request(Method::POST, "/v1/jobs").header("traceparent", TRACE).json(&body);
    let answered = Answered::of(request).await;
    assert_eq!((answered.status, &answered.body["existed"]), (StatusCode::CREATED, &json!(false)));
    let id = id(&answered);
    assert_eq!(answered.headers[header::LOCATION], format!("/v1/jobs/{id}"));

    let job = Job::new(echo).name("n").kwargs(kwargs(r#"{"a":[1]}"#));
    let job = job.timeout(Duration::from_secs(30)).fuel(1_000).memory_bytes(1 << 20);
    let job = job.grants(Grants::none().stdin("in").deterministic(7).arg("x").arg("y"));
    let seconds = Duration::from_secs;
    let mut policy = RetryPolicy::attempts(2);
    policy.backoff = Backoff::Delays(vec![seconds(1), seconds(10)]);
    policy.kinds = vec![Kind::Guest, Kind::Trap];
    let mut headers = std::collections::BTreeMap::new();
    headers.insert("x-a".to_owned(), "b".to_owned());
    let webhook = Webhook { url: "https://example.org/done".to_owned(), kwargs: kwargs(r#"{"w":1}"#), headers };
    let told = Callback::Closure { name: "told".to_owned(), kwargs: kwargs(r#"{"c":3}"#) };
    let follower = NewJob::new(Job::new(next).name("next").kwargs(kwargs(r#"{"k":2}"#))).queue("late");
    let follower = follower.at_return(told).at_err(Callback::closure("told"));
    let expected = NewJob::new(job).retry(policy).at_return(Callback::Http(webhook));

    let record = served.queue.get(id).await.expect("an answer").expect("the job");
    assert_eq!(record.payload.work, expected.payload.work);
    assert_eq!(record.payload.retry, expected.payload.retry);
    assert_eq!(record.payload.at_return, expected.payload.at_return);
    let Some(Callback::Job(at_err)) = record.payload.at_err else { panic!("{:?}", record.payload.at_err) };
    assert_eq!((at_err.payload, at_err.queue), (follower.payload, follower.queue));
    assert_eq!(record.payload.trace.as_deref(), Some(TRACE));
    let found = record.summary;
    assert_eq!((found.queue.as_str(), found.priority, found.tenant.as_deref()), ("mail", -3, Some("acme")));
    assert_eq!((found.tags, found.held, found.max_tries), (vec!["a".to_owned(), "b".to_owned()], true, 2));
    assert_eq!((found.run_at - found.enqueued_at).num_seconds(), 300);
    assert_eq!(found.start_before.map(|moment| (moment - found.enqueued_at).num_seconds()), Some(3_600));

    let again = served.post("/v1/jobs", &body).await;
    assert_eq!((again.status, &again.body["existed"]), (StatusCode::OK, &json!(true)));
    assert_eq!(again.body["id"], id.to_string());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_job_may_be_put_off_to_a_moment_and_be_unique_until_it_has_ended() {
    let served = Served::with(Settings::default(), false).await;
    served.store("echo", &fixture("kwargs")).await;
    let at = "2099-01-31T09:00:00+01:00";
    let body = json!({"program": "echo", "at": at, "unique": "k", "unique_while_unfinished": true});
    let first = id(&served.post("/v1/jobs", &body).await);
    let second = id(&served.post("/v1/jobs", &body).await);
    assert_eq!(first, second);
    assert_eq!(served.get(&format!("/v1/jobs/{first}")).await.body["run_at"], "2099-01-31T08:00:00.000Z");
    served.post(&format!("/v1/jobs/{first}/cancel"), &json!({})).await;
    assert_ne!(id(&served.post("/v1/jobs", &body).await), first, "the key is free again");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_may_not_be_stored_is_refused_with_its_code_and_place_and_nothing_is_stored() {
    let mut settings = Settings::default();
    settings.ceilings = Ceilings { timeout: Duration::from_secs(60), memory_bytes: 1 << 28, fuel: None };
    let served = Served::with(settings, false).await;
    served.store("echo", &fixture("kwargs")).await;
    let schema = r#"{\"type\":\"object\",\"required\":[\"a\"]}"#;
    served.store("strict", &fixture("schema").replace("SCHEMA", schema)).await;
    let deep = (0..20).fold(json!({"program": "echo"}), |next, _| json!({"program": "echo", "at_err": next}));
    for (extra, expected) in [
        (json!({"program": "nobody"}), (404, "unknown_program", "program")),
        (json!({"program": "strict"}), (422, "bad_kwargs", "")),
        (json!({"kwargs": {"a": "x".repeat(2 << 20)}}), (422, "bad_kwargs", "")),
        (json!({"timeout": "2m"}), (403, "denied", "timeout")),
        (json!({"dir": ["/::/data"]}), (403, "denied", "")),
        (json!({"env": {"A": "1"}}), (403, "denied", "")),
        (json!({"on": "no spaces"}), (400, "bad_request", "on")),
        (json!({"on": "@http"}), (400, "bad_request", "on")),
        (json!({"tenant": "a:b"}), (400, "bad_request", "tenant")),
        (json!({"tenant": "a b"}), (400, "bad_request", "tenant")),
        (json!({"tag": ["a b"]}), (400, "bad_request", "tag")),
        (json!({"tag": (0..21).map(|n| n.to_string()).collect::<Vec<_>>()}), (400, "bad_request", "tag")),
        (json!({"attempts": 0}), (400, "bad_request", "attempts")),
        (json!({"attempts": -1}), (400, "bad_request", "attempts")),
        (json!({"priority": 40_000}), (400, "bad_request", "priority")),
        (json!({"backoff": "soon"}), (400, "bad_request", "backoff")),
        (json!({"retry_on": ["tired"]}), (400, "bad_request", "retry_on[0]")),
        (json!({"start_before": "11000d"}), (400, "bad_request", "start_before")),
        (json!({"delay": "1s", "at": "2099-01-31T08:00:00Z"}), (400, "bad_request", "at")),
        (json!({"at": "tomorrow"}), (400, "bad_request", "at")),
        (json!({"unique_for": "1h"}), (400, "bad_request", "unique")),
        (json!({"unique_while_unfinished": true}), (400, "bad_request", "unique")),
        (
            json!({"unique": "k", "unique_for": "1h", "unique_while_unfinished": true}),
            (400, "bad_request", "unique_for"),
        ),
        (json!({"unique": ""}), (400, "bad_request", "unique")),
        (json!({"args": ["a\0b"]}), (400, "bad_request", "args")),
        (json!({"env": {"A=B": "1"}}), (400, "bad_request", "env")),
        (json!({"env": {"A": "\0"}}), (400, "bad_request", "env")),
        (json!({"timeout": "0.0001ms"}), (400, "bad_request", "timeout")),
        (json!({"delay": "0.5ms"}), (400, "bad_request", "delay")),
        (json!({"at": "0000-01-01T00:00:00+23:59"}), (400, "bad_request", "at")),
        (json!({"at": "9999-12-31T23:59:59-23:59"}), (400, "bad_request", "at")),
        (json!({"tags": ["a"]}), (400, "bad_request", "tags")),
        (json!({"at_err": "nobody"}), (404, "unknown_program", "at_err.program")),
        (json!({"at_err": 3}), (400, "bad_request", "at_err")),
        (json!({"at_err": {"program": "echo", "timeout": "2m"}}), (403, "denied", "at_err.timeout")),
        (json!({"at_err": {"program": "echo", "env": {"A": "1"}}}), (403, "denied", "at_err")),
        (json!({"at_return": {"url": "ftp://example.org/"}}), (400, "bad_request", "at_return.url")),
        (json!({"at_return": {"url": "https://example.org/", "header": {}}}), (400, "bad_request", "at_return.header")),
        (json!({"at_return": {"closure": "no spaces"}}), (400, "bad_request", "at_return.closure")),
        (json!({"at_return": "closure:no spaces"}), (400, "bad_request", "at_return.closure")),
        (json!({"at_err": {"program": "echo", "on": "no spaces"}}), (400, "bad_request", "at_err.on")),
        (json!({"at_err": {"program": "echo", "at_return": {"url": 3}}}), (400, "bad_request", "at_err.at_return.url")),
        (json!({"at_err": deep}), (400, "bad_request", &["at_err"; 17].join("."))),
    ] {
        let mut body = json!({"program": "echo"});
        for (name, value) in extra.as_object().expect("an object") {
            body[name] = value.clone();
        }
        let answered = served.post("/v1/jobs", &body).await;
        let text = |name: &str| answered.body[name].as_str().unwrap_or_default();
        let field = if expected.2.is_empty() { "" } else { text("field") };
        let body: String = extra.to_string().chars().take(80).collect();
        assert_eq!((answered.status.as_u16(), text("code"), field), expected, "{body}: {}", answered.body);
    }
    let stored = served.queue.list(&Filter::default(), Page::default()).await.expect("a list");
    assert!(stored.is_empty(), "{stored:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_token_of_a_tenant_makes_jobs_of_that_tenant_alone() {
    let served = Served::with(Settings::default(), false).await;
    served.store("acme:echo", &fixture("kwargs")).await;
    let acme = served.token(Role::Submit, Some("acme")).await;
    let post = async |body| served.ask_as(&acme, Method::POST, "/v1/jobs", Some(&body)).await;
    let made = post(json!({"program": "echo"})).await;
    let record = served.queue.get(id(&made)).await.expect("an answer").expect("the job");
    assert_eq!((record.summary.tenant.as_deref(), record.summary.name.as_str()), (Some("acme"), "echo"));
    assert_eq!(post(json!({"program": "echo", "tenant": "acme"})).await.status, StatusCode::CREATED);
    let other = post(json!({"program": "echo", "tenant": "other"})).await;
    assert_eq!((other.status.as_u16(), &other.body["code"]), (403, &json!("forbidden")));
    let follower = post(json!({"program": "echo", "at_err": {"program": "echo", "tenant": "other"}})).await;
    assert_eq!((follower.status.as_u16(), &follower.body["field"]), (403, &json!("at_err.tenant")));
    let reader = served.token(Role::Read, Some("acme")).await;
    let refused = served.ask_as(&reader, Method::POST, "/v1/jobs", Some(&json!({"program": "echo"}))).await;
    assert_eq!((refused.status.as_u16(), &refused.body["code"]), (403, &json!("forbidden")));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_queue_that_is_draining_or_full_takes_nothing_in() {
    let mut settings = Settings::default();
    settings.max_queued = 3;
    settings.max_queued_per_tenant = Some(1);
    let served = Served::with(settings, false).await;
    served.store("echo", &fixture("kwargs")).await;
    let draining = QueueSettings { mode: Mode::Draining, ..QueueSettings::default() };
    served.queue.configure("old", &draining).await.expect("a queue");
    let post = async |body| {
        let answered = served.post("/v1/jobs", &body).await;
        let has_retry = answered.headers.contains_key(header::RETRY_AFTER);
        (answered.status.as_u16(), answered.body["code"].as_str().unwrap_or_default().to_owned(), has_retry)
    };
    assert_eq!(post(json!({"program": "echo", "on": "old"})).await, (409, "draining".to_owned(), false));
    let batch = |jobs: usize| json!({"jobs": vec![json!({"program": "echo"}); jobs]});
    assert_eq!(post(batch(4)).await, (503, "busy".to_owned(), true));
    let of_tenant = json!({"program": "echo", "tenant": "acme"});
    assert_eq!(post(of_tenant.clone()).await.0, 201);
    assert_eq!(post(of_tenant).await, (429, "too_many_jobs".to_owned(), true));
    assert_eq!(post(json!({"program": "echo"})).await.0, 201);
    assert_eq!(post(batch(2)).await, (503, "busy".to_owned(), true));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_trace_that_cannot_be_read_is_none() {
    let served = Served::with(Settings::default(), false).await;
    served.store("echo", &fixture("kwargs")).await;
    let request = served.request(Method::POST, "/v1/jobs").header("traceparent", "00-0-0-0");
    let made = Answered::of(request.json(&json!({"program": "echo"}))).await;
    let record = served.queue.get(id(&made)).await.expect("an answer").expect("the job");
    assert_eq!(record.payload.trace, None);
}
