//! A component that is written item by item: neighbours of one sort share a section, as in what was read.

use wasm_encoder::{
    Alias, CanonicalFunctionSection, Component, ComponentAliasSection, ComponentExportKind, ComponentOuterAliasKind,
    ComponentSection, ExportKind, InstanceSection, ModuleArg, RawSection,
};
use wasmparser::{ComponentAlias, ComponentExternalKind};

use crate::error::{Result, unhandled};

/// The sections so far, and how many definitions of each core sort there are in them.
#[derive(Default)]
pub(crate) struct Sections {
    component: Component,
    open: Open,
    modules: u32,
    instances: u32,
    /// Functions, tables, memories and globals.
    spaces: [u32; 4],
}

/// The section that the next item may still join.
#[derive(Default)]
enum Open {
    #[default]
    None,
    Instances(InstanceSection),
    Aliases(ComponentAliasSection),
    Canonical(CanonicalFunctionSection),
}

impl Sections {
    /// The bytes of the component.
    pub(crate) fn finish(mut self) -> Vec<u8> {
        self.close();
        self.component.finish()
    }

    /// Copies a section of the component level.
    pub(crate) fn copy(&mut self, id: u8, data: &[u8]) {
        self.close();
        self.component.section(&RawSection { id, data });
    }

    /// Adds a custom section.
    pub(crate) fn custom(&mut self, section: &impl ComponentSection) {
        self.close();
        self.component.section(section);
    }

    /// Adds a core module and returns its index.
    pub(crate) fn module(&mut self, bytes: &[u8]) -> u32 {
        self.copy(wasm_encoder::ComponentSectionId::CoreModule as u8, bytes);
        next(&mut self.modules)
    }

    /// Adds an instance of a module and returns its index.
    pub(crate) fn instance(&mut self, module: u32, given: &[(&str, ModuleArg)]) -> u32 {
        self.instances().instantiate(module, given.iter().copied());
        next(&mut self.instances)
    }

    /// Adds an instance that exports what is there under other names and returns its index.
    pub(crate) fn renaming(&mut self, exports: &[(&str, ExportKind, u32)]) -> u32 {
        self.instances().export_items(exports.iter().copied());
        next(&mut self.instances)
    }

    /// Adds an alias of an export of a core instance and returns its index.
    pub(crate) fn core_alias(&mut self, instance: u32, kind: ExportKind, name: &str) -> u32 {
        self.aliases().alias(Alias::CoreInstanceExport { instance, kind, name });
        next(&mut self.spaces[kind as usize])
    }

    /// Adds an alias of the component level.
    pub(crate) fn alias(&mut self, alias: &ComponentAlias) -> Result<()> {
        let alias = match *alias {
            ComponentAlias::InstanceExport { kind, instance_index: instance, name } => {
                let kind = match kind {
                    ComponentExternalKind::Func => ComponentExportKind::Func,
                    ComponentExternalKind::Value => ComponentExportKind::Value,
                    ComponentExternalKind::Type => ComponentExportKind::Type,
                    ComponentExternalKind::Instance => ComponentExportKind::Instance,
                    ComponentExternalKind::Component => ComponentExportKind::Component,
                    ComponentExternalKind::Module => ComponentExportKind::Module,
                };
                Alias::InstanceExport { instance, kind, name }
            }
            ComponentAlias::Outer { kind: wasmparser::ComponentOuterAliasKind::Type, count, index } => {
                Alias::Outer { kind: ComponentOuterAliasKind::Type, count, index }
            }
            ComponentAlias::Outer { kind: wasmparser::ComponentOuterAliasKind::Component, count, index } => {
                Alias::Outer { kind: ComponentOuterAliasKind::Component, count, index }
            }
            ref other => return unhandled(format_args!("the alias {other:?}")),
        };
        self.aliases().alias(alias);
        Ok(())
    }

    /// Adds a canonical definition of a core function and returns its index.
    pub(crate) fn core_function(
        &mut self,
        add: impl FnOnce(&mut CanonicalFunctionSection) -> &mut CanonicalFunctionSection,
    ) -> u32 {
        self.canonical(add);
        next(&mut self.spaces[ExportKind::Func as usize])
    }

    /// Adds a canonical definition.
    pub(crate) fn canonical(
        &mut self,
        add: impl FnOnce(&mut CanonicalFunctionSection) -> &mut CanonicalFunctionSection,
    ) {
        if !matches!(self.open, Open::Canonical(_)) {
            self.close();
            self.open = Open::Canonical(CanonicalFunctionSection::new());
        }
        if let Open::Canonical(section) = &mut self.open {
            add(section);
        }
    }

    fn instances(&mut self) -> &mut InstanceSection {
        if !matches!(self.open, Open::Instances(_)) {
            self.close();
            self.open = Open::Instances(InstanceSection::new());
        }
        match &mut self.open {
            Open::Instances(section) => section,
            _ => unreachable!("it was opened above"),
        }
    }

    fn aliases(&mut self) -> &mut ComponentAliasSection {
        if !matches!(self.open, Open::Aliases(_)) {
            self.close();
            self.open = Open::Aliases(ComponentAliasSection::new());
        }
        match &mut self.open {
            Open::Aliases(section) => section,
            _ => unreachable!("it was opened above"),
        }
    }

    fn close(&mut self) {
        match std::mem::take(&mut self.open) {
            Open::None => {}
            Open::Instances(section) => _ = self.component.section(&section),
            Open::Aliases(section) => _ = self.component.section(&section),
            Open::Canonical(section) => _ = self.component.section(&section),
        }
    }
}

fn next(count: &mut u32) -> u32 {
    *count += 1;
    *count - 1
}
