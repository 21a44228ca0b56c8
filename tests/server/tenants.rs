//! A tenant sees and makes its own, and learns nothing of anybody else's, not even that it is there.

use ampule::Value;
use ampule::server::{Role, Settings};
use ampule_tests::guest::returning;
use ampule_tests::served::{Answered, Served};
use reqwest::{Method, StatusCode};
use serde_json::json;

use super::matrix::{Need, table};
use super::until::until;

/// The id of a job that there is not.
const NO_JOB: &str = "01890000-0000-7000-8000-000000000000";

/// One thing of a tenant, by where its paths begin.
struct Thing {
    prefix: &'static str,
    parameter: &'static str,
    /// What stands there for the thing.
    own: String,
    /// What could stand there, and is nothing.
    nothing: &'static str,
}

/// Routes whose things are no tenant's, and those that make one of one's own under any name.
fn is_of_tenants(method: &str, path: &str) -> bool {
    path.contains('{') && method != "PUT" && !path.starts_with("/v1/queues/")
}

/// One of each kind of thing, of this tenant, made as its admin makes them.
async fn things(served: &Served, tenant: &str) -> Vec<Thing> {
    let admin = served.token(Role::Admin, Some(tenant)).await;
    let reader = served.token(Role::Read, Some(tenant)).await;
    let done = async |method: &str, path: &str, body: Value| {
        let answered = ask(served, &admin, method, path, &body).await;
        assert!(answered.status.is_success(), "{method} {path}: {answered:?}");
        answered.body
    };
    let id_of = |document: &Value| document["id"].as_str().expect("an id").to_owned();
    let wasm = wat::parse_str(returning(&["1"])).expect("a program");
    let put = served.request_as(&admin, Method::PUT, "/v1/programs/theirs");
    let put = Answered::of(put.header("content-type", "application/wasm").body(wasm)).await;
    assert_eq!(put.status, StatusCode::CREATED, "{put:?}");
    let told = json!({ "program": "theirs", "at_return": { "url": "https://example.com/" } });
    let job = id_of(&done("POST", "/v1/jobs", told).await);
    until("the job has ended, and its end is to be told", async || {
        done("GET", "/v1/webhooks", Value::Null).await["deliveries"][0].is_object()
    })
    .await;
    let webhook = id_of(&done("GET", "/v1/webhooks", Value::Null).await["deliveries"][0]);
    let secret = id_of(&done("GET", "/v1/webhooks/secrets", Value::Null).await["secrets"][0]);
    done("PUT", "/v1/schedules/theirs", json!({ "every": "1d", "program": "theirs" })).await;
    let by_id = |prefix, own, nothing| Thing { prefix, parameter: "{id}", own, nothing };
    let by_name = |prefix| Thing { prefix, parameter: "{name}", own: "theirs".to_owned(), nothing: "nobodys" };
    vec![
        by_id("/v1/jobs/{id}", job, NO_JOB),
        by_id("/v1/webhooks/{id}", webhook, NO_JOB),
        by_id("/v1/webhooks/secrets/{id}", secret, "aaaaaaaaaaaa"),
        by_id("/v1/tokens/{id}", reader.split('_').nth(1).expect("an id").to_owned(), "aaaaaaaaaaaa"),
        by_name("/v1/programs/{name}"),
        by_name("/v1/schedules/{name}"),
    ]
}

async fn ask(served: &Served, token: &str, method: &str, path: &str, body: &Value) -> Answered {
    let method = Method::from_bytes(method.as_bytes()).expect("a method");
    let request = served.request_as(token, method, path);
    Answered::of(if body.is_null() { request } else { request.json(body) }).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_anothers_is_refused_in_the_words_of_what_is_not_there() {
    let served = Served::with(Settings::default(), true).await;
    let stranger = served.token(Role::Admin, Some("other")).await;
    let things = things(&served, "acme").await;
    for (method, path, _, body) in table() {
        if !is_of_tenants(method, path) {
            continue;
        }
        let thing = things.iter().find(|thing| path.starts_with(thing.prefix));
        let thing = thing.unwrap_or_else(|| panic!("expected a thing for {path}"));
        let at = |name: &str| path.replace(thing.parameter, name);
        let theirs = ask(&served, &stranger, method, &at(&thing.own), &body).await;
        let nobodys = ask(&served, &stranger, method, &at(thing.nothing), &body).await;
        assert_eq!(theirs.status, StatusCode::NOT_FOUND, "{method} {path}: {}", theirs.body);
        let unnamed = |answered: &Answered, name: &str| answered.body.to_string().replace(name, "NAME");
        assert_eq!(unnamed(&theirs, &thing.own), unnamed(&nobodys, thing.nothing), "{method} {path}");
        let mut headers = [theirs.headers, nobodys.headers];
        for name in ["date", "x-request-id"] {
            headers.iter_mut().for_each(|headers| drop(headers.remove(name)));
        }
        assert_eq!(headers[0], headers[1], "{method} {path}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn lists_and_counts_tell_a_tenant_nothing_of_another() {
    let served = Served::with(Settings::default(), true).await;
    things(&served, "acme").await;
    let stranger = served.token(Role::Admin, Some("other")).await;
    for (method, path, need, _) in table() {
        let is_for_tenants = ![Need::Operator, Need::Everybodys].contains(&need);
        if method != "GET" || path.contains('{') || !path.starts_with("/v1/") || !is_for_tenants {
            continue;
        }
        let listed = ask(&served, &stranger, method, path, &Value::Null).await;
        assert_eq!(listed.status, StatusCode::OK, "{path}: {}", listed.body);
        let text = listed.body.to_string();
        assert!(!text.contains("acme") && !text.contains("theirs"), "{path}: {text}");
        if path == "/v1/jobs" || path == "/v1/programs" {
            let own = served.get(path).await.body.to_string();
            assert!(own.contains("theirs"), "an operator sees it: {own}");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_makes_a_thing_for_another_tenant() {
    let served = Served::with(Settings::default(), true).await;
    let admin = served.token(Role::Admin, Some("other")).await;
    things(&served, "other").await;
    let job = json!({ "program": "theirs", "tenant": "acme" });
    for (path, body) in [
        ("/v1/jobs", job.clone()),
        ("/v1/jobs", json!({ "jobs": [job] })),
        ("/v1/tokens", json!({ "name": "x", "role": "read", "tenant": "acme" })),
        ("/v1/webhooks/secrets?tenant=acme", json!({})),
    ] {
        let refused = ask(&served, &admin, "POST", path, &body).await;
        let found = (refused.status, &refused.body["code"]);
        assert_eq!(found, (StatusCode::FORBIDDEN, &"forbidden".into()), "{path}: {}", refused.body);
    }
    for path in ["/v1/programs/acme:theirs", "/v1/schedules/acme:theirs"] {
        for method in ["GET", "DELETE"] {
            let refused = ask(&served, &admin, method, path, &Value::Null).await;
            assert!(refused.status.is_client_error(), "{method} {path}: {}", refused.body);
        }
    }
}
