//! What is done with bytes and copies: random ones, UTF-8, `structuredClone`.

use std::slice;

use rquickjs::function::Opt;
use rquickjs::{Ctx, Error, Exception, Function, IntoJs, Object, Result, Value, qjs};

use crate::host;
use crate::quickjs;

/// The most random bytes of one call (Web Cryptography, `getRandomValues`).
const MAX_RANDOM_BYTES: usize = 65_536;

/// Gives the prelude its functions, and makes `structuredClone`.
pub(crate) fn install<'js>(ctx: &Ctx<'js>, natives: &Object<'js>) -> Result<()> {
    quickjs::hide(natives, "fillRandom", Function::new(ctx.clone(), fill_random)?)?;
    quickjs::hide(natives, "encodeUtf8", Function::new(ctx.clone(), encode)?)?;
    quickjs::hide(natives, "encodeUtf8Into", Function::new(ctx.clone(), encode_into)?)?;
    quickjs::hide(natives, "decodeUtf8", Function::new(ctx.clone(), decode)?)?;
    let clone = Function::new(ctx.clone(), structured_clone)?.with_name("structuredClone")?;
    quickjs::hide(&ctx.globals(), "structuredClone", clone)
}

fn fill_random<'js>(ctx: Ctx<'js>, array: Value<'js>) -> Result<()> {
    // SAFETY: any value may be asked about.
    let kind = unsafe { qjs::JS_GetTypedArrayType(array.as_raw()) };
    if kind < 0 || FLOATS.contains(&kind) {
        return Err(Exception::throw_type(&ctx, "getRandomValues: expected a typed array of integers"));
    }
    let (ptr, len) = buffer(&ctx, &array)?;
    if len > MAX_RANDOM_BYTES {
        let message = format!("getRandomValues: expected at most {MAX_RANDOM_BYTES} bytes, found {len}");
        return Err(Exception::throw_range(&ctx, &message));
    }
    // SAFETY: the array is alive and nothing of the job runs meanwhile.
    host::random(unsafe { slice::from_raw_parts_mut(ptr, len) });
    Ok(())
}

/// The kinds of typed array that hold fractions.
const FLOATS: [i32; 3] = [
    qjs::JSTypedArrayEnum_JS_TYPED_ARRAY_FLOAT16 as i32,
    qjs::JSTypedArrayEnum_JS_TYPED_ARRAY_FLOAT32 as i32,
    qjs::JSTypedArrayEnum_JS_TYPED_ARRAY_FLOAT64 as i32,
];

fn encode<'js>(ctx: Ctx<'js>, text: Value<'js>) -> Result<Value<'js>> {
    let text = quickjs::text(&text)?;
    let context = ctx.as_raw().as_ptr();
    // SAFETY: the bytes are copied during the call.
    let array = unsafe { qjs::JS_NewUint8ArrayCopy(context, text.as_ptr(), text.len() as _) };
    quickjs::owned(&ctx, array)
}

/// Writes what fits of whole characters; says how many UTF-16 units were read and how many bytes were written.
fn encode_into<'js>(ctx: Ctx<'js>, text: Value<'js>, target: Value<'js>) -> Result<Object<'js>> {
    let text = quickjs::text(&text)?;
    let (ptr, len) = buffer(&ctx, &target)?;
    let fits = (0..=len.min(text.len())).rev().find(|end| text.is_char_boundary(*end)).unwrap_or(0);
    // SAFETY: the array is alive, has that many bytes, and nothing of the job runs meanwhile.
    unsafe { ptr.copy_from_nonoverlapping(text.as_ptr(), fits) };
    let result = Object::new(ctx)?;
    result.set("read", text[..fits].encode_utf16().count())?;
    result.set("written", fits)?;
    Ok(result)
}

fn decode<'js>(ctx: Ctx<'js>, bytes: Value<'js>, fatal: bool, ignore_bom: bool) -> Result<Value<'js>> {
    let (ptr, len) = buffer(&ctx, &bytes)?;
    // SAFETY: the array is alive and nothing of the job runs while this is used.
    let bytes = if len == 0 { &[] } else { unsafe { slice::from_raw_parts(ptr, len) } };
    let bytes = if ignore_bom { bytes } else { bytes.strip_prefix("\u{feff}".as_bytes()).unwrap_or(bytes) };
    if fatal && let Err(error) = std::str::from_utf8(bytes) {
        let message = format!("TextDecoder: expected UTF-8, found another byte at {}", error.valid_up_to());
        return Err(Exception::throw_type(&ctx, &message));
    }
    String::from_utf8_lossy(bytes).into_js(&ctx)
}

/// The bytes of an `ArrayBuffer` or of a view of one.
fn buffer<'js>(ctx: &Ctx<'js>, value: &Value<'js>) -> Result<(*mut u8, usize)> {
    let context = ctx.as_raw().as_ptr();
    let mut size = 0;
    // SAFETY: any value may be asked about, and the buffer of a live view lives.
    unsafe {
        if qjs::JS_IsArrayBuffer(value.as_raw()) {
            let ptr = qjs::JS_GetArrayBuffer(context, &mut size, value.as_raw());
            return if ptr.is_null() && size > 0 { Err(Error::Exception) } else { Ok((ptr, size as usize)) };
        }
        if qjs::JS_GetTypedArrayType(value.as_raw()) < 0 {
            let message = "expected an ArrayBuffer or a typed array";
            return Err(Exception::throw_type(ctx, message));
        }
        let (mut offset, mut len, mut unit) = (0, 0, 0);
        let buffer = qjs::JS_GetTypedArrayBuffer(context, value.as_raw(), &mut offset, &mut len, &mut unit);
        let buffer = quickjs::owned(ctx, buffer)?;
        let ptr = qjs::JS_GetArrayBuffer(context, &mut size, buffer.as_raw());
        if ptr.is_null() && len > 0 { Err(Error::Exception) } else { Ok((ptr.add(offset as usize), len as usize)) }
    }
}

/// A deep copy, through the form in which QuickJS stores values: cycles, maps, sets, dates and buffers are kept,
/// functions are refused, prototypes are lost.
fn structured_clone<'js>(ctx: Ctx<'js>, value: Value<'js>, _options: Opt<Value<'js>>) -> Result<Value<'js>> {
    let context = ctx.as_raw().as_ptr();
    let mut len = 0;
    // SAFETY: the value belongs to the context.
    let stored = unsafe { qjs::JS_WriteObject(context, &mut len, value.as_raw(), qjs::JS_WRITE_OBJ_REFERENCE as i32) };
    if stored.is_null() {
        return Err(Error::Exception);
    }
    // SAFETY: the bytes were written just above by QuickJS itself, without code in them, and are freed by it.
    unsafe {
        let copy = qjs::JS_ReadObject(context, stored, len, qjs::JS_READ_OBJ_REFERENCE as i32);
        qjs::js_free(context, stored.cast());
        quickjs::owned(&ctx, copy)
    }
}
