//! What a webhook says: the body that receivers parse, the same at every try.

use std::sync::Arc;

use bytes::Bytes;
use chrono::SecondsFormat;
use serde::Serialize;
use serde_json::{Map, Value};

use super::measure::{fits, text_bytes};
use crate::failure::Failure;
use crate::job::JobId;
use crate::kwargs::Kwargs;
use crate::outcome::Outcome;
use crate::queue::{Ended, Error, JobRecord, Queue, Summary, Timestamp};
use crate::wire::{FailureDocument, RunDocument};
use crate::worker::HttpDelivery;

/// The largest outcome that is sent beside the end itself: it says the value a second time, and what the job wrote.
const MAX_OUTCOME_BYTES: usize = 1 << 20;

/// What the delivery itself knows of it.
pub(super) struct Message {
    delivery: JobId,
    ended: Ended,
    kwargs: Kwargs,
}

/// `type`, `timestamp` and `data`, as Standard Webhooks 1.0 suggests.
#[derive(Serialize)]
struct Document<'m> {
    r#type: &'static str,
    timestamp: String,
    data: Data<'m>,
}

#[derive(Serialize)]
struct Data<'m> {
    job: JobId,
    name: &'m str,
    #[serde(skip_serializing_if = "Option::is_none")]
    result: Option<&'m Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    failure: Option<FailureDocument>,
    kwargs: &'m Map<String, Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    outcome: Option<RunDocument>,
}

impl Message {
    /// Taken out of the delivery, so that it goes when the body is made.
    pub(super) fn of(delivery: &mut HttpDelivery) -> Self {
        let (id, kwargs) = (delivery.id, std::mem::take(&mut delivery.kwargs));
        let Ended { job, name, result } = &mut delivery.ended;
        let (job, name, result) = (*job, std::mem::take(name), std::mem::replace(result, Ok(Value::Null)));
        Message { delivery: id, ended: Ended { job, name, result }, kwargs }
    }

    /// How large the body becomes, but for the outcome.
    pub(super) fn bytes(&self) -> usize {
        text_bytes(&self.document(None, None))
    }

    /// The body.
    ///
    /// # Errors
    /// The queue's.
    pub(super) async fn body(self, queue: &Arc<dyn Queue>) -> Result<Bytes, Error> {
        let (summary, outcome) = queue.get(self.ended.job).await?.map(parts).unzip();
        let outcome = outcome.flatten().and_then(|outcome| beside(outcome, &self.ended.result));
        let document = self.document(summary.as_ref(), outcome);
        let body = serde_json::to_vec(&document).expect("plain data with string keys has a JSON form");
        Ok(body.into())
    }

    fn document<'m>(&'m self, summary: Option<&'m Summary>, outcome: Option<RunDocument>) -> Document<'m> {
        let Ended { job, name, result } = &self.ended;
        // As lists have it: what has no name is known by its language.
        let language = summary.and_then(|summary| summary.language.as_deref()).unwrap_or_default();
        let moment = summary.and_then(|summary| summary.ended_at).unwrap_or_else(|| made_at(self.delivery));
        Document {
            r#type: if result.is_ok() { "job.returned" } else { "job.failed" },
            timestamp: moment.to_rfc3339_opts(SecondsFormat::Millis, true),
            data: Data {
                job: *job,
                name: if name.is_empty() { language } else { name },
                result: result.as_ref().ok(),
                failure: result.as_ref().err().map(FailureDocument::from),
                kwargs: self.kwargs.as_object(),
                outcome,
            },
        }
    }
}

/// What is told of a job; the rest of its record goes at once.
fn parts(record: JobRecord) -> (Summary, Option<Outcome>) {
    (record.summary, record.outcome)
}

/// The outcome as it stands beside the end, if it is that end's and not too large.
fn beside(outcome: Outcome, result: &Result<Value, Failure>) -> Option<RunDocument> {
    // It says the value again, so that alone tells of most that are too large.
    let may_fit = result.as_ref().map_or(true, |value| fits(MAX_OUTCOME_BYTES, value));
    // Somebody may have run it again since, and that is another end.
    let is_its = may_fit && outcome.result == *result;
    is_its.then(|| RunDocument::from(outcome)).filter(|document| fits(MAX_OUTCOME_BYTES, document))
}

/// When a delivery was made, which is when its job ended: the first six bytes of an id are milliseconds (RFC 9562).
fn made_at(id: JobId) -> Timestamp {
    let [a, b, c, d, e, f, ..] = id.to_bytes();
    let milliseconds = i64::from_be_bytes([0, 0, a, b, c, d, e, f]);
    Timestamp::from_timestamp_millis(milliseconds).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_says_when_it_was_made() {
        let id = JobId::from_bytes(0x0192_3f4e_5d6c_7000_8000_0000_0000_0000_u128.to_be_bytes());
        assert_eq!(made_at(id).timestamp_millis(), 0x0192_3f4e_5d6c);
    }
}
