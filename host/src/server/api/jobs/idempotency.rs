//! Jobs that are stored once, however often they are sent with one `Idempotency-Key`.
//!
//! The key becomes the jobs' unique key. What the request was is kept in their ids: the part of an id that would be random
//! is a hash of the request, so that the same key with another request is found out without a document of its own.

use std::time::Duration;

use axum::extract::OptionalFromRequestParts;
use http::HeaderName;
use http::request::Parts;
use sha2::{Digest as _, Sha256};

use super::super::super::App;
use super::super::super::problem::{Code, Problem, Result};
use crate::job::JobId;
use crate::queue::{Enqueued, NewJob, Queue, Unique, UniqueScope};
use crate::wire::Submission;

const HEADER: HeaderName = HeaderName::from_static("idempotency-key");

/// How long a key is taken.
const PERIOD: Duration = Duration::from_secs(24 * 60 * 60);

/// The longest key, in bytes.
const MAX_BYTES: usize = 255;

/// Where the part of an id begins that is random: before it are the time and a counter.
const RANDOM_FROM: usize = 8;

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
        Keyed { key: format!("idempotency-key:{}", self.0), hash: Sha256::new_with_prefix(json) }
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
            let key = if index == 0 { self.key.clone() } else { format!("{}#{index}", self.key) };
            job.unique = Some(Unique { key, scope: UniqueScope::Period(PERIOD) });
        }
        let asked: Vec<JobId> = jobs.iter().map(|job| job.id).collect();
        // The first job tells whether the key is taken by another request, before anything of this one is stored.
        let others = jobs.split_off(1);
        let mut enqueued = queue.enqueue(jobs, None).await?;
        Self::check(&asked, &enqueued)?;
        if !others.is_empty() {
            enqueued.extend(queue.enqueue(others, None).await?);
            Self::check(&asked, &enqueued)?;
        }
        Ok(enqueued)
    }

    /// An id that tells what was asked for.
    fn id(&self, job: &NewJob, index: usize) -> JobId {
        let mut hash = self.hash.clone();
        hash.update(self.key.as_bytes());
        hash.update(job.tenant.as_deref().unwrap_or_default());
        hash.update(index.to_be_bytes());
        let mut bytes = job.id.to_bytes();
        let random = &mut bytes[RANDOM_FROM..];
        random.copy_from_slice(&hash.finalize()[..random.len()]);
        // The two bits that every UUID of this kind has there.
        random[0] = 0x80 | (random[0] & 0x3f);
        JobId::from_bytes(bytes)
    }

    fn check(asked: &[JobId], found: &[Enqueued]) -> Result<()> {
        let told = |id: JobId| id.to_bytes()[RANDOM_FROM..].to_vec();
        if asked.iter().zip(found).all(|(asked, found)| told(*asked) == told(found.id)) {
            return Ok(());
        }
        let detail = "expected the request that came with this key before, found another";
        Err(Problem { field: Some("Idempotency-Key".to_owned()), ..Problem::new(Code::IdempotencyMismatch, detail) })
    }
}
