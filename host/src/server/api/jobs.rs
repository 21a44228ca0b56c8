//! Queued jobs: handing them in, looking at them, changing them.

mod change;
mod filter;
mod idempotency;
mod list;
mod show;
mod submit;

use axum::extract::{FromRequestParts, Path};
use http::header::{HeaderName, HeaderValue, LOCATION};
use http::request::Parts;
use utoipa_axum::router::OpenApiRouter;

use super::super::App;
use super::super::problem::Problem;
use crate::job::JobId;

/// The job that a path names. What is no id is the id of nothing.
struct Id(JobId);

impl FromRequestParts<App> for Id {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Problem> {
        let id = Path::<String>::from_request_parts(parts, app).await.ok();
        id.and_then(|Path(id)| id.parse().ok()).map(Id).ok_or_else(|| Problem::not_found("job"))
    }
}

/// Where a job is.
pub(super) fn location(id: JobId) -> (HeaderName, HeaderValue) {
    let path = HeaderValue::from_str(&format!("/v1/jobs/{id}"));
    (LOCATION, path.expect("an id is digits and dashes"))
}

pub(super) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().merge(submit::routes()).merge(list::routes()).merge(show::routes()).merge(change::routes())
}
