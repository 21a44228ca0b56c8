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
use crate::queue::{Enqueued, Error, NewJob, Queue, Unique, UniqueKey, UniqueScope};
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
        let mut values = parts.headers.get_all(HEADER).iter();
        let Some(value) = values.next() else { return Ok(None) };
        let is_one = values.next().is_none();
        let key = value.to_str().ok().filter(|key| is_one && (1..=MAX_BYTES).contains(&key.len()));
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
    /// The jobs of this request, if all were stored before: whatever became of their program, their queue or the room
    /// since, whoever sends it again is told of them.
    pub(super) async fn stored(
        &self,
        queue: &dyn Queue,
        tenants: Vec<Option<String>>,
    ) -> Result<Option<Vec<Enqueued>>> {
        let places = || tenants.iter().enumerate();
        let keys: Vec<UniqueKey> =
            places().map(|(index, tenant)| UniqueKey { tenant: tenant.clone(), key: self.unique(index).key }).collect();
        let holders = queue.holders(&keys, None).await?;
        let is_other = |((index, tenant), holder): ((usize, &Option<String>), &Option<JobId>)| {
            holder.is_some_and(|holder| holder.mark() != self.id(holder, tenant.as_deref(), index).mark())
        };
        if places().zip(&holders).any(is_other) {
            return Err(mismatch());
        }
        Ok(holders.into_iter().map(|holder| Some(Enqueued { id: holder?, existed: true })).collect())
    }

    /// Stores the jobs, or finds that they are stored already.
    pub(super) async fn enqueue(self, queue: &dyn Queue, mut jobs: Vec<NewJob>) -> Result<Vec<Enqueued>> {
        for (index, job) in jobs.iter_mut().enumerate() {
            if job.unique.is_some() {
                return Err(Problem::invalid("unique", "none with an `Idempotency-Key`", "one"));
            }
            job.id = self.id(job.id, job.tenant.as_deref(), index);
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

    /// The id, marked with what was asked for.
    fn id(&self, id: JobId, tenant: Option<&str>, index: usize) -> JobId {
        let mut hash = self.hash.clone();
        hash.update(self.key.as_bytes());
        hash.update(tenant.unwrap_or_default());
        hash.update(index.to_be_bytes());
        let hash = hash.finalize();
        id.marked(*hash.first_chunk().expect("a hash has more bytes than a mark"))
    }
}

fn mismatch() -> Problem {
    let detail = "expected the request that came with this key before, found another";
    Problem { field: Some("Idempotency-Key".to_owned()), ..Problem::new(Code::IdempotencyMismatch, detail) }
}
