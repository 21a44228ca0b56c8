//! What a job tells: as a stream while it goes on, or a page of what is stored.

use axum::response::{IntoResponse as _, Response};
use http::{HeaderMap, HeaderValue, StatusCode, header};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, OpenApi, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::super::App;
use super::super::access::Read;
use super::super::body::{Json, Place};
use super::super::events::{self, Cursor, Ended, Opened, Queued, Started, Told};
use super::super::params::{Params, number};
use super::super::problem::{Problem, Result};
use crate::job::JobId;
use crate::wire::EventDocument;

/// Where a reader goes on.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct Whence {
    /// The id of the last event that was seen, for those who cannot set the header `Last-Event-ID`.
    last_event_id: Option<String>,
    /// Of a page: the number of the last stored event that was seen.
    #[serde(default, deserialize_with = "number")]
    after: Option<u64>,
}

/// A page of what a job told and was stored.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub(crate) struct EventPage {
    /// Oldest first, at most a thousand.
    events: Vec<EventDocument>,
}

/// One event of a stream, which has one after the other.
#[derive(ToSchema)]
#[expect(dead_code, reason = "stands in the document; what is sent is text")]
struct SentEvent {
    /// Its place in the job's life, for `Last-Event-ID`.
    id: Option<String>,
    /// `queued`, `started`, `progress`, `returned`, `log` or `ended`.
    event: Option<String>,
    /// What happened, as JSON: see the schemas whose names end in `Event`.
    data: Option<String>,
}

/// What the data of an event is, which no response says: a stream is text.
#[derive(OpenApi)]
#[openapi(components(schemas(Queued, Started, Told, Ended)))]
struct Schemas;

pub(super) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::with_openapi(Schemas::openapi()).routes(routes!(events))
}

/// Tells what a job does, while it does it.
///
/// A stream of server-sent events: `queued`, `started`, `progress`, `returned`, `log`, and `ended`, after which it
/// closes. Each id is a place in the job's life: sent back in `Last-Event-ID`, to any server, it gets what comes after,
/// nothing lost and nothing twice. An id of the end gets 204. With `Accept: application/json` it is a page of what the
/// job told and was stored.
#[utoipa::path(
    get,
    path = "/v1/jobs/{id}/events",
    tag = "jobs",
    params(
        ("id" = JobId, Path, description = "The job"),
        ("Last-Event-ID" = Option<String>, Header, description = "The id of the last event that was seen"),
        Whence
    ),
    responses(
        (status = OK, description = "The events", content(
            (SentEvent = "text/event-stream"),
            (EventPage = "application/json")
        )),
        (status = NO_CONTENT, description = "The end was told already"),
        (status = BAD_REQUEST, body = Problem),
        (status = UNAUTHORIZED, body = Problem),
        (status = NOT_FOUND, body = Problem),
        (status = TOO_MANY_REQUESTS, body = Problem),
        (status = SERVICE_UNAVAILABLE, body = Problem)
    )
)]
async fn events(
    app: App,
    Read(principal): Read,
    Place(id): Place<String>,
    Params(whence): Params<Whence>,
    headers: HeaderMap,
) -> Result<Response> {
    let job: JobId = id.parse().map_err(|_| Problem::not_found("job"))?;
    if wants_a_page(&headers) {
        let record = app.queue.get(job).await?.filter(|record| principal.sees(record.summary.tenant.as_deref()));
        record.ok_or_else(|| Problem::not_found("job"))?;
        let stored = app.queue.events(job, whence.after.unwrap_or_default()).await?;
        return Ok(Json(EventPage { events: stored.iter().map(EventDocument::from).collect() }).into_response());
    }
    let cursor = cursor(&headers, whence.last_event_id)?;
    Ok(match events::open(app, principal, job, cursor).await? {
        Opened::NothingLeft => StatusCode::NO_CONTENT.into_response(),
        Opened::Stream(body) => {
            let headers = [
                (header::CONTENT_TYPE, HeaderValue::from_static("text/event-stream")),
                (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
                // Proxies that buffer would keep events back.
                (header::HeaderName::from_static("x-accel-buffering"), HeaderValue::from_static("no")),
            ];
            (headers, body).into_response()
        }
    })
}

/// Whether JSON is what is accepted first, of the two that there are. A stream is what they get who do not say.
fn wants_a_page(headers: &HeaderMap) -> bool {
    let accepted = headers.get_all(header::ACCEPT).iter().filter_map(|value| value.to_str().ok());
    let mut kinds = accepted.flat_map(|kinds| kinds.split(',')).filter_map(acceptable);
    kinds.find(|kind| ["application/json", "text/event-stream"].contains(&&**kind)).as_deref()
        == Some("application/json")
}

/// A kind of answer that is accepted, without what else is said of it; none if it is said not to be.
fn acceptable(kind: &str) -> Option<String> {
    let mut parts = kind.split(';').map(|part| part.trim().to_ascii_lowercase());
    let name = parts.next()?;
    let is_refused = parts.filter_map(|part| part.strip_prefix("q=")?.parse::<f32>().ok()).any(|weight| weight <= 0.0);
    (!is_refused).then_some(name)
}

/// What the header says, or else the parameter; an empty one is none.
fn cursor(headers: &HeaderMap, parameter: Option<String>) -> Result<Option<Cursor>> {
    const EXPECTED: &str = "the id of an event of this job";
    let (field, text) = match (headers.get("last-event-id"), parameter) {
        (Some(value), _) => {
            let text = value.to_str().map_err(|_| Problem::invalid("Last-Event-ID", EXPECTED, "other bytes"))?;
            ("Last-Event-ID", text.to_owned())
        }
        (None, Some(text)) => ("last_event_id", text),
        (None, None) => return Ok(None),
    };
    if text.is_empty() {
        return Ok(None);
    }
    match text.parse() {
        Ok(cursor) => Ok(Some(cursor)),
        Err(()) => Err(Problem::invalid(field, EXPECTED, format!("{:?}", shortened(&text)))),
    }
}

fn shortened(text: &str) -> String {
    const MOST: usize = 60;
    text.chars().take(MOST).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_is_for_those_who_name_json_before_the_stream_and_do_not_refuse_it() {
        let wants = |accept: &'static str| {
            wants_a_page(&HeaderMap::from_iter([(header::ACCEPT, HeaderValue::from_static(accept))]))
        };
        for accept in ["application/json", "text/html, Application/JSON;q=0.5", "application/json, text/event-stream"] {
            assert!(wants(accept), "{accept}");
        }
        for accept in [
            "text/event-stream",
            "*/*",
            "",
            "text/event-stream, application/json",
            "text/event-stream, application/json;q=0",
            "application/json;q=0",
            "application/json; q=0.0, */*",
        ] {
            assert!(!wants(accept), "{accept}");
        }
        assert!(!wants_a_page(&HeaderMap::new()));
    }
}
