//! A function under `#[job]`, taken apart; or why it cannot be a job.
//!
//! Called by the attribute. It goes by what is written: what a type can do is left to the code
//! that `expand` writes. Every refusal says what was expected, what was found, and what to do.

mod argument;

use proc_macro2::{TokenStream, TokenTree};
use quote::ToTokens;
use syn::{
    Attribute, Error, FnArg, GenericArgument, Item, ItemFn, PathArguments, Result, ReturnType, Safety, Signature, Type,
    ext::IdentExt,
};

use crate::doc_comment;
pub(crate) use argument::{Absent, Argument, Named};

/// A function that can be a job.
pub(crate) struct JobFunction {
    /// The function without what only the macro understands.
    pub(crate) item: ItemFn,
    pub(crate) name: String,
    pub(crate) description: String,
    pub(crate) arguments: Arguments,
    pub(crate) value: Value,
}

/// How the kwargs reach the function.
pub(crate) enum Arguments {
    /// One by one.
    Named(Vec<Named>),
    /// As one value, of a type and as it is written.
    Whole { whole: Box<Type>, written: String },
}

/// What the function ends with, as far as it can be described.
pub(crate) enum Value {
    /// `()` or `Result<(), _>`.
    Nothing,
    /// An `impl Trait`, which has no name to ask for its schema.
    Opaque,
    /// A value of this type.
    Of(Box<Type>),
}

/// Reads `item`; the attribute's own tokens have to be none.
pub(crate) fn read(attribute: TokenStream, item: TokenStream) -> Result<JobFunction> {
    if !attribute.is_empty() {
        let message =
            format!("expected `#[job]` alone, found `({attribute})`: a job is named and described by its function");
        return Err(Error::new_spanned(attribute, message));
    }
    let mut item = function(item)?;
    check_form(&item.sig)?;
    let arguments = read_arguments(&mut item.sig)?;
    Ok(JobFunction {
        name: item.sig.ident.unraw().to_string(),
        description: doc_comment::text(&item.attrs),
        arguments,
        value: value(&item.sig.output),
        item,
    })
}

fn function(item: TokenStream) -> Result<ItemFn> {
    match syn::parse2(item)? {
        Item::Fn(function) => Ok(function),
        other => Err(Error::new_spanned(
            first_token(other.to_token_stream()),
            "expected a function, found another item: put `#[job]` on the `fn` that does the work",
        )),
    }
}

/// The word that the item begins with, past its attributes.
fn first_token(tokens: TokenStream) -> Option<TokenTree> {
    tokens.into_iter().find(|token| !matches!(token, TokenTree::Punct(_) | TokenTree::Group(_)))
}

/// Refuses functions that no program can start.
fn check_form(signature: &Signature) -> Result<()> {
    if let Some(token) = &signature.asyncness {
        return Err(Error::new_spanned(
            token,
            "expected a plain `fn`, found `async fn`: remove `async` and call what blocks, \
             a job has its program to itself",
        ));
    }
    if let Safety::Unsafe(token) = &signature.safety {
        return Err(Error::new_spanned(token, "expected a safe `fn`, found `unsafe fn`: put the `unsafe` inside"));
    }
    if let Some(token) = &signature.abi {
        return Err(Error::new_spanned(token, "expected a Rust function, found an `extern` one: remove `extern`"));
    }
    if let Some(receiver) = signature.receiver() {
        return Err(Error::new_spanned(
            receiver,
            "expected a free function, found a method: move it out of the `impl` and take kwargs instead of `self`",
        ));
    }
    if !signature.generics.params.is_empty() {
        return Err(Error::new_spanned(
            &signature.generics,
            "expected concrete types, found generic parameters: name the type of each argument",
        ));
    }
    if signature.ident == "main" {
        return Err(Error::new_spanned(
            &signature.ident,
            "expected a name for the job, found `main`: rename the function, `main` is written by `#[job]`",
        ));
    }
    Ok(())
}

/// Reads all arguments and strips them of the macro's attributes; reports every bad one.
fn read_arguments(signature: &mut Signature) -> Result<Arguments> {
    let mut named = Vec::new();
    let mut whole: Vec<(Attribute, Type)> = Vec::new();
    let mut errors: Option<Error> = None;
    let inputs = signature.inputs.iter_mut().filter_map(|input| match input {
        FnArg::Typed(input) => Some(input),
        FnArg::Receiver(_) => None,
    });
    for input in inputs {
        match argument::read(input) {
            Ok(Argument::Named(argument)) => named.push(argument),
            Ok(Argument::Whole(attribute, whole_type)) => whole.push((attribute, whole_type)),
            Err(error) => match &mut errors {
                Some(errors) => errors.combine(error),
                None => errors = Some(error),
            },
        }
    }
    match errors {
        Some(errors) => Err(errors),
        None => one_way(named, whole),
    }
}

fn one_way(named: Vec<Named>, mut whole: Vec<(Attribute, Type)>) -> Result<Arguments> {
    match (whole.pop(), named.is_empty()) {
        (None, _) => Ok(Arguments::Named(named)),
        (Some((attribute, _)), _) if !whole.is_empty() => Err(Error::new_spanned(
            attribute,
            "expected one `#[kwargs]`, found a second: join the two types into one struct",
        )),
        (Some((attribute, _)), false) => Err(Error::new_spanned(
            attribute,
            "expected `#[kwargs]` on the only argument, found others beside it: make them fields of its struct",
        )),
        (Some((_, whole)), true) => Ok(Arguments::Whole { written: argument::written(&whole), whole: Box::new(whole) }),
    }
}

fn value(output: &ReturnType) -> Value {
    let ReturnType::Type(_, returned) = output else { return Value::Nothing };
    let is_unit = |candidate: &Type| matches!(candidate, Type::Tuple(tuple) if tuple.elems.is_empty());
    if is_unit(returned) || ok_type(returned).is_some_and(is_unit) {
        return Value::Nothing;
    }
    let is_impl = |token: &TokenTree| matches!(token, TokenTree::Ident(word) if word == "impl");
    match any_token(returned.to_token_stream(), is_impl) {
        true => Value::Opaque,
        false => Value::Of(returned.clone()),
    }
}

/// `T` of anything written `Result<T, ..>`.
fn ok_type(returned: &Type) -> Option<&Type> {
    let Type::Path(path) = returned else { return None };
    let last = path.path.segments.last().filter(|segment| segment.ident == "Result")?;
    let PathArguments::AngleBracketed(arguments) = &last.arguments else { return None };
    match arguments.args.first()? {
        GenericArgument::Type(ok) => Some(ok),
        _ => None,
    }
}

/// Whether a token is like that, at any depth.
fn any_token(tokens: TokenStream, like: fn(&TokenTree) -> bool) -> bool {
    tokens.into_iter().any(|token| match token {
        TokenTree::Group(group) => any_token(group.stream(), like),
        other => like(&other),
    })
}
