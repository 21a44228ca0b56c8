//! The routes: one file for each kind of thing, put together here into a router and its OpenAPI document.

mod echo;
mod events;
mod health;
mod jobs;
mod pages;
mod programs;
mod queues;
mod run;
mod schedules;
mod tokens;
mod version;
mod webhook_secrets;
mod webhooks;
mod workers;

use axum::Router;
use axum::middleware::from_fn_with_state;
use utoipa::OpenApi as _;
use utoipa_axum::router::OpenApiRouter;

use super::document::Document;
use super::problem::{Code, Problem};
use super::{App, docs, requests};

/// Every route.
pub(super) fn router(app: &App) -> Router {
    let (router, _document) = routes().split_for_parts();
    let router = if app.settings.echo { router.merge(echo::routes()) } else { router };
    router
        .fallback(async || Problem::new(Code::NotFound, "there is no such path"))
        .method_not_allowed_fallback(async || {
            Problem::new(Code::MethodNotAllowed, "the path does not know this method")
        })
        .layer(from_fn_with_state(app.clone(), requests::serve))
        .with_state(app.clone())
}

/// Every route, with what its document says of it.
pub(super) fn routes() -> OpenApiRouter<App> {
    let versioned = OpenApiRouter::new()
        .merge(run::routes())
        .merge(jobs::routes())
        .merge(events::routes())
        .merge(programs::routes())
        .merge(queues::routes())
        .merge(schedules::routes())
        .merge(tokens::routes())
        .merge(workers::routes())
        .merge(version::routes())
        .merge(webhooks::routes())
        .merge(webhook_secrets::routes());
    let document = OpenApiRouter::with_openapi(Document::openapi());
    document.merge(health::routes()).merge(versioned).merge(docs::routes())
}
