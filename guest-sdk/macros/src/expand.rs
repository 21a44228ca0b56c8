//! The program around a job's function, as code.
//!
//! Called by the attribute with what `signature` read. The code names everything by its full path,
//! and no local variable meets the author's names.

mod default_value;

use proc_macro2::{Ident, Span, TokenStream};
use quote::{quote, quote_spanned};
use syn::{Error, ReturnType, spanned::Spanned};

use crate::derive::{any_value, described};
use crate::signature::{Absent, Arguments, JobFunction, Named, Value};

/// The function, its `Job`, its `main`, and its custom sections.
pub(crate) fn program(job: &JobFunction) -> TokenStream {
    let function = &job.item;
    let (name, visibility) = (&job.item.sig.ident, &job.item.vis);
    let job_impl = job_impl(job);
    let sections = sections(job);
    quote! {
        #function

        /// The job of this name, to run it from its kwargs in a test.
        #[allow(non_camel_case_types)]
        #visibility struct #name {}

        #job_impl
        #sections

        #[allow(dead_code)]
        fn main() -> ::std::process::ExitCode {
            ::ampule_guest::run::<#name>()
        }
    }
}

/// The error, and an empty `main`, so that a missing one is not reported beside it.
pub(crate) fn refusal(error: &Error) -> TokenStream {
    let errors = error.to_compile_error();
    quote!(#errors #[allow(dead_code)] fn main() {})
}

fn job_impl(job: &JobFunction) -> TokenStream {
    let function = &job.item.sig.ident;
    let (name, description) = (&job.name, &job.description);
    let kwargs_schema = kwargs_schema(&job.arguments);
    let kwargs = Ident::new("kwargs", Span::mixed_site());
    let call = call(job);
    let result = match &job.value {
        Value::Nothing => quote!(::core::option::Option::None),
        Value::Opaque => some_document(&any_value()),
        Value::Of(value) => some_document(&quote!(::ampule_guest::expansion::Probe::<#value>::SCHEMA)),
    };
    quote! {
        impl ::ampule_guest::Job for #function {
            const NAME: &'static str = #name;
            const ABOUT: ::ampule_guest::schema::text::Text = ::ampule_guest::expansion::about(#name, #description);
            const KWARGS: ::ampule_guest::schema::text::Text = {
                use ::ampule_guest::expansion::AnyValue as _;
                ::ampule_guest::expansion::document(#kwargs_schema)
            };
            const RESULT: ::core::option::Option<::ampule_guest::schema::text::Text> = {
                use ::ampule_guest::expansion::AnyValue as _;
                #result
            };

            fn call(#kwargs: ::ampule_guest::Kwargs) -> ::core::result::Result<(), ::ampule_guest::JobError> {
                use ::ampule_guest::expansion::{AnyValue as _, Otherwise as _};
                #call
                ::core::result::Result::Ok(())
            }
        }
    }
}

fn some_document(schema: &TokenStream) -> TokenStream {
    quote!(::core::option::Option::Some(::ampule_guest::expansion::document(#schema)))
}

fn kwargs_schema(arguments: &Arguments) -> TokenStream {
    match arguments {
        Arguments::Whole { whole, .. } => quote!(::ampule_guest::expansion::Probe::<#whole>::SCHEMA),
        Arguments::Named(arguments) => {
            let properties = arguments.iter().map(property);
            quote!(::ampule_guest::expansion::Object::new() #(#properties)* .finish(true))
        }
    }
}

fn property(argument: &Named) -> TokenStream {
    let (name, owned) = (&argument.name, &argument.owned);
    let probe = quote!(::ampule_guest::expansion::Probe::<#owned>);
    let schema = described(quote!(#probe::SCHEMA), &argument.description);
    match &argument.absent {
        Absent::ByType => quote!(.property(#name, #schema, !#probe::MAY_BE_ABSENT)),
        Absent::Default(default) => {
            let default = default_value::schema_member(default);
            quote!(.property(#name, #schema #default, false))
        }
    }
}

/// Takes the arguments within the call itself: a value that borrows from one is handed over before
/// the statement ends. Its variables are the macro's own: an author's default cannot see them.
fn call(job: &JobFunction) -> TokenStream {
    let function = &job.item.sig.ident;
    let own = Span::mixed_site();
    let (take_apart, call) = match &job.arguments {
        Arguments::Whole { whole, written } => (
            TokenStream::new(),
            quote_spanned!(own => #function(::ampule_guest::expansion::Arguments::whole::<#whole>(kwargs, #written)?)),
        ),
        Arguments::Named(arguments) => {
            let names = arguments.iter().map(|argument| &argument.name);
            let values = arguments.iter().map(take);
            let take_apart = quote_spanned! { own =>
                #[allow(unused_mut, unused_variables)]
                let mut arguments = ::ampule_guest::expansion::Arguments::new(kwargs, &[#(#names),*])?;
            };
            (take_apart, quote_spanned!(own => #function(#(#values),*)))
        }
    };
    // A type that cannot be returned is reported where it stands.
    let place = match &job.item.sig.output {
        ReturnType::Type(_, value) => own.located_at(value.span()),
        ReturnType::Default => own,
    };
    let finish = quote_spanned! { place =>
        ::ampule_guest::expansion::Finish(#call).split()?.hand_over();
    };
    quote!(#take_apart #finish)
}

fn take(argument: &Named) -> TokenStream {
    let (name, owned, written) = (&argument.name, &argument.owned, &argument.written);
    let reference = argument.by_reference.then(|| quote!(&));
    let probe = quote!(::ampule_guest::expansion::Probe::<#owned>);
    match &argument.absent {
        Absent::ByType => quote_spanned! { Span::mixed_site() =>
            #reference arguments.take::<#owned>(#name, #written, #probe::MAY_BE_ABSENT)?
        },
        Absent::Default(default) => {
            let default = default_value::expression(default);
            quote_spanned! { Span::mixed_site() =>
                #reference arguments.take_or::<#owned>(#name, #written, || #default)?
            }
        }
    }
}

/// Constant bytes in the program's custom sections, read by the host before any run. A native build
/// has none, but composes the text all the same, so that it refuses what the wasm build would.
fn sections(job: &JobFunction) -> TokenStream {
    let name = &job.item.sig.ident;
    let about = section("ampule:about", &quote!(<#name as ::ampule_guest::Job>::ABOUT));
    let kwargs = section("ampule:kwargs", &quote!(<#name as ::ampule_guest::Job>::KWARGS));
    let result = match &job.value {
        Value::Nothing => TokenStream::new(),
        _ => section(
            "ampule:result",
            &quote! {
                match <#name as ::ampule_guest::Job>::RESULT {
                    ::core::option::Option::Some(text) => text,
                    ::core::option::Option::None => ::ampule_guest::schema::text::Text::new(),
                }
            },
        ),
    };
    quote!(#about #kwargs #result)
}

fn section(name: &str, text: &TokenStream) -> TokenStream {
    quote! {
        const _: () = {
            #[allow(dead_code)]
            const TEXT: ::ampule_guest::schema::text::Text = #text;
            #[cfg(target_arch = "wasm32")]
            #[used]
            #[allow(unsafe_code)]
            #[unsafe(link_section = #name)]
            static SECTION: [u8; TEXT.len()] = TEXT.to_array();
        };
    }
}
