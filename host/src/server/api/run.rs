//! Runs that are not queued: the job in, its end out, in one request.

use axum::response::{IntoResponse, Response};
use http::{HeaderName, HeaderValue};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::super::App;
use super::super::access::Submit;
use super::super::asked::{self, Room};
use super::super::body::Json;
use super::super::params::NoParams;
use super::super::problem::{Problem, Result};
use super::super::trace::Trace;
use crate::call::Call;
use crate::failure::{Failure, Kind};
use crate::handle::Control;
use crate::job::JobId;
use crate::wire::{RunDocument, RunRequest};

/// Says how the run ended, for whoever does not read the body.
const RESULT: HeaderName = HeaderName::from_static("ampule-result");

pub(super) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(run_job))
}

/// Stops a run whose client has gone away.
struct StopOnDrop(Option<Control>);

impl Drop for StopOnDrop {
    fn drop(&mut self) {
        if let Some(control) = &self.0 {
            control.cancel();
        }
    }
}

/// Runs a job at once, without a queue.
///
/// The answer is 200 whether the job returned or failed: the header `Ampule-Result` says which. A client that goes away
/// stops its run.
#[utoipa::path(
    post,
    path = "/v1/run",
    tag = "jobs",
    request_body = RunRequest,
    responses(
        (status = OK, body = RunDocument, description = "How it ended", headers(
            ("Ampule-Result" = String, description = "`returned` or `failed`")
        )),
        (status = FORBIDDEN, body = Problem, description = "The job asks for more than is allowed here"),
        (status = NOT_FOUND, body = Problem, description = "There is no such program"),
        (status = UNPROCESSABLE_ENTITY, body = Problem, description = "The program or its kwargs were refused"),
    )
)]
async fn run_job(
    app: App,
    Submit(principal): Submit,
    _: NoParams,
    Trace(trace): Trace,
    Json(request): Json<RunRequest>,
) -> Result<Response> {
    let job = asked::job(&app, &principal, request, &mut Room::default()).await?;
    // A program stays loaded for as long as somebody holds it.
    let _program = match asked::digest_of(&job) {
        Some(digest) => Some(app.programs.loaded(digest).await?),
        None => None,
    };
    // Whoever asked is told how it ended.
    let handle = app.runner.run_inline(Call::from(job).quiet())?;
    if let Some(trace) = trace {
        tracing::debug!(job_id = %handle.id(), trace, tenant = principal.tenant, "a run was asked for");
    }
    let mut stop = StopOnDrop(Some(handle.control()));
    let outcome = handle.await;
    stop.0 = None;
    if let Err(failure) = &outcome.result {
        log_failure(outcome.id, principal.tenant.as_deref(), failure);
    }
    let result = match &outcome.result {
        Ok(_) => "returned",
        Err(failure) if failure.kind.is_refusal() => return Err(Problem::of_failure(failure)),
        Err(_) => "failed",
    };
    let mut response = Json(RunDocument::from(outcome)).into_response();
    response.headers_mut().insert(RESULT, HeaderValue::from_static(result));
    Ok(response)
}

/// The client is told of every failure; what the host did wrong is for whoever operates it to know too.
fn log_failure(id: JobId, tenant: Option<&str>, failure: &Failure) {
    let (kind, message) = (failure.kind.as_str(), failure.message.as_str());
    match failure.kind {
        Kind::Host => tracing::error!(job_id = %id, tenant, kind, failure = message, "run failed"),
        _ => tracing::debug!(job_id = %id, tenant, kind, failure = message, "run failed"),
    }
}
