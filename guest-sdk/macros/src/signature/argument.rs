//! One argument of a job's function: its kwarg's name, its type, and what holds without it.
//!
//! Called by `signature` for each. The attributes `#[default]` and `#[kwargs]` are the macro's
//! own, so they are taken off the function here, and doc comments with them.

use proc_macro2::TokenTree;
use quote::ToTokens;
use syn::{Attribute, Error, Expr, Meta, Pat, PatType, Result, Type, ext::IdentExt, parse_quote};

use super::any_token;
use crate::doc_comment;

/// An argument, or all of them.
pub(crate) enum Argument {
    /// The kwarg of its name.
    Named(Named),
    /// The whole object, by this `#[kwargs]`.
    Whole(Attribute, Type),
}

/// An argument that is one kwarg.
pub(crate) struct Named {
    pub(crate) name: String,
    pub(crate) description: String,
    /// The type that is deserialised: the argument's own, or `String` for `&str`.
    pub(crate) owned: Type,
    /// The argument's type as a person writes it, for messages.
    pub(crate) written: String,
    /// Whether the function takes a reference to it.
    pub(crate) by_reference: bool,
    pub(crate) absent: Absent,
}

/// What an argument is when its kwarg is absent.
pub(crate) enum Absent {
    /// For the type to say: nothing for an `Option`, else a failure.
    ByType,
    /// The value of an expression.
    Default(Box<Expr>),
}

/// Reads an argument and strips it of the macro's attributes.
pub(crate) fn read(input: &mut PatType) -> Result<Argument> {
    let description = doc_comment::text(&input.attrs);
    let kwargs = take(&mut input.attrs, "kwargs");
    let default = take(&mut input.attrs, "default");
    take(&mut input.attrs, "doc");
    let name = name(&input.pat)?;
    check_type(&input.ty)?;
    if let Some(attribute) = kwargs.first() {
        check_whole(input, attribute, &default)?;
        return Ok(Argument::Whole(attribute.clone(), (*input.ty).clone()));
    }
    let by_reference = is_str_reference(&input.ty);
    Ok(Argument::Named(Named {
        name,
        description,
        owned: if by_reference { parse_quote!(::std::string::String) } else { (*input.ty).clone() },
        written: written(&input.ty),
        by_reference,
        absent: absent(&default)?,
    }))
}

/// Removes and gives the attributes of this name.
fn take(attributes: &mut Vec<Attribute>, name: &str) -> Vec<Attribute> {
    attributes.extract_if(.., |attribute| attribute.path().is_ident(name)).collect()
}

fn name(pattern: &Pat) -> Result<String> {
    match pattern {
        Pat::Ident(name) if name.by_ref.is_none() && name.subpat.is_none() => Ok(name.ident.unraw().to_string()),
        other => Err(Error::new_spanned(
            other,
            "expected a name, which is the kwarg's, found a pattern: name the argument and take it apart in the body",
        )),
    }
}

fn check_type(argument_type: &Type) -> Result<()> {
    if matches!(argument_type, Type::ImplTrait(_)) {
        return Err(Error::new_spanned(argument_type, "expected a concrete type, found `impl`: name the type"));
    }
    let is_reference = |token: &TokenTree| matches!(token, TokenTree::Punct(sign) if sign.as_char() == '&');
    if any_token(argument_type.to_token_stream(), is_reference) && !is_str_reference(argument_type) {
        return Err(Error::new_spanned(
            argument_type,
            "expected `&str` or a type that owns its value, found a reference: take a `String`, a `Vec` or the value",
        ));
    }
    Ok(())
}

fn check_whole(input: &PatType, attribute: &Attribute, default: &[Attribute]) -> Result<()> {
    attribute.meta.require_path_only().map_err(|error| {
        Error::new(error.span(), "expected `#[kwargs]` alone, found more: put what it says on the struct's fields")
    })?;
    if let Some(default) = default.first() {
        return Err(Error::new_spanned(
            default,
            "expected `#[kwargs]` alone, found `#[default]` beside it: put `#[serde(default)]` on the struct's fields",
        ));
    }
    if is_str_reference(&input.ty) {
        return Err(Error::new_spanned(
            &input.ty,
            "expected a struct or a map for `#[kwargs]`, found `&str`: kwargs are an object",
        ));
    }
    Ok(())
}

fn absent(default: &[Attribute]) -> Result<Absent> {
    match default {
        [] => Ok(Absent::ByType),
        [attribute] => match &attribute.meta {
            Meta::List(list) => Ok(Absent::Default(Box::new(list.parse_args()?))),
            other => Err(Error::new_spanned(
                other,
                "expected a value, `#[default(value)]`, found none: write one in parentheses, or make the type an `Option`",
            )),
        },
        [_, second, ..] => {
            Err(Error::new_spanned(second, "expected one `#[default]`, found a second: remove one of them"))
        }
    }
}

fn is_str_reference(argument_type: &Type) -> bool {
    let Type::Reference(reference) = argument_type else { return false };
    let is_str = matches!(&*reference.elem, Type::Path(path) if path.path.is_ident("str"));
    is_str && reference.mutability.is_none()
}

/// A type as a person writes it, such as `HashMap<String, u8>`: tokens are apart only where they
/// would run together, and after a comma.
pub(crate) fn written(argument_type: &Type) -> String {
    let tokens = argument_type.to_token_stream().to_string();
    let mut text = String::new();
    for part in tokens.split_whitespace() {
        let is_word = |letter: char| letter.is_alphanumeric() || letter == '_';
        if text.ends_with(',') || (text.ends_with(is_word) && part.starts_with(is_word)) {
            text.push(' ');
        }
        text.push_str(part);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_type_is_written_without_the_spaces_of_its_tokens() {
        let text = |argument_type: Type| written(&argument_type);
        assert_eq!(text(parse_quote!(HashMap<String, Option<u8>>)), "HashMap<String, Option<u8>>");
        assert_eq!(text(parse_quote!(&str)), "&str");
        assert_eq!(text(parse_quote!(Box<dyn std::any::Any>)), "Box<dyn std::any::Any>");
    }

    #[test]
    fn references_are_found_at_any_depth() {
        let found = |argument_type: Type| check_type(&argument_type).is_err();
        assert!(found(parse_quote!(Option<(u8, &str)>)) && found(parse_quote!(&mut str)));
        assert!(!found(parse_quote!(&str)) && !found(parse_quote!(&'static str)));
    }
}
