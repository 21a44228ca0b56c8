//! Answers with what it is sent: what a request costs but for its run. Not there unless the settings say so.

use axum::Router;
use axum::routing::post;

use super::super::App;
use super::super::access::Submit;
use super::super::body::Json;
use crate::Value;

pub(super) fn routes() -> Router<App> {
    Router::new().route("/v1/echo", post(echo))
}

async fn echo(_: Submit, Json(value): Json<Value>) -> Json<Value> {
    Json(value)
}
