//! Unique keys: which jobs have them.

use rusqlite::{Connection, OptionalExtension as _, params};

use super::rows::Sql;
use crate::job::JobId;
use crate::queue::UniqueKey;

/// The job that has the key of a tenant, empty for none, unless its time is over.
pub(super) const HOLDER: &str =
    "SELECT job FROM unique_keys WHERE tenant = ?1 AND key = ?2 AND (until IS NULL OR until > ?3)";

/// The jobs that have these keys, as of one moment.
pub(super) fn holders(db: &Connection, keys: &[UniqueKey], now: i64) -> rusqlite::Result<Vec<Option<JobId>>> {
    let _moment = db.unchecked_transaction()?;
    let mut find = db.prepare_cached(HOLDER)?;
    let mut holder = |UniqueKey { tenant, key }: &UniqueKey| {
        let tenant = tenant.as_deref().unwrap_or_default();
        let found = find.query_row(params![tenant, key, now], |row| row.get::<_, Sql<JobId>>(0)).optional()?;
        Ok(found.map(|Sql(holder)| holder))
    };
    keys.iter().map(&mut holder).collect()
}
