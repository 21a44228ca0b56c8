//! The macros of `ampule-guest`, which re-exports them; their tests on refused shapes are its
//! `tests/ui`.
//!
//! `#[job]`: `signature` reads a function and refuses what no job can be, `expand` writes the
//! program around it. `#[derive(Schema)]`: `derive` describes a type as serde would write it.
//! Nothing here knows JSON Schema: the code that is written calls the SDK for that.

mod derive;
mod doc_comment;
mod expand;
mod letter_case;
mod serde_attributes;
mod signature;

use proc_macro::TokenStream;

/// The attribute of `ampule_guest::job`, which says what it does.
#[proc_macro_attribute]
pub fn job(attribute: TokenStream, item: TokenStream) -> TokenStream {
    match signature::read(attribute.into(), item.into()) {
        Ok(job) => expand::program(&job),
        Err(error) => expand::refusal(&error),
    }
    .into()
}

/// The derive of `ampule_guest::Schema`, which says what it does.
#[proc_macro_derive(Schema, attributes(serde))]
pub fn schema(item: TokenStream) -> TokenStream {
    derive::schema(&syn::parse_macro_input!(item)).into()
}
