//! How queues are served: set by people, and told with what the queues hold.

use std::collections::BTreeMap;

use sqlx::postgres::{PgConnection, PgRow};
use sqlx::{Connection as _, Row as _};

use super::connection::Work;
use super::insert::lane;
use super::rows::{given, now};
use crate::queue::{Mode, Now, QueueInfo, QueueSettings};

/// The class of the locks of queues that are being configured: `amq` in ASCII. Others' locks have other numbers.
const SETTINGS: i32 = 0x61_6d_71;

/// Sets how a queue is served. When a limit for each tenant comes or goes, the lanes of its jobs change with it: then
/// nobody else may write jobs, which would be stored in the lanes of before.
pub(super) fn configure<'c>(
    connection: &'c mut PgConnection,
    (queue, settings): &'c (&str, &QueueSettings),
) -> Work<'c, ()> {
    Box::pin(async move {
        let mut tx = connection.begin().await?;
        // What was set before is read when nobody else sets it: the lanes are those of the settings that are read here.
        sqlx::query("SELECT pg_advisory_xact_lock($1, hashtext($2))")
            .bind(SETTINGS)
            .bind(queue)
            .execute(&mut *tx)
            .await?;
        let was_limited: Option<bool> =
            sqlx::query_scalar("SELECT max_running_per_tenant IS NOT NULL FROM ampule.queues WHERE name = $1")
                .bind(queue)
                .fetch_optional(&mut *tx)
                .await?;
        let changes_lanes = was_limited.unwrap_or(false) != settings.max_running_per_tenant.is_some();
        if changes_lanes {
            sqlx::query("LOCK TABLE ampule.jobs IN SHARE ROW EXCLUSIVE MODE").execute(&mut *tx).await?;
        }
        sqlx::query(
            "INSERT INTO ampule.queues (name, mode, max_running, max_running_per_tenant) VALUES ($1, $2, $3, $4) \
             ON CONFLICT (name) DO UPDATE SET mode = excluded.mode, max_running = excluded.max_running, \
               max_running_per_tenant = excluded.max_running_per_tenant",
        )
        .bind(queue)
        .bind(settings.mode.as_str())
        .bind(settings.max_running.map(i64::from))
        .bind(settings.max_running_per_tenant.map(i64::from))
        .execute(&mut *tx)
        .await?;
        if changes_lanes {
            sqlx::query(concat!(
                "UPDATE ampule.jobs j SET lane = ",
                lane!("j", "q"),
                " FROM ampule.queues q WHERE q.name = $1 AND j.queue = $1",
            ))
            .bind(queue)
            .execute(&mut *tx)
            .await?;
        }
        Ok(tx.commit().await?)
    })
}

/// Every queue that was configured or has live jobs, in order of name.
pub(super) fn list<'c>(connection: &'c mut PgConnection, at: &'c Now) -> Work<'c, Vec<QueueInfo>> {
    Box::pin(async move {
        let found = sqlx::query(concat!(
            "SELECT coalesce(q.name, c.queue) AS name, q.mode, q.max_running, q.max_running_per_tenant, \
               coalesce(c.queued, 0) AS queued, coalesce(c.due, 0) AS due, coalesce(c.held, 0) AS held, \
               coalesce(c.running, 0) AS running, c.oldest_due \
             FROM ampule.queues q FULL JOIN ( \
               SELECT queue, count(*) FILTER (WHERE state = 0) AS queued, \
                 count(*) FILTER (WHERE state = 0 AND NOT held AND run_at <= ",
            now!("$1"),
            ") AS due, count(*) FILTER (WHERE state = 0 AND held) AS held, \
                 count(*) FILTER (WHERE state = 1) AS running, \
                 min(run_at) FILTER (WHERE state = 0 AND NOT held AND run_at <= ",
            now!("$1"),
            ") AS oldest_due FROM ampule.jobs GROUP BY queue \
             ) c ON c.queue = q.name",
        ))
        .bind(given(*at))
        .fetch_all(connection)
        .await?;
        let mut infos = BTreeMap::new();
        for row in &found {
            let info = info(row)?;
            infos.insert(info.name.clone(), info);
        }
        Ok(infos.into_values().collect())
    })
}

fn info(row: &PgRow) -> sqlx::Result<QueueInfo> {
    let count = |column| Ok::<u64, sqlx::Error>(row.try_get::<i64, _>(column)?.unsigned_abs());
    let limit = |column| {
        let limit: Option<i64> = row.try_get(column)?;
        Ok::<Option<u32>, sqlx::Error>(limit.map(|limit| u32::try_from(limit).unwrap_or(u32::MAX)))
    };
    let mode: Option<&str> = row.try_get("mode")?;
    let settings = QueueSettings {
        // A mode that a later version knows hands nothing out here.
        mode: mode.map_or(Mode::Open, |mode| mode.parse().unwrap_or(Mode::Paused)),
        max_running: limit("max_running")?,
        max_running_per_tenant: limit("max_running_per_tenant")?,
    };
    Ok(QueueInfo {
        name: row.try_get("name")?,
        settings,
        queued: count("queued")?,
        due: count("due")?,
        held: count("held")?,
        running: count("running")?,
        oldest_due: row.try_get("oldest_due")?,
    })
}
