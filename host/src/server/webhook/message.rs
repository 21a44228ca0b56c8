//! What a webhook says: the body that receivers parse, the same at every try.

use std::sync::Arc;

use bytes::Bytes;
use chrono::SecondsFormat;
use serde_json::{Value, json};

use crate::job::JobId;
use crate::queue::{Ended, Error, Queue, Timestamp};
use crate::wire::{FailureDocument, RunDocument};
use crate::worker::HttpDelivery;

/// The largest outcome that is sent beside the end itself: it says the value a second time, and what the job wrote.
const MAX_OUTCOME_BYTES: usize = 1 << 20;

/// The body: `type`, `timestamp` and `data`, as Standard Webhooks 1.0 suggests.
///
/// # Errors
/// The queue's.
pub(super) async fn body(queue: &Arc<dyn Queue>, delivery: &HttpDelivery) -> Result<Bytes, Error> {
    let Ended { job, name, result, .. } = &delivery.ended;
    let record = queue.get(*job).await?;
    let ended_at = record.as_ref().and_then(|record| record.summary.ended_at);
    let outcome = record.and_then(|record| record.outcome).filter(|outcome| outcome.result == *result);
    let mut data = json!({ "job": job, "name": name });
    match result {
        Ok(value) => data["result"] = value.clone(),
        Err(failure) => data["failure"] = document(&FailureDocument::from(failure)),
    }
    data["kwargs"] = Value::Object(delivery.kwargs.as_object().clone());
    // Somebody may have run it again since, and that is another end.
    if let Some(outcome) = outcome {
        let outcome = document(&RunDocument::from(outcome));
        if outcome.to_string().len() <= MAX_OUTCOME_BYTES {
            data["outcome"] = outcome;
        }
    }
    let kind = if result.is_ok() { "job.returned" } else { "job.failed" };
    let moment = ended_at.unwrap_or_else(|| made_at(delivery.id)).to_rfc3339_opts(SecondsFormat::Millis, true);
    Ok(json!({ "type": kind, "timestamp": moment, "data": data }).to_string().into())
}

fn document(document: &impl serde::Serialize) -> Value {
    serde_json::to_value(document).expect("plain data with string keys has a JSON form")
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
