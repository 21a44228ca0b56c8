//! Finds a number that JSON cannot carry: infinite, or not a number.
//!
//! `serde_json` writes such a number as `null`, which would change an argument without a word; `kwargs.rs`
//! asks here first. Nothing is built: the value is walked once.

use std::fmt::{self, Display};

use serde::ser::{self, Serialize};

/// Refuses a value that holds a number without a JSON form.
pub(crate) fn check(value: &impl Serialize) -> Result<(), Unfit> {
    value.serialize(Walk)
}

/// Why a value has no JSON form.
#[derive(Debug)]
pub(crate) struct Unfit(String);

impl Display for Unfit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Unfit {}

impl ser::Error for Unfit {
    fn custom<T: Display>(message: T) -> Self {
        Unfit(message.to_string())
    }
}

/// Visits every part of a value and looks at the floats alone.
struct Walk;

fn finite(number: f64) -> Result<(), Unfit> {
    if number.is_finite() { Ok(()) } else { Err(Unfit(format!("the number {number}"))) }
}

macro_rules! fine {
    ($($method:ident($type:ty)),* $(,)?) => {
        $(fn $method(self, _: $type) -> Result<(), Unfit> { Ok(()) })*
    };
}

impl ser::Serializer for Walk {
    type Ok = ();
    type Error = Unfit;
    type SerializeSeq = Walk;
    type SerializeTuple = Walk;
    type SerializeTupleStruct = Walk;
    type SerializeTupleVariant = Walk;
    type SerializeMap = Walk;
    type SerializeStruct = Walk;
    type SerializeStructVariant = Walk;

    fine! {
        serialize_bool(bool), serialize_i8(i8), serialize_i16(i16), serialize_i32(i32), serialize_i64(i64),
        serialize_u8(u8), serialize_u16(u16), serialize_u32(u32), serialize_u64(u64), serialize_char(char),
        serialize_str(&str), serialize_bytes(&[u8]), serialize_unit_struct(&'static str),
    }

    fn serialize_f32(self, number: f32) -> Result<(), Unfit> {
        finite(f64::from(number))
    }
    fn serialize_f64(self, number: f64) -> Result<(), Unfit> {
        finite(number)
    }
    fn serialize_none(self) -> Result<(), Unfit> {
        Ok(())
    }
    fn serialize_unit(self) -> Result<(), Unfit> {
        Ok(())
    }
    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<(), Unfit> {
        value.serialize(Walk)
    }
    fn serialize_unit_variant(self, _: &'static str, _: u32, _: &'static str) -> Result<(), Unfit> {
        Ok(())
    }
    fn serialize_newtype_struct<T: Serialize + ?Sized>(self, _: &'static str, value: &T) -> Result<(), Unfit> {
        value.serialize(Walk)
    }
    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        _: u32,
        _: &'static str,
        value: &T,
    ) -> Result<(), Unfit> {
        value.serialize(Walk)
    }
    fn serialize_seq(self, _: Option<usize>) -> Result<Walk, Unfit> {
        Ok(Walk)
    }
    fn serialize_tuple(self, _: usize) -> Result<Walk, Unfit> {
        Ok(Walk)
    }
    fn serialize_tuple_struct(self, _: &'static str, _: usize) -> Result<Walk, Unfit> {
        Ok(Walk)
    }
    fn serialize_tuple_variant(self, _: &'static str, _: u32, _: &'static str, _: usize) -> Result<Walk, Unfit> {
        Ok(Walk)
    }
    fn serialize_map(self, _: Option<usize>) -> Result<Walk, Unfit> {
        Ok(Walk)
    }
    fn serialize_struct(self, _: &'static str, _: usize) -> Result<Walk, Unfit> {
        Ok(Walk)
    }
    fn serialize_struct_variant(self, _: &'static str, _: u32, _: &'static str, _: usize) -> Result<Walk, Unfit> {
        Ok(Walk)
    }
}

/// The seven compound forms differ only in how serde names a part of them.
macro_rules! compound {
    ($($form:ident::$part:ident($($name:ty)?)),* $(,)?) => {
        $(impl ser::$form for Walk {
            type Ok = ();
            type Error = Unfit;
            fn $part<T: Serialize + ?Sized>(&mut self, $(_: $name,)? value: &T) -> Result<(), Unfit> {
                value.serialize(Walk)
            }
            fn end(self) -> Result<(), Unfit> {
                Ok(())
            }
        })*
    };
}

compound! {
    SerializeSeq::serialize_element(),
    SerializeTuple::serialize_element(),
    SerializeTupleStruct::serialize_field(),
    SerializeTupleVariant::serialize_field(),
    SerializeStruct::serialize_field(&'static str),
    SerializeStructVariant::serialize_field(&'static str),
}

impl ser::SerializeMap for Walk {
    type Ok = ();
    type Error = Unfit;
    fn serialize_key<T: Serialize + ?Sized>(&mut self, _: &T) -> Result<(), Unfit> {
        Ok(())
    }
    fn serialize_value<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Unfit> {
        value.serialize(Walk)
    }
    fn end(self) -> Result<(), Unfit> {
        Ok(())
    }
}
