//! A core module, read into its parts; the code of functions stays unread.

use std::collections::HashMap;

use wasmparser::{
    CompositeInnerType, ConstExpr, Data, Element, ExternalKind, FuncType, FunctionBody, GlobalType, Import,
    KnownCustom, MemoryType, Name, Parser, Payload, TableInit, TableType, TypeRef,
};

use crate::error::{Result, unhandled};

/// The parts of a module. In each index space the imports come first, as in the format.
#[derive(Default)]
pub(crate) struct Module<'a> {
    pub(crate) types: Vec<FuncType>,
    pub(crate) imports: Vec<Import<'a>>,
    /// The types of all functions.
    pub(crate) functions: Vec<u32>,
    pub(crate) tables: Vec<TableType>,
    pub(crate) memories: Vec<MemoryType>,
    /// All globals; those that are imported have no initial value.
    pub(crate) globals: Vec<(GlobalType, Option<ConstExpr<'a>>)>,
    pub(crate) exports: HashMap<&'a str, (ExternalKind, u32)>,
    pub(crate) start: Option<u32>,
    pub(crate) elements: Vec<Element<'a>>,
    pub(crate) data: Vec<Data<'a>>,
    /// The code of the functions that are not imported.
    pub(crate) bodies: Vec<FunctionBody<'a>>,
    /// The names of functions, for backtraces.
    pub(crate) names: HashMap<u32, &'a str>,
}

impl<'a> Module<'a> {
    /// Reads a module that was validated.
    pub(crate) fn parse(bytes: &'a [u8]) -> Result<Self> {
        let mut module = Module::default();
        for payload in Parser::new(0).parse_all(bytes) {
            module.read(payload?)?;
        }
        Ok(module)
    }

    /// How many definitions of a kind are imported.
    pub(crate) fn imported(&self, kind: ExternalKind) -> u32 {
        self.imports.iter().filter(|import| kind_of(import) == kind).count() as u32
    }

    /// Whether it is functions and nothing else, so that an instance of it has no state.
    pub(crate) fn is_stateless(&self) -> bool {
        self.imports.is_empty()
            && self.tables.is_empty()
            && self.memories.is_empty()
            && self.globals.is_empty()
            && self.start.is_none()
    }

    /// Whether its instantiation writes to a memory or a table.
    pub(crate) fn has_active_segments(&self) -> bool {
        self.data.iter().any(|data| matches!(data.kind, wasmparser::DataKind::Active { .. }))
            || self.elements.iter().any(|element| matches!(element.kind, wasmparser::ElementKind::Active { .. }))
    }

    fn read(&mut self, payload: Payload<'a>) -> Result<()> {
        match payload {
            Payload::TypeSection(groups) => {
                for group in groups {
                    for ty in group?.into_types() {
                        let CompositeInnerType::Func(function) = ty.composite_type.inner else {
                            return unhandled(format_args!("the type {ty}"));
                        };
                        self.types.push(function);
                    }
                }
            }
            Payload::ImportSection(imports) => {
                for import in imports.into_imports() {
                    self.import(import?)?;
                }
            }
            Payload::FunctionSection(functions) => {
                for ty in functions {
                    self.functions.push(ty?);
                }
            }
            Payload::TableSection(tables) => {
                for table in tables {
                    let table = table?;
                    if let TableInit::Expr(_) = table.init {
                        return unhandled("a table with an initial value");
                    }
                    self.tables.push(table.ty);
                }
            }
            Payload::MemorySection(memories) => {
                for memory in memories {
                    self.memories.push(memory?);
                }
            }
            Payload::GlobalSection(globals) => {
                for global in globals {
                    let global = global?;
                    self.globals.push((global.ty, Some(global.init_expr)));
                }
            }
            Payload::ExportSection(exports) => {
                for export in exports {
                    let export = export?;
                    self.exports.insert(export.name, (export.kind, export.index));
                }
            }
            Payload::StartSection { func, .. } => self.start = Some(func),
            Payload::ElementSection(elements) => {
                self.elements = elements.into_iter().collect::<wasmparser::Result<_>>()?
            }
            Payload::DataSection(data) => self.data = data.into_iter().collect::<wasmparser::Result<_>>()?,
            Payload::CodeSectionEntry(body) => self.bodies.push(body),
            Payload::TagSection(_) => return unhandled("a tag"),
            Payload::CustomSection(section) => {
                if let KnownCustom::Name(names) = section.as_known() {
                    // A broken name section is as good as none.
                    for names in names.into_iter().map_while(|names| names.ok()) {
                        if let Name::Function(names) = names {
                            let names = names.into_iter().map_while(|naming| naming.ok());
                            self.names = names.map(|naming| (naming.index, naming.name)).collect();
                        }
                    }
                }
            }
            _ => {}
        }
        Ok(())
    }

    fn import(&mut self, import: Import<'a>) -> Result<()> {
        match import.ty {
            TypeRef::Func(ty) => self.functions.push(ty),
            TypeRef::Table(ty) => self.tables.push(ty),
            TypeRef::Memory(ty) => self.memories.push(ty),
            TypeRef::Global(ty) => self.globals.push((ty, None)),
            TypeRef::Tag(_) | TypeRef::FuncExact(_) => {
                return unhandled(format_args!(
                    "the import {:?}.{:?} of a {:?}",
                    import.module, import.name, import.ty
                ));
            }
        }
        self.imports.push(import);
        Ok(())
    }
}

/// The kind of what is imported.
pub(crate) fn kind_of(import: &Import) -> ExternalKind {
    match import.ty {
        TypeRef::Func(_) => ExternalKind::Func,
        TypeRef::Table(_) => ExternalKind::Table,
        TypeRef::Memory(_) => ExternalKind::Memory,
        TypeRef::Global(_) => ExternalKind::Global,
        TypeRef::Tag(_) => ExternalKind::Tag,
        TypeRef::FuncExact(_) => ExternalKind::FuncExact,
    }
}
