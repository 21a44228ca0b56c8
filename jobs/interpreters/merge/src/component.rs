//! A component as a list of items in their order, with the index spaces of the core level.
//!
//! Everything of the component level (types, imports, exports, instances, nested components) is kept as bytes: its
//! indices do not change, since none of it is added, dropped or moved. What could name a core module from there is
//! refused.

use wasmparser::{
    CanonicalFunction, CanonicalOption, ComponentAlias, ComponentExternalKind, ComponentInstance,
    ComponentOuterAliasKind, ComponentTypeRef, CustomSectionReader, ExternalKind, Instance, Parser, Payload,
};

use crate::error::{Result, unhandled};

/// One definition of a component, or one of its sections where the definitions in it do not matter.
pub(crate) enum Item<'a> {
    /// A whole section, copied.
    Section { id: u8, bytes: &'a [u8] },
    /// An alias of the component level.
    Alias(ComponentAlias<'a>),
    /// A core module.
    Module(&'a [u8]),
    /// A core instance.
    Instance(Instance<'a>),
    /// An alias of what a core instance exports.
    CoreAlias(CoreExport<'a>),
    /// Makes a core function of an import.
    Lower { function: u32, options: Box<[CanonicalOption]> },
    /// Makes a function of a core function.
    Lift { core_function: u32, ty: u32, options: Box<[CanonicalOption]> },
    /// `resource.new`, `resource.drop` or `resource.rep`: a core function.
    Resource(CanonicalFunction),
    /// Names of the component's own definitions.
    Names(CustomSectionReader<'a>),
}

/// What a core instance exports under a name.
#[derive(Clone, Copy)]
pub(crate) struct CoreExport<'a> {
    pub(crate) instance: u32,
    pub(crate) kind: ExternalKind,
    pub(crate) name: &'a str,
}

/// Where a core definition comes from, past all aliases and instances that only rename.
pub(crate) enum Origin<'a> {
    /// An export of an instance of a module.
    Export(CoreExport<'a>),
    /// A core function that the component makes: the number of its item.
    Made(usize),
}

/// The items of a component. The lists give, for an index, the number of the item that defines it.
#[derive(Default)]
pub(crate) struct Component<'a> {
    pub(crate) items: Vec<Item<'a>>,
    pub(crate) modules: Vec<usize>,
    pub(crate) instances: Vec<usize>,
    /// Functions, tables, memories and globals.
    spaces: [Vec<usize>; 4],
}

impl<'a> Component<'a> {
    /// Reads the items of a component that was validated.
    pub(crate) fn parse(bytes: &'a [u8]) -> Result<Self> {
        let mut component = Component::default();
        let mut depth = 0;
        for payload in Parser::new(0).parse_all(bytes) {
            let payload = payload?;
            if let Payload::End(_) = payload {
                depth -= 1;
            } else if let Payload::Version { encoding, .. } = payload {
                if depth == 0 && encoding != wasmparser::Encoding::Component {
                    return unhandled("a core module");
                }
                depth += 1;
            } else if depth == 1 {
                component.read(bytes, payload)?;
            } else if let Payload::ComponentAliasSection(aliases) = payload {
                for alias in aliases {
                    refuse_core_modules(&alias?)?;
                }
            }
        }
        Ok(component)
    }

    fn read(&mut self, bytes: &'a [u8], payload: Payload<'a>) -> Result<()> {
        match payload {
            Payload::ModuleSection { unchecked_range, .. } => {
                self.modules.push(self.items.len());
                self.items.push(Item::Module(&bytes[unchecked_range]));
            }
            Payload::InstanceSection(instances) => {
                for instance in instances {
                    self.instances.push(self.items.len());
                    self.items.push(Item::Instance(instance?));
                }
            }
            Payload::ComponentAliasSection(aliases) => {
                for alias in aliases {
                    self.read_alias(alias?)?;
                }
            }
            Payload::ComponentCanonicalSection(functions) => {
                for function in functions {
                    self.read_canonical(function?)?;
                }
            }
            Payload::CustomSection(section) if section.name() == "component-name" => {
                self.items.push(Item::Names(section));
            }
            payload => {
                refuse_core_level(&payload)?;
                let Some((id, range)) = payload.as_section() else {
                    return unhandled(format_args!("a section without a number: {payload:?}"));
                };
                self.items.push(Item::Section { id, bytes: &bytes[range] });
            }
        }
        Ok(())
    }

    fn read_alias(&mut self, alias: ComponentAlias<'a>) -> Result<()> {
        let ComponentAlias::CoreInstanceExport { kind, instance_index: instance, name } = alias else {
            refuse_core_modules(&alias)?;
            self.items.push(Item::Alias(alias));
            return Ok(());
        };
        self.spaces[space(kind)?].push(self.items.len());
        self.items.push(Item::CoreAlias(CoreExport { instance, kind, name }));
        Ok(())
    }

    fn read_canonical(&mut self, function: CanonicalFunction) -> Result<()> {
        let item = match function {
            CanonicalFunction::Lift { core_func_index: core_function, type_index: ty, options } => {
                self.items.push(Item::Lift { core_function, ty, options });
                return Ok(());
            }
            CanonicalFunction::Lower { func_index: function, options } => Item::Lower { function, options },
            CanonicalFunction::ResourceNew { .. }
            | CanonicalFunction::ResourceDrop { .. }
            | CanonicalFunction::ResourceRep { .. } => Item::Resource(function),
            other => return unhandled(format_args!("the built-in function {other:?}")),
        };
        self.spaces[space(ExternalKind::Func)?].push(self.items.len());
        self.items.push(item);
        Ok(())
    }

    /// Where a core definition comes from.
    pub(crate) fn origin(&self, kind: ExternalKind, index: u32) -> Result<Origin<'a>> {
        let item = self.item_of(kind, index)?;
        match &self.items[item] {
            Item::CoreAlias(export) => self.origin_of_export(*export),
            _ => Ok(Origin::Made(item)),
        }
    }

    /// Where an export of a core instance comes from.
    pub(crate) fn origin_of_export(&self, export: CoreExport<'a>) -> Result<Origin<'a>> {
        match self.instance(export.instance) {
            Instance::Instantiate { .. } => Ok(Origin::Export(export)),
            Instance::FromExports(renamed) => match renamed.iter().find(|renamed| renamed.name == export.name) {
                Some(found) => self.origin(found.kind, found.index),
                None => unhandled(format_args!("no export {:?} of core instance {}", export.name, export.instance)),
            },
        }
    }

    /// The core instance of an index.
    pub(crate) fn instance(&self, index: u32) -> &Instance<'a> {
        match &self.items[self.instances[index as usize]] {
            Item::Instance(instance) => instance,
            _ => unreachable!("`instances` lists the items that are instances"),
        }
    }

    /// The bytes of the core module of an index.
    pub(crate) fn module(&self, index: u32) -> &'a [u8] {
        match &self.items[self.modules[index as usize]] {
            Item::Module(bytes) => bytes,
            _ => unreachable!("`modules` lists the items that are modules"),
        }
    }

    /// The number of the item that defines a core function, table, memory or global.
    pub(crate) fn item_of(&self, kind: ExternalKind, index: u32) -> Result<usize> {
        Ok(self.spaces[space(kind)?][index as usize])
    }
}

/// The number of the index space of a kind.
pub(crate) fn space(kind: ExternalKind) -> Result<usize> {
    match kind {
        ExternalKind::Func => Ok(0),
        ExternalKind::Table => Ok(1),
        ExternalKind::Memory => Ok(2),
        ExternalKind::Global => Ok(3),
        ExternalKind::Tag | ExternalKind::FuncExact => unhandled(format_args!("a core {kind:?}")),
    }
}

/// Core modules and their types are numbered anew, which nothing that is copied may notice.
fn refuse_core_level(payload: &Payload) -> Result<()> {
    let names_module = |kind: ComponentExternalKind| kind == ComponentExternalKind::Module;
    match payload {
        Payload::CoreTypeSection(_) => return unhandled("a type of core modules"),
        Payload::ComponentStartSection { .. } => return unhandled("a start function of the component"),
        Payload::ComponentImportSection(imports) => {
            for import in imports.clone() {
                if let ComponentTypeRef::Module(_) = import?.ty {
                    return unhandled("an import of a core module");
                }
            }
        }
        Payload::ComponentExportSection(exports) => {
            for export in exports.clone() {
                if names_module(export?.kind) {
                    return unhandled("an export of a core module");
                }
            }
        }
        Payload::ComponentInstanceSection(instances) => {
            for instance in instances.clone() {
                let given = match instance? {
                    ComponentInstance::Instantiate { args, .. } => args.iter().any(|given| names_module(given.kind)),
                    ComponentInstance::FromExports(exports) => exports.iter().any(|given| names_module(given.kind)),
                };
                if given {
                    return unhandled("a core module that is given to a component");
                }
            }
        }
        _ => {}
    }
    Ok(())
}

fn refuse_core_modules(alias: &ComponentAlias) -> Result<()> {
    match alias {
        ComponentAlias::InstanceExport { kind: ComponentExternalKind::Module, .. }
        | ComponentAlias::Outer {
            kind: ComponentOuterAliasKind::CoreModule | ComponentOuterAliasKind::CoreType, ..
        } => unhandled("an alias of a core module or of its type"),
        _ => Ok(()),
    }
}
