//! The OpenAPI document: reviewed as a file, whole in itself, and the one that the server gives.

use std::collections::BTreeSet;

use ampule::Value;
use ampule::server::{Code, openapi};
use ampule_tests::served::Served;
use reqwest::StatusCode;

/// Every operation: its path, its method and what is said of it.
pub(crate) fn operations(document: &Value) -> Vec<(String, String, Value)> {
    let paths = document["paths"].as_object().expect("paths");
    let of = |(path, item): (&String, &Value)| {
        let methods = item.as_object().expect("methods").clone();
        let path = path.clone();
        methods.into_iter().map(move |(method, operation)| (path.clone(), method, operation))
    };
    paths.iter().flat_map(of).collect()
}

#[test]
fn a_change_of_the_document_is_seen_in_review() {
    let mut document = openapi();
    document["info"]["version"] = "VERSION".into();
    insta::assert_snapshot!(serde_json::to_string_pretty(&document).expect("a document"));
}

#[test]
fn the_document_is_of_openapi_3_1_and_of_this_version() {
    let document = openapi();
    assert_eq!(document["openapi"], "3.1.0");
    assert_eq!(document["info"]["version"], env!("CARGO_PKG_VERSION"));
    assert_eq!(document["components"]["securitySchemes"]["bearer"]["scheme"], "bearer");
}

#[test]
fn each_operation_says_what_it_does_under_a_name_of_its_own_and_a_tag_that_is_described() {
    let document = openapi();
    let tags: BTreeSet<&str> =
        document["tags"].as_array().expect("tags").iter().filter_map(|tag| tag["name"].as_str()).collect();
    let operations = operations(&document);
    let mut ids = BTreeSet::new();
    for (path, method, operation) in &operations {
        let place = format!("{method} {path}");
        let summary = operation["summary"].as_str().unwrap_or_default();
        assert!(!summary.is_empty() && !summary.ends_with('.'), "{place}: expected a title, found {summary:?}");
        assert!(
            operation["tags"]
                .as_array()
                .is_some_and(|used| used.iter().all(|tag| tag.as_str().is_some_and(|tag| tags.contains(tag)))),
            "{place}: {}",
            operation["tags"]
        );
        assert!(ids.insert(operation["operationId"].as_str().expect("an id").to_owned()), "{place}: its id is taken");
    }
    assert_eq!(ids.len(), operations.len());
}

#[test]
fn whoever_needs_a_token_is_told_that_it_may_be_missing() {
    let open: Vec<String> = operations(&openapi())
        .into_iter()
        .filter(|(path, method, operation)| {
            let is_open =
                operation["security"].as_array().is_some_and(|all| all.contains(&Value::Object(Default::default())));
            let refusal = &operation["responses"]["401"]["content"]["application/problem+json"]["schema"]["$ref"];
            assert_eq!(*refusal == "#/components/schemas/Problem", !is_open, "{method} {path}");
            is_open
        })
        .map(|(path, ..)| path)
        .collect();
    assert!(open.contains(&"/openapi.json".to_owned()), "{open:?}");
    assert!(open.iter().all(|path| !path.starts_with("/v1")), "{open:?}");
}

#[test]
fn refusals_are_problems_and_statuses_are_those_of_codes() {
    let known: BTreeSet<u16> = Code::ALL.iter().map(|code| code.status().as_u16()).collect();
    for (path, method, operation) in operations(&openapi()) {
        for (status, response) in operation["responses"].as_object().expect("responses") {
            let status: u16 = status.parse().expect("a status");
            let is_refusal = status >= 400;
            let is_problem = response["content"].get("application/problem+json").is_some();
            assert!(response["description"].is_string(), "{method} {path}: {status} has no description");
            let is_readiness = path == "/readyz";
            assert!(is_refusal == is_problem || is_readiness, "{method} {path}: {status}: {response}");
            assert!(!is_refusal || known.contains(&status), "{method} {path}: {status} is the status of no code");
        }
    }
}

#[test]
fn every_reference_leads_somewhere_and_every_schema_is_used() {
    let document = openapi();
    let mut used = BTreeSet::new();
    references(&document, &mut used);
    let schemas = document["components"]["schemas"].as_object().expect("schemas");
    let made: BTreeSet<String> = schemas.keys().map(|name| format!("#/components/schemas/{name}")).collect();
    assert_eq!(used.difference(&made).collect::<Vec<_>>(), Vec::<&String>::new());
    // The data of a stream's events, which no response can say, for a stream is text.
    let unused: Vec<_> = made.difference(&used).filter(|name| !name.ends_with("Event")).collect();
    assert_eq!(unused, Vec::<&String>::new());
}

fn references(value: &Value, into: &mut BTreeSet<String>) {
    if let Some(reference) = value["$ref"].as_str() {
        into.insert(reference.to_owned());
    }
    match value {
        Value::Array(items) => items.iter().for_each(|item| references(item, into)),
        Value::Object(fields) => fields.values().for_each(|field| references(field, into)),
        _ => {}
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_server_gives_the_document_to_whoever_asks() {
    let served = Served::start().await;
    let response = served.client.get(format!("{}/openapi.json", served.base)).send().await.expect("an answer");
    assert_eq!(
        (response.status(), &response.headers()["content-type"]),
        (StatusCode::OK, &"application/json".parse().expect("a value"))
    );
    assert_eq!(response.json::<Value>().await.expect("a document"), openapi());
}
