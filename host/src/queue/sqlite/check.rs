//! Looks for what should not be: damage to the file, rows that contradict each other, jobs that are stuck.

use std::time::Duration;

use rusqlite::Connection;

use super::connection::fault;
use super::rows::{Sql, millis};
use crate::job::JobId;
use crate::queue::{Error, Finding, Timestamp};

/// The most jobs that a finding names.
const MAX_JOBS: usize = 100;
/// How long after its lease expired a job should have been taken back, if any worker is alive.
const OVERDUE: Duration = Duration::from_secs(5 * 60);

/// What rows must not say. Each finds the jobs of which they do.
const CONTRADICTIONS: [(&str, &str); 7] = [
    ("jobs that are live and have ended", "SELECT id FROM jobs WHERE id IN (SELECT id FROM ended)"),
    (
        "running jobs without a worker, a lease or an attempt",
        "SELECT id FROM jobs WHERE state = 1 \
         AND (worker IS NULL OR lease_until IS NULL OR started_at IS NULL OR attempt = 0)",
    ),
    ("queued jobs with a lease", "SELECT id FROM jobs WHERE state = 0 AND lease_until IS NOT NULL"),
    (
        "jobs whose documents are missing",
        "SELECT id FROM jobs WHERE payload IS NULL AND id NOT IN (SELECT job FROM payloads) \
         UNION ALL SELECT id FROM ended WHERE payload IS NULL AND id NOT IN (SELECT job FROM payloads)",
    ),
    (
        "unique keys of jobs that are not there",
        "SELECT job FROM unique_keys WHERE until IS NULL \
         AND job NOT IN (SELECT id FROM jobs) AND job NOT IN (SELECT id FROM ended)",
    ),
    (
        "programs that jobs mean and that are not stored",
        "SELECT id FROM jobs WHERE program IS NOT NULL AND program NOT IN (SELECT digest FROM programs)",
    ),
    (
        "documents, attempts or events of jobs that are not there",
        "SELECT job FROM (SELECT job FROM payloads UNION SELECT job FROM attempts UNION SELECT job FROM events) \
         WHERE job NOT IN (SELECT id FROM jobs) AND job NOT IN (SELECT id FROM ended)",
    ),
];

/// What is not as it should be, the gravest first.
pub(super) fn check(db: &Connection, now: Timestamp) -> Result<Vec<Finding>, Error> {
    // At one moment, as jobs go from table to table.
    let _moment = db.unchecked_transaction().map_err(fault)?;
    let mut findings = damage(db)?;
    for (what, sql) in CONTRADICTIONS {
        findings.extend(finding(what, true, jobs(db, sql)?));
    }
    findings.extend(rows(db)?);
    let before = now.timestamp_millis().saturating_sub(millis(OVERDUE));
    let stuck = format!("SELECT id FROM jobs WHERE state = 1 AND lease_until < {before}");
    let what = "running jobs whose leases expired long ago: no worker is alive to take them back";
    findings.extend(finding(what, false, jobs(db, &stuck)?));
    Ok(findings)
}

/// What SQLite finds wrong with the file itself.
fn damage(db: &Connection) -> Result<Vec<Finding>, Error> {
    let read = || -> rusqlite::Result<Vec<String>> {
        db.prepare("PRAGMA integrity_check")?.query_map([], |row| row.get(0))?.collect()
    };
    let lines = read().map_err(fault)?;
    let damage = lines.into_iter().filter(|line| line != "ok");
    Ok(damage.map(|what| Finding { what, is_fault: true, jobs: Vec::new() }).collect())
}

/// Names and documents beside the jobs that are of no use.
fn rows(db: &Connection) -> Result<Vec<Finding>, Error> {
    let read = |sql: &str| -> rusqlite::Result<Vec<String>> {
        db.prepare(&format!("{sql} LIMIT {MAX_JOBS}"))?.query_map([], |row| row.get(0))?.collect()
    };
    let names = read(
        "SELECT name FROM (SELECT name, digest FROM program_names UNION SELECT name, digest FROM program_versions) \
         WHERE digest NOT IN (SELECT digest FROM programs)",
    );
    let names =
        names.map_err(fault)?.into_iter().map(|name| format!("the name {name:?} means a program that is not stored"));
    let entries = read("SELECT kind || ' ' || name FROM entries WHERE NOT json_valid(document)").map_err(fault)?;
    let entries = entries.into_iter().map(|entry| format!("the entry {entry:?} is no JSON"));
    Ok(names.chain(entries).map(|what| Finding { what, is_fault: true, jobs: Vec::new() }).collect())
}

fn jobs(db: &Connection, sql: &str) -> Result<Vec<JobId>, Error> {
    let read = || -> rusqlite::Result<Vec<JobId>> {
        let mut read = db.prepare(&format!("{sql} LIMIT {MAX_JOBS}"))?;
        read.query_map([], |row| Ok(row.get::<_, Sql<JobId>>(0)?.0))?.collect()
    };
    read().map_err(fault)
}

fn finding(what: &str, is_fault: bool, jobs: Vec<JobId>) -> Option<Finding> {
    (!jobs.is_empty()).then(|| Finding { what: what.to_owned(), is_fault, jobs })
}
