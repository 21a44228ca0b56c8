//! Jobs on their way out.
//!
//! Jobs that wait lie in groups of one queue, priority and lane, each group in the order in which it is due. A claim
//! leaps from group to group through the index and takes from their heads, so it never looks at what it cannot have:
//! jobs that are not due, are held, or whose tenant or language must wait.

use std::collections::{BTreeSet, HashMap};

use rusqlite::{OptionalExtension as _, Row, params};

use super::rows::{self, millis, timestamp};
use super::writer::{Stop, Tx};
use crate::job::JobId;
use crate::queue::new_job::DELIVERY_QUEUE;
use crate::queue::{Claim, Lease, LeaseKey, Mode, Now, QueueSettings, Queues, Timestamp};

/// The most jobs of one claim, whatever its slots: as many as one call may enqueue.
const MAX_SLOTS: usize = 10_000;
/// Comes after the names of all queues of deliveries and before all others that may follow them.
const AFTER_DELIVERIES: &str = "A";

/// A job that was handed out, with its document not yet read.
#[derive(Debug)]
pub(super) struct ClaimedRow {
    key: LeaseKey,
    tries: u32,
    queue: String,
    tenant: Option<String>,
    run_at: Timestamp,
    started_at: Timestamp,
    payload: Vec<u8>,
}

/// What a claim found.
#[derive(Debug, Default)]
pub(super) struct ClaimedRows {
    pub(super) rows: Vec<ClaimedRow>,
    /// How long until there is more, in milliseconds.
    pub(super) next_due_ms: Option<i64>,
}

impl ClaimedRow {
    /// Reads the document, or says of which lease it cannot be read, and why.
    pub(super) fn read(self) -> Result<Lease, (LeaseKey, String)> {
        let ClaimedRow { key, tries, queue, tenant, run_at, started_at, payload } = self;
        let payload = rows::payload(&payload).map_err(|why| (key, why))?;
        Ok(Lease { key, tries, queue, tenant, run_at, started_at, payload })
    }
}

/// Hands out due jobs: level by level of priority, and within a level by when they were due.
pub(super) fn claim(tx: &mut Tx<'_, '_>, claim: &Claim, now: Now) -> Result<ClaimedRows, Stop> {
    let now = tx.now(now);
    let slots = claim.slots.min(MAX_SLOTS);
    let (mut rows, mut next_due) = (Vec::new(), None);
    let mut sources = sources(tx, claim)?;
    while rows.len() < slots {
        let Some(priority) = sources.iter().filter_map(|source| source.priority).max() else { break };
        let mut level = Level { tx, claim, now, priority, wanted: slots - rows.len(), heads: Vec::new(), next_due };
        for (index, source) in sources.iter_mut().enumerate().filter(|(_, source)| source.priority == Some(priority)) {
            level.gather(index, source)?;
            source.priority = next_priority(tx, &source.queue, priority)?;
        }
        let mut heads = level.heads;
        next_due = level.next_due;
        heads.sort_unstable_by_key(|head| (head.run_at, head.id));
        for head in heads {
            let source = &mut sources[head.source];
            if rows.len() < slots && source.take(&head.tenant) {
                rows.push(hand_out(tx, claim, source, &head, now)?);
            }
        }
    }
    let is_cut = rows.len() == slots && slots < claim.slots;
    let next_due = if is_cut { Some(now) } else { next_due.filter(|_| rows.len() < slots) };
    Ok(ClaimedRows { rows, next_due_ms: next_due.map(|due| due - now) })
}

/// One of the wanted queues, and what may still be taken from it.
struct Source {
    queue: String,
    /// The priority that is looked at next.
    priority: Option<i16>,
    /// How many more may run.
    room: usize,
    /// How many of each tenant may run.
    per_tenant: Option<u32>,
    /// How many more of each tenant may run, as far as it was looked up. '' is none.
    tenants: HashMap<String, usize>,
}

impl Source {
    fn open(tx: &mut Tx<'_, '_>, queue: String) -> Result<Option<Self>, Stop> {
        let QueueSettings { mode, max_running, max_running_per_tenant } =
            tx.queues()?.get(&queue).cloned().unwrap_or_default();
        if mode == Mode::Paused {
            return Ok(None);
        }
        let room = match max_running {
            Some(most) => {
                let mut count = tx.prepare("SELECT count(*) FROM jobs WHERE state = 1 AND queue = ?1")?;
                room(most, count.query_row([&queue], |row| row.get(0))?)
            }
            None => usize::MAX,
        };
        if room == 0 {
            return Ok(None);
        }
        let mut find = tx.prepare(
            "SELECT priority FROM jobs WHERE state = 0 AND held = 0 AND queue = ?1 ORDER BY priority DESC LIMIT 1",
        )?;
        let priority = find.query_row([&queue], |row| row.get(0)).optional()?;
        Ok(Some(Source { queue, priority, room, per_tenant: max_running_per_tenant, tenants: HashMap::new() }))
    }

    /// The tenant, '' for none, and the language of a lane; see [`lane`](super::insert::lane).
    fn parts<'l>(&self, lane: &'l str) -> (&'l str, &'l str) {
        if self.per_tenant.is_some() { lane.split_once('|').unwrap_or(("", lane)) } else { ("", lane) }
    }

    /// How many more of this tenant may run.
    fn room_for(&mut self, tx: &Tx<'_, '_>, tenant: &str) -> Result<usize, Stop> {
        let Some(most) = self.per_tenant else { return Ok(self.room) };
        if let Some(room) = self.tenants.get(tenant) {
            return Ok(self.room.min(*room));
        }
        let mut count =
            tx.prepare("SELECT count(*) FROM jobs WHERE state = 1 AND queue = ?1 AND tenant IS nullif(?2, '')")?;
        let room = room(most, count.query_row([&*self.queue, tenant], |row| row.get(0))?);
        self.tenants.insert(tenant.to_owned(), room);
        Ok(self.room.min(room))
    }

    /// Takes one job of this tenant, if one more may run.
    fn take(&mut self, tenant: &str) -> bool {
        let tenant_room = self.tenants.get_mut(tenant);
        if self.room == 0 || tenant_room.as_ref().is_some_and(|room| **room == 0) {
            return false;
        }
        self.room -= 1;
        if let Some(room) = tenant_room {
            *room -= 1;
        }
        true
    }
}

fn room(most: u32, running: u32) -> usize {
    most.saturating_sub(running) as usize
}

/// The queues that this claim wants, and that may hand out something.
fn sources(tx: &mut Tx<'_, '_>, claim: &Claim) -> Result<Vec<Source>, Stop> {
    let is_delivery = |name: &&String| name.starts_with(DELIVERY_QUEUE);
    let mut names: BTreeSet<String> = claim.deliveries.iter().filter(is_delivery).cloned().collect();
    match &claim.queues {
        Queues::Only(queues) => names.extend(queues.iter().filter(|name| !is_delivery(name)).cloned()),
        Queues::All => {
            let mut next = next_queue(tx, "")?;
            while let Some(name) = next {
                let after = if is_delivery(&&name) { AFTER_DELIVERIES } else { &name };
                next = next_queue(tx, after)?;
                if !is_delivery(&&name) {
                    names.insert(name);
                }
            }
        }
    }
    let mut sources = Vec::with_capacity(names.len());
    for name in names {
        sources.extend(Source::open(tx, name)?);
    }
    Ok(sources)
}

fn next_queue(tx: &Tx<'_, '_>, after: &str) -> Result<Option<String>, Stop> {
    let mut find =
        tx.prepare("SELECT queue FROM jobs WHERE state = 0 AND held = 0 AND queue > ?1 ORDER BY queue LIMIT 1")?;
    Ok(find.query_row([after], |row| row.get(0)).optional()?)
}

fn next_priority(tx: &Tx<'_, '_>, queue: &str, after: i16) -> Result<Option<i16>, Stop> {
    let mut find = tx.prepare(
        "SELECT priority FROM jobs WHERE state = 0 AND held = 0 AND queue = ?1 AND priority < ?2 \
         ORDER BY priority DESC LIMIT 1",
    )?;
    Ok(find.query_row(params![queue, after], |row| row.get(0)).optional()?)
}

/// A job at the head of a lane.
struct Head {
    run_at: i64,
    id: [u8; 16],
    seq: i64,
    /// Which of the sources.
    source: usize,
    /// '' for none, or where it does not matter.
    tenant: String,
}

/// One priority of all sources that have it.
struct Level<'t, 'c> {
    tx: &'t Tx<'t, 'c>,
    claim: &'t Claim,
    now: i64,
    priority: i16,
    wanted: usize,
    heads: Vec<Head>,
    next_due: Option<i64>,
}

impl Level<'_, '_> {
    /// Gathers the heads of a queue's lanes: of each as many as could be taken, if no other had any.
    fn gather(&mut self, index: usize, source: &mut Source) -> Result<(), Stop> {
        let mut lane = self.next_lane(&source.queue, None)?;
        while let Some(here) = lane {
            let (tenant, language) = source.parts(&here);
            let is_spoken = match &self.claim.languages {
                Some(languages) => language.is_empty() || languages.iter().any(|known| known == language),
                None => true,
            };
            let room = if is_spoken { source.room_for(self.tx, tenant)?.min(self.wanted) } else { 0 };
            if room > 0 {
                self.take_heads(index, &source.queue, (&here, tenant), room)?;
            }
            lane = self.next_lane(&source.queue, Some(&here))?;
        }
        Ok(())
    }

    fn next_lane(&self, queue: &str, after: Option<&str>) -> Result<Option<String>, Stop> {
        let read = |row: &Row<'_>| row.get(0);
        let lane = match after {
            None => self
                .tx
                .prepare(
                    "SELECT lane FROM jobs WHERE state = 0 AND held = 0 AND queue = ?1 AND priority = ?2 \
                     ORDER BY lane LIMIT 1",
                )?
                .query_row(params![queue, self.priority], read),
            Some(after) => self
                .tx
                .prepare(
                    "SELECT lane FROM jobs WHERE state = 0 AND held = 0 AND queue = ?1 AND priority = ?2 \
                     AND lane > ?3 ORDER BY lane LIMIT 1",
                )?
                .query_row(params![queue, self.priority, after], read),
        };
        Ok(lane.optional()?)
    }

    fn take_heads(
        &mut self,
        source: usize,
        queue: &str,
        (lane, tenant): (&str, &str),
        room: usize,
    ) -> Result<(), Stop> {
        let mut read = self.tx.prepare(
            "SELECT run_at, id, seq FROM jobs WHERE state = 0 AND held = 0 AND queue = ?1 AND priority = ?2 AND lane = ?3 \
             AND (start_before IS NULL OR start_before > ?4 OR attempt > 0) ORDER BY run_at, id LIMIT ?5",
        )?;
        let most = i64::try_from(room).unwrap_or(i64::MAX);
        let mut rows = read.query(params![queue, self.priority, lane, self.now, most])?;
        while let Some(row) = rows.next()? {
            let run_at = row.get(0)?;
            if run_at > self.now {
                self.next_due = Some(self.next_due.map_or(run_at, |due| due.min(run_at)));
                break;
            }
            self.heads.push(Head { run_at, id: row.get(1)?, seq: row.get(2)?, source, tenant: tenant.to_owned() });
        }
        Ok(())
    }
}

fn hand_out(tx: &Tx<'_, '_>, claim: &Claim, source: &Source, head: &Head, now: i64) -> Result<ClaimedRow, Stop> {
    let lease_until = now.saturating_add(millis(claim.lease));
    let worker = claim.worker;
    let mut read = tx.prepare("SELECT attempt, spared, tenant, payload FROM jobs WHERE seq = ?1")?;
    let (attempt, spared, tenant, payload): (u32, u32, _, _) = read.query_row([head.seq], |row| {
        // As bytes, and read elsewhere: a document that cannot be read must not stop the claim of others.
        let payload = row.get_ref(3)?.as_bytes_or_null().map_err(rusqlite::Error::from)?.map(<[u8]>::to_vec);
        Ok((row.get(0)?, row.get(1)?, row.get(2)?, payload))
    })?;
    let attempt = attempt.saturating_add(1);
    tx.prepare(
        "UPDATE jobs SET state = 1, attempt = ?2, worker = ?3, started_at = ?4, lease_until = ?5 WHERE seq = ?1",
    )?
    .execute(params![head.seq, attempt, worker.to_bytes(), now, lease_until])?;
    let key = LeaseKey { job: JobId::from_bytes(head.id), attempt, worker };
    let payload = payload.map_or_else(|| document(tx, &head.id), Ok)?;
    Ok(ClaimedRow {
        key,
        tries: attempt.saturating_sub(spared),
        queue: source.queue.clone(),
        tenant,
        run_at: timestamp(head.run_at).map_err(rusqlite::Error::from)?,
        started_at: timestamp(now).map_err(rusqlite::Error::from)?,
        payload,
    })
}

/// A document that lies outside its row; empty, and so unreadable, if it is not there.
pub(super) fn document(tx: &Tx<'_, '_>, id: &[u8; 16]) -> Result<Vec<u8>, Stop> {
    let mut read = tx.prepare("SELECT document FROM payloads WHERE job = ?1")?;
    let bytes = |row: &Row<'_>| Ok(row.get_ref(0)?.as_bytes().map_err(rusqlite::Error::from)?.to_vec());
    Ok(read.query_row([id], bytes).optional()?.unwrap_or_default())
}
