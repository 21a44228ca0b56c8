//! Jobs on their way in: checked and written out in the task of whoever asks, stored with those of others, all or none.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError};

use sqlx::Connection as _;
use sqlx::postgres::PgConnection;

use super::connection::{Pools, Stop, Work, acquire, within};
use super::group::{Answers, Call};
use super::insert::{Asked, Draining, NewRow, needs_transaction, pin, store};
use super::rows::Read as _;
use crate::job::{Digest, JobId};
use crate::queue::signal::Happened;
use crate::queue::{Enqueued, Error, NewJob, Now};

/// The most jobs of one call: a transaction of that many rows is soon over, and everybody waits for it.
const MAX_JOBS: usize = 10_000;
/// Digests that are known to be stored, kept so that an enqueue need not look. Programs are never deleted.
const MAX_KNOWN: usize = 10_000;

/// The digests of programs that were seen in the store.
pub(super) type Known = Mutex<HashSet<Digest>>;

/// What one caller asks for.
#[derive(Clone, Debug)]
pub(super) struct Enqueue {
    rows: Arc<Vec<NewRow>>,
    now: Now,
}

/// All that can be done before the jobs are stored: a call that breaks a rule never meets another's.
pub(super) async fn prepare(pools: &Pools, seen: &Known, jobs: Vec<NewJob>, now: Now) -> Result<Enqueue, Error> {
    if jobs.len() > MAX_JOBS {
        return Err(Error::invalid("jobs", format!("at most {MAX_JOBS} in one call"), jobs.len().to_string()));
    }
    jobs.iter().try_for_each(NewJob::check)?;
    let mut rows: Vec<NewRow> = jobs.into_iter().map(NewRow::new).collect();
    let unseen = unseen(seen, &rows);
    if !unseen.is_empty() || rows.iter().any(NewRow::names_programs) {
        let mut connection = acquire(&pools.calm).await.map_err(|error| Stop::from(error).into_error())?;
        pin(&mut connection, &mut rows).await.map_err(Stop::into_error)?;
        drop(connection);
        within(&pools.calm, &unseen[..], check_stored).await?;
        let mut seen = seen.lock().unwrap_or_else(PoisonError::into_inner);
        if seen.len() < MAX_KNOWN {
            seen.extend(unseen);
        }
    }
    Ok(Enqueue { rows: Arc::new(rows), now })
}

fn unseen(seen: &Known, rows: &[NewRow]) -> Vec<Digest> {
    let seen = seen.lock().unwrap_or_else(PoisonError::into_inner);
    let unseen: HashSet<Digest> =
        rows.iter().flat_map(|row| &row.digests).filter(|digest| !seen.contains(*digest)).copied().collect();
    unseen.into_iter().collect()
}

fn check_stored<'c>(connection: &'c mut PgConnection, digests: &'c [Digest]) -> Work<'c, ()> {
    Box::pin(async move {
        let bytes: Vec<Vec<u8>> = digests.iter().map(|digest| digest.to_bytes().to_vec()).collect();
        let found = sqlx::query("SELECT digest FROM ampule.programs WHERE digest = ANY($1)")
            .bind(bytes)
            .fetch_all(connection)
            .await?;
        let found = found.iter().map(|row| row.digest("digest")).collect::<sqlx::Result<HashSet<_>>>()?;
        let unknown = digests.iter().find(|digest| !found.contains(*digest));
        unknown.map_or(Ok(()), |digest| Err(Error::UnknownProgram(digest.to_string()).into()))
    })
}

impl Enqueue {
    pub(super) fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// Its rows, as those of the call with this number.
    pub(super) fn asked(&self, call: usize) -> Vec<Asked<'_>> {
        self.rows.iter().map(|row| Asked { call, row, now: self.now }).collect()
    }

    /// What is told of what was stored.
    pub(super) fn happened(&self, answers: &[Enqueued]) -> Happened {
        // Due later is told as well: whoever sleeps until the next one is due may have to wake earlier.
        let ready = self.rows.iter().zip(answers).any(|(row, answer)| !row.held && !answer.existed);
        Happened { ready, ..Happened::default() }
    }
}

impl Call for Enqueue {
    type Answer = Vec<Enqueued>;

    fn jobs(&self) -> impl Iterator<Item = JobId> {
        self.rows.iter().map(|row| row.id)
    }

    fn weight(&self) -> Option<usize> {
        let is_plain = self.rows.iter().all(|row| row.unique.is_none());
        is_plain.then(|| self.rows.iter().map(NewRow::weight).sum())
    }

    fn run<'c>(connection: &'c mut PgConnection, calls: &'c [Self]) -> Work<'c, Answers<Vec<Enqueued>>> {
        Box::pin(run(connection, calls))
    }
}

async fn run(connection: &mut PgConnection, calls: &[Enqueue]) -> Result<Answers<Vec<Enqueued>>, Stop> {
    let asked: Vec<Asked<'_>> = (0..).zip(calls).flat_map(|(number, call)| call.asked(number)).collect();
    let stored = if needs_transaction(asked.iter().map(|asked| asked.row)) {
        let mut tx = connection.begin().await?;
        let stored = store(&mut tx, &asked, Draining::Refuses).await?;
        if let (1, Some(queue)) = (calls.len(), stored.draining.get(&0)) {
            // With what it wrote before it was known: keys.
            return Err(Error::Draining(queue.clone()).into());
        }
        tx.commit().await?;
        stored
    } else {
        store(connection, &asked, Draining::Refuses).await?
    };
    let mut all = stored.answers.into_iter();
    let mut happened = Happened::default();
    let answers = (0..).zip(calls).map(|(number, call)| {
        let answers: Vec<Enqueued> = all.by_ref().take(call.rows.len()).collect();
        match stored.draining.get(&number) {
            Some(queue) => Err(Error::Draining(queue.clone())),
            None => {
                happened.add(call.happened(&answers));
                Ok(answers)
            }
        }
    });
    let answers = answers.collect();
    Ok(Answers { answers, happened })
}
