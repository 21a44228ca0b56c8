//! How queues are served: read by claims and enqueues, set by people.

use std::collections::{BTreeMap, HashMap};

use rusqlite::{Connection, Row, params};

use super::insert::lane;
use super::rows::Sql;
use super::writer::{Stop, Tx};
use crate::queue::signal::Happened;
use crate::queue::{Mode, QueueInfo, QueueSettings, Timestamp};

/// Every queue that was configured.
pub(super) fn read_all(db: &Connection) -> rusqlite::Result<HashMap<String, QueueSettings>> {
    let mut read = db.prepare_cached("SELECT name, mode, max_running, max_running_per_tenant FROM queues")?;
    let rows = read.query_map([], |row| {
        // A mode that a later version knows hands nothing out here.
        let mode = row.get_ref(1)?.as_str()?.parse().unwrap_or(Mode::Paused);
        let settings = QueueSettings { mode, max_running: row.get(2)?, max_running_per_tenant: row.get(3)? };
        Ok((row.get(0)?, settings))
    })?;
    rows.collect()
}

/// Sets how a queue is served. When a limit for each tenant comes or goes, the lanes of its jobs change with it.
pub(super) fn configure(tx: &mut Tx<'_, '_>, queue: &str, settings: &QueueSettings) -> Result<(), Stop> {
    let was_limited = tx.queues()?.get(queue).is_some_and(|before| before.max_running_per_tenant.is_some());
    tx.forget_queues();
    let QueueSettings { mode, max_running, max_running_per_tenant } = settings;
    tx.prepare(
        "INSERT OR REPLACE INTO queues (name, mode, max_running, max_running_per_tenant) VALUES (?1, ?2, ?3, ?4)",
    )?
    .execute(params![queue, mode.as_str(), max_running, max_running_per_tenant])?;
    if was_limited != max_running_per_tenant.is_some() {
        set_lanes(tx, queue, settings)?;
    }
    tx.happened.add(Happened { ready: true, ..Happened::default() });
    Ok(())
}

fn set_lanes(tx: &Tx<'_, '_>, queue: &str, settings: &QueueSettings) -> Result<(), Stop> {
    // Gathered first: a row that is changed while its index is walked may come again.
    let mut read = tx.prepare("SELECT id, tenant, language FROM jobs WHERE queue = ?1")?;
    let rows = read.query_map([queue], |row| {
        let (tenant, language): (Option<String>, Option<String>) = (row.get(1)?, row.get(2)?);
        Ok((row.get::<_, [u8; 16]>(0)?, lane(Some(settings), tenant.as_deref(), language.as_deref())))
    })?;
    let lanes = rows.collect::<rusqlite::Result<Vec<_>>>()?;
    let mut update = tx.prepare("UPDATE jobs SET lane = ?2 WHERE id = ?1")?;
    lanes.into_iter().try_for_each(|(id, lane)| update.execute(params![id, lane]).map(drop))?;
    Ok(())
}

/// Every queue that was configured or has live jobs, in order of name.
pub(super) fn list(db: &Connection, now: Timestamp) -> rusqlite::Result<Vec<QueueInfo>> {
    // At one moment, as jobs go from state to state.
    let _moment = db.unchecked_transaction()?;
    let mut infos: BTreeMap<String, QueueInfo> = BTreeMap::new();
    for (name, settings) in read_all(db)? {
        infos.insert(name.clone(), empty(name, settings));
    }
    let mut info = |name: String, count: &mut dyn FnMut(&mut QueueInfo)| {
        count(infos.entry(name.clone()).or_insert_with(|| empty(name, QueueSettings::default())));
    };
    let count = |row: &Row<'_>, column| Ok::<_, rusqlite::Error>(row.get::<_, i64>(column)?.unsigned_abs());
    let mut waiting = db.prepare_cached(
        "SELECT queue, count(*), count(*) FILTER (WHERE run_at <= ?1), min(run_at) FROM jobs INDEXED BY jobs_ready \
         WHERE state = 0 AND held = 0 GROUP BY queue",
    )?;
    let mut rows = waiting.query([now.timestamp_millis()])?;
    while let Some(row) = rows.next()? {
        let (queued, due, Sql(oldest)) = (count(row, 1)?, count(row, 2)?, row.get::<_, Sql<Timestamp>>(3)?);
        info(row.get(0)?, &mut |info| {
            (info.queued, info.due, info.oldest_due) = (queued, due, Some(oldest).filter(|_| due > 0));
        });
    }
    let mut held = db.prepare_cached(
        "SELECT queue, count(*) FROM jobs INDEXED BY jobs_held WHERE state = 0 AND held = 1 GROUP BY queue",
    )?;
    let mut rows = held.query([])?;
    while let Some(row) = rows.next()? {
        let held = count(row, 1)?;
        info(row.get(0)?, &mut |info| (info.held, info.queued) = (held, info.queued + held));
    }
    let mut running =
        db.prepare_cached("SELECT queue, count(*) FROM jobs INDEXED BY jobs_running WHERE state = 1 GROUP BY queue")?;
    let mut rows = running.query([])?;
    while let Some(row) = rows.next()? {
        let running = count(row, 1)?;
        info(row.get(0)?, &mut |info| info.running = running);
    }
    Ok(infos.into_values().collect())
}

fn empty(name: String, settings: QueueSettings) -> QueueInfo {
    QueueInfo { name, settings, queued: 0, due: 0, held: 0, running: 0, oldest_due: None }
}
