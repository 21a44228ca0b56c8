//! Ids and stable names as they stand in JSON, and what the OpenAPI document says of them.

use std::borrow::Cow;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use utoipa::openapi::schema::{ObjectBuilder, Type};
use utoipa::openapi::{RefOr, Schema, SchemaFormat};
use utoipa::{PartialSchema, ToSchema};

use crate::failure::{Kind, LogLevel, TrapCode};
use crate::job::{Digest, JobId};
use crate::queue::{AttemptEnd, Mode, State, WorkerId};

/// What the document says of a type that is one of these texts.
fn one_of<'a>(description: &str, names: impl Iterator<Item = &'a str>) -> RefOr<Schema> {
    let object = ObjectBuilder::new().schema_type(Type::String).description(Some(description));
    object.enum_values(Some(names.collect::<Vec<_>>())).into()
}

/// A name for the document, and the schema that has it.
macro_rules! described {
    ($type:ty, $name:literal, $schema:expr) => {
        impl PartialSchema for $type {
            fn schema() -> RefOr<Schema> {
                $schema
            }
        }

        impl ToSchema for $type {
            fn name() -> Cow<'static, str> {
                Cow::Borrowed($name)
            }
        }
    };
}

/// A type whose values have stable names: written and read by these.
macro_rules! named {
    ($type:ty, $name:literal, $description:literal, $all:expr) => {
        impl Serialize for $type {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(self.as_str())
            }
        }

        impl<'de> Deserialize<'de> for $type {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let name = Cow::<str>::deserialize(deserializer)?;
                let known = $all.into_iter().find(|known: &$type| known.as_str() == name);
                known.ok_or_else(|| {
                    let names: Vec<&str> = $all.iter().map(|known| known.as_str()).collect();
                    de::Error::custom(format!("expected one of {}, found {name:?}", names.join(", ")))
                })
            }
        }

        described!($type, $name, one_of($description, $all.iter().map(|known| known.as_str())));
    };
}

named!(State, "State", "Where a job is.", State::ALL);
named!(AttemptEnd, "AttemptEnd", "What became of an attempt.", AttemptEnd::ALL);
named!(Mode, "Mode", "Whether a queue takes jobs in and hands them out.", Mode::ALL);
named!(TrapCode, "TrapCode", "Why a run trapped.", TrapCode::ALL);
named!(LogLevel, "LogLevel", "How grave a log line is.", LOG_LEVELS);

const LOG_LEVELS: [LogLevel; 5] = [LogLevel::Trace, LogLevel::Debug, LogLevel::Info, LogLevel::Warn, LogLevel::Error];

described!(Kind, "Kind", one_of("What kind of failure.", Kind::ALL.iter().map(|kind| kind.as_str())));
described!(JobId, "JobId", uuid("The id of a job or of a run: a UUID of version 7."));
described!(WorkerId, "WorkerId", uuid("The id of a worker: a UUID of version 7."));
described!(
    Digest,
    "Digest",
    ObjectBuilder::new()
        .schema_type(Type::String)
        .description(Some("The SHA-256 of a program's bytes."))
        .pattern(Some("^sha256:[0-9a-fA-F]{64}$"))
        .into()
);

fn uuid(description: &str) -> RefOr<Schema> {
    let object = ObjectBuilder::new().schema_type(Type::String).description(Some(description));
    object.format(Some(SchemaFormat::Custom("uuid".to_owned()))).into()
}

impl Serialize for WorkerId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for WorkerId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        JobId::deserialize(deserializer).map(|id| WorkerId::from_bytes(id.to_bytes()))
    }
}
