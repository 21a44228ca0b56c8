//! What a queue says of its jobs when all is over, as plain data that a test can also make up.

use ampule::JobId;
use ampule::queue::{AttemptEnd, Filter, JobRecord, Page, Queue, State, Work};

/// A job, as the queue knows it.
#[derive(Clone, Debug, PartialEq)]
pub struct Found {
    /// Its id.
    pub id: JobId,
    /// Its name.
    pub name: String,
    /// The queue it waits or waited in.
    pub queue: String,
    /// Whose it is.
    pub tenant: Option<String>,
    /// How it ended; nothing if it has not.
    pub end: Option<End>,
    /// How often it was handed out.
    pub attempt: u32,
    /// How many of these count.
    pub tries: u32,
    /// How many may count.
    pub max_tries: u32,
    /// Every attempt: its number and its end.
    pub attempts: Vec<(u32, AttemptEnd)>,
    /// Its kwargs, as text; nothing for a delivery.
    pub kwargs: Option<String>,
    /// The job that it follows from.
    pub parent: Option<JobId>,
    /// The closure that it is delivered to, if it is a delivery.
    pub closure: Option<String>,
}

/// How a job ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum End {
    /// It returned this; nothing if it is no number.
    Returned(Option<u64>),
    /// It failed with this kind.
    Failed(String),
    /// It was cancelled.
    Cancelled,
}

/// Every job that a queue knows.
///
/// # Panics
/// If the queue cannot be read, or contradicts itself.
pub async fn read(queue: &dyn Queue) -> Vec<Found> {
    let mut found = Vec::new();
    let mut page = Page { after: None, limit: 1_000 };
    loop {
        let jobs = queue.list(&Filter::default(), page).await.expect("jobs are listed");
        for summary in &jobs {
            let record = queue.get(summary.id).await.expect("a job that is listed can be read");
            found.push(Found::of(record.expect("a job that is listed is known")));
        }
        let Some(last) = jobs.last() else { return found };
        page.after = Some(last.id);
    }
}

impl Found {
    fn of(record: JobRecord) -> Self {
        let JobRecord { summary, payload, outcome, attempts, .. } = record;
        let returned = |value: &ampule::Value| End::Returned(value.as_u64());
        let end = match (summary.state, outcome.as_ref().map(|outcome| &outcome.result)) {
            (State::Queued | State::Running, _) => None,
            (State::Completed, Some(Ok(value))) => Some(returned(value)),
            (State::Failed, Some(Err(failure))) => Some(End::Failed(failure.kind.to_string())),
            (State::Cancelled, Some(Err(_))) => Some(End::Cancelled),
            (state, outcome) => panic!("job {} is {state}, and its outcome is {outcome:?}", summary.id),
        };
        let closure = match &payload.work {
            Work::Delivery(_) => Some(payload.name().to_owned()),
            Work::Job(_) => None,
        };
        Found {
            id: summary.id,
            name: summary.name,
            queue: summary.queue,
            tenant: summary.tenant,
            end,
            attempt: summary.attempt,
            tries: summary.tries,
            max_tries: summary.max_tries,
            attempts: attempts.iter().map(|attempt| (attempt.attempt, attempt.end)).collect(),
            kwargs: payload.job().map(|job| job.kwargs.to_json()),
            parent: summary.parent,
            closure,
        }
    }
}
