//! What the members write to tables and to the memory when they are instantiated, with offsets that are known.

use wasmparser::{DataKind, ElementItems, ElementKind, RefType};

use crate::constant::Constant;
use crate::error::{Result, unhandled};
use crate::linked::{Linked, Member};

const PAGE_BYTES: u64 = 64 << 10;

/// The segments of all members, in the order in which instantiation applies them.
pub(crate) struct Segments<'a> {
    pub(crate) elements: Vec<Elements>,
    pub(crate) data: Vec<Data<'a>>,
    /// For each member, how many segments there are before its own.
    pub(crate) first: Vec<First>,
}

/// How many segments there are before those of a member.
#[derive(Clone, Copy)]
pub(crate) struct First {
    pub(crate) elements: u32,
    pub(crate) data: u32,
}

/// References to functions.
pub(crate) struct Elements {
    pub(crate) mode: Mode,
    /// The functions, by their place; none where the reference is null.
    pub(crate) functions: Vec<Option<u32>>,
}

/// When the elements are written.
pub(crate) enum Mode {
    Active { table: u32, offset: u32 },
    Passive,
    Declared,
}

/// Bytes of the memory.
pub(crate) struct Data<'a> {
    /// Where they are written at the start; none if an instruction does it.
    pub(crate) offset: Option<u32>,
    pub(crate) bytes: &'a [u8],
}

impl<'a> Segments<'a> {
    pub(crate) fn of(linked: &Linked<'a, '_>) -> Result<Self> {
        let mut segments = Segments { elements: Vec::new(), data: Vec::new(), first: Vec::new() };
        for member in &linked.members {
            let first = First { elements: segments.elements.len() as u32, data: segments.data.len() as u32 };
            segments.first.push(first);
            for element in &member.module.elements {
                let mode = mode(linked, member, &element.kind)?;
                segments.elements.push(Elements { mode, functions: functions(linked, member, &element.items)? });
            }
            for data in &member.module.data {
                segments.data.push(Data { offset: data_offset(linked, member, &data.kind)?, bytes: data.data });
            }
        }
        segments.check(linked)?;
        Ok(segments)
    }

    /// A segment that does not fit is a trap, at which some members would be instantiated and others not.
    fn check(&self, linked: &Linked) -> Result<()> {
        for elements in &self.elements {
            if let Mode::Active { table, offset } = elements.mode {
                let (end, size) = (offset as usize + elements.functions.len(), linked.tables[table as usize].initial);
                if end as u64 > size {
                    return unhandled(format_args!("elements up to {end} of a table of {size}"));
                }
            }
        }
        let size = linked.memories[0].initial * PAGE_BYTES;
        for data in &self.data {
            let end = u64::from(data.offset.unwrap_or(0)) + data.bytes.len() as u64;
            if data.offset.is_some() && end > size {
                return unhandled(format_args!("data up to {end} of a memory of {size} bytes"));
            }
        }
        Ok(())
    }
}

fn mode(linked: &Linked, member: &Member, kind: &ElementKind) -> Result<Mode> {
    Ok(match kind {
        ElementKind::Passive => Mode::Passive,
        ElementKind::Declared => Mode::Declared,
        ElementKind::Active { table_index, offset_expr } => {
            let table = member.tables[table_index.unwrap_or(0) as usize];
            Mode::Active { table, offset: offset(linked.value(offset_expr, member)?)? }
        }
    })
}

fn functions(linked: &Linked, member: &Member, items: &ElementItems) -> Result<Vec<Option<u32>>> {
    match items {
        ElementItems::Functions(functions) => {
            functions.clone().into_iter().map(|function| Ok(Some(member.functions[function? as usize]))).collect()
        }
        ElementItems::Expressions(RefType::FUNCREF, expressions) => {
            let function = |expression| match linked.value(&expression, member)? {
                Constant::Function(function) => Ok(Some(function)),
                Constant::NullFunction => Ok(None),
                other => unhandled(format_args!("the element {other:?}")),
            };
            expressions.clone().into_iter().map(|expression| function(expression?)).collect()
        }
        ElementItems::Expressions(ty, _) => unhandled(format_args!("elements of type {ty}")),
    }
}

fn data_offset(linked: &Linked, member: &Member, kind: &DataKind) -> Result<Option<u32>> {
    match kind {
        DataKind::Passive => Ok(None),
        DataKind::Active { offset_expr, .. } => offset(linked.value(offset_expr, member)?).map(Some),
    }
}

fn offset(value: Constant) -> Result<u32> {
    match value {
        Constant::I32(offset) => Ok(offset.cast_unsigned()),
        other => unhandled(format_args!("the offset {other:?}")),
    }
}
