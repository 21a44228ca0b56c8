//! How queues are served, and what waits in them.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::super::App;
use super::super::access::{Operator, Read};
use super::super::body::{Json, Place};
use super::super::params::NoParams;
use super::super::problem::{Problem, Result};
use crate::queue::{Filter, Mode, Queue, QueueSettings, State, check_name};
use crate::wire::QueueDocument;

/// The queues that there are.
#[derive(Debug, Serialize, ToSchema)]
struct QueuesDocument {
    /// In order of name.
    queues: Vec<QueueDocument>,
}

/// How a queue is to be served. What is left out is as in a queue that nobody configured.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct QueueRequest {
    /// Whether it takes jobs in and hands them out. Default `open`.
    #[serde(default)]
    mode: Mode,
    /// How many of its jobs may run at once, on all machines together. Default any number.
    #[schema(minimum = 1)]
    max_running: Option<u32>,
    /// How many of its jobs of any one tenant may run at once. Default any number.
    #[schema(minimum = 1)]
    max_running_per_tenant: Option<u32>,
}

pub(super) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(list)).routes(routes!(configure))
}

/// Lists queues. A token of a tenant sees those that have jobs of the tenant, and counts these alone.
#[utoipa::path(
    get,
    path = "/v1/queues",
    operation_id = "list_queues",
    tag = "queues",
    responses((status = OK, body = QueuesDocument))
)]
async fn list(app: App, Read(principal): Read, _: NoParams) -> Result<Json<QueuesDocument>> {
    let queues = match &principal.tenant {
        None => app.queue.queues(None).await?.iter().map(QueueDocument::from).collect(),
        Some(tenant) => of_tenant(&*app.queue, tenant).await?,
    };
    Ok(Json(QueuesDocument { queues }))
}

/// Sets how a queue is served, in place of what was set before.
#[utoipa::path(
    put,
    path = "/v1/queues/{name}",
    operation_id = "configure_queue",
    tag = "queues",
    params(("name" = String, Path, description = "The queue: 1 to 100 letters, digits and signs of `._-:/`",
        min_length = 1, max_length = 100, pattern = "^[A-Za-z0-9._:/-]+$")),
    request_body = QueueRequest,
    responses(
        (status = OK, body = QueueDocument),
        (status = FORBIDDEN, body = Problem),
        (status = NOT_FOUND, body = Problem),
    )
)]
async fn configure(
    app: App,
    _: Operator,
    _: NoParams,
    Place(name): Place<String>,
    Json(request): Json<QueueRequest>,
) -> Result<Json<QueueDocument>> {
    check_name("queue", &name)?;
    let QueueRequest { mode, max_running, max_running_per_tenant } = request;
    app.queue.configure(&name, &QueueSettings { mode, max_running, max_running_per_tenant }).await?;
    let queues = app.queue.queues(None).await?;
    let found = queues.iter().find(|info| info.name == name);
    found.map(|info| Json(info.into())).ok_or_else(|| Problem::not_found("queue"))
}

/// The queues that have jobs of a tenant, with what can be told of these alone.
async fn of_tenant(queue: &dyn Queue, tenant: &str) -> Result<Vec<QueueDocument>> {
    let filter = Filter { tenant: Some(tenant.to_owned()), ..Filter::default() };
    let mut own: BTreeMap<String, (u64, u64)> = BTreeMap::new();
    for count in queue.counts(&filter).await? {
        let (queued, running) = own.entry(count.queue).or_default();
        match count.state {
            State::Queued => *queued += count.jobs,
            State::Running => *running += count.jobs,
            State::Completed | State::Failed | State::Cancelled => {}
        }
    }
    let infos = queue.queues(None).await?;
    let document = |(name, (queued, running)): (String, (u64, u64))| {
        let settings =
            infos.iter().find(|info| info.name == name).map(|info| info.settings.clone()).unwrap_or_default();
        QueueDocument {
            name,
            mode: settings.mode,
            max_running: settings.max_running,
            max_running_per_tenant: settings.max_running_per_tenant,
            due: None,
            queued,
            held: None,
            running,
            oldest_due: None,
        }
    };
    Ok(own.into_iter().map(document).collect())
}
