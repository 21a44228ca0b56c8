//! A program's own rules for its kwargs: the JSON Schema that it carries, checked before anything is spent on a run.

use jsonschema::error::{TypeKind, ValidationErrorKind};
use jsonschema::{PatternOptions, ValidationError, Validator};
use serde_json::{Map, Value};

use crate::failure::{Failure, Kind};
use crate::kwargs::Kwargs;

/// The most violations that one message names.
const SHOWN_VIOLATIONS: usize = 8;

/// The most characters of a value that a message shows.
const SHOWN_CHARS: usize = 80;

/// Keywords by which a schema may refer to itself, and so keep a validator busy for ever. Schemas come from the same
/// strangers as programs, and one program's schema needs no names.
const REFERENCES: [&str; 3] = ["$ref", "$dynamicRef", "$recursiveRef"];

/// The schema of a program's kwargs, ready to check.
pub(crate) struct KwargsSchema {
    validator: Validator,
    /// What the schema says of each argument.
    properties: Map<String, Value>,
}

impl KwargsSchema {
    /// Refuses a schema that is none, or that could not be checked in bounded time.
    pub(crate) fn new(schema: &Value) -> Result<Self, Failure> {
        let refused =
            |why: String| Failure::new(Kind::BadProgram, format!("the schema of the program's kwargs: {why}"));
        if refers(schema) {
            return Err(refused(format!("expected one without {}, found one", REFERENCES.join(", "))));
        }
        // Patterns come from the program too: this engine of theirs is linear in the text.
        let options = jsonschema::options().with_pattern_options(PatternOptions::regex());
        let validator = options.build(schema).map_err(|error| refused(error.to_string()))?;
        let properties = schema.get("properties").and_then(Value::as_object).cloned().unwrap_or_default();
        Ok(KwargsSchema { validator, properties })
    }

    /// Why these kwargs do not fit, if they do not.
    pub(crate) fn refusal(&self, kwargs: &Kwargs) -> Option<String> {
        let object = Value::Object(kwargs.as_object().clone());
        let mut violations = self.validator.iter_errors(&object).peekable();
        violations.peek()?;
        let shown: Vec<_> = violations.take(SHOWN_VIOLATIONS).map(|violation| self.describe(&violation)).collect();
        Some(shown.join("; "))
    }

    /// One violation: where, what was expected, what was found.
    fn describe(&self, violation: &ValidationError<'_>) -> String {
        let path = violation.instance_path().to_string();
        let path = path.trim_start_matches('/');
        let place = if path.is_empty() { "kwargs".to_owned() } else { format!("`{path}`") };
        let found = shown(violation.instance());
        match violation.kind() {
            ValidationErrorKind::Required { property } => {
                let name = property.as_str().unwrap_or_default();
                let name = if path.is_empty() { name.to_owned() } else { format!("{path}/{name}") };
                format!("`{name}`: expected {}, found nothing", self.expected(&name))
            }
            ValidationErrorKind::AdditionalProperties { unexpected } if path.is_empty() => {
                let known: Vec<_> = self.properties.keys().map(|name| format!("`{name}`")).collect();
                let known = if known.is_empty() { "no arguments".to_owned() } else { known.join(", ") };
                format!("`{}`: expected {known}, found an argument of another name", unexpected.join("`, `"))
            }
            ValidationErrorKind::Type { kind: TypeKind::Single(expected) } => {
                format!("{place}: expected {expected}, found {found}")
            }
            ValidationErrorKind::Enum { options } => format!("{place}: expected one of {options}, found {found}"),
            _ => format!("{place}: {}", cut(&violation.to_string())),
        }
    }

    fn expected(&self, name: &str) -> &str {
        let kind = self.properties.get(name).and_then(|property| property.get("type")).and_then(Value::as_str);
        kind.unwrap_or("a value")
    }
}

fn refers(schema: &Value) -> bool {
    match schema {
        Value::Object(object) => object.iter().any(|(key, value)| REFERENCES.contains(&key.as_str()) || refers(value)),
        Value::Array(array) => array.iter().any(refers),
        _ => false,
    }
}

fn shown(value: &Value) -> String {
    cut(&value.to_string())
}

fn cut(text: &str) -> String {
    match text.char_indices().nth(SHOWN_CHARS) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn refusal(kwargs: Value) -> Option<String> {
        let schema = json!({
            "type": "object",
            "properties": { "count": { "type": "integer" }, "mode": { "enum": ["fast", "slow"] } },
            "required": ["count"],
            "additionalProperties": false,
        });
        let kwargs = Kwargs::try_from(kwargs).expect("an object");
        KwargsSchema::new(&schema).expect("a schema").refusal(&kwargs)
    }

    #[test]
    fn a_refusal_says_where_what_was_expected_and_what_was_found() {
        assert_eq!(refusal(json!({ "count": 1, "mode": "fast" })), None);
        let why = |kwargs| refusal(kwargs).expect("a refusal");
        assert_eq!(why(json!({ "count": "x" })), "`count`: expected integer, found \"x\"");
        assert_eq!(why(json!({})), "`count`: expected integer, found nothing");
        assert_eq!(why(json!({ "count": 1, "mode": 2 })), "`mode`: expected one of [\"fast\",\"slow\"], found 2");
        assert_eq!(
            why(json!({ "count": 1, "cuont": 1 })),
            "`cuont`: expected `count`, `mode`, found an argument of another name"
        );
    }

    #[test]
    fn a_schema_that_refers_is_refused() {
        let schema = json!({ "properties": { "a": { "$ref": "#" } } });
        assert_eq!(KwargsSchema::new(&schema).err().map(|failure| failure.kind), Some(Kind::BadProgram));
    }
}
