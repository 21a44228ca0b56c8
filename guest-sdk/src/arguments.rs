//! The arguments of a job, taken one by one from its kwargs.
//!
//! Called by the code that `#[job]` writes. The host has checked kwargs against the schema before;
//! this check is for native runs, and for what a schema cannot say.

use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::error::JobError;
use crate::value::Kwargs;

/// How much of a message about a bad argument is kept, in bytes: it quotes the value, which may
/// be as large as the kwargs.
const MESSAGE_BYTES: usize = 400;

/// What an argument can be. Its own trait for the sake of the compiler's message.
#[diagnostic::on_unimplemented(
    message = "expected a type that serde can read from JSON, found `{Self}`",
    label = "a kwarg cannot be a `{Self}`",
    note = "derive `serde::Deserialize` for it"
)]
pub trait Kwarg: Sized {
    /// Reads the value.
    fn read(value: Value) -> serde_json::Result<Self>;
}

#[diagnostic::do_not_recommend]
impl<T: DeserializeOwned> Kwarg for T {
    fn read(value: Value) -> serde_json::Result<Self> {
        serde_json::from_value(value)
    }
}

/// The kwargs that no argument has taken yet.
pub struct Arguments {
    kwargs: Kwargs,
}

impl Arguments {
    /// Starts from all kwargs; refuses a name that is not among `known`.
    pub fn new(kwargs: Kwargs, known: &[&str]) -> Result<Self, JobError> {
        match kwargs.keys().find(|name| !known.contains(&name.as_str())) {
            Some(name) => Err(unknown(name, known)),
            None => Ok(Self { kwargs }),
        }
    }

    /// All kwargs as one value of the Rust type written `expected`.
    pub fn whole<T: Kwarg>(kwargs: Kwargs, expected: &str) -> Result<T, JobError> {
        T::read(Value::Object(kwargs)).map_err(|error| bad_kwargs(format!("kwargs (`{expected}`): {error}")))
    }

    /// Takes the argument `name`; absent, it is `null` if it may be absent, else a failure.
    pub fn take<T: Kwarg>(&mut self, name: &str, expected: &str, may_be_absent: bool) -> Result<T, JobError> {
        let value = match self.kwargs.remove(name) {
            Some(value) => value,
            None if may_be_absent => Value::Null,
            None => return Err(missing(name, expected)),
        };
        T::read(value).map_err(|error| mistyped(name, expected, &error))
    }

    /// Takes the argument `name`; absent, it is the default.
    pub fn take_or<T: Kwarg>(
        &mut self,
        name: &str,
        expected: &str,
        default: impl FnOnce() -> T,
    ) -> Result<T, JobError> {
        if self.kwargs.contains_key(name) { self.take(name, expected, false) } else { Ok(default()) }
    }
}

fn unknown(name: &str, known: &[&str]) -> JobError {
    let takes = if known.is_empty() { "none".to_owned() } else { format!("`{}`", known.join("`, `")) };
    bad_kwargs(format!("unknown argument `{name}`: expected {takes}"))
}

fn missing(name: &str, expected: &str) -> JobError {
    bad_kwargs(format!("argument `{name}` is missing: expected `{expected}`"))
}

fn mistyped(name: &str, expected: &str, error: &serde_json::Error) -> JobError {
    bad_kwargs(format!("argument `{name}` (`{expected}`): {error}"))
}

fn bad_kwargs(mut message: String) -> JobError {
    if message.len() > MESSAGE_BYTES {
        message.truncate(message.floor_char_boundary(MESSAGE_BYTES));
        message.push('…');
    }
    JobError::new("bad_kwargs", message).retry(false)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kwargs(json: &str) -> Kwargs {
        serde_json::from_str(json).unwrap()
    }

    fn take<T: Kwarg>(json: &str, may_be_absent: bool) -> Result<T, String> {
        Arguments::new(kwargs(json), &["a", "b"])
            .and_then(|mut arguments| arguments.take("a", "T", may_be_absent))
            .map_err(|error| error.message().to_owned())
    }

    #[test]
    fn an_argument_is_taken_by_its_name() {
        assert_eq!(take(r#"{"b": 1, "a": 2}"#, false), Ok(2));
    }

    #[test]
    fn a_missing_argument_is_named() {
        let found = take::<i64>("{}", false);
        assert_eq!(found, Err("argument `a` is missing: expected `T`".to_owned()));
    }

    #[test]
    fn an_argument_that_may_be_absent_is_null() {
        assert_eq!(take::<Option<i64>>("{}", true), Ok(None));
    }

    #[test]
    fn a_mistyped_argument_is_named_with_what_was_expected_and_found() {
        let found = take::<i64>(r#"{"a": "x"}"#, false);
        let message = "argument `a` (`T`): invalid type: string \"x\", expected i64";
        assert_eq!(found, Err(message.to_owned()));
    }

    #[test]
    fn an_unknown_argument_is_refused_with_the_known_ones() {
        let found = take::<i64>(r#"{"c": 1}"#, false);
        assert_eq!(found, Err("unknown argument `c`: expected `a`, `b`".to_owned()));
    }

    #[test]
    fn a_message_about_a_huge_value_is_cut() {
        let found = take::<i64>(&format!(r#"{{"a": "{}"}}"#, "é".repeat(1000)), false);
        assert!(found.is_err_and(|message| message.len() < MESSAGE_BYTES + 8));
    }
}
