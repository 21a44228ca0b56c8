//! The names that a component gives to its own definitions, without those of the core level, which is numbered anew.

use wasm_encoder::{ComponentNameSection, NameMap};
use wasmparser::{ComponentName, ComponentNameSectionReader, CustomSectionReader, KnownCustom};

/// The same names of components, instances, functions, types and values. A broken section ends where it breaks.
pub(crate) fn without_core_level(section: &CustomSectionReader) -> ComponentNameSection {
    let mut kept = ComponentNameSection::new();
    let KnownCustom::ComponentName(names) = section.as_known() else { return kept };
    let names: ComponentNameSectionReader = names;
    for name in names.into_iter().map_while(|name| name.ok()) {
        match name {
            ComponentName::Component { name, .. } => kept.component(name),
            ComponentName::Types(names) => kept.types(&copied(names)),
            ComponentName::Instances(names) => kept.instances(&copied(names)),
            ComponentName::Components(names) => kept.components(&copied(names)),
            ComponentName::Funcs(names) => kept.funcs(&copied(names)),
            ComponentName::Values(names) => kept.values(&copied(names)),
            _ => {}
        }
    }
    kept
}

fn copied(names: wasmparser::NameMap) -> NameMap {
    let mut copied = NameMap::new();
    for naming in names.into_iter().map_while(|naming| naming.ok()) {
        copied.append(naming.index, naming.name);
    }
    copied
}
