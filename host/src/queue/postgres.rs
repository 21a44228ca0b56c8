//! The queue on PostgreSQL.

use std::path::Path;
use std::time::Duration;

use super::*;
use crate::events::Event;
use crate::job::{Digest, JobId};

/// A queue in a database of PostgreSQL.
#[derive(Debug)]
pub struct PostgresQueue;

impl PostgresQueue {
    /// Connects.
    ///
    /// # Errors
    /// Stub.
    pub async fn connect(_url: &str) -> Result<Self, Error> {
        unimplemented!()
    }
}

impl Queue for PostgresQueue {
    fn enqueue(&self, _jobs: Vec<NewJob>, _now: Now) -> Answer<'_, Vec<Enqueued>> {
        unimplemented!()
    }

    fn claim<'a>(&'a self, _claim: &'a Claim, _now: Now) -> Answer<'a, Claimed> {
        unimplemented!()
    }

    fn renew<'a>(&'a self, _keys: &'a [LeaseKey], _lease: Duration, _now: Now) -> Answer<'a, Vec<Renewed>> {
        unimplemented!()
    }

    fn report(&self, _events: Vec<(LeaseKey, Vec<Event>)>, _now: Now) -> Answer<'_, ()> {
        unimplemented!()
    }

    fn settle(&self, _settlements: Vec<Settlement>, _now: Now) -> Answer<'_, Vec<Settled>> {
        unimplemented!()
    }

    fn reclaim(&self, _now: Now) -> Answer<'_, u64> {
        unimplemented!()
    }

    fn change<'a>(&'a self, _selection: &'a Selection, _change: &'a Change, _now: Now) -> Answer<'a, Vec<JobId>> {
        unimplemented!()
    }

    fn get(&self, _id: JobId) -> Answer<'_, Option<JobRecord>> {
        unimplemented!()
    }

    fn list<'a>(&'a self, _filter: &'a Filter, _page: Page) -> Answer<'a, Vec<Summary>> {
        unimplemented!()
    }

    fn counts<'a>(&'a self, _filter: &'a Filter) -> Answer<'a, Vec<Count>> {
        unimplemented!()
    }

    fn events(&self, _id: JobId, _after: u64) -> Answer<'_, Vec<StoredEvent>> {
        unimplemented!()
    }

    fn signals(&self) -> Signals {
        unimplemented!()
    }

    fn queues(&self, _now: Now) -> Answer<'_, Vec<QueueInfo>> {
        unimplemented!()
    }

    fn configure<'a>(&'a self, _queue: &'a str, _settings: &'a QueueSettings) -> Answer<'a, ()> {
        unimplemented!()
    }

    fn put_program<'a>(&'a self, _wasm: &'a [u8], _name: Option<&'a str>, _now: Now) -> Answer<'a, Digest> {
        unimplemented!()
    }

    fn program(&self, _digest: Digest) -> Answer<'_, Option<Vec<u8>>> {
        unimplemented!()
    }

    fn programs(&self) -> Answer<'_, Vec<StoredProgram>> {
        unimplemented!()
    }

    fn put_schedule<'a>(&'a self, _schedule: &'a Schedule, _next: Option<Timestamp>, _now: Now) -> Answer<'a, ()> {
        unimplemented!()
    }

    fn schedules(&self) -> Answer<'_, Vec<ScheduleInfo>> {
        unimplemented!()
    }

    fn delete_schedule<'a>(&'a self, _name: &'a str) -> Answer<'a, bool> {
        unimplemented!()
    }

    fn fire(&self, _firing: Firing, _now: Now) -> Answer<'_, bool> {
        unimplemented!()
    }

    fn beat<'a>(&'a self, _worker: &'a WorkerInfo, _now: Now) -> Answer<'a, ()> {
        unimplemented!()
    }

    fn workers(&self, _now: Now) -> Answer<'_, Vec<WorkerInfo>> {
        unimplemented!()
    }

    fn prune<'a>(&'a self, _retention: &'a Retention, _now: Now) -> Answer<'a, u64> {
        unimplemented!()
    }

    fn check(&self, _now: Now) -> Answer<'_, Vec<Finding>> {
        unimplemented!()
    }

    fn backup<'a>(&'a self, _file: &'a Path) -> Answer<'a, ()> {
        unimplemented!()
    }

    fn clock(&self) -> Answer<'_, Timestamp> {
        unimplemented!()
    }
}
