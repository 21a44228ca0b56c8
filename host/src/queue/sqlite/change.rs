//! What people do to jobs, one job at a time: each change is made only in the states to which it applies.

use rusqlite::{OptionalExtension as _, params};

use super::claim::document;
use super::forget::forget;
use super::insert::lane;
use super::live::Live;
use super::rows::{self, Sql};
use super::writer::{Stop, Tx};
use crate::job::JobId;
use crate::kwargs::Kwargs;
use crate::queue::signal::Happened;
use crate::queue::{AttemptEnd, Change, Error, Now, Payload, State, Work, settlement, stored};

/// Changes these jobs, as far as they are in one of the states. Answers with those that it changed, in the same order.
pub(super) fn change(
    tx: &mut Tx<'_, '_>,
    ids: &[JobId],
    change: &Change,
    states: &[State],
    now: Now,
) -> Result<Vec<JobId>, Stop> {
    let now = tx.now(now);
    let edited = match change {
        Change::Retry { kwargs: Some(kwargs) } => edited(tx, ids, states, kwargs)?,
        _ => vec![None; ids.len()],
    };
    let mut changed = Vec::new();
    for (id, document) in ids.iter().zip(edited) {
        let is_changed = match change {
            Change::Retry { .. } => retry(tx, *id, states, document, now)?,
            Change::Delete => delete(tx, *id, states)?,
            Change::Cancel | Change::RunNow | Change::Hold | Change::Release => match Live::read(tx, *id)? {
                Some(live) if states.contains(&live.state) => change_live(tx, &live, change, now)?,
                _ => false,
            },
        };
        changed.extend(is_changed.then_some(*id));
    }
    Ok(changed)
}

/// The states in which a change can be made.
pub(super) fn states_of(change: &Change) -> &'static [State] {
    match change {
        Change::Cancel => &[State::Queued, State::Running],
        Change::RunNow | Change::Hold | Change::Release => &[State::Queued],
        Change::Retry { .. } | Change::Delete => &[State::Completed, State::Failed, State::Cancelled],
    }
}

fn change_live(tx: &mut Tx<'_, '_>, live: &Live, change: &Change, now: i64) -> Result<bool, Stop> {
    let id = live.id.to_bytes();
    let is_cancel = matches!(change, Change::Cancel);
    if is_cancel && live.state == State::Queued {
        live.end_unrun(tx, settlement::cancelled_queued(), now)?;
        return Ok(true);
    }
    let changed = match change {
        Change::Cancel => {
            tx.prepare("UPDATE jobs SET cancel_asked = 1 WHERE id = ?1 AND NOT cancel_asked")?.execute([id])?
        }
        Change::RunNow => tx
            .prepare("UPDATE jobs SET run_at = min(run_at, ?2), held = 0 WHERE id = ?1 AND (held OR run_at > ?2)")?
            .execute(params![id, now])?,
        Change::Hold => tx.prepare("UPDATE jobs SET held = 1 WHERE id = ?1 AND NOT held")?.execute([id])?,
        Change::Release => tx.prepare("UPDATE jobs SET held = 0 WHERE id = ?1 AND held")?.execute([id])?,
        Change::Retry { .. } | Change::Delete => 0,
    };
    let ready = matches!(change, Change::RunNow | Change::Release);
    if changed > 0 {
        tx.happened.add(Happened { cancels: is_cancel, ready, ended: false });
    }
    Ok(changed > 0)
}

/// The documents of those that can be retried, with other kwargs; refuses deliveries before anything is written.
fn edited(tx: &Tx<'_, '_>, ids: &[JobId], states: &[State], kwargs: &Kwargs) -> Result<Vec<Option<String>>, Stop> {
    let mut documents = Vec::with_capacity(ids.len());
    for id in ids {
        let Some(row) = ended_row(tx, *id, states)? else {
            documents.push(None);
            continue;
        };
        let document = row.payload.map_or_else(|| document(tx, &id.to_bytes()), Ok)?;
        let payload = rows::payload(&document).map_err(|why| Stop::Refused(rows::corrupt(*id, why)))?;
        documents.push(Some(stored::payload_to_json(&with_kwargs(payload, *id, kwargs)?)));
    }
    Ok(documents)
}

fn with_kwargs(mut payload: Payload, id: JobId, kwargs: &Kwargs) -> Result<Payload, Stop> {
    let Work::Job(job) = &mut payload.work else {
        let expected = "none for a delivery, which tells of an end as it was";
        return Err(Stop::Refused(Error::invalid("kwargs", expected, format!("some for {id}"))));
    };
    job.kwargs = kwargs.clone();
    Ok(payload)
}

/// A job that has ended.
struct EndedRow {
    state: State,
    /// Its document, if that is in its row.
    payload: Option<Vec<u8>>,
}

/// The job, if it has ended in one of these states.
fn ended_row(tx: &Tx<'_, '_>, id: JobId, states: &[State]) -> Result<Option<EndedRow>, Stop> {
    let mut read = tx.prepare("SELECT state, payload FROM ended WHERE id = ?1")?;
    let found = read.query_row([id.to_bytes()], |row| {
        let payload = row.get_ref(1)?.as_bytes_or_null().map_err(rusqlite::Error::from)?.map(<[u8]>::to_vec);
        Ok(EndedRow { state: row.get::<_, Sql<State>>(0)?.0, payload })
    });
    Ok(found.optional()?.filter(|row| states.contains(&row.state)))
}

fn delete(tx: &mut Tx<'_, '_>, id: JobId, states: &[State]) -> Result<bool, Stop> {
    if ended_row(tx, id, states)?.is_none() {
        return Ok(false);
    }
    forget(tx, &id.to_bytes())?;
    Ok(true)
}

/// Queues a job that has ended again, with all its attempts before it.
fn retry(tx: &mut Tx<'_, '_>, id: JobId, states: &[State], document: Option<String>, now: i64) -> Result<bool, Stop> {
    let Some(row) = ended_row(tx, id, states)? else { return Ok(false) };
    let end = match row.state {
        State::Completed => AttemptEnd::Completed,
        State::Cancelled => AttemptEnd::Cancelled,
        _ => AttemptEnd::Failed,
    };
    let id = id.to_bytes();
    // The last attempt stands here already if the job did not end with it, and nowhere if it was put off.
    tx.prepare(
        "INSERT INTO attempts (job, attempt, worker, started_at, ended_at, outcome_end, outcome) \
         SELECT id, attempt, worker, started_at, ended_at, ?2, outcome FROM ended WHERE id = ?1 AND attempt > 0 \
         AND worker IS NOT NULL ON CONFLICT DO NOTHING",
    )?
    .execute(params![id, end.as_str()])?;
    let (queue, tenant, language): (String, Option<String>, Option<String>) = tx
        .prepare("SELECT queue, tenant, language FROM ended WHERE id = ?1")?
        .query_row([id], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?;
    let lane = lane(tx.queues()?.get(&queue), tenant.as_deref(), language.as_deref());
    tx.prepare(
        "INSERT INTO jobs (id, queue, held, priority, lane, run_at, tenant, name, program, language, attempt, spared, \
         max_tries, retries_lost, worker, started_at, enqueued_at, unique_key, unique_scope, parent, last_kind, \
         last_message, payload) \
         SELECT id, queue, 0, priority, ?2, ?3, tenant, name, program, language, attempt, attempt, max_tries, \
         retries_lost, worker, started_at, enqueued_at, unique_key, unique_scope, parent, kind, message, payload \
         FROM ended WHERE id = ?1",
    )?
    .execute(params![id, lane, now])?;
    tx.prepare("DELETE FROM ended WHERE id = ?1")?.execute([id])?;
    take_key_again(tx, &id, now)?;
    if let Some(document) = document {
        super::insert::replace_document(tx, &id, &document)?;
    }
    tx.happened.add(Happened { ready: true, ..Happened::default() });
    Ok(true)
}

/// A key that was free since the job ended is its again, unless another job has it by now.
fn take_key_again(tx: &Tx<'_, '_>, id: &[u8; 16], now: i64) -> Result<(), Stop> {
    tx.prepare(
        "INSERT OR REPLACE INTO unique_keys (tenant, key, job, scope) \
         SELECT coalesce(tenant, ''), unique_key, id, unique_scope FROM jobs \
         WHERE id = ?1 AND unique_key IS NOT NULL AND unique_scope = ?2 AND NOT EXISTS \
         (SELECT 1 FROM unique_keys AS taken WHERE taken.tenant = coalesce(jobs.tenant, '') \
         AND taken.key = jobs.unique_key AND (taken.until IS NULL OR taken.until > ?3))",
    )?
    .execute(params![id, rows::UNFINISHED, now])?;
    Ok(())
}
