//! Doc comments as plain text: the description of a job, an argument or a field.
//!
//! Called by `signature` and `derive`. Markdown stays as it is written.

use syn::{Attribute, Expr, ExprLit, Lit, Meta};

/// The lines of all doc comments, without the space that `/// ` puts before each.
pub(crate) fn text(attributes: &[Attribute]) -> String {
    let lines: Vec<String> = attributes.iter().filter_map(doc).collect();
    let lines: Vec<&str> = lines
        .iter()
        .flat_map(|block| block.lines())
        .map(|line| line.strip_prefix(' ').unwrap_or(line).trim_end())
        .collect();
    lines.join("\n").trim().to_owned()
}

fn doc(attribute: &Attribute) -> Option<String> {
    match &attribute.meta {
        Meta::NameValue(pair) if pair.path.is_ident("doc") => match &pair.value {
            // An empty line has no `lines()`, but still separates two paragraphs.
            Expr::Lit(ExprLit { lit: Lit::Str(line), .. }) if line.value().is_empty() => Some("\n".to_owned()),
            Expr::Lit(ExprLit { lit: Lit::Str(line), .. }) => Some(line.value()),
            _ => None,
        },
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use syn::parse_quote;

    use super::*;

    #[test]
    fn lines_are_joined_and_other_attributes_left_out() {
        let item: syn::ItemStruct = parse_quote! {
            /// One.
            ///
            ///   Two.
            #[allow(dead_code)]
            struct Unit;
        };
        assert_eq!(text(&item.attrs), "One.\n\n  Two.");
    }
}
