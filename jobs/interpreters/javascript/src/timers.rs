//! Timers: `setTimeout` and its kin, and the waiting of a run that has nothing else to do.
//!
//! Waiting suspends the run in the host; nothing here is ever busy.

use std::cell::RefCell;
use std::time::Duration;

use rquickjs::function::{Opt, Rest};
use rquickjs::{Coerced, Ctx, Exception, Function, Object, Persistent, Result, Value};

use crate::host::{self, Clock};
use crate::quickjs;

/// The longest delay, as in browsers: what is longer fires at once.
const MAX_DELAY_MS: f64 = 2_147_483_647.0;

struct Timer {
    id: i32,
    /// On the monotonic clock; of timers due together the older one fires first.
    due_ns: u64,
    /// Nothing for a timer that fires once.
    interval_ns: Option<u64>,
    call: Persistent<Function<'static>>,
    arguments: Vec<Persistent<Value<'static>>>,
}

struct Timers {
    waiting: Vec<Timer>,
    last_id: i32,
}

thread_local! {
    static TIMERS: RefCell<Timers> = const { RefCell::new(Timers { waiting: Vec::new(), last_id: 0 }) };
}

/// Makes the globals, and gives `setTimeout` to the prelude.
pub(crate) fn install<'js>(ctx: &Ctx<'js>, natives: &Object<'js>) -> Result<()> {
    let globals = ctx.globals();
    for (name, repeats) in [("setTimeout", false), ("setInterval", true)] {
        let set = move |ctx: Ctx<'js>, call: Value<'js>, delay: Opt<Value<'js>>, arguments: Rest<Value<'js>>| {
            set(&ctx, call, delay.0, arguments.0, repeats)
        };
        let function = Function::new(ctx.clone(), set)?.with_name(name)?;
        quickjs::hide(natives, name, function.clone())?;
        quickjs::hide(&globals, name, function)?;
    }
    for name in ["clearTimeout", "clearInterval"] {
        let clear = |id: Opt<Value<'js>>| {
            let id = id.0.and_then(|id| id.as_int());
            TIMERS.with_borrow_mut(|timers| timers.waiting.retain(|timer| Some(timer.id) != id));
        };
        quickjs::hide(&globals, name, Function::new(ctx.clone(), clear)?.with_name(name)?)?;
    }
    let queue = |ctx: Ctx<'js>, call: Value<'js>| function(&ctx, "queueMicrotask", call)?.defer(());
    quickjs::hide(&globals, "queueMicrotask", Function::new(ctx.clone(), queue)?.with_name("queueMicrotask")?)
}

fn set<'js>(
    ctx: &Ctx<'js>,
    call: Value<'js>,
    delay: Option<Value<'js>>,
    arguments: Vec<Value<'js>>,
    repeats: bool,
) -> Result<i32> {
    let call = Persistent::save(ctx, function(ctx, if repeats { "setInterval" } else { "setTimeout" }, call)?);
    let delay_ms = delay.map(|delay| delay.get::<Coerced<f64>>()).transpose()?.map_or(0.0, |delay| delay.0);
    // Also false for what is no number.
    let delay_ms = if delay_ms > 0.0 && delay_ms <= MAX_DELAY_MS { delay_ms } else { 0.0 };
    let delay_ns = (delay_ms * 1e6) as u64;
    let arguments = arguments.into_iter().map(|argument| Persistent::save(ctx, argument)).collect();
    let due_ns = host::now_ns(Clock::Monotonic).saturating_add(delay_ns);
    Ok(TIMERS.with_borrow_mut(|timers| {
        timers.last_id += 1;
        let (id, interval_ns) = (timers.last_id, repeats.then_some(delay_ns));
        timers.waiting.push(Timer { id, due_ns, interval_ns, call, arguments });
        id
    }))
}

fn function<'js>(ctx: &Ctx<'js>, caller: &str, call: Value<'js>) -> Result<Function<'js>> {
    let found = call.type_name();
    call.into_function()
        .ok_or_else(|| Exception::throw_type(ctx, &format!("{caller}: expected a function, found {found}")))
}

/// Waits for the timer that is due first, and calls it; `false` if there is none.
pub(crate) fn fire_next(ctx: &Ctx<'_>) -> Result<bool> {
    let Some((due_ns, id)) =
        TIMERS.with_borrow(|timers| timers.waiting.iter().map(|timer| (timer.due_ns, timer.id)).min())
    else {
        return Ok(false);
    };
    let now_ns = host::now_ns(Clock::Monotonic);
    if due_ns > now_ns {
        host::sleep(Duration::from_nanos(due_ns - now_ns));
    }
    let (call, arguments) = TIMERS.with_borrow_mut(|timers| take(timers, id));
    let mut values = rquickjs::function::Args::new(ctx.clone(), arguments.len());
    for argument in arguments {
        values.push_arg(argument.restore(ctx)?)?;
    }
    call.restore(ctx)?.call_arg::<Value>(values)?;
    Ok(true)
}

/// What a timer calls; one that repeats is set again.
fn take(timers: &mut Timers, id: i32) -> (Persistent<Function<'static>>, Vec<Persistent<Value<'static>>>) {
    let at = timers.waiting.iter().position(|timer| timer.id == id).expect("the timer was found just before");
    match timers.waiting[at].interval_ns {
        None => {
            let timer = timers.waiting.remove(at);
            (timer.call, timer.arguments)
        }
        Some(interval_ns) => {
            let timer = &mut timers.waiting[at];
            timer.due_ns = host::now_ns(Clock::Monotonic).saturating_add(interval_ns);
            (timer.call.clone(), timer.arguments.clone())
        }
    }
}
