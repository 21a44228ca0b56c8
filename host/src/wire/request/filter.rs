//! Which jobs are meant, and what is to be done to them, as it is asked for.

use std::fmt;

use serde::de::value::MapAccessDeserializer;
use serde::de::{MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::super::values::WhenText;
use crate::failure::Kind;
use crate::job::JobId;
use crate::kwargs::Kwargs;
use crate::queue::State;

/// What a job must be to pass. What is left out lets all pass.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema, IntoParams)]
#[serde(default, deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct FilterRequest {
    /// In one of these states.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub state: Vec<State>,
    /// In this queue.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub queue: Option<String>,
    /// Whose. A token of a tenant sees that tenant's alone.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tenant: Option<String>,
    /// With this tag.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tag: Option<String>,
    /// Of the program that this name means now, or of the one with this digest. A named source is none: its jobs have
    /// its name as `name`, unless they were given another.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub program: Option<String>,
    /// With this name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Ended with this kind of failure.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kind: Option<Kind>,
    /// With this text in the failure's message, upper and lower case alike for ASCII.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
    /// Enqueued at this moment or later.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub since: Option<WhenText>,
    /// Enqueued before this moment.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub until: Option<WhenText>,
    /// That follow from this job.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub parent: Option<JobId>,
}

/// A change of many jobs.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ChangeRequest {
    /// Which: all that pass.
    #[serde(deserialize_with = "object")]
    pub filter: FilterRequest,
}

/// An object and nothing else: a list that is empty would let all pass.
fn object<'de, D: Deserializer<'de>>(deserializer: D) -> Result<FilterRequest, D::Error> {
    deserializer.deserialize_map(Fields)
}

/// Hands the fields on as they come, so that whoever reads knows where it is.
struct Fields;

impl<'de> Visitor<'de> for Fields {
    type Value = FilterRequest;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, fields: A) -> Result<FilterRequest, A::Error> {
        FilterRequest::deserialize(MapAccessDeserializer::new(fields))
    }
}

/// How a job is to be tried again.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct RetryRequest {
    /// Its kwargs from now on, if they are to be others.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    pub kwargs: Option<Kwargs>,
}
