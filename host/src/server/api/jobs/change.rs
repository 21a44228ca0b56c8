//! What people do to jobs that are in a queue: to one, or to all that pass a filter.

use http::StatusCode;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::super::super::access::{Admin, Principal, Submit};
use super::super::super::body::{Json, Optional};
use super::super::super::problem::{Code, Problem, Result};
use super::super::super::{App, asked};
use super::{Id, filter, show};
use crate::job::JobId;
use crate::kwargs::Kwargs;
use crate::queue::{Change, JobRecord, Selection};
use crate::wire::{ChangeRequest, ChangedDocument, RetryRequest, SummaryDocument};

/// A route for a change of one job, and one for the same change of many.
macro_rules! changes {
    ($($one:ident, $one_path:literal, $many:ident, $many_path:literal, $change:expr, $doc:literal, $docs:literal;)*) => {$(
        #[doc = $doc]
        #[utoipa::path(
            post,
            path = $one_path,
            tag = "jobs",
            params(("id" = JobId, Path, description = "The job")),
            responses(
                (status = OK, body = SummaryDocument, description = "The job after the change"),
                (status = FORBIDDEN, body = Problem, description = "The token's role does not allow it"),
                (status = NOT_FOUND, body = Problem, description = "There is no such job"),
                (status = CONFLICT, body = Problem, description = "The job's state does not allow it"),
            )
        )]
        async fn $one(app: App, Submit(principal): Submit, Id(id): Id) -> Result<Json<SummaryDocument>> {
            let record = show::find(&app, &principal, id).await?;
            change_one(&app, &principal, record, $change).await.map(Json)
        }

        changes!(many $many, $many_path, $change, $docs);
    )*};
    (many $many:ident, $many_path:literal, $change:expr, $docs:literal) => {
        #[doc = $docs]
        ///
        /// Goes on in steps: jobs that change meanwhile may pass or not. For tokens of the role `admin`.
        #[utoipa::path(
            post,
            path = $many_path,
            tag = "jobs",
            request_body = ChangeRequest,
            responses(
                (status = OK, body = ChangedDocument, description = "Those that were changed"),
                (status = FORBIDDEN, body = Problem, description = "The token's role or tenant does not allow it"),
                (status = NOT_FOUND, body = Problem, description = "There is no such program"),
            )
        )]
        async fn $many(
            app: App,
            Admin(principal): Admin,
            Json(request): Json<ChangeRequest>,
        ) -> Result<Json<ChangedDocument>> {
            change_many(&app, &principal, request, $change).await.map(Json)
        }
    };
}

changes! {
    cancel_job, "/v1/jobs/{id}/cancel", cancel_jobs, "/v1/jobs/cancel", Change::Cancel,
        "Cancels a job.", "Cancels all jobs that pass a filter.";
    hold_job, "/v1/jobs/{id}/hold", hold_jobs, "/v1/jobs/hold", Change::Hold,
        "Holds a job.", "Holds all jobs that pass a filter.";
    release_job, "/v1/jobs/{id}/release", release_jobs, "/v1/jobs/release", Change::Release,
        "Releases a job.", "Releases all jobs that pass a filter.";
    run_now_job, "/v1/jobs/{id}/run-now", run_now_jobs, "/v1/jobs/run-now", Change::RunNow,
        "Makes a job due at once.", "Makes all jobs due at once that pass a filter.";
}
changes!(many retry_jobs, "/v1/jobs/retry", Change::Retry { kwargs: None }, "Queues all jobs again that have ended and pass a filter.");
changes!(many delete_jobs, "/v1/jobs/delete", Change::Delete, "Forgets all jobs that have ended and pass a filter.");

pub(super) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(cancel_job))
        .routes(routes!(hold_job))
        .routes(routes!(release_job))
        .routes(routes!(run_now_job))
        .routes(routes!(retry_job))
        .routes(routes!(delete_job))
        .routes(routes!(cancel_jobs))
        .routes(routes!(hold_jobs))
        .routes(routes!(release_jobs))
        .routes(routes!(run_now_jobs))
        .routes(routes!(retry_jobs))
        .routes(routes!(delete_jobs))
}

/// Queues a job that has ended again.
///
/// Its history stays. With a body it has other kwargs from now on.
#[utoipa::path(
    post,
    path = "/v1/jobs/{id}/retry",
    tag = "jobs",
    params(("id" = JobId, Path, description = "The job")),
    request_body = Option<RetryRequest>,
    responses(
        (status = OK, body = SummaryDocument, description = "The job after the change"),
        (status = FORBIDDEN, body = Problem, description = "The token's role does not allow it"),
        (status = NOT_FOUND, body = Problem, description = "There is no such job"),
        (status = CONFLICT, body = Problem, description = "The job has not ended"),
        (status = UNPROCESSABLE_ENTITY, body = Problem, description = "The kwargs do not fit the program"),
    )
)]
async fn retry_job(
    app: App,
    Submit(principal): Submit,
    Id(id): Id,
    Optional(request): Optional<RetryRequest>,
) -> Result<Json<SummaryDocument>> {
    let record = show::find(&app, &principal, id).await?;
    let kwargs = request.and_then(|request| request.kwargs);
    if let Some(kwargs) = &kwargs {
        check_kwargs(&app, &record, kwargs).await?;
    }
    change_one(&app, &principal, record, Change::Retry { kwargs }).await.map(Json)
}

/// Forgets a job that has ended.
///
/// For tokens of the role `admin`.
#[utoipa::path(
    delete,
    path = "/v1/jobs/{id}",
    tag = "jobs",
    params(("id" = JobId, Path, description = "The job")),
    responses(
        (status = NO_CONTENT, description = "It is forgotten"),
        (status = FORBIDDEN, body = Problem, description = "The token's role does not allow it"),
        (status = NOT_FOUND, body = Problem, description = "There is no such job"),
        (status = CONFLICT, body = Problem, description = "The job has not ended"),
    )
)]
async fn delete_job(app: App, Admin(principal): Admin, Id(id): Id) -> Result<StatusCode> {
    let record = show::find(&app, &principal, id).await?;
    let changed = app.queue.change(&Selection::Ids(vec![id]), &Change::Delete, None).await?;
    if changed.is_empty() {
        return Err(conflict(&Change::Delete, &record));
    }
    Ok(StatusCode::NO_CONTENT)
}

/// Changes one job, and tells how it is then.
async fn change_one(app: &App, principal: &Principal, before: JobRecord, change: Change) -> Result<SummaryDocument> {
    let id = before.summary.id;
    let changed = app.queue.change(&Selection::Ids(vec![id]), &change, None).await?;
    let after = show::find(app, principal, id).await?;
    if changed.is_empty() {
        return Err(conflict(&change, &after));
    }
    Ok(after.summary.into())
}

async fn change_many(
    app: &App,
    principal: &Principal,
    request: ChangeRequest,
    change: Change,
) -> Result<ChangedDocument> {
    let filter = filter::filter(app, principal, request.filter).await.map_err(|refusal| refusal.within("filter"))?;
    let changed = app.queue.change(&Selection::Filter(filter), &change, None).await?;
    Ok(ChangedDocument { changed, unchanged: Vec::new() })
}

fn conflict(change: &Change, job: &JobRecord) -> Problem {
    Problem::new(Code::Conflict, change.why_not(job.summary.state))
}

/// Refuses kwargs with which the job would be refused when it runs.
async fn check_kwargs(app: &App, record: &JobRecord, kwargs: &Kwargs) -> Result<()> {
    let Some(job) = record.payload.job() else {
        return Err(Problem::invalid("kwargs", "none for a delivery", "some"));
    };
    if let Some(digest) = asked::digest_of(job) {
        app.programs.check(digest, kwargs).await?;
    }
    match app.runner.refusal(&job.clone().kwargs(kwargs.clone())) {
        Some(failure) => Err(Problem::of_failure(&failure)),
        None => Ok(()),
    }
}
