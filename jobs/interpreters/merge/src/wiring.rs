//! Which import of which core instance is which definition, and which instances are merged.

use std::collections::BTreeSet;

use wasmparser::{ExternalKind, Instance};

use crate::component::{Component, CoreExport, Origin};
use crate::error::{Error, Result, unhandled};
use crate::module::{Module, kind_of};

/// A definition of the core level, where it is really made.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub(crate) enum Definition {
    /// By an instance of a module: its index, and the index in the module.
    Defined { instance: u32, index: u32 },
    /// By the component: the number of the item.
    Made(usize),
}

/// All instances of modules.
pub(crate) struct Wiring<'a> {
    /// By the index of the instance; those that only rename have none.
    pub(crate) wired: Vec<Option<Wired<'a>>>,
    /// The instances that become one, in the order in which they are made.
    pub(crate) members: BTreeSet<u32>,
}

/// An instance of a module.
pub(crate) struct Wired<'a> {
    pub(crate) module: Module<'a>,
    /// What its imports are, in their order.
    pub(crate) imports: Vec<Definition>,
}

impl<'a> Wiring<'a> {
    /// Follows every import to its end and finds the instances that share a memory.
    pub(crate) fn find(component: &Component<'a>) -> Result<Self> {
        let mut wiring = Wiring { wired: Vec::new(), members: BTreeSet::new() };
        for index in 0..component.instances.len() as u32 {
            let wired = match component.instance(index) {
                Instance::FromExports(_) => None,
                Instance::Instantiate { module_index, args } => {
                    let module = Module::parse(component.module(*module_index))?;
                    let mut imports = Vec::new();
                    for import in &module.imports {
                        let Some(given) = args.iter().find(|given| given.name == import.module) else {
                            return unhandled(format_args!("no instance for the imports of {:?}", import.module));
                        };
                        let (kind, name) = (kind_of(import), import.name);
                        let origin = component.origin_of_export(CoreExport { instance: given.index, kind, name })?;
                        imports.push(wiring.definition(origin)?);
                    }
                    Some(Wired { module, imports })
                }
            };
            wiring.wired.push(wired);
        }
        wiring.members = wiring.sharing()?;
        Ok(wiring)
    }

    /// What an origin is in the end: a module may export what it imports.
    pub(crate) fn definition(&self, origin: Origin) -> Result<Definition> {
        let CoreExport { instance, kind, name } = match origin {
            Origin::Made(item) => return Ok(Definition::Made(item)),
            Origin::Export(export) => export,
        };
        let Wired { module, imports } = self.wired(instance);
        let Some(&(_, index)) = module.exports.get(name) else {
            return unhandled(format_args!("no export {name:?} of core instance {instance}"));
        };
        let mut of_kind = module.imports.iter().zip(imports).filter(|(import, _)| kind_of(import) == kind);
        match of_kind.nth(index as usize) {
            Some((_, definition)) => Ok(*definition),
            None => Ok(Definition::Defined { instance, index }),
        }
    }

    /// The instance of a module, by its index.
    pub(crate) fn wired(&self, instance: u32) -> &Wired<'a> {
        self.wired[instance as usize].as_ref().expect("a definition is of an instance of a module")
    }

    /// The instances that share a memory, and the stateless ones whose functions they call.
    fn sharing(&self) -> Result<BTreeSet<u32>> {
        let owners: BTreeSet<u32> = self
            .wired
            .iter()
            .flatten()
            .flat_map(|wired| wired.state())
            .filter(|(kind, _)| *kind == ExternalKind::Memory)
            .filter_map(|(_, definition)| definition.instance())
            .collect();
        let mut members = owners;
        match members.len() {
            0 => return Err(Error::NothingShared),
            1 => {}
            count => return unhandled(format_args!("{count} memories that are shared, where one is expected")),
        }
        for (index, wired) in self.wired.iter().enumerate() {
            let is_member =
                |(_, definition): (_, Definition)| definition.instance().is_some_and(|of| members.contains(&of));
            if wired.as_ref().is_some_and(|wired| wired.state().any(is_member)) {
                members.insert(index as u32);
            }
        }
        let called: Vec<u32> = members
            .iter()
            .flat_map(|member| &self.wired(*member).imports)
            .filter_map(|definition| definition.instance())
            .filter(|instance| self.wired(*instance).module.is_stateless())
            .collect();
        members.extend(called);
        Ok(members)
    }
}

impl Wired<'_> {
    /// The memories, tables and globals that it imports.
    fn state(&self) -> impl Iterator<Item = (ExternalKind, Definition)> {
        let imports = self.module.imports.iter().map(kind_of).zip(self.imports.iter().copied());
        imports.filter(|(kind, _)| *kind != ExternalKind::Func)
    }
}

impl Definition {
    /// The instance that defines it, if it is not the component itself.
    pub(crate) fn instance(self) -> Option<u32> {
        match self {
            Definition::Defined { instance, .. } => Some(instance),
            Definition::Made(_) => None,
        }
    }
}
