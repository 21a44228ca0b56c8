//! What serde's attributes say about the shape of a type, a field or a variant.
//!
//! Called by `derive`. It checks nothing: serde's own derive refuses what is wrong.

use syn::{Attribute, LitStr, Meta, Token, punctuated::Punctuated};

use crate::letter_case::LetterCase;

/// The attributes that a schema follows, and whether there are others that it cannot.
#[derive(Default)]
pub(crate) struct SerdeAttributes {
    pub(crate) rename: Option<String>,
    pub(crate) rename_all: Option<LetterCase>,
    pub(crate) default: bool,
    pub(crate) skip: bool,
    /// Reads or writes under conditions: the member may be absent.
    pub(crate) conditional: bool,
    /// The member's own members stand in its place.
    pub(crate) flatten: bool,
    /// The member has other names besides its own.
    pub(crate) alias: bool,
    /// The shape is another one than the Rust type's.
    pub(crate) reshaped: bool,
}

pub(crate) fn read(attributes: &[Attribute]) -> SerdeAttributes {
    let mut found = SerdeAttributes::default();
    for attribute in attributes.iter().filter(|attribute| attribute.path().is_ident("serde")) {
        // serde's own derive reports a list that does not parse.
        if let Ok(list) = attribute.parse_args_with(Punctuated::<Meta, Token![,]>::parse_terminated) {
            list.iter().for_each(|meta| found.add(meta));
        }
    }
    found
}

impl SerdeAttributes {
    fn add(&mut self, meta: &Meta) {
        let name = meta.path().get_ident().map(ToString::to_string).unwrap_or_default();
        match name.as_str() {
            "rename" => match string(meta) {
                Some(new) => self.rename = Some(new),
                None => self.reshaped = true,
            },
            "rename_all" => match string(meta).and_then(|rule| LetterCase::named(&rule)) {
                Some(rule) => self.rename_all = Some(rule),
                None => self.reshaped = true,
            },
            "default" => self.default = true,
            "skip" => self.skip = true,
            "skip_serializing" | "skip_deserializing" | "skip_serializing_if" => self.conditional = true,
            "alias" => self.alias = true,
            "flatten" => self.flatten = true,
            // These change how a type is read or named in code, and not its shape.
            "deny_unknown_fields" | "bound" | "crate" | "expecting" | "borrow" | "rename_all_fields" => {}
            _ => self.reshaped = true,
        }
    }

    /// The name in JSON: renamed by itself, or by the rule of what it is in.
    pub(crate) fn name(&self, rust_name: String, container: &Self, by_rule: fn(LetterCase, &str) -> String) -> String {
        match (&self.rename, container.rename_all) {
            (Some(new), _) => new.clone(),
            (None, Some(rule)) => by_rule(rule, &rust_name),
            (None, None) => rust_name,
        }
    }
}

/// The value of `name = "value"`.
fn string(meta: &Meta) -> Option<String> {
    let pair = meta.require_name_value().ok()?;
    let value = &pair.value;
    syn::parse2::<LitStr>(quote::quote!(#value)).ok().map(|literal| literal.value())
}

#[cfg(test)]
mod tests {
    use syn::parse_quote;

    use super::*;

    #[test]
    fn known_attributes_are_told_apart() {
        let found = read(&[parse_quote!(#[serde(rename = "a", default)]), parse_quote!(#[serde(skip)])]);
        assert_eq!(found.rename.as_deref(), Some("a"));
        assert!(found.default && found.skip && !found.reshaped);
    }

    #[test]
    fn an_attribute_that_is_not_known_changes_the_shape() {
        assert!(read(&[parse_quote!(#[serde(with = "module")])]).reshaped);
        assert!(read(&[parse_quote!(#[serde(rename(serialize = "a"))])]).reshaped);
    }

    #[test]
    fn other_attributes_are_not_read() {
        assert!(!read(&[parse_quote!(#[derive(Debug)])]).reshaped);
    }
}
