//! The named arguments of a job and of its callbacks: one JSON object, parsed at the edge.
//!
//! Does not know schemas: a program's own rules are checked by `program.rs`.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::error::Error;
use crate::finite;

/// Names that belong to the call and never reach the job.
pub const RESERVED: [&str; 4] = ["at_return", "at_return_kwargs", "at_err", "at_err_kwargs"];

/// A JSON object of named arguments, in the order given.
///
/// ```
/// # fn main() -> Result<(), ampule::Error> {
/// let kwargs = ampule::Kwargs::new().with("testvar", 3)?;
/// assert_eq!(kwargs.to_json(), r#"{"testvar":3}"#);
/// # Ok(()) }
/// ```
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[serde(transparent)]
pub struct Kwargs(Map<String, Value>);

impl Kwargs {
    /// No arguments.
    #[must_use]
    pub fn new() -> Self {
        Kwargs::default()
    }

    /// Adds or replaces one argument.
    ///
    /// # Errors
    /// [`Error::Kwargs`] if the name is reserved (see [`RESERVED`]) or the value has no JSON form: a map with
    /// keys that are no strings, or a number that is infinite or not a number, which JSON would make `null`.
    pub fn with(mut self, name: impl Into<String>, value: impl Serialize) -> Result<Self, Error> {
        self.insert(name.into(), value)?;
        Ok(self)
    }

    /// As [`Kwargs::with`], in place.
    ///
    /// # Errors
    /// As [`Kwargs::with`]; nothing is changed then.
    pub fn insert(&mut self, name: String, value: impl Serialize) -> Result<(), Error> {
        refuse_reserved(&name)?;
        let found = |error: &dyn std::fmt::Display| {
            Error::Kwargs(format!("`{name}`: expected a value with a JSON form, found {error}"))
        };
        finite::check(&value).map_err(|error| found(&error))?;
        let value = serde_json::to_value(&value).map_err(|error| found(&error))?;
        self.0.insert(name, value);
        Ok(())
    }

    /// Parses JSON text.
    ///
    /// # Errors
    /// [`Error::Kwargs`] if the text is no JSON object or uses a reserved name.
    pub fn from_json(text: &str) -> Result<Self, Error> {
        let value: Value = serde_json::from_str(text)
            .map_err(|error| Error::Kwargs(format!("expected a JSON object, found text that is not JSON: {error}")))?;
        Kwargs::try_from(value)
    }

    /// The object as JSON text.
    #[must_use]
    pub fn to_json(&self) -> String {
        serde_json::to_string(&self.0).expect("a JSON object with string keys has a text")
    }

    /// One argument.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&Value> {
        self.0.get(name)
    }

    /// The object itself.
    #[must_use]
    pub fn as_object(&self) -> &Map<String, Value> {
        &self.0
    }

    /// Whether there are no arguments.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl TryFrom<Value> for Kwargs {
    type Error = Error;

    fn try_from(value: Value) -> Result<Self, Error> {
        match value {
            Value::Object(object) => {
                object.keys().try_for_each(|name| refuse_reserved(name))?;
                Ok(Kwargs(object))
            }
            other => Err(Error::Kwargs(format!("expected a JSON object, found {}", kind_of(&other)))),
        }
    }
}

impl<'de> Deserialize<'de> for Kwargs {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Kwargs::try_from(Value::deserialize(deserializer)?).map_err(serde::de::Error::custom)
    }
}

fn refuse_reserved(name: &str) -> Result<(), Error> {
    if RESERVED.contains(&name) {
        return Err(Error::Kwargs(format!("`{name}` is reserved for the call and never reaches a job; rename it")));
    }
    Ok(())
}

/// A JSON type's name, for messages.
pub(crate) fn kind_of(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "a string",
        Value::Array(_) => "an array",
        Value::Object(_) => "an object",
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::*;

    #[test]
    fn reserved_names_never_reach_a_job() {
        for name in RESERVED {
            assert!(Kwargs::new().with(name, 1).is_err());
            assert!(Kwargs::from_json(&format!(r#"{{"{name}":1}}"#)).is_err());
        }
    }

    #[test]
    fn what_json_cannot_carry_is_refused_not_dropped() {
        assert!(Kwargs::new().with("x", f64::NAN).is_err());
        assert!(Kwargs::new().with("x", vec![Some(f32::INFINITY)]).is_err());
        assert!(Kwargs::new().with("x", HashMap::from([(vec![1u8], 1)])).is_err());
        assert!(Kwargs::new().with("x", (1.5, "text", None::<u8>)).is_ok());
    }

    #[test]
    fn only_an_object_is_kwargs() {
        for text in ["[]", "3", "null", "\"x\"", "{", ""] {
            assert!(Kwargs::from_json(text).is_err(), "{text}");
        }
    }

    #[test]
    fn values_and_their_order_are_kept() {
        let text = r#"{"b":0.1,"a":{"z":[],"y":null},"n":-9007199254740993}"#;
        assert_eq!(Kwargs::from_json(text).expect("an object").to_json(), text);
    }
}
