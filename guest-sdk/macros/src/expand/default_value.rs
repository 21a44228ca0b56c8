//! The value of `#[default(..)]`: as an expression of the argument's type, and in the schema.
//!
//! Called by `expand`. Only literals are shown in the schema: the value of other expressions is
//! known when the job runs.

use proc_macro2::TokenStream;
use quote::quote;
use syn::{Expr, ExprLit, ExprUnary, Lit, UnOp};

/// The expression; a string literal becomes whatever the argument's type makes of it.
pub(crate) fn expression(default: &Expr) -> TokenStream {
    match default {
        Expr::Lit(ExprLit { lit: Lit::Str(_), .. }) => quote!(::core::convert::From::from(#default)),
        other => quote!(#other),
    }
}

/// The call that adds the schema's `default`, or nothing.
pub(crate) fn schema_member(default: &Expr) -> TokenStream {
    match default {
        Expr::Lit(ExprLit { lit: Lit::Str(text), .. }) => quote!(.with_string("default", #text)),
        Expr::Lit(ExprLit { lit: Lit::Char(letter), .. }) => {
            let text = letter.value().to_string();
            quote!(.with_string("default", #text))
        }
        other => json(other).map(|json| quote!(.with_json("default", #json))).unwrap_or_default(),
    }
}

/// A number or a boolean in JSON.
fn json(default: &Expr) -> Option<String> {
    match default {
        Expr::Lit(ExprLit { lit: Lit::Int(number), .. }) => Some(number.base10_digits().to_owned()),
        // Rust writes `1.` and `1_0.5`, JSON does not; the debug form of a float is JSON.
        Expr::Lit(ExprLit { lit: Lit::Float(number), .. }) => {
            number.base10_parse::<f64>().ok().map(|number| format!("{number:?}"))
        }
        Expr::Lit(ExprLit { lit: Lit::Bool(truth), .. }) => Some(truth.value.to_string()),
        Expr::Unary(ExprUnary { op: UnOp::Neg(_), expr, .. }) => json(expr).map(|json| format!("-{json}")),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use syn::parse_quote;

    use super::*;

    #[test]
    fn literals_are_written_in_json() {
        let written = |default: Expr| json(&default).unwrap();
        assert_eq!(written(parse_quote!(-1_000i64)), "-1000");
        assert_eq!(written(parse_quote!(1.)), "1.0");
        assert_eq!(written(parse_quote!(true)), "true");
    }

    #[test]
    fn other_expressions_are_not_shown() {
        assert!(schema_member(&parse_quote!(Vec::new())).is_empty());
        assert!(!schema_member(&parse_quote!("text")).is_empty());
    }
}
