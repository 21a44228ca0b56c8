//! Who runs the jobs.

use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::super::App;
use super::super::access::Read;
use super::super::body::Json;
use super::super::params::NoParams;
use super::super::problem::{Code, Problem, Result};
use crate::wire::WorkerDocument;

/// The workers of the queue.
#[derive(Debug, Serialize, ToSchema)]
struct WorkersDocument {
    /// Those that were heard of within the last minute, and those that left jobs behind.
    workers: Vec<WorkerDocument>,
}

pub(super) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(list))
}

/// Lists workers. They run everybody's jobs, so a token of a tenant does not see them.
#[utoipa::path(
    get,
    path = "/v1/workers",
    operation_id = "list_workers",
    tag = "workers",
    responses((status = OK, body = WorkersDocument), (status = FORBIDDEN, body = Problem))
)]
async fn list(app: App, Read(principal): Read, _: NoParams) -> Result<Json<WorkersDocument>> {
    if principal.tenant.is_some() {
        return Err(Problem::new(Code::Forbidden, "expected a token without a tenant"));
    }
    let workers = app.queue.workers(None).await?;
    Ok(Json(WorkersDocument { workers: workers.iter().map(WorkerDocument::from).collect() }))
}
