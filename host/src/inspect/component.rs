//! What a component is: the interfaces that it needs, what it offers with types, and the modules inside it.
//!
//! Reads the component's own types and every module's sections, and skips the code.

use std::fmt::Write as _;

use wasmparser::component_types::{
    ComponentDefinedType, ComponentEntityType, ComponentFuncType, ComponentItem, ComponentValType,
};
use wasmparser::types::{Types, TypesRef};
use wasmparser::{Parser, Payload, ValidPayload, Validator};

use super::sections::Sections;
use super::{Export, Import, World, bad_program, invalid, within};
use crate::engine::ALLOWED;
use crate::failure::Failure;
use crate::limits::ProgramLimits;

/// What `run` and `eval` must look like, as [`function`] writes types (see `wit/job.wit`).
const RESULT: &str = "result<option<string>, record { type: string, message: string, traceback: option<string>, \
                      retry: option<bool> }>";

/// The interface that a WASI command exports.
pub(super) const COMMAND: &str = "wasi:cli/run@0.2.";

/// The deepest type that is shown; deeper ones end in dots.
const TYPE_DEPTH: usize = 8;

/// What is read of a component.
pub(super) fn sections(bytes: &[u8], limits: &ProgramLimits) -> Result<Sections, Failure> {
    let mut validator = Validator::new_with_features(ALLOWED);
    let mut levels = vec![Sections::default()];
    let mut names = Names::default();
    let mut entries = 0u64;
    for payload in Parser::new(0).parse_all(bytes) {
        let payload = payload.map_err(invalid)?;
        let outermost = levels.len() == 1;
        let level = levels.last_mut().expect("the last level ends the component, and its parser");
        level.read(&payload, limits)?;
        if outermost {
            names.read(&payload)?;
        }
        entries += entry_count(&payload);
        within("entries of the component's sections", entries, u64::from(limits.section_entries))?;
        if matches!(payload, Payload::ModuleSection { .. } | Payload::ComponentSection { .. }) {
            levels.push(Sections::default());
        }
        if let ValidPayload::End(types) = validator.payload(&payload).map_err(invalid)? {
            let ended = levels.pop().expect("every end has its beginning");
            match levels.last_mut() {
                Some(outer) => outer.take_in(&ended, limits)?,
                None => return Ok(names.typed(ended, &types)),
            }
        }
    }
    Err(bad_program("expected a whole component, found one that does not end"))
}

/// What stands in a component's own sections; those of modules are counted by [`Sections::read`].
fn entry_count(payload: &Payload<'_>) -> u64 {
    let count = match payload {
        Payload::ComponentTypeSection(reader) => reader.count(),
        Payload::ComponentImportSection(reader) => reader.count(),
        Payload::ComponentExportSection(reader) => reader.count(),
        Payload::ComponentAliasSection(reader) => reader.count(),
        Payload::ComponentCanonicalSection(reader) => reader.count(),
        Payload::ComponentInstanceSection(reader) => reader.count(),
        Payload::InstanceSection(reader) => reader.count(),
        Payload::CoreTypeSection(reader) => reader.count(),
        Payload::ModuleSection { .. } | Payload::ComponentSection { .. } => 1,
        _ => 0,
    };
    u64::from(count)
}

impl Sections {
    /// Adds what lies in an inner module or component.
    fn take_in(&mut self, inner: &Sections, limits: &ProgramLimits) -> Result<(), Failure> {
        self.initial_memory_bytes = self.initial_memory_bytes.saturating_add(inner.initial_memory_bytes);
        self.debug_bytes += inner.debug_bytes;
        self.defined_functions += inner.defined_functions;
        within("functions", u64::from(self.defined_functions), u64::from(limits.functions))
    }
}

/// The names by which a component imports and exports.
#[derive(Default)]
struct Names {
    imports: Vec<String>,
    exports: Vec<String>,
}

impl Names {
    fn read(&mut self, payload: &Payload<'_>) -> Result<(), Failure> {
        match payload {
            Payload::ComponentImportSection(reader) => {
                for import in reader.clone() {
                    self.imports.push(import.map_err(invalid)?.name.name.to_owned());
                }
            }
            Payload::ComponentExportSection(reader) => {
                for export in reader.clone() {
                    self.exports.push(export.map_err(invalid)?.name.name.to_owned());
                }
            }
            _ => {}
        }
        Ok(())
    }

    fn typed(self, mut sections: Sections, types: &Types) -> Sections {
        let types = types.as_ref();
        let signature =
            |item: Option<&ComponentItem>| item.map_or_else(|| "?".to_owned(), |item| entity(types, item.ty));
        for name in self.imports {
            let signature = signature(types.component_item_for_import(&name));
            sections.imports.push(Import { module: name, name: String::new(), signature });
        }
        for name in self.exports {
            let signature = signature(types.component_item_for_export(&name));
            sections.exports.push(Export { name, signature });
        }
        sections
    }
}

/// The worlds for which these exports are enough.
pub(super) fn worlds(exports: &[Export]) -> Vec<World> {
    let mut worlds = Vec::new();
    let exports_function =
        |name: &str, signature: &str| exports.iter().any(|export| export.name == name && export.signature == signature);
    if exports_function("run", &format!("func(kwargs: string) -> {RESULT}")) {
        worlds.push(World::Job);
    }
    if exports_function("eval", &format!("func(name: string, source: string, kwargs: string) -> {RESULT}")) {
        worlds.push(World::Interpreter);
    }
    if exports.iter().any(|export| export.name.starts_with(COMMAND)) {
        worlds.push(World::Command);
    }
    worlds
}

fn entity(types: TypesRef<'_>, entity: ComponentEntityType) -> String {
    match entity {
        ComponentEntityType::Func(id) => types.get(id).map_or_else(|| "func".to_owned(), |f| function(types, f)),
        ComponentEntityType::Instance(_) => "instance".to_owned(),
        ComponentEntityType::Module(_) => "module".to_owned(),
        ComponentEntityType::Component(_) => "component".to_owned(),
        ComponentEntityType::Type { .. } => "type".to_owned(),
        ComponentEntityType::Value(_) => "value".to_owned(),
    }
}

/// A function's type in the notation of WIT, with named types written out.
fn function(types: TypesRef<'_>, function: &ComponentFuncType) -> String {
    let mut text = String::from(if function.async_ { "async func(" } else { "func(" });
    for (index, (name, kind)) in function.params.iter().enumerate() {
        let _ = write!(text, "{}{name}: ", if index == 0 { "" } else { ", " });
        value(types, *kind, TYPE_DEPTH, &mut text);
    }
    text.push(')');
    if let Some(result) = function.result {
        text.push_str(" -> ");
        value(types, result, TYPE_DEPTH, &mut text);
    }
    text
}

fn value(types: TypesRef<'_>, kind: ComponentValType, depth: usize, text: &mut String) {
    let defined = match kind {
        ComponentValType::Primitive(primitive) => {
            let _ = write!(text, "{primitive}");
            return;
        }
        ComponentValType::Type(id) => types.get(id),
    };
    let (Some(defined), Some(depth)) = (defined, depth.checked_sub(1)) else {
        text.push('…');
        return;
    };
    let optional = |kind: &Option<ComponentValType>, text: &mut String| match kind {
        Some(kind) => value(types, *kind, depth, text),
        None => text.push('_'),
    };
    match defined {
        ComponentDefinedType::Primitive(primitive) => {
            let _ = write!(text, "{primitive}");
        }
        ComponentDefinedType::Option { ty, .. } => {
            text.push_str("option<");
            value(types, *ty, depth, text);
            text.push('>');
        }
        ComponentDefinedType::List { element, .. } => {
            text.push_str("list<");
            value(types, *element, depth, text);
            text.push('>');
        }
        ComponentDefinedType::Result { ok, err, .. } => {
            text.push_str("result<");
            optional(ok, text);
            text.push_str(", ");
            optional(err, text);
            text.push('>');
        }
        ComponentDefinedType::Record(record) => {
            text.push_str("record {");
            for (index, (name, kind)) in record.fields.iter().enumerate() {
                let _ = write!(text, "{} {name}: ", if index == 0 { "" } else { "," });
                value(types, *kind, depth, text);
            }
            text.push_str(" }");
        }
        ComponentDefinedType::Enum(names) => {
            let names: Vec<&str> = names.iter().map(|name| name.as_str()).collect();
            let _ = write!(text, "enum {{ {} }}", names.join(", "));
        }
        ComponentDefinedType::Tuple(_) => text.push_str("tuple<…>"),
        ComponentDefinedType::Variant(_) => text.push_str("variant { … }"),
        ComponentDefinedType::Flags(_) => text.push_str("flags { … }"),
        ComponentDefinedType::Own(_) => text.push_str("own<…>"),
        ComponentDefinedType::Borrow(_) => text.push_str("borrow<…>"),
        _ => text.push('…'),
    }
}
