//! The fields of one line, each taken once; whatever is left over is a mistake.

use ampule::Value;
use serde_json::Map;

pub(super) struct Fields {
    left: Map<String, Value>,
    asked: Vec<&'static str>,
}

impl Fields {
    pub(super) fn parse(line: &str) -> Result<Self, String> {
        match serde_json::from_str(line) {
            Ok(Value::Object(left)) => Ok(Fields { left, asked: Vec::new() }),
            Ok(other) => Err(format!("expected a JSON object, found {}", shown(&other))),
            Err(error) => Err(format!("expected a JSON object, found none: {error}")),
        }
    }

    /// Null counts as none.
    fn take(&mut self, name: &'static str) -> Option<Value> {
        self.asked.push(name);
        self.left.shift_remove(name).filter(|value| !value.is_null())
    }

    pub(super) fn text(&mut self, name: &'static str) -> Result<Option<String>, String> {
        match self.take(name) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text)),
            Some(other) => Err(wrong(name, "text", &other)),
        }
    }

    /// Text, or a number as it is written.
    pub(super) fn parsed<T>(
        &mut self,
        name: &'static str,
        parse: impl Fn(&str) -> Result<T, String>,
    ) -> Result<Option<T>, String> {
        let text = match self.take(name) {
            None => return Ok(None),
            Some(Value::String(text)) => text,
            Some(Value::Number(number)) => number.to_string(),
            Some(other) => return Err(wrong(name, "text or a number", &other)),
        };
        parse(&text).map(Some).map_err(|why| format!("`{name}`: {why}"))
    }

    pub(super) fn flag(&mut self, name: &'static str) -> Result<bool, String> {
        match self.take(name) {
            None => Ok(false),
            Some(Value::Bool(flag)) => Ok(flag),
            Some(other) => Err(wrong(name, "true or false", &other)),
        }
    }

    pub(super) fn list<T>(
        &mut self,
        name: &'static str,
        parse: impl Fn(&str) -> Result<T, String>,
    ) -> Result<Vec<T>, String> {
        let elements = match self.take(name) {
            None => return Ok(Vec::new()),
            Some(Value::Array(elements)) => elements,
            Some(other) => return Err(wrong(name, "a list of texts", &other)),
        };
        let one = |element: &Value| match element {
            Value::String(text) => parse(text).map_err(|why| format!("`{name}`: {why}")),
            other => Err(wrong(name, "a list of texts", other)),
        };
        elements.iter().map(one).collect()
    }

    /// An object of texts.
    pub(super) fn pairs(&mut self, name: &'static str) -> Result<Vec<(String, String)>, String> {
        let fields = match self.take(name) {
            None => return Ok(Vec::new()),
            Some(Value::Object(fields)) => fields,
            Some(other) => return Err(wrong(name, "an object of texts", &other)),
        };
        let one = |(key, value): (String, Value)| match value {
            Value::String(text) => Ok((key, text)),
            other => Err(wrong(name, "an object of texts", &other)),
        };
        fields.into_iter().map(one).collect()
    }

    /// An object, as JSON.
    pub(super) fn object(&mut self, name: &'static str) -> Result<Option<String>, String> {
        match self.take(name) {
            None => Ok(None),
            Some(object @ Value::Object(_)) => Ok(Some(object.to_string())),
            Some(other) => Err(wrong(name, "an object", &other)),
        }
    }

    /// Refuses what nobody asked for.
    pub(super) fn end(self) -> Result<(), String> {
        let Some(unknown) = self.left.keys().next() else { return Ok(()) };
        let alike = |name: &&&str| strsim::jaro_winkler(unknown, name) > 0.8;
        let hint = self.asked.iter().find(alike).map(|name| format!("; did you mean `{name}`?")).unwrap_or_default();
        Err(format!("found a field that there is not, {unknown:?}{hint}"))
    }
}

fn wrong(name: &str, expected: &str, found: &Value) -> String {
    format!("`{name}`: expected {expected}, found {}", shown(found))
}

/// A value in an error's line.
fn shown(value: &Value) -> String {
    let json = value.to_string();
    match json.char_indices().nth(60) {
        Some((end, _)) => format!("{}…", &json[..end]),
        None => json,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_field_of_another_type_is_named() {
        let mut fields =
            Fields::parse(r#"{"name": 3, "timeout": [], "hold": 1, "tag": "x", "kwargs": []}"#).expect("JSON");
        assert_eq!(fields.text("name"), Err("`name`: expected text, found 3".to_owned()));
        assert!(fields.parsed("timeout", |_| Ok(())).is_err() && fields.flag("hold").is_err());
        assert!(fields.list("tag", |_| Ok(())).is_err() && fields.object("kwargs").is_err());
    }

    #[test]
    fn a_field_that_there_is_not_is_named_with_one_that_is_like_it() {
        let mut fields = Fields::parse(r#"{"tenat": "a"}"#).expect("JSON");
        assert_eq!(fields.text("tenant"), Ok(None));
        let why = fields.end().expect_err("a left-over");
        assert!(why.contains("\"tenat\"") && why.contains("`tenant`"), "{why}");
    }

    #[test]
    fn a_line_that_is_no_object_is_refused() {
        for line in ["[]", "3", "{", "program"] {
            assert!(Fields::parse(line).is_err(), "{line}");
        }
    }
}
