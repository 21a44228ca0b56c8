//! The OpenAPI 3.1 document: made from the routes, with what every operation has in common added once.
//!
//! A route says for itself what is its own. That a token may be missing, the server busy or the queue gone is said here.

use http::StatusCode;
use serde_json::{Value, json};
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::{Modify, OpenApi};

use super::api;
use super::problem::Code;

/// What the document says of the whole.
#[derive(OpenApi)]
#[openapi(
    info(
        title = "Ampule",
        description = "Runs jobs that nobody has to trust: at once, or through a durable queue. Refusals are RFC 9457 \
            problems with a stable `code`. A token with a tenant sees and makes only what is that tenant's."
    ),
    modifiers(&Bearer),
    security(("bearer" = [])),
    tags(
        (name = "jobs", description = "Jobs that are run at once or queued, and what became of them"),
        (name = "programs", description = "Programs and sources that jobs mean by name"),
        (name = "schedules", description = "Jobs that are enqueued again and again"),
        (name = "queues", description = "How queues are served, and what waits in them"),
        (name = "workers", description = "Who runs the jobs"),
        (name = "webhooks", description = "Ends that are told over HTTP, and the secrets that sign them"),
        (name = "tokens", description = "Who may ask, and for what"),
        (name = "server", description = "The server itself"),
    )
)]
pub(super) struct Document;

/// Says how a token is shown.
struct Bearer;

impl Modify for Bearer {
    fn modify(&self, document: &mut utoipa::openapi::OpenApi) {
        let scheme = HttpBuilder::new()
            .scheme(HttpAuthScheme::Bearer)
            .bearer_format("amp_ID_SECRET")
            .description(Some("A token that `POST /v1/tokens` or `ampule tokens create` made."))
            .build();
        let components = document.components.get_or_insert_default();
        components.add_security_scheme("bearer", SecurityScheme::Http(scheme));
    }
}

/// What may become of any request with a token, and of any that brings a body.
const OF_TOKENS: [Code; 4] = [Code::Unauthorized, Code::TooManyRequests, Code::Internal, Code::Unavailable];
const OF_BODIES: [Code; 4] = [Code::BadRequest, Code::Timeout, Code::TooLarge, Code::UnsupportedMediaType];
/// What may become of a request that says something after the `?` or in headers of its own.
const OF_PARAMETERS: [Code; 1] = [Code::BadRequest];

/// The OpenAPI 3.1 document of the server of this version, as `/openapi.json` gives it.
#[must_use]
pub fn openapi() -> Value {
    let (_, document) = api::routes().split_for_parts();
    let mut document = serde_json::to_value(document).expect("plain data with string keys has a JSON form");
    unsigned(&mut document);
    let paths = document.get_mut("paths").and_then(Value::as_object_mut);
    let operations = paths.into_iter().flat_map(|paths| paths.values_mut().filter_map(Value::as_object_mut));
    for operation in operations.flat_map(|methods| methods.values_mut()).filter(|item| item.is_object()) {
        complete(operation);
    }
    document
}

/// Numbers that are never below 0 go up to where their own type ends.
fn unsigned(schema: &mut Value) {
    if schema["minimum"].as_u64().is_some()
        && let Some(format @ ("int32" | "int64")) = schema["format"].as_str()
    {
        schema["format"] = format!("u{format}").into();
    }
    match schema {
        Value::Array(items) => items.iter_mut().for_each(unsigned),
        Value::Object(fields) => fields.values_mut().for_each(unsigned),
        _ => {}
    }
}

/// Adds what holds for every operation of its kind, and says of what type refusals are.
fn complete(operation: &mut Value) {
    if let Some(summary) = operation["summary"].as_str() {
        // A title, made of a sentence.
        operation["summary"] = summary.trim_end_matches('.').into();
    }
    let is_open = operation["security"].as_array().is_some_and(|all| all.iter().any(|one| one == &json!({})));
    let has_body = operation["requestBody"].is_object();
    let is_read = |parameter: &Value| parameter["in"] != "path";
    let has_parameters = operation["parameters"].as_array().is_some_and(|all| all.iter().any(is_read));
    let Some(responses) = operation.get_mut("responses").and_then(Value::as_object_mut) else { return };
    let common = [(!is_open, &OF_TOKENS[..]), (has_body, &OF_BODIES), (has_parameters, &OF_PARAMETERS)];
    for code in common.into_iter().filter(|(applies, _)| *applies).flat_map(|(_, codes)| codes) {
        let problem = json!({ "$ref": "#/components/schemas/Problem" });
        responses.entry(code.status().as_str()).or_insert_with(
            || json!({ "description": code.title(), "content": { "application/json": { "schema": problem } } }),
        );
    }
    for (status, response) in responses.iter_mut() {
        refusals_are_problems(response);
        describe(status, response);
    }
    responses.sort_keys();
}

/// Problems have a media type of their own.
fn refusals_are_problems(response: &mut Value) {
    let Some(content) = response.get_mut("content").and_then(Value::as_object_mut) else { return };
    let is_problem = |media: &Value| media["schema"]["$ref"] == "#/components/schemas/Problem";
    if content.get("application/json").is_some_and(is_problem)
        && let Some(media) = content.remove("application/json")
    {
        content.insert("application/problem+json".to_owned(), media);
    }
}

/// A response has to have a description; one that says no more than its status needs no words of its own.
fn describe(status: &str, response: &mut Value) {
    let status = status.parse::<StatusCode>().ok().and_then(|status| status.canonical_reason());
    if let (Some(reason), Some(response)) = (status, response.as_object_mut()) {
        response.entry("description").or_insert_with(|| reason.to_lowercase().into());
    }
}
