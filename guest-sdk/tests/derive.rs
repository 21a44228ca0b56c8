//! `#[derive(Schema)]` beside serde: the schema has the names that serde writes.

#![expect(clippy::unwrap_used, reason = "a test that unwraps says enough by failing")]

use std::collections::BTreeMap;

use ampule_guest::Schema;
use serde::Serialize;
use serde_json::{Value, json};

fn schema<T: Schema>() -> Value {
    serde_json::from_str(T::SCHEMA.as_str()).unwrap()
}

/// A type from elsewhere, without a schema.
#[derive(Serialize)]
struct Foreign;

/// How it is going.
#[derive(Serialize, Schema)]
#[serde(rename_all = "kebab-case")]
enum State {
    NotStarted,
    #[serde(rename = "busy")]
    Running,
    #[serde(skip)]
    #[expect(dead_code, reason = "serde does not write it")]
    Unknown,
}

#[derive(Serialize, Schema)]
#[serde(rename_all = "camelCase")]
struct Report {
    /// Where it
    /// stands.
    current_state: State,
    former_states: Vec<State>,
    #[serde(rename = "note")]
    remark: Option<String>,
    #[serde(skip)]
    #[expect(dead_code, reason = "serde does not write it")]
    secret: u8,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    sizes: Vec<(u32, f32)>,
    foreign: Foreign,
    r#type: Pair<bool>,
}

#[derive(Serialize, Schema)]
struct Pair<T> {
    left: T,
    right: T,
}

#[derive(Serialize, Schema)]
struct Open {
    #[serde(flatten)]
    others: BTreeMap<String, u8>,
    #[serde(with = "as_text")]
    number: u8,
}

mod as_text {
    pub(super) fn serialize<S: serde::Serializer>(number: &u8, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(number)
    }
}

#[derive(Serialize, Schema)]
#[expect(dead_code, reason = "only its shape matters")]
enum Carrying {
    Nothing,
    Something(u8),
}

#[test]
fn an_enum_without_data_is_a_choice_of_names() {
    let expected = json!({"type": "string", "enum": ["not-started", "busy"], "description": "How it is going."});
    assert_eq!(schema::<State>(), expected);
    assert_eq!(serde_json::to_value([State::NotStarted, State::Running]).unwrap(), json!(["not-started", "busy"]));
}

#[test]
fn a_struct_has_the_members_that_serde_writes() {
    let report = Report {
        current_state: State::Running,
        former_states: vec![State::NotStarted],
        remark: None,
        secret: 1,
        sizes: vec![(1, 2.0)],
        foreign: Foreign,
        r#type: Pair { left: true, right: false },
    };
    let written = serde_json::to_value(report).unwrap();
    let described = schema::<Report>();
    let names = |value: &Value| value.as_object().unwrap().keys().cloned().collect::<Vec<_>>();
    assert_eq!(names(&written), names(&described["properties"]));
    assert_eq!(described["required"], json!(["currentState", "formerStates", "foreign", "type"]));
    assert_eq!(described["additionalProperties"], false);
}

#[test]
fn a_field_describes_itself_before_its_type_does() {
    let properties = &schema::<Report>()["properties"];
    assert_eq!(properties["currentState"]["description"], "Where it\nstands.");
    assert_eq!(properties["formerStates"]["items"]["description"], "How it is going.");
    assert_eq!(Report::SCHEMA.as_str().matches("How it is going.").count(), 1);
}

#[test]
fn a_type_without_a_schema_is_any_value() {
    assert_eq!(schema::<Report>()["properties"]["foreign"], json!({}));
    assert_eq!(schema::<Carrying>(), json!({}));
}

#[test]
fn a_generic_struct_describes_its_parameter() {
    assert_eq!(schema::<Pair<bool>>()["properties"]["right"], json!({"type": "boolean"}));
}

#[test]
fn a_flattened_field_opens_the_object() {
    let described = schema::<Open>();
    assert_eq!(described["properties"], json!({"number": {}}));
    assert_eq!(described.get("additionalProperties"), None);
}
