//! `ampule config`: the configuration that is in force, with where each value comes from, and no secret.

use std::fmt::Write as _;

use serde_json::{Map, Value, json};

use super::fields::{FIELDS, Field};
use super::given::Place;
use super::layers::Effective;
use crate::exit::Fault;
use crate::printable::printable;
use crate::report;

/// Prints it as TOML, or as a JSON document.
pub(super) fn print(effective: &Effective, json: bool) -> Result<(), Fault> {
    if json {
        return report::print_json(&document(effective));
    }
    report::print(&printable(&toml(effective)))
}

/// A TOML file that says the same, each value with its source behind it.
fn toml(effective: &Effective) -> String {
    lines(|field, name| format!("{name} = {} # {}", (field.show)(&effective.service), place(effective, field.key)))
}

/// A line for each key, by its name in its table, under the tables' heads.
pub(super) fn lines(line: impl Fn(&Field, &str) -> String) -> String {
    let mut text = String::new();
    let mut table = "";
    for field in FIELDS {
        let (of, name) = field.key.rsplit_once('.').unwrap_or(("", field.key));
        if of != table {
            table = of;
            // Writing to a string cannot fail.
            let _ = writeln!(text, "\n[{table}]");
        }
        let _ = writeln!(text, "{}", line(field, name));
    }
    text
}

fn document(effective: &Effective) -> Value {
    let row = |key: &str, shown: &str| {
        // What TOML quotes, JSON quotes; numbers and booleans are the same in both.
        let value = serde_json::from_str(shown).unwrap_or_else(|_| Value::from(shown));
        json!({ "value": value, "source": place(effective, key).to_string() })
    };
    let rows = FIELDS.iter().map(|field| (field.key.to_owned(), row(field.key, &(field.show)(&effective.service))));
    Value::Object(rows.collect::<Map<_, _>>())
}

fn place(effective: &Effective, key: &str) -> Place {
    effective.places.get(key).cloned().unwrap_or(Place::Default)
}
