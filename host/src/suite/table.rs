//! TOML as it is read here: every key known, every fault with its line.

use std::fmt::Display;
use std::path::Path;

use serde_json::{Map, Number, Value};
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::SuiteError;

/// How alike two keys must be, from 0 to 1, for one to be offered in place of the other.
const ALIKE: f64 = 0.7;

/// The text of one file.
#[derive(Clone, Copy)]
pub(super) struct Document<'a> {
    pub(super) file: &'a Path,
    text: &'a str,
    line_ends: &'a [usize],
}

/// Where the lines of a text end, in order: what [`Document::new`] finds lines by.
pub(super) fn line_ends(text: &str) -> Vec<usize> {
    text.match_indices('\n').map(|(at, _)| at).collect()
}

/// One table of which all keys are known.
#[derive(Clone, Copy)]
pub(super) struct Table<'a> {
    document: Document<'a>,
    entries: &'a DeTable<'a>,
    pub(super) line: usize,
}

/// One value, with the key under which it stands.
#[derive(Clone, Copy)]
pub(super) struct Item<'a> {
    document: Document<'a>,
    key: &'a str,
    value: &'a Spanned<DeValue<'a>>,
}

impl<'a> Document<'a> {
    pub(super) fn new(file: &'a Path, text: &'a str, line_ends: &'a [usize]) -> Self {
        Document { file, text, line_ends }
    }

    /// Parses the text.
    pub(super) fn parse(&self) -> Result<Spanned<DeTable<'a>>, SuiteError> {
        let text = self.text;
        DeTable::parse(text).map_err(|error| {
            let line = error.span().map(|span| self.line(span.start));
            self.fault(line, format!("expected TOML, found what is none: {}", error.message().trim_end()))
        })
    }

    pub(super) fn fault(&self, line: Option<usize>, message: impl Into<String>) -> SuiteError {
        SuiteError { file: self.file.to_owned(), line, message: message.into() }
    }

    fn line(&self, offset: usize) -> usize {
        1 + self.line_ends.partition_point(|end| *end < offset)
    }

    /// A table of this document, whose keys must all be among `known`.
    pub(super) fn table(
        self,
        table: &'a Spanned<DeTable<'a>>,
        what: &str,
        known: &[&str],
    ) -> Result<Table<'a>, SuiteError> {
        Table::new(self, table.get_ref(), self.line(table.span().start), what, known)
    }
}

impl<'a> Table<'a> {
    fn new(
        document: Document<'a>,
        entries: &'a DeTable<'a>,
        line: usize,
        what: &str,
        known: &[&str],
    ) -> Result<Self, SuiteError> {
        for key in entries.keys() {
            let name = key.get_ref().as_ref();
            if known.contains(&name) {
                continue;
            }
            let nearest = known.iter().map(|other| (strsim::jaro_winkler(name, other), *other));
            let nearest = nearest.filter(|(likeness, _)| *likeness >= ALIKE).max_by(|(a, _), (b, _)| a.total_cmp(b));
            let offer = match nearest {
                Some((_, other)) => format!("did you mean `{other}`?"),
                None => format!("known here: {}", known.join(", ")),
            };
            let line = document.line(key.span().start);
            return Err(document.fault(Some(line), format!("{what} has no key `{name}`; {offer}")));
        }
        Ok(Table { document, entries, line })
    }

    /// The value of a key, if it is there.
    pub(super) fn get(&self, key: &'static str) -> Option<Item<'a>> {
        let value = self.entries.get(key)?;
        Some(Item { document: self.document, key, value })
    }

    /// Every key with its value, in the order of the file.
    pub(super) fn items(&self) -> impl Iterator<Item = Item<'a>> + use<'a> {
        let document = self.document;
        self.entries.iter().map(move |(key, value)| Item { document, key: key.get_ref(), value })
    }

    /// The only one of these keys that is there.
    pub(super) fn one_of(&self, keys: &[&'static str]) -> Result<Option<Item<'a>>, SuiteError> {
        let mut given = keys.iter().filter_map(|key| self.get(key));
        let (first, second) = (given.next(), given.next());
        match (first, second) {
            (Some(first), Some(second)) => Err(second.fault(format!("nothing beside `{}`", first.key), "both")),
            _ => Ok(first),
        }
    }

    pub(super) fn fault(&self, message: impl Into<String>) -> SuiteError {
        self.document.fault(Some(self.line), message)
    }
}

impl<'a> Item<'a> {
    pub(super) fn key(&self) -> &'a str {
        self.key
    }

    pub(super) fn line(&self) -> usize {
        self.document.line(self.value.span().start)
    }

    /// A fault of this value: what was expected, and what was found.
    pub(super) fn fault(&self, expected: impl Display, found: impl Display) -> SuiteError {
        let message = format!("`{}`: expected {expected}, found {found}", self.key);
        self.document.fault(Some(self.line()), message)
    }

    fn unlike(&self, expected: &str) -> SuiteError {
        self.fault(expected, kind(self.value.get_ref()))
    }

    pub(super) fn text(&self) -> Result<&'a str, SuiteError> {
        self.value.get_ref().as_str().ok_or_else(|| self.unlike("a string"))
    }

    pub(super) fn boolean(&self) -> Result<bool, SuiteError> {
        self.value.get_ref().as_bool().ok_or_else(|| self.unlike("true or false"))
    }

    /// A whole number from 0.
    pub(super) fn count(&self) -> Result<u64, SuiteError> {
        let expected = "a whole number from 0";
        let number = self.value.get_ref().as_integer().ok_or_else(|| self.unlike(expected))?;
        u64::from_str_radix(number.as_str(), number.radix()).map_err(|_| self.fault(expected, number))
    }

    pub(super) fn number(&self) -> Result<f64, SuiteError> {
        let number = match self.value.get_ref() {
            DeValue::Integer(number) => i64::from_str_radix(number.as_str(), number.radix()).ok().map(|n| n as f64),
            DeValue::Float(number) => number.as_str().parse().ok().filter(|number: &f64| number.is_finite()),
            _ => None,
        };
        number.ok_or_else(|| self.unlike("a number"))
    }

    /// One string, or a list of them.
    pub(super) fn texts(&self) -> Result<Vec<String>, SuiteError> {
        match self.value.get_ref() {
            DeValue::String(text) => Ok(vec![text.clone().into_owned()]),
            DeValue::Array(_) => self.elements()?.map(|item| item.text().map(str::to_owned)).collect(),
            _ => Err(self.unlike("a string or a list of strings")),
        }
    }

    pub(super) fn elements(&self) -> Result<impl Iterator<Item = Item<'a>> + use<'a>, SuiteError> {
        let list = self.value.get_ref().as_array().ok_or_else(|| self.unlike("a list"))?;
        let (document, key) = (self.document, self.key);
        Ok(list.iter().map(move |value| Item { document, key, value }))
    }

    /// A table whose keys must all be among `known`.
    pub(super) fn table(&self, known: &[&str]) -> Result<Table<'a>, SuiteError> {
        let entries = self.value.get_ref().as_table().ok_or_else(|| self.unlike("a table"))?;
        Table::new(self.document, entries, self.line(), &format!("`{}`", self.key), known)
    }

    /// A table with any keys.
    pub(super) fn open_table(&self) -> Result<Table<'a>, SuiteError> {
        let entries = self.value.get_ref().as_table().ok_or_else(|| self.unlike("a table"))?;
        Ok(Table { document: self.document, entries, line: self.line() })
    }

    /// The value as JSON.
    pub(super) fn json(&self) -> Result<Value, SuiteError> {
        match self.value.get_ref() {
            DeValue::String(text) => Ok(Value::from(text.as_ref())),
            DeValue::Boolean(value) => Ok(Value::from(*value)),
            DeValue::Integer(number) => {
                let signed = i64::from_str_radix(number.as_str(), number.radix()).map(Value::from);
                let value = signed.or_else(|_| u64::from_str_radix(number.as_str(), number.radix()).map(Value::from));
                value.map_err(|_| self.fault("a whole number of 64 bits", number))
            }
            DeValue::Float(number) => {
                let finite = number.as_str().parse().ok().and_then(Number::from_f64);
                finite.map(Value::Number).ok_or_else(|| self.fault("a finite number", number))
            }
            DeValue::Array(_) => self.elements()?.map(|item| item.json()).collect(),
            DeValue::Table(_) => {
                let pairs = self.open_table()?.items().map(|item| Ok((item.key.to_owned(), item.json()?)));
                pairs.collect::<Result<Map<_, _>, _>>().map(Value::Object)
            }
            DeValue::Datetime(_) => Err(self.fault("a value that JSON has", "a date; write it as a string")),
        }
    }
}

fn kind(value: &DeValue<'_>) -> &'static str {
    match value {
        DeValue::String(_) => "a string",
        DeValue::Integer(_) => "a whole number",
        DeValue::Float(_) => "a float",
        DeValue::Boolean(_) => "a boolean",
        DeValue::Datetime(_) => "a date",
        DeValue::Array(_) => "a list",
        DeValue::Table(_) => "a table",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read<T>(text: &str, look: impl Fn(Table<'_>) -> Result<T, SuiteError>) -> Result<T, String> {
        let line_ends = line_ends(text);
        let document = Document::new(Path::new("x.suite.toml"), text, &line_ends);
        let parsed = document.parse().map_err(|error| error.to_string())?;
        document.table(&parsed, "the file", &["value", "count"]).and_then(look).map_err(|error| error.to_string())
    }

    #[test]
    fn an_unknown_key_is_named_with_its_place_and_the_nearest_known() {
        let fault = read("value = 1\n\nconut = 2", |_| Ok(())).expect_err("a typo");
        assert_eq!(fault, "x.suite.toml:3: the file has no key `conut`; did you mean `count`?");
        let fault = read("zzz = 2", |_| Ok(())).expect_err("no key");
        assert_eq!(fault, "x.suite.toml:1: the file has no key `zzz`; known here: value, count");
    }

    #[test]
    fn toml_becomes_json_in_its_own_order() {
        let text = "value = { b = [1, 2.5, true], a = { text = \"x\" }, hex = 0xff, big = 18446744073709551615 }";
        let json = read(text, |table| table.get("value").expect("there").json()).expect("a value");
        assert_eq!(json.to_string(), r#"{"b":[1,2.5,true],"a":{"text":"x"},"hex":255,"big":18446744073709551615}"#);
    }

    #[test]
    fn what_json_cannot_carry_is_refused_with_its_line() {
        for (text, found) in [
            ("\nvalue = inf", "finite"),
            ("\nvalue = 2020-01-01", "date"),
            ("\nvalue = 99999999999999999999", "64 bits"),
        ] {
            let fault = read(text, |table| table.get("value").expect("there").json()).expect_err(text);
            assert!(fault.starts_with("x.suite.toml:2: `value`") && fault.contains(found), "{fault}");
        }
        assert!(read("value = = 1", |_| Ok(())).expect_err("no TOML").starts_with("x.suite.toml:1: expected TOML"));
    }

    #[test]
    fn a_count_is_whole_and_not_negative() {
        let count = |text| read(text, |table| table.get("count").expect("there").count());
        assert_eq!(count("count = 1_000"), Ok(1_000));
        for text in ["count = -1", "count = 1.5", "count = \"1\""] {
            assert!(count(text).expect_err(text).contains("a whole number from 0"), "{text}");
        }
    }
}
