//! Jobs that are enqueued again and again.

mod put;

use axum::response::{IntoResponse as _, Response};
use http::StatusCode;
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::super::App;
use super::super::access::{Admin, Principal, Read};
use super::super::body::{Json, Place};
use super::super::params::NoParams;
use super::super::problem::{Problem, Result};
use super::jobs::location;
use crate::queue::ScheduleInfo;
use crate::schedule;
use crate::wire::{EnqueuedDocument, ScheduleDocument};

/// How many of a schedule's next ticks are shown.
const SHOWN_RUNS: usize = 10;

/// The schedules that there are.
#[derive(Debug, Serialize, ToSchema)]
struct SchedulesDocument {
    /// In order of name.
    schedules: Vec<ScheduleDocument>,
}

pub(super) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(list))
        .routes(routes!(show, put::put, delete))
        .routes(routes!(pause))
        .routes(routes!(resume))
        .routes(routes!(run_now))
}

/// Lists schedules.
#[utoipa::path(
    get,
    path = "/v1/schedules",
    operation_id = "list_schedules",
    tag = "schedules",
    responses((status = OK, body = SchedulesDocument))
)]
async fn list(app: App, Read(principal): Read, _: NoParams) -> Result<Json<SchedulesDocument>> {
    let schedules = app.queue.schedules().await?;
    let seen = schedules.iter().filter(|info| principal.shown_name(&info.schedule.name).is_some());
    Ok(Json(SchedulesDocument { schedules: seen.map(|info| document(&principal, info)).collect() }))
}

/// Shows a schedule and its next ten ticks.
#[utoipa::path(
    get,
    path = "/v1/schedules/{name}",
    operation_id = "show_schedule",
    tag = "schedules",
    params(("name" = String, Path, description = "The schedule")),
    responses((status = OK, body = ScheduleDocument), (status = NOT_FOUND, body = Problem))
)]
async fn show(
    app: App,
    Read(principal): Read,
    _: NoParams,
    Place(name): Place<String>,
) -> Result<Json<ScheduleDocument>> {
    shown(&app, &principal, &find(&app, &principal, &name).await?).await
}

/// Takes a schedule away. Jobs that it enqueued stay.
#[utoipa::path(
    delete,
    path = "/v1/schedules/{name}",
    operation_id = "delete_schedule",
    tag = "schedules",
    params(("name" = String, Path, description = "The schedule")),
    responses(
        (status = NO_CONTENT, description = "It is gone"),
        (status = FORBIDDEN, body = Problem),
        (status = NOT_FOUND, body = Problem),
    )
)]
async fn delete(app: App, Admin(principal): Admin, _: NoParams, Place(name): Place<String>) -> Result<StatusCode> {
    let stored = principal.stored_name("name", &name).map_err(|_| no_schedule())?;
    if app.queue.delete_schedule(&stored).await? { Ok(StatusCode::NO_CONTENT) } else { Err(no_schedule()) }
}

/// Lets a schedule rest.
#[utoipa::path(
    post,
    path = "/v1/schedules/{name}/pause",
    operation_id = "pause_schedule",
    tag = "schedules",
    params(("name" = String, Path, description = "The schedule")),
    responses(
        (status = OK, body = ScheduleDocument),
        (status = FORBIDDEN, body = Problem),
        (status = NOT_FOUND, body = Problem),
    )
)]
async fn pause(
    app: App,
    Admin(principal): Admin,
    _: NoParams,
    Place(name): Place<String>,
) -> Result<Json<ScheduleDocument>> {
    rest(&app, &principal, &name, true).await
}

/// Lets a schedule that rests go on with its next tick.
#[utoipa::path(
    post,
    path = "/v1/schedules/{name}/resume",
    operation_id = "resume_schedule",
    tag = "schedules",
    params(("name" = String, Path, description = "The schedule")),
    responses(
        (status = OK, body = ScheduleDocument),
        (status = FORBIDDEN, body = Problem),
        (status = NOT_FOUND, body = Problem),
    )
)]
async fn resume(
    app: App,
    Admin(principal): Admin,
    _: NoParams,
    Place(name): Place<String>,
) -> Result<Json<ScheduleDocument>> {
    rest(&app, &principal, &name, false).await
}

/// Enqueues a schedule's job now, beside its ticks, whether it rests or not.
#[utoipa::path(
    post,
    path = "/v1/schedules/{name}/run-now",
    operation_id = "run_schedule_now",
    tag = "schedules",
    params(("name" = String, Path, description = "The schedule")),
    responses(
        (status = CREATED, description = "The job", body = EnqueuedDocument, headers(
            ("Location" = String, description = "Where the job is")
        )),
        (status = FORBIDDEN, body = Problem),
        (status = NOT_FOUND, body = Problem),
        (status = CONFLICT, body = Problem),
    )
)]
async fn run_now(app: App, Admin(principal): Admin, _: NoParams, Place(name): Place<String>) -> Result<Response> {
    let info = find(&app, &principal, &name).await?;
    let id = schedule::run_now(&*app.queue, &info.schedule.name).await?;
    let document = Json(EnqueuedDocument { id, existed: false });
    Ok((StatusCode::CREATED, [location(id)], document).into_response())
}

async fn rest(app: &App, principal: &Principal, name: &str, paused: bool) -> Result<Json<ScheduleDocument>> {
    let stored = principal.stored_name("name", name).map_err(|_| no_schedule())?;
    if !schedule::rest(&*app.queue, &stored, paused).await? {
        return Err(no_schedule());
    }
    shown(app, principal, &find(app, principal, name).await?).await
}

/// The schedule that they mean.
async fn find(app: &App, principal: &Principal, name: &str) -> Result<ScheduleInfo> {
    let stored = principal.stored_name("name", name).map_err(|_| no_schedule())?;
    let schedules = app.queue.schedules().await?;
    schedules.into_iter().find(|info| info.schedule.name == stored).ok_or_else(no_schedule)
}

async fn shown(app: &App, principal: &Principal, info: &ScheduleInfo) -> Result<Json<ScheduleDocument>> {
    let now = app.queue.clock().await?;
    let runs = schedule::upcoming(&info.schedule.timing, now, SHOWN_RUNS)?;
    Ok(Json(document(principal, info).with_runs(&runs)))
}

fn document(principal: &Principal, info: &ScheduleInfo) -> ScheduleDocument {
    let name = principal.shown_name(&info.schedule.name).unwrap_or_default().to_owned();
    ScheduleDocument { name, ..info.into() }
}

fn no_schedule() -> Problem {
    Problem::not_found("schedule")
}
