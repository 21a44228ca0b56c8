//! Jobs that are stored once, however often they are sent with one `Idempotency-Key`.
//!
//! The key becomes the jobs' unique keys. What the request was is kept in the marks of their ids: a hash of the request
//! in place of what would be random, so that the same key with another request is found out without a document of its
//! own, by the queue, in the transaction that would store the jobs.

use std::time::Duration;

use axum::extract::OptionalFromRequestParts;
use http::HeaderName;
use http::request::Parts;
use sha2::{Digest as _, Sha256};

use super::super::super::App;
use super::super::super::asked::KEYS_OF_REQUESTS;
use super::super::super::problem::{Code, Problem, Result};
use crate::job::JobId;
use crate::queue::{Enqueued, Error, NewJob, Queue, Unique, UniqueScope};
use crate::wire::Submission;

const HEADER: HeaderName = HeaderName::from_static("idempotency-key");

/// How long a key is taken.
const PERIOD: Duration = Duration::from_secs(24 * 60 * 60);

/// The longest key, in bytes.
const MAX_BYTES: usize = 255;

/// What a client calls its request.
pub(super) struct Key(String);

/// A key and what was asked for under it.
pub(super) struct Keyed {
    key: String,
    hash: Sha256,
}

impl OptionalFromRequestParts<App> for Key {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &App) -> Result<Option<Self>> {
        let Some(value) = parts.headers.get(HEADER) else { return Ok(None) };
        let key = value.to_str().ok().filter(|key| (1..=MAX_BYTES).contains(&key.len()));
        let refused = || {
            let expected = format!("1 to {MAX_BYTES} visible characters of ASCII");
            Problem::invalid("Idempotency-Key", expected, "others, or none, or more")
        };
        Ok(Some(Key(key.ok_or_else(refused)?.to_owned())))
    }
}

impl Key {
    pub(super) fn for_request(self, request: &Submission) -> Keyed {
        let json = serde_json::to_vec(request).expect("plain data with string keys has a JSON form");
        Keyed { key: self.0, hash: Sha256::new_with_prefix(json) }
    }
}

impl Keyed {
    /// Stores the jobs, or finds that they are stored already.
    pub(super) async fn enqueue(self, queue: &dyn Queue, mut jobs: Vec<NewJob>) -> Result<Vec<Enqueued>> {
        for (index, job) in jobs.iter_mut().enumerate() {
            if job.unique.is_some() {
                return Err(Problem::invalid("unique", "none with an `Idempotency-Key`", "one"));
            }
            job.id = self.id(job, index);
            job.unique = Some(self.unique(index));
            job.by_request = true;
        }
        queue.enqueue(jobs, None).await.map_err(|error| match error {
            Error::KeyTaken(_) => mismatch(),
            other => other.into(),
        })
    }

    /// The key of a job. Its place comes before what the client says, so that no two requests make the same key.
    fn unique(&self, index: usize) -> Unique {
        Unique { key: format!("{KEYS_OF_REQUESTS}{index}:{}", self.key), scope: UniqueScope::Period(PERIOD) }
    }

    /// An id that tells what was asked for.
    fn id(&self, job: &NewJob, index: usize) -> JobId {
        let mut hash = self.hash.clone();
        hash.update(self.key.as_bytes());
        hash.update(job.tenant.as_deref().unwrap_or_default());
        hash.update(index.to_be_bytes());
        let hash = hash.finalize();
        job.id.marked(*hash.first_chunk().expect("a hash has more bytes than a mark"))
    }
}

fn mismatch() -> Problem {
    let detail = "expected the request that came with this key before, found another";
    Problem { field: Some("Idempotency-Key".to_owned()), ..Problem::new(Code::IdempotencyMismatch, detail) }
}
