//! Who is to be told how a job ended, as it is asked for: four forms, told apart by the field that only one of them has.

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde::de;
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;
use utoipa::openapi::schema::{ObjectBuilder, OneOfBuilder, Type};
use utoipa::openapi::{Ref, RefOr, Schema};
use utoipa::{PartialSchema, ToSchema};

use super::JobRequest;
use super::unreadable::{Unreadable, read};
use crate::kwargs::Kwargs;
use crate::queue::MAX_CHAIN;

/// Who is told how a job ended.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(untagged)]
pub enum CallbackRequest {
    /// A program by its name or digest, or `closure:` and the name of a closure.
    Named(String),
    /// Whoever answers at a URL.
    Http(WebhookRequest),
    /// A closure that a worker registered.
    Closure(ClosureRequest),
    /// Another job.
    Job(Box<JobRequest>),
}

/// A receiver of ends over HTTP.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct WebhookRequest {
    /// Where to: `http` or `https`, at most 2,000 bytes.
    pub url: String,
    /// Told beside the end.
    #[serde(default, skip_serializing_if = "Kwargs::is_empty")]
    #[schema(value_type = Object)]
    pub kwargs: Kwargs,
    /// Sent as headers, at most twenty.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub headers: BTreeMap<String, String>,
}

/// A closure that a worker registered.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ClosureRequest {
    /// Its name.
    pub closure: String,
    /// Handed to it beside the end.
    #[serde(default, skip_serializing_if = "Kwargs::is_empty")]
    #[schema(value_type = Object)]
    pub kwargs: Kwargs,
}

impl CallbackRequest {
    /// Reads one at this depth of a chain, from 1. Each callback is read once, however deep it stands.
    pub(super) fn read(document: Value, depth: usize) -> Result<Self, Unreadable> {
        if depth > MAX_CHAIN {
            return Err(Unreadable::expected(format!("a chain of at most {MAX_CHAIN}"), "a longer one"));
        }
        match document {
            Value::String(name) => Ok(CallbackRequest::Named(name)),
            Value::Object(fields) if fields.contains_key("url") => {
                read(Value::Object(fields)).map(CallbackRequest::Http)
            }
            Value::Object(fields) if fields.contains_key("closure") => {
                read(Value::Object(fields)).map(CallbackRequest::Closure)
            }
            Value::Object(fields) => JobRequest::at_depth(fields, depth).map(|job| CallbackRequest::Job(Box::new(job))),
            other => Err(Unreadable::expected(
                "a program's name, `closure:` and a name, or an object with `url`, `closure`, `program` or `source`",
                crate::kwargs::kind_of(&other),
            )),
        }
    }
}

impl<'de> Deserialize<'de> for CallbackRequest {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        CallbackRequest::read(Value::deserialize(deserializer)?, 1).map_err(de::Error::custom)
    }
}

impl PartialSchema for CallbackRequest {
    fn schema() -> RefOr<Schema> {
        let named = ObjectBuilder::new()
            .schema_type(Type::String)
            .description(Some("A program by its name or digest, or `closure:` and the name of a closure."));
        OneOfBuilder::new()
            .description(Some("Who is told how a job ended."))
            .item(named)
            .item(Ref::from_schema_name("WebhookRequest"))
            .item(Ref::from_schema_name("ClosureRequest"))
            .item(Ref::from_schema_name("JobRequest"))
            .into()
    }
}

impl ToSchema for CallbackRequest {
    fn name() -> Cow<'static, str> {
        Cow::Borrowed("CallbackRequest")
    }

    fn schemas(schemas: &mut Vec<(String, RefOr<Schema>)>) {
        // The job's own is known to whoever came here through it.
        schemas.push(("WebhookRequest".to_owned(), WebhookRequest::schema()));
        schemas.push(("ClosureRequest".to_owned(), ClosureRequest::schema()));
    }
}
