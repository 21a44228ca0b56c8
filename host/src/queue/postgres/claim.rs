//! Jobs on their way out.
//!
//! Jobs that wait lie in groups of one queue, priority and lane, each group in the order in which it is due. A claim
//! leaps from group to group through the index and takes from their heads, so it never looks at what it cannot have:
//! jobs that are not due, are held, or whose tenant or language must wait.
//!
//! A claim is one statement that answers what it took and, if some of the queues that it wants have limits, which these
//! are. Then it took nothing and is made again with these queues locked, so that whoever counts what runs in one of them
//! is alone.

use std::time::Duration;

use sqlx::postgres::{PgArguments, PgConnection, PgRow};
use sqlx::query::Query;
use sqlx::{Connection as _, Postgres, Row as _};

use super::connection::{Stop, Work};
use super::rows::{Read as _, given, millis, now, text, worker_uuid};
use crate::queue::new_job::DELIVERY_QUEUE;
use crate::queue::{Claim, Lease, LeaseKey, Now, Queues, stored};

/// The most jobs of one claim, whatever its slots: as many as one call may enqueue.
const MAX_SLOTS: i64 = 10_000;
/// How many heads of a group are looked at beyond those that are wanted: some are another's who claims at this moment.
const REACH: i64 = 64;
/// How far that goes at most, in a few steps.
const MAX_REACH: i64 = 100_000;
/// The class of the locks of queues with limits: `amp` in ASCII. Others' locks have other numbers.
const LIMITS: i32 = 0x61_6d_70;
/// Where the names of deliveries begin and end, and a sign that is behind all names.
const BEFORE_DELIVERIES: &str = "@";
const AFTER_DELIVERIES: &str = "A";
const LAST: &str = "\u{10ffff}";

/// What a claim found.
#[derive(Debug, Default)]
pub(super) struct ClaimedRows {
    pub(super) leases: Vec<Lease>,
    /// What was handed out and cannot be read.
    pub(super) unreadable: Vec<(LeaseKey, String)>,
    pub(super) next_due: Option<Duration>,
    /// The queues with limits among those that were wanted and have jobs.
    pub(super) limited: Vec<String>,
}

/// A claim, as the statements need it.
#[derive(Debug)]
pub(super) struct Ask<'a> {
    claim: &'a Claim,
    now: Now,
    lows: Vec<&'a str>,
    highs: Vec<String>,
    languages: Option<Vec<String>>,
    slots: i64,
    limited: Vec<String>,
}

/// What one statement gave.
struct Taken {
    found: ClaimedRows,
    /// The queues with limits; if one of them was not locked, nothing was taken.
    limited: Vec<String>,
    /// How many heads it saw.
    seen: i64,
}

/// Hands out due jobs. Of `limited`, as it was the last time, it is told which queues have limits.
pub(super) fn claim<'c>(connection: &'c mut PgConnection, asked: &'c Ask<'_>) -> Work<'c, ClaimedRows> {
    Box::pin(async move {
        if asked.slots == 0 || asked.lows.is_empty() {
            return Ok(ClaimedRows::default());
        }
        let mut reach = REACH + asked.slots;
        let mut locked = asked.limited.clone();
        loop {
            let mut taken = if locked.is_empty() {
                take(connection, asked, reach).await?
            } else {
                let mut tx = connection.begin().await?;
                lock(&mut tx, &locked).await?;
                let taken = take_limited(&mut tx, asked, reach, &locked).await?;
                tx.commit().await?;
                taken
            };
            if taken.limited.iter().any(|queue| !locked.contains(queue)) {
                locked.append(&mut taken.limited);
                locked.sort();
                locked.dedup();
            } else if taken.count() == 0 && taken.seen >= reach && reach < MAX_REACH {
                reach *= 8;
            } else {
                // There may be more behind these that others did not take, or than one claim may give.
                let has_room = taken.count() < i64::try_from(asked.claim.slots).unwrap_or(i64::MAX);
                if has_room && (taken.seen >= reach || taken.count() == MAX_SLOTS) {
                    taken.found.next_due = Some(Duration::ZERO);
                }
                return Ok(ClaimedRows { limited: taken.limited, ..taken.found });
            }
        }
    })
}

impl<'a> Ask<'a> {
    pub(super) fn new(claim: &'a Claim, now: Now, limited: Vec<String>) -> Self {
        let (lows, highs) = spans(claim);
        let slots = i64::try_from(claim.slots).unwrap_or(MAX_SLOTS).min(MAX_SLOTS);
        let languages = claim.languages.as_ref().map(|languages| {
            // As in a lane, where none is ''.
            let cut = |language: &String| text(language).chars().take(100).collect();
            languages.iter().map(cut).chain([String::new()]).collect()
        });
        Ask { claim, now: given(now), lows, highs, languages, slots, limited }
    }
}

impl Taken {
    fn count(&self) -> i64 {
        i64::try_from(self.found.leases.len() + self.found.unreadable.len()).unwrap_or(i64::MAX)
    }
}

/// The wanted queues as stretches of names: from, included, and to, not included.
fn spans(claim: &Claim) -> (Vec<&str>, Vec<String>) {
    let is_delivery = |name: &&String| name.starts_with(DELIVERY_QUEUE);
    let is_name = |name: &&str| !name.contains('\0');
    let mut named: Vec<&str> = claim.deliveries.iter().filter(is_delivery).map(String::as_str).collect();
    let (mut lows, mut highs) = (Vec::new(), Vec::new());
    match &claim.queues {
        Queues::Only(queues) => {
            named.extend(queues.iter().filter(|name| !is_delivery(name)).map(String::as_str));
        }
        Queues::All => {
            lows.extend(["", AFTER_DELIVERIES]);
            highs.extend([BEFORE_DELIVERIES.to_owned(), LAST.to_owned()]);
        }
    }
    named.retain(is_name);
    named.sort_unstable();
    named.dedup();
    // No name has this sign, so nothing lies between.
    highs.extend(named.iter().map(|name| format!("{name}\u{1}")));
    lows.extend(named);
    (lows, highs)
}

/// Leaps from group to group. `$1` and `$2` are the stretches of queues, `$3` the languages.
macro_rules! groups {
    () => {
        "WITH RECURSIVE groups AS ( \
           SELECT g.queue, g.rank, g.lane, s.high \
           FROM unnest($1::text[], $2::text[]) AS s (low, high) CROSS JOIN LATERAL ( \
             SELECT j.queue, -j.priority::integer AS rank, j.lane FROM ampule.jobs j \
             WHERE j.state = 0 AND NOT j.held AND j.queue >= s.low AND j.queue < s.high \
             ORDER BY j.queue, -j.priority::integer, j.lane LIMIT 1) g \
           UNION ALL \
           SELECT n.queue, n.rank, n.lane, g.high FROM groups g CROSS JOIN LATERAL ( \
             SELECT j.queue, -j.priority::integer AS rank, j.lane FROM ampule.jobs j \
             WHERE j.state = 0 AND NOT j.held AND j.queue < g.high \
               AND (j.queue, -j.priority::integer, j.lane) > (g.queue, g.rank, g.lane) \
             ORDER BY j.queue, -j.priority::integer, j.lane LIMIT 1) n \
         ), spoken AS MATERIALIZED ( \
           SELECT g.queue, g.rank, g.lane, q.max_running, q.max_running_per_tenant, \
             coalesce(q.max_running, q.max_running_per_tenant) IS NOT NULL AS is_limited \
           FROM groups g LEFT JOIN ampule.queues q ON q.name = g.queue \
           WHERE q.mode IS DISTINCT FROM 'paused' AND ($3::text[] IS NULL \
             OR CASE WHEN q.max_running_per_tenant IS NULL THEN g.lane \
                ELSE substr(g.lane, strpos(g.lane, '|') + 1) END = ANY ($3::text[])) \
         )"
    };
}

/// The first jobs of the group `w` that may start, in their order. `$4` is now.
macro_rules! heads {
    ($when:literal, $most:literal) => {
        concat!(
            "SELECT j.id, j.run_at FROM ampule.jobs j \
             WHERE j.state = 0 AND NOT j.held AND j.queue = w.queue AND -j.priority::integer = w.rank \
               AND j.lane = w.lane AND j.run_at ",
            $when,
            now!("$4"),
            " AND (j.attempt > 0 OR j.start_before IS NULL OR j.start_before > ",
            now!("$4"),
            ") ORDER BY j.run_at, j.id LIMIT ",
            $most
        )
    };
}

/// Takes the first of those that are due, and passes over what others take at this moment. `$5` is how many, `$6` the
/// worker, `$7` the lease in milliseconds.
///
/// Each is looked at again by its id alone. `state + 0` keeps the planner from the index of those that wait, through
/// which it would compare each with all of them: it believes in few, for the table is empty whenever it is analysed. For
/// the same reason ids come as arrays wherever jobs are changed, here and in other files: an array is looked up.
macro_rules! claimed {
    () => {
        concat!(
            ", taken AS ( \
               SELECT t.id FROM (SELECT id, rank, run_at FROM due ORDER BY rank, run_at, id) d CROSS JOIN LATERAL ( \
                 SELECT j.id FROM ampule.jobs j \
                 WHERE j.id = d.id AND j.state + 0 = 0 AND NOT j.held AND j.run_at <= ",
            now!("$4"),
            " FOR UPDATE OF j SKIP LOCKED) t \
               ORDER BY d.rank, d.run_at, d.id LIMIT $5 \
             ), claimed AS ( \
               UPDATE ampule.jobs j SET state = 1, attempt = j.attempt + 1, worker = $6, started_at = ",
            now!("$4"),
            ", lease_until = ",
            now!("$4"),
            " + $7 * interval '1 ms' \
               WHERE j.id = ANY (ARRAY(SELECT id FROM taken)) \
               RETURNING j.id, j.attempt, j.spared, j.priority, j.queue, j.tenant, j.run_at, j.started_at, j.payload \
             ) \
             SELECT ARRAY(SELECT DISTINCT queue FROM spoken WHERE is_limited) AS limited, \
               (SELECT count(*) FROM due) AS seen, \
               CASE WHEN (SELECT count(*) FROM taken) < $5 THEN ( \
                 SELECT extract(epoch FROM min(n.run_at) - ",
            now!("$4"),
            ")::float8 FROM open w CROSS JOIN LATERAL (",
            heads!("> ", "1"),
            ") n WHERE w.room > 0) END AS next_due, \
               c.id, c.attempt, c.spared, c.queue, c.tenant, c.run_at, c.started_at, \
               coalesce(c.payload, p.document)::text AS document \
             FROM (SELECT) AS one LEFT JOIN claimed c ON true \
             LEFT JOIN ampule.payloads p ON p.job = c.id AND c.payload IS NULL \
             ORDER BY c.priority DESC, c.run_at, c.id"
        )
    };
}

/// Takes, if no wanted queue has limits. `$8` is how many heads of each group are looked at.
const TAKE: &str = concat!(
    groups!(),
    ", open AS MATERIALIZED ( \
       SELECT *, $8::bigint AS room FROM spoken WHERE NOT EXISTS (SELECT FROM spoken WHERE is_limited) \
     ), due AS MATERIALIZED ( \
       SELECT h.id, w.rank, h.run_at FROM open w CROSS JOIN LATERAL (",
    heads!("<= ", "w.room"),
    ") h )",
    claimed!(),
);

/// The same, if all wanted queues with limits are locked: these are `$9`.
const TAKE_LIMITED: &str = concat!(
    groups!(),
    ", running AS MATERIALIZED ( \
       SELECT queue, coalesce(tenant, '') AS tenant, count(*) AS jobs FROM ampule.jobs \
       WHERE state = 1 AND queue = ANY ($9::text[]) GROUP BY 1, 2 \
     ), rooms AS ( \
       SELECT s.queue, s.rank, s.lane, split_part(s.lane, '|', 1) AS tenant, \
         s.max_running - coalesce((SELECT sum(r.jobs) FROM running r WHERE r.queue = s.queue), 0)::bigint AS of_all, \
         s.max_running_per_tenant - coalesce((SELECT r.jobs FROM running r \
           WHERE r.queue = s.queue AND r.tenant = split_part(s.lane, '|', 1)), 0) AS of_one \
       FROM spoken s \
       WHERE NOT EXISTS (SELECT FROM spoken o WHERE o.is_limited AND o.queue <> ALL ($9::text[])) \
     ), open AS MATERIALIZED ( \
       SELECT *, greatest(least($8::bigint, of_all, of_one), 0) AS room FROM rooms \
     ), heads AS ( \
       SELECT h.id, w.rank, h.run_at, w.queue, w.of_all, w.of_one, \
         row_number() OVER (PARTITION BY w.queue, w.tenant ORDER BY w.rank, h.run_at, h.id) AS nth_of_tenant \
       FROM open w CROSS JOIN LATERAL (",
    heads!("<= ", "w.room"),
    ") h ), allowed AS ( \
       SELECT *, row_number() OVER (PARTITION BY queue ORDER BY rank, run_at, id) AS nth \
       FROM heads WHERE of_one IS NULL OR nth_of_tenant <= of_one \
     ), due AS MATERIALIZED ( \
       SELECT id, rank, run_at FROM allowed WHERE of_all IS NULL OR nth <= of_all \
     )",
    claimed!(),
);

async fn take(connection: &mut PgConnection, asked: &Ask<'_>, reach: i64) -> Result<Taken, Stop> {
    let rows = asked.bind(TAKE, reach).fetch_all(connection).await?;
    read(asked, &rows)
}

async fn take_limited(
    connection: &mut PgConnection,
    asked: &Ask<'_>,
    reach: i64,
    locked: &[String],
) -> Result<Taken, Stop> {
    let rows = asked.bind(TAKE_LIMITED, reach).bind(locked).fetch_all(connection).await?;
    read(asked, &rows)
}

/// Waits for those who claim from these queues, which are in order, so that nobody waits for each other. What they took
/// is seen by the next statement.
async fn lock(connection: &mut PgConnection, queues: &[String]) -> Result<(), Stop> {
    sqlx::query("SELECT pg_advisory_xact_lock($1, hashtext(name)) FROM unnest($2::text[]) AS q (name)")
        .bind(LIMITS)
        .bind(queues)
        .execute(connection)
        .await?;
    Ok(())
}

impl Ask<'_> {
    fn bind<'q>(&'q self, statement: &'static str, reach: i64) -> Query<'q, Postgres, PgArguments> {
        sqlx::query(statement)
            .bind(&self.lows)
            .bind(&self.highs)
            .bind(&self.languages)
            .bind(self.now)
            .bind(self.slots)
            .bind(worker_uuid(self.claim.worker))
            .bind(millis(self.claim.lease))
            .bind(reach)
    }
}

fn read(asked: &Ask<'_>, rows: &[PgRow]) -> Result<Taken, Stop> {
    let mut taken = Taken { found: ClaimedRows::default(), limited: Vec::new(), seen: 0 };
    if let Some(first) = rows.first() {
        taken.limited = first.try_get("limited")?;
        taken.seen = first.try_get("seen")?;
        let next_due: Option<f64> = first.try_get("next_due")?;
        taken.found.next_due = next_due.map(|seconds| Duration::from_millis((seconds * 1_000.0).round() as u64));
    }
    for row in rows {
        let Some(job) = row.optional_id("id")? else { continue };
        let key = LeaseKey { job, attempt: row.count("attempt")?, worker: asked.claim.worker };
        match lease(row, key) {
            Ok(lease) => taken.found.leases.push(lease),
            Err(message) => taken.found.unreadable.push((key, message)),
        }
    }
    Ok(taken)
}

/// One that cannot be read must not stop the claim of others.
fn lease(row: &PgRow, key: LeaseKey) -> Result<Lease, String> {
    let column = |error: sqlx::Error| error.to_string();
    let document: Option<&str> = row.try_get("document").map_err(column)?;
    let document = document.ok_or("its document is missing")?;
    Ok(Lease {
        key,
        tries: key.attempt.saturating_sub(row.count("spared").map_err(column)?),
        queue: row.try_get("queue").map_err(column)?,
        tenant: row.try_get("tenant").map_err(column)?,
        run_at: row.try_get("run_at").map_err(column)?,
        started_at: row.try_get("started_at").map_err(column)?,
        payload: stored::payload_from_json(document).map_err(|error| error.to_string())?,
    })
}
