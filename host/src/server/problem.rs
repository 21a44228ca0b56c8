//! How the server says no: RFC 9457 problems, each with a code that does not change.
//!
//! What a client may see is here; what only the operator may see goes to the log where it happened.

use axum::response::{IntoResponse, Response};
use http::{HeaderValue, StatusCode, header};
use serde::{Deserialize, Serialize};
use utoipa::openapi::RefOr;
use utoipa::openapi::schema::{ObjectBuilder, Schema, Type};
use utoipa::{PartialSchema, ToSchema};

use crate::error::{Error, LoadError};
use crate::failure::{Failure, Kind};
use crate::queue;
use crate::wire::{FailureDocument, Unreadable};

/// Why a request was refused or failed. Sent as `application/problem+json`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Problem {
    /// `urn:ampule:problem:` and the code.
    #[serde(rename = "type")]
    pub kind: String,
    /// What the code means, for a person.
    pub title: String,
    /// The HTTP status.
    pub status: u16,
    /// The stable name of what went wrong.
    pub code: Code,
    /// What it was this time, for a person.
    pub detail: String,
    /// The field, parameter or header that is wrong, if it is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub field: Option<String>,
    /// What was expected there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expected: Option<String>,
    /// What was found there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub found: Option<String>,
    /// The job's failure, for `bad_program` and `bad_kwargs`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    pub failure: Option<Box<serde_json::Value>>,
    /// After how many seconds another try is worth it; sent as `Retry-After` too.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_after_seconds: Option<u32>,
}

macro_rules! codes {
    ($($(#[doc = $doc:literal])* $variant:ident = $status:ident, $name:literal, $title:literal;)*) => {
        /// What went wrong, by a name that does not change.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
        #[non_exhaustive]
        pub enum Code {
            $($(#[doc = $doc])* #[serde(rename = $name)] $variant,)*
        }

        impl Code {
            /// Every code.
            pub const ALL: &[Code] = &[$(Code::$variant),*];

            /// The stable name, in snake case.
            #[must_use]
            pub fn as_str(self) -> &'static str {
                match self { $(Code::$variant => $name),* }
            }

            /// The HTTP status that it comes with.
            #[must_use]
            pub fn status(self) -> StatusCode {
                match self { $(Code::$variant => StatusCode::$status),* }
            }

            /// What it means, for a person.
            #[must_use]
            pub fn title(self) -> &'static str {
                match self { $(Code::$variant => $title),* }
            }
        }
    };
}

codes! {
    /// The request cannot be read or breaks a rule.
    BadRequest = BAD_REQUEST, "bad_request", "the request breaks a rule";
    /// The program was refused: invalid, unknown imports, too large.
    BadProgram = UNPROCESSABLE_ENTITY, "bad_program", "the program was refused";
    /// The kwargs do not fit the program's schema.
    BadKwargs = UNPROCESSABLE_ENTITY, "bad_kwargs", "the kwargs do not fit the program";
    /// The job asks for more than the operator allows.
    Denied = FORBIDDEN, "denied", "the job asks for more than is allowed here";
    /// No token, or one that is not known or is over.
    Unauthorized = UNAUTHORIZED, "unauthorized", "a token that is known is needed";
    /// The token's role or tenant does not allow this.
    Forbidden = FORBIDDEN, "forbidden", "the token does not allow this";
    /// There is no such thing, or it is somebody else's.
    NotFound = NOT_FOUND, "not_found", "there is no such thing";
    /// The path does not know this method.
    MethodNotAllowed = METHOD_NOT_ALLOWED, "method_not_allowed", "this method is not known here";
    /// The program that is meant is not stored.
    UnknownProgram = NOT_FOUND, "unknown_program", "there is no such program";
    /// No interpreter for the language.
    UnknownLanguage = BAD_REQUEST, "unknown_language", "there is no interpreter for this language";
    /// What is asked for does not fit the state that it is in.
    Conflict = CONFLICT, "conflict", "the state does not allow this";
    /// A header of the request says when it is meant, and that is not so.
    PreconditionFailed = PRECONDITION_FAILED, "precondition_failed", "the request was meant for another state";
    /// The same idempotency key came with another request.
    IdempotencyMismatch = CONFLICT, "idempotency_mismatch", "the idempotency key was used for another request";
    /// The queue takes no new jobs.
    Draining = CONFLICT, "draining", "the queue takes no new jobs";
    /// The body is too large, or what it asks to store.
    TooLarge = PAYLOAD_TOO_LARGE, "too_large", "the request is too large";
    /// The body is of a type that is not known here, or is encoded.
    UnsupportedMediaType = UNSUPPORTED_MEDIA_TYPE, "unsupported_media_type", "the body is of a type that is not known here";
    /// The client was too slow.
    Timeout = REQUEST_TIMEOUT, "timeout", "the request took too long to come";
    /// The token's rate or share is used up.
    TooManyRequests = TOO_MANY_REQUESTS, "too_many_requests", "more than this token may ask for";
    /// The tenant has as many jobs waiting as it may.
    TooManyJobs = TOO_MANY_REQUESTS, "too_many_jobs", "more jobs wait than this tenant may have";
    /// The server has as much to do as it takes on.
    Busy = SERVICE_UNAVAILABLE, "busy", "as much is going on as is taken on";
    /// The queue's database cannot be reached or has no room.
    Unavailable = SERVICE_UNAVAILABLE, "unavailable", "the queue cannot be reached";
    /// The server is going away.
    ShuttingDown = SERVICE_UNAVAILABLE, "shutting_down", "the server is going away";
    /// This queue's backend has no such thing.
    Unsupported = NOT_IMPLEMENTED, "unsupported", "this server has no such thing";
    /// A fault of the server.
    Internal = INTERNAL_SERVER_ERROR, "internal", "a fault of the server";
}

impl ToSchema for Code {}

// By hand, for a derive does not see the names that the macro gives.
impl PartialSchema for Code {
    fn schema() -> RefOr<Schema> {
        let names = Code::ALL.iter().map(|code| code.as_str());
        let described = ObjectBuilder::new()
            .schema_type(Type::String)
            .description(Some("What went wrong, by a name that does not change."));
        described.enum_values(Some(names)).into()
    }
}

/// What a handler answers.
pub(crate) type Result<T> = std::result::Result<T, Problem>;

impl Problem {
    pub(crate) fn new(code: Code, detail: impl Into<String>) -> Self {
        Problem {
            kind: format!("urn:ampule:problem:{}", code.as_str()),
            title: code.title().to_owned(),
            status: code.status().as_u16(),
            code,
            detail: detail.into(),
            field: None,
            expected: None,
            found: None,
            failure: None,
            retry_after_seconds: None,
        }
    }

    /// A field, parameter or header that breaks a rule.
    pub(crate) fn invalid(field: impl Into<String>, expected: impl Into<String>, found: impl Into<String>) -> Self {
        Problem::of_field(Code::BadRequest, field, expected, found)
    }

    /// A field, parameter or header that is refused with this code.
    pub(crate) fn of_field(
        code: Code,
        field: impl Into<String>,
        expected: impl Into<String>,
        found: impl Into<String>,
    ) -> Self {
        let (field, expected, found) = (field.into(), expected.into(), found.into());
        let detail = format!("`{field}`: expected {expected}, found {found}");
        Problem { field: Some(field), expected: Some(expected), found: Some(found), ..Problem::new(code, detail) }
    }

    /// There is no such thing, or not for this token: nobody learns which.
    pub(crate) fn not_found(what: &str) -> Self {
        Problem::new(Code::NotFound, format!("there is no such {what}"))
    }

    /// A job that was refused before anything of it ran, with why.
    pub(crate) fn of_failure(failure: &Failure) -> Self {
        let code = match failure.kind {
            Kind::BadKwargs => Code::BadKwargs,
            Kind::BadProgram => Code::BadProgram,
            Kind::Denied => Code::Denied,
            _ => return Problem::internal(failure),
        };
        let document = serde_json::to_value(FailureDocument::from(failure));
        let document = document.expect("plain data with string keys has a JSON form");
        Problem { failure: Some(Box::new(document)), ..Problem::new(code, &*failure.message) }
    }

    /// The same, of a field within another.
    pub(crate) fn within(mut self, outer: &str) -> Self {
        self.field = Some(match self.field {
            Some(field) => format!("{outer}.{field}"),
            None => outer.to_owned(),
        });
        self
    }

    pub(crate) fn retry_after(mut self, seconds: u32) -> Self {
        self.retry_after_seconds = Some(seconds);
        self
    }

    /// A fault of the server: the log has what the client does not see.
    pub(crate) fn internal(error: &dyn std::fmt::Display) -> Self {
        tracing::error!(%error, "a request failed");
        Problem::new(Code::Internal, "the server's log says more")
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let status = self.code.status();
        let body = serde_json::to_vec(&self).expect("plain data with string keys has a JSON form");
        let mut response = (status, body).into_response();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        if let Some(seconds) = self.retry_after_seconds {
            headers.insert(header::RETRY_AFTER, seconds.into());
        }
        if status == StatusCode::UNAUTHORIZED {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer realm=\"ampule\""));
        }
        response
    }
}

impl From<Unreadable> for Problem {
    fn from(fault: Unreadable) -> Self {
        let detail = fault.to_string();
        let Unreadable { place, message: _, expected, found } = fault;
        let field = Some(place).filter(|place| !place.is_empty());
        Problem { field, expected, found, ..Problem::new(Code::BadRequest, detail) }
    }
}

impl From<queue::Error> for Problem {
    fn from(error: queue::Error) -> Self {
        match error {
            queue::Error::Invalid { field, expected, found } => Problem::invalid(field, expected, found),
            queue::Error::UnknownProgram(name) => {
                Problem::new(Code::UnknownProgram, format!("there is no program `{name}`"))
            }
            queue::Error::Draining(_) => Problem::new(Code::Draining, error.to_string()),
            queue::Error::Unsupported(message) => Problem::new(Code::Unsupported, message),
            queue::Error::Unavailable(_) | queue::Error::Full(_) => {
                tracing::warn!(%error, "the queue cannot be reached");
                Problem::new(Code::Unavailable, "the queue cannot be reached at the moment").retry_after(1)
            }
            other => Problem::internal(&other),
        }
    }
}

impl From<Error> for Problem {
    fn from(error: Error) -> Self {
        match error {
            Error::Limit { field, expected, found } => Problem::invalid(field, expected, found),
            Error::Kwargs(message) => Problem::new(Code::BadRequest, format!("kwargs: {message}")),
            Error::Grant(message) => Problem::new(Code::BadRequest, format!("grants: {message}")),
            Error::UnknownProgram(name) => Problem::new(Code::UnknownProgram, format!("there is no program `{name}`")),
            Error::UnknownLanguage { .. } => Problem::new(Code::UnknownLanguage, error.to_string()),
            Error::Busy { .. } => Problem::new(Code::Busy, "all slots are taken, and enough runs wait").retry_after(1),
            Error::ShuttingDown => Problem::new(Code::ShuttingDown, "try another server, or later").retry_after(1),
            other => Problem::internal(&other),
        }
    }
}

impl From<LoadError> for Problem {
    fn from(error: LoadError) -> Self {
        match error {
            LoadError::Refused(failure) => Problem::of_failure(&failure),
            LoadError::Host(error) => error.into(),
        }
    }
}
