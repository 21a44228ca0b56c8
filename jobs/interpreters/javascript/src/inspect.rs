//! A value as text for people, as the console writes it: like Node's, on one line, and never longer than a log line.
//!
//! Looking runs no code of the job: getters are not called and proxies are looked through.

use rquickjs::{Array, Ctx, FromJs, Object, Result, Type, Value};

use crate::prelude;
use crate::quickjs::{self, Keys, Property};

/// How deep, how many of a kind, and how long: what a person still reads.
const MAX_DEPTH: usize = 3;
const MAX_ITEMS: usize = 100;
const MAX_STRING: usize = 10_000;
const MAX_BYTES: usize = 16 << 10;

/// The text of a value; strings inside it are quoted.
pub(crate) fn text<'js>(ctx: &Ctx<'js>, value: &Value<'js>) -> String {
    let mut inspector = Inspector { ctx, out: String::new(), around: Vec::new() };
    if inspector.value(value, 0).is_err() {
        // Only running out of memory or stack gets here.
        drop(ctx.catch());
        inspector.out.push('…');
    }
    inspector.out
}

struct Inspector<'a, 'js> {
    ctx: &'a Ctx<'js>,
    out: String,
    /// The containers that the current value is in.
    around: Vec<Value<'js>>,
}

impl<'js> Inspector<'_, 'js> {
    fn value(&mut self, value: &Value<'js>, depth: usize) -> Result<()> {
        if self.out.len() > MAX_BYTES {
            return Ok(());
        }
        match value.type_of() {
            Type::String => self.quoted(&quickjs::text(value)?),
            Type::Symbol => self.out.push_str(&symbol(value)?),
            Type::BigInt => self.out.push_str(&format!("{}n", quickjs::text(value)?)),
            _ if value.is_object() => self.object(value, depth)?,
            _ => self.out.push_str(&quickjs::text(value)?),
        }
        Ok(())
    }

    fn object(&mut self, value: &Value<'js>, depth: usize) -> Result<()> {
        let mut value = value.clone();
        while value.is_proxy() {
            value = quickjs::proxy_target(&value)?;
        }
        let Some(object) = value.as_object() else {
            self.out.push_str("<Revoked Proxy>");
            return Ok(());
        };
        if self.around.contains(&value) {
            self.out.push_str("[Circular]");
            return Ok(());
        }
        let class = quickjs::class_name(&value);
        if value.is_function() {
            return self.function(object);
        }
        if quickjs::is_error(&value) {
            self.out.push_str(&format!("[{}]", error(object)?));
            return Ok(());
        }
        match class.as_str() {
            "Date" => return self.helped("dateText", &value),
            "RegExp" => return self.helped("regExpText", &value),
            _ => {}
        }
        if depth >= MAX_DEPTH {
            self.out.push_str(if value.is_array() { "[Array]" } else { "[Object]" });
            return Ok(());
        }
        self.around.push(value.clone());
        match class.as_str() {
            "Map" => self.map(&value, depth)?,
            "Set" => self.set(&value, depth)?,
            "Promise" => self.promise(&value, depth)?,
            _ if value.is_array() || class.ends_with("Array") => self.array(object, &class, depth)?,
            _ => self.members(object, &class, depth)?,
        }
        self.around.pop();
        Ok(())
    }

    fn array(&mut self, array: &Object<'js>, class: &str, depth: usize) -> Result<()> {
        let len: usize = array.get("length")?;
        if class != "Array" {
            self.out.push_str(&format!("{class}({len}) "));
        }
        let keys = (0..len.min(MAX_ITEMS)).map(|index| array.get::<_, Value>(index as u32));
        self.list('[', keys, len, depth, Self::value)?;
        self.out.push(']');
        Ok(())
    }

    fn set(&mut self, set: &Value<'js>, depth: usize) -> Result<()> {
        let len: usize = self.helper("setSize", set)?;
        let values: Array = self.bounded("setValues", set)?;
        self.out.push_str(&format!("Set({len}) "));
        self.list('{', values.iter::<Value>(), len, depth, Self::value)?;
        self.out.push('}');
        Ok(())
    }

    fn map(&mut self, map: &Value<'js>, depth: usize) -> Result<()> {
        let len: usize = self.helper("mapSize", map)?;
        let flat: Array = self.bounded("mapEntries", map)?;
        self.out.push_str(&format!("Map({len}) "));
        let pairs = (0..flat.len() / 2).map(|at| Ok((flat.get::<Value>(2 * at)?, flat.get::<Value>(2 * at + 1)?)));
        self.list('{', pairs, len, depth, |inspector, (key, value), depth| {
            inspector.value(key, depth)?;
            inspector.out.push_str(" => ");
            inspector.value(value, depth)
        })?;
        self.out.push('}');
        Ok(())
    }

    fn promise(&mut self, promise: &Value<'js>, depth: usize) -> Result<()> {
        self.out.push_str("Promise { ");
        match quickjs::settled(promise) {
            quickjs::Settled::Not => self.out.push_str("<pending>"),
            quickjs::Settled::Fulfilled(value) => self.value(&value, depth + 1)?,
            quickjs::Settled::Rejected(reason) => {
                self.out.push_str("<rejected> ");
                self.value(&reason, depth + 1)?;
            }
        }
        self.out.push_str(" }");
        Ok(())
    }

    fn members(&mut self, object: &Object<'js>, class: &str, depth: usize) -> Result<()> {
        let name = constructor_name(object)?;
        let keys = Keys::of(object, true)?;
        match name.as_deref() {
            None => self.out.push_str("[Object: null prototype] "),
            Some("Object") if class == "Object" => {}
            Some("Object") => self.out.push_str(&format!("{class} ")),
            Some(name) => self.out.push_str(&format!("{name} ")),
        }
        let members = keys.atoms().take(MAX_ITEMS).map(|atom| Ok((atom, atom.look(object)?)));
        self.list('{', members, keys.len(), depth, |inspector, (atom, property), depth| {
            let name = atom.text();
            if crate::json::is_identifier(&name) {
                inspector.out.push_str(&name);
            } else {
                inspector.quoted(&name);
            }
            inspector.out.push_str(": ");
            match property {
                Some(Property::Value(value)) => inspector.value(value, depth),
                _ => {
                    inspector.out.push_str("[Getter]");
                    Ok(())
                }
            }
        })?;
        self.out.push('}');
        Ok(())
    }

    /// The opening sign, and items with commas between them; the closing sign is the caller's.
    fn list<T>(
        &mut self,
        open: char,
        items: impl Iterator<Item = Result<T>>,
        len: usize,
        depth: usize,
        mut item: impl FnMut(&mut Self, &T, usize) -> Result<()>,
    ) -> Result<()> {
        self.out.push(open);
        let mut shown = 0;
        for each in items {
            if self.out.len() > MAX_BYTES {
                break;
            }
            self.out.push_str(if shown > 0 { ", " } else { " " });
            item(self, &each?, depth + 1)?;
            shown += 1;
        }
        if len > shown {
            let more = len - shown;
            self.out.push_str(&format!("{}… {more} more", if shown > 0 { ", " } else { " " }));
        }
        if len > 0 {
            self.out.push(' ');
        }
        Ok(())
    }

    fn function(&mut self, function: &Object<'js>) -> Result<()> {
        let name = own_string(function, "name")?.unwrap_or_default();
        let name = if name.is_empty() { "(anonymous)".to_owned() } else { format!(": {name}") };
        self.out.push_str(&format!("[Function{}{name}]", if name.starts_with('(') { " " } else { "" }));
        Ok(())
    }

    fn quoted(&mut self, text: &str) {
        let quote = if text.contains('\'') && !text.contains('"') { '"' } else { '\'' };
        self.out.push(quote);
        for letter in text.chars().take(MAX_STRING) {
            match letter {
                '\n' => self.out.push_str("\\n"),
                '\\' => self.out.push_str("\\\\"),
                letter if letter == quote => self.out.extend(['\\', letter]),
                letter => self.out.push(letter),
            }
        }
        self.out.push(quote);
    }

    fn helped(&mut self, helper: &str, value: &Value<'js>) -> Result<()> {
        let text: String = self.helper(helper, value)?;
        self.out.push_str(&text);
        Ok(())
    }

    fn helper<T: FromJs<'js>>(&self, name: &str, value: &Value<'js>) -> Result<T> {
        T::from_js(self.ctx, prelude::call(self.ctx, name, (value.clone(),))?)
    }

    fn bounded<T: FromJs<'js>>(&self, name: &str, value: &Value<'js>) -> Result<T> {
        T::from_js(self.ctx, prelude::call(self.ctx, name, (value.clone(), MAX_ITEMS as u32))?)
    }
}

/// `TypeError: expected …`, from the properties that are no getters.
fn error(error: &Object<'_>) -> Result<String> {
    let name = constructor_name(error)?.unwrap_or_else(|| "Error".to_owned());
    Ok(match own_string(error, "message")? {
        Some(message) if !message.is_empty() => format!("{name}: {message}"),
        _ => name,
    })
}

fn symbol(symbol: &Value<'_>) -> Result<String> {
    let description = symbol.as_symbol().map(|symbol| symbol.description()).transpose()?;
    let text = description.filter(|text| text.is_string()).map(|text| quickjs::text(&text)).transpose()?;
    Ok(format!("Symbol({})", text.unwrap_or_default()))
}

/// The name of what made an object; none if it has no prototype.
fn constructor_name(object: &Object<'_>) -> Result<Option<String>> {
    let mut prototype = object.get_prototype();
    while let Some(current) = prototype {
        if current.as_value().is_proxy() {
            return Ok(Some("Proxy".to_owned()));
        }
        if let Some(Property::Value(constructor)) = own(&current, "constructor")?
            && let Some(constructor) = constructor.as_object()
            && let Some(name) = own_string(constructor, "name")?
        {
            return Ok(Some(name));
        }
        prototype = current.get_prototype();
    }
    Ok(None)
}

fn own_string(object: &Object<'_>, name: &str) -> Result<Option<String>> {
    match own(object, name)? {
        Some(Property::Value(value)) if value.is_string() => quickjs::text(&value).map(Some),
        _ => Ok(None),
    }
}

fn own<'js>(object: &Object<'js>, name: &str) -> Result<Option<Property<'js>>> {
    if object.as_value().is_proxy() {
        return Ok(None);
    }
    quickjs::own_property(object, name)
}
