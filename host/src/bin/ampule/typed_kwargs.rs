//! The kwargs of a run from `--kwargs` and `-k`, each `-k` typed by the program's schema.
//!
//! Whether the kwargs fit the schema is for the library to say.

use ampule::{Error, Kwargs, Value};

/// Lays the pairs over the base.
///
/// # Errors
/// [`Error::Kwargs`] for a name that is given twice or reserved.
pub(crate) fn build(base: Kwargs, pairs: &[(String, String)], schema: Option<&Value>) -> Result<Kwargs, Error> {
    let mut kwargs = base;
    for (index, (name, text)) in pairs.iter().enumerate() {
        if pairs[..index].iter().any(|(earlier, _)| earlier == name) {
            return Err(Error::Kwargs(format!("expected each -k name once, found `{name}` twice")));
        }
        let wanted = schema.and_then(|schema| schema.get("properties")?.get(name));
        kwargs.insert(name.clone(), typed(text, wanted))?;
    }
    Ok(kwargs)
}

fn typed(text: &str, schema: Option<&Value>) -> Value {
    let as_it_stands = || Value::from(text);
    if schema.is_some_and(wants_only_text) {
        return as_it_stands();
    }
    serde_json::from_str(text).unwrap_or_else(|_| as_it_stands())
}

/// Whether a schema takes strings and nothing else but null, however it says so.
fn wants_only_text(schema: &Value) -> bool {
    let mut types = Vec::new();
    collect_types(schema, &mut types).is_some()
        && types.contains(&"string")
        && types.iter().all(|name| ["string", "null"].contains(name))
}

/// The types that a schema names: `"type": T`, `"type": [T, …]`, and those in `anyOf` and `oneOf`. None if a choice
/// names no type.
fn collect_types<'a>(schema: &'a Value, types: &mut Vec<&'a str>) -> Option<()> {
    if let Some(choices) = schema.get("anyOf").or_else(|| schema.get("oneOf")) {
        return choices.as_array()?.iter().try_for_each(|choice| collect_types(choice, types));
    }
    match schema.get("type")? {
        Value::String(name) => types.push(name),
        Value::Array(names) => types.extend(names.iter().filter_map(Value::as_str)),
        _ => return None,
    }
    Some(())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn built(pairs: &[(&str, &str)], schema: Option<Value>) -> Result<String, Error> {
        let pairs: Vec<_> = pairs.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned())).collect();
        build(Kwargs::from_json(r#"{"a":0}"#)?, &pairs, schema.as_ref()).map(|kwargs| kwargs.to_json())
    }

    #[test]
    fn what_reads_as_json_is_json_and_the_rest_is_text() {
        let pairs = [("a", "3"), ("b", "[1, null]"), ("c", "Ada"), ("d", ""), ("e", "\"7\""), ("f", "1e999")];
        let expected = r#"{"a":3,"b":[1,null],"c":"Ada","d":"","e":"7","f":"1e999"}"#;
        assert_eq!(built(&pairs, None).expect("kwargs"), expected);
    }

    #[test]
    fn where_the_schema_wants_a_string_text_stays_as_it_stands() {
        let optional = json!({"anyOf": [{"type": "string"}, {"type": "null"}]});
        for wanted in [json!({"type": "string"}), json!({"type": ["null", "string"]}), optional] {
            let schema = json!({"properties": {"x": wanted}});
            assert_eq!(built(&[("x", "3")], Some(schema)).expect("kwargs"), r#"{"a":0,"x":"3"}"#);
        }
        for wanted in [json!({"type": ["string", "integer"]}), json!({}), json!({"type": "null"}), json!(true)] {
            let schema = json!({"properties": {"x": wanted}});
            assert_eq!(built(&[("x", "3")], Some(schema)).expect("kwargs"), r#"{"a":0,"x":3}"#);
        }
    }

    #[test]
    fn a_name_given_twice_or_reserved_is_refused() {
        assert!(built(&[("x", "1"), ("x", "2")], None).expect_err("twice").to_string().contains("`x` twice"));
        assert!(built(&[("at_err", "1")], None).is_err());
    }
}
