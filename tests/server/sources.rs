//! Sources over HTTP: a text in a language under a name, in the same place as programs.

use ampule::server::{Role, Settings};
use ampule::{Interpreter, Value};
use ampule_tests::guest::fixture;
use ampule_tests::served::{Answered, Served};
use reqwest::{Method, StatusCode};
use serde_json::json;

use super::programs::{program, put, refusal};

/// A server that knows the language `json`, whose sources are their own values.
async fn served(works: bool) -> Served {
    let interpreter = ampule::assemble(&fixture("interpreter")).expect("a program");
    let builder = Served::runner().interpreter(Interpreter::new("json", interpreter));
    Served::on(builder, Settings::default(), works).await
}

async fn store(served: &Served, source: &str) -> Answered {
    served.put("/v1/programs/text", &json!({"language": "json", "source": source})).await
}

fn texts(shown: &Answered) -> Vec<u64> {
    let versions = shown.body["versions"].as_array().expect("versions");
    versions.iter().map(|version| version["size_bytes"].as_u64().expect("a size")).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_source_is_run_by_its_name() {
    let served = served(true).await;
    let stored = store(&served, "[1, 2]").await;
    assert_eq!((stored.status, &stored.body["language"]), (StatusCode::CREATED, &"json".into()));
    let run = served.post("/v1/run", &json!({"program": "text"})).await;
    assert_eq!((run.status, &run.body["result"]), (StatusCode::OK, &json!([1, 2])));
    store(&served, "3").await;
    let run = served.post("/v1/run", &json!({"program": "text"})).await;
    assert_eq!(run.body["result"], 3);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_source_is_shown_with_its_text_and_each_version_by_its_digest() {
    let served = served(false).await;
    let first = store(&served, "1").await;
    assert_eq!(store(&served, "1").await.body, first.body);
    assert_eq!(store(&served, "22").await.status, StatusCode::OK);
    let shown = served.get("/v1/programs/text").await;
    assert_eq!((&shown.body["source"], texts(&shown)), (&"22".into(), vec![2, 1]));
    assert_eq!(shown.body["inspection"], Value::Null);
    let digest = first.body["digest"].as_str().expect("a digest");
    let older = served.get(&format!("/v1/programs/text?digest={digest}")).await;
    assert_eq!((&older.body["source"], &older.body["digest"]), (&"1".into(), &first.body["digest"]));
    let versions = served.get("/v1/programs/text/versions").await;
    assert_eq!(versions.body["versions"], shown.body["versions"]);
    assert_eq!(refusal(&served.get("/v1/programs/text/wasm").await), (404, "not_found"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_a_source_the_newest_ten_versions_are_kept() {
    let served = served(false).await;
    for length in 1..=15 {
        store(&served, &"1".repeat(length)).await;
    }
    assert_eq!(texts(&served.get("/v1/programs/text").await), (6..=15).rev().collect::<Vec<_>>());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_name_is_a_program_or_a_source_and_the_last_put_says_which() {
    let served = served(true).await;
    store(&served, "1").await;
    let as_program = put(&served, "text", program("2")).await;
    assert_eq!((as_program.status, &as_program.body["language"]), (StatusCode::OK, &Value::Null));
    assert_eq!(served.post("/v1/run", &json!({"program": "text"})).await.body["result"], 2);
    let as_source = store(&served, "3").await;
    assert_eq!((as_source.status, &as_source.body["language"]), (StatusCode::OK, &"json".into()));
    assert_eq!(served.post("/v1/run", &json!({"program": "text"})).await.body["result"], 3);
    assert_eq!(texts(&as_source), [1]);
    let listed = served.get("/v1/programs").await;
    assert_eq!(listed.body["programs"].as_array().map(Vec::len), Some(1));
    assert_eq!(served.delete("/v1/programs/text").await.status, StatusCode::NO_CONTENT);
    assert_eq!(refusal(&served.get("/v1/programs/text").await), (404, "not_found"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_program_and_a_source_that_are_put_at_once_leave_one_of_them() {
    let served = served(true).await;
    for round in 0..10 {
        let name = format!("text-{round}");
        let path = format!("/v1/programs/{name}");
        let source = json!({"language": "json", "source": "1"});
        let (as_program, as_source) = tokio::join!(put(&served, &name, program("2")), served.put(&path, &source));
        assert!(as_program.status.is_success(), "{}", as_program.body);
        assert!(as_source.status.is_success(), "{}", as_source.body);
        let shown = served.get(&path).await;
        assert_eq!(shown.status, StatusCode::OK, "{}", shown.body);
        let result = served.post("/v1/run", &json!({"program": name})).await.body["result"].clone();
        assert_eq!(result, if shown.body["language"].is_null() { 2 } else { 1 });
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_those_who_want_a_new_name_at_once_one_gets_it() {
    let served = served(false).await;
    for round in 0..10 {
        let path = format!("/v1/programs/new-{round}");
        let request = || served.request(Method::PUT, &path).header("if-none-match", "*");
        let wasm = |value| Answered::of(request().header("content-type", "application/wasm").body(program(value)));
        let source = |text| Answered::of(request().json(&json!({"language": "json", "source": text})));
        let (a, b, c, d) = tokio::join!(wasm("1"), source("2"), wasm("3"), source("4"));
        let mut statuses = [a, b, c, d].map(|answered| answered.status.as_u16());
        statuses.sort_unstable();
        assert_eq!(statuses, [201, 412, 412, 412]);
        assert_eq!(served.get(&path).await.status, StatusCode::OK);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn jobs_of_a_source_are_found_by_its_name_and_not_as_those_of_a_program() {
    let served = served(false).await;
    store(&served, "1").await;
    served.post("/v1/jobs", &json!({"program": "text"})).await;
    let refused = served.get("/v1/jobs?program=text").await;
    assert_eq!(refusal(&refused), (400, "bad_request"));
    assert!(refused.body["detail"].as_str().is_some_and(|detail| detail.contains("`name`")), "{}", refused.body);
    let found = served.get("/v1/jobs?name=text").await;
    assert_eq!(found.body["jobs"].as_array().map(Vec::len), Some(1));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn programs_and_sources_are_in_one_list() {
    let served = served(false).await;
    let acme = served.token(Role::Submit, Some("acme")).await;
    for name in ["a", "c", "e"] {
        put(&served, name, program("1")).await;
    }
    for name in ["b", "d"] {
        served.put(&format!("/v1/programs/{name}"), &json!({"language": "json", "source": "1"})).await;
        let own = served.request_as(&acme, Method::PUT, &format!("/v1/programs/{name}"));
        Answered::of(own.json(&json!({"language": "json", "source": "1"}))).await;
    }
    let names = |listed: Answered| -> Vec<String> {
        let programs = listed.body["programs"].as_array().expect("programs").clone();
        programs.iter().map(|program| program["name"].as_str().expect("a name").to_owned()).collect()
    };
    assert_eq!(names(served.get("/v1/programs?after=a&limit=3").await), ["acme:b", "acme:d", "b"]);
    assert_eq!(names(served.get("/v1/programs?after=b").await), ["c", "d", "e"]);
    let own = Answered::of(served.request_as(&acme, Method::GET, "/v1/programs?limit=1")).await;
    assert_eq!(own.body["next"], "b");
    assert_eq!(names(own), ["b"]);
    let own = Answered::of(served.request_as(&acme, Method::GET, "/v1/programs?after=b")).await;
    assert_eq!(names(own), ["d"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_source_that_nobody_could_run_is_refused() {
    let served = served(false).await;
    let unknown = served.put("/v1/programs/x", &json!({"language": "cobol", "source": "1"})).await;
    assert_eq!(refusal(&unknown), (400, "unknown_language"));
    for body in [
        json!({"language": "json"}),
        json!({"language": "json", "source": 1}),
        json!({"language": "JSON", "source": "1"}),
        json!({"language": "json", "source": "1", "kwargs": {}}),
        json!({"language": "json", "source": "1".repeat((1 << 20) + 1)}),
        json!([]),
    ] {
        assert_eq!(refusal(&served.put("/v1/programs/x", &body).await), (400, "bad_request"));
    }
    let large = served.put("/v1/programs/x", &json!({"language": "json", "source": "1".repeat(4 << 20)})).await;
    assert_eq!(refusal(&large), (413, "too_large"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_names_stand_for_is_copied_into_so_many_jobs_and_callbacks_and_no_more() {
    let served = served(false).await;
    let text = format!("\"{}\"", "x".repeat(1_048_000));
    assert_eq!(store(&served, &text).await.status, StatusCode::CREATED);
    let refused = async |body: Value| {
        let answered = served.post("/v1/jobs", &body).await;
        assert_eq!(refusal(&answered), (413, "too_large"), "{}", answered.body);
        answered.body
    };
    let named = json!({"program": "text"});
    let many = refused(json!({"jobs": vec![named.clone(); 65]})).await;
    assert_eq!(many["field"], "jobs[64].program");
    assert!(many["expected"].as_str().is_some_and(|expected| expected.contains("64 MiB")), "{many}");
    let chain = (0..16).fold(named.clone(), |next, _| json!({"program": "text", "at_err": next}));
    let one = refused(chain.clone()).await;
    assert_eq!(one["field"], format!("{}program", "at_err.".repeat(16)));
    assert!(one["expected"].as_str().is_some_and(|expected| expected.contains("16 MiB")), "{one}");
    let mut schedule = chain;
    schedule["every"] = json!("1h");
    assert_eq!(refusal(&served.put("/v1/schedules/x", &schedule).await), (413, "too_large"));
    assert_eq!(served.get("/v1/jobs").await.body["jobs"], json!([]));
    assert_eq!(served.post("/v1/jobs", &json!({"jobs": [named, named]})).await.status, StatusCode::CREATED);
}
