//! Modules: there are none. An import fails with the name of what it wanted.

use std::ffi::{CStr, c_char, c_void};
use std::ptr;

use rquickjs::{Ctx, Object, qjs};

/// What the error of a missing module has as its `code`, as in Node.
const CODE: &str = "ERR_MODULE_NOT_FOUND";

/// Answers every import, static or not.
pub(crate) fn refuse(ctx: &Ctx<'_>) {
    // SAFETY: the functions live for ever and take what they are given.
    unsafe {
        let runtime = qjs::JS_GetRuntime(ctx.as_raw().as_ptr());
        qjs::JS_SetModuleLoaderFunc(runtime, Some(normalize), Some(load), ptr::null_mut());
    }
}

/// Whether an error is that of a missing module.
pub(crate) fn is_missing(error: &Object<'_>) -> bool {
    error.get::<_, String>("code").is_ok_and(|code| code == CODE)
}

/// A module's name is taken as it is written.
unsafe extern "C" fn normalize(
    context: *mut qjs::JSContext,
    _base: *const c_char,
    name: *const c_char,
    _: *mut c_void,
) -> *mut c_char {
    // SAFETY: QuickJS gives a text with a zero, and frees the copy.
    unsafe { qjs::js_strdup(context, name) }
}

unsafe extern "C" fn load(context: *mut qjs::JSContext, name: *const c_char, _: *mut c_void) -> *mut qjs::JSModuleDef {
    // SAFETY: QuickJS gives a live context and a text with a zero.
    let (ctx, name) = unsafe {
        let context = ptr::NonNull::new(context).expect("QuickJS calls with a context");
        (Ctx::from_raw(context), CStr::from_ptr(name).to_string_lossy().into_owned())
    };
    let message = format!("expected a source without imports, found the module {name:?}; a job has no modules");
    if let Ok(error) = rquickjs::Exception::from_message(ctx.clone(), &message) {
        let _ = error.as_object().set("code", CODE);
        error.throw();
    }
    ptr::null_mut()
}
