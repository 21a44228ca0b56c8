//! Deliveries over HTTP: jobs of the queue `@http`, as those who asked for them see them.

use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::super::App;
use super::super::access::{Principal, Read, Submit};
use super::super::body::{Json, Place};
use super::super::params::{Params, number};
use super::super::problem::{Code, Problem, Result};
use super::super::webhook::{WebhookDocument, WebhookSummaryDocument};
use super::pages;
use crate::job::JobId;
use crate::queue::{Change, Filter, JobRecord, Page, Selection, State, Target};

/// Which deliveries.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct Which {
    /// In one of these states, with commas between: `queued`, `running`, `completed`, `failed`, `cancelled`.
    state: Option<String>,
    /// That follow from this job.
    job: Option<JobId>,
    /// Whose.
    tenant: Option<String>,
    /// The last delivery of the page before.
    after: Option<JobId>,
    /// How many, at most 1,000. Default 50.
    #[serde(default, deserialize_with = "number")]
    limit: Option<u32>,
}

/// A page of deliveries.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub(crate) struct WebhookPage {
    /// Newest first.
    deliveries: Vec<WebhookSummaryDocument>,
    /// What `after` is on the next page; null if there is none.
    next: Option<JobId>,
}

pub(super) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(list)).routes(routes!(show)).routes(routes!(retry))
}

/// Lists webhooks, newest first.
#[utoipa::path(
    get,
    path = "/v1/webhooks",
    operation_id = "list_webhooks",
    tag = "webhooks",
    params(Which),
    responses(
        (status = OK, body = WebhookPage),
        (status = BAD_REQUEST, body = Problem),
        (status = UNAUTHORIZED, body = Problem),
        (status = FORBIDDEN, body = Problem)
    )
)]
async fn list(app: App, Read(principal): Read, Params(which): Params<Which>) -> Result<Json<WebhookPage>> {
    let states = which.state.as_deref().map_or(Ok(Vec::new()), states)?;
    let tenant = tenant_of(&principal, which.tenant)?;
    let queue = Some(Target::HTTP_QUEUE.to_owned());
    let filter = Filter { states, queue, tenant, parent: which.job, ..Filter::default() };
    let page = Page { after: which.after, limit: which.limit.unwrap_or(Page::default().limit) };
    let found = app.queue.list(&filter, page).await?;
    let next = pages::next(&app, &filter, page, &found).await?;
    Ok(Json(WebhookPage { deliveries: found.into_iter().map(WebhookSummaryDocument::from).collect(), next }))
}

/// Shows a webhook and every try to deliver it.
///
/// The beginning of an answer is kept as it came, so it may hold what a terminal or a page takes for more than text.
#[utoipa::path(
    get,
    path = "/v1/webhooks/{id}",
    operation_id = "show_webhook",
    tag = "webhooks",
    params(("id" = JobId, Path, description = "The delivery")),
    responses(
        (status = OK, body = WebhookDocument),
        (status = UNAUTHORIZED, body = Problem),
        (status = NOT_FOUND, body = Problem)
    )
)]
async fn show(app: App, Read(principal): Read, Place(id): Place<String>) -> Result<Json<WebhookDocument>> {
    let record = find(&app, &principal, &id).await?;
    WebhookDocument::of(record).map(Json).ok_or_else(missing)
}

/// Sends a webhook again.
///
/// One that failed for good or was accepted starts anew, with all its tries before it; one that waits for its next try is
/// due at once. The receiver gets the same `webhook-id`.
#[utoipa::path(
    post,
    path = "/v1/webhooks/{id}/retry",
    operation_id = "retry_webhook",
    tag = "webhooks",
    params(("id" = JobId, Path, description = "The delivery")),
    responses(
        (status = OK, body = WebhookDocument),
        (status = UNAUTHORIZED, body = Problem),
        (status = FORBIDDEN, body = Problem),
        (status = NOT_FOUND, body = Problem),
        (status = CONFLICT, body = Problem)
    )
)]
async fn retry(app: App, Submit(principal): Submit, Place(id): Place<String>) -> Result<Json<WebhookDocument>> {
    let record = find(&app, &principal, &id).await?;
    let change = match record.summary.state {
        State::Queued => Change::RunNow,
        State::Running => return Err(conflict()),
        State::Completed | State::Failed | State::Cancelled => Change::Retry { kwargs: None },
    };
    let changed = app.queue.change(&Selection::Ids(vec![record.summary.id]), &change, None).await?;
    if changed.is_empty() {
        return Err(conflict());
    }
    let record = find(&app, &principal, &id).await?;
    WebhookDocument::of(record).map(Json).ok_or_else(missing)
}

async fn find(app: &App, principal: &Principal, id: &str) -> Result<JobRecord> {
    let id: JobId = id.parse().map_err(|_| missing())?;
    let record = app.queue.get(id).await?.filter(|record| principal.sees(record.summary.tenant.as_deref()));
    record.filter(|record| record.summary.queue == Target::HTTP_QUEUE).ok_or_else(missing)
}

/// Whose things are meant: the token's own, or those of a tenant that an operator names.
pub(super) fn tenant_of(principal: &Principal, asked: Option<String>) -> Result<Option<String>> {
    match &principal.tenant {
        None => Ok(asked),
        own if asked.is_none() || asked == *own => Ok(own.clone()),
        Some(_) => Err(Problem::new(Code::Forbidden, "expected no tenant but the token's own")),
    }
}

fn states(text: &str) -> Result<Vec<State>> {
    let parsed: std::result::Result<Vec<State>, String> = text.split(',').map(str::parse).collect();
    parsed.map_err(|message| Problem {
        field: Some("state".to_owned()),
        ..Problem::new(Code::BadRequest, format!("`state`: {message}"))
    })
}

fn missing() -> Problem {
    Problem::not_found("webhook")
}

fn conflict() -> Problem {
    Problem::new(Code::Conflict, "the webhook is being sent at the moment, or is about to be")
}
