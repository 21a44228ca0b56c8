//! A value as it is given, by whatever means, and the place where it stands.

use std::fmt;
use std::path::PathBuf;

use toml::de::DeValue;

/// A value, before it is known whether it means anything.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Given {
    /// Text: a flag's, a variable's, or a string of the file.
    Text(String),
    /// Several: a flag that was repeated, or an array of strings.
    List(Vec<String>),
    /// A whole number, as it is written.
    Number(String),
    Bool(bool),
    /// What nothing here is, by the name of its type.
    Other(&'static str),
}

/// Where a value stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Place {
    Default,
    File { file: PathBuf, line: usize, column: usize },
    Variable(String),
    Flag(String),
}

/// A value, under its key, with its place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Said {
    pub(super) key: String,
    pub(super) value: Given,
    pub(super) place: Place,
}

impl Given {
    pub(super) fn of_toml(value: &DeValue<'_>) -> Self {
        match value {
            DeValue::String(text) => Given::Text(text.to_string()),
            DeValue::Boolean(value) => Given::Bool(*value),
            DeValue::Integer(number) if number.radix() == 10 => Given::Number(number.as_str().to_owned()),
            DeValue::Array(items) => {
                let texts = items.iter().map(|item| item.get_ref().as_str().map(str::to_owned));
                texts.collect::<Option<_>>().map_or(Given::Other("array of other things than strings"), Given::List)
            }
            other => Given::Other(other.type_str()),
        }
    }
}

impl fmt::Display for Given {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Given::Text(text) => write!(f, "{text:?}"),
            Given::List(texts) => write!(f, "{texts:?}"),
            Given::Number(number) => f.write_str(number),
            Given::Bool(value) => write!(f, "{value}"),
            Given::Other(kind) => f.write_str(kind),
        }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Place::Default => f.write_str("default"),
            Place::File { file, line, column } => write!(f, "{}:{line}:{column}", file.display()),
            Place::Variable(name) => write!(f, "${name}"),
            Place::Flag(flag) => f.write_str(flag),
        }
    }
}
