//! The schema, brought up to date step by step. Each step is a transaction; one process takes it, the others wait.

use sqlx::postgres::PgConnection;
use sqlx::{Acquire as _, AssertSqlSafe};

use super::connection::{Stop, Work};
use crate::queue::Error;

/// The steps, in order. One that was ever released is never changed.
const STEPS: [&str; 4] = [
    include_str!("schema/0001_jobs.sql"),
    include_str!("schema/0002_schedules.sql"),
    include_str!("schema/0003_entries_and_versions.sql"),
    include_str!("schema/0004_what_workers_serve.sql"),
];

/// The version after the last step.
const NEWEST: i64 = STEPS.len() as i64;

/// Who migrates holds this lock of the database: `ampule` in ASCII.
const LOCK: i64 = 0x61_6d_70_75_6c_65;

/// Brings the schema up to date.
pub(super) fn migrate<'c>(connection: &'c mut PgConnection, _: &'c ()) -> Work<'c, ()> {
    Box::pin(async move {
        // Whoever opens a queue that is up to date waits for nobody.
        while version(connection).await? < NEWEST {
            step(connection).await?;
        }
        Ok(())
    })
}

/// Takes one step, unless another process took it first.
async fn step(connection: &mut PgConnection) -> Result<(), Stop> {
    let mut tx = connection.begin().await?;
    // A large table may take longer to change than any verb.
    sqlx::raw_sql("SET LOCAL statement_timeout = 0; SET LOCAL lock_timeout = 0").execute(&mut *tx).await?;
    sqlx::query("SELECT pg_advisory_xact_lock($1)").bind(LOCK).execute(&mut *tx).await?;
    let version = version(&mut tx).await?;
    let Some(step) = usize::try_from(version).ok().and_then(|version| STEPS.get(version)) else { return Ok(()) };
    sqlx::raw_sql("CREATE SCHEMA IF NOT EXISTS ampule").execute(&mut *tx).await?;
    sqlx::raw_sql(
        "CREATE TABLE IF NOT EXISTS ampule.schema_versions (\
         version bigint PRIMARY KEY, applied_at timestamptz NOT NULL DEFAULT now())",
    )
    .execute(&mut *tx)
    .await?;
    sqlx::raw_sql(AssertSqlSafe(*step)).execute(&mut *tx).await?;
    sqlx::query("INSERT INTO ampule.schema_versions (version) VALUES ($1)").bind(version + 1).execute(&mut *tx).await?;
    Ok(tx.commit().await?)
}

/// The version that the database has; 0 for one that never had a queue.
async fn version(connection: &mut PgConnection) -> Result<i64, Stop> {
    let is_there: bool = sqlx::query_scalar("SELECT to_regclass('ampule.schema_versions') IS NOT NULL")
        .fetch_one(&mut *connection)
        .await?;
    if !is_there {
        return Ok(0);
    }
    let found: i64 = sqlx::query_scalar("SELECT coalesce(max(version), 0) FROM ampule.schema_versions")
        .fetch_one(connection)
        .await?;
    if found > NEWEST { Err(Error::NewerSchema { found, known: NEWEST }.into()) } else { Ok(found) }
}
