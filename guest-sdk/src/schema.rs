//! JSON Schemas that exist at compile time, since a custom section is constant bytes.
//!
//! `#[job]` and `#[derive(Schema)]` write code that composes these constants. Nothing here runs
//! in a job. A recursive type cannot be described: leave it without `Schema`, and it is any value.

pub mod text;

pub(crate) mod object;
pub(crate) mod probe;
mod types;

use text::Text;

/// The shape that a type has in JSON, as JSON Schema 2020-12.
///
/// Derived for structs with named fields and for enums without data, it follows the serde
/// attributes `rename`, `rename_all`, `default`, `skip` and their like; any other shape is
/// described as any value. Objects are closed (`additionalProperties: false`) unless a field is
/// flattened or has an alias. A type without a schema may be used all the same, and is any value.
///
/// ```
/// use ampule_guest::Schema;
///
/// #[derive(serde::Serialize, Schema)]
/// struct Place {
///     /// Degrees north.
///     latitude: f64,
/// }
/// assert!(Place::SCHEMA.as_str().contains(r#""description":"Degrees north.""#));
/// ```
#[diagnostic::on_unimplemented(message = "`{Self}` has no JSON Schema", note = "derive `ampule_guest::Schema` for it")]
pub trait Schema {
    /// A JSON Schema object.
    const SCHEMA: Text;
    /// Whether a field or an argument of this type may be left out, as serde has it for `Option`.
    const MAY_BE_ABSENT: bool = false;
}

/// The whole schema of a section: says which JSON Schema it is written in.
#[doc(hidden)]
pub const fn document(schema: Text) -> Text {
    schema.with_first("$schema", "https://json-schema.org/draft/2020-12/schema")
}

/// The section `ampule:about`.
#[doc(hidden)]
pub const fn about(name: &str, description: &str) -> Text {
    Text::object()
        .with_string("name", name)
        .with_string("description", description)
        .with_string("sdk", concat!("ampule-guest ", env!("CARGO_PKG_VERSION")))
}
