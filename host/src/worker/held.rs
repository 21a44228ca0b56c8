//! The leases that a worker holds: until when each is safe, and how its run can be stopped.
//!
//! Locked once for each group of claims and of settlements, never once for each job that goes its way.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::report::drain;
use crate::events::{Event, Events};
use crate::handle::{Control, JobHandle, Status};
use crate::queue::{LeaseKey, Renewed};

/// What a run is stopped for, by its worker.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stop {
    /// Somebody asked for it.
    Asked,
    /// The lease is somebody else's.
    Lost,
    /// The lease may be somebody else's by now: the queue could not be reached in time.
    Unsure,
    /// The worker goes away.
    Shutdown,
}

/// The leases of one worker, from claim to settlement.
#[derive(Default)]
pub(super) struct Held(Mutex<HashMap<LeaseKey, Holding>>);

/// One lease.
pub(super) struct Holding {
    /// Until when it is certainly ours, by this machine's own clock.
    safe_until: Instant,
    /// What its run is being stopped for.
    stop: Option<Stop>,
    /// Its run; none while its program is being loaded.
    run: Option<Run>,
}

/// A run that was started.
pub(super) struct Run {
    control: Control,
    /// None if it tells nothing.
    events: Option<Events>,
    since: Instant,
}

impl Run {
    pub(super) fn of(handle: &JobHandle) -> Self {
        Run { control: handle.control(), events: Some(handle.events()), since: Instant::now() }
    }

    /// One that tells nothing while it runs.
    pub(super) fn silent(control: Control) -> Self {
        Run { control, events: None, since: Instant::now() }
    }

    fn drain(&mut self, most: usize) -> Vec<Event> {
        self.events.as_mut().map(|events| drain(events, most)).unwrap_or_default()
    }
}

impl Holding {
    pub(super) fn new(safe_until: Instant, run: Option<Run>) -> Self {
        Holding { safe_until, stop: None, run }
    }

    /// A run that has ended is left alone: how it ended is on its way to the queue, which knows whose the lease is.
    fn has_ended(&self) -> bool {
        self.run.as_ref().is_some_and(|run| run.control.status() == Status::Ended)
    }

    fn stop(&mut self, why: Stop) {
        self.stop = Some(why);
        if let Some(run) = &self.run {
            run.control.cancel();
        }
    }
}

impl Held {
    pub(super) fn insert_all(&self, leases: impl IntoIterator<Item = (LeaseKey, Holding)>) {
        self.lock().extend(leases);
    }

    /// Notes the run of a lease that is held already. What it is to be stopped for, it is stopped for at once.
    pub(super) fn started(&self, key: &LeaseKey, run: Run) {
        if let Some(holding) = self.lock().get_mut(key) {
            if holding.stop.is_some() {
                run.control.cancel();
            }
            holding.run = Some(run);
        }
    }

    /// What the run of a lease is being stopped for.
    pub(super) fn stop_of(&self, key: &LeaseKey) -> Option<Stop> {
        self.lock().get(key).and_then(|holding| holding.stop)
    }

    pub(super) fn remove<'a>(&self, keys: impl IntoIterator<Item = &'a LeaseKey>) {
        let mut held = self.lock();
        for key in keys {
            held.remove(key);
        }
    }

    pub(super) fn len(&self) -> usize {
        self.lock().len()
    }

    pub(super) fn keys(&self) -> Vec<LeaseKey> {
        self.lock().keys().copied().collect()
    }

    /// Notes what became of leases that were to be extended, and stops what is to be stopped.
    pub(super) fn renewed(&self, keys: &[LeaseKey], answers: &[Renewed], safe_until: Instant) {
        let mut held = self.lock();
        for (key, answer) in keys.iter().zip(answers) {
            let Some(holding) = held.get_mut(key).filter(|holding| !holding.has_ended()) else { continue };
            match answer {
                Renewed::Kept => holding.safe_until = safe_until,
                Renewed::CancelAsked => {
                    holding.safe_until = safe_until;
                    if holding.stop.is_none() {
                        holding.stop(Stop::Asked);
                    }
                }
                Renewed::Lost => {
                    tracing::warn!(job_id = %key.job, attempt = key.attempt, "lease lost; its run is stopped");
                    holding.stop(Stop::Lost);
                }
            }
        }
    }

    /// Stops the runs whose leases are over by this machine's own clock.
    pub(super) fn stop_unsure(&self, now: Instant) {
        for (key, holding) in self.lock().iter_mut() {
            if holding.stop.is_none() && holding.safe_until <= now && !holding.has_ended() {
                tracing::warn!(job_id = %key.job, attempt = key.attempt, "lease not renewed in time; its run is stopped");
                holding.stop(Stop::Unsure);
            }
        }
    }

    /// When the first of the leases whose runs go on is over.
    pub(super) fn safe_until(&self) -> Option<Instant> {
        let held = self.lock();
        let goes_on = |holding: &&Holding| holding.stop.is_none() && !holding.has_ended();
        held.values().filter(goes_on).map(|holding| holding.safe_until).min()
    }

    /// Stops all runs that are not being stopped already.
    pub(super) fn stop_all(&self, why: Stop) {
        for holding in self.lock().values_mut().filter(|holding| holding.stop.is_none()) {
            holding.stop(why);
        }
    }

    /// What runs that began so long ago have told since the last look, at most `most` events each.
    pub(super) fn told(&self, age: Duration, most: usize) -> Vec<(LeaseKey, Vec<Event>)> {
        let now = Instant::now();
        let mut told = Vec::new();
        for (key, holding) in self.lock().iter_mut() {
            let Some(run) = holding.run.as_mut().filter(|run| now - run.since >= age) else { continue };
            let events = run.drain(most);
            if !events.is_empty() {
                told.push((*key, events));
            }
        }
        told
    }

    /// What the run of a lease has told since the last look.
    pub(super) fn told_by(&self, key: &LeaseKey) -> Vec<Event> {
        let mut held = self.lock();
        let run = held.get_mut(key).and_then(|holding| holding.run.as_mut());
        run.map(|run| run.drain(usize::MAX)).unwrap_or_default()
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<LeaseKey, Holding>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
