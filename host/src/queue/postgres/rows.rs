//! How values stand in the tables: times, ids, states and scopes, both ways. Pure.

use std::time::Duration;

use sqlx::Row as _;
use sqlx::postgres::PgRow;
use uuid::Uuid;

use crate::failure::Kind;
use crate::job::{Digest, JobId};
use crate::queue::{AttemptEnd, Error, LeaseKey, Now, State, Timestamp, UniqueScope, WorkerId, milliseconds};

/// The scope that ends at a moment of its own.
pub(super) const PERIOD: i16 = 2;

/// The time by which a statement decides: what stands in this place of its arguments, or the database's clock, to the
/// millisecond.
macro_rules! now {
    ($given:literal) => {
        concat!("coalesce(", $given, "::timestamptz, date_trunc('milliseconds', statement_timestamp()))")
    };
}
pub(super) use now;

/// An instant to the millisecond.
pub(super) fn cut(time: Timestamp) -> Timestamp {
    Timestamp::from_timestamp_millis(time.timestamp_millis()).unwrap_or(time)
}

/// The same for one that may be missing.
pub(super) fn given(now: Now) -> Option<Timestamp> {
    now.map(cut)
}

/// A duration in milliseconds.
pub(super) fn millis(duration: Duration) -> i64 {
    i64::try_from(milliseconds::of(duration)).unwrap_or(i64::MAX)
}

/// The number of a scope, and the milliseconds of a period.
pub(super) fn scope(scope: UniqueScope) -> (i16, Option<i64>) {
    match scope {
        UniqueScope::Forever => (0, None),
        UniqueScope::Unfinished => (1, None),
        UniqueScope::Period(period) => (PERIOD, Some(millis(period))),
    }
}

/// A count or a number that the columns' types can hold.
pub(super) fn integer(number: u32) -> i32 {
    i32::try_from(number).unwrap_or(i32::MAX)
}

/// Text without what PostgreSQL's text cannot hold.
pub(super) fn text(text: &str) -> std::borrow::Cow<'_, str> {
    if text.contains('\0') { text.replace('\0', "\u{fffd}").into() } else { text.into() }
}

pub(super) fn uuid(id: JobId) -> Uuid {
    Uuid::from_bytes(id.to_bytes())
}

pub(super) fn uuids(ids: &[JobId]) -> Vec<Uuid> {
    ids.iter().copied().map(uuid).collect()
}

pub(super) fn worker_uuid(worker: WorkerId) -> Uuid {
    Uuid::from_bytes(worker.to_bytes())
}

pub(super) fn state_number(state: State) -> i16 {
    match state {
        State::Queued => 0,
        State::Running => 1,
        State::Completed => 2,
        State::Failed => 3,
        State::Cancelled => 4,
    }
}

/// What cannot be read of a job.
pub(super) fn corrupt(job: JobId, message: impl ToString) -> Error {
    Error::Corrupt { job: Some(job), message: message.to_string() }
}

/// A value of a column, read into the words of a queue.
pub(super) trait Read {
    fn id(&self, column: &str) -> sqlx::Result<JobId>;
    fn optional_id(&self, column: &str) -> sqlx::Result<Option<JobId>>;
    fn optional_worker(&self, column: &str) -> sqlx::Result<Option<WorkerId>>;
    fn count(&self, column: &str) -> sqlx::Result<u32>;
    /// The lease of a job that a worker has, from its columns.
    fn key(&self) -> sqlx::Result<LeaseKey>;
    fn state(&self, column: &str) -> sqlx::Result<State>;
    fn digest(&self, column: &str) -> sqlx::Result<Digest>;
    fn optional_digest(&self, column: &str) -> sqlx::Result<Option<Digest>>;
    fn optional_kind(&self, column: &str) -> sqlx::Result<Option<Kind>>;
    fn attempt_end(&self, column: &str) -> sqlx::Result<AttemptEnd>;
}

impl Read for PgRow {
    fn id(&self, column: &str) -> sqlx::Result<JobId> {
        Ok(JobId::from_bytes(self.try_get::<Uuid, _>(column)?.into_bytes()))
    }

    fn optional_id(&self, column: &str) -> sqlx::Result<Option<JobId>> {
        Ok(self.try_get::<Option<Uuid>, _>(column)?.map(|id| JobId::from_bytes(id.into_bytes())))
    }

    fn optional_worker(&self, column: &str) -> sqlx::Result<Option<WorkerId>> {
        Ok(self.try_get::<Option<Uuid>, _>(column)?.map(|id| WorkerId::from_bytes(id.into_bytes())))
    }

    fn count(&self, column: &str) -> sqlx::Result<u32> {
        let number: i32 = self.try_get(column)?;
        u32::try_from(number).map_err(|_| unknown(column, &number))
    }

    fn key(&self) -> sqlx::Result<LeaseKey> {
        let worker = self.optional_worker("worker")?.ok_or_else(|| unknown("worker", &"nothing"))?;
        Ok(LeaseKey { job: self.id("id")?, attempt: self.count("attempt")?, worker })
    }

    fn state(&self, column: &str) -> sqlx::Result<State> {
        let number: i16 = self.try_get(column)?;
        let state = State::ALL.into_iter().find(|state| state_number(*state) == number);
        state.ok_or_else(|| unknown(column, &number))
    }

    fn digest(&self, column: &str) -> sqlx::Result<Digest> {
        self.optional_digest(column)?.ok_or_else(|| unknown(column, &"nothing"))
    }

    fn optional_digest(&self, column: &str) -> sqlx::Result<Option<Digest>> {
        let Some(bytes) = self.try_get::<Option<&[u8]>, _>(column)? else { return Ok(None) };
        let bytes = <[u8; 32]>::try_from(bytes).map_err(|_| unknown(column, &bytes))?;
        Ok(Some(Digest::from_bytes(bytes)))
    }

    fn optional_kind(&self, column: &str) -> sqlx::Result<Option<Kind>> {
        let found: Option<&str> = self.try_get(column)?;
        found.map(|kind| kind.parse().map_err(|_| unknown(column, &kind))).transpose()
    }

    fn attempt_end(&self, column: &str) -> sqlx::Result<AttemptEnd> {
        let found: &str = self.try_get(column)?;
        found.parse().map_err(|_| unknown(column, &found))
    }
}

fn unknown(column: &str, found: &dyn std::fmt::Debug) -> sqlx::Error {
    let source = format!("expected what this version knows, found {found:?}").into();
    sqlx::Error::ColumnDecode { index: column.to_owned(), source }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_state_stands_as_the_number_that_the_schema_tells_of() {
        assert_eq!(State::ALL.map(state_number), [0, 1, 2, 3, 4]);
    }

    #[test]
    fn text_loses_only_what_postgresql_cannot_hold() {
        assert_eq!(text("a\0b"), "a\u{fffd}b");
        assert_eq!(text("ä\u{1}"), "ä\u{1}");
    }
}
