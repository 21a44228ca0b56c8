//! What of the component is kept, and what of it has to wait for the merged module.

use wasmparser::{CanonicalOption, ExternalKind, Instance};

use crate::component::{Component, CoreExport, Item};
use crate::error::{Result, unhandled};
use crate::wiring::{Definition, Wiring};

/// For each item of the component, by its number.
pub(crate) struct Plan {
    /// Whether it is still there afterwards. What serves the members alone is not.
    pub(crate) needed: Vec<bool>,
    /// Whether it is made of something that a member defines, or may notice what members do.
    pub(crate) leaning: Vec<bool>,
}

impl Plan {
    pub(crate) fn of(component: &Component, wiring: &Wiring) -> Result<Self> {
        let plan = Plan { needed: needed(component, wiring)?, leaning: leaning(component, wiring)? };
        plan.check_starts(component, wiring)?;
        Ok(plan)
    }

    /// Segments are all applied before the first start function now, so there must be none behind one.
    fn check_starts(&self, component: &Component, wiring: &Wiring) -> Result<()> {
        let mut started = false;
        for (index, wired) in wiring.wired.iter().enumerate() {
            let Some(wired) = wired else { continue };
            let is_member = wiring.members.contains(&(index as u32));
            if started && is_member && wired.module.has_active_segments() {
                return unhandled(format_args!("segments of core instance {index} behind a start function"));
            }
            started |= wired.module.start.is_some() && (is_member || self.leaning[component.instances[index]]);
        }
        Ok(())
    }
}

/// Items use only what stands before them, so one look from the end finds all that is used.
fn needed(component: &Component, wiring: &Wiring) -> Result<Vec<bool>> {
    let mut needed: Vec<bool> = component.items.iter().map(is_always_needed).collect();
    for instance in &wiring.members {
        needed[component.instances[*instance as usize]] = false;
    }
    for number in (0..component.items.len()).rev() {
        if !needed[number] {
            continue;
        }
        match &component.items[number] {
            Item::Instance(Instance::Instantiate { module_index, args }) => {
                needed[component.modules[*module_index as usize]] = true;
                for given in args {
                    if wiring.members.contains(&given.index) {
                        return unhandled(format_args!(
                            "an instance that is given all of core instance {}",
                            given.index
                        ));
                    }
                    needed[component.instances[given.index as usize]] = true;
                }
            }
            Item::Instance(Instance::FromExports(exports)) => {
                for export in exports {
                    needed[component.item_of(export.kind, export.index)?] = true;
                }
            }
            Item::Lower { options, .. } => mark(component, &mut needed, options)?,
            Item::Lift { core_function, options, .. } => {
                needed[component.item_of(ExternalKind::Func, *core_function)?] = true;
                mark(component, &mut needed, options)?;
            }
            _ => {}
        }
    }
    Ok(needed)
}

fn is_always_needed(item: &Item) -> bool {
    !matches!(item, Item::Module(_) | Item::Instance(Instance::FromExports(_)) | Item::CoreAlias(_))
}

fn mark(component: &Component, needed: &mut [bool], options: &[CanonicalOption]) -> Result<()> {
    for item in used_by(component, options)? {
        needed[item] = true;
    }
    Ok(())
}

/// The items that canonical options name.
fn used_by(component: &Component, options: &[CanonicalOption]) -> Result<Vec<usize>> {
    let mut used = Vec::new();
    for option in options {
        match option {
            CanonicalOption::Memory(index) => used.push(component.item_of(ExternalKind::Memory, *index)?),
            CanonicalOption::Realloc(index) | CanonicalOption::PostReturn(index) => {
                used.push(component.item_of(ExternalKind::Func, *index)?);
            }
            CanonicalOption::UTF8 | CanonicalOption::UTF16 | CanonicalOption::CompactUTF16 => {}
            other => return unhandled(format_args!("the canonical option {other:?}")),
        }
    }
    Ok(used)
}

fn leaning(component: &Component, wiring: &Wiring) -> Result<Vec<bool>> {
    let mut leaning = Vec::new();
    let mut instance = 0;
    for item in &component.items {
        let leans = match item {
            Item::Instance(made) => {
                instance += 1;
                instance_leans(component, wiring, &leaning, instance - 1, made)?
            }
            Item::CoreAlias(export) => export_leans(component, wiring, &leaning, *export)?,
            Item::Lower { options, .. } => used_by(component, options)?.into_iter().any(|used| leaning[used]),
            Item::Lift { .. } => true,
            _ => false,
        };
        leaning.push(leans);
    }
    Ok(leaning)
}

fn instance_leans(
    component: &Component,
    wiring: &Wiring,
    leaning: &[bool],
    index: u32,
    made: &Instance,
) -> Result<bool> {
    match made {
        Instance::Instantiate { args, .. } => {
            let starts = wiring.wired(index).module.start.is_some();
            let is_behind_member = wiring.members.first().is_some_and(|first| *first < index);
            let leans = |given: u32| leaning[component.instances[given as usize]];
            Ok(wiring.members.contains(&index)
                || (starts && is_behind_member)
                || args.iter().any(|given| leans(given.index)))
        }
        Instance::FromExports(exports) => {
            for export in exports {
                if leaning[component.item_of(export.kind, export.index)?] {
                    return Ok(true);
                }
            }
            Ok(false)
        }
    }
}

fn export_leans(component: &Component, wiring: &Wiring, leaning: &[bool], export: CoreExport) -> Result<bool> {
    Ok(match wiring.definition(component.origin_of_export(export)?)? {
        Definition::Defined { instance, .. } => leaning[component.instances[instance as usize]],
        Definition::Made(item) => leaning[item],
    })
}
