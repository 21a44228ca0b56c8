//! Runs behind a server that are not queued: the job there, its end back.

use http::Method;

use super::RemoteQueue;
use super::enqueue::run_request;
use super::http::Ask;
use crate::job::Job;
use crate::outcome::Outcome;
use crate::queue::Error;
use crate::wire::RunDocument;

impl RemoteQueue {
    /// Runs a job on the server, and gives its outcome as far as documents tell it. Dropped, it stops the run.
    ///
    /// # Errors
    /// [`Error::Refused`] if the server does not run it, [`Error::Away`] if it cannot be reached.
    pub async fn run(&self, job: &Job) -> Result<Outcome, Error> {
        let ask = Ask::new(Method::POST, &["v1", "run"]).patient().json(&run_request(job)?)?;
        Ok(self.http.ask(ask).await?.document::<RunDocument>()?.into())
    }
}
