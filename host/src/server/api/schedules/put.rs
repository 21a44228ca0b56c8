//! Stores a schedule in place of the one of its name.

use http::StatusCode;
use serde_json::{Map, Value};

use super::super::super::App;
use super::super::super::access::Admin;
use super::super::super::asked::{Room, new_job};
use super::super::super::body::{Json, Place};
use super::super::super::params::NoParams;
use super::super::super::problem::{Problem, Result};
use super::{find, shown};
use crate::queue::{Schedule, Timing};
use crate::schedule;
use crate::wire::{ScheduleDocument, ScheduleRequest, TimingRequest};

/// Stores a schedule, in place of the one of its name.
///
/// With the same timing it stays where it was, so that a program may store its schedules each time it starts.
#[utoipa::path(
    put,
    path = "/v1/schedules/{name}",
    operation_id = "put_schedule",
    tag = "schedules",
    params(("name" = String, Path, description = "The schedule: 1 to 100 letters, digits and signs of `._-/`",
        min_length = 1, max_length = 100, pattern = "^[A-Za-z0-9._/-]+$")),
    request_body = ScheduleRequest,
    responses(
        (status = OK, description = "It took the place of another", body = ScheduleDocument),
        (status = CREATED, description = "It is new", body = ScheduleDocument),
        (status = FORBIDDEN, body = Problem),
        (status = NOT_FOUND, body = Problem),
        (status = UNPROCESSABLE_ENTITY, body = Problem),
    )
)]
pub(super) async fn put(
    app: App,
    Admin(principal): Admin,
    _: NoParams,
    Place(name): Place<String>,
    Json(body): Json<Map<String, Value>>,
) -> Result<(StatusCode, Json<ScheduleDocument>)> {
    let stored = principal.new_name(&name)?;
    let ScheduleRequest { timing, job } = ScheduleRequest::read(body)?;
    let (missed, paused) = (timing.missed.clone().map(|missed| missed.0).unwrap_or_default(), timing.paused);
    let timing = checked(timing)?;
    // What is wrong with the timing is said before the job is looked at.
    schedule::upcoming(&timing, app.queue.clock().await?, 1)?;
    let job = new_job(&app, &principal, job, &mut Room::default()).await?;
    let existed = find(&app, &principal, &name).await.is_ok();
    schedule::put(&*app.queue, &Schedule { name: stored, timing, job, missed, paused }).await?;
    let status = if existed { StatusCode::OK } else { StatusCode::CREATED };
    Ok((status, shown(&app, &principal, &find(&app, &principal, &name).await?).await?))
}

fn checked(timing: TimingRequest) -> Result<Timing> {
    match (timing.cron, timing.every, timing.zone) {
        (Some(expression), None, zone) => {
            Ok(Timing::Cron { expression, zone: zone.unwrap_or_else(|| "UTC".to_owned()) })
        }
        (None, Some(every), None) => Ok(Timing::Every(every.0)),
        (None, Some(_), Some(_)) => Err(Problem::invalid("zone", "`zone` with `cron`", "it with `every`")),
        (Some(_), Some(_), _) => Err(Problem::invalid("cron", "`cron` or `every`", "both")),
        (None, None, _) => Err(Problem::invalid("cron", "`cron` or `every`", "neither")),
    }
}
