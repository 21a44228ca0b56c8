//! Promises that were rejected while nobody handled them. What is still one when the microtasks have run is a failure.

use std::cell::RefCell;
use std::ffi::c_void;
use std::ptr::{self, NonNull};

use rquickjs::{Ctx, Persistent, Result, Value, qjs};

struct Rejection {
    promise: Persistent<Value<'static>>,
    /// Which promise it is, while it lives.
    address: qjs::JSValue,
    reason: Persistent<Value<'static>>,
}

thread_local! {
    static REJECTIONS: RefCell<Vec<Rejection>> = const { RefCell::new(Vec::new()) };
}

/// Begins to watch.
pub(crate) fn watch(ctx: &Ctx<'_>) {
    // SAFETY: the function lives for ever and takes what it is given.
    unsafe {
        let runtime = qjs::JS_GetRuntime(ctx.as_raw().as_ptr());
        qjs::JS_SetHostPromiseRejectionTracker(runtime, Some(track), ptr::null_mut());
    }
}

/// The reason of the first one that nobody handled; throws it.
pub(crate) fn check(ctx: &Ctx<'_>) -> Result<()> {
    let first = REJECTIONS.with_borrow_mut(
        |rejections| {
            if rejections.is_empty() { None } else { Some(rejections.swap_remove(0)) }
        },
    );
    let Some(rejection) = first else { return Ok(()) };
    drop(rejection.promise.restore(ctx)?);
    Err(ctx.throw(rejection.reason.restore(ctx)?))
}

unsafe extern "C" fn track(
    context: *mut qjs::JSContext,
    promise: qjs::JSValue,
    reason: qjs::JSValue,
    is_handled: bool,
    _: *mut c_void,
) {
    REJECTIONS.with_borrow_mut(|rejections| {
        if is_handled {
            rejections.retain(|rejection| rejection.address != promise);
            return;
        }
        // SAFETY: QuickJS gives a live context, and the values are borrowed until the call returns.
        let (ctx, promise_value, reason) = unsafe {
            let ctx = Ctx::from_raw(NonNull::new(context).expect("QuickJS calls with a context"));
            let borrow = |raw| Value::from_raw(ctx.clone(), qjs::JS_DupValue(context, raw));
            let (promise, reason) = (borrow(promise), borrow(reason));
            (ctx, promise, reason)
        };
        rejections.push(Rejection {
            promise: Persistent::save(&ctx, promise_value),
            address: promise,
            reason: Persistent::save(&ctx, reason),
        });
    });
}
