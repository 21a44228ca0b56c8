//! Wakes those who wait for the end of a job behind a server: it listens to the job's own stream of events while
//! somebody waits, and rings from time to time where there is none.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use http::{HeaderValue, header};
use reqwest::Response;
use tokio::task::JoinHandle;
use tokio::time::sleep;

use super::http::{Ask, Http};
use crate::job::JobId;
use crate::queue::{Bell, Happened, Signals};

/// How often it rings where no stream tells.
const RING_EVERY: Duration = Duration::from_millis(500);

/// Listens while somebody waits.
#[derive(Debug)]
pub(super) struct Follower {
    shared: Arc<Shared>,
    http: Arc<Http>,
    task: Mutex<Option<JoinHandle<()>>>,
}

#[derive(Debug)]
struct Shared {
    bell: Bell,
    /// The unfinished job that was looked at last: whoever waits waits for that one.
    job: Mutex<Option<JobId>>,
}

impl Follower {
    pub(super) fn new(http: Arc<Http>) -> Self {
        let shared = Arc::new(Shared { bell: Bell::new(), job: Mutex::new(None) });
        Follower { shared, http, task: Mutex::new(None) }
    }

    /// What wakes who waits, from now on.
    pub(super) fn signals(&self) -> Signals {
        let signals = self.shared.bell.signals();
        let mut task = self.task.lock().unwrap_or_else(PoisonError::into_inner);
        if task.as_ref().is_none_or(JoinHandle::is_finished) {
            *task = Some(tokio::spawn(listen(Arc::clone(&self.http), Arc::clone(&self.shared))));
        }
        signals
    }

    /// Somebody looked at a job.
    pub(super) fn looked_at(&self, job: JobId, has_ended: bool) {
        let mut followed = self.shared.job.lock().unwrap_or_else(PoisonError::into_inner);
        if !has_ended {
            *followed = Some(job);
        } else if *followed == Some(job) {
            *followed = None;
        }
    }
}

impl Drop for Follower {
    fn drop(&mut self) {
        if let Some(task) = self.task.lock().unwrap_or_else(PoisonError::into_inner).take() {
            task.abort();
        }
    }
}

/// Rings until nobody waits.
async fn listen(http: Arc<Http>, shared: Arc<Shared>) {
    let mut stream: Option<(JobId, Response)> = None;
    while shared.bell.is_heard() {
        let followed = *shared.job.lock().unwrap_or_else(PoisonError::into_inner);
        if stream.as_ref().map(|(job, _)| *job) != followed {
            stream = match followed {
                Some(job) => open(&http, job).await.map(|response| (job, response)),
                None => None,
            };
        }
        let next = async {
            match &mut stream {
                // Whatever comes, an event or the end of the stream, is worth a look.
                Some((_, response)) => response.chunk().await.ok().flatten().is_some(),
                None => std::future::pending().await,
            }
        };
        let goes_on = tokio::select! {
            goes_on = next => goes_on,
            () = sleep(RING_EVERY) => true,
        };
        shared.bell.ring(Happened { ended: true, ..Happened::default() });
        if !goes_on {
            stream = None;
            sleep(RING_EVERY).await;
        }
    }
}

async fn open(http: &Http, job: JobId) -> Option<Response> {
    let id = job.to_string();
    let path = ["v1", "jobs", &id, "events"];
    let ask = Ask::get(&path).header(header::ACCEPT, HeaderValue::from_static("text/event-stream"));
    match http.open(ask).await {
        Ok(response) => Some(response),
        Err(error) => {
            tracing::debug!(job_id = %job, %error, "no stream of events; it is looked at from time to time");
            None
        }
    }
}
