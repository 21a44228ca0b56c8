//! The part of the globals that is written in JavaScript, and its functions that Rust calls.

use std::cell::RefCell;

use rquickjs::function::IntoArgs;
use rquickjs::{Ctx, FromJs, Function, Object, Persistent, Result, Value};

use crate::quickjs::{self, Compile};
use crate::text::Text;

/// The file that its functions say they are from. Frames of it are left out of tracebacks.
pub(crate) const FILE: &str = "ampule:prelude";

const SOURCE: &str = include_str!("prelude.js");

thread_local! {
    /// What the prelude gave for Rust; made once, before the snapshot.
    static HELPERS: RefCell<Option<Persistent<Object<'static>>>> = const { RefCell::new(None) };
}

/// Runs the prelude with the functions that it may use.
pub(crate) fn install<'js>(ctx: &Ctx<'js>, natives: Object<'js>) -> Result<()> {
    let how = Compile { first_line: 1, ..Compile::default() };
    let value = quickjs::compile(ctx, &Text::of(&[SOURCE.as_bytes()]), c"ampule:prelude", how)?.run(ctx)?;
    let helpers: Object = Function::from_js(ctx, value)?.call((natives,))?;
    HELPERS.set(Some(Persistent::save(ctx, helpers)));
    Ok(())
}

/// Calls a function of the prelude.
pub(crate) fn call<'js>(ctx: &Ctx<'js>, name: &str, args: impl IntoArgs<'js>) -> Result<Value<'js>> {
    let helpers = HELPERS.with_borrow(Clone::clone).expect("the prelude ran before anything else");
    helpers.restore(ctx)?.get::<_, Function>(name)?.call(args)
}
