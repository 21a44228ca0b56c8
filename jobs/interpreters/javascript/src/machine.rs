//! The one runtime and context of QuickJS, made before the snapshot and used by the run.

use std::cell::Cell;
use std::hint::black_box;
use std::ptr::NonNull;

use rquickjs::{Context, Ctx, Result, Runtime, qjs};

use crate::classes::Classes;
use crate::memory::{self, Heap};
use crate::{globals, modules, rejections};

/// How deep QuickJS may go in the stack of linear memory, the only one that it can see. The other one, the host's, is
/// 8 MiB, and the greediest recursion (a parser's, JSON's) takes 16 bytes of it for each byte of this; calls of
/// JavaScript functions take less than 4, and are some 1,500 deep here. Only chains of thousands of proxies still reach
/// the host's end.
const STACK_BYTES: usize = 384 << 10;

/// How much of the stack is wiped after the making, which goes nowhere near as deep.
const WIPED_BYTES: usize = 64 << 10;

thread_local! {
    static CONTEXT: Cell<Option<NonNull<qjs::JSContext>>> = const { Cell::new(None) };
}

/// Makes everything that is the same in every run.
pub(crate) fn make() {
    CONTEXT.set(Some(context().expect("the interpreter can be made")));
    memory::keep_reserve();
    wipe_stack();
}

/// The context, made now if there was no snapshot.
pub(crate) fn with<R>(work: impl FnOnce(&Ctx<'_>) -> R) -> R {
    if CONTEXT.get().is_none() {
        make();
    }
    let context = CONTEXT.get().expect("made just above");
    // SAFETY: the context is never freed, and this is the only thread.
    unsafe {
        // Where the stack begins is measured anew: the run's entry is not the one that made the snapshot.
        qjs::JS_UpdateStackTop(qjs::JS_GetRuntime(context.as_ptr()));
        work(&Ctx::from_raw(context))
    }
}

fn context() -> Result<NonNull<qjs::JSContext>> {
    let runtime = Runtime::new_with_alloc(Heap)?;
    runtime.set_max_stack_size(STACK_BYTES);
    let context = Context::full(&runtime)?;
    context.with(|ctx| {
        globals::install(&ctx)?;
        Classes::learn(&ctx)?;
        modules::refuse(&ctx);
        rejections::watch(&ctx);
        ctx.run_gc();
        Ok::<_, rquickjs::Error>(())
    })?;
    let raw = context.as_raw();
    // They live as long as the instance.
    std::mem::forget((context, runtime));
    Ok(raw)
}

/// Leaves zeros where the making used the stack: they need no room in the snapshot, and are the same in every build.
#[inline(never)]
fn wipe_stack() {
    black_box([0_u8; WIPED_BYTES]);
}
