//! What a JSON Schema takes, in a few words: `integer`, `array of string`, `"fast" or "slow"`.
//!
//! Used in refusals and where a program's arguments are listed. It says what is usual of a schema and not all of it.

use serde_json::Value;

/// The most alternatives that are named.
const SHOWN_CHOICES: usize = 12;

/// How deep arrays of arrays are followed.
const DEPTH: usize = 4;

/// What a schema takes; `a value` if it does not say, or says it in another way.
pub(crate) fn shape(schema: &Value) -> String {
    named(schema, DEPTH).unwrap_or_else(|| "a value".to_owned())
}

fn named(schema: &Value, depth: usize) -> Option<String> {
    if let Some(value) = schema.get("const") {
        return Some(value.to_string());
    }
    if let Some(values) = schema.get("enum").and_then(Value::as_array) {
        return Some(joined(values.iter().map(Value::to_string).collect()));
    }
    if let Some(choices) = schema.get("anyOf").or_else(|| schema.get("oneOf")).and_then(Value::as_array) {
        let names: Option<Vec<_>> = choices.iter().map(|choice| named(choice, depth.checked_sub(1)?)).collect();
        return Some(joined(names?));
    }
    match schema.get("type")? {
        Value::String(name) if name == "array" => {
            let element = schema.get("items").and_then(|items| named(items, depth.checked_sub(1)?));
            Some(element.map_or_else(|| name.clone(), |element| format!("array of {element}")))
        }
        Value::String(name) => Some(name.clone()),
        Value::Array(names) => Some(joined(names.iter().filter_map(Value::as_str).map(str::to_owned).collect())),
        _ => None,
    }
}

/// `a`, `a or b`, `a, b or c`.
fn joined(mut names: Vec<String>) -> String {
    if names.len() > SHOWN_CHOICES {
        names.truncate(SHOWN_CHOICES);
        return format!("{}, …", names.join(", "));
    }
    match names.split_last() {
        None => "a value".to_owned(),
        Some((last, [])) => last.clone(),
        Some((last, others)) => format!("{} or {last}", others.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_schema_is_said_in_a_few_words() {
        for (schema, words) in [
            (json!({ "type": "integer", "minimum": 0 }), "integer"),
            (json!({ "type": ["string", "null"] }), "string or null"),
            (
                json!({ "type": "array", "items": { "type": "array", "items": { "type": "number" } } }),
                "array of array of number",
            ),
            (json!({ "type": "array" }), "array"),
            (json!({ "type": "string", "enum": ["a", "b", "c"] }), "\"a\", \"b\" or \"c\""),
            (json!({ "anyOf": [{ "type": "integer" }, { "type": "null" }] }), "integer or null"),
            (json!({ "anyOf": [{ "type": "integer" }, {}] }), "a value"),
            (json!({ "const": 3 }), "3"),
            (json!({}), "a value"),
            (json!(true), "a value"),
        ] {
            assert_eq!(shape(&schema), words, "{schema}");
        }
    }
}
