//! Programs over HTTP: stored under names, listed, shown with all that they meant, given back, taken away.

use std::sync::Arc;

use ampule::Value;
use ampule::server::{Role, Settings};
use ampule_tests::faulty::{FaultyQueue, Verb};
use ampule_tests::guest::{fixture, returning};
use ampule_tests::served::{Answered, Served};
use reqwest::{Method, StatusCode};
use serde_json::json;

/// The bytes of a program that returns this.
pub(crate) fn program(text: &str) -> Vec<u8> {
    ampule::assemble(&returning(&[text])).expect("a program")
}

/// What comes of a program that is stored by whoever has this token.
pub(crate) async fn put_as(served: &Served, token: &str, name: &str, wasm: Vec<u8>) -> Answered {
    let request = served.request_as(token, Method::PUT, &format!("/v1/programs/{name}"));
    Answered::of(request.header("content-type", "application/wasm").body(wasm)).await
}

/// What comes of a program that the admin stores.
pub(crate) async fn put(served: &Served, name: &str, wasm: Vec<u8>) -> Answered {
    put_as(served, &served.admin, name, wasm).await
}

/// The status and the code.
pub(crate) fn refusal(answered: &Answered) -> (u16, &str) {
    (answered.status.as_u16(), answered.body["code"].as_str().unwrap_or("none"))
}

fn names(listed: &Answered) -> Vec<&str> {
    let programs = listed.body["programs"].as_array().expect("programs");
    programs.iter().map(|program| program["name"].as_str().expect("a name")).collect()
}

fn digests(document: &Value) -> Vec<&str> {
    let versions = document["versions"].as_array().expect("versions");
    versions.iter().map(|version| version["digest"].as_str().expect("a digest")).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_program_that_was_stored_is_run_by_its_name() {
    let served = Served::start().await;
    let stored = put(&served, "answer", program("42")).await;
    assert_eq!((stored.status, &stored.body["name"]), (StatusCode::CREATED, &"answer".into()));
    let run = served.post("/v1/run", &json!({"program": "answer"})).await;
    assert_eq!((run.status, &run.body["result"]), (StatusCode::OK, &42.into()));
    assert_eq!(run.body["program"], stored.body["digest"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_name_is_new_once_and_the_same_bytes_are_no_new_version() {
    let served = Served::with(Settings::default(), false).await;
    let (one, two) = (program("1"), program("2"));
    let first = put(&served, "a/b", one.clone()).await;
    assert_eq!(refusal(&first), (404, "not_found"), "a slash is written %2F");
    let first = put(&served, "a%2Fb", one.clone()).await;
    let again = put(&served, "a%2Fb", one.clone()).await;
    let second = put(&served, "a%2Fb", two).await;
    let back = put(&served, "a%2Fb", one).await;
    let statuses = [&first, &again, &second, &back].map(|answered| answered.status.as_u16());
    assert_eq!(statuses, [201, 200, 200, 200]);
    assert_eq!(digests(&again.body), digests(&first.body));
    let (one, two) = (first.body["digest"].as_str().expect("a digest"), second.body["digest"].as_str().expect("one"));
    assert_eq!(digests(&second.body), [two, one]);
    assert_eq!(digests(&back.body), [one, two]);
    assert_eq!(served.get("/v1/programs/a%2Fb/versions").await.body["versions"], back.body["versions"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_program_is_shown_with_what_it_is_and_each_version_by_its_digest() {
    let served = Served::with(Settings::default(), false).await;
    let schema = fixture("schema").replace("SCHEMA", r#"{\22type\22:\22object\22}"#);
    let stored = put(&served, "schema", ampule::assemble(&schema).expect("a program")).await;
    let shown = served.get("/v1/programs/schema").await;
    assert_eq!((shown.status, &shown.body), (StatusCode::OK, &stored.body));
    let inspection = &shown.body["inspection"];
    assert_eq!((&inspection["program"], &inspection["accepted"]), (&stored.body["digest"], &true.into()));
    assert!(inspection["kwargs_schema"].is_object() && inspection["imports"].is_array(), "{inspection}");
    let digest = stored.body["digest"].as_str().expect("a digest");
    put(&served, "schema", program("2")).await;
    let older = served.get(&format!("/v1/programs/schema?digest={digest}")).await;
    assert_eq!((&older.body["digest"], &older.body["inspection"]), (&stored.body["digest"], inspection));
    assert_eq!(digests(&older.body).len(), 2);
    let unknown = served.get(&format!("/v1/programs/schema?digest=sha256:{}", "0".repeat(64))).await;
    assert_eq!(refusal(&unknown), (404, "not_found"));
    assert_eq!(refusal(&served.get("/v1/programs/schema?digest=abc").await), (400, "bad_request"));
    assert_eq!(refusal(&served.get("/v1/programs/none").await), (404, "not_found"));
    assert_eq!(refusal(&served.get("/v1/programs/none/versions").await), (404, "not_found"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_bytes_come_back_to_an_admin_as_a_file() {
    let served = Served::with(Settings::default(), false).await;
    put(&served, "..%2Fodd", program("1")).await;
    let response = served.request(Method::GET, "/v1/programs/..%2Fodd/wasm").send().await.expect("an answer");
    assert_eq!(response.status(), StatusCode::OK);
    assert_eq!(response.headers()["content-type"], "application/wasm");
    assert_eq!(response.headers()["content-disposition"], "attachment; filename=\"_odd.wasm\"");
    assert_eq!(response.bytes().await.expect("a body"), program("1"));
    let submitter = served.token(Role::Submit, None).await;
    let refused = Answered::of(served.request_as(&submitter, Method::GET, "/v1/programs/..%2Fodd/wasm")).await;
    assert_eq!(refusal(&refused), (403, "forbidden"));
    assert_eq!(refusal(&served.get("/v1/programs/none/wasm").await), (404, "not_found"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_name_that_is_taken_away_means_nothing_and_is_new_again() {
    let served = Served::with(Settings::default(), false).await;
    put(&served, "gone", program("1")).await;
    let submitter = served.token(Role::Submit, None).await;
    let refused = Answered::of(served.request_as(&submitter, Method::DELETE, "/v1/programs/gone")).await;
    assert_eq!(refusal(&refused), (403, "forbidden"));
    assert_eq!(served.delete("/v1/programs/gone").await.status, StatusCode::NO_CONTENT);
    assert_eq!(refusal(&served.delete("/v1/programs/gone").await), (404, "not_found"));
    assert_eq!(refusal(&served.get("/v1/programs/gone").await), (404, "not_found"));
    assert_eq!(refusal(&served.post("/v1/run", &json!({"program": "gone"})).await), (404, "unknown_program"));
    assert_eq!(put(&served, "gone", program("1")).await.status, StatusCode::CREATED);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_list_tells_when_a_name_was_given_as_the_program_itself_does() {
    let served = Served::with(Settings::default(), false).await;
    let wasm = program("1");
    let long_ago = ampule::queue::Timestamp::UNIX_EPOCH;
    served.queue.put_program(&wasm, None, Some(long_ago)).await.expect("it is stored");
    let given = put(&served, "late", wasm).await;
    let listed = served.get("/v1/programs").await;
    assert_eq!(listed.body["programs"][0]["stored_at"], given.body["stored_at"]);
    assert_ne!(given.body["stored_at"], "1970-01-01T00:00:00Z");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_list_goes_on_where_the_page_before_ended() {
    let served = Served::with(Settings::default(), false).await;
    for name in ["c", "a", "d", "b"] {
        put(&served, name, program("1")).await;
    }
    let first = served.get("/v1/programs?limit=3").await;
    assert_eq!((names(&first), &first.body["next"]), (vec!["a", "b", "c"], &"c".into()));
    let second = served.get("/v1/programs?limit=3&after=c").await;
    assert_eq!((names(&second), &second.body["next"]), (vec!["d"], &Value::Null));
    let whole = served.get("/v1/programs?limit=4").await;
    assert_eq!((names(&whole).len(), &whole.body["next"]), (4, &Value::Null));
    assert_eq!(refusal(&served.get("/v1/programs?limit=0").await), (400, "bad_request"));
    assert_eq!(refusal(&served.get("/v1/programs?limit=x").await), (400, "bad_request"));
    assert_eq!(refusal(&served.get("/v1/programs?size=1").await), (400, "bad_request"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tenants_have_names_of_their_own() {
    let served = Served::with(Settings::default(), false).await;
    let acme = served.token(Role::Admin, Some("acme")).await;
    let other = served.token(Role::Admin, Some("other")).await;
    let get = |token: &str, path: &str| Answered::of(served.request_as(token, Method::GET, path));
    assert_eq!(put_as(&served, &acme, "resize", program("1")).await.body["name"], "resize");
    assert_eq!(put_as(&served, &other, "resize", program("2")).await.status, StatusCode::CREATED);
    put(&served, "resize", program("3")).await;
    assert_eq!(names(&get(&acme, "/v1/programs").await), ["resize"]);
    assert_eq!(names(&served.get("/v1/programs").await), ["acme:resize", "other:resize", "resize"]);
    assert_eq!(served.get("/v1/programs/acme:resize").await.status, StatusCode::OK);
    for path in ["/v1/programs/other:resize", "/v1/programs/acme:resize", "/v1/programs/other:resize/wasm"] {
        assert_eq!(refusal(&get(&acme, path).await), (404, "not_found"), "{path}");
    }
    let theirs = get(&other, "/v1/programs/resize").await;
    let digest = theirs.body["digest"].as_str().expect("a digest");
    let guessed = get(&acme, &format!("/v1/programs/resize?digest={digest}")).await;
    assert_eq!(refusal(&guessed), (404, "not_found"));
    let gone = Answered::of(served.request_as(&acme, Method::DELETE, "/v1/programs/resize")).await;
    assert_eq!(gone.status, StatusCode::NO_CONTENT);
    assert_eq!(get(&other, "/v1/programs/resize").await.body["digest"], theirs.body["digest"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn names_that_are_not_plain_are_refused() {
    let served = Served::with(Settings::default(), false).await;
    assert_eq!(refusal(&put(&served, "%FF", program("1")).await), (404, "not_found"));
    for name in ["a%20b", "%C3%A4", "acme:x", "%00", &"a".repeat(101)] {
        let answered = put(&served, name, program("1")).await;
        assert_eq!(refusal(&answered), (400, "bad_request"), "{name}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_wants_a_new_name_gets_no_other() {
    let served = Served::with(Settings::default(), false).await;
    let put = |condition: &'static str| {
        let request = served.request(Method::PUT, "/v1/programs/new").header("if-none-match", condition);
        Answered::of(request.header("content-type", "application/wasm").body(program("1")))
    };
    assert_eq!(refusal(&put("\"abc\"").await), (400, "bad_request"));
    assert_eq!(put("*").await.status, StatusCode::CREATED);
    assert_eq!(refusal(&put("*").await), (412, "precondition_failed"));
    let request = served.request(Method::PUT, "/v1/programs/new").header("if-none-match", "*");
    let wrong = Answered::of(request.header("content-type", "application/wasm").body("no program")).await;
    assert_eq!(refusal(&wrong), (422, "bad_program"), "what is wrong anyway is told first");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_digest_is_one_question_however_many_names_there_are() {
    let served = Served::with(Settings::default(), false).await;
    let stored = async |name: &str, text: &str| {
        let stored = served.queue.put_program(&program(text), Some(name), None).await;
        stored.expect("it is stored").to_string()
    };
    let mut own = String::new();
    for number in 0..20 {
        own = stored(&format!("acme:{number}"), &number.to_string()).await;
    }
    let others = stored("other:program", "99").await;
    let token = served.token(Role::Submit, Some("acme")).await;
    let counted = FaultyQueue::new(Arc::clone(&served.queue));
    let (_server, base) = served.another(counted.clone(), Settings::default()).await;
    for (digest, status) in [(own, 200), (others, 404)] {
        let request = served.client.post(format!("{base}/v1/run")).bearer_auth(&token);
        let run = Answered::of(request.json(&json!({"program": digest}))).await;
        assert_eq!(run.status.as_u16(), status, "{:?}", run.body);
    }
    let calls = [Verb::HasProgram, Verb::Programs, Verb::Versions].map(|verb| counted.calls(verb));
    assert_eq!(calls, [2, 0, 0]);
}
