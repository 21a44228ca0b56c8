//! `#[derive(Schema)]`: the JSON shape of a type, as code that composes its schema.
//!
//! Called by the derive alone. It looks at names and attributes; what a field's type looks like is
//! asked of the type, by the code that is written.

use proc_macro2::TokenStream;
use quote::quote;
use syn::{Data, DataEnum, DeriveInput, Field, Fields, FieldsNamed, GenericParam, ext::IdentExt, parse_quote};

use crate::doc_comment;
use crate::letter_case::LetterCase;
use crate::serde_attributes::{self, SerdeAttributes};

pub(crate) fn schema(item: &DeriveInput) -> TokenStream {
    let container = serde_attributes::read(&item.attrs);
    let shape = match &item.data {
        _ if container.reshaped => None,
        Data::Struct(data) => match &data.fields {
            Fields::Named(fields) => Some(object(fields, &container)),
            _ => None,
        },
        Data::Enum(data) => choice(data, &container),
        Data::Union(_) => None,
    };
    let shape = shape.unwrap_or_else(any_value);
    let described = described(shape, &doc_comment::text(&item.attrs));

    let name = &item.ident;
    let mut generics = item.generics.clone();
    for parameter in &mut generics.params {
        if let GenericParam::Type(parameter) = parameter {
            parameter.bounds.push(parse_quote!(::ampule_guest::Schema));
        }
    }
    let (impl_generics, type_generics, where_clause) = generics.split_for_impl();
    quote! {
        impl #impl_generics ::ampule_guest::Schema for #name #type_generics #where_clause {
            const SCHEMA: ::ampule_guest::schema::text::Text = {
                use ::ampule_guest::expansion::AnyValue as _;
                #described
            };
        }
    }
}

/// `schema` with a description, unless that is empty.
pub(crate) fn described(schema: TokenStream, description: &str) -> TokenStream {
    match description {
        "" => schema,
        text => quote!(#schema.described(#text)),
    }
}

fn object(fields: &FieldsNamed, container: &SerdeAttributes) -> TokenStream {
    let fields: Vec<_> = fields.named.iter().map(|field| (field, serde_attributes::read(&field.attrs))).collect();
    let closed = !fields.iter().any(|(_, attributes)| attributes.flatten || attributes.alias);
    let properties = fields.iter().filter_map(|(field, attributes)| property(field, attributes, container));
    quote!(::ampule_guest::expansion::Object::new() #(#properties)* .finish(#closed))
}

/// One call of `Object::property`, or nothing for a field that has no member of its own.
fn property(field: &Field, attributes: &SerdeAttributes, container: &SerdeAttributes) -> Option<TokenStream> {
    if attributes.skip || attributes.flatten {
        return None;
    }
    let name = field.ident.as_ref()?.unraw().to_string();
    let name = attributes.name(name, container, LetterCase::field);
    let may_be_absent = attributes.default || attributes.conditional || attributes.alias || container.default;
    let field_type = &field.ty;
    let (schema, required) = match attributes.reshaped {
        true => (any_value(), quote!(!#may_be_absent)),
        false => {
            let probe = quote!(::ampule_guest::expansion::Probe::<#field_type>);
            (quote!(#probe::SCHEMA), quote!(!(#may_be_absent || #probe::MAY_BE_ABSENT)))
        }
    };
    let schema = described(schema, &doc_comment::text(&field.attrs));
    Some(quote!(.property(#name, #schema, #required)))
}

/// The names of an enum without data; `None` if it has any.
fn choice(data: &DataEnum, container: &SerdeAttributes) -> Option<TokenStream> {
    let mut names = Vec::new();
    for variant in &data.variants {
        let attributes = serde_attributes::read(&variant.attrs);
        if !matches!(variant.fields, Fields::Unit) || attributes.reshaped || attributes.alias {
            return None;
        }
        if !attributes.skip {
            names.push(attributes.name(variant.ident.unraw().to_string(), container, LetterCase::variant));
        }
    }
    let separators = (0..names.len()).map(|place| if place == 0 { "" } else { "," });
    Some(quote! {{
        use ::ampule_guest::schema::text::Text;
        let names = Text::new().push("[") #(.push(#separators).push_json(#names))* .push("]");
        Text::new().push("{\"type\":\"string\"}").with_json("enum", names.as_str())
    }})
}

/// The schema that everything fits.
pub(crate) fn any_value() -> TokenStream {
    quote!(::ampule_guest::schema::text::Text::object())
}
