//! What people do to jobs: each change is made only in the states to which it applies.

use std::collections::HashSet;

use sqlx::postgres::PgConnection;
use sqlx::{Connection as _, Row as _};
use uuid::Uuid;

use super::connection::{Stop, Work};
use super::forget::forget;
use super::insert::lane;
use super::live::{Live, clock, end_unrun, live};
use super::rows::{Read as _, corrupt, state_number, uuid, uuids};
use crate::failure::Failure;
use crate::job::JobId;
use crate::kwargs::Kwargs;
use crate::queue::signal::Happened;
use crate::queue::{Change, Error, Now, Payload, State, Timestamp, Work as Asked, settlement, stored};

/// What is to be changed, and as far as it is in which states.
#[derive(Debug)]
pub(super) struct Wanted<'w> {
    pub(super) ids: Vec<JobId>,
    pub(super) change: &'w Change,
    pub(super) states: Vec<State>,
    pub(super) now: Now,
}

/// The states in which a change can be made.
pub(super) fn states_of(change: &Change) -> &'static [State] {
    match change {
        Change::Cancel => &[State::Queued, State::Running],
        Change::RunNow | Change::Hold | Change::Release => &[State::Queued],
        Change::Retry { .. } | Change::Delete => &[State::Completed, State::Failed, State::Cancelled],
    }
}

/// Changes these jobs in one transaction. Answers with those that it changed, in the same order.
pub(super) fn change<'c>(connection: &'c mut PgConnection, wanted: &'c Wanted<'_>) -> Work<'c, (Vec<JobId>, Happened)> {
    Box::pin(async move {
        if wanted.ids.is_empty() || wanted.states.is_empty() {
            return Ok((Vec::new(), Happened::default()));
        }
        let mut tx = connection.begin().await?;
        let now = clock(&mut tx, wanted.now).await?;
        let (mut changed, happened) = match wanted.change {
            Change::Cancel => cancel(&mut tx, wanted, now).await?,
            Change::RunNow | Change::Hold | Change::Release => change_queued(&mut tx, wanted, now).await?,
            Change::Retry { kwargs } => retry(&mut tx, wanted, kwargs.as_ref(), now).await?,
            Change::Delete => {
                let gone = forget(&mut tx, &uuids(&wanted.ids), &numbers(&wanted.states)).await?;
                (gone, Happened::default())
            }
        };
        tx.commit().await?;
        // An id that was given twice is told once.
        Ok((wanted.ids.iter().filter(|id| changed.remove(id)).copied().collect(), happened))
    })
}

fn numbers(states: &[State]) -> Vec<i16> {
    states.iter().copied().map(state_number).collect()
}

async fn cancel(
    connection: &mut PgConnection,
    wanted: &Wanted<'_>,
    now: Timestamp,
) -> Result<(HashSet<JobId>, Happened), Stop> {
    let found = sqlx::query(concat!(
        live!(),
        "WHERE j.id = ANY ($1) AND j.state = ANY ($2) AND NOT j.cancel_asked ORDER BY j.id FOR UPDATE OF j"
    ))
    .bind(uuids(&wanted.ids))
    .bind(numbers(&wanted.states))
    .fetch_all(&mut *connection)
    .await?;
    let found = found.iter().map(Live::read).collect::<sqlx::Result<Vec<_>>>()?;
    let (queued, running): (Vec<&Live>, Vec<&Live>) = found.iter().partition(|live| live.state == State::Queued);
    let ends: Vec<(&Live, Failure)> = queued.into_iter().map(|live| (live, settlement::cancelled_queued())).collect();
    let mut happened = end_unrun(connection, &ends, now).await?;
    if !running.is_empty() {
        sqlx::query("UPDATE ampule.jobs SET cancel_asked = true WHERE id = ANY ($1)")
            .bind(running.iter().map(|live| uuid(live.id)).collect::<Vec<_>>())
            .execute(connection)
            .await?;
        happened.cancels = true;
    }
    Ok((found.iter().map(|live| live.id).collect(), happened))
}

async fn change_queued(
    connection: &mut PgConnection,
    wanted: &Wanted<'_>,
    now: Timestamp,
) -> Result<(HashSet<JobId>, Happened), Stop> {
    let (statement, ready) = match wanted.change {
        Change::Hold => (
            "UPDATE ampule.jobs SET held = true WHERE id = ANY ($1) AND state = 0 AND NOT held AND $2 IS NOT NULL \
             RETURNING id",
            false,
        ),
        Change::Release => (
            "UPDATE ampule.jobs SET held = false WHERE id = ANY ($1) AND state = 0 AND held AND $2 IS NOT NULL \
             RETURNING id",
            true,
        ),
        _ => (
            "UPDATE ampule.jobs SET run_at = least(run_at, $2), held = false \
             WHERE id = ANY ($1) AND state = 0 AND (held OR run_at > $2) RETURNING id",
            true,
        ),
    };
    let found = sqlx::query(statement).bind(uuids(&wanted.ids)).bind(now).fetch_all(connection).await?;
    let changed = found.iter().map(|row| row.id("id")).collect::<sqlx::Result<HashSet<_>>>()?;
    let happened = Happened { ready: ready && !changed.is_empty(), ..Happened::default() };
    Ok((changed, happened))
}

/// Queues jobs that have ended again, with all their attempts before them.
async fn retry(
    connection: &mut PgConnection,
    wanted: &Wanted<'_>,
    kwargs: Option<&Kwargs>,
    now: Timestamp,
) -> Result<(HashSet<JobId>, Happened), Stop> {
    let found = sqlx::query(
        "SELECT e.id, coalesce(e.payload, (SELECT p.document FROM ampule.payloads p WHERE p.job = e.id))::text \
           AS document FROM ampule.ended e WHERE e.id = ANY ($1) AND e.state = ANY ($2) ORDER BY e.id FOR UPDATE OF e",
    )
    .bind(uuids(&wanted.ids))
    .bind(numbers(&wanted.states))
    .fetch_all(&mut *connection)
    .await?;
    let mut ids = Vec::with_capacity(found.len());
    let mut edited = Vec::new();
    for row in &found {
        let id = row.id("id")?;
        ids.push(id);
        if let Some(kwargs) = kwargs {
            let document: Option<&str> = row.try_get("document")?;
            edited.push((uuid(id), with_kwargs(id, document.unwrap_or_default(), kwargs)?));
        }
    }
    requeue(connection, &uuids(&ids), now).await?;
    take_keys_again(connection, &uuids(&ids), now).await?;
    replace_documents(connection, &edited).await?;
    let happened = Happened { ready: !ids.is_empty(), ..Happened::default() };
    Ok((ids.into_iter().collect(), happened))
}

fn with_kwargs(id: JobId, document: &str, kwargs: &Kwargs) -> Result<String, Stop> {
    let mut payload: Payload = stored::payload_from_json(document).map_err(|error| corrupt(id, error))?;
    let Asked::Job(job) = &mut payload.work else {
        let expected = "none for a delivery, which tells of an end as it was";
        return Err(Error::invalid("kwargs", expected, format!("some for {id}")).into());
    };
    job.kwargs = kwargs.clone();
    Ok(stored::payload_to_json(&payload))
}

async fn requeue(connection: &mut PgConnection, ids: &[Uuid], now: Timestamp) -> Result<(), Stop> {
    sqlx::query(concat!(
        "WITH gone AS ( \
           DELETE FROM ampule.ended WHERE id = ANY ($1) RETURNING * \
         ), kept AS ( \
           INSERT INTO ampule.attempts (job, attempt, worker, started_at, ended_at, outcome_end, outcome) \
           SELECT id, attempt, worker, started_at, ended_at, \
             CASE state WHEN 2 THEN 'completed' WHEN 4 THEN 'cancelled' ELSE 'failed' END, outcome \
           FROM gone WHERE attempt > 0 AND worker IS NOT NULL AND started_at IS NOT NULL \
           ON CONFLICT DO NOTHING \
         ) \
         INSERT INTO ampule.jobs (id, queue, held, priority, lane, run_at, tenant, name, program, language, attempt, \
           spared, max_tries, retries_lost, worker, started_at, enqueued_at, unique_key, unique_scope, parent, \
           last_kind, last_message, payload) \
         SELECT g.id, g.queue, false, g.priority, ",
        lane!("g", "q"),
        ", $2, g.tenant, g.name, g.program, g.language, g.attempt, g.attempt, g.max_tries, g.retries_lost, g.worker, \
           g.started_at, g.enqueued_at, g.unique_key, g.unique_scope, g.parent, g.kind, g.message, g.payload \
         FROM gone g LEFT JOIN ampule.queues q ON q.name = g.queue",
    ))
    .bind(ids)
    .bind(now)
    .execute(connection)
    .await?;
    Ok(())
}

/// A key that was free since a job ended is its again, unless another job has it by now.
async fn take_keys_again(connection: &mut PgConnection, ids: &[Uuid], now: Timestamp) -> Result<(), Stop> {
    sqlx::query(
        "INSERT INTO ampule.unique_keys AS held (tenant, key, job, scope) \
         SELECT DISTINCT ON (coalesce(tenant, ''), unique_key) coalesce(tenant, ''), unique_key, id, unique_scope \
         FROM ampule.jobs WHERE id = ANY ($1) AND unique_scope = 1 ORDER BY coalesce(tenant, ''), unique_key, id \
         ON CONFLICT (tenant, key) DO UPDATE SET job = excluded.job, scope = excluded.scope, until = NULL \
           WHERE held.until <= $2",
    )
    .bind(ids)
    .bind(now)
    .execute(connection)
    .await?;
    Ok(())
}

/// Puts other documents in place of those that jobs had.
async fn replace_documents(connection: &mut PgConnection, documents: &[(Uuid, String)]) -> Result<(), Stop> {
    let (ids, texts): (Vec<Uuid>, Vec<&str>) = documents.iter().map(|(id, text)| (*id, text.as_str())).unzip();
    for statement in [
        "DELETE FROM ampule.payloads WHERE job = ANY ($1) AND $2::text[] IS NOT NULL AND $3::integer > 0",
        "INSERT INTO ampule.payloads (job, document) SELECT id, document::json \
         FROM unnest($1::uuid[], $2::text[]) AS d (id, document) WHERE octet_length(document) > $3::integer",
        "UPDATE ampule.jobs j SET payload = CASE WHEN octet_length(d.document) <= $3::integer THEN d.document::json END \
         FROM unnest($1::uuid[], $2::text[]) AS d (id, document) WHERE j.id = ANY ($1) AND j.id = d.id",
    ] {
        let most = i32::try_from(Payload::MAX_ROW_BYTES).unwrap_or(i32::MAX);
        sqlx::query(statement).bind(&ids).bind(&texts).bind(most).execute(&mut *connection).await?;
    }
    Ok(())
}
