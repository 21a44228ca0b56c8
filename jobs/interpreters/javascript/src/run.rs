//! One run: kwargs, source, microtasks and timers to the end, result or failure.

use std::ffi::CString;

use rquickjs::atom::PredefinedAtom;
use rquickjs::{Ctx, Exception, Result, Value};

use crate::quickjs::{self, Settled};
use crate::source::{self, Source};
use crate::text::Text;
use crate::trace::Origin;
use crate::{failure, globals, host, json, kwargs, prelude, rejections, timers};

/// The file of a job without a name.
const NO_NAME: &str = "<job>";

/// Runs the source of this run to its end, and tells the host how it ended.
pub(crate) fn run(ctx: &Ctx<'_>) {
    let text = host::source();
    let file = file_name();
    if outcome(ctx, &text, &file).is_err() {
        let thrown = ctx.catch();
        let origin = Origin { file: file.to_str().unwrap_or(NO_NAME), source: &text };
        host::fail(&failure::report(ctx, &thrown, &origin));
    }
}

/// The job's name as the file of its frames: one line, since the stack is lines.
fn file_name() -> CString {
    let name = String::from_utf8_lossy(&host::name()).replace(|letter: char| letter.is_control(), " ");
    let name = if name.trim().is_empty() { NO_NAME.to_owned() } else { name };
    CString::new(name).expect("a zero is a control character")
}

fn outcome(ctx: &Ctx<'_>, text: &Text, file: &CString) -> Result<()> {
    kwargs::define(ctx)?;
    let Source { compiled, expression, awaits } = source::compile(ctx, text, file)?;
    let mut value = compiled.run(ctx)?;
    to_the_end(ctx)?;
    if awaits {
        value = fulfilled(ctx, value)?.get::<rquickjs::Object>()?.get(PredefinedAtom::Value)?;
    }
    if expression && !globals::has_returned() {
        let value = awaited(ctx, value)?;
        if !value.is_undefined() && !globals::has_returned() {
            host::return_value(&json::write(ctx, "result", value)?);
        }
    }
    Ok(())
}

/// Runs until nothing is left that could run.
fn to_the_end(ctx: &Ctx<'_>) -> Result<()> {
    loop {
        while quickjs::run_microtask(ctx)? {}
        rejections::check(ctx)?;
        if !timers::fire_next(ctx)? {
            return Ok(());
        }
    }
}

/// A value as `await` would have it.
fn awaited<'js>(ctx: &Ctx<'js>, value: Value<'js>) -> Result<Value<'js>> {
    if !value.is_object() || !(value.is_promise() || quickjs::method(&value, PredefinedAtom::Then)?.is_some()) {
        return Ok(value);
    }
    let promise = if value.is_promise() { value } else { prelude::call(ctx, "resolved", (value,))? };
    to_the_end(ctx)?;
    fulfilled(ctx, promise)
}

/// The value of a promise when nothing can happen any more.
fn fulfilled<'js>(ctx: &Ctx<'js>, promise: Value<'js>) -> Result<Value<'js>> {
    match quickjs::settled(&promise) {
        Settled::Fulfilled(value) => Ok(value),
        Settled::Rejected(reason) => Err(ctx.throw(reason)),
        Settled::Not => {
            let message = "deadlock: expected the awaited promise to settle, found nothing left that could settle it";
            Err(Exception::throw_message(ctx, message))
        }
    }
}
