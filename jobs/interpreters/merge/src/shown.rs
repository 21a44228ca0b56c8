//! What the rest of the component sees of the members, and the names under which the merged module exports it.

use std::collections::{BTreeMap, BTreeSet};

use wasmparser::ExternalKind;

use crate::component::{Component, Item, space};
use crate::error::Result;
use crate::linked::Linked;
use crate::plan::Plan;
use crate::wiring::Wiring;

/// The exports of the merged module: a name for each place in the lists of [`Linked`] that is shown.
pub(crate) struct Shown {
    pub(crate) names: BTreeMap<(usize, u32), String>,
}

impl Shown {
    /// All that is still needed of the members, and the functions with which they start.
    pub(crate) fn of(component: &Component, wiring: &Wiring, plan: &Plan, linked: &Linked) -> Result<Self> {
        let (mut names, mut taken) = (BTreeMap::new(), BTreeSet::new());
        for (item, _) in component.items.iter().zip(&plan.needed).filter(|(_, needed)| **needed) {
            let Item::CoreAlias(export) = item else { continue };
            let definition = wiring.definition(component.origin_of_export(*export)?)?;
            if let Some(place) = linked.own_place(export.kind, definition)? {
                names.entry((space(export.kind)?, place)).or_insert_with(|| unique(export.name, &mut taken));
            }
        }
        for member in &linked.members {
            if let Some(start) = member.start() {
                names.entry((space(ExternalKind::Func)?, start)).or_insert_with(|| unique("start", &mut taken));
            }
        }
        Ok(Shown { names })
    }

    /// The name under which something is exported.
    pub(crate) fn name(&self, kind: ExternalKind, place: u32) -> Option<&str> {
        self.names.get(&(space(kind).ok()?, place)).map(String::as_str)
    }
}

/// A name that is not taken yet, if possible the one that is wanted.
pub(crate) fn unique(wanted: &str, taken: &mut BTreeSet<String>) -> String {
    let numbered = (2..).map(|number| format!("{wanted}#{number}"));
    let free = std::iter::once(wanted.to_owned()).chain(numbered).find(|name| !taken.contains(name));
    let name = free.expect("there are more numbers than names");
    taken.insert(name.clone());
    name
}
