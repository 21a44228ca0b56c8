//! What is handed in to be queued: a job, or many that are stored all or none.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};
use utoipa::openapi::schema::OneOfBuilder;
use utoipa::openapi::{Ref, RefOr, Schema};
use utoipa::{PartialSchema, ToSchema};

use super::JobRequest;

/// Many jobs.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct BatchRequest {
    /// All of them are stored, or none.
    #[schema(min_items = 1, max_items = 10000)]
    pub jobs: Vec<JobRequest>,
}

/// A job, or many.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(untagged)]
pub enum Submission {
    /// One.
    One(Box<JobRequest>),
    /// Many.
    Batch(BatchRequest),
}

impl PartialSchema for Submission {
    fn schema() -> RefOr<Schema> {
        let either = OneOfBuilder::new().description(Some("A job, or many."));
        either.item(Ref::from_schema_name("JobRequest")).item(Ref::from_schema_name("BatchRequest")).into()
    }
}

impl ToSchema for Submission {
    fn name() -> Cow<'static, str> {
        Cow::Borrowed("Submission")
    }

    fn schemas(schemas: &mut Vec<(String, RefOr<Schema>)>) {
        schemas.push(("JobRequest".to_owned(), JobRequest::schema()));
        JobRequest::schemas(schemas);
        schemas.push(("BatchRequest".to_owned(), BatchRequest::schema()));
    }
}
