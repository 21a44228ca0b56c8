//! How a job says that it failed: a type, a message, and whether trying again may help.
//!
//! Job authors return it; `run.rs` hands it to the host, which reports kind `guest`.
//! It is not a `std::error::Error`, so that every error can become one by `?`.

use std::error::Error;
use std::fmt::{self, Display};

use serde::Serialize;

/// A failure that the job reports by itself.
///
/// ```
/// use ampule_guest::JobError;
///
/// fn parse(text: &str) -> Result<i64, JobError> {
///     if text.is_empty() {
///         return Err(JobError::new("empty_text", "expected a number, found nothing").retry(false));
///     }
///     Ok(text.parse()?)
/// }
/// assert_eq!(parse("x").unwrap_err().type_name(), "ParseIntError");
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct JobError {
    #[serde(rename = "type")]
    type_name: String,
    message: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    retry: Option<bool>,
}

impl JobError {
    /// A failure of a type that callers may match on, with a message for people.
    pub fn new(type_name: impl Into<String>, message: impl Into<String>) -> Self {
        Self { type_name: type_name.into(), message: message.into(), retry: None }
    }

    /// Tells the host whether another attempt may succeed. Unset, its retry policy decides.
    pub fn retry(mut self, retry: bool) -> Self {
        self.retry = Some(retry);
        self
    }

    /// The type, as given to [`JobError::new`] or taken from the error that this was.
    pub fn type_name(&self) -> &str {
        &self.type_name
    }

    /// The message.
    pub fn message(&self) -> &str {
        &self.message
    }
}

impl Display for JobError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}: {}", self.type_name, self.message)
    }
}

/// The type is the last segment of the Rust type's name, the message what it displays.
impl<E: Error> From<E> for JobError {
    fn from(error: E) -> Self {
        Self::new(last_segment(std::any::type_name::<E>()), error.to_string())
    }
}

/// `a::b::Name<c::D>` is `Name`.
fn last_segment(type_name: &str) -> &str {
    let path = type_name.split('<').next().unwrap_or(type_name);
    path.rsplit("::").next().unwrap_or(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_gives_its_name_and_its_message() {
        let error = JobError::from("x".parse::<i64>().unwrap_err());
        assert_eq!(error, JobError::new("ParseIntError", "invalid digit found in string"));
    }

    #[test]
    fn the_last_segment_leaves_type_parameters_out() {
        assert_eq!(last_segment("a::b::Name<c::D>"), "Name");
        assert_eq!(last_segment("Name"), "Name");
    }

    #[test]
    fn retry_is_absent_until_it_is_said() {
        let error = JobError::new("busy", "later");
        let json = |error: &JobError| serde_json::to_string(error).unwrap();
        assert_eq!(json(&error), r#"{"type":"busy","message":"later"}"#);
        let error = error.retry(true);
        assert_eq!(json(&error), r#"{"type":"busy","message":"later","retry":true}"#);
    }
}
