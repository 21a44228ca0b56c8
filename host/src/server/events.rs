//! A job's life as a stream of events that can be taken up again anywhere, from wherever it broke off.
//!
//! Nothing is kept for a stream: what it tells is worked out from what the queue knows, each time anew.

mod cursor;
mod document;
mod encode;
mod follow;
mod story;
mod streams;
mod untold;

use std::sync::Arc;

pub(crate) use self::cursor::Cursor;
pub(crate) use self::document::{Ended, Queued, Started, Told};
use self::follow::Follow;
pub(crate) use self::streams::Streams;
use super::App;
use super::access::Principal;
use super::problem::{Problem, Result};
use crate::job::JobId;

/// What comes of a request for a stream.
pub(crate) enum Opened {
    /// The body of the answer.
    Stream(axum::body::Body),
    /// The end was told, and there is nothing after it: a browser does not come back then.
    NothingLeft,
}

/// Opens a stream of what happened to a job after the cursor, and happens from now on.
pub(crate) async fn open(app: App, principal: Arc<Principal>, job: JobId, cursor: Option<Cursor>) -> Result<Opened> {
    let seat = app.streams.seat(&principal.token, &app.settings)?;
    // Made before the look, so that nothing is missed between the two.
    let signals = app.queue.signals();
    let record = app.queue.get(job).await?.filter(|record| principal.sees(record.summary.tenant.as_deref()));
    let record = record.ok_or_else(|| Problem::not_found("job"))?;
    if let Some(cursor) = cursor.filter(|cursor| !cursor.is_of(&record)) {
        return Err(Problem::invalid("Last-Event-ID", "the id of an event of this job", format!("`{cursor}`")));
    }
    if cursor.is_some_and(|cursor| story::is_told(cursor, &record)) {
        return Ok(Opened::NothingLeft);
    }
    Ok(Opened::Stream(Follow::new(app, principal, job, cursor, signals, seat).body()))
}
