//! Looks for what should not be: damaged indexes, rows that contradict each other, jobs that are stuck.

use std::time::Duration;

use sqlx::Connection as _;
use sqlx::postgres::PgConnection;

use super::connection::{Stop, Work};
use super::live::clock;
use super::rows::{Read as _, millis};
use crate::job::JobId;
use crate::queue::{Finding, Now, Timestamp};

/// How long after its lease expired a job should have been taken back, if any worker is alive.
const OVERDUE: Duration = Duration::from_secs(5 * 60);

/// What rows must not say. Each finds at most a hundred of the jobs of which they do.
const CONTRADICTIONS: [(&str, &str); 7] = [
    (
        "jobs that are live and have ended",
        "SELECT j.id FROM ampule.jobs j WHERE EXISTS (SELECT FROM ampule.ended e WHERE e.id = j.id) LIMIT 100",
    ),
    (
        "running jobs without a worker, a lease or an attempt",
        "SELECT id FROM ampule.jobs WHERE state = 1 \
         AND (worker IS NULL OR lease_until IS NULL OR started_at IS NULL OR attempt = 0) LIMIT 100",
    ),
    ("queued jobs with a lease", "SELECT id FROM ampule.jobs WHERE state = 0 AND lease_until IS NOT NULL LIMIT 100"),
    (
        "jobs whose documents are missing",
        "SELECT id FROM (SELECT id, payload FROM ampule.jobs UNION ALL SELECT id, payload FROM ampule.ended) j \
         WHERE payload IS NULL AND NOT EXISTS (SELECT FROM ampule.payloads p WHERE p.job = j.id) LIMIT 100",
    ),
    (
        "unique keys of jobs that are not there",
        "SELECT k.job AS id FROM ampule.unique_keys k WHERE k.until IS NULL \
         AND NOT EXISTS (SELECT FROM ampule.jobs j WHERE j.id = k.job) \
         AND NOT EXISTS (SELECT FROM ampule.ended e WHERE e.id = k.job) LIMIT 100",
    ),
    (
        "programs that jobs mean and that are not stored",
        "SELECT j.id FROM ampule.jobs j WHERE j.program IS NOT NULL \
         AND NOT EXISTS (SELECT FROM ampule.programs p WHERE p.digest = j.program) LIMIT 100",
    ),
    (
        "documents, attempts or events of jobs that are not there",
        "SELECT k.job AS id FROM (SELECT job FROM ampule.payloads UNION SELECT job FROM ampule.attempts \
           UNION SELECT job FROM ampule.events) k \
         WHERE NOT EXISTS (SELECT FROM ampule.jobs j WHERE j.id = k.job) \
         AND NOT EXISTS (SELECT FROM ampule.ended e WHERE e.id = k.job) LIMIT 100",
    ),
];

/// What is not as it should be, the gravest first.
pub(super) fn check<'c>(connection: &'c mut PgConnection, at: &'c Now) -> Work<'c, Vec<Finding>> {
    Box::pin(async move {
        // At one moment, as jobs go from table to table.
        let mut tx = connection.begin_with("BEGIN ISOLATION LEVEL REPEATABLE READ, READ ONLY").await?;
        let mut findings = damage(&mut tx).await?;
        for (what, statement) in CONTRADICTIONS {
            findings.extend(finding(&mut tx, what, statement).await?);
        }
        findings.extend(names(&mut tx).await?);
        let now = clock(&mut tx, *at).await?;
        findings.extend(stuck(&mut tx, now).await?);
        tx.commit().await?;
        Ok(findings)
    })
}

/// Indexes that a failed change of the schema left behind: they are not used, or do not keep keys unique.
async fn damage(connection: &mut PgConnection) -> Result<Vec<Finding>, Stop> {
    let names: Vec<String> = sqlx::query_scalar(
        "SELECT c.relname::text FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid \
         JOIN pg_namespace n ON n.oid = c.relnamespace \
         WHERE n.nspname = 'ampule' AND NOT (i.indisvalid AND i.indisready) ORDER BY 1",
    )
    .fetch_all(connection)
    .await?;
    let what =
        |name: String| format!("the index ampule.{name} is not valid; make it again: REINDEX INDEX ampule.{name}");
    Ok(names.into_iter().map(|name| Finding { what: what(name), is_fault: true, jobs: Vec::new() }).collect())
}

/// Names of programs that are not there. Documents beside the jobs are JSON, or PostgreSQL would not have taken them.
async fn names(connection: &mut PgConnection) -> Result<Vec<Finding>, Stop> {
    let names: Vec<String> = sqlx::query_scalar(
        "SELECT n.name FROM (SELECT name, digest FROM ampule.program_names \
           UNION SELECT name, digest FROM ampule.program_versions) n \
         WHERE NOT EXISTS (SELECT FROM ampule.programs p WHERE p.digest = n.digest) ORDER BY 1 LIMIT 100",
    )
    .fetch_all(connection)
    .await?;
    let what = |name: String| format!("the name {name:?} means a program that is not stored");
    Ok(names.into_iter().map(|name| Finding { what: what(name), is_fault: true, jobs: Vec::new() }).collect())
}

async fn finding(connection: &mut PgConnection, what: &str, statement: &'static str) -> Result<Option<Finding>, Stop> {
    let found = sqlx::query(statement).fetch_all(connection).await?;
    let jobs: Vec<JobId> = found.iter().map(|row| row.id("id")).collect::<sqlx::Result<_>>()?;
    Ok((!jobs.is_empty()).then(|| Finding { what: what.to_owned(), is_fault: true, jobs }))
}

async fn stuck(connection: &mut PgConnection, now: Timestamp) -> Result<Option<Finding>, Stop> {
    let found = sqlx::query(
        "SELECT id FROM ampule.jobs WHERE state = 1 AND lease_until < $1::timestamptz - $2 * interval '1 ms' LIMIT 100",
    )
    .bind(now)
    .bind(millis(OVERDUE))
    .fetch_all(connection)
    .await?;
    let jobs: Vec<JobId> = found.iter().map(|row| row.id("id")).collect::<sqlx::Result<_>>()?;
    let what = "running jobs whose leases expired long ago: no worker is alive to take them back".to_owned();
    Ok((!jobs.is_empty()).then_some(Finding { what, is_fault: false, jobs }))
}
