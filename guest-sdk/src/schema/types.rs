//! The schemas of the types that Rust and serde bring along.
//!
//! Each says how serde writes the type in JSON. Types of other crates are not here.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet, VecDeque};
use std::path::{Path, PathBuf};

use serde_json::{Map, Value};

use super::{Schema, text::Text};

const fn of_type(name: &str) -> Text {
    Text::object().with_string("type", name)
}

const fn list_of(items: Text) -> Text {
    of_type("array").with_json("items", items.as_str())
}

const fn map_of(values: Text) -> Text {
    of_type("object").with_json("additionalProperties", values.as_str())
}

/// `schema => types`: the same constant for each type.
macro_rules! describe {
    ($($schema:expr => $($type:ty),+;)+) => {
        $($(impl Schema for $type {
            const SCHEMA: Text = $schema;
        })+)+
    };
}

describe! {
    of_type("boolean") => bool;
    of_type("number") => f32, f64;
    of_type("string") => str, String, Path, PathBuf;
    of_type("string").with_integer("minLength", 1).with_integer("maxLength", 1) => char;
    of_type("integer") => i64, i128;
    of_type("integer").with_integer("minimum", 0) => u64, u128;
    of_type("object") => Map<String, Value>;
    Text::object() => Value;
}

/// Integers whose whole range is worth saying. The range of the 64-bit ones is beyond what many
/// JSON readers keep apart.
macro_rules! describe_bounded {
    ($($integer:ty),+) => {
        $(impl Schema for $integer {
            const SCHEMA: Text = of_type("integer")
                .with_integer("minimum", <$integer>::MIN as i128)
                .with_integer("maximum", <$integer>::MAX as i128);
        })+
    };
}

describe_bounded!(i8, i16, i32, u8, u16, u32);

#[cfg(target_pointer_width = "32")]
describe_bounded!(isize, usize);
#[cfg(not(target_pointer_width = "32"))]
describe! {
    of_type("integer") => isize;
    of_type("integer").with_integer("minimum", 0) => usize;
}

/// `container => schema`: in terms of `T`, the type inside.
macro_rules! describe_generic {
    ($($schema:expr => $([$($generics:tt)+] $type:ty),+;)+) => {
        $($(impl<$($generics)+> Schema for $type {
            const SCHEMA: Text = $schema;
        })+)+
    };
}

describe_generic! {
    T::SCHEMA => [T: Schema + ?Sized] &T, [T: Schema + ?Sized] Box<T>,
        [T: Schema + ToOwned + ?Sized] Cow<'_, T>;
    list_of(T::SCHEMA) => [T: Schema] Vec<T>, [T: Schema] VecDeque<T>, [T: Schema] [T];
    list_of(T::SCHEMA).with_json("uniqueItems", "true") =>
        [T: Schema] BTreeSet<T>, [T: Schema, S] HashSet<T, S>;
    list_of(T::SCHEMA).with_integer("minItems", N as i128).with_integer("maxItems", N as i128) =>
        [T: Schema, const N: usize] [T; N];
    map_of(T::SCHEMA) => [T: Schema] BTreeMap<String, T>, [T: Schema, S] HashMap<String, T, S>;
}

impl<T: Schema> Schema for Option<T> {
    const SCHEMA: Text = {
        let choices = Text::new().push("[").push(T::SCHEMA.as_str()).push(",{\"type\":\"null\"}]");
        Text::object().with_json("anyOf", choices.as_str())
    };
    const MAY_BE_ABSENT: bool = true;
}

/// Tuples are lists of a fixed length, each place with a schema of its own.
macro_rules! describe_tuple {
    ($len:literal: $first:ident $($rest:ident)*) => {
        impl<$first: Schema, $($rest: Schema),*> Schema for ($first, $($rest,)*) {
            const SCHEMA: Text = {
                let places = Text::new().push("[").push($first::SCHEMA.as_str());
                $(let places = places.push(",").push($rest::SCHEMA.as_str());)*
                of_type("array")
                    .with_json("prefixItems", places.push("]").as_str())
                    .with_integer("minItems", $len)
                    .with_integer("maxItems", $len)
            };
        }
    };
}

describe_tuple!(1: A);
describe_tuple!(2: A B);
describe_tuple!(3: A B C);
describe_tuple!(4: A B C D);

#[cfg(test)]
mod tests {
    use super::*;

    fn assert_schema<T: Schema>(expected: &str) {
        assert_eq!(T::SCHEMA.as_str(), expected);
    }

    #[test]
    fn small_integers_say_their_range() {
        assert_schema::<u8>(r#"{"type":"integer","minimum":0,"maximum":255}"#);
        assert_schema::<i16>(r#"{"type":"integer","minimum":-32768,"maximum":32767}"#);
        assert_schema::<i64>(r#"{"type":"integer"}"#);
        assert_schema::<u64>(r#"{"type":"integer","minimum":0}"#);
    }

    #[test]
    fn lists_and_maps_describe_what_is_in_them() {
        assert_schema::<Vec<bool>>(r#"{"type":"array","items":{"type":"boolean"}}"#);
        assert_schema::<HashMap<String, Vec<Value>>>(
            r#"{"type":"object","additionalProperties":{"type":"array","items":{}}}"#,
        );
        assert_schema::<[f64; 2]>(r#"{"type":"array","items":{"type":"number"},"minItems":2,"maxItems":2}"#);
    }

    #[test]
    fn an_option_is_the_type_or_null_and_may_be_absent() {
        assert_schema::<Option<String>>(r#"{"anyOf":[{"type":"string"},{"type":"null"}]}"#);
        const { assert!(Option::<String>::MAY_BE_ABSENT && !String::MAY_BE_ABSENT) }
    }

    #[test]
    fn a_tuple_describes_each_place() {
        assert_schema::<(String, u64)>(
            r#"{"type":"array","prefixItems":[{"type":"string"},{"type":"integer","minimum":0}],"minItems":2,"maxItems":2}"#,
        );
    }

    #[test]
    fn references_and_boxes_are_what_they_point_to() {
        assert_schema::<&str>(r#"{"type":"string"}"#);
        assert_schema::<Box<[char]>>(r#"{"type":"array","items":{"type":"string","minLength":1,"maxLength":1}}"#);
    }
}
