//! Calls through a table whose elements are known.
//!
//! Modules that call each other in a circle are linked through functions which pass their arguments to an element of
//! the table. Where nothing writes to that table, each is the function that the element refers to.

use std::collections::HashMap;

use wasmparser::ExternalKind;

use crate::code::{Reference, forward, references};
use crate::error::Result;
use crate::linked::{Code, Linked};
use crate::segments::{Mode, Segments};
use crate::shown::Shown;

/// For each function that only passes on its arguments, the one that gets them. `shown` is what others see of the
/// members, who could write to a table.
pub(crate) fn targets(linked: &Linked, segments: &Segments, shown: &Shown) -> Result<HashMap<u32, u32>> {
    let mut contents = contents(segments);
    contents.retain(|table, _| shown.name(ExternalKind::Table, *table).is_none());
    let mut forwards = HashMap::new();
    for (function, place) in linked.functions.iter().zip(0..) {
        let Code::Body { member, body } = &function.code else { continue };
        let member = &linked.members[*member];
        for reference in references(body)? {
            if let Reference::TableWritten(table) = reference {
                contents.remove(&member.tables[table as usize]);
            }
        }
        let parameters = linked.types[function.ty as usize].params().len();
        if let Some(forward) = forward(body, parameters)? {
            let (table, ty) = (member.tables[forward.table as usize], member.types[forward.ty as usize]);
            forwards.insert(place, (table, forward.element, ty));
        }
    }
    let one_step = forwards.iter().filter_map(|(function, (table, element, ty))| {
        let target = *contents.get(table)?.get(element)?;
        let same_type = linked.functions[target as usize].ty == *ty && linked.functions[*function as usize].ty == *ty;
        same_type.then_some((*function, target))
    });
    let one_step: HashMap<u32, u32> = one_step.collect();
    Ok(one_step.keys().filter_map(|function| Some((*function, last(*function, &one_step)?))).collect())
}

/// The end of a chain; none if it is a circle, which calls itself for ever.
fn last(function: u32, one_step: &HashMap<u32, u32>) -> Option<u32> {
    let mut last = function;
    for _ in 0..=one_step.len() {
        match one_step.get(&last) {
            Some(next) => last = *next,
            None => return Some(last),
        }
    }
    None
}

/// The functions in each table, by their element.
fn contents(segments: &Segments) -> HashMap<u32, HashMap<u32, u32>> {
    let mut contents: HashMap<_, HashMap<_, _>> = HashMap::new();
    for elements in &segments.elements {
        let Mode::Active { table, offset } = elements.mode else { continue };
        let table = contents.entry(table).or_default();
        for (element, function) in (offset..).zip(&elements.functions) {
            match function {
                Some(function) => table.insert(element, *function),
                None => table.remove(&element),
            };
        }
    }
    contents
}
