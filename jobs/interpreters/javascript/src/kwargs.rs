//! The kwargs of a run, as global variables.
//!
//! A kwarg hides a global of its name, `Object` and `console` too: it is what the caller asked for, and nothing of the
//! interpreter looks its own parts up there. `__proto__` becomes a variable like any other; the prototype of the global
//! object stays. What cannot be a variable fails the run, since a kwarg is never dropped: `undefined`, `NaN` and
//! `Infinity`, which JavaScript does not let anyone replace, and `_return`, without which there is no result.

use rquickjs::{Ctx, Exception, Object, Result, Value};

use crate::host;
use crate::quickjs::{self, Keys};

/// Makes the variables.
pub(crate) fn define(ctx: &Ctx<'_>) -> Result<()> {
    let Some(text) = host::kwargs() else { return Ok(()) };
    let kwargs: Object = quickjs::parse_json(ctx, &text)?.get()?;
    let globals = ctx.globals();
    let keys = Keys::of(&kwargs, true)?;
    for name in keys.atoms() {
        let value: Value = name.get(&kwargs)?;
        if name.with_text(|name| name == b"_return")?
            || name.define(&globals, value).map_err(|_| ctx.catch()) != Ok(true)
        {
            let message =
                format!("expected a kwarg that can be a variable, found the name {:?}; rename it", name.text());
            return Err(Exception::throw_type(ctx, &message));
        }
    }
    Ok(())
}
