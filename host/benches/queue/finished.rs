//! Finished jobs by the million, copied inside the database from one that really ran: the same row, with an id and times
//! of its own, spread over the last hour.

use rusqlite::Connection;
use sqlx::{AssertSqlSafe, Connection as _, PgConnection};

/// Columns that say when.
const TIMES: [&str; 4] = ["run_at", "started_at", "enqueued_at", "ended_at"];
const HOUR_MS: u64 = 3_600_000;

pub(crate) fn sqlite(url: &str, rows: u64) -> rusqlite::Result<()> {
    let mut db = Connection::open(url.strip_prefix("sqlite:").expect("made so"))?;
    let columns: Vec<String> = db
        .prepare("SELECT name FROM pragma_table_info('ended')")?
        .query_map([], |row| row.get(0))?
        .collect::<Result<_, _>>()?;
    let moment = format!("(CAST(unixepoch('subsec') * 1000 AS INTEGER) - {HOUR_MS} + n.i * {HOUR_MS} / {rows})");
    let id = format!("unhex(printf('%012x7%03x8%03x%012x', {moment}, n.i % 4096, n.i / 4096 % 4096, n.i))");
    let values = values(&columns, &id, &moment);
    let tx = db.transaction()?;
    tx.execute_batch(&format!(
        "CREATE TEMP TABLE one AS SELECT * FROM ended LIMIT 1;
         WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {rows})
         INSERT INTO ended ({}) SELECT {values} FROM n, one;
         DROP TABLE one;",
        columns.join(", ")
    ))?;
    tx.commit()?;
    db.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))
}

pub(crate) async fn postgres(url: &str, rows: u64) -> sqlx::Result<()> {
    let mut db = PgConnection::connect(url).await?;
    let columns: Vec<String> = sqlx::query_scalar(
        "SELECT column_name::text FROM information_schema.columns WHERE table_schema = 'ampule' AND table_name = 'ended' \
         ORDER BY ordinal_position",
    )
    .fetch_all(&mut db)
    .await?;
    let ms = format!("(extract(epoch FROM now()) * 1000)::int8 - {HOUR_MS} + n.i * {HOUR_MS} / {rows}");
    let hex = |digits: u32, of: &str| format!("lpad(to_hex(({of})::int8), {digits}, '0')");
    let id = format!(
        "({} || '7' || {} || '8' || {} || {})::uuid",
        hex(12, &ms),
        hex(3, "n.i % 4096"),
        hex(3, "n.i / 4096 % 4096"),
        hex(12, "n.i")
    );
    let values = values(&columns, &id, &format!("to_timestamp(({ms}) / 1000.0)"));
    let fill = format!(
        "INSERT INTO ampule.ended ({}) SELECT {values} FROM generate_series(1, {rows}) AS n(i), \
         (SELECT * FROM ampule.ended LIMIT 1) AS one",
        columns.join(", ")
    );
    for sql in [fill.as_str(), "VACUUM ANALYZE ampule.ended", "CHECKPOINT"] {
        sqlx::query(AssertSqlSafe(sql)).execute(&mut db).await?;
    }
    Ok(())
}

fn values(columns: &[String], id: &str, moment: &str) -> String {
    let value = |column: &String| match column.as_str() {
        "id" => id.to_owned(),
        column if TIMES.contains(&column) => moment.to_owned(),
        column => format!("one.{column}"),
    };
    columns.iter().map(value).collect::<Vec<_>>().join(", ")
}
