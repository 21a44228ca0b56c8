//! What rquickjs leaves out of QuickJS, made safe: compiling without running, classes, text without a copy, promises.
//!
//! The other places that call QuickJS directly are those that give it functions to call (`modules`, `rejections`), reach
//! into its buffers (`bytes`), or make it (`machine`).

use std::ffi::{CStr, c_char};
use std::ptr::{self, NonNull};
use std::slice;

use rquickjs::atom::PredefinedAtom;
use rquickjs::{Ctx, Error, Function, IntoJs, Object, Result, Value, qjs};

use crate::text::Text;

/// How a text is compiled.
#[derive(Clone, Copy, Default)]
pub(crate) struct Compile {
    /// The number of its first line.
    pub(crate) first_line: i32,
    /// Whether it may await; its value is then the promise of an object with the value as `value`.
    pub(crate) awaits: bool,
    /// Whether it is a module.
    pub(crate) module: bool,
}

/// A compiled text, to be run once.
pub(crate) struct Compiled<'js>(Value<'js>);

/// Compiles without running.
pub(crate) fn compile<'js>(ctx: &Ctx<'js>, text: &Text, name: &CStr, how: Compile) -> Result<Compiled<'js>> {
    let kind = if how.module { qjs::JS_EVAL_TYPE_MODULE } else { qjs::JS_EVAL_TYPE_GLOBAL };
    let awaits = if how.awaits { qjs::JS_EVAL_FLAG_ASYNC } else { 0 };
    let mut options = qjs::JSEvalOptions {
        version: qjs::JS_EVAL_OPTIONS_VERSION as i32,
        eval_flags: (kind | awaits | qjs::JS_EVAL_FLAG_COMPILE_ONLY) as i32,
        filename: name.as_ptr(),
        line_num: how.first_line,
    };
    let (context, bytes) = (ctx.as_raw().as_ptr(), text.as_ptr().cast::<c_char>());
    // SAFETY: the text has its zero, and the options live through the call.
    let compiled = unsafe { qjs::JS_Eval2(context, bytes, text.len() as _, &mut options) };
    owned(ctx, compiled).map(Compiled)
}

impl<'js> Compiled<'js> {
    /// Runs it.
    pub(crate) fn run(self, ctx: &Ctx<'js>) -> Result<Value<'js>> {
        let function = self.0.as_raw();
        std::mem::forget(self.0);
        // SAFETY: the call takes over the reference that was just given up.
        owned(ctx, unsafe { qjs::JS_EvalFunction(ctx.as_raw().as_ptr(), function) })
    }
}

/// Reads JSON.
pub(crate) fn parse_json<'js>(ctx: &Ctx<'js>, text: &Text) -> Result<Value<'js>> {
    let bytes = text.as_ptr().cast::<c_char>();
    // SAFETY: the text has its zero.
    owned(ctx, unsafe { qjs::JS_ParseJSON(ctx.as_raw().as_ptr(), bytes, text.len() as _, c"<kwargs>".as_ptr()) })
}

/// Shows the bytes of a string: UTF-8, save that a lone surrogate stands as three bytes of its own, the first of them
/// `ed` and the second at least `a0`. Any other value is converted as by `String(value)`, which may run code.
pub(crate) fn with_text<'js, R>(value: &Value<'js>, show: impl FnOnce(&[u8]) -> R) -> Result<R> {
    let context = value.ctx().as_raw().as_ptr();
    let mut len = 0;
    // SAFETY: the value belongs to the context.
    let bytes = unsafe { qjs::JS_ToCStringLen2(context, &mut len, value.as_raw(), false) };
    if bytes.is_null() {
        return Err(Error::Exception);
    }
    // SAFETY: the string is held until it is freed below.
    let result = show(unsafe { slice::from_raw_parts(bytes.cast(), len as usize) });
    // SAFETY: it was got just above and is not used any more.
    unsafe { qjs::JS_FreeCString(context, bytes) };
    Ok(result)
}

/// The text of a value as by `String(value)`; a lone surrogate becomes U+FFFD.
pub(crate) fn text(value: &Value<'_>) -> Result<String> {
    with_text(value, |bytes| String::from_utf8_lossy(bytes).into_owned())
}

/// Sets a property that a loop over the object does not see, as those of the language itself.
pub(crate) fn hide<'js>(object: &Object<'js>, name: &str, value: impl IntoJs<'js>) -> Result<()> {
    object.prop(name, rquickjs::object::Property::from(value).writable().configurable())
}

/// The number of an object's class; 0 for what is no object.
pub(crate) fn class(value: &Value<'_>) -> u32 {
    // SAFETY: any value may be asked about.
    unsafe { qjs::JS_GetClassID(value.as_raw()) }
}

/// The name of an object's class, such as `Map`, whatever its properties say.
pub(crate) fn class_name(value: &Value<'_>) -> String {
    let context = value.ctx().as_raw().as_ptr();
    // SAFETY: the class of a live object exists.
    let atom = unsafe { qjs::JS_GetClassName(qjs::JS_GetRuntime(context), class(value)) };
    let key = Key { context, atom };
    key.text()
}

/// A value's property of this name, if it is a function; runs its getter.
pub(crate) fn method<'js>(value: &Value<'js>, name: PredefinedAtom) -> Result<Option<Function<'js>>> {
    let ctx = value.ctx();
    // SAFETY: the atoms that QuickJS begins with are never freed.
    let property = unsafe { qjs::JS_GetProperty(ctx.as_raw().as_ptr(), value.as_raw(), name as qjs::JSAtom) };
    Ok(owned(ctx, property)?.into_function())
}

/// What a proxy stands for.
pub(crate) fn proxy_target<'js>(proxy: &Value<'js>) -> Result<Value<'js>> {
    let ctx = proxy.ctx();
    // SAFETY: asking a value that is no proxy throws.
    owned(ctx, unsafe { qjs::JS_GetProxyTarget(ctx.as_raw().as_ptr(), proxy.as_raw()) })
}

/// Whether a value is an error made by an error's constructor.
pub(crate) fn is_error(value: &Value<'_>) -> bool {
    // SAFETY: any value may be asked about.
    unsafe { qjs::JS_IsError(value.as_raw()) }
}

/// How far a promise is.
pub(crate) enum Settled<'js> {
    Not,
    Fulfilled(Value<'js>),
    Rejected(Value<'js>),
}

/// Looks at a promise without running anything.
pub(crate) fn settled<'js>(promise: &Value<'js>) -> Settled<'js> {
    let ctx = promise.ctx();
    let context = ctx.as_raw().as_ptr();
    // SAFETY: any value may be asked about.
    let state = unsafe { qjs::JS_PromiseState(context, promise.as_raw()) };
    // SAFETY: it is a promise if it has one of the two states.
    let result = || unsafe { Value::from_raw(ctx.clone(), qjs::JS_PromiseResult(context, promise.as_raw())) };
    match state {
        qjs::JSPromiseStateEnum_JS_PROMISE_FULFILLED => Settled::Fulfilled(result()),
        qjs::JSPromiseStateEnum_JS_PROMISE_REJECTED => Settled::Rejected(result()),
        _ => Settled::Not,
    }
}

/// Runs one job of the microtask queue; whether there was one.
pub(crate) fn run_microtask(ctx: &Ctx<'_>) -> Result<bool> {
    let mut context = ptr::null_mut();
    // SAFETY: the runtime of a live context.
    match unsafe { qjs::JS_ExecutePendingJob(qjs::JS_GetRuntime(ctx.as_raw().as_ptr()), &mut context) } {
        0 => Ok(false),
        count if count > 0 => Ok(true),
        _ => Err(Error::Exception),
    }
}

/// The exception of running out of memory.
pub(crate) fn out_of_memory(ctx: &Ctx<'_>) -> Error {
    // SAFETY: a live context.
    unsafe { qjs::JS_ThrowOutOfMemory(ctx.as_raw().as_ptr()) };
    Error::Exception
}

/// The names of an object's own properties that a loop over it would see, or all of them.
pub(crate) struct Keys {
    context: *mut qjs::JSContext,
    table: *mut qjs::JSPropertyEnum,
    len: u32,
}

impl Keys {
    /// Reads them. A proxy may run code, and may throw.
    pub(crate) fn of(object: &Object<'_>, enumerable_only: bool) -> Result<Self> {
        let context = object.ctx().as_raw().as_ptr();
        let (mut table, mut len) = (ptr::null_mut(), 0);
        let flags = qjs::JS_GPN_STRING_MASK | if enumerable_only { qjs::JS_GPN_ENUM_ONLY } else { 0 };
        // SAFETY: both results are written before the call returns zero.
        let status =
            unsafe { qjs::JS_GetOwnPropertyNames(context, &mut table, &mut len, object.as_raw(), flags as i32) };
        if status < 0 { Err(Error::Exception) } else { Ok(Keys { context, table, len }) }
    }

    /// How many there are.
    pub(crate) fn len(&self) -> usize {
        self.len as usize
    }

    /// The atoms, as long as this lives.
    pub(crate) fn atoms(&self) -> impl Iterator<Item = Atom<'_>> {
        let table = NonNull::new(self.table).unwrap_or(NonNull::dangling());
        // SAFETY: the table has `len` entries, and is freed with `self`.
        let entries = unsafe { slice::from_raw_parts(table.as_ptr(), self.len as usize) };
        entries.iter().map(|entry| Atom { context: self.context, atom: entry.atom, _keys: self })
    }
}

impl Drop for Keys {
    fn drop(&mut self) {
        // SAFETY: the table came from QuickJS with that many entries.
        unsafe { qjs::JS_FreePropertyEnum(self.context, self.table, self.len) }
    }
}

/// A property's name, borrowed from its table.
#[derive(Clone, Copy)]
pub(crate) struct Atom<'a> {
    context: *mut qjs::JSContext,
    atom: qjs::JSAtom,
    _keys: &'a Keys,
}

/// An object's own property, without running its getter.
pub(crate) fn own_property<'js>(object: &Object<'js>, name: &str) -> Result<Option<Property<'js>>> {
    let context = object.ctx().as_raw().as_ptr();
    // SAFETY: the name is read during the call.
    let key = Key { context, atom: unsafe { qjs::JS_NewAtomLen(context, name.as_ptr().cast(), name.len() as _) } };
    look(object, key.atom)
}

/// What a property is, without running its getter.
pub(crate) enum Property<'js> {
    Value(Value<'js>),
    Accessor,
}

impl Atom<'_> {
    /// The property's value; runs its getter.
    pub(crate) fn get<'js>(self, object: &Object<'js>) -> Result<Value<'js>> {
        // SAFETY: the atom is held by its table.
        owned(object.ctx(), unsafe { qjs::JS_GetProperty(self.context, object.as_raw(), self.atom) })
    }

    /// The property itself; `None` if it is gone by now.
    pub(crate) fn look<'js>(self, object: &Object<'js>) -> Result<Option<Property<'js>>> {
        look(object, self.atom)
    }

    /// Makes a property of this name of another object, as an assignment to a new name would; `false` if the object
    /// has one that may not be replaced.
    pub(crate) fn define<'js>(self, object: &Object<'js>, value: Value<'js>) -> Result<bool> {
        let raw = value.as_raw();
        std::mem::forget(value);
        let flags = (qjs::JS_PROP_CONFIGURABLE | qjs::JS_PROP_WRITABLE | qjs::JS_PROP_ENUMERABLE) as i32;
        // SAFETY: the call takes over the reference that was just given up.
        match unsafe { qjs::JS_DefinePropertyValue(self.context, object.as_raw(), self.atom, raw, flags) } {
            status if status < 0 => Err(Error::Exception),
            status => Ok(status == 1),
        }
    }

    /// Shows the bytes of the name, as [`with_text`] does.
    pub(crate) fn with_text<R>(self, show: impl FnOnce(&[u8]) -> R) -> Result<R> {
        with_atom_text(self.context, self.atom, show)
    }

    /// The name.
    pub(crate) fn text(self) -> String {
        self.with_text(|bytes| String::from_utf8_lossy(bytes).into_owned()).unwrap_or_default()
    }
}

fn look<'js>(object: &Object<'js>, atom: qjs::JSAtom) -> Result<Option<Property<'js>>> {
    let none = qjs::JS_UNDEFINED;
    let mut found = qjs::JSPropertyDescriptor { flags: 0, value: none, getter: none, setter: none };
    // SAFETY: the caller holds the atom, and the descriptor is written if the call says that there is one.
    let status = unsafe { qjs::JS_GetOwnProperty(object.ctx().as_raw().as_ptr(), &mut found, object.as_raw(), atom) };
    if status < 1 {
        return if status < 0 { Err(Error::Exception) } else { Ok(None) };
    }
    // SAFETY: the three are ours to free.
    let [value, getter, setter] =
        [found.value, found.getter, found.setter].map(|raw| unsafe { Value::from_raw(object.ctx().clone(), raw) });
    let accessor = !getter.is_undefined() || !setter.is_undefined();
    Ok(Some(if accessor { Property::Accessor } else { Property::Value(value) }))
}

/// An atom that is freed at the end.
struct Key {
    context: *mut qjs::JSContext,
    atom: qjs::JSAtom,
}

impl Key {
    fn text(&self) -> String {
        let text = with_atom_text(self.context, self.atom, |bytes| String::from_utf8_lossy(bytes).into_owned());
        text.unwrap_or_default()
    }
}

impl Drop for Key {
    fn drop(&mut self) {
        // SAFETY: the atom is ours.
        unsafe { qjs::JS_FreeAtom(self.context, self.atom) }
    }
}

fn with_atom_text<R>(context: *mut qjs::JSContext, atom: qjs::JSAtom, show: impl FnOnce(&[u8]) -> R) -> Result<R> {
    let mut len = 0;
    // SAFETY: the caller holds the atom.
    let bytes = unsafe { qjs::JS_AtomToCStringLen(context, &mut len, atom) };
    if bytes.is_null() {
        return Err(Error::Exception);
    }
    // SAFETY: the string is held until it is freed below.
    let result = show(unsafe { slice::from_raw_parts(bytes.cast(), len as usize) });
    // SAFETY: it was got just above and is not used any more.
    unsafe { qjs::JS_FreeCString(context, bytes) };
    Ok(result)
}

/// A value that QuickJS hands over, or the exception that it says there is.
pub(crate) fn owned<'js>(ctx: &Ctx<'js>, raw: qjs::JSValue) -> Result<Value<'js>> {
    // SAFETY: the reference is ours; an exception carries none.
    unsafe { if qjs::JS_IsException(raw) { Err(Error::Exception) } else { Ok(Value::from_raw(ctx.clone(), raw)) } }
}
