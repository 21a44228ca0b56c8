//! What a handler asks of whoever asks it, as its argument.

use std::sync::Arc;

use axum::extract::FromRequestParts;
use http::request::Parts;

use super::super::App;
use super::super::problem::{Code, Problem};
use super::Principal;
use super::token::Role;

/// Anybody with a token.
pub(crate) struct Read(pub(crate) Arc<Principal>);

/// Who may run and enqueue jobs.
pub(crate) struct Submit(pub(crate) Arc<Principal>);

/// Who may set things up for a tenant, or for all.
pub(crate) struct Admin(pub(crate) Arc<Principal>);

/// Who may set things up for all: an admin without a tenant.
pub(crate) struct Operator;

impl FromRequestParts<App> for Read {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Problem> {
        at_least(Role::Read, parts, app).await.map(Read)
    }
}

impl FromRequestParts<App> for Submit {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Problem> {
        at_least(Role::Submit, parts, app).await.map(Submit)
    }
}

impl FromRequestParts<App> for Admin {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Problem> {
        at_least(Role::Admin, parts, app).await.map(Admin)
    }
}

impl FromRequestParts<App> for Operator {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Problem> {
        let principal = at_least(Role::Admin, parts, app).await?;
        if principal.tenant.is_some() {
            return Err(Problem::new(Code::Forbidden, "expected a token without a tenant"));
        }
        Ok(Operator)
    }
}

/// Who sent this request, if they have this role or more.
async fn at_least(role: Role, parts: &Parts, app: &App) -> Result<Arc<Principal>, Problem> {
    let principal = app.access.principal(parts).await?;
    if principal.role >= role {
        return Ok(principal);
    }
    let detail = format!("expected a token with the role `{}`, found `{}`", role.as_str(), principal.role.as_str());
    Err(Problem::new(Code::Forbidden, detail))
}
