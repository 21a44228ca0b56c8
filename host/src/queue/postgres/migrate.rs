//! The schema, brought up to date step by step. Each step is a transaction; one process takes it, the others wait.

use sqlx::postgres::{PgConnection, PgPool};
use sqlx::{Acquire as _, AssertSqlSafe};

use super::connection::{Stop, Work, at_leisure, within};
use crate::queue::Error;

/// The steps, in order. One that was ever released is never changed.
const STEPS: [&str; 5] = [
    include_str!("schema/0001_jobs.sql"),
    include_str!("schema/0002_schedules.sql"),
    include_str!("schema/0003_entries_and_versions.sql"),
    include_str!("schema/0004_what_workers_serve.sql"),
    include_str!("schema/0005_who_named_a_program.sql"),
];

/// The version after the last step.
const NEWEST: i64 = STEPS.len() as i64;

/// Who migrates holds this lock of the database: `ampule` in ASCII.
const LOCK: i64 = 0x61_6d_70_75_6c_65;

/// Brings the schema up to date.
pub(super) async fn migrate(pool: &PgPool) -> Result<(), Error> {
    // Whoever opens a queue that is up to date waits for nobody.
    while within(pool, &(), version).await? < NEWEST {
        // A large table may take longer to change than any verb.
        at_leisure(pool, &(), step).await?;
    }
    Ok(())
}

/// Takes one step, unless another process took it first.
fn step<'c>(connection: &'c mut PgConnection, _: &'c ()) -> Work<'c, ()> {
    Box::pin(take_step(connection))
}

async fn take_step(connection: &mut PgConnection) -> Result<(), Stop> {
    let mut tx = connection.begin().await?;
    sqlx::raw_sql("SET LOCAL statement_timeout = 0; SET LOCAL lock_timeout = 0").execute(&mut *tx).await?;
    sqlx::query("SELECT pg_advisory_xact_lock($1)").bind(LOCK).execute(&mut *tx).await?;
    let version = version(&mut tx, &()).await?;
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
fn version<'c>(connection: &'c mut PgConnection, _: &'c ()) -> Work<'c, i64> {
    Box::pin(async move {
        // The catalog's tables say what is there now. `to_regclass` answers from what this connection remembers of them,
        // which after the wait for another's step is the time before it.
        let is_there: bool = sqlx::query_scalar(
            "SELECT EXISTS (SELECT FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace \
             WHERE n.nspname = 'ampule' AND c.relname = 'schema_versions')",
        )
        .fetch_one(&mut *connection)
        .await?;
        if !is_there {
            return Ok(0);
        }
        let found: i64 = sqlx::query_scalar("SELECT coalesce(max(version), 0) FROM ampule.schema_versions")
            .fetch_one(connection)
            .await?;
        if found > NEWEST { Err(Error::NewerSchema { found, known: NEWEST }.into()) } else { Ok(found) }
    })
}
