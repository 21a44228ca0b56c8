//! `GET /v1/jobs`: every filter of the command, pages, counts, and no more than a tenant's own.

use ampule::server::{Role, Settings};
use ampule_tests::guest::{fixture, returning};
use ampule_tests::served::Served;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

/// The names of the jobs that are listed, newest first.
fn names(body: &Value) -> Vec<&str> {
    let jobs = body["jobs"].as_array().unwrap_or_else(|| panic!("{body}"));
    jobs.iter().map(|job| job["name"].as_str().expect("a name")).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_filter_lets_through_what_it_names() {
    let served = Served::with(Settings::default(), false).await;
    let echo = served.store("echo", &fixture("kwargs")).await;
    served.store("other", &returning(&["2"])).await;
    let mut ids = Vec::new();
    for (name, extra) in [
        ("a", json!({"on": "mail"})),
        ("b", json!({"tag": ["t"]})),
        ("c", json!({"tenant": "acme"})),
        ("d", json!({"program": "other"})),
    ] {
        let mut body = json!({"program": "echo", "name": name});
        for (field, value) in extra.as_object().expect("an object") {
            body[field] = value.clone();
        }
        ids.push(served.post("/v1/jobs", &body).await.body["id"].as_str().expect("an id").to_owned());
    }
    served.post(&format!("/v1/jobs/{}/cancel", ids[0]), &json!({})).await;
    for (query, expected) in [
        ("", vec!["d", "c", "b", "a"]),
        ("queue=mail", vec!["a"]),
        ("tag=t", vec!["b"]),
        ("tenant=acme", vec!["c"]),
        ("program=other", vec!["d"]),
        (&*format!("program={echo}"), vec!["c", "b", "a"]),
        ("name=b", vec!["b"]),
        ("state=cancelled", vec!["a"]),
        ("state=cancelled,queued", vec!["d", "c", "b", "a"]),
        ("state=cancelled&state=running", vec!["a"]),
        ("kind=cancelled", vec!["a"]),
        ("text=CANCEL", vec!["a"]),
        ("since=1h", vec!["d", "c", "b", "a"]),
        ("until=1h", vec![]),
        ("since=2020-01-01T00:00:00Z&until=2020-01-02T00:00:00Z", vec![]),
        (&*format!("parent={}", ids[0]), vec![]),
    ] {
        let listed = served.get(&format!("/v1/jobs?{query}")).await;
        assert_eq!(names(&listed.body), expected, "{query}");
        let counted = served.get(&format!("/v1/jobs/counts?{query}")).await;
        let jobs: u64 =
            counted.body["counts"].as_array().expect("a list").iter().filter_map(|one| one["jobs"].as_u64()).sum();
        assert_eq!(jobs, expected.len() as u64, "{query}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_list_goes_on_where_its_page_ended() {
    let served = Served::with(Settings::default(), false).await;
    served.store("echo", &fixture("kwargs")).await;
    let jobs: Vec<Value> = (0..5).map(|n| json!({"program": "echo", "name": n.to_string()})).collect();
    served.post("/v1/jobs", &json!({"jobs": jobs})).await;
    let (mut seen, mut path) = (Vec::new(), "/v1/jobs?limit=2".to_owned());
    loop {
        let page = served.get(&path).await.body;
        seen.extend(names(&page).into_iter().map(str::to_owned));
        let Some(next) = page["next"].as_str() else { break };
        path = format!("/v1/jobs?limit=2&after={next}");
    }
    assert_eq!(seen, ["4", "3", "2", "1", "0"]);
    let all = served.get("/v1/jobs?limit=5").await.body;
    assert_eq!((names(&all).len(), &all["next"]), (5, &Value::Null), "a full page with nothing after it");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_no_filter_is_refused_by_its_name() {
    let served = Served::with(Settings::default(), false).await;
    for (query, status, field) in [
        ("limit=0", 400, "limit"),
        ("limit=1001", 400, "limit"),
        ("limit=x", 400, "limit"),
        ("limit=1&limit=2", 400, "limit"),
        ("after=x", 400, "after"),
        ("state=tired", 400, "state[0]"),
        ("kind=tired", 400, "kind"),
        ("queue=a&queue=b", 400, "queue"),
        ("since=yesterday", 400, "since"),
        ("parent=x", 400, "parent"),
        ("colour=red", 400, "colour"),
        ("program=nobody", 404, "program"),
    ] {
        let refused = served.get(&format!("/v1/jobs?{query}")).await;
        let found = (refused.status.as_u16(), &refused.body["field"]);
        assert_eq!(found, (status, &json!(field)), "{query}: {}", refused.body);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_parameter_that_cannot_be_read_is_named_wherever_it_stands() {
    let served = Served::with(Settings::default(), false).await;
    let id = "01890000-0000-7000-8000-000000000000";
    for (path, field, told) in [
        (format!("/v1/jobs/{id}?after=x"), "after", "`after`: expected a whole number, found \"x\""),
        (format!("/v1/jobs/{id}/events?after=-1"), "after", "`after`: expected a whole number, found \"-1\""),
        ("/v1/webhooks?job=xx".to_owned(), "job", "`job`: expected a job id (a UUID), found \"xx\""),
        ("/v1/webhooks?limit=many".to_owned(), "limit", "`limit`: expected a whole number, found \"many\""),
        ("/v1/programs?limit=".to_owned(), "limit", "`limit`: expected a whole number, found \"\""),
        ("/v1/programs?lim%69t=1&limit=1".to_owned(), "limit", "`limit`: expected one at most, found more"),
        ("/v1/webhooks/secrets?wat=1s".to_owned(), "wat", "`wat`: unknown field `wat`, expected `tenant`"),
    ] {
        let refused = served.get(&path).await;
        let found = (refused.status.as_u16(), &refused.body["field"], &refused.body["detail"]);
        assert_eq!(found, (400, &json!(field), &json!(told)), "{path}");
    }
    let waiting = served.post("/v1/jobs?wait=abc", &json!({"program": "echo"})).await;
    assert_eq!((waiting.status.as_u16(), &waiting.body["field"]), (400, &json!("wait")), "{}", waiting.body);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_tenant_sees_its_own_jobs_and_is_refused_those_of_others() {
    let served = Served::with(Settings::default(), false).await;
    served.store("echo", &fixture("kwargs")).await;
    for tenant in ["acme", "acme", "other"] {
        served.post("/v1/jobs", &json!({"program": "echo", "name": tenant, "tenant": tenant})).await;
    }
    let reader = served.token(Role::Read, Some("acme")).await;
    let get = async |path| served.ask_as(&reader, Method::GET, path, None).await;
    assert_eq!(names(&get("/v1/jobs").await.body), ["acme", "acme"]);
    assert_eq!(names(&get("/v1/jobs?tenant=acme").await.body), ["acme", "acme"]);
    assert_eq!(get("/v1/jobs/counts").await.body["counts"][0]["jobs"], 2);
    assert_eq!(get("/v1/jobs?tenant=other").await.status, StatusCode::FORBIDDEN);
    assert_eq!(get("/v1/jobs/counts?tenant=other").await.status, StatusCode::FORBIDDEN);
    assert_eq!(get("/v1/jobs?program=echo").await.status, StatusCode::NOT_FOUND, "the name is not the tenant's");
}
