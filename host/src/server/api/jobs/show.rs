//! One job, with all that is known of it.

use serde::Deserialize;
use utoipa::{IntoParams, OpenApi};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::super::super::App;
use super::super::super::access::{Principal, Read};
use super::super::super::body::Json;
use super::super::super::params::{Params, number};
use super::super::super::problem::{Problem, Result};
use super::Id;
use crate::job::JobId;
use crate::queue::JobRecord;
use crate::wire::{JobDocument, NewJobDocument};

/// What a job's document speaks of and no document can name itself, for it is within it.
#[derive(OpenApi)]
#[openapi(components(schemas(NewJobDocument)))]
struct Schemas;

pub(super) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::with_openapi(Schemas::openapi()).routes(routes!(show_job))
}

#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct ShowParams {
    /// Of what it told, only what comes after the event of this number.
    #[serde(default, deserialize_with = "number")]
    after: Option<u64>,
}

/// Tells all that is known of a job.
///
/// Of what it told while it ran, a thousand events at most are told at a time, from after the one that `after` names.
#[utoipa::path(
    get,
    path = "/v1/jobs/{id}",
    tag = "jobs",
    params(("id" = JobId, Path, description = "The job"), ShowParams),
    responses(
        (status = OK, body = JobDocument),
        (status = NOT_FOUND, body = Problem, description = "There is no such job"),
    )
)]
async fn show_job(
    app: App,
    Read(principal): Read,
    Id(id): Id,
    Params(params): Params<ShowParams>,
) -> Result<Json<JobDocument>> {
    let record = find(&app, &principal, id).await?;
    Ok(Json(document(&app, record, params.after.unwrap_or_default()).await?))
}

/// The job, if this principal may see it: nobody learns that somebody else's is there.
pub(super) async fn find(app: &App, principal: &Principal, id: JobId) -> Result<JobRecord> {
    let record = app.queue.get(id).await?;
    let record = record.filter(|record| principal.sees(record.summary.tenant.as_deref()));
    record.ok_or_else(|| Problem::not_found("job"))
}

/// The job's document, with what it told after this event.
pub(super) async fn document(app: &App, record: JobRecord, after: u64) -> Result<JobDocument> {
    let events = app.queue.events(record.summary.id, after).await?;
    Ok(JobDocument::new(record, &events))
}
