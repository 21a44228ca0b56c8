//! What is kept of each try in the queue: written when a delivery settles, read when somebody looks.

use std::time::Duration;

use http::StatusCode;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::answer::Answer;
use crate::failure::{Failure, Kind};
use crate::outcome::Outcome;

/// One try.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Record {
    /// The status that was answered, if anything was.
    pub(crate) status: Option<u16>,
    /// How long it took, in milliseconds.
    pub(crate) time_ms: u64,
    /// How the answer's body begins, as text; what is not UTF-8 in it is replaced.
    pub(crate) body: Option<String>,
}

impl Record {
    /// Of a try that took so long and gave this answer, if any.
    pub(super) fn of(answer: Option<&Answer>, time: Duration) -> Self {
        Record {
            status: answer.map(|answer| answer.status.as_u16()),
            time_ms: u64::try_from(time.as_millis()).unwrap_or(u64::MAX),
            body: answer.map(|answer| String::from_utf8_lossy(&answer.body).into_owned()),
        }
    }

    /// As the value of a delivery that was accepted.
    pub(super) fn into_value(self) -> Value {
        serde_json::to_value(self).expect("plain data with string keys has a JSON form")
    }

    /// As what a delivery returned before it failed.
    pub(super) fn into_failure(self, message: String, retry: Option<bool>) -> Failure {
        Failure { returns: vec![self.into_value()], retry, ..Failure::new(Kind::Callback, message) }
    }

    /// What an attempt wrote down, if it came as far as a try.
    pub(crate) fn read(outcome: &Outcome) -> Option<Record> {
        let value = match &outcome.result {
            Ok(value) => value,
            Err(failure) => failure.returns.first().or(outcome.returns.first())?,
        };
        serde_json::from_value(value.clone()).ok()
    }
}

/// What an answer means: nothing if the end is told, else why it is not, and whether another try is worth it where that
/// is not the policy's to say.
pub(super) fn verdict(status: StatusCode) -> Result<(), (String, Option<bool>)> {
    if status.is_success() {
        return Ok(());
    }
    if status == StatusCode::GONE {
        return Err(("the receiver wants no more of it: it answered 410 Gone".to_owned(), Some(false)));
    }
    if status.is_redirection() {
        return Err((format!("the receiver redirects, which is not followed: it answered {status}"), None));
    }
    Err((format!("expected an answer of 200 to 299, found {status}"), None))
}
