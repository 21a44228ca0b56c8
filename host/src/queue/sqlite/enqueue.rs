//! Jobs on their way in: checked and written out in the task of whoever asks, stored by the writer, all or none.

use super::insert::NewRow;
use super::writer::{Stop, Tx};
use crate::queue::{Enqueued, Error, Mode, NewJob, Now};

/// The most jobs of one call: a transaction of that many rows is soon over, and everybody waits for it.
const MAX_JOBS: usize = 10_000;

/// What needs no database.
pub(super) fn prepare(jobs: Vec<NewJob>) -> Result<Vec<NewRow>, Error> {
    if jobs.len() > MAX_JOBS {
        return Err(Error::invalid("jobs", format!("at most {MAX_JOBS} in one call"), jobs.len().to_string()));
    }
    jobs.iter().try_for_each(NewJob::check)?;
    Ok(jobs.into_iter().map(NewRow::new).collect())
}

/// Refuses before it writes, so that a refusal leaves nothing behind.
pub(super) fn enqueue(tx: &mut Tx<'_, '_>, rows: &mut [NewRow], now: Now) -> Result<Vec<Enqueued>, Stop> {
    let now = tx.now(now);
    for row in &mut *rows {
        refuse_draining(tx, row, now)?;
        row.pin(tx)?;
        row.refuse_others(tx, now)?;
    }
    rows.iter().map(|row| row.insert(tx, now)).collect()
}

/// Refuses a job that is new to a queue which takes no new ones.
fn refuse_draining(tx: &mut Tx<'_, '_>, row: &NewRow, now: i64) -> Result<(), Stop> {
    let is_draining = tx.queues()?.get(&row.queue).is_some_and(|settings| settings.mode == Mode::Draining);
    if is_draining && !row.is_known(tx, now)? {
        return Err(Stop::Refused(Error::Draining(row.queue.clone())));
    }
    Ok(())
}
