//! The merged module.

use std::collections::BTreeSet;

use wasm_encoder::{
    CodeSection, ConstExpr, DataCountSection, DataSection, ElementSection, Elements, EntityType, ExportKind,
    ExportSection, FunctionSection, GlobalSection, GlobalType, HeapType, ImportSection, MemorySection, MemoryType,
    NameMap, NameSection, RefType, TableSection, TableType, TypeSection,
};
use wasmparser::{ExternalKind, ValType};

use crate::code::{Indices, rewritten};
use crate::constant::Constant;
use crate::error::{Result, unhandled};
use crate::linked::{Code, Linked, Member};
use crate::reached::Reached;
use crate::segments::{First, Mode, Segments};
use crate::shown::{Shown, unique};
use crate::wiring::Definition;

/// The module and what it is instantiated with.
pub(crate) struct Merged {
    pub(crate) bytes: Vec<u8>,
    /// The functions that it imports from the module [`FROM`], by their name.
    pub(crate) imports: Vec<(String, Definition)>,
}

/// The name of the module that the merged one imports everything from.
pub(crate) const FROM: &str = "outside";

/// What the merged module is called in backtraces.
const NAME: &str = "merged";

/// All that the merged module is made of.
pub(crate) struct Parts<'p, 'a, 'w> {
    pub(crate) linked: &'p Linked<'a, 'w>,
    pub(crate) segments: &'p Segments<'a>,
    pub(crate) shown: &'p Shown,
    pub(crate) reached: &'p Reached,
}

impl Parts<'_, '_, '_> {
    /// Writes the module.
    pub(crate) fn merged(&self) -> Result<Merged> {
        let numbers = Numbers::of(self);
        let mut module = wasm_encoder::Module::new();
        let (imports, imported) = self.imports();
        module.section(&self.types()?).section(&imported).section(&self.functions());
        module.section(&self.tables()?).section(&self.memory()).section(&self.globals(&numbers)?);
        module.section(&self.exports(&numbers)).section(&self.elements(&numbers));
        module.section(&DataCountSection { count: self.segments.data.len() as u32 });
        module.section(&self.code(&numbers)?).section(&self.data()).section(&self.names(&numbers));
        Ok(Merged { bytes: module.finish(), imports })
    }

    /// The places of the functions that are imported, and of those that are not, without those that cannot run.
    fn places(&self) -> (Vec<u32>, Vec<u32>) {
        let reached = (0..).zip(&self.reached.functions).filter(|(_, reached)| **reached).map(|(place, _)| place);
        reached.partition(|place: &u32| matches!(self.linked.functions[*place as usize].code, Code::Imported(_)))
    }

    /// The value of a global that is never written.
    fn constant(&self, place: u32) -> Option<i32> {
        let global = &self.linked.globals[place as usize];
        let is_shown = self.shown.name(ExternalKind::Global, place).is_some();
        let is_written = global.ty.mutable && (is_shown || self.reached.globals_written[place as usize]);
        match global.value {
            Constant::I32(value) if !is_written => Some(value),
            _ => None,
        }
    }

    /// Whether a global is there at all: not if its value stands in the code instead.
    fn has_global(&self, place: u32) -> bool {
        let is_used = self.reached.globals_read[place as usize] || self.reached.globals_written[place as usize];
        self.shown.name(ExternalKind::Global, place).is_some() || (is_used && self.constant(place).is_none())
    }

    fn types(&self) -> Result<TypeSection> {
        let mut section = TypeSection::new();
        for ty in &self.linked.types {
            section.ty().function(all(ty.params())?, all(ty.results())?);
        }
        Ok(section)
    }

    fn imports(&self) -> (Vec<(String, Definition)>, ImportSection) {
        let (mut imports, mut section, mut taken) = (Vec::new(), ImportSection::new(), BTreeSet::new());
        for place in self.places().0 {
            let function = &self.linked.functions[place as usize];
            if let Code::Imported(definition) = function.code {
                let name = unique(function.name.unwrap_or("function"), &mut taken);
                section.import(FROM, &name, EntityType::Function(function.ty));
                imports.push((name, definition));
            }
        }
        (imports, section)
    }

    fn functions(&self) -> FunctionSection {
        let mut section = FunctionSection::new();
        for place in self.places().1 {
            section.function(self.linked.functions[place as usize].ty);
        }
        section
    }

    fn tables(&self) -> Result<TableSection> {
        let mut section = TableSection::new();
        for table in &self.linked.tables {
            if table.element_type != wasmparser::RefType::FUNCREF || table.table64 || table.shared {
                return unhandled(format_args!("the table {table:?}"));
            }
            section.table(TableType {
                element_type: RefType::FUNCREF,
                table64: false,
                minimum: table.initial,
                maximum: table.maximum,
                shared: false,
            });
        }
        Ok(section)
    }

    fn memory(&self) -> MemorySection {
        let mut section = MemorySection::new();
        for memory in &self.linked.memories {
            section.memory(MemoryType {
                minimum: memory.initial,
                maximum: memory.maximum,
                memory64: memory.memory64,
                shared: memory.shared,
                page_size_log2: memory.page_size_log2,
            });
        }
        section
    }

    fn globals(&self, numbers: &Numbers) -> Result<GlobalSection> {
        let mut section = GlobalSection::new();
        for (place, global) in (0..).zip(&self.linked.globals) {
            if self.has_global(place) {
                let (val_type, mutable) = (value_type(global.ty.content_type)?, global.ty.mutable);
                let expression = global.value.expression(|function| numbers.function(function));
                section.global(GlobalType { val_type, mutable, shared: false }, &expression);
            }
        }
        Ok(section)
    }

    fn exports(&self, numbers: &Numbers) -> ExportSection {
        let mut section = ExportSection::new();
        for ((space, place), name) in &self.shown.names {
            match space {
                0 => section.export(name, ExportKind::Func, numbers.function(*place)),
                1 => section.export(name, ExportKind::Table, *place),
                2 => section.export(name, ExportKind::Memory, *place),
                _ => section.export(name, ExportKind::Global, numbers.global(*place)),
            };
        }
        section
    }

    fn elements(&self, numbers: &Numbers) -> ElementSection {
        let mut section = ElementSection::new();
        for elements in &self.segments.elements {
            let functions =
                elements.functions.iter().map(|function| function.map(|function| numbers.function(function)));
            // The form without expressions wherever it will do: it alone is applied lazily.
            let elements_of = match functions.clone().collect::<Option<Vec<_>>>() {
                Some(functions) => Elements::Functions(functions.into()),
                None => Elements::Expressions(RefType::FUNCREF, functions.map(reference).collect::<Vec<_>>().into()),
            };
            match elements.mode {
                Mode::Active { table, offset } => {
                    let table = (table != 0).then_some(table);
                    section.active(table, &ConstExpr::i32_const(offset.cast_signed()), elements_of)
                }
                Mode::Passive => section.passive(elements_of),
                Mode::Declared => section.declared(elements_of),
            };
        }
        section
    }

    fn code(&self, numbers: &Numbers) -> Result<CodeSection> {
        let mut section = CodeSection::new();
        for place in self.places().1 {
            if let Code::Body { member, body } = &self.linked.functions[place as usize].code {
                let (first, member) = (self.segments.first[*member], &self.linked.members[*member]);
                section.raw(&rewritten(body, &OfMember { parts: self, numbers, member, first })?);
            }
        }
        Ok(section)
    }

    fn data(&self) -> DataSection {
        let mut section = DataSection::new();
        for data in &self.segments.data {
            let bytes = data.bytes.iter().copied();
            match data.offset {
                Some(offset) => section.active(0, &ConstExpr::i32_const(offset.cast_signed()), bytes),
                None => section.passive(bytes),
            };
        }
        section
    }

    fn names(&self, numbers: &Numbers) -> NameSection {
        let (imported, defined) = self.places();
        let mut functions = NameMap::new();
        for place in imported.into_iter().chain(defined) {
            if let Some(name) = self.linked.functions[place as usize].name {
                functions.append(numbers.function(place), name);
            }
        }
        let mut section = NameSection::new();
        section.module(NAME);
        section.functions(&functions);
        section
    }
}

/// For each place, the index in the merged module; none for what is left out.
struct Numbers {
    functions: Vec<Option<u32>>,
    globals: Vec<Option<u32>>,
}

impl Numbers {
    fn of(parts: &Parts) -> Self {
        let (imported, defined) = parts.places();
        let mut functions = vec![None; parts.linked.functions.len()];
        for (number, place) in (0..).zip(imported.into_iter().chain(defined)) {
            functions[place as usize] = Some(number);
        }
        let mut globals = vec![None; parts.linked.globals.len()];
        let there = (0..globals.len() as u32).filter(|place| parts.has_global(*place));
        for (number, place) in (0..).zip(there) {
            globals[place as usize] = Some(number);
        }
        Numbers { functions, globals }
    }

    fn function(&self, place: u32) -> u32 {
        self.functions[place as usize].expect("whatever is referred to is reached")
    }

    fn global(&self, place: u32) -> u32 {
        self.globals[place as usize].expect("a global that is used, and not as a constant, is there")
    }
}

/// The indices of one member.
struct OfMember<'p, 'a, 'w> {
    parts: &'p Parts<'p, 'a, 'w>,
    numbers: &'p Numbers,
    member: &'p Member<'a, 'w>,
    first: First,
}

impl Indices for OfMember<'_, '_, '_> {
    fn ty(&self, index: u32) -> u32 {
        self.member.types[index as usize]
    }

    fn function(&self, index: u32) -> u32 {
        self.numbers.function(self.member.functions[index as usize])
    }

    fn table(&self, index: u32) -> u32 {
        self.member.tables[index as usize]
    }

    fn global(&self, index: u32) -> u32 {
        self.numbers.global(self.member.globals[index as usize])
    }

    fn elements(&self, index: u32) -> u32 {
        self.first.elements + index
    }

    fn data(&self, index: u32) -> u32 {
        self.first.data + index
    }

    fn constant(&self, global: u32) -> Option<i32> {
        self.parts.constant(self.member.globals[global as usize])
    }
}

fn reference(function: Option<u32>) -> ConstExpr {
    match function {
        Some(function) => ConstExpr::ref_func(function),
        None => ConstExpr::ref_null(HeapType::FUNC),
    }
}

fn all(types: &[ValType]) -> Result<Vec<wasm_encoder::ValType>> {
    types.iter().map(|ty| value_type(*ty)).collect()
}

fn value_type(ty: ValType) -> Result<wasm_encoder::ValType> {
    Ok(match ty {
        ValType::I32 => wasm_encoder::ValType::I32,
        ValType::I64 => wasm_encoder::ValType::I64,
        ValType::F32 => wasm_encoder::ValType::F32,
        ValType::F64 => wasm_encoder::ValType::F64,
        ValType::V128 => wasm_encoder::ValType::V128,
        ValType::FUNCREF => wasm_encoder::ValType::FUNCREF,
        ValType::EXTERNREF => wasm_encoder::ValType::EXTERNREF,
        ValType::Ref(other) => return unhandled(format_args!("the type {other}")),
    })
}
