//! What SQLite does without a queue around it: a hundred rows inserted, a hundred claimed, a hundred completed, each in
//! one transaction that waits for the disk. One thread, one table, no results, nothing that runs.

use std::path::Path;
use std::time::Instant;

use rusqlite::{Connection, params};

use crate::meter;
use crate::report::Sample;

const BATCH: u64 = 100;

const SCHEMA: &str = "
    PRAGMA journal_mode = WAL;
    PRAGMA synchronous = FULL;
    PRAGMA cache_size = -65536;
    CREATE TABLE jobs (
        id INTEGER PRIMARY KEY, state INTEGER NOT NULL DEFAULT 0, run_at INTEGER NOT NULL, attempt INTEGER NOT NULL DEFAULT 0,
        worker TEXT, lease_until INTEGER, payload BLOB NOT NULL, result BLOB
    );
    CREATE INDEX jobs_ready ON jobs (run_at, id) WHERE state = 0;
";

pub(crate) fn run(url: &str, count: u64) -> Sample {
    let path = url.strip_prefix("sqlite:").expect("made so");
    let mut db = Connection::open(Path::new(path)).expect("a new file");
    db.execute_batch(SCHEMA).expect("a new file");
    let payload = format!(r#"{{"n":1,"padding":"{}"}}"#, "x".repeat(80));
    let (syncs, cpu, begun) = (meter::syncs_of_this_process(), meter::cpu_of_this_process(), Instant::now());
    for batch in 0..count / BATCH {
        insert(&mut db, batch, payload.as_bytes()).expect("room on the disk");
        let claimed = claim(&mut db, batch).expect("room on the disk");
        assert_eq!(claimed.len() as u64, BATCH);
        complete(&mut db, &claimed, payload.as_bytes()).expect("room on the disk");
    }
    let seconds = begun.elapsed().as_secs_f64();
    let done: i64 = db.query_row("SELECT count(*) FROM jobs WHERE state = 2", [], |row| row.get(0)).expect("a table");
    Sample {
        asked: count,
        done: done.unsigned_abs(),
        seconds,
        client_cpu: meter::cpu_of_this_process() - cpu,
        server_cpu: None,
        syncs: Some(meter::syncs_of_this_process() - syncs),
    }
}

fn insert(db: &mut Connection, batch: u64, payload: &[u8]) -> rusqlite::Result<()> {
    let tx = db.transaction()?;
    for _ in 0..BATCH {
        tx.prepare_cached("INSERT INTO jobs (run_at, payload) VALUES (?1, ?2)")?
            .execute(params![batch.cast_signed(), payload])?;
    }
    tx.commit()
}

fn claim(db: &mut Connection, batch: u64) -> rusqlite::Result<Vec<(i64, i64)>> {
    let tx = db.transaction()?;
    let claimed = tx
        .prepare_cached(
            "UPDATE jobs SET state = 1, attempt = attempt + 1, worker = 'w', lease_until = ?2 WHERE id IN \
             (SELECT id FROM jobs WHERE state = 0 AND run_at <= ?2 ORDER BY run_at, id LIMIT ?1) \
             RETURNING id, attempt, payload",
        )?
        .query_map(params![BATCH.cast_signed(), batch.cast_signed()], |row| Ok((row.get(0)?, row.get(1)?)))?
        .collect::<rusqlite::Result<_>>()?;
    tx.commit()?;
    Ok(claimed)
}

fn complete(db: &mut Connection, claimed: &[(i64, i64)], result: &[u8]) -> rusqlite::Result<()> {
    let tx = db.transaction()?;
    for (id, attempt) in claimed {
        tx.prepare_cached("UPDATE jobs SET state = 2, result = ?3, lease_until = NULL WHERE id = ?1 AND attempt = ?2")?
            .execute(params![id, attempt, result])?;
    }
    tx.commit()
}
