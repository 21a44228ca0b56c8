//! Tokens over the API: an admin makes, lists and revokes those of its reach.

use axum::response::{IntoResponse, Response};
use http::{HeaderValue, StatusCode, header};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::super::App;
use super::super::access::{Admin, Expires, MadeTokenDocument, Principal, Role, TokenDocument};
use super::super::body::{Json, Place};
use super::super::params::NoParams;
use super::super::problem::{Code, Problem, Result};
use crate::queue::Timestamp;

/// A token that is to be made.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct TokenRequest {
    /// What people call it: one line of at most 100 characters.
    #[schema(min_length = 1, max_length = 100)]
    name: String,
    /// What it allows.
    role: Role,
    /// Whose things it sees. Without it: those of whoever asks, which is everybody's for an operator.
    #[schema(min_length = 1, max_length = 100, pattern = "^[A-Za-z0-9._/-]+$")]
    tenant: Option<String>,
    /// When it is over. Without it: never, or with the token of whoever asks.
    expires: Option<Expires>,
}

/// The tokens that whoever asks may see.
#[derive(Debug, Serialize, ToSchema)]
struct TokensDocument {
    /// Oldest first.
    tokens: Vec<TokenDocument>,
}

pub(super) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(list, make)).routes(routes!(revoke))
}

/// Lists tokens: of a tenant's admin those of the tenant, of an operator all. No secrets.
#[utoipa::path(
    get,
    path = "/v1/tokens",
    operation_id = "list_tokens",
    tag = "tokens",
    responses(
        (status = OK, body = TokensDocument, description = "The tokens, those that are over too"),
        (status = UNAUTHORIZED, body = Problem),
        (status = FORBIDDEN, body = Problem, description = "The token is no admin's"),
    )
)]
async fn list(app: App, Admin(principal): Admin, _: NoParams) -> Result<Json<TokensDocument>> {
    let tokens = app.access.tokens().list().await?;
    let seen = tokens.iter().filter(|token| principal.sees(token.tenant.as_deref()));
    Ok(Json(TokensDocument { tokens: seen.map(TokenDocument::from).collect() }))
}

/// Makes a token. Its text is in this answer and nowhere else.
#[utoipa::path(
    post,
    path = "/v1/tokens",
    operation_id = "make_token",
    tag = "tokens",
    request_body = TokenRequest,
    responses(
        (status = CREATED, body = MadeTokenDocument, description = "The token, with its secret"),
        (status = BAD_REQUEST, body = Problem),
        (status = UNAUTHORIZED, body = Problem),
        (status = FORBIDDEN, body = Problem, description = "It would reach further than the token that asks"),
    )
)]
async fn make(app: App, Admin(principal): Admin, _: NoParams, Json(request): Json<TokenRequest>) -> Result<Response> {
    let tenant = principal.tenant_of(request.tenant)?;
    let now = app.queue.clock().await?;
    let expires_at = end(&principal, request.expires.map(|expires| expires.moment(now)))?;
    let (token, text) = app.access.tokens().make(&request.name, request.role, tenant, expires_at).await?;
    tracing::info!(by = %principal.token, token = %token.id, role = token.role.as_str(), "a token was made");
    let body = Json(MadeTokenDocument { token: text, known: TokenDocument::from(&token) });
    let no_store = (header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    Ok((StatusCode::CREATED, [no_store], body).into_response())
}

/// Revokes a token: refused here from the answer on, and by other servers within five seconds.
#[utoipa::path(
    delete,
    path = "/v1/tokens/{id}",
    operation_id = "revoke_token",
    tag = "tokens",
    params(("id" = String, Path, description = "The public part of the token")),
    responses(
        (status = NO_CONTENT, description = "It is revoked"),
        (status = UNAUTHORIZED, body = Problem),
        (status = FORBIDDEN, body = Problem, description = "The token is no admin's"),
        (status = NOT_FOUND, body = Problem, description = "There is no such token, or not for whoever asks"),
        (status = CONFLICT, body = Problem, description = "It is the last one of an operator"),
    )
)]
async fn revoke(app: App, Admin(principal): Admin, _: NoParams, Place(id): Place<String>) -> Result<StatusCode> {
    let not_found = || Problem::not_found("token");
    let token = app.access.tokens().get(&id).await?.ok_or_else(not_found)?;
    if !principal.sees(token.tenant.as_deref()) {
        return Err(not_found());
    }
    if !app.access.revoke(&token).await? {
        let detail = "it is the last token of an operator: make another one first, or use the command";
        return Err(Problem::new(Code::Conflict, detail));
    }
    tracing::info!(by = %principal.token, token = %id, "a token was revoked");
    Ok(StatusCode::NO_CONTENT)
}

/// A token that is over some day makes none that lasts longer.
fn end(principal: &Principal, asked: Option<Timestamp>) -> Result<Option<Timestamp>> {
    match (principal.expires_at, asked) {
        (Some(own), Some(asked)) if asked > own => {
            Err(Problem::new(Code::Forbidden, format!("expected an end no later than your token's, {own}")))
        }
        (own, asked) => Ok(asked.or(own)),
    }
}
