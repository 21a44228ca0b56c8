//! What the server tells of itself without a token: the OpenAPI document, and a page that shows it.
//!
//! The page is three files of its own. It fetches nothing from elsewhere and puts text on the screen as text alone; its
//! `Content-Security-Policy` would not let it do otherwise.

use axum::response::IntoResponse;
use axum::routing::get;
use http::header::{CONTENT_SECURITY_POLICY, CONTENT_TYPE};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::App;

const PAGE: &str = include_str!("docs/page.html");
const STYLE: &str = include_str!("docs/page.css");
const SCRIPT: &str = include_str!("docs/page.js");

/// What the page may do: run and look as its own files say, and ask this server.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; base-uri 'none'; \
    form-action 'none'; frame-ancestors 'none'";

pub(super) fn routes() -> OpenApiRouter<App> {
    let parts = OpenApiRouter::new()
        .route("/docs/page.css", get(async || ([(CONTENT_TYPE, "text/css; charset=utf-8")], STYLE)))
        .route("/docs/page.js", get(async || ([(CONTENT_TYPE, "text/javascript; charset=utf-8")], SCRIPT)));
    parts.routes(routes!(document)).routes(routes!(page))
}

/// Gives this document.
#[utoipa::path(
    get,
    path = "/openapi.json",
    tag = "server",
    security(()),
    responses((status = OK, description = "The OpenAPI 3.1 document", body = Object))
)]
async fn document(app: App) -> impl IntoResponse {
    ([(CONTENT_TYPE, "application/json")], app.document.clone())
}

/// Gives a page that shows this document and lets one try each request.
#[utoipa::path(
    get,
    path = "/docs",
    tag = "server",
    security(()),
    responses((status = OK, description = "The page", body = String, content_type = "text/html"))
)]
async fn page() -> impl IntoResponse {
    ([(CONTENT_TYPE, "text/html; charset=utf-8"), (CONTENT_SECURITY_POLICY, POLICY)], PAGE)
}
