//! A program's own rules for its kwargs: the JSON Schema that it carries, checked before anything is spent on a run.

mod parameter;
mod shape;

use jsonschema::error::ValidationErrorKind;
use jsonschema::{PatternOptions, ValidationError, Validator};
use serde_json::Value;

pub use self::parameter::Parameter;
use self::shape::shape;
use crate::failure::{Failure, Kind};
use crate::inspect::Inspection;
use crate::kwargs::Kwargs;

/// The most violations that one message names.
const SHOWN_VIOLATIONS: usize = 8;

/// The most names that a message lists.
const SHOWN_NAMES: usize = 24;

/// The most characters of a value that a message shows.
const SHOWN_CHARS: usize = 80;

/// How alike two names must be, from 0 to 1, for one to be offered in place of the other.
const ALIKE: f64 = 0.7;

/// Keywords by which a schema may refer to itself, and so keep a validator busy for ever. Schemas come from the same
/// strangers as programs, and one program's schema needs no names.
const REFERENCES: [&str; 3] = ["$ref", "$dynamicRef", "$recursiveRef"];

impl Inspection {
    /// Refuses kwargs that do not fit the program's own schema of them, as a run would, and before anything is compiled.
    ///
    /// # Errors
    /// A `bad_kwargs` failure that says what does not fit; `bad_program` if the schema is none that can be checked.
    pub fn check_kwargs(&self, kwargs: &Kwargs) -> Result<(), Failure> {
        let Some(schema) = &self.kwargs_schema else { return Ok(()) };
        match KwargsSchema::new(schema)?.refusal(kwargs) {
            Some(why) => Err(Failure::new(Kind::BadKwargs, why)),
            None => Ok(()),
        }
    }
}

/// The schema of a program's kwargs, ready to check.
pub(crate) struct KwargsSchema {
    validator: Validator,
    schema: Value,
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
        Ok(KwargsSchema { validator, schema: schema.clone() })
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
        let below = |name: &str| if path.is_empty() { format!("`{name}`") } else { format!("`{path}/{name}`") };
        let schema = self.violated(violation);
        let (expected, found) = match violation.kind() {
            ValidationErrorKind::Required { property } => {
                let name = property.as_str().unwrap_or_default();
                let property = schema.get("properties").and_then(|properties| properties.get(name));
                return format!("{}: expected {}, found nothing", below(name), property.map_or_else(any, shape));
            }
            ValidationErrorKind::AdditionalProperties { unexpected } => {
                let unknown = |name: &String| format!("{}: {}", below(name), unknown_name(name, schema));
                return unexpected.iter().take(SHOWN_VIOLATIONS).map(unknown).collect::<Vec<_>>().join("; ");
            }
            ValidationErrorKind::Type { .. }
            | ValidationErrorKind::Enum { .. }
            | ValidationErrorKind::Constant { .. }
            | ValidationErrorKind::AnyOf { .. }
            | ValidationErrorKind::OneOfNotValid { .. } => (shape(schema), None),
            ValidationErrorKind::Minimum { limit } => (format!("at least {limit}"), None),
            ValidationErrorKind::ExclusiveMinimum { limit } => (format!("more than {limit}"), None),
            ValidationErrorKind::Maximum { limit } => (format!("at most {limit}"), None),
            ValidationErrorKind::ExclusiveMaximum { limit } => (format!("less than {limit}"), None),
            ValidationErrorKind::MinLength { limit } => (format!("at least {limit} characters"), None),
            ValidationErrorKind::MaxLength { limit } => (format!("at most {limit} characters"), None),
            ValidationErrorKind::MinItems { limit } => (format!("at least {limit} elements"), length(violation)),
            ValidationErrorKind::MaxItems { limit } => (format!("at most {limit} elements"), length(violation)),
            ValidationErrorKind::Pattern { pattern } => (format!("text that matches {}", cut(pattern)), None),
            ValidationErrorKind::FalseSchema => ("nothing".to_owned(), None),
            _ => return format!("{place}: {}", cut(&violation.to_string())),
        };
        format!("{place}: expected {expected}, found {}", found.unwrap_or_else(|| shown(violation.instance())))
    }

    /// The part of the schema whose keyword was violated.
    fn violated(&self, violation: &ValidationError<'_>) -> &Value {
        let keyword = violation.schema_path().to_string();
        let parent = keyword.rsplit_once('/').map_or("", |(parent, _)| parent);
        self.schema.pointer(parent).unwrap_or(&Value::Null)
    }
}

fn any() -> String {
    "a value".to_owned()
}

/// What is said of a name that an object may not have: those that it may, and the nearest.
fn unknown_name(name: &str, schema: &Value) -> String {
    let known: Vec<&String> =
        schema.get("properties").and_then(Value::as_object).into_iter().flat_map(|o| o.keys()).collect();
    if known.is_empty() {
        return "expected no arguments, found one".to_owned();
    }
    let mut names: Vec<_> = known.iter().take(SHOWN_NAMES).map(|name| format!("`{name}`")).collect();
    if known.len() > SHOWN_NAMES {
        names.push("…".to_owned());
    }
    let likeness = |known: &&String| strsim::jaro_winkler(name, known);
    let nearest = known.iter().max_by(|a, b| likeness(a).total_cmp(&likeness(b)));
    let hint = nearest.filter(|nearest| likeness(nearest) >= ALIKE);
    let hint = hint.map_or_else(String::new, |nearest| format!(" (did you mean `{nearest}`?)"));
    format!("expected {}, found an argument of another name{hint}", names.join(", "))
}

fn length(violation: &ValidationError<'_>) -> Option<String> {
    violation.instance().as_array().map(|array| array.len().to_string())
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
        assert_eq!(why(json!({ "count": 1, "mode": 2 })), "`mode`: expected \"fast\" or \"slow\", found 2");
        assert_eq!(
            why(json!({ "count": 1, "cuont": 1 })),
            "`cuont`: expected `count`, `mode`, found an argument of another name (did you mean `count`?)"
        );
        assert_eq!(
            why(json!({ "count": 1, "x": 1, "y": 2 })),
            "`x`: expected `count`, `mode`, found an argument of another name; \
             `y`: expected `count`, `mode`, found an argument of another name"
        );
    }

    #[test]
    fn what_lies_deeper_is_named_by_its_path() {
        let schema = json!({
            "properties": {
                "options": {
                    "type": "object",
                    "properties": { "deep": { "type": ["boolean", "null"] } },
                    "required": ["deep"],
                    "additionalProperties": false,
                },
                "numbers": { "type": "array", "items": { "anyOf": [{ "type": "number" }, { "type": "null" }] }, "minItems": 1 },
                "level": { "type": "integer", "minimum": 0, "maximum": 9 },
                "a/b~c": { "type": "string", "maxLength": 2 },
            },
        });
        let schema = KwargsSchema::new(&schema).expect("a schema");
        for (kwargs, said) in [
            (json!({ "options": { "deep": 1 } }), "`options/deep`: expected boolean or null, found 1"),
            (json!({ "options": {} }), "`options/deep`: expected boolean or null, found nothing"),
            (
                json!({ "options": { "deep": true, "dep": 1 } }),
                "`options/dep`: expected `deep`, found an argument of another name (did you mean `deep`?)",
            ),
            (json!({ "numbers": [1, "x"] }), "`numbers/1`: expected number or null, found \"x\""),
            (json!({ "numbers": 3 }), "`numbers`: expected array of number or null, found 3"),
            (json!({ "numbers": [] }), "`numbers`: expected at least 1 elements, found 0"),
            (json!({ "level": -1 }), "`level`: expected at least 0, found -1"),
            (json!({ "level": 10 }), "`level`: expected at most 9, found 10"),
            (json!({ "a/b~c": "xyz" }), "`a~1b~0c`: expected at most 2 characters, found \"xyz\""),
        ] {
            let kwargs = Kwargs::try_from(kwargs).expect("an object");
            assert_eq!(schema.refusal(&kwargs).as_deref(), Some(said));
        }
    }

    #[test]
    fn a_schema_that_refers_is_refused() {
        let schema = json!({ "properties": { "a": { "$ref": "#" } } });
        assert_eq!(KwargsSchema::new(&schema).err().map(|failure| failure.kind), Some(Kind::BadProgram));
    }
}
