//! The verbs of a queue, each by the request that does the same.

use std::path::Path;
use std::time::Duration;

use http::{HeaderName, HeaderValue, Method, header};
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::RemoteQueue;
use super::enqueue::job_request;
use super::filter;
use super::http::Ask;
use super::programs::found;
use super::read;
use super::refusal::is_missing;
use crate::events::Event;
use crate::job::{Digest, JobId};
use crate::queue::{
    Answer, Change, Claim, Claimed, Count, Enqueued, Entry, EntryKey, Error, Expected, Filter, Finding, Firing,
    JobRecord, LeaseKey, NewJob, Now, Page, Queue, QueueInfo, QueueSettings, Renewed, Retention, Schedule,
    ScheduleInfo, Selection, Settled, Settlement, Signals, State, StoredEvent, StoredProgram, Summary, Timestamp,
    Timing, UniqueKey, Version, WorkerInfo,
};
use crate::wire::{
    BatchDocument, EnqueuedDocument, EventDocument, JobDocument, JobRequest, MissedText, QueueDocument,
    ScheduleDocument, Span, SummaryDocument, WorkerDocument,
};

const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");

/// More than the number of any event: asks for none.
const NO_EVENTS: u64 = i64::MAX as u64;

#[derive(Serialize)]
struct Batch {
    jobs: Vec<JobRequest>,
}

#[derive(Deserialize)]
struct VersionDocument {
    version: String,
}

#[derive(Deserialize)]
struct List {
    jobs: Vec<SummaryDocument>,
}

#[derive(Deserialize)]
struct Counts {
    counts: Vec<CountDocument>,
}

#[derive(Deserialize)]
struct CountDocument {
    queue: String,
    state: State,
    jobs: u64,
}

#[derive(Deserialize)]
struct Events {
    events: Vec<EventDocument>,
}

#[derive(Deserialize)]
struct Queues {
    queues: Vec<QueueDocument>,
}

#[derive(Deserialize)]
struct Schedules {
    schedules: Vec<ScheduleDocument>,
}

#[derive(Deserialize)]
struct Workers {
    workers: Vec<WorkerDocument>,
}

impl RemoteQueue {
    async fn enqueue_jobs(&self, jobs: Vec<NewJob>) -> Result<Vec<Enqueued>, Error> {
        jobs.iter().try_for_each(NewJob::check)?;
        let Some(first) = jobs.first() else { return Ok(Vec::new()) };
        let mut ask = Ask::new(Method::POST, &["v1", "jobs"]);
        // A job's id is made here, so it names the request; one that has a key of its own needs no other.
        let has_keys = jobs.iter().any(|job| job.unique.is_some());
        if !has_keys && let Ok(key) = HeaderValue::from_str(&first.id.to_string()) {
            ask = ask.header(IDEMPOTENCY_KEY, key).safe();
        }
        let mut requests = jobs.iter().map(job_request).collect::<Result<Vec<_>, _>>()?;
        let answers = match (requests.len(), requests.pop()) {
            (1, Some(only)) => vec![self.http.ask(ask.json(&only)?).await?.document::<EnqueuedDocument>()?],
            (_, last) => {
                requests.extend(last);
                let answer = self.http.ask(ask.patient().json(&Batch { jobs: requests })?).await?;
                answer.document::<BatchDocument>()?.jobs
            }
        };
        // Without keys, what existed was stored by this very request, when it was sent before.
        Ok(answers.into_iter().map(|job| Enqueued { id: job.id, existed: job.existed && has_keys }).collect())
    }

    async fn get_job(&self, id: JobId) -> Result<Option<JobRecord>, Error> {
        let text = id.to_string();
        let path = ["v1", "jobs", &*text];
        let ask = Ask::get(&path).query(vec![("after", NO_EVENTS.to_string())]);
        let record = match self.http.ask(ask).await {
            Ok(answer) => Some(read::record(answer.document::<JobDocument>()?)?),
            Err(error) if is_missing(&error) => None,
            Err(error) => return Err(error),
        };
        self.follower.looked_at(id, record.as_ref().is_none_or(|record| record.summary.state.is_end()));
        Ok(record)
    }

    async fn list_jobs(&self, filter: &Filter, page: Page) -> Result<Vec<Summary>, Error> {
        let ask = Ask::get(&["v1", "jobs"]).query(filter::page_query(filter, page));
        let list: List = self.http.ask(ask).await?.document()?;
        Ok(list.jobs.into_iter().map(Summary::from).collect())
    }

    async fn count_jobs(&self, filter: &Filter) -> Result<Vec<Count>, Error> {
        let ask = Ask::get(&["v1", "jobs", "counts"]).query(filter::query(filter));
        let counts: Counts = self.http.ask(ask).await?.document()?;
        let count = |count: CountDocument| Count { queue: count.queue, state: count.state, jobs: count.jobs };
        Ok(counts.counts.into_iter().map(count).collect())
    }

    async fn events_of(&self, id: JobId, after: u64) -> Result<Vec<StoredEvent>, Error> {
        let id = id.to_string();
        let path = ["v1", "jobs", &*id, "events"];
        let ask = Ask::get(&path).query(vec![("after", after.to_string())]);
        let ask = ask.header(header::ACCEPT, HeaderValue::from_static("application/json"));
        let events: Events = match self.http.ask(ask).await {
            Ok(answer) => answer.document()?,
            Err(error) if is_missing(&error) => return Ok(Vec::new()),
            Err(error) => return Err(error),
        };
        let read = events.events.into_iter().map(read::event);
        Ok(read.collect::<Result<Vec<_>, _>>()?.into_iter().flatten().collect())
    }

    async fn list_queues(&self) -> Result<Vec<QueueInfo>, Error> {
        let queues: Queues = self.http.ask(Ask::get(&["v1", "queues"])).await?.document()?;
        let info = |queue: QueueDocument| QueueInfo {
            name: queue.name,
            settings: QueueSettings {
                mode: queue.mode,
                max_running: queue.max_running,
                max_running_per_tenant: queue.max_running_per_tenant,
            },
            queued: queue.queued,
            due: queue.due.unwrap_or_default(),
            held: queue.held.unwrap_or_default(),
            running: queue.running,
            oldest_due: queue.oldest_due.map(|moment| moment.0),
        };
        Ok(queues.queues.into_iter().map(info).collect())
    }

    async fn configure_queue(&self, queue: &str, settings: &QueueSettings) -> Result<(), Error> {
        let QueueSettings { mode, max_running, max_running_per_tenant } = settings;
        let document = json!({
            "mode": mode, "max_running": max_running, "max_running_per_tenant": max_running_per_tenant,
        });
        let path = ["v1", "queues", queue];
        let answer = self.http.ask(Ask::new(Method::PUT, &path).json(&document)?).await?;
        answer.document::<QueueDocument>().map(drop)
    }

    async fn list_schedules(&self) -> Result<Vec<ScheduleInfo>, Error> {
        let schedules: Schedules = self.http.ask(Ask::get(&["v1", "schedules"])).await?.document()?;
        schedules.schedules.into_iter().map(read::schedule).collect()
    }

    async fn put_one_schedule(&self, schedule: &Schedule, expected: Expected) -> Result<bool, Error> {
        let known = self.list_schedules().await?.into_iter().find(|known| known.schedule.name == schedule.name);
        let revision = known.as_ref().map(|known| known.revision);
        if let Expected::Revision(expected) = expected
            && revision != Some(expected)
        {
            return Ok(false);
        }
        // To rest and to go on are changes of their own: what of the job no document tells stays as it is.
        let rests = known.is_some_and(|known| {
            let job = NewJob { id: schedule.job.id, ..known.schedule.job.clone() };
            Schedule { paused: schedule.paused, job, ..known.schedule } == *schedule
        });
        if rests {
            let path = ["v1", "schedules", &*schedule.name, if schedule.paused { "pause" } else { "resume" }];
            let answer = self.http.ask(Ask::new(Method::POST, &path).safe()).await;
            let is_there = found(answer.and_then(|answer| answer.document::<ScheduleDocument>()))?;
            if is_there || expected != Expected::Anything {
                return Ok(is_there);
            }
        }
        if expected != Expected::Anything {
            let what = "a server stores a schedule whatever is there".to_owned();
            return Err(Error::Unsupported(what));
        }
        let unreadable = |error: serde_json::Error| Error::Unsupported(error.to_string());
        let mut document = serde_json::to_value(job_request(&schedule.job)?).map_err(unreadable)?;
        match &schedule.timing {
            Timing::Cron { expression, zone } => {
                document["cron"] = expression.as_str().into();
                document["zone"] = zone.as_str().into();
            }
            Timing::Every(every) => document["every"] = Span(*every).to_string().into(),
        }
        document["missed"] = MissedText(schedule.missed).to_string().into();
        document["paused"] = schedule.paused.into();
        let path = ["v1", "schedules", &*schedule.name];
        let answer = self.http.ask(Ask::new(Method::PUT, &path).json(&document)?).await?;
        answer.document::<ScheduleDocument>().map(|_| true)
    }

    async fn list_workers(&self) -> Result<Vec<WorkerInfo>, Error> {
        let workers: Workers = self.http.ask(Ask::get(&["v1", "workers"])).await?.document()?;
        let info = |worker: WorkerDocument| WorkerInfo {
            id: worker.id,
            host: worker.host,
            serves: worker.serves,
            version: worker.version,
            slots: worker.slots,
            running: worker.running,
            draining: worker.draining,
            started_at: worker.started_at.0,
            seen_at: worker.seen_at.0,
        };
        Ok(workers.workers.into_iter().map(info).collect())
    }

    async fn now(&self) -> Result<Timestamp, Error> {
        if let Some(now) = self.http.clock.now() {
            return Ok(now);
        }
        let version: VersionDocument = self.http.ask(Ask::get(&["v1", "version"])).await?.document()?;
        tracing::debug!(version = version.version, "the server answers");
        // Every server of ours says the date; a proxy before it that does not is no reason to fail.
        Ok(self.http.clock.now().unwrap_or_else(chrono::Utc::now))
    }
}

/// What only a worker does, or whoever has the database.
fn not_of_clients<'a, T>(what: &'static str) -> Answer<'a, T> {
    Box::pin(async move { Err(Error::Unsupported(format!("{what} is nothing that a server does for a client"))) })
}

impl Queue for RemoteQueue {
    fn enqueue(&self, jobs: Vec<NewJob>, _: Now) -> Answer<'_, Vec<Enqueued>> {
        Box::pin(self.enqueue_jobs(jobs))
    }

    fn holders<'a>(&'a self, _: &'a [UniqueKey], _: Now) -> Answer<'a, Vec<Option<JobId>>> {
        not_of_clients("to tell who has unique keys")
    }

    fn claim<'a>(&'a self, _: &'a Claim, _: Now) -> Answer<'a, Claimed> {
        not_of_clients("to claim jobs")
    }

    fn renew<'a>(&'a self, _: &'a [LeaseKey], _: Duration, _: Now) -> Answer<'a, Vec<Renewed>> {
        not_of_clients("to renew leases")
    }

    fn report(&self, _: Vec<(LeaseKey, Vec<Event>)>, _: Now) -> Answer<'_, ()> {
        not_of_clients("to report events")
    }

    fn settle(&self, _: Vec<Settlement>, _: Now) -> Answer<'_, Vec<Settled>> {
        not_of_clients("to settle jobs")
    }

    fn reclaim(&self, _: Now) -> Answer<'_, u64> {
        not_of_clients("to take back leases")
    }

    fn change<'a>(&'a self, selection: &'a Selection, change: &'a Change, _: Now) -> Answer<'a, Vec<JobId>> {
        Box::pin(self.change_jobs(selection, change))
    }

    fn get(&self, id: JobId) -> Answer<'_, Option<JobRecord>> {
        Box::pin(self.get_job(id))
    }

    fn list<'a>(&'a self, filter: &'a Filter, page: Page) -> Answer<'a, Vec<Summary>> {
        Box::pin(self.list_jobs(filter, page))
    }

    fn counts<'a>(&'a self, filter: &'a Filter) -> Answer<'a, Vec<Count>> {
        Box::pin(self.count_jobs(filter))
    }

    fn events(&self, id: JobId, after: u64) -> Answer<'_, Vec<StoredEvent>> {
        Box::pin(self.events_of(id, after))
    }

    fn signals(&self) -> Signals {
        self.follower.signals()
    }

    fn queues(&self, _: Now) -> Answer<'_, Vec<QueueInfo>> {
        Box::pin(self.list_queues())
    }

    fn configure<'a>(&'a self, queue: &'a str, settings: &'a QueueSettings) -> Answer<'a, ()> {
        Box::pin(self.configure_queue(queue, settings))
    }

    fn put_program<'a>(&'a self, wasm: &'a [u8], name: Option<&'a str>, _: Now) -> Answer<'a, Digest> {
        Box::pin(self.upload(wasm, name))
    }

    fn take_name<'a>(&'a self, _: &'a str, _: Digest, _: Now) -> Answer<'a, bool> {
        not_of_clients("to give a new name to a program that is stored")
    }

    fn program(&self, digest: Digest) -> Answer<'_, Option<Vec<u8>>> {
        Box::pin(self.download(digest))
    }

    fn has_program<'a>(&'a self, _: Digest, _: Option<&'a str>) -> Answer<'a, bool> {
        not_of_clients("to tell whether a program is stored")
    }

    fn programs(&self) -> Answer<'_, Vec<StoredProgram>> {
        Box::pin(self.stored_programs())
    }

    fn versions<'a>(&'a self, name: &'a str) -> Answer<'a, Vec<Version>> {
        Box::pin(self.versions_of(name))
    }

    fn delete_name<'a>(&'a self, name: &'a str) -> Answer<'a, bool> {
        Box::pin(self.forget_name(name))
    }

    fn put_schedule<'a>(
        &'a self,
        schedule: &'a Schedule,
        _: Option<Timestamp>,
        expected: Expected,
        _: Now,
    ) -> Answer<'a, bool> {
        // When it is due first is for the server to work out.
        Box::pin(self.put_one_schedule(schedule, expected))
    }

    fn schedules(&self) -> Answer<'_, Vec<ScheduleInfo>> {
        Box::pin(self.list_schedules())
    }

    fn delete_schedule<'a>(&'a self, name: &'a str) -> Answer<'a, bool> {
        Box::pin(async move {
            let path = ["v1", "schedules", name];
            found(self.http.ask(Ask::new(Method::DELETE, &path)).await.and_then(|answer| answer.nothing()))
        })
    }

    fn fire(&self, _: Firing, _: Now) -> Answer<'_, bool> {
        not_of_clients("to fire schedules")
    }

    fn put_entry<'a>(&'a self, _: &'a Entry, _: Expected, _: Now) -> Answer<'a, bool> {
        not_of_clients("to write what a server keeps")
    }

    fn entry<'a>(&'a self, _: &'a EntryKey) -> Answer<'a, Option<Entry>> {
        not_of_clients("to read what a server keeps")
    }

    fn entries<'a>(&'a self, _: &'a str, _: Option<&'a str>) -> Answer<'a, Vec<Entry>> {
        not_of_clients("to read what a server keeps")
    }

    fn delete_entry<'a>(&'a self, _: &'a EntryKey) -> Answer<'a, bool> {
        not_of_clients("to delete what a server keeps")
    }

    fn beat<'a>(&'a self, _: &'a WorkerInfo, _: Now) -> Answer<'a, ()> {
        not_of_clients("to tell of a worker")
    }

    fn workers(&self, _: Now) -> Answer<'_, Vec<WorkerInfo>> {
        Box::pin(self.list_workers())
    }

    fn prune<'a>(&'a self, _: &'a Retention, _: Now) -> Answer<'a, u64> {
        not_of_clients("to prune old jobs")
    }

    fn check(&self, _: Now) -> Answer<'_, Vec<Finding>> {
        not_of_clients("to check the database")
    }

    fn backup<'a>(&'a self, _: &'a Path) -> Answer<'a, ()> {
        not_of_clients("to copy the database")
    }

    fn clock(&self) -> Answer<'_, Timestamp> {
        Box::pin(self.now())
    }
}
