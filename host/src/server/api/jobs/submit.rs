//! Handing in jobs: one or many, waited for or not, stored once however often they are sent.

use axum::response::{IntoResponse, Response};
use http::StatusCode;
use serde::Deserialize;
use serde_json::{Map, Value};
use utoipa::IntoParams;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::super::super::access::{Principal, Submit};
use super::super::super::asked::Room;
use super::super::super::body::Json;
use super::super::super::params::Params;
use super::super::super::problem::{Problem, Result};
use super::super::super::requests::InRequest;
use super::super::super::trace::Trace;
use super::super::super::waits::Wait;
use super::super::super::{App, asked};
use super::idempotency::Key;
use super::{location, show};
use crate::queue::{Enqueued, NewJob};
use crate::wire::{BatchDocument, EnqueuedDocument, JobDocument, JobRequest, Submission, Time};

pub(super) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(submit_jobs))
}

#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct SubmitParams {
    /// Waits so long for the job's end, and answers with the job. Not for a batch.
    wait: Option<Time>,
}

/// Hands in jobs.
///
/// One job, or many as `{"jobs": […]}`, which are stored all or none. With `wait` the answer is the job itself: 200 if it
/// has ended in time, else 202. Each job keeps the text of its source: what a name stands for is copied into one job with
/// all that follows from it up to 16 MiB, and into all jobs of a request up to 64 MiB.
#[utoipa::path(
    post,
    path = "/v1/jobs",
    tag = "jobs",
    params(
        SubmitParams,
        ("Idempotency-Key" = Option<String>, Header,
            description = "Stores the jobs once within 24 hours, however often they are sent with this key"),
        ("traceparent" = Option<String>, Header, description = "The trace that the jobs belong to, as W3C has it"),
    ),
    request_body = Submission,
    responses(
        (status = CREATED, body = inline(Answer), description = "They are stored", headers(
            ("Location" = String, description = "Where the job is, if it is one")
        )),
        (status = OK, body = inline(Answer), description = "All were stored before; or the job that was waited for has ended"),
        (status = ACCEPTED, body = JobDocument, description = "The job that was waited for has not ended yet"),
        (status = FORBIDDEN, body = Problem, description = "The jobs ask for more than is allowed here"),
        (status = NOT_FOUND, body = Problem, description = "There is no such program"),
        (status = CONFLICT, body = Problem, description = "The queue is draining, or the key was used for other jobs"),
        (status = PAYLOAD_TOO_LARGE, body = Problem,
            description = "The body is too large, or what would be copied of named sources"),
        (status = UNPROCESSABLE_ENTITY, body = Problem, description = "A program or its kwargs were refused"),
    )
)]
async fn submit_jobs(
    app: App,
    in_request: InRequest,
    Submit(principal): Submit,
    Params(params): Params<SubmitParams>,
    key: Option<Key>,
    Trace(trace): Trace,
    Json(body): Json<Map<String, Value>>,
) -> Result<Response> {
    let submission = Submission::read(body, app.settings.max_batch)?;
    if let (Submission::Batch(_), Some(_)) = (&submission, &params.wait) {
        return Err(Problem::invalid("wait", "none with a batch", "one"));
    }
    // Who cannot be let wait is told so before anything is stored.
    let wait = params.wait.map(|time| Wait::begin(&app, time.0)).transpose()?;
    let is_batch = matches!(submission, Submission::Batch(_));
    let enqueued = match key.map(|key| key.for_request(&submission)) {
        Some(key) => match key.stored(&*app.queue, tenants(&principal, &submission)?).await? {
            Some(stored) => stored,
            None => key.enqueue(&*app.queue, admitted(&app, &principal, submission, trace).await?).await?,
        },
        None => app.queue.enqueue(admitted(&app, &principal, submission, trace).await?, None).await?,
    };
    let Some(wait) = wait else { return Ok(answer(&enqueued, is_batch)) };
    let Some(one) = enqueued.first() else { return Ok(answer(&enqueued, is_batch)) };
    in_request.leave();
    let record = wait.until_ended(&app, one.id).await?;
    let status = if record.summary.state.is_end() { StatusCode::OK } else { StatusCode::ACCEPTED };
    let document = show::document(&app, record, 0).await?;
    Ok((status, [location(one.id)], Json(document)).into_response())
}

/// What there is to be stored.
#[derive(utoipa::ToSchema)]
#[expect(dead_code, reason = "only says what the answers look like")]
#[serde(untagged)]
enum Answer {
    One(EnqueuedDocument),
    Batch(BatchDocument),
    Job(Box<JobDocument>),
}

/// Whose each job is to be.
fn tenants(principal: &Principal, submission: &Submission) -> Result<Vec<Option<String>>> {
    let tenant = |request: &JobRequest| principal.tenant_of(request.tenant.clone());
    match submission {
        Submission::One(request) => Ok(vec![tenant(request)?]),
        Submission::Batch(batch) => (0..)
            .zip(&batch.jobs)
            .map(|(index, request)| tenant(request).map_err(|refusal| refusal.within(&place(index))))
            .collect(),
    }
}

/// The jobs that are asked for, which there is room for.
async fn admitted(
    app: &App,
    principal: &Principal,
    submission: Submission,
    trace: Option<String>,
) -> Result<Vec<NewJob>> {
    let mut jobs = jobs(app, principal, submission).await?;
    for job in &mut jobs {
        job.payload.trace.clone_from(&trace);
    }
    app.backlog.admit(app, &jobs).await?;
    Ok(jobs)
}

async fn jobs(app: &App, principal: &Principal, submission: Submission) -> Result<Vec<NewJob>> {
    let mut room = Room::default();
    let requests: Vec<JobRequest> = match submission {
        Submission::One(request) => return Ok(vec![asked::new_job(app, principal, *request, &mut room).await?]),
        Submission::Batch(batch) => batch.jobs,
    };
    let mut jobs = Vec::with_capacity(requests.len());
    for (index, request) in requests.into_iter().enumerate() {
        let job = asked::new_job(app, principal, request, &mut room).await;
        jobs.push(job.map_err(|refusal| refusal.within(&place(index)))?);
    }
    Ok(jobs)
}

/// Where a job of a batch stands.
fn place(index: usize) -> String {
    format!("jobs[{index}]")
}

fn answer(enqueued: &[Enqueued], is_batch: bool) -> Response {
    let is_old = enqueued.iter().all(|job| job.existed);
    let status = if is_old { StatusCode::OK } else { StatusCode::CREATED };
    match enqueued {
        [one] if !is_batch => (status, [location(one.id)], Json(EnqueuedDocument::from(one))).into_response(),
        all => (status, Json(BatchDocument::from(all))).into_response(),
    }
}
