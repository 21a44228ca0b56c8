//! What the host is told of something thrown: its type, its message, where it came from, and whether to try again.
//!
//! Whatever was thrown, there is an account of it: properties that throw when they are read count as missing, and every
//! part has a ceiling.

use rquickjs::{Ctx, Object, Value};

use crate::inspect;
use crate::memory;
use crate::quickjs;
use crate::trace::{self, Origin};

/// The most of each part as it stands in the report, escapes included: 15 KiB in all.
const TYPE_BYTES: usize = 256;
const MESSAGE_BYTES: usize = 4 << 10;
const TRACEBACK_BYTES: usize = 10 << 10;
const LOCATION_BYTES: usize = 512;

/// How many causes of causes are told, and how many errors of an `AggregateError`.
const MAX_CAUSES: usize = 8;
const MAX_ERRORS: usize = 5;

/// The type of what was thrown and is no error.
const NO_ERROR: &str = "Thrown";

/// What QuickJS says of having no memory; if there is not even enough for that, it throws `null`.
const OUT_OF_MEMORY: (&str, &str) = ("InternalError", "out of memory");

/// The JSON that `fail` takes, of something thrown by the job that `origin` tells of.
pub(crate) fn report<'js>(ctx: &Ctx<'js>, thrown: &Value<'js>, origin: &Origin<'_>) -> Vec<u8> {
    let account = Account::of(ctx, thrown, origin);
    let mut report = Vec::with_capacity(1 << 10);
    report.extend_from_slice(b"{\"type\":");
    quote(&mut report, &account.type_name, TYPE_BYTES);
    report.extend_from_slice(b",\"message\":");
    quote(&mut report, &account.message, MESSAGE_BYTES);
    report.extend_from_slice(b",\"traceback\":");
    quote(&mut report, &traceback(ctx, thrown, &account, origin), TRACEBACK_BYTES);
    if let Some(location) = trace::location(&account.frames) {
        report.extend_from_slice(b",\"location\":");
        quote(&mut report, location, LOCATION_BYTES);
    }
    if let Some(retry) = thrown.as_object().and_then(|object| property(object, "retry")).and_then(|flag| flag.as_bool())
    {
        report.extend_from_slice(if retry { b",\"retry\":true" } else { b",\"retry\":false" });
    }
    report.push(b'}');
    report
}

/// One thing thrown.
struct Account {
    type_name: String,
    message: String,
    /// The lines of its stack that are of the job.
    frames: Vec<String>,
}

impl Account {
    fn of<'js>(ctx: &Ctx<'js>, thrown: &Value<'js>, origin: &Origin<'_>) -> Self {
        let error = thrown.as_object().filter(|_| quickjs::is_error(thrown));
        if thrown.is_null() && memory::is_exhausted() {
            let (type_name, message) = OUT_OF_MEMORY;
            return Account { type_name: type_name.to_owned(), message: message.to_owned(), frames: Vec::new() };
        }
        let Some(error) = error else {
            let described = || inspect::text(ctx, thrown);
            let message = thrown.as_string().and_then(|_| quickjs::text(thrown).ok()).unwrap_or_else(described);
            return Account { type_name: NO_ERROR.to_owned(), message, frames: Vec::new() };
        };
        let stack = property(error, "stack").and_then(|stack| string(&stack)).unwrap_or_default();
        let message = property(error, "message");
        let message = message.and_then(|message| quickjs::text(&message).map_err(|_| ctx.catch()).ok());
        let type_name = type_name(error);
        let mut frames = trace::frames(&stack, origin);
        // The constructor of the error is not where it was raised.
        let constructor = class_name(error).map(|class| format!("at {class} ("));
        while frames.len() > 1 && constructor.as_ref().is_some_and(|start| frames[0].starts_with(start)) {
            frames.remove(0);
        }
        Account { type_name, message: message.unwrap_or_default(), frames }
    }

    /// `TypeError: expected …`, or what there is of it.
    fn title(&self) -> String {
        match (self.message.is_empty(), self.type_name == NO_ERROR) {
            (true, _) => self.type_name.clone(),
            (false, true) => format!("{NO_ERROR}: {}", self.message),
            (false, false) => format!("{}: {}", self.type_name, self.message),
        }
    }
}

/// The name that an error gives itself; for one that gives none of its own, its class.
fn type_name(error: &Object<'_>) -> String {
    let name = property(error, "name").and_then(|name| string(&name)).filter(|name| !name.is_empty());
    match name {
        Some(name) if name != "Error" => name,
        name => class_name(error).or(name).unwrap_or_else(|| "Error".to_owned()),
    }
}

fn class_name(error: &Object<'_>) -> Option<String> {
    let class = property(error, "constructor")?.into_object()?;
    property(&class, "name").and_then(|name| string(&name)).filter(|name| !name.is_empty())
}

fn traceback<'js>(ctx: &Ctx<'js>, thrown: &Value<'js>, account: &Account, origin: &Origin<'_>) -> String {
    let mut text = account.title();
    let frames = |text: &mut String, frames: &[String], indent: &str| {
        for frame in frames {
            text.push_str(&format!("\n{indent}{frame}"));
        }
    };
    frames(&mut text, &account.frames, "    ");
    if account.type_name == "SyntaxError"
        && let Some(excerpt) = trace::excerpt(&account.frames, origin)
    {
        text.push_str(&excerpt);
    }
    for inner in errors_of(ctx, thrown) {
        let inner = Account::of(ctx, &inner, origin);
        text.push_str(&format!("\n  - {}", inner.title()));
        frames(&mut text, &inner.frames, "        ");
    }
    let mut cause = cause_of(thrown);
    for _ in 0..MAX_CAUSES {
        let Some(value) = cause else { break };
        let inner = Account::of(ctx, &value, origin);
        text.push_str(&format!("\nCaused by: {}", inner.title()));
        frames(&mut text, &inner.frames, "    ");
        cause = cause_of(&value);
    }
    text
}

fn cause_of<'js>(thrown: &Value<'js>) -> Option<Value<'js>> {
    let error = thrown.as_object().filter(|_| quickjs::is_error(thrown))?;
    property(error, "cause").filter(|cause| !cause.is_undefined())
}

fn errors_of<'js>(ctx: &Ctx<'js>, thrown: &Value<'js>) -> Vec<Value<'js>> {
    let error = thrown.as_object().filter(|_| quickjs::is_error(thrown));
    let errors = error.and_then(|error| property(error, "errors")).and_then(|errors| errors.into_array());
    let Some(errors) = errors else { return Vec::new() };
    (0..errors.len().min(MAX_ERRORS)).filter_map(|at| errors.get(at).map_err(|_| ctx.catch()).ok()).collect()
}

/// A property, if reading it does not throw.
fn property<'js>(object: &Object<'js>, name: &str) -> Option<Value<'js>> {
    object.get(name).map_err(|_| object.ctx().catch()).ok()
}

fn string(value: &Value<'_>) -> Option<String> {
    if value.is_string() { quickjs::text(value).map_err(|_| value.ctx().catch()).ok() } else { None }
}

/// Adds a JSON string of so many bytes at the most; what does not fit is cut, and marked so.
fn quote(out: &mut Vec<u8>, text: &str, limit_bytes: usize) {
    const MARK: &str = "…";
    let end = out.len() + limit_bytes - MARK.len() - 2;
    out.push(b'"');
    for letter in text.chars() {
        let mut buffer = [0; 6];
        let escaped: &[u8] = match letter {
            '"' => b"\\\"",
            '\\' => b"\\\\",
            '\n' => b"\\n",
            letter if letter < ' ' => {
                use std::io::Write;
                let _ = write!(&mut buffer[..], "\\u{:04x}", u32::from(letter));
                &buffer
            }
            letter => letter.encode_utf8(&mut buffer).as_bytes(),
        };
        if out.len() + escaped.len() > end {
            out.extend_from_slice(MARK.as_bytes());
            break;
        }
        out.extend_from_slice(escaped);
    }
    out.push(b'"');
}
