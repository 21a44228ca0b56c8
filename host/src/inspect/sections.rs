//! What stands in the sections of one core module, or of a component beside its modules.

use serde_json::Value;
use wasmparser::{ExternalKind, FuncType, Parser, Payload, TypeRef};

use super::{Export, Import, bad_program, invalid, within};
use crate::engine::TABLES_PER_PROGRAM;
use crate::failure::Failure;
use crate::limits::ProgramLimits;

/// Custom sections in which a program describes itself.
const KWARGS_SECTION: &str = "ampule:kwargs";
const RESULT_SECTION: &str = "ampule:result";
const ABOUT_SECTION: &str = "ampule:about";

#[derive(Default)]
pub(super) struct Sections {
    pub(super) defined_functions: u32,
    types: Vec<Option<FuncType>>,
    functions: Vec<u32>,
    pub(super) imports: Vec<Import>,
    pub(super) exports: Vec<Export>,
    pub(super) initial_memory_bytes: u64,
    pub(super) debug_bytes: usize,
    pub(super) kwargs_schema: Option<Value>,
    pub(super) result_schema: Option<Value>,
    pub(super) about: Option<Value>,
}

impl Sections {
    /// All of a core module.
    pub(super) fn of_module(bytes: &[u8], limits: &ProgramLimits) -> Result<Self, Failure> {
        let mut sections = Sections::default();
        for payload in Parser::new(0).parse_all(bytes) {
            sections.read(&payload.map_err(invalid)?, limits)?;
        }
        Ok(sections)
    }

    pub(super) fn read(&mut self, payload: &Payload<'_>, limits: &ProgramLimits) -> Result<(), Failure> {
        let few = |what: &str, count: u32| within(what, u64::from(count), u64::from(limits.section_entries));
        match payload {
            Payload::TypeSection(reader) => {
                few("types", reader.count())?;
                for group in reader.clone() {
                    for recorded in group.map_err(invalid)?.into_types() {
                        self.types.push(match recorded.composite_type.inner {
                            wasmparser::CompositeInnerType::Func(function) => Some(function),
                            _ => None,
                        });
                    }
                }
            }
            Payload::ImportSection(reader) => {
                few("imports", reader.count())?;
                for import in reader.clone().into_imports() {
                    let import = import.map_err(invalid)?;
                    let signature = self.signature_of(import.ty);
                    if let TypeRef::Func(index) = import.ty {
                        self.functions.push(index);
                    }
                    self.imports.push(Import { module: import.module.into(), name: import.name.into(), signature });
                }
            }
            Payload::FunctionSection(reader) => {
                self.defined_functions = reader.count();
                within("functions", u64::from(reader.count()), u64::from(limits.functions))?;
                for index in reader.clone() {
                    self.functions.push(index.map_err(invalid)?);
                }
            }
            Payload::TableSection(reader) => within("tables", reader.count().into(), TABLES_PER_PROGRAM.into())?,
            Payload::MemorySection(reader) => {
                within("memories", reader.count().into(), 1)?;
                for memory in reader.clone() {
                    let pages = memory.map_err(invalid)?.initial;
                    self.initial_memory_bytes = self.initial_memory_bytes.saturating_add(pages.saturating_mul(65_536));
                }
            }
            Payload::ExportSection(reader) => {
                few("exports", reader.count())?;
                for export in reader.clone() {
                    let export = export.map_err(invalid)?;
                    let signature = match export.kind {
                        ExternalKind::Func => self.function_signature(export.index),
                        kind => kind_name(kind).to_owned(),
                    };
                    self.exports.push(Export { name: export.name.into(), signature });
                }
            }
            Payload::GlobalSection(reader) => few("globals", reader.count())?,
            Payload::DataSection(reader) => few("data segments", reader.count())?,
            Payload::ElementSection(reader) => few("element segments", reader.count())?,
            Payload::CustomSection(reader) => self.read_custom(reader.name(), reader.data(), limits)?,
            _ => {}
        }
        Ok(())
    }

    fn read_custom(&mut self, name: &str, data: &[u8], limits: &ProgramLimits) -> Result<(), Failure> {
        let target = match name {
            KWARGS_SECTION => &mut self.kwargs_schema,
            RESULT_SECTION => &mut self.result_schema,
            ABOUT_SECTION => &mut self.about,
            _ => {
                if name.starts_with(".debug_") {
                    self.debug_bytes += data.len();
                }
                return Ok(());
            }
        };
        within(&format!("bytes in section `{name}`"), data.len() as u64, limits.schema_bytes as u64)?;
        let value = serde_json::from_slice(data)
            .map_err(|error| bad_program(format!("section `{name}`: expected JSON: {error}")))?;
        *target = Some(value);
        Ok(())
    }

    fn signature_of(&self, import: TypeRef) -> String {
        match import {
            TypeRef::Func(index) | TypeRef::FuncExact(index) => self.type_signature(index),
            TypeRef::Table(_) => "table".to_owned(),
            TypeRef::Memory(_) => "memory".to_owned(),
            TypeRef::Global(_) => "global".to_owned(),
            TypeRef::Tag(_) => "tag".to_owned(),
        }
    }

    fn function_signature(&self, function: u32) -> String {
        self.functions.get(function as usize).map_or_else(|| "?".to_owned(), |index| self.type_signature(*index))
    }

    fn type_signature(&self, index: u32) -> String {
        match self.types.get(index as usize) {
            Some(Some(function)) => signature(function.params(), function.results()),
            _ => "?".to_owned(),
        }
    }
}

/// A function type as text: `()`, `(i32, i32)`, `(i64) -> i32`.
pub(crate) fn signature<T: std::fmt::Display>(parameters: &[T], results: &[T]) -> String {
    let list = |types: &[T]| types.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
    match results {
        [] => format!("({})", list(parameters)),
        [one] => format!("({}) -> {one}", list(parameters)),
        many => format!("({}) -> ({})", list(parameters), list(many)),
    }
}

fn kind_name(kind: ExternalKind) -> &'static str {
    match kind {
        ExternalKind::Func | ExternalKind::FuncExact => "function",
        ExternalKind::Table => "table",
        ExternalKind::Memory => "memory",
        ExternalKind::Global => "global",
        ExternalKind::Tag => "tag",
    }
}
