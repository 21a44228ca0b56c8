//! The arguments that a program says it takes, for people and for completion.

use serde_json::{Map, Value};

use super::shape::shape;

/// One argument of a program, as its schema says.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Parameter {
    /// The kwarg's name.
    pub name: String,
    /// What it takes, in a few words, such as `array of number`.
    pub shape: String,
    /// What it is for; empty if the schema does not say.
    pub description: String,
    /// What it is if it is not given, where the schema says so.
    pub default: Option<Value>,
    /// Whether it must be given.
    pub required: bool,
    /// The values that it may have, where there are only some.
    pub choices: Vec<Value>,
}

impl Parameter {
    /// The arguments that a schema of kwargs names, those first that must be given.
    ///
    /// ```
    /// # use ampule::Parameter;
    /// let schema = serde_json::json!({
    ///     "properties": { "top": { "type": "integer", "default": 10 }, "text": { "type": "string" } },
    ///     "required": ["text"],
    /// });
    /// let names: Vec<_> = Parameter::all_of(&schema).into_iter().map(|parameter| parameter.name).collect();
    /// assert_eq!(names, ["text", "top"]);
    /// ```
    #[must_use]
    pub fn all_of(schema: &Value) -> Vec<Parameter> {
        let none = Map::new();
        let properties = schema.get("properties").and_then(Value::as_object).unwrap_or(&none);
        let required: Vec<_> = schema.get("required").and_then(Value::as_array).into_iter().flatten().collect();
        let one = |(name, schema): (&String, &Value)| Parameter {
            name: name.clone(),
            shape: shape(schema),
            description: schema.get("description").and_then(Value::as_str).unwrap_or_default().to_owned(),
            default: schema.get("default").cloned(),
            required: required.iter().any(|required| *required == name),
            choices: choices(schema),
        };
        let mut all: Vec<_> = properties.iter().map(one).collect();
        all.sort_by_key(|parameter| !parameter.required);
        all
    }
}

/// The values that are told one by one.
fn choices(schema: &Value) -> Vec<Value> {
    match schema.get("enum").and_then(Value::as_array) {
        Some(values) => values.clone(),
        None if schema.get("type").is_some_and(|name| name == "boolean") => vec![true.into(), false.into()],
        None => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_must_be_given_comes_first() {
        let all = Parameter::all_of(&json!({
            "properties": {
                "deep": { "type": "boolean", "default": false, "description": "Whether to go down." },
                "mode": { "enum": ["fast", "slow"] },
            },
            "required": ["mode"],
        }));
        let [mode, deep] = all.as_slice() else { panic!("two arguments, found {all:?}") };
        assert_eq!((mode.name.as_str(), mode.required, mode.choices.len()), ("mode", true, 2));
        assert_eq!((deep.default.as_ref(), deep.required), (Some(&json!(false)), false));
        assert_eq!((deep.shape.as_str(), deep.description.as_str()), ("boolean", "Whether to go down."));
    }

    #[test]
    fn a_schema_that_names_nothing_has_no_parameters() {
        for schema in [json!(true), json!({}), json!({ "properties": 3 }), json!({ "required": ["a"] })] {
            assert_eq!(Parameter::all_of(&schema), []);
        }
    }
}
