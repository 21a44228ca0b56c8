//! The secrets that sign a tenant's webhooks: shown to its admins, so that they can set receivers up.

use http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::super::App;
use super::super::access::Admin;
use super::super::body::{Json, Place};
use super::super::params::Params;
use super::super::problem::{Code, Problem, Result};
use super::super::webhook::{MAX_SECRETS, Refused, Secret, Secrets, Signing, WebhookSecretDocument};
use super::webhooks::tenant_of;
use crate::queue::check_part;

/// Whose secrets.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct Whose {
    /// The tenant, for a token without one; without it, those of jobs without a tenant.
    tenant: Option<String>,
}

/// A new secret.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewSecretDocument {
    /// `whsec_` and base64 of 24 to 64 bytes; a fresh one is made without it.
    #[serde(default)]
    secret: Option<String>,
}

/// The secrets of a tenant.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub(crate) struct WebhookSecretsDocument {
    /// The newest first. Each signs.
    secrets: Vec<WebhookSecretDocument>,
}

pub(super) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(list, rotate)).routes(routes!(delete))
}

/// Shows the secrets that sign webhooks, and makes the first one if there is none.
#[utoipa::path(
    get,
    path = "/v1/webhooks/secrets",
    operation_id = "list_webhook_secrets",
    tag = "webhooks",
    params(Whose),
    responses(
        (status = OK, body = WebhookSecretsDocument),
        (status = BAD_REQUEST, body = Problem),
        (status = UNAUTHORIZED, body = Problem),
        (status = FORBIDDEN, body = Problem)
    )
)]
async fn list(app: App, Admin(principal): Admin, Params(whose): Params<Whose>) -> Result<Json<WebhookSecretsDocument>> {
    let tenant = checked(tenant_of(&principal, whose.tenant)?)?;
    let signing = Secrets::new(app.queue.clone()).signing(tenant.as_deref()).await?;
    Ok(Json(WebhookSecretsDocument::of(signing)))
}

/// Makes a new secret, or takes one.
///
/// The one before it signs too for a while, 24 hours unless the operator says otherwise.
#[utoipa::path(
    post,
    path = "/v1/webhooks/secrets",
    operation_id = "rotate_webhook_secret",
    tag = "webhooks",
    params(Whose),
    request_body = NewSecretDocument,
    responses(
        (status = CREATED, body = WebhookSecretsDocument),
        (status = BAD_REQUEST, body = Problem),
        (status = UNAUTHORIZED, body = Problem),
        (status = FORBIDDEN, body = Problem),
        (status = CONFLICT, body = Problem)
    )
)]
async fn rotate(
    app: App,
    Admin(principal): Admin,
    Params(whose): Params<Whose>,
    Json(new): Json<NewSecretDocument>,
) -> Result<(StatusCode, Json<WebhookSecretsDocument>)> {
    let tenant = checked(tenant_of(&principal, whose.tenant)?)?;
    let expected = "`whsec_` and the base64 of 24 to 64 bytes";
    let given = new.secret.as_deref().map(Secret::parse).transpose();
    let given = given.map_err(|found| Problem::invalid("secret", expected, found))?;
    let keep = app.settings.webhooks.keep_rotated;
    let signing = Secrets::new(app.queue.clone()).rotate(tenant.as_deref(), given, keep).await.map_err(refused)?;
    Ok((StatusCode::CREATED, Json(WebhookSecretsDocument::of(signing))))
}

/// Lets a secret that was rotated sign no more.
#[utoipa::path(
    delete,
    path = "/v1/webhooks/secrets/{id}",
    operation_id = "delete_webhook_secret",
    tag = "webhooks",
    params(("id" = String, Path, description = "The secret's id"), Whose),
    responses(
        (status = NO_CONTENT, description = "It signs no more"),
        (status = BAD_REQUEST, body = Problem),
        (status = UNAUTHORIZED, body = Problem),
        (status = FORBIDDEN, body = Problem),
        (status = NOT_FOUND, body = Problem),
        (status = CONFLICT, body = Problem)
    )
)]
async fn delete(
    app: App,
    Admin(principal): Admin,
    Place(id): Place<String>,
    Params(whose): Params<Whose>,
) -> Result<StatusCode> {
    let tenant = checked(tenant_of(&principal, whose.tenant)?)?;
    Secrets::new(app.queue.clone()).delete(tenant.as_deref(), &id).await.map_err(refused)?;
    Ok(StatusCode::NO_CONTENT)
}

/// A name that a tenant can have.
fn checked(tenant: Option<String>) -> Result<Option<String>> {
    tenant.as_deref().map_or(Ok(()), |tenant| check_part("tenant", tenant))?;
    Ok(tenant)
}

fn refused(refused: Refused) -> Problem {
    match refused {
        Refused::Queue(error) => error.into(),
        Refused::Full => Problem::new(
            Code::Conflict,
            format!("expected fewer than {MAX_SECRETS} secrets that sign; delete one, or wait until one ends"),
        ),
        Refused::Known => Problem::new(Code::Conflict, "this secret signs already"),
        Refused::Unknown => Problem::not_found("secret"),
        Refused::Newest => Problem::new(Code::Conflict, "the newest secret stays until another was made"),
    }
}

impl WebhookSecretsDocument {
    fn of(signing: Vec<Signing>) -> Self {
        WebhookSecretsDocument { secrets: signing.into_iter().map(WebhookSecretDocument::from).collect() }
    }
}
