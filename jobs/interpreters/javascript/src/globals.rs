//! The globals of a job that are Rust's, and what the prelude is given to build the others.

use std::cell::Cell;

use rquickjs::function::{Opt, Rest};
use rquickjs::{Ctx, Exception, Function, Object, Result, Value};

use crate::host::{self, Clock};
use crate::quickjs::hide;
use crate::{bytes, console, json, prelude, timers};

thread_local! {
    /// Whether `_return` has handed out anything.
    static RETURNED: Cell<bool> = const { Cell::new(false) };
    /// The state of `Math.random`; zero until it is first asked.
    static RANDOM: Cell<u64> = const { Cell::new(0) };
}

/// Makes all of them.
pub(crate) fn install(ctx: &Ctx<'_>) -> Result<()> {
    let globals = ctx.globals();
    let natives = Object::new(ctx.clone())?;
    let hand_out = Function::new(ctx.clone(), hand_out)?.with_name("_return")?;
    hide(&globals, "_return", hand_out)?;
    hide(&globals, "progress", Function::new(ctx.clone(), progress)?.with_name("progress")?)?;
    hide(&globals.get("Math")?, "random", Function::new(ctx.clone(), random)?.with_name("random")?)?;
    let monotonic_ms = || host::now_ns(Clock::Monotonic) as f64 / 1e6;
    hide(&natives, "monotonicMs", Function::new(ctx.clone(), monotonic_ms)?)?;
    timers::install(ctx, &natives)?;
    bytes::install(ctx, &natives)?;
    console::install(ctx)?;
    prelude::install(ctx, natives)
}

/// Whether `_return` has handed out anything.
pub(crate) fn has_returned() -> bool {
    RETURNED.get()
}

fn hand_out<'js>(ctx: Ctx<'js>, values: Rest<Value<'js>>) -> Result<()> {
    for value in values.0 {
        host::return_value(&json::write(&ctx, "_return", value)?);
        RETURNED.set(true);
    }
    Ok(())
}

fn progress<'js>(ctx: Ctx<'js>, value: Opt<Value<'js>>) -> Result<()> {
    let Some(value) = value.0 else {
        return Err(Exception::throw_type(&ctx, "progress: expected a value, found none"));
    };
    host::progress(&json::write(&ctx, "progress", value)?);
    Ok(())
}

/// xorshift64* (Vigna, 2014), seeded by the run: what QuickJS seeded for itself lies in the snapshot and would be the
/// same in every run.
fn random() -> f64 {
    let mut state = RANDOM.get();
    if state == 0 {
        let mut seed = [0; 8];
        host::random(&mut seed);
        // Zero would stay zero.
        state = u64::from_le_bytes(seed) | 1;
    }
    state ^= state >> 12;
    state ^= state << 25;
    state ^= state >> 27;
    RANDOM.set(state);
    (state.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 11) as f64 / (1_u64 << 53) as f64
}
