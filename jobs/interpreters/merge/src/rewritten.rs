//! The component around the merged module: the same items in the same order, but for those that wait for it.

use std::collections::HashMap;

use wasm_encoder::{CanonicalOption, EntityType, ExportKind, ImportSection, ModuleArg, StartSection, TypeSection};
use wasmparser::{CanonicalFunction, ExternalKind, Instance};

use crate::component::{Component, CoreExport, Item, space};
use crate::error::{Result, unhandled};
use crate::linked::Linked;
use crate::merged::{FROM, Merged};
use crate::names::without_core_level;
use crate::plan::Plan;
use crate::sections::Sections;
use crate::shown::Shown;
use crate::wiring::{Definition, Wiring};

/// All that the new component is made of.
pub(crate) struct Parts<'p, 'a, 'w> {
    pub(crate) component: &'p Component<'a>,
    pub(crate) wiring: &'p Wiring<'a>,
    pub(crate) plan: &'p Plan,
    pub(crate) linked: &'p Linked<'a, 'w>,
    pub(crate) shown: &'p Shown,
    pub(crate) merged: &'p Merged,
}

/// The new component as far as it is written.
struct Writer<'p, 'a, 'w> {
    parts: &'p Parts<'p, 'a, 'w>,
    sections: Sections,
    /// The new index of an item of the core level, by its number.
    indices: HashMap<usize, u32>,
    /// The instance of the merged module.
    merged: Option<u32>,
    /// Items that wait for it.
    waiting: Vec<usize>,
}

impl Parts<'_, '_, '_> {
    /// Writes the component.
    pub(crate) fn component(&self) -> Result<Vec<u8>> {
        let (sections, indices) = (Sections::default(), HashMap::new());
        let mut writer = Writer { parts: self, sections, indices, merged: None, waiting: Vec::new() };
        for number in 0..self.component.items.len() {
            if let Item::Lift { .. } = self.component.items[number] {
                writer.instantiate_merged()?;
            }
            if !self.is_kept(number) {
                continue;
            }
            if self.plan.leaning[number] && writer.merged.is_none() {
                writer.waiting.push(number);
            } else {
                writer.write(number)?;
            }
        }
        writer.instantiate_merged()?;
        Ok(writer.sections.finish())
    }

    /// Members are kept for the sake of their start function.
    fn is_kept(&self, number: usize) -> bool {
        self.plan.needed[number]
            || self
                .linked
                .members
                .iter()
                .any(|member| self.component.instances[member.instance as usize] == number && member.start().is_some())
    }
}

impl Writer<'_, '_, '_> {
    /// Instantiates the merged module, once, and then what waited for it.
    fn instantiate_merged(&mut self) -> Result<()> {
        if self.merged.is_some() {
            return Ok(());
        }
        let merged = self.parts.merged;
        let module = self.sections.module(&merged.bytes);
        let mut given = Vec::new();
        for (name, definition) in &merged.imports {
            let index = self.outside(ExternalKind::Func, *definition)?;
            given.push((name.as_str(), ExportKind::Func, index));
        }
        let outside = self.sections.renaming(&given);
        self.merged = Some(self.sections.instance(module, &[(FROM, ModuleArg::Instance(outside))]));
        for number in std::mem::take(&mut self.waiting) {
            self.write(number)?;
        }
        Ok(())
    }

    fn write(&mut self, number: usize) -> Result<()> {
        match &self.parts.component.items[number] {
            Item::Section { id, bytes } => self.sections.copy(*id, bytes),
            Item::Alias(alias) => self.sections.alias(alias)?,
            Item::Names(names) => self.sections.custom(&without_core_level(names).as_custom()),
            Item::Module(bytes) => {
                let index = self.sections.module(bytes);
                self.indices.insert(number, index);
            }
            Item::Instance(instance) => self.write_instance(number, instance)?,
            Item::CoreAlias(export) => {
                let index = self.core_alias(*export)?;
                self.indices.insert(number, index);
            }
            Item::Lower { function, options } => {
                let options = self.options(options)?;
                let index = self.sections.core_function(|section| section.lower(*function, options));
                self.indices.insert(number, index);
            }
            Item::Lift { core_function, ty, options } => {
                let core_function = self.index(ExternalKind::Func, *core_function)?;
                let options = self.options(options)?;
                self.sections.canonical(|section| section.lift(core_function, *ty, options));
            }
            Item::Resource(function) => {
                let index = self.sections.core_function(|section| match *function {
                    CanonicalFunction::ResourceNew { resource } => section.resource_new(resource),
                    CanonicalFunction::ResourceRep { resource } => section.resource_rep(resource),
                    CanonicalFunction::ResourceDrop { resource } => section.resource_drop(resource),
                    _ => unreachable!("`Item::Resource` is one of the three"),
                });
                self.indices.insert(number, index);
            }
        }
        Ok(())
    }

    fn write_instance(&mut self, number: usize, instance: &Instance) -> Result<()> {
        let index = match instance {
            Instance::FromExports(exports) => {
                let mut renamed = Vec::new();
                for export in exports {
                    renamed.push((export.name, export_kind(export.kind)?, self.index(export.kind, export.index)?));
                }
                self.sections.renaming(&renamed)
            }
            Instance::Instantiate { module_index, args } => {
                let start = self
                    .parts
                    .linked
                    .members
                    .iter()
                    .find(|member| self.parts.component.instances[member.instance as usize] == number);
                if let Some(member) = start {
                    return self.start(member.start().expect("a member is kept for its start function"));
                }
                let component = self.parts.component;
                let module = self.placed(component.modules[*module_index as usize])?;
                let mut given = Vec::new();
                for argument in args {
                    let instance = self.placed(component.instances[argument.index as usize])?;
                    given.push((argument.name, ModuleArg::Instance(instance)));
                }
                self.sections.instance(module, &given)
            }
        };
        self.indices.insert(number, index);
        Ok(())
    }

    /// Runs the start function of a member, where the member was instantiated.
    fn start(&mut self, place: u32) -> Result<()> {
        let name = self.parts.shown.name(ExternalKind::Func, place).expect("start functions are shown");
        let function = self.sections.core_alias(self.merged.expect("members wait"), ExportKind::Func, name);
        let given = self.sections.renaming(&[(STARTED, ExportKind::Func, function)]);
        let module = self.sections.module(&starter());
        self.sections.instance(module, &[(FROM, ModuleArg::Instance(given))]);
        Ok(())
    }

    /// The new index of a core function, table, memory or global.
    fn index(&self, kind: ExternalKind, index: u32) -> Result<u32> {
        self.placed(self.parts.component.item_of(kind, index)?)
    }

    fn placed(&self, number: usize) -> Result<u32> {
        match self.indices.get(&number) {
            Some(index) => Ok(*index),
            None => unhandled("a definition that stands behind what is made of it, once the modules are merged"),
        }
    }

    fn options(&self, options: &[wasmparser::CanonicalOption]) -> Result<Vec<CanonicalOption>> {
        let new = |option: &wasmparser::CanonicalOption| {
            Ok(match *option {
                wasmparser::CanonicalOption::UTF8 => CanonicalOption::UTF8,
                wasmparser::CanonicalOption::UTF16 => CanonicalOption::UTF16,
                wasmparser::CanonicalOption::CompactUTF16 => CanonicalOption::CompactUTF16,
                wasmparser::CanonicalOption::Memory(index) => {
                    CanonicalOption::Memory(self.index(ExternalKind::Memory, index)?)
                }
                wasmparser::CanonicalOption::Realloc(index) => {
                    CanonicalOption::Realloc(self.index(ExternalKind::Func, index)?)
                }
                wasmparser::CanonicalOption::PostReturn(index) => {
                    CanonicalOption::PostReturn(self.index(ExternalKind::Func, index)?)
                }
                ref other => return unhandled(format_args!("the canonical option {other:?}")),
            })
        };
        options.iter().map(new).collect()
    }

    /// An alias of the same definition as before.
    fn core_alias(&mut self, export: CoreExport) -> Result<u32> {
        let origin = self.parts.component.origin_of_export(export)?;
        let definition = self.parts.wiring.definition(origin)?;
        let Some(place) = self.parts.linked.own_place(export.kind, definition)? else {
            return self.outside(export.kind, definition);
        };
        let name = self.parts.shown.name(export.kind, place).expect("what an alias needs is shown");
        Ok(self.sections.core_alias(self.merged.expect("aliases of members wait"), export_kind(export.kind)?, name))
    }

    /// The index of a definition that no member makes.
    fn outside(&mut self, kind: ExternalKind, definition: Definition) -> Result<u32> {
        let (instance, index) = match definition {
            Definition::Made(number) => return self.placed(number),
            Definition::Defined { instance, index } => (instance, index),
        };
        let exports = &self.parts.wiring.wired(instance).module.exports;
        let Some((name, _)) = exports.iter().find(|(_, export)| **export == (kind, index)) else {
            return unhandled(format_args!("a {kind:?} of core instance {instance} that it does not export"));
        };
        let instance = self.placed(self.parts.component.instances[instance as usize])?;
        Ok(self.sections.core_alias(instance, export_kind(kind)?, name))
    }
}

/// What a starter imports.
const STARTED: &str = "start";

/// A module that calls a function when it is instantiated.
fn starter() -> Vec<u8> {
    let mut module = wasm_encoder::Module::new();
    let (mut types, mut imports) = (TypeSection::new(), ImportSection::new());
    types.ty().function([], []);
    imports.import(FROM, STARTED, EntityType::Function(0));
    module.section(&types).section(&imports).section(&StartSection { function_index: 0 });
    module.finish()
}

fn export_kind(kind: ExternalKind) -> Result<ExportKind> {
    Ok([ExportKind::Func, ExportKind::Table, ExportKind::Memory, ExportKind::Global][space(kind)?])
}
