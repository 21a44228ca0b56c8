//! What is handed in to be queued: a job, or many that are stored all or none.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::openapi::schema::OneOfBuilder;
use utoipa::openapi::{Ref, RefOr, Schema};
use utoipa::{PartialSchema, ToSchema};

use super::JobRequest;
use super::unreadable::Unreadable;

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

impl Submission {
    /// Reads a batch if there are `jobs`, else one job.
    ///
    /// # Errors
    /// The first field that cannot be read, and a batch of no jobs or more than `most`, before any of them is looked at.
    pub fn read(mut fields: Map<String, Value>, most: usize) -> Result<Self, Unreadable> {
        let Some(jobs) = fields.remove("jobs") else {
            return JobRequest::read(fields).map(Box::new).map(Submission::One);
        };
        if let Some(other) = fields.keys().next() {
            return Err(Unreadable::expected("nothing beside `jobs`", format!("`{other}`")).within(other));
        }
        let jobs = batch(jobs, most).map_err(|fault| fault.within("jobs"))?;
        Ok(Submission::Batch(BatchRequest { jobs }))
    }
}

fn batch(jobs: Value, most: usize) -> Result<Vec<JobRequest>, Unreadable> {
    let Value::Array(jobs) = jobs else {
        return Err(Unreadable::expected("a list of jobs", crate::kwargs::kind_of(&jobs)));
    };
    if !(1..=most).contains(&jobs.len()) {
        return Err(Unreadable::expected(format!("1 to {most} jobs"), jobs.len().to_string()));
    }
    let job = |(index, job)| match job {
        Value::Object(fields) => JobRequest::read(fields).map_err(|fault| fault.within(&format!("[{index}]"))),
        other => {
            let found = crate::kwargs::kind_of(&other);
            Err(Unreadable::expected("an object", found).within(&format!("[{index}]")))
        }
    };
    jobs.into_iter().enumerate().map(job).collect()
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

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn refusal(document: &Value) -> Unreadable {
        Submission::read(document.as_object().expect("an object").clone(), 2).expect_err("it cannot be read")
    }

    #[test]
    fn a_fault_is_told_with_its_place() {
        let nested = json!({"program": "x", "at_err": {"program": "y", "at_return": {"url": 3}}});
        for (document, place) in [
            (json!({"jobs": [{"program": "x"}, nested]}), "jobs[1].at_err.at_return.url"),
            (nested.clone(), "at_err.at_return.url"),
            (json!({"jobs": [{"program": "x"}, 3]}), "jobs[1]"),
            (json!({"jobs": [{}, {}, {"timeout": "x"}]}), "jobs"),
            (json!({"jobs": []}), "jobs"),
            (json!({"jobs": {}}), "jobs"),
            (json!({"jobs": [{}], "on": "mail"}), "on"),
        ] {
            assert_eq!(refusal(&document).place, place, "{document}");
        }
    }
}
