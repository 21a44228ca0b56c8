//! What of the members can run at all: libraries export far more than is called once they are linked.

use wasmparser::ExternalKind;

use crate::code::{Reference, references};
use crate::constant::Constant;
use crate::error::Result;
use crate::linked::{Code, Linked};
use crate::segments::Segments;
use crate::shown::Shown;

/// For each function and global, by its place.
pub(crate) struct Reached {
    pub(crate) functions: Vec<bool>,
    pub(crate) globals_read: Vec<bool>,
    pub(crate) globals_written: Vec<bool>,
}

impl Reached {
    /// Follows calls and references from the exports, the elements of tables and the values of globals.
    pub(crate) fn of(linked: &Linked, segments: &Segments, shown: &Shown) -> Result<Self> {
        let mut reached = Reached {
            functions: vec![false; linked.functions.len()],
            globals_read: vec![false; linked.globals.len()],
            globals_written: vec![false; linked.globals.len()],
        };
        let exported =
            (0..linked.functions.len() as u32).filter(|place| shown.name(ExternalKind::Func, *place).is_some());
        let elements = segments.elements.iter().flat_map(|elements| elements.functions.iter().flatten().copied());
        let values = linked.globals.iter().filter_map(|global| match global.value {
            Constant::Function(function) => Some(function),
            _ => None,
        });
        let mut waiting: Vec<u32> = exported.chain(elements).chain(values).collect();
        while let Some(place) = waiting.pop() {
            if std::mem::replace(&mut reached.functions[place as usize], true) {
                continue;
            }
            let Code::Body { member, body } = &linked.functions[place as usize].code else { continue };
            let member = &linked.members[*member];
            for reference in references(body)? {
                match reference {
                    Reference::Function(index) => waiting.push(member.functions[index as usize]),
                    Reference::GlobalRead(index) => {
                        reached.globals_read[member.globals[index as usize] as usize] = true
                    }
                    Reference::GlobalWritten(index) => {
                        reached.globals_written[member.globals[index as usize] as usize] = true;
                    }
                    Reference::TableWritten(_) => {}
                }
            }
        }
        Ok(reached)
    }
}
