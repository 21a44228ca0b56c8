//! `console`: lines of the run's log.

use rquickjs::function::Rest;
use rquickjs::{Ctx, Function, Object, Result, Value};

use crate::host::{self, Level};
use crate::inspect;
use crate::quickjs;

/// Makes `console`.
pub(crate) fn install<'js>(ctx: &Ctx<'js>) -> Result<()> {
    let console = Object::new(ctx.clone())?;
    let levels = [
        ("log", Level::Info),
        ("info", Level::Info),
        ("dir", Level::Info),
        ("debug", Level::Debug),
        ("warn", Level::Warn),
        ("error", Level::Error),
        ("trace", Level::Trace),
    ];
    for (name, level) in levels {
        let method = Function::new(ctx.clone(), move |ctx: Ctx<'js>, Rest(arguments): Rest<Value<'js>>| {
            host::log(level, line(&ctx, &arguments).as_bytes());
        })?;
        quickjs::hide(&console, name, method.with_name(name)?)?;
    }
    let assert = Function::new(ctx.clone(), |ctx: Ctx<'js>, Rest(arguments): Rest<Value<'js>>| {
        let Some((condition, rest)) = arguments.split_first() else { return };
        if !condition.get::<rquickjs::Coerced<bool>>().is_ok_and(|flag| flag.0) {
            host::log(Level::Error, format!("Assertion failed: {}", line(&ctx, rest)).as_bytes());
        }
    })?;
    quickjs::hide(&console, "assert", assert.with_name("assert")?)?;
    quickjs::hide(&ctx.globals(), "console", console)
}

/// The text of a call's arguments: placeholders of the first filled, the rest after it.
fn line<'js>(ctx: &Ctx<'js>, arguments: &[Value<'js>]) -> String {
    let mut rest = arguments;
    let mut line = String::new();
    if let [format, others @ ..] = arguments
        && format.is_string()
        && !others.is_empty()
    {
        let format = quickjs::text(format).unwrap_or_default();
        rest = fill(ctx, &mut line, &format, others);
    } else if let [first, others @ ..] = arguments {
        line.push_str(&shown(ctx, first));
        rest = others;
    }
    for value in rest {
        line.push(' ');
        line.push_str(&shown(ctx, value));
    }
    line
}

/// Fills `%s`, `%d`, `%i`, `%f`, `%j`, `%o`, `%O` and `%c`; returns what was not used.
fn fill<'a, 'js>(ctx: &Ctx<'js>, line: &mut String, format: &str, mut rest: &'a [Value<'js>]) -> &'a [Value<'js>] {
    let mut letters = format.chars().peekable();
    while let Some(letter) = letters.next() {
        let kind = if letter == '%' { letters.peek().copied() } else { None };
        match (kind, rest) {
            (Some('%'), _) => line.push('%'),
            (Some(kind @ ('s' | 'd' | 'i' | 'f' | 'j' | 'o' | 'O' | 'c')), [value, others @ ..]) => {
                line.push_str(&placed(ctx, kind, value));
                rest = others;
            }
            _ => {
                line.push(letter);
                continue;
            }
        }
        letters.next();
    }
    rest
}

fn placed<'js>(ctx: &Ctx<'js>, kind: char, value: &Value<'js>) -> String {
    let number = || value.as_number().unwrap_or(f64::NAN);
    match kind {
        's' => shown(ctx, value),
        // A style, which a line of text has none of.
        'c' => String::new(),
        'd' | 'f' if value.is_number() => quickjs::text(value).unwrap_or_default(),
        'i' if value.is_number() => number().trunc().to_string(),
        'd' | 'f' | 'i' if value.is_big_int() => inspect::text(ctx, value),
        'd' | 'f' | 'i' => "NaN".to_owned(),
        _ => inspect::text(ctx, value),
    }
}

/// A string as it is, an error with its stack, anything else inspected.
fn shown<'js>(ctx: &Ctx<'js>, value: &Value<'js>) -> String {
    if value.is_string() {
        return quickjs::text(value).unwrap_or_default();
    }
    inspect::text(ctx, value)
}
