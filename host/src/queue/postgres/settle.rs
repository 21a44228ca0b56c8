//! Leases that end, many in one transaction, each if it still holds.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use sqlx::Connection as _;
use sqlx::postgres::PgConnection;

use super::connection::{Stop, Work};
use super::group::{Answers, Call};
use super::insert::{NewRow, follow};
use super::live::{End, Kept, Live, clock, end, end_unrun, happened_at, keep_attempts, live};
use super::rows::{Read as _, given, integer, millis, now, text, uuid, worker_uuid};
use crate::failure::Kind;
use crate::job::JobId;
use crate::queue::signal::Happened;
use crate::queue::{AttemptEnd, LeaseKey, Now, Settled, Settlement, State, Verdict, settlement, stored};

/// A settlement with its documents written out, which is done in the task of whoever settles.
#[derive(Clone, Debug)]
pub(super) struct SettleRow {
    key: LeaseKey,
    verdict: Verdict,
    outcome: Option<String>,
    kind: Option<Kind>,
    message: Option<String>,
    follow_up: Option<NewRow>,
}

/// What one caller settles.
#[derive(Clone, Debug)]
pub(super) struct Settle {
    rows: Arc<Vec<SettleRow>>,
    now: Now,
}

impl SettleRow {
    pub(super) fn new(settlement: Settlement) -> Self {
        let Settlement { key, verdict, outcome, follow_up } = settlement;
        let failure = outcome.as_ref().and_then(|outcome| outcome.result.as_ref().err());
        SettleRow {
            key,
            verdict,
            kind: failure.map(|failure| failure.kind),
            message: failure.map(|failure| failure.message.clone()),
            outcome: outcome.as_ref().map(stored::outcome_to_json),
            follow_up: follow_up.map(|job| NewRow::new(*job)),
        }
    }

    /// The state that the job ends in, if it does.
    fn state(&self) -> Option<State> {
        match self.verdict {
            Verdict::Completed => Some(State::Completed),
            Verdict::Failed => Some(State::Failed),
            Verdict::Cancelled => Some(State::Cancelled),
            Verdict::Retry(_) | Verdict::HandBack | Verdict::PutOff(_) => None,
        }
    }

    fn end(&self, state: State, now: Now) -> End {
        End {
            job: self.key.job,
            attempt: self.key.attempt,
            worker: Some(self.key.worker),
            runs: true,
            state,
            kind: self.kind,
            message: self.message.clone(),
            outcome: self.outcome.clone(),
            now,
        }
    }

    /// How the attempt ended that did not end the job, if it is kept.
    fn attempt_end(&self) -> Option<AttemptEnd> {
        match self.verdict {
            Verdict::PutOff(_) => None,
            Verdict::HandBack => Some(AttemptEnd::HandedBack),
            _ => Some(AttemptEnd::Failed),
        }
    }
}

impl Settle {
    pub(super) fn new(rows: Vec<SettleRow>, now: Now) -> Self {
        Settle { rows: Arc::new(rows), now }
    }
}

impl Call for Settle {
    type Answer = Vec<Settled>;

    fn jobs(&self) -> impl Iterator<Item = JobId> {
        self.rows.iter().map(|row| row.key.job)
    }

    fn weight(&self) -> Option<usize> {
        let weight = |row: &SettleRow| {
            row.outcome.as_ref().map_or(0, String::len) + row.follow_up.as_ref().map_or(0, NewRow::weight) + 200
        };
        Some(self.rows.iter().map(weight).sum())
    }

    fn run<'c>(connection: &'c mut PgConnection, calls: &'c [Self]) -> Work<'c, Answers<Vec<Settled>>> {
        Box::pin(run(connection, calls))
    }
}

async fn run(connection: &mut PgConnection, calls: &[Settle]) -> Result<Answers<Vec<Settled>>, Stop> {
    let mut left: Vec<(&SettleRow, Now)> =
        calls.iter().flat_map(|call| call.rows.iter().map(|row| (row, call.now))).collect();
    // The second settlement of a lease within one call finds it gone.
    let mut seen = HashSet::new();
    left.retain(|(row, _)| seen.insert(row.key));
    let is_plain = left.iter().all(|(row, _)| row.state().is_some() && row.follow_up.is_none());
    let (mut done, happened) = if is_plain {
        settle_ends(connection, &left).await?
    } else {
        let mut tx = connection.begin().await?;
        let (mut done, mut happened) = settle_ends(&mut tx, &left).await?;
        settle_again(&mut tx, &left, &mut done, &mut happened).await?;
        follow_all(&mut tx, &left, &done, &mut happened).await?;
        tx.commit().await?;
        (done, happened)
    };
    let mut settled = |row: &SettleRow| if done.remove(&row.key) { Settled::Done } else { Settled::Stale };
    let answers = calls.iter().map(|call| Ok(call.rows.iter().map(&mut settled).collect())).collect();
    Ok(Answers { answers, happened })
}

/// The leases that were settled.
type Done = HashSet<LeaseKey>;

async fn settle_ends(connection: &mut PgConnection, rows: &[(&SettleRow, Now)]) -> Result<(Done, Happened), Stop> {
    let ends: Vec<End> = rows.iter().filter_map(|(row, now)| row.state().map(|state| row.end(state, *now))).collect();
    let ended = end(connection, &ends).await?;
    Ok((ended.iter().filter_map(|ended| ended.key).collect(), happened_at(&ended)))
}

/// Queues jobs again.
async fn settle_again(
    connection: &mut PgConnection,
    rows: &[(&SettleRow, Now)],
    done: &mut Done,
    happened: &mut Happened,
) -> Result<(), Stop> {
    let mut again: Vec<(&SettleRow, Now)> = rows.iter().filter(|(row, _)| row.state().is_none()).copied().collect();
    if again.is_empty() {
        return Ok(());
    }
    again.sort_unstable_by_key(|(row, _)| row.key.job);
    let queued = queue_again(connection, &again).await?;
    happened.ready |= !queued.is_empty();
    done.extend(&queued);
    // Those that somebody asked to stop are not: they end.
    again.retain(|(row, _)| !queued.contains(&row.key));
    let cancelled = cancelled(connection, &again).await?;
    for (row, now) in again {
        let Some(live) = cancelled.iter().find(|live| live.holds(row.key)) else { continue };
        let now = clock(connection, now).await?;
        let kept = row.attempt_end().map(|end| Kept { live, end, outcome: row.outcome.as_deref() });
        keep_attempts(connection, kept.as_slice(), now).await?;
        happened.add(end_unrun(connection, &[(live, settlement::cancelled_unfinished())], now).await?);
        done.insert(row.key);
    }
    Ok(())
}

/// Of an attempt that is not kept the row forgets the worker, without which it is not read as one.
async fn queue_again(connection: &mut PgConnection, rows: &[(&SettleRow, Now)]) -> Result<Done, Stop> {
    let wait = |row: &SettleRow| match row.verdict {
        Verdict::Retry(wait) | Verdict::PutOff(wait) => Some(millis(wait)),
        _ => None,
    };
    let found = sqlx::query(concat!(
        "WITH a AS MATERIALIZED ( \
           SELECT *, ",
        now!("given"),
        " AS now FROM unnest($1::uuid[], $2::integer[], $3::uuid[], $4::bigint[], $5::text[], $6::text[], $7::text[], \
             $8::text[], $9::timestamptz[]) \
           AS a (id, attempt, worker, wait_ms, kind, message, outcome_end, outcome, given) \
         ), queued AS ( \
           UPDATE ampule.jobs j SET state = 0, lease_until = NULL, \
             run_at = coalesce(a.now + a.wait_ms * interval '1 ms', j.run_at), \
             spared = j.spared + (coalesce(a.outcome_end, 'handed_back') = 'handed_back')::integer, \
             worker = CASE WHEN a.outcome_end IS NULL THEN NULL ELSE j.worker END, \
             last_kind = coalesce(a.kind, j.last_kind), last_message = coalesce(a.message, j.last_message) \
           FROM a WHERE j.id = ANY ($1) AND j.id = a.id AND j.attempt = a.attempt AND j.worker = a.worker AND j.state = 1 \
             AND NOT j.cancel_asked \
           RETURNING j.id, j.attempt, a.worker, j.started_at, a.now, a.outcome_end, a.outcome \
         ), kept AS ( \
           INSERT INTO ampule.attempts (job, attempt, worker, started_at, ended_at, outcome_end, outcome) \
           SELECT id, attempt, worker, coalesce(started_at, now), now, outcome_end, outcome::json FROM queued \
             WHERE outcome_end IS NOT NULL \
           ON CONFLICT (job, attempt) DO UPDATE SET worker = excluded.worker, started_at = excluded.started_at, \
             ended_at = excluded.ended_at, outcome_end = excluded.outcome_end, outcome = excluded.outcome \
         ) \
         SELECT id, attempt, worker FROM queued",
    ))
    .bind(rows.iter().map(|(row, _)| uuid(row.key.job)).collect::<Vec<_>>())
    .bind(rows.iter().map(|(row, _)| integer(row.key.attempt)).collect::<Vec<_>>())
    .bind(rows.iter().map(|(row, _)| worker_uuid(row.key.worker)).collect::<Vec<_>>())
    .bind(rows.iter().map(|(row, _)| wait(row)).collect::<Vec<_>>())
    .bind(rows.iter().map(|(row, _)| row.kind.map(Kind::as_str)).collect::<Vec<_>>())
    .bind(rows.iter().map(|(row, _)| row.message.as_deref().map(text)).collect::<Vec<_>>())
    .bind(rows.iter().map(|(row, _)| row.attempt_end().map(AttemptEnd::as_str)).collect::<Vec<_>>())
    .bind(rows.iter().map(|(row, _)| row.outcome.as_deref()).collect::<Vec<_>>())
    .bind(rows.iter().map(|(_, now)| given(*now)).collect::<Vec<_>>())
    .fetch_all(connection)
    .await?;
    found.iter().map(|row| Ok(row.key()?)).collect()
}

/// Of these leases those that hold and that somebody asked to stop.
async fn cancelled(connection: &mut PgConnection, rows: &[(&SettleRow, Now)]) -> Result<Vec<Live>, Stop> {
    if rows.is_empty() {
        return Ok(Vec::new());
    }
    let found = sqlx::query(concat!(
        live!(),
        "JOIN unnest($1::uuid[], $2::integer[], $3::uuid[]) AS k (id, attempt, worker) \
           ON j.id = k.id AND j.attempt = k.attempt AND j.worker = k.worker \
         WHERE j.id = ANY ($1) AND j.state = 1 AND j.cancel_asked ORDER BY j.id FOR UPDATE OF j",
    ))
    .bind(rows.iter().map(|(row, _)| uuid(row.key.job)).collect::<Vec<_>>())
    .bind(rows.iter().map(|(row, _)| integer(row.key.attempt)).collect::<Vec<_>>())
    .bind(rows.iter().map(|(row, _)| worker_uuid(row.key.worker)).collect::<Vec<_>>())
    .fetch_all(connection)
    .await?;
    found.iter().map(|row| Ok(Live::read(row)?)).collect()
}

/// Stores what follows from those that were settled.
async fn follow_all(
    connection: &mut PgConnection,
    rows: &[(&SettleRow, Now)],
    done: &Done,
    happened: &mut Happened,
) -> Result<(), Stop> {
    let mut by_now: HashMap<Now, Vec<NewRow>> = HashMap::new();
    for (row, now) in rows.iter().filter(|(row, _)| done.contains(&row.key)) {
        if let Some(follow_up) = &row.follow_up {
            happened.ready |= !follow_up.held;
            by_now.entry(*now).or_default().push(follow_up.clone());
        }
    }
    for (now, rows) in by_now {
        let now = clock(connection, now).await?;
        follow(connection, rows, now).await?;
    }
    Ok(())
}
