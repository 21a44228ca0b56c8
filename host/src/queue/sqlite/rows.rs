//! How values stand in the tables: times, ids, states and scopes, both ways. Pure.

use chrono::DateTime;
use rusqlite::types::{FromSql, FromSqlError, FromSqlResult, ValueRef};

use crate::failure::Kind;
use crate::job::{Digest, JobId};
use crate::queue::{AttemptEnd, Error, Payload, State, Timestamp, UniqueScope, WorkerId, stored};

/// A value as it stands in a table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Sql<T>(pub(super) T);

/// The scope that frees a key at the end of its job.
pub(super) const UNFINISHED: i64 = 1;
/// The scope that frees a key at a moment, whatever became of its job.
pub(super) const PERIOD: i64 = 2;

/// What cannot be read of a job.
pub(super) fn corrupt(job: JobId, message: impl ToString) -> Error {
    Error::Corrupt { job: Some(job), message: message.to_string() }
}

/// Reads the document of a payload, or says why it cannot be read.
pub(super) fn payload(document: &[u8]) -> Result<Payload, String> {
    let json = std::str::from_utf8(document).map_err(|error| error.to_string())?;
    stored::payload_from_json(json).map_err(|error| error.to_string())
}

/// Milliseconds as an instant.
pub(super) fn timestamp(millis: i64) -> FromSqlResult<Timestamp> {
    DateTime::from_timestamp_millis(millis).ok_or(FromSqlError::OutOfRange(millis))
}

/// An instant, cut to what is stored of it.
pub(super) fn whole_millis(instant: Timestamp) -> Timestamp {
    timestamp(instant.timestamp_millis()).unwrap_or(instant)
}

/// The number of a scope, and the milliseconds of a period.
pub(super) fn scope(scope: UniqueScope) -> (i64, Option<i64>) {
    match scope {
        UniqueScope::Forever => (0, None),
        UniqueScope::Unfinished => (UNFINISHED, None),
        UniqueScope::Period(period) => (PERIOD, Some(millis(period))),
    }
}

/// A duration in milliseconds.
pub(super) fn millis(duration: std::time::Duration) -> i64 {
    i64::try_from(crate::queue::milliseconds::of(duration)).unwrap_or(i64::MAX)
}

impl State {
    pub(super) fn number(self) -> i64 {
        match self {
            State::Queued => 0,
            State::Running => 1,
            State::Completed => 2,
            State::Failed => 3,
            State::Cancelled => 4,
        }
    }
}

macro_rules! bytes {
    ($type:ty) => {
        impl FromSql for Sql<$type> {
            fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
                FromSql::column_result(value).map(|bytes| Sql(<$type>::from_bytes(bytes)))
            }
        }
    };
}

bytes!(JobId);
bytes!(WorkerId);
bytes!(Digest);

impl FromSql for Sql<Timestamp> {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
        timestamp(value.as_i64()?).map(Sql)
    }
}

impl FromSql for Sql<State> {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
        let number = value.as_i64()?;
        let state = State::ALL.into_iter().find(|state| state.number() == number);
        state.map(Sql).ok_or(FromSqlError::OutOfRange(number))
    }
}

impl FromSql for Sql<Kind> {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
        named(value, Kind::ALL.into_iter(), Kind::as_str)
    }
}

impl FromSql for Sql<AttemptEnd> {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
        named(value, AttemptEnd::ALL.into_iter(), AttemptEnd::as_str)
    }
}

fn named<T: Copy>(
    value: ValueRef<'_>,
    mut all: impl Iterator<Item = T>,
    name: impl Fn(T) -> &'static str,
) -> FromSqlResult<Sql<T>> {
    let found = value.as_str()?;
    let unknown = || FromSqlError::Other(format!("an unknown name, {found:?}").into());
    all.find(|known| name(*known) == found).map(Sql).ok_or_else(unknown)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_state_stands_as_the_number_that_the_schema_tells_of() {
        for (number, state) in (0..).zip(State::ALL) {
            assert_eq!(state.number(), number);
            assert_eq!(Sql::<State>::column_result(ValueRef::Integer(number)), Ok(Sql(state)));
        }
        assert!(Sql::<State>::column_result(ValueRef::Integer(5)).is_err());
    }

    #[test]
    fn an_id_of_another_length_is_refused() {
        let id = JobId::fresh();
        assert_eq!(Sql::<JobId>::column_result(ValueRef::Blob(&id.to_bytes())), Ok(Sql(id)));
        assert!(Sql::<JobId>::column_result(ValueRef::Blob(&id.to_bytes()[1..])).is_err());
    }
}
