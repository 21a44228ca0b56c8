//! Deliveries and secrets as the API shows them: of the headers that a job asked for only the names.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::ToSchema;

use super::record::Record;
use super::secrets::Signing;
use crate::job::JobId;
use crate::queue::{Attempt, AttemptEnd, JobRecord, State, Summary, Target, Work};
use crate::wire::Moment;

/// A delivery as it stands in lists.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub(crate) struct WebhookSummaryDocument {
    /// The delivery: what receivers get as `webhook-id`.
    id: JobId,
    /// The job that it follows from, or the delivery that failed.
    job: Option<JobId>,
    /// Where it is: `completed` once a receiver accepted it, `failed` if none did and it is tried no more.
    state: State,
    /// The host, and the port if the URL names one.
    host: String,
    /// Whose it is.
    tenant: Option<String>,
    /// How often it was tried, the try that goes on included.
    tries: u32,
    /// How often it is tried at most.
    max_tries: u32,
    /// When the job ended.
    enqueued_at: Moment,
    /// When it is or was due.
    run_at: Moment,
    /// When it was tried last.
    started_at: Option<Moment>,
    /// When it was over.
    ended_at: Option<Moment>,
    /// Why it, or the last try, failed.
    message: Option<String>,
}

/// A delivery with all of its tries.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub(crate) struct WebhookDocument {
    /// What is known without its documents.
    #[serde(flatten)]
    summary: WebhookSummaryDocument,
    /// What is told: `job.returned` or `job.failed`.
    event: String,
    /// Where to.
    url: String,
    /// The names of the headers that the job asked for.
    headers: Vec<String>,
    /// What is told beside the end.
    kwargs: Map<String, Value>,
    /// Every try, oldest first.
    attempts: Vec<TryDocument>,
}

/// One try.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub(crate) struct TryDocument {
    /// Its number, from 1.
    attempt: u32,
    /// When it began.
    started_at: Moment,
    /// When it was over.
    ended_at: Option<Moment>,
    /// What became of it.
    end: AttemptEnd,
    /// The status that was answered, if anything was.
    status: Option<u16>,
    /// How long it took, in milliseconds.
    time_ms: Option<u64>,
    /// How the answer's body begins, at most a kibibyte of it.
    body: Option<String>,
    /// Why it failed, if it did.
    message: Option<String>,
}

/// A secret that signs.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub(crate) struct WebhookSecretDocument {
    /// By which it is deleted.
    id: String,
    /// What receivers are set up with: `whsec_` and base64.
    secret: String,
    /// When it was made.
    made_at: Moment,
    /// Until when it signs, beside newer ones; null for the newest.
    ends_at: Option<Moment>,
}

impl From<Summary> for WebhookSummaryDocument {
    fn from(delivery: Summary) -> Self {
        WebhookSummaryDocument {
            id: delivery.id,
            job: delivery.parent,
            state: delivery.state,
            host: delivery.name,
            tenant: delivery.tenant,
            tries: delivery.tries,
            max_tries: delivery.max_tries,
            enqueued_at: Moment(delivery.enqueued_at),
            run_at: Moment(delivery.run_at),
            started_at: delivery.started_at.map(Moment),
            ended_at: delivery.ended_at.map(Moment),
            message: delivery.message,
        }
    }
}

impl WebhookDocument {
    /// The document of a job, if it is a delivery over HTTP.
    pub(crate) fn of(record: JobRecord) -> Option<Self> {
        let Work::Delivery(delivery) = record.payload.work else { return None };
        let Target::Http { url, headers } = delivery.to else { return None };
        let event = if delivery.ended.result.is_ok() { "job.returned" } else { "job.failed" };
        Some(WebhookDocument {
            summary: record.summary.into(),
            event: event.to_owned(),
            url,
            headers: headers.into_keys().collect(),
            kwargs: delivery.kwargs.as_object().clone(),
            attempts: record.attempts.into_iter().map(TryDocument::from).collect(),
        })
    }
}

impl From<Attempt> for TryDocument {
    fn from(attempt: Attempt) -> Self {
        let record = attempt.outcome.as_ref().and_then(Record::read);
        let (status, time_ms, body) =
            record.map_or((None, None, None), |record| (record.status, Some(record.time_ms), record.body));
        let failure = attempt.outcome.and_then(|outcome| outcome.result.err());
        TryDocument {
            attempt: attempt.attempt,
            started_at: Moment(attempt.started_at),
            ended_at: attempt.ended_at.map(Moment),
            end: attempt.end,
            status,
            time_ms,
            body,
            message: failure.map(|failure| failure.message),
        }
    }
}

impl From<Signing> for WebhookSecretDocument {
    fn from(signing: Signing) -> Self {
        WebhookSecretDocument {
            id: signing.id,
            secret: signing.secret.text(),
            made_at: Moment(signing.made_at),
            ends_at: signing.ends_at.map(Moment),
        }
    }
}
