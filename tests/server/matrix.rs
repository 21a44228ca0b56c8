//! Every route with every kind of token, by a table of what each route needs. The routes come from the OpenAPI document
//! of the server, so a route that is not in the table fails here.

use std::collections::{BTreeMap, BTreeSet};

use ampule::Value;
use ampule::server::{Role, Settings};
use ampule_tests::served::{Answered, Served};
use reqwest::{Method, StatusCode};
use serde_json::json;

/// What a route needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Need {
    /// Nothing.
    Nothing,
    /// A token.
    Read,
    /// A token that is not only for looking.
    Submit,
    /// An admin's token.
    Admin,
    /// An admin's token without a tenant.
    Operator,
    /// A token without a tenant.
    Everybodys,
}

/// Who asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Asker {
    Nobody,
    ReaderOfTenant,
    SubmitterOfTenant,
    AdminOfTenant,
    Reader,
    Submitter,
    Operator,
}

/// What became of a request, as far as it matters here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Let {
    /// Whatever came of it then.
    In,
    /// 401.
    NotKnown,
    /// 403, and not because of what it asks a run to be given.
    NotAllowed,
}

use Need::{Admin, Everybodys, Nothing, Operator, Read, Submit};

/// What each route needs, and a body that it can read: JSON, or the text of what is sent as a program.
pub(super) fn table() -> Vec<(&'static str, &'static str, Need, Value)> {
    let none = Value::Null;
    vec![
        ("GET", "/openapi.json", Nothing, none.clone()),
        ("GET", "/docs", Nothing, none.clone()),
        ("GET", "/healthz", Nothing, none.clone()),
        ("GET", "/readyz", Nothing, none.clone()),
        ("GET", "/metrics", Everybodys, none.clone()),
        ("GET", "/v1/jobs/{id}/events", Read, none.clone()),
        ("GET", "/v1/programs", Read, none.clone()),
        ("GET", "/v1/programs/{name}", Read, none.clone()),
        ("PUT", "/v1/programs/{name}", Submit, json!("no program")),
        ("DELETE", "/v1/programs/{name}", Admin, none.clone()),
        ("GET", "/v1/programs/{name}/versions", Read, none.clone()),
        ("GET", "/v1/programs/{name}/wasm", Admin, none.clone()),
        ("GET", "/v1/schedules", Read, none.clone()),
        ("GET", "/v1/schedules/{name}", Read, none.clone()),
        ("PUT", "/v1/schedules/{name}", Admin, json!({ "every": "1h", "program": "none" })),
        ("DELETE", "/v1/schedules/{name}", Admin, none.clone()),
        ("POST", "/v1/schedules/{name}/pause", Admin, none.clone()),
        ("POST", "/v1/schedules/{name}/resume", Admin, none.clone()),
        ("POST", "/v1/schedules/{name}/run-now", Admin, none.clone()),
        ("GET", "/v1/queues", Read, none.clone()),
        ("PUT", "/v1/queues/{name}", Operator, json!({})),
        ("GET", "/v1/workers", Everybodys, none.clone()),
        ("GET", "/v1/version", Read, none.clone()),
        ("POST", "/v1/run", Submit, json!({ "program": "nothing" })),
        ("POST", "/v1/jobs", Submit, json!({ "program": "nothing" })),
        ("GET", "/v1/jobs", Read, none.clone()),
        ("GET", "/v1/jobs/counts", Read, none.clone()),
        ("GET", "/v1/jobs/{id}", Read, none.clone()),
        ("DELETE", "/v1/jobs/{id}", Admin, none.clone()),
        ("POST", "/v1/jobs/{id}/cancel", Submit, none.clone()),
        ("POST", "/v1/jobs/{id}/hold", Submit, none.clone()),
        ("POST", "/v1/jobs/{id}/release", Submit, none.clone()),
        ("POST", "/v1/jobs/{id}/retry", Submit, none.clone()),
        ("POST", "/v1/jobs/{id}/run-now", Submit, none.clone()),
        ("POST", "/v1/jobs/cancel", Admin, json!({ "filter": {} })),
        ("POST", "/v1/jobs/delete", Admin, json!({ "filter": {} })),
        ("POST", "/v1/jobs/hold", Admin, json!({ "filter": {} })),
        ("POST", "/v1/jobs/release", Admin, json!({ "filter": {} })),
        ("POST", "/v1/jobs/retry", Admin, json!({ "filter": {} })),
        ("POST", "/v1/jobs/run-now", Admin, json!({ "filter": {} })),
        ("GET", "/v1/webhooks", Read, none.clone()),
        ("GET", "/v1/webhooks/{id}", Read, none.clone()),
        ("POST", "/v1/webhooks/{id}/retry", Submit, none.clone()),
        ("GET", "/v1/webhooks/secrets", Admin, none.clone()),
        ("POST", "/v1/webhooks/secrets", Admin, json!({})),
        ("DELETE", "/v1/webhooks/secrets/{id}", Admin, none.clone()),
        ("GET", "/v1/tokens", Admin, none.clone()),
        ("POST", "/v1/tokens", Admin, json!({ "name": "made", "role": "read" })),
        ("DELETE", "/v1/tokens/{id}", Admin, none.clone()),
    ]
}

/// Something that is not there, but could be, for each parameter of a path.
fn filled(path: &str) -> String {
    let id = if path.starts_with("/v1/tokens") { "aaaaaaaaaaaa" } else { "01890000-0000-7000-8000-000000000000" };
    path.replace("{id}", id).replace("{name}", "nothing").replace("{secret}", "nothing")
}

impl Asker {
    const ALL: [Asker; 7] = [
        Asker::Nobody,
        Asker::ReaderOfTenant,
        Asker::SubmitterOfTenant,
        Asker::AdminOfTenant,
        Asker::Reader,
        Asker::Submitter,
        Asker::Operator,
    ];

    fn role_and_tenant(self) -> Option<(Role, Option<&'static str>)> {
        match self {
            Asker::Nobody => None,
            Asker::ReaderOfTenant => Some((Role::Read, Some("acme"))),
            Asker::SubmitterOfTenant => Some((Role::Submit, Some("acme"))),
            Asker::AdminOfTenant => Some((Role::Admin, Some("acme"))),
            Asker::Reader => Some((Role::Read, None)),
            Asker::Submitter => Some((Role::Submit, None)),
            Asker::Operator => Some((Role::Admin, None)),
        }
    }

    async fn token(self, served: &Served) -> Option<String> {
        let (role, tenant) = self.role_and_tenant()?;
        Some(served.token(role, tenant).await)
    }

    /// What is right.
    fn expected(self, need: Need) -> Let {
        let allows = |(role, tenant): (Role, Option<&str>)| match need {
            Nothing | Read => true,
            Submit => role >= Role::Submit,
            Admin => role == Role::Admin,
            Operator => role == Role::Admin && tenant.is_none(),
            Everybodys => tenant.is_none(),
        };
        match self.role_and_tenant().map(allows) {
            None if need != Nothing => Let::NotKnown,
            None | Some(true) => Let::In,
            Some(false) => Let::NotAllowed,
        }
    }
}

/// Every method and path of the document.
fn routes(document: &Value) -> BTreeSet<(String, String)> {
    let paths = document["paths"].as_object().expect("paths");
    let methods = ["get", "put", "post", "delete", "patch", "head", "options"];
    let of_path = |(path, item): (&String, &Value)| {
        let item = item.as_object().expect("an item").clone();
        let path = path.clone();
        item.into_iter()
            .filter(move |(method, _)| methods.contains(&&**method))
            .map(move |(method, _)| (method.to_uppercase(), path.clone()))
    };
    paths.iter().flat_map(of_path).collect()
}

async fn ask(served: &Served, token: Option<&str>, method: &str, path: &str, body: &Value) -> Answered {
    let method = Method::from_bytes(method.as_bytes()).expect("a method");
    let mut request = served.client.request(method, format!("{}{}", served.base, filled(path)));
    if let Some(token) = token {
        request = request.bearer_auth(token);
    }
    request = match body {
        Value::Null => request,
        Value::String(bytes) => request.header("content-type", "application/wasm").body(bytes.clone()),
        body => request.json(body),
    };
    Answered::of(request).await
}

fn of_answer(answered: &Answered) -> Let {
    match (answered.status, answered.body["code"].as_str()) {
        (StatusCode::UNAUTHORIZED, _) => Let::NotKnown,
        (StatusCode::FORBIDDEN, code) if code != Some("denied") => Let::NotAllowed,
        _ => Let::In,
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_route_lets_in_whom_it_should_and_nobody_else() {
    let served = Served::with(Settings::default(), false).await;
    let mut tokens = Vec::new();
    for asker in Asker::ALL {
        tokens.push((asker, asker.token(&served).await));
    }
    let mut wrong = Vec::new();
    for (method, path, need, body) in table() {
        for (asker, token) in &tokens {
            let answered = ask(&served, token.as_deref(), method, path, &body).await;
            let (found, expected) = (of_answer(&answered), asker.expected(need));
            if found != expected {
                wrong.push(format!("{method} {path} of {asker:?}: expected {expected:?}, found {}", answered.status));
            }
            // A request that nobody could read says nothing about who may send it.
            let unread = [400, 405, 413, 415, 500].contains(&answered.status.as_u16());
            if unread || answered.body["detail"] == "there is no such path" {
                wrong.push(format!("{method} {path} of {asker:?}: {} {}", answered.status, answered.body));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_route_of_the_document_has_its_line_in_the_table() {
    let served = Served::with(Settings::default(), false).await;
    let document = Answered::of(served.client.get(format!("{}/openapi.json", served.base))).await.body;
    let known: BTreeMap<_, _> =
        table().into_iter().map(|(method, path, need, _)| ((method.to_owned(), path.to_owned()), need)).collect();
    let routes = routes(&document);
    let missing: Vec<_> = routes.iter().filter(|route| !known.contains_key(*route)).collect();
    let gone: Vec<_> = known.keys().filter(|route| !routes.contains(*route)).collect();
    assert!(missing.is_empty() && gone.is_empty(), "not in the table: {missing:?}\nnot in the document: {gone:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_refusal_names_the_role_that_is_needed() {
    let served = Served::with(Settings::default(), false).await;
    let reader = served.token(Role::Read, None).await;
    let refused = Answered::of(served.request_as(&reader, Method::GET, "/v1/tokens")).await;
    insta::assert_snapshot!(format!("{:#}", refused.body), @r#"
    {
      "type": "urn:ampule:problem:forbidden",
      "title": "the token does not allow this",
      "status": 403,
      "code": "forbidden",
      "detail": "expected a token with the role `admin`, found `read`"
    }
    "#);
}
