//! Lists of jobs, and how many there are.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::super::super::App;
use super::super::super::access::Read;
use super::super::super::body::Json;
use super::super::super::params::Params;
use super::super::super::problem::{Problem, Result};
use super::super::pages;
use super::filter::{self, Pairs};
use crate::job::JobId;
use crate::queue::State;
use crate::wire::{FilterRequest, SummaryDocument};

/// A page of jobs, newest first.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
struct JobsDocument {
    jobs: Vec<SummaryDocument>,
    /// What `after` is on the next page; null if there is none.
    next: Option<JobId>,
}

/// How many jobs there are.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
struct CountsDocument {
    counts: Vec<CountDocument>,
}

/// How many jobs of one queue are in one state.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
struct CountDocument {
    /// The queue.
    queue: String,
    /// The state.
    state: State,
    /// How many.
    jobs: u64,
}

pub(super) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(list_jobs)).routes(routes!(count_jobs))
}

/// Lists jobs, newest first.
#[utoipa::path(
    get,
    path = "/v1/jobs",
    tag = "jobs",
    params(
        FilterRequest,
        ("after" = Option<JobId>, Query, description = "The last job of the page before: its `next`"),
        ("limit" = Option<u32>, Query, description = "How many, at most 1000; default 50", minimum = 1, maximum = 1000),
    ),
    responses(
        (status = OK, body = JobsDocument),
        (status = FORBIDDEN, body = Problem, description = "Another tenant's jobs"),
        (status = NOT_FOUND, body = Problem, description = "There is no such program"),
    )
)]
async fn list_jobs(app: App, Read(principal): Read, Params(mut pairs): Params<Pairs>) -> Result<Json<JobsDocument>> {
    let page = filter::take_page(&mut pairs)?;
    let filter = filter::filter(&app, &principal, filter::from_pairs(pairs)?).await?;
    let jobs = app.queue.list(&filter, page).await?;
    let next = pages::next(&app, &filter, page, &jobs).await?;
    Ok(Json(JobsDocument { jobs: jobs.into_iter().map(SummaryDocument::from).collect(), next }))
}

/// Counts jobs, by queue and state.
#[utoipa::path(
    get,
    path = "/v1/jobs/counts",
    tag = "jobs",
    params(FilterRequest),
    responses(
        (status = OK, body = CountsDocument),
        (status = FORBIDDEN, body = Problem, description = "Another tenant's jobs"),
        (status = NOT_FOUND, body = Problem, description = "There is no such program"),
    )
)]
async fn count_jobs(app: App, Read(principal): Read, Params(pairs): Params<Pairs>) -> Result<Json<CountsDocument>> {
    let filter = filter::filter(&app, &principal, filter::from_pairs(pairs)?).await?;
    let counts = app.queue.counts(&filter).await?;
    let one = |count: crate::queue::Count| CountDocument { queue: count.queue, state: count.state, jobs: count.jobs };
    Ok(Json(CountsDocument { counts: counts.into_iter().map(one).collect() }))
}
