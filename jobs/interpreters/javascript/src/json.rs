//! A value as JSON, or why it has none.
//!
//! Follows `JSON.stringify` (`toJSON`, boxed primitives, members that are `undefined` left out) but refuses what that
//! would change in silence: `NaN`, a `Map` that would become `{}`, an element that would become `null`. The check and
//! the text are one walk, since most values are small and fine.

use rquickjs::atom::PredefinedAtom;
use rquickjs::function::This;
use rquickjs::{Ctx, Error, Exception, Object, Result, Value};

use crate::classes::Classes;
use crate::prelude;
use crate::quickjs::{self, Atom, Keys};

/// The most arrays and objects inside each other: the host's parser refuses one more.
const MAX_DEPTH: usize = 127;

/// The JSON of `value`. Fails with a `TypeError` that begins with `caller` and names what was found and where.
pub(crate) fn write<'js>(ctx: &Ctx<'js>, caller: &str, value: Value<'js>) -> Result<Vec<u8>> {
    let mut writer = Writer { ctx, caller, out: Vec::new() };
    let top = Place { parent: None, step: Step::Top, object: None, depth: 0 };
    if !writer.value(value, &top)? {
        return Err(writer.refuse("undefined", &top));
    }
    Ok(writer.out)
}

/// Where a value stands, as a chain on the stack.
struct Place<'a, 'js> {
    parent: Option<&'a Place<'a, 'js>>,
    step: Step<'a>,
    /// The container at this place, once it is known to be one.
    object: Option<&'a Object<'js>>,
    depth: usize,
}

#[derive(Clone, Copy)]
enum Step<'a> {
    Top,
    Element(u32),
    Member(Atom<'a>),
}

struct Writer<'a, 'js> {
    ctx: &'a Ctx<'js>,
    caller: &'a str,
    out: Vec<u8>,
}

impl<'js> Writer<'_, 'js> {
    /// Writes a value; `false` if it is `undefined`, for which nothing is written.
    fn value(&mut self, value: Value<'js>, place: &Place<'_, 'js>) -> Result<bool> {
        if let Some(number) = value.as_int() {
            self.push(number.to_string().as_bytes())?;
        } else if value.is_string() {
            self.string(&value)?;
        } else if let Some(flag) = value.as_bool() {
            self.push(if flag { b"true" } else { b"false" })?;
        } else if value.is_null() {
            self.push(b"null")?;
        } else if let Some(number) = value.as_float() {
            if !number.is_finite() {
                let name = if number.is_nan() {
                    "NaN"
                } else if number > 0.0 {
                    "Infinity"
                } else {
                    "-Infinity"
                };
                return Err(self.refuse(name, place));
            }
            quickjs::with_text(&value, |digits| self.push(digits))??;
        } else if value.is_undefined() {
            return Ok(false);
        } else if let Some(converted) = to_json(&value, place)? {
            return self.plain(converted, place);
        } else {
            return self.plain(value, place);
        }
        Ok(true)
    }

    /// Writes what `toJSON` gave, or what has none: its own `toJSON` is not asked again.
    fn plain(&mut self, value: Value<'js>, place: &Place<'_, 'js>) -> Result<bool> {
        if !(value.is_object() || value.is_big_int() || value.is_symbol()) {
            return self.value(value, place);
        }
        if value.is_function() {
            return Err(self.refuse("a function", place));
        }
        let Some(object) = value.as_object() else {
            return Err(self.refuse(if value.is_symbol() { "a symbol" } else { "BigInt" }, place));
        };
        self.enter(object, place)?;
        let inner = Place { parent: place.parent, step: place.step, object: Some(object), depth: place.depth };
        let classes = Classes::get();
        let class = quickjs::class(&value);
        if is_array(&value)? {
            self.array(object, &inner)?;
        } else if classes.is_plain(class) || value.is_proxy() {
            self.object(object, &inner)?;
        } else if classes.is_boxed(class) {
            let primitive = prelude::call(self.ctx, "unboxed", (value,))?;
            return self.value(primitive, place);
        } else {
            return Err(self.refuse(&quickjs::class_name(&value), place));
        }
        Ok(true)
    }

    fn array(&mut self, array: &Object<'js>, place: &Place<'_, 'js>) -> Result<()> {
        let len: u32 = array.get("length")?;
        self.push(b"[")?;
        for index in 0..len {
            if index > 0 {
                self.push(b",")?;
            }
            let element: Value = array.get(index)?;
            let place = place.step(Step::Element(index));
            if !self.value(element, &place)? {
                return Err(self.refuse("undefined", &place));
            }
        }
        self.push(b"]")
    }

    fn object(&mut self, object: &Object<'js>, place: &Place<'_, 'js>) -> Result<()> {
        self.push(b"{")?;
        let start = self.out.len();
        let keys = Keys::of(object, true)?;
        for atom in keys.atoms() {
            let member = atom.get(object)?;
            let before = self.out.len();
            if before > start {
                self.push(b",")?;
            }
            atom.with_text(|name| self.quoted(name))??;
            self.push(b":")?;
            if !self.value(member, &place.step(Step::Member(atom)))? {
                self.out.truncate(before);
            }
        }
        self.push(b"}")
    }

    fn string(&mut self, value: &Value<'js>) -> Result<()> {
        quickjs::with_text(value, |bytes| self.quoted(bytes))?
    }

    /// A string in quotes. A lone surrogate becomes U+FFFD, as `toWellFormed` has it: the host's strings hold none.
    fn quoted(&mut self, bytes: &[u8]) -> Result<()> {
        self.out.try_reserve(bytes.len() + 2).map_err(|_| quickjs::out_of_memory(self.ctx))?;
        self.out.push(b'"');
        let mut rest = bytes;
        while let Some(end) = rest.iter().position(|byte| *byte < b' ' || matches!(byte, b'"' | b'\\' | 0xed)) {
            self.push(&rest[..end])?;
            let byte = rest[end];
            let lone = byte == 0xed && rest[end + 1] >= 0xa0;
            match byte {
                0xed if lone => self.push("\u{fffd}".as_bytes())?,
                0xed => self.push(&[byte])?,
                b'"' | b'\\' => self.push(&[b'\\', byte])?,
                b'\n' => self.push(b"\\n")?,
                _ => self.push(&[b'\\', b'u', b'0', b'0', hex(byte >> 4), hex(byte & 15)])?,
            }
            rest = &rest[end + if lone { 3 } else { 1 }..];
        }
        self.push(rest)?;
        self.push(b"\"")
    }

    /// Refuses what would not end.
    fn enter(&self, object: &Object<'js>, place: &Place<'_, 'js>) -> Result<()> {
        let mut around = place.parent;
        while let Some(outer) = around {
            if outer.object == Some(object) {
                return Err(self.refuse("a value that contains itself", place));
            }
            around = outer.parent;
        }
        if place.depth >= MAX_DEPTH {
            let message = format!("{}: expected at most {MAX_DEPTH} arrays and objects inside each other", self.caller);
            return Err(Exception::throw_type(self.ctx, &message));
        }
        Ok(())
    }

    fn refuse(&self, found: &str, place: &Place<'_, 'js>) -> Error {
        let path = place.path();
        let at = if path.is_empty() { String::new() } else { format!(" at {path}") };
        let message = format!("{}: expected a value that JSON can carry, found {found}{at}", self.caller);
        Exception::throw_type(self.ctx, &message)
    }

    fn push(&mut self, bytes: &[u8]) -> Result<()> {
        self.out.try_reserve(bytes.len()).map_err(|_| quickjs::out_of_memory(self.ctx))?;
        self.out.extend_from_slice(bytes);
        Ok(())
    }
}

impl<'a, 'js> Place<'a, 'js> {
    fn step(&'a self, step: Step<'a>) -> Place<'a, 'js> {
        Place { parent: Some(self), step, object: None, depth: self.depth + 1 }
    }

    /// As one would write it in the source: `[0].price`.
    fn path(&self) -> String {
        let mut path = self.parent.map(Place::path).unwrap_or_default();
        match self.step {
            Step::Top => {}
            Step::Element(index) => path.push_str(&format!("[{index}]")),
            Step::Member(atom) => match atom.text() {
                name if is_identifier(&name) => path.push_str(&format!(".{name}")),
                name => path.push_str(&format!("[{name:?}]")),
            },
        }
        path
    }
}

/// What the value's `toJSON` returns, if it has one.
fn to_json<'js>(value: &Value<'js>, place: &Place<'_, 'js>) -> Result<Option<Value<'js>>> {
    // Most objects have none, and looking it up through the prototypes is all it costs.
    let Some(function) = quickjs::method(value, PredefinedAtom::ToJSON)? else { return Ok(None) };
    let key = match place.step {
        Step::Top => String::new(),
        Step::Element(index) => index.to_string(),
        Step::Member(atom) => atom.text(),
    };
    function.call((This(value.clone()), key)).map(Some)
}

/// As `Array.isArray` sees it: a proxy of an array is one.
fn is_array(value: &Value<'_>) -> Result<bool> {
    let mut value = value.clone();
    while value.is_proxy() {
        value = quickjs::proxy_target(&value)?;
    }
    Ok(value.is_array())
}

pub(crate) fn is_identifier(name: &str) -> bool {
    let mut letters = name.chars();
    let first = letters.next().is_some_and(|letter| letter.is_alphabetic() || matches!(letter, '_' | '$'));
    first && letters.all(|letter| letter.is_alphanumeric() || matches!(letter, '_' | '$'))
}

fn hex(nibble: u8) -> u8 {
    b"0123456789abcdef"[usize::from(nibble)]
}
