//! The checker of histories: from the journal and what the queue says at the end alone, was any promise broken?
//!
//! It knows nothing of workers and backends, so that it cannot share their mistakes.

mod ends;
mod follow_ups;
mod found;
mod leases;

use std::collections::{BTreeMap, HashMap, HashSet};
use std::fmt;

use ampule::JobId;

pub use self::found::{End, Found, read};
use crate::journal::{Entry, Note};
use crate::order::Order;

/// What happened, and what came of it.
#[derive(Clone, Debug, Default)]
pub struct History {
    /// The journal.
    pub entries: Vec<Entry>,
    /// Every job that the queue knows at the end.
    pub found: Vec<Found>,
    /// What is to be held beside the laws that always hold.
    pub rules: Rules,
}

/// What one test holds beside the laws that always hold.
#[derive(Clone, Debug)]
pub struct Rules {
    /// How many jobs of a queue may run at once, and how many of one tenant.
    pub limits: BTreeMap<String, Limit>,
    /// Whether all clocks go right, so that leases end when they say.
    pub clocks_are_right: bool,
    /// Whether every worker lived, so that runs themselves overlap no more than leases may.
    pub nobody_died: bool,
}

/// How many jobs may run at once.
#[derive(Clone, Copy, Debug, Default)]
pub struct Limit {
    /// Of the queue.
    pub queue: Option<usize>,
    /// Of one tenant in it.
    pub tenant: Option<usize>,
}

/// A promise that was broken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Law {
    /// A job that was acknowledged is known.
    AcknowledgedIsKept,
    /// Every job ends.
    EveryJobEnds,
    /// Every job was meant, or follows from one that was.
    NothingIsMadeUp,
    /// What is stored is what was meant.
    StoredAsMeant,
    /// A job has one end.
    OneEnd,
    /// A lease is settled once.
    SettledOnce,
    /// A job is tried no more often than its policy says.
    TriesAreBounded,
    /// Attempts are numbered from 1, without a gap, and no number is given twice.
    AttemptsAreNumbered,
    /// A job ends as what it does says.
    EndsAsMeant,
    /// A job returns what its kwargs say.
    ReturnsWhatItMust,
    /// No job is handed out before it is due.
    NotBeforeItIsDue,
    /// No job is handed out while another holds it.
    HeldByOne,
    /// No guest runs without a lease.
    RunsOnlyUnderALease,
    /// A job that returned has run.
    ReturnedMeansRan,
    /// What follows from a job is there once.
    FollowsOnce,
    /// Who is to be told of an end is told.
    IsTold,
    /// Nobody is told of a return and of a failure of one job.
    NotToldBoth,
    /// Who is told is told what happened.
    ToldTheTruth,
    /// Limits on running jobs hold.
    LimitsHold,
}

/// A promise that was broken, and how.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Breach {
    /// Which.
    pub law: Law,
    /// How.
    pub how: String,
}

impl Default for Rules {
    fn default() -> Self {
        Rules { limits: BTreeMap::new(), clocks_are_right: true, nobody_died: false }
    }
}

impl fmt::Display for Breach {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}: {}", self.law, self.how)
    }
}

impl History {
    /// Every promise that was broken.
    #[must_use]
    pub fn breaches(&self) -> Vec<Breach> {
        let index = Index::of(self);
        let mut breaches = Breaches::default();
        ends::check(self, &index, &mut breaches);
        follow_ups::check(self, &index, &mut breaches);
        leases::check(self, &index, &mut breaches);
        breaches.0
    }

    /// # Panics
    /// If a promise was broken.
    pub fn expect_sound(&self) {
        let breaches = self.breaches();
        let told: Vec<_> = breaches.iter().take(20).map(ToString::to_string).collect();
        let lines = breaches.first().map(|breach| self.lines_of(breach)).unwrap_or_default();
        let many = breaches.len();
        assert!(many == 0, "{many} promises were broken:\n{}\n\nOf the first:\n{lines}", told.join("\n"));
    }

    /// What the journal and the queue say of the first job that a breach names.
    fn lines_of(&self, breach: &Breach) -> String {
        let words = breach.how.split(|sign: char| !sign.is_ascii_hexdigit() && sign != '-');
        let Some(id) = words.filter_map(|word| word.parse::<JobId>().ok()).next() else { return String::new() };
        let id = id.to_string();
        let entries = self.entries.iter().map(|entry| serde_json::to_string(entry).expect("a note is JSON"));
        let found = self.found.iter().map(|found| format!("{found:?}"));
        entries.chain(found).filter(|line| line.contains(&id)).collect::<Vec<_>>().join("\n")
    }

    /// How many lines of the journal are of this kind.
    #[must_use]
    pub fn count(&self, is: impl Fn(&Note) -> bool) -> usize {
        self.entries.iter().filter(|entry| is(&entry.note)).count()
    }
}

#[derive(Default)]
struct Breaches(Vec<Breach>);

impl Breaches {
    fn add(&mut self, law: Law, how: impl Into<String>) {
        self.0.push(Breach { law, how: how.into() });
    }

    fn expect(&mut self, law: Law, holds: bool, how: impl FnOnce() -> String) {
        if !holds {
            self.add(law, how());
        }
    }
}

/// The same history, to look things up in.
struct Index<'a> {
    /// The jobs that producers meant, and when.
    meant: HashMap<JobId, (&'a Order, u64)>,
    acknowledged: HashSet<JobId>,
    found: HashMap<JobId, &'a Found>,
    children: HashMap<JobId, Vec<&'a Found>>,
    /// Attempts that were handed out, in order.
    claims: HashMap<JobId, Vec<u32>>,
    /// Settlements that count: of which attempt, and the verdict.
    settled: HashMap<JobId, Vec<(u32, &'a str)>>,
    began: HashMap<u64, usize>,
    done: HashMap<u64, usize>,
    /// What closures were told, by the job that had ended.
    told: HashMap<JobId, Vec<&'a Note>>,
    /// The order that each job is from, and the value of the job before it.
    orders: HashMap<JobId, (&'a Order, Option<u32>)>,
}

impl<'a> Index<'a> {
    fn of(history: &'a History) -> Self {
        let mut index = Index {
            meant: HashMap::new(),
            acknowledged: HashSet::new(),
            found: history.found.iter().map(|found| (found.id, found)).collect(),
            children: HashMap::new(),
            claims: HashMap::new(),
            settled: HashMap::new(),
            began: HashMap::new(),
            done: HashMap::new(),
            told: HashMap::new(),
            orders: HashMap::new(),
        };
        for Entry { at_ms, note } in &history.entries {
            index.take_in(*at_ms, note);
        }
        for found in &history.found {
            if let Some(parent) = found.parent {
                index.children.entry(parent).or_default().push(found);
            }
        }
        let roots: Vec<_> = index.meant.iter().map(|(id, (order, _))| (*id, *order)).collect();
        for (id, order) in roots {
            index.take_in_chain(id, order, None);
        }
        index
    }

    fn take_in(&mut self, at_ms: u64, note: &'a Note) {
        match note {
            Note::Meant { id, order } => drop(self.meant.insert(*id, (order, at_ms))),
            Note::Acknowledged(ids) => self.acknowledged.extend(ids),
            Note::Claimed { held, .. } => self.claims.entry(held.job).or_default().push(held.attempt),
            Note::Settled { held, verdict, counts: true } => {
                self.settled.entry(held.job).or_default().push((held.attempt, verdict));
            }
            Note::Told { job, .. } => self.told.entry(*job).or_default().push(note),
            Note::Began(n) => *self.began.entry(*n).or_default() += 1,
            Note::Done(n) => *self.done.entry(*n).or_default() += 1,
            _ => {}
        }
    }

    /// A job that follows from another bears the number of its order in its name.
    fn take_in_chain(&mut self, id: JobId, order: &'a Order, before: Option<u32>) {
        self.orders.insert(id, (order, before));
        let Some(then) = order.then.as_deref() else { return };
        let following: Vec<_> =
            self.children.get(&id).into_iter().flatten().map(|found| (found.id, &found.name)).collect();
        let name = format!("n{}", then.n);
        for child in following.iter().filter(|(_, found)| **found == name).map(|(id, _)| *id).collect::<Vec<_>>() {
            self.take_in_chain(child, then, Some(order.value(before)));
        }
    }
}
