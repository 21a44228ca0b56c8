//! Predicates on parts of what a run gave: `[[case.check]]`.

use regex::Regex;
use serde_json::Value;

use super::SuiteError;
use super::table::{Item, Table};

/// The keys of a check.
const KEYS: [&str; 16] = [
    "of",
    "at",
    "equals",
    "equals_json",
    "differs",
    "less",
    "at_most",
    "greater",
    "at_least",
    "near",
    "within",
    "matches",
    "contains",
    "length",
    "type",
    "absent",
];

/// The types of JSON, as JSON Schema names them.
const TYPES: [&str; 7] = ["null", "boolean", "integer", "number", "string", "array", "object"];

/// What is looked at, and what must hold of it.
#[derive(Clone, Debug)]
pub struct Check {
    /// Of what it is a part.
    pub of: Part,
    /// Where the part is: a JSON pointer, empty for the whole.
    pub at: String,
    /// What must hold.
    pub predicates: Vec<Predicate>,
}

/// What checks look into.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// The result.
    Result,
    /// The list of returned values.
    Returns,
    /// The list of progress reports.
    Progress,
}

impl Part {
    /// Its name in a suite.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Part::Result => "result",
            Part::Returns => "returns",
            Part::Progress => "progress",
        }
    }
}

/// What must hold of a part.
#[derive(Clone, Debug)]
pub enum Predicate {
    /// It is exactly this.
    Equals(Value),
    /// It is anything but this.
    Differs(Value),
    /// It is a number below this.
    Less(f64),
    /// It is a number up to this.
    AtMost(f64),
    /// It is a number above this.
    Greater(f64),
    /// It is a number from this.
    AtLeast(f64),
    /// It is a number this near.
    Near {
        /// Around which.
        number: f64,
        /// How far away at most.
        within: f64,
    },
    /// It is a string in which this is found.
    Matches(Regex),
    /// It holds this: a text, an element, or a key.
    Contains(Value),
    /// It has this many characters, elements or entries.
    Length(u64),
    /// It is of this type.
    Type(String),
    /// It is not there, or is there.
    Absent(bool),
}

impl Check {
    /// What does not hold, each as a sentence of what was expected and what was found.
    #[must_use]
    pub fn broken(&self, whole: &Value) -> Vec<String> {
        let found = whole.pointer(&self.at);
        let place = if self.at.is_empty() { String::new() } else { format!(" at {}", self.at) };
        let broken = self.predicates.iter().filter(|predicate| !predicate.holds(found));
        broken
            .map(|predicate| {
                let found = found.map_or_else(|| "nothing there".to_owned(), shown);
                format!("{}{place}: expected {}, found {found}", self.of.as_str(), predicate.expected())
            })
            .collect()
    }
}

impl Predicate {
    fn holds(&self, found: Option<&Value>) -> bool {
        let Some(found) = found else { return matches!(self, Predicate::Absent(true)) };
        let number = |holds: &dyn Fn(f64) -> bool| found.as_f64().is_some_and(holds);
        match self {
            Predicate::Equals(value) => found == value,
            Predicate::Differs(value) => found != value,
            Predicate::Less(bound) => number(&|n| n < *bound),
            Predicate::AtMost(bound) => number(&|n| n <= *bound),
            Predicate::Greater(bound) => number(&|n| n > *bound),
            Predicate::AtLeast(bound) => number(&|n| n >= *bound),
            Predicate::Near { number: near, within } => number(&|n| (n - near).abs() <= *within),
            Predicate::Matches(pattern) => found.as_str().is_some_and(|text| pattern.is_match(text)),
            Predicate::Contains(part) => contains(found, part),
            Predicate::Length(length) => length_of(found) == Some(*length),
            Predicate::Type(name) => is_of_type(found, name),
            Predicate::Absent(absent) => !absent,
        }
    }

    fn expected(&self) -> String {
        match self {
            Predicate::Equals(value) => shown(value),
            Predicate::Differs(value) => format!("anything but {}", shown(value)),
            Predicate::Less(bound) => format!("a number below {bound}"),
            Predicate::AtMost(bound) => format!("a number of at most {bound}"),
            Predicate::Greater(bound) => format!("a number above {bound}"),
            Predicate::AtLeast(bound) => format!("a number of at least {bound}"),
            Predicate::Near { number, within } => format!("a number within {within} of {number}"),
            Predicate::Matches(pattern) => format!("a string that matches `{pattern}`"),
            Predicate::Contains(part) => format!("something with {} in it", shown(part)),
            Predicate::Length(length) => format!("a length of {length}"),
            Predicate::Type(name) => format!("the type {name}"),
            Predicate::Absent(true) => "nothing there".to_owned(),
            Predicate::Absent(false) => "something there".to_owned(),
        }
    }
}

/// Reads one `[[case.check]]`.
pub(super) fn read(item: &Item<'_>) -> Result<Check, SuiteError> {
    let table = item.table(&KEYS)?;
    let of = match table.get("of").map(|item| Ok((item, item.text()?))).transpose()? {
        None | Some((_, "result")) => Part::Result,
        Some((_, "returns")) => Part::Returns,
        Some((_, "progress")) => Part::Progress,
        Some((item, other)) => return Err(item.fault("`result`, `returns` or `progress`", format!("{other:?}"))),
    };
    let at = match table.get("at") {
        None => String::new(),
        Some(item) => match item.text()? {
            text if text.is_empty() || text.starts_with('/') => text.to_owned(),
            text => return Err(item.fault("a JSON pointer, such as `/0/name`", format!("{text:?}"))),
        },
    };
    let predicates = predicates(&table)?;
    if predicates.is_empty() {
        return Err(table.fault(format!("a check expects something: one of {}", KEYS[2..].join(", "))));
    }
    Ok(Check { of, at, predicates })
}

fn predicates(table: &Table<'_>) -> Result<Vec<Predicate>, SuiteError> {
    let mut predicates = Vec::new();
    for item in table.items() {
        predicates.push(match item.key() {
            "equals" => Predicate::Equals(item.json()?),
            "equals_json" => {
                Predicate::Equals(serde_json::from_str(item.text()?).map_err(|error| item.fault("JSON", error))?)
            }
            "differs" => Predicate::Differs(item.json()?),
            "less" => Predicate::Less(item.number()?),
            "at_most" => Predicate::AtMost(item.number()?),
            "greater" => Predicate::Greater(item.number()?),
            "at_least" => Predicate::AtLeast(item.number()?),
            "near" => match table.get("within") {
                Some(within) => Predicate::Near { number: item.number()?, within: within.number()? },
                None => return Err(item.fault("`within` beside it", "none")),
            },
            "within" if table.get("near").is_none() => return Err(item.fault("`near` beside it", "none")),
            "matches" => {
                Predicate::Matches(Regex::new(item.text()?).map_err(|error| item.fault("a regular expression", error))?)
            }
            "contains" => Predicate::Contains(item.json()?),
            "length" => Predicate::Length(item.count()?),
            "type" => match item.text()? {
                name if TYPES.contains(&name) => Predicate::Type(name.to_owned()),
                name => return Err(item.fault(format!("one of {}", TYPES.join(", ")), format!("{name:?}"))),
            },
            "absent" => Predicate::Absent(item.boolean()?),
            _ => continue,
        });
    }
    Ok(predicates)
}

fn contains(whole: &Value, part: &Value) -> bool {
    match (whole, part) {
        (Value::String(text), Value::String(part)) => text.contains(part.as_str()),
        (Value::Array(elements), part) => elements.contains(part),
        (Value::Object(entries), Value::String(key)) => entries.contains_key(key),
        _ => false,
    }
}

fn length_of(value: &Value) -> Option<u64> {
    let length = match value {
        Value::String(text) => text.chars().count(),
        Value::Array(elements) => elements.len(),
        Value::Object(entries) => entries.len(),
        _ => return None,
    };
    Some(length as u64)
}

fn is_of_type(value: &Value, name: &str) -> bool {
    match value {
        Value::Null => name == "null",
        Value::Bool(_) => name == "boolean",
        // As JSON Schema has it, a float without a fraction is an integer.
        Value::Number(number) => {
            name == "number" || name == "integer" && number.as_f64().is_some_and(|n| n.fract() == 0.0)
        }
        Value::String(_) => name == "string",
        Value::Array(_) => name == "array",
        Value::Object(_) => name == "object",
    }
}

/// The most characters of a value that a sentence shows.
const SHOWN_CHARS: usize = 200;

/// A value in a sentence.
pub(super) fn shown(value: &Value) -> String {
    let json = value.to_string();
    match json.char_indices().nth(SHOWN_CHARS) {
        Some((end, _)) => format!("{}…", &json[..end]),
        None => json,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn each_predicate_holds_where_it_should_and_nowhere_else() {
        let pattern = || Predicate::Matches(Regex::new("^a.c$").expect("a pattern"));
        for (predicate, holds, fails) in [
            (Predicate::Equals(json!(3)), vec![json!(3)], vec![json!(3.0), json!("3")]),
            (Predicate::Differs(json!(3)), vec![json!(4), json!(null)], vec![json!(3)]),
            (Predicate::Less(3.0), vec![json!(2.9)], vec![json!(3), json!("2")]),
            (Predicate::AtMost(3.0), vec![json!(3)], vec![json!(3.1)]),
            (Predicate::Greater(3.0), vec![json!(4)], vec![json!(3), json!(null)]),
            (Predicate::AtLeast(3.0), vec![json!(3)], vec![json!(2)]),
            (Predicate::Near { number: 1.0, within: 0.1 }, vec![json!(1.05), json!(0.95)], vec![json!(1.2)]),
            (pattern(), vec![json!("abc")], vec![json!("xabc"), json!(["abc"])]),
            (Predicate::Contains(json!("b")), vec![json!("abc"), json!(["b"]), json!({"b": 1})], vec![json!("x")]),
            (Predicate::Contains(json!(2)), vec![json!([1, 2])], vec![json!([[2]]), json!("2"), json!(2)]),
            (Predicate::Length(2), vec![json!("éà"), json!([1, 2]), json!({"a": 1, "b": 2})], vec![json!(2)]),
            (Predicate::Type("integer".into()), vec![json!(1), json!(1.0)], vec![json!(1.5), json!("1")]),
            (Predicate::Type("null".into()), vec![json!(null)], vec![json!(0)]),
            (Predicate::Absent(false), vec![json!(null)], vec![]),
        ] {
            assert!(holds.iter().all(|value| predicate.holds(Some(value))), "{predicate:?}");
            assert!(!fails.iter().any(|value| predicate.holds(Some(value))), "{predicate:?}");
            assert!(!predicate.holds(None), "{predicate:?}");
        }
        assert!(Predicate::Absent(true).holds(None) && !Predicate::Absent(true).holds(Some(&json!(null))));
    }

    #[test]
    fn what_is_broken_says_where_what_was_expected_and_what_was_found() {
        let check = Check { of: Part::Result, at: "/0/n".into(), predicates: vec![Predicate::Less(3.0)] };
        assert_eq!(check.broken(&json!([{"n": 4}])), ["result at /0/n: expected a number below 3, found 4"]);
        assert_eq!(check.broken(&json!([])), ["result at /0/n: expected a number below 3, found nothing there"]);
        assert_eq!(check.broken(&json!([{"n": 2}])), [""; 0]);
    }
}
