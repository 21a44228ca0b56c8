//! New jobs as rows: made ready in the task of whoever asks, written in as few statements as there can be. An enqueue
//! uses it, and so does whatever follows from the end of a job.

use std::collections::{BTreeMap, HashMap, HashSet};

use sqlx::Row as _;
use sqlx::postgres::PgConnection;
use uuid::Uuid;

use super::connection::Stop;
use super::rows::{Read as _, cut, given, integer, millis, now, scope, text, uuid, uuids};
use super::unique;
use crate::job::{Digest, JobId, ProgramRef};
use crate::queue::{Enqueued, Error, NewJob, Now, Payload, Start, Timestamp, Unique, stored};

/// A job that is about to be stored, with all worked out that does not need the database.
#[derive(Clone, Debug)]
pub(super) struct NewRow {
    pub(super) id: JobId,
    pub(super) queue: String,
    priority: i16,
    start: Start,
    pub(super) held: bool,
    pub(super) tenant: Option<String>,
    name: String,
    program: Option<Digest>,
    language: Option<String>,
    max_tries: u32,
    retries_lost: bool,
    start_before_ms: Option<i64>,
    pub(super) unique: Option<Unique>,
    pub(super) by_request: bool,
    parent: Option<JobId>,
    tags: Vec<String>,
    /// What must be stored for it to run, the jobs that follow from it included.
    pub(super) digests: Vec<Digest>,
    /// The document.
    payload: String,
    /// A payload that names programs, which are to be looked up.
    names: Option<Box<Payload>>,
}

/// A row of one of the calls that are stored together.
#[derive(Clone, Copy, Debug)]
pub(super) struct Asked<'r> {
    /// Which call.
    pub(super) call: usize,
    pub(super) row: &'r NewRow,
    pub(super) now: Now,
}

/// What became of rows.
#[derive(Debug, Default)]
pub(super) struct Stored {
    /// In the order of the rows.
    pub(super) answers: Vec<Enqueued>,
    /// The calls that were refused whole, each with the queue that is draining.
    pub(super) draining: HashMap<usize, String>,
}

/// Whether queues that are draining take it in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Draining {
    /// It is new.
    Refuses,
    /// It follows from what the queue has.
    Takes,
}

impl NewRow {
    /// Works out what needs no database.
    pub(super) fn new(job: NewJob) -> Self {
        let NewJob { id, mut payload, queue, priority, start, held, tenant, tags, unique, by_request, .. } = job;
        let (start_before, parent) = (job.start_before, job.parent);
        let (mut digests, mut has_names) = (Vec::new(), false);
        let Ok(()) = payload.each_program::<std::convert::Infallible>(&mut |program| {
            match program {
                ProgramRef::Digest(digest) => digests.push(*digest),
                ProgramRef::Name(_) => has_names = true,
                ProgramRef::Language(_) => {}
            }
            Ok(())
        });
        let (program, language) = program_of(&payload);
        NewRow {
            id,
            queue,
            priority,
            start,
            held,
            tenant,
            name: text(payload.name()).into_owned(),
            program,
            language,
            max_tries: payload.retry.attempts,
            retries_lost: payload.retry.retries_lost(),
            start_before_ms: start_before.map(millis),
            unique,
            by_request,
            parent,
            tags,
            digests,
            payload: if has_names { String::new() } else { stored::payload_to_json(&payload) },
            names: has_names.then(|| Box::new(payload)),
        }
    }

    /// About how many bytes it has.
    pub(super) fn weight(&self) -> usize {
        self.payload.len() + 200
    }

    pub(super) fn names_programs(&self) -> bool {
        self.names.is_some()
    }

    /// Every name of a program in it.
    fn program_names(&self) -> Vec<String> {
        let mut names = Vec::new();
        if let Some(payload) = &self.names {
            let Ok(()) = payload.as_ref().clone().each_program::<std::convert::Infallible>(&mut |program| {
                if let ProgramRef::Name(name) = program {
                    names.push(name.clone());
                }
                Ok(())
            });
        }
        names
    }

    /// Puts digests in place of the names that are known, and says which is not.
    fn pin(&mut self, known: &HashMap<String, Digest>) -> Option<String> {
        let mut payload = self.names.take()?;
        let mut unknown = None;
        let Ok(()) = payload.each_program::<std::convert::Infallible>(&mut |program| {
            if let ProgramRef::Name(name) = program {
                match known.get(name) {
                    Some(digest) => *program = ProgramRef::Digest(*digest),
                    None => unknown = unknown.take().or_else(|| Some(name.clone())),
                }
            }
            Ok(())
        });
        (self.program, self.language) = program_of(&payload);
        self.payload = stored::payload_to_json(&payload);
        unknown
    }
}

/// Pins the names in these rows to the programs that they mean now.
///
/// # Errors
/// [`Error::UnknownProgram`] for the first name that means none, after all others are pinned.
pub(super) async fn pin(connection: &mut PgConnection, rows: &mut [NewRow]) -> Result<(), Stop> {
    let names: Vec<String> = rows.iter().flat_map(NewRow::program_names).collect();
    if names.is_empty() {
        return Ok(());
    }
    let found = sqlx::query("SELECT name, digest FROM ampule.program_names WHERE name = ANY($1)")
        .bind(names.iter().filter(|name| !name.contains('\0')).collect::<Vec<_>>())
        .fetch_all(connection)
        .await?;
    let mut known = HashMap::new();
    for row in found {
        known.insert(row.try_get("name")?, row.digest("digest")?);
    }
    let unknown: Vec<String> = rows.iter_mut().filter_map(|row| row.pin(&known)).collect();
    unknown.into_iter().next().map_or(Ok(()), |name| Err(Error::UnknownProgram(name).into()))
}

/// Stores what follows from ends. A program that is not stored does not undo an end: the job fails when it runs, and
/// says why.
pub(super) async fn follow(connection: &mut PgConnection, mut rows: Vec<NewRow>, now: Timestamp) -> Result<(), Stop> {
    match pin(connection, &mut rows).await {
        Ok(()) | Err(Stop::Refused(_)) => {}
        Err(stop) => return Err(stop),
    }
    let asked: Vec<Asked<'_>> = rows.iter().map(|row| Asked { call: 0, row, now: Some(now) }).collect();
    store(connection, &asked, Draining::Takes).await.map(drop)
}

/// Whether these need more than the one statement, and so a transaction.
pub(super) fn needs_transaction<'r>(mut rows: impl Iterator<Item = &'r NewRow>) -> bool {
    rows.any(|row| row.unique.is_some() || !row.tags.is_empty() || row.payload.len() > Payload::MAX_ROW_BYTES)
}

/// Stores rows, unless their ids or their unique keys are known already. No two of different calls may have one id; with
/// unique keys there may be one call only.
pub(super) async fn store(
    connection: &mut PgConnection,
    asked: &[Asked<'_>],
    draining: Draining,
) -> Result<Stored, Stop> {
    let holders = unique::take_keys(connection, asked).await?;
    // In the order of ids, in which everybody locks; of an id that comes twice the first counts.
    let mut fresh = BTreeMap::new();
    for (asked, holder) in asked.iter().zip(&holders) {
        if holder.is_none() {
            fresh.entry(asked.row.id).or_insert(*asked);
        }
    }
    let fresh: Vec<Asked<'_>> = fresh.into_values().collect();
    let (mut inserted, draining) = insert_rows(connection, &fresh, draining).await?;
    let is_new = |asked: &&Asked<'_>| inserted.contains(&asked.row.id);
    let new: Vec<&NewRow> = fresh.iter().filter(is_new).map(|asked| asked.row).collect();
    insert_documents(connection, &new).await?;
    insert_tags(connection, &new).await?;
    let answers = asked.iter().zip(holders).map(|(asked, holder)| match holder {
        Some(holder) => Enqueued { id: holder, existed: true },
        // The second of an id finds it gone.
        None => Enqueued { id: asked.row.id, existed: !inserted.remove(&asked.row.id) },
    });
    Ok(Stored { answers: answers.collect(), draining })
}

/// Gives the ids that were new, and the calls that were refused.
///
/// An id that is neither in `jobs` nor in `ended` as the statement sees them can be known all the same only if another
/// call is inserting it now, which the conflict finds.
async fn insert_rows(
    connection: &mut PgConnection,
    rows: &[Asked<'_>],
    draining: Draining,
) -> Result<(HashSet<JobId>, HashMap<usize, String>), Stop> {
    if rows.is_empty() {
        return Ok(Default::default());
    }
    let in_row = |row: &NewRow| row.payload.len() <= Payload::MAX_ROW_BYTES;
    let found = sqlx::query(concat!(
        "WITH given AS ( \
           SELECT *, ",
        now!("given"),
        " AS now FROM unnest($1::integer[], $2::uuid[], $3::text[], $4::boolean[], $5::smallint[], $6::timestamptz[], \
             $7::bigint[], $8::text[], $9::text[], $10::bytea[], $11::text[], $12::integer[], $13::boolean[], \
             $14::bigint[], $15::text[], $16::smallint[], $17::uuid[], $18::text[], $19::timestamptz[]) \
           AS r (call, id, queue, held, priority, run_at, delay_ms, tenant, name, program, language, max_tries, \
             retries_lost, start_before_ms, unique_key, unique_scope, parent, payload, given) \
         ), r AS MATERIALIZED ( \
           SELECT * FROM given g \
           WHERE NOT EXISTS (SELECT FROM ampule.ended e WHERE e.id = ANY ($2) AND e.id = g.id) \
             AND NOT EXISTS (SELECT FROM ampule.jobs j WHERE j.id = ANY ($2) AND j.id = g.id) \
         ), draining AS ( \
           SELECT r.call, min(r.queue) AS queue FROM r JOIN ampule.queues q ON q.name = r.queue \
           WHERE $20 AND q.mode = 'draining' GROUP BY r.call \
         ), inserted AS ( \
           INSERT INTO ampule.jobs (id, queue, held, priority, lane, run_at, tenant, name, program, language, \
             max_tries, retries_lost, start_before, enqueued_at, unique_key, unique_scope, parent, payload) \
           SELECT r.id, r.queue, r.held, r.priority, ",
        lane!("r", "q"),
        ", coalesce(r.run_at, r.now + r.delay_ms * interval '1 ms'), r.tenant, r.name, r.program, r.language, \
             r.max_tries, r.retries_lost, r.now + r.start_before_ms * interval '1 ms', r.now, r.unique_key, \
             r.unique_scope, r.parent, r.payload::json \
           FROM r LEFT JOIN ampule.queues q ON q.name = r.queue \
           WHERE NOT EXISTS (SELECT FROM draining d WHERE d.call = r.call) \
           ON CONFLICT (id) DO NOTHING RETURNING id \
         ) \
         SELECT id, NULL::integer AS call, NULL::text AS queue FROM inserted \
         UNION ALL SELECT NULL, call, queue FROM draining",
    ))
    .bind(column(rows, |asked| i32::try_from(asked.call).unwrap_or(i32::MAX)))
    .bind(column(rows, |asked| uuid(asked.row.id)))
    .bind(column(rows, |asked| &*asked.row.queue))
    .bind(column(rows, |asked| asked.row.held))
    .bind(column(rows, |asked| asked.row.priority))
    .bind(column(rows, |asked| if let Start::At(moment) = asked.row.start { Some(cut(moment)) } else { None }))
    .bind(column(rows, |asked| if let Start::After(delay) = asked.row.start { millis(delay) } else { 0 }))
    .bind(column(rows, |asked| asked.row.tenant.as_deref()))
    .bind(column(rows, |asked| &*asked.row.name))
    .bind(column(rows, |asked| asked.row.program.map(|digest| digest.to_bytes().to_vec())))
    .bind(column(rows, |asked| asked.row.language.as_deref()))
    .bind(column(rows, |asked| integer(asked.row.max_tries)))
    .bind(column(rows, |asked| asked.row.retries_lost))
    .bind(column(rows, |asked| asked.row.start_before_ms))
    .bind(column(rows, |asked| asked.row.unique.as_ref().map(|unique| &*unique.key)))
    .bind(column(rows, |asked| asked.row.unique.as_ref().map(|unique| scope(unique.scope).0)))
    .bind(column(rows, |asked| asked.row.parent.map(uuid)))
    .bind(column(rows, |asked| in_row(asked.row).then_some(&*asked.row.payload)))
    .bind(column(rows, |asked| given(asked.now)))
    .bind(draining == Draining::Refuses)
    .fetch_all(connection)
    .await?;
    let (mut inserted, mut refused) = (HashSet::with_capacity(found.len()), HashMap::new());
    for row in found {
        match row.optional_id("id")? {
            Some(id) => drop(inserted.insert(id)),
            None => {
                let call = usize::try_from(row.try_get::<i32, _>("call")?).unwrap_or(usize::MAX);
                refused.insert(call, row.try_get("queue")?);
            }
        }
    }
    Ok((inserted, refused))
}

fn column<'r, T>(rows: &'r [Asked<'r>], value: impl Fn(&'r Asked<'r>) -> T) -> Vec<T> {
    rows.iter().map(value).collect()
}

async fn insert_documents(connection: &mut PgConnection, rows: &[&NewRow]) -> Result<(), Stop> {
    let long = rows.iter().filter(|row| row.payload.len() > Payload::MAX_ROW_BYTES);
    let (jobs, documents): (Vec<Uuid>, Vec<&str>) = long.map(|row| (uuid(row.id), &*row.payload)).unzip();
    if jobs.is_empty() {
        return Ok(());
    }
    sqlx::query(
        "INSERT INTO ampule.payloads (job, document) \
         SELECT job, document::json FROM unnest($1::uuid[], $2::text[]) AS d (job, document)",
    )
    .bind(jobs)
    .bind(documents)
    .execute(connection)
    .await?;
    Ok(())
}

async fn insert_tags(connection: &mut PgConnection, rows: &[&NewRow]) -> Result<(), Stop> {
    let (mut tags, mut jobs, mut positions) = (Vec::new(), Vec::new(), Vec::new());
    for row in rows {
        for (position, tag) in (0_i16..).zip(&row.tags) {
            tags.push(&**tag);
            jobs.push(uuid(row.id));
            positions.push(position);
        }
    }
    if tags.is_empty() {
        return Ok(());
    }
    sqlx::query(
        "INSERT INTO ampule.tags (tag, job, position) \
         SELECT * FROM unnest($1::text[], $2::uuid[], $3::smallint[]) ON CONFLICT DO NOTHING",
    )
    .bind(tags)
    .bind(jobs)
    .bind(positions)
    .execute(connection)
    .await?;
    Ok(())
}

/// Which of these ids are known, live or ended.
pub(super) async fn known(connection: &mut PgConnection, ids: &[JobId]) -> Result<HashSet<JobId>, Stop> {
    let found = sqlx::query(
        "SELECT id FROM ampule.jobs WHERE id = ANY($1) UNION ALL SELECT id FROM ampule.ended WHERE id = ANY($1)",
    )
    .bind(uuids(ids))
    .fetch_all(connection)
    .await?;
    found.iter().map(|row| Ok(row.id("id")?)).collect()
}

/// What the claims of a queue must tell apart without a look at each job: the language always, and the tenant where
/// there is a limit for each. The sign between them is in no tenant's name. A key of an index may not be long.
macro_rules! lane {
    ($job:literal, $queue:literal) => {
        concat!(
            "CASE WHEN ",
            $queue,
            ".max_running_per_tenant IS NULL THEN '' ELSE coalesce(",
            $job,
            ".tenant, '') || '|' \
             END || left(coalesce(",
            $job,
            ".language, ''), 100)"
        )
    };
}
pub(super) use lane;

/// As a column bears it.
fn program_of(payload: &Payload) -> (Option<Digest>, Option<String>) {
    let (program, language) = payload.program();
    (program, language.map(|language| text(&language).into_owned()))
}
