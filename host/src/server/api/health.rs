//! Whether the process is alive, whether it can serve, and what it counted: for whoever watches over it.

use axum::response::{IntoResponse as _, Response};
use http::request::Parts;
use http::{HeaderValue, StatusCode, header};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::super::App;
use super::super::problem::{Code, Problem, Result};

/// What Prometheus takes for its text of today.
const OPEN_METRICS: HeaderValue =
    HeaderValue::from_static("application/openmetrics-text; version=1.0.0; charset=utf-8");

pub(super) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(healthz)).routes(routes!(readyz)).routes(routes!(metrics))
}

/// Tells that the process is alive. Never touches the queue.
#[utoipa::path(get, path = "/healthz", tag = "server", security(()), responses((status = NO_CONTENT)))]
async fn healthz() -> StatusCode {
    StatusCode::NO_CONTENT
}

/// Tells whether requests can be served: the queue answers, and the server is not going away.
#[utoipa::path(
    get,
    path = "/readyz",
    tag = "server",
    security(()),
    responses((status = NO_CONTENT), (status = SERVICE_UNAVAILABLE, body = Problem))
)]
async fn readyz(app: App) -> Result<StatusCode> {
    if app.closing.is_raised() {
        return Err(Problem::new(Code::ShuttingDown, "the server is going away"));
    }
    // Whoever watches has less patience than whoever wants something.
    let patience = app.settings.queue_timeout / 2;
    match tokio::time::timeout(patience, app.queue.clock()).await {
        Ok(Ok(_)) => Ok(StatusCode::NO_CONTENT),
        Ok(Err(error)) => Err(error.into()),
        Err(_) => {
            let detail = format!("the queue does not answer within {patience:?}");
            Err(Problem::new(Code::Unavailable, detail).retry_after(1))
        }
    }
}

/// Tells what was counted here, as OpenMetrics.
///
/// Takes a token without a tenant, unless the operator made it public.
#[utoipa::path(
    get,
    path = "/metrics",
    tag = "server",
    responses(
        (status = OK, content_type = "application/openmetrics-text", body = String),
        (status = UNAUTHORIZED, body = Problem),
        (status = FORBIDDEN, body = Problem),
        (status = TOO_MANY_REQUESTS, body = Problem)
    )
)]
async fn metrics(app: App, parts: Parts) -> Result<Response> {
    if !app.settings.public_metrics && app.access.principal(&parts).await?.tenant.is_some() {
        return Err(Problem::new(Code::Forbidden, "expected a token without a tenant"));
    }
    let text = app.metrics.scrape(&app).await.map_err(|error| Problem::internal(&error))?;
    Ok(([(header::CONTENT_TYPE, OPEN_METRICS)], text).into_response())
}
