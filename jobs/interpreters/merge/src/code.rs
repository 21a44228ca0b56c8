//! The code of functions: what it refers to, and the same code for the indices of the merged module.
//!
//! Only instructions with an index in them are written anew; all else is copied byte by byte. The proposals that
//! programs may use have no other instructions with an index; those that have are refused when the component is
//! validated.

use wasm_encoder::{Encode, Instruction};
use wasmparser::{BlockType, FunctionBody, HeapType, Operator};

use crate::error::{Result, unhandled};

/// Something that an instruction names by its index in the function's own module.
pub(crate) enum Reference {
    Function(u32),
    GlobalRead(u32),
    GlobalWritten(u32),
    TableWritten(u32),
}

/// The indices of one member in the merged module.
pub(crate) trait Indices {
    fn ty(&self, index: u32) -> u32;
    fn function(&self, index: u32) -> u32;
    fn table(&self, index: u32) -> u32;
    fn global(&self, index: u32) -> u32;
    fn elements(&self, index: u32) -> u32;
    fn data(&self, index: u32) -> u32;
    /// The value of a global that never changes.
    fn constant(&self, global: u32) -> Option<i32>;
}

/// What the code of a function refers to.
pub(crate) fn references(body: &FunctionBody) -> Result<Vec<Reference>> {
    let mut found = Vec::new();
    for operator in body.get_operators_reader()? {
        found.push(match operator? {
            Operator::Call { function_index }
            | Operator::ReturnCall { function_index }
            | Operator::RefFunc { function_index } => Reference::Function(function_index),
            Operator::GlobalGet { global_index } => Reference::GlobalRead(global_index),
            Operator::GlobalSet { global_index } => Reference::GlobalWritten(global_index),
            Operator::TableSet { table }
            | Operator::TableGrow { table }
            | Operator::TableFill { table }
            | Operator::TableInit { table, .. }
            | Operator::TableCopy { dst_table: table, .. } => Reference::TableWritten(table),
            _ => continue,
        });
    }
    Ok(found)
}

/// A function that does nothing but pass its arguments to an element of a table.
pub(crate) struct Forward {
    pub(crate) table: u32,
    pub(crate) element: u32,
    pub(crate) ty: u32,
}

/// Whether a function of so many parameters is a [`Forward`].
pub(crate) fn forward(body: &FunctionBody, parameters: usize) -> Result<Option<Forward>> {
    // Nothing of it is longer: 6 bytes for each argument, and two instructions of two indices.
    if body.as_bytes().len() > 6 * parameters + 24 {
        return Ok(None);
    }
    let operators = body.get_operators_reader()?.into_iter().collect::<wasmparser::Result<Vec<_>>>()?;
    let [arguments @ .., Operator::I32Const { value }, call, Operator::End] = &operators[..] else { return Ok(None) };
    let Operator::CallIndirect { type_index: ty, table_index: table } = *call else { return Ok(None) };
    let in_order = |(operator, index): (&Operator, u32)| match operator {
        Operator::LocalGet { local_index } => *local_index == index,
        _ => false,
    };
    let passes_all = arguments.len() == parameters && arguments.iter().zip(0..).all(in_order);
    Ok(passes_all.then_some(Forward { table, element: *value as u32, ty }))
}

/// The code of a function, locals included, with new indices.
pub(crate) fn rewritten(body: &FunctionBody, indices: &impl Indices) -> Result<Vec<u8>> {
    let (bytes, base) = (body.as_bytes(), body.range().start);
    let mut reader = body.get_operators_reader()?;
    let mut start = reader.original_position();
    let mut writer = Writer { code: bytes[..start - base].to_vec(), constants: Vec::new() };
    while !reader.eof() {
        let operator = reader.read()?;
        let end = reader.original_position();
        match operator {
            Operator::GlobalGet { global_index } => match indices.constant(global_index) {
                Some(value) => writer.constant(value),
                None => writer.write(Instruction::GlobalGet(indices.global(global_index))),
            },
            Operator::I32Const { value } => writer.constant(value),
            Operator::I32Add if writer.add() => {}
            operator => match renumbered(&operator, indices)? {
                Some(instruction) => writer.write(instruction),
                None => writer.copy(&bytes[start - base..end - base]),
            },
        }
        start = end;
    }
    Ok(writer.code)
}

/// An instruction with new indices; none if there is no index in it.
fn renumbered(operator: &Operator, indices: &impl Indices) -> Result<Option<Instruction<'static>>> {
    let block = |ty: u32| wasm_encoder::BlockType::FunctionType(indices.ty(ty));
    Ok(Some(match *operator {
        Operator::Block { blockty: BlockType::FuncType(ty) } => Instruction::Block(block(ty)),
        Operator::Loop { blockty: BlockType::FuncType(ty) } => Instruction::Loop(block(ty)),
        Operator::If { blockty: BlockType::FuncType(ty) } => Instruction::If(block(ty)),
        Operator::Call { function_index } => Instruction::Call(indices.function(function_index)),
        Operator::ReturnCall { function_index } => Instruction::ReturnCall(indices.function(function_index)),
        Operator::RefFunc { function_index } => Instruction::RefFunc(indices.function(function_index)),
        Operator::CallIndirect { type_index, table_index } => {
            Instruction::CallIndirect { type_index: indices.ty(type_index), table_index: indices.table(table_index) }
        }
        Operator::ReturnCallIndirect { type_index, table_index } => Instruction::ReturnCallIndirect {
            type_index: indices.ty(type_index),
            table_index: indices.table(table_index),
        },
        Operator::GlobalSet { global_index } => Instruction::GlobalSet(indices.global(global_index)),
        Operator::TableGet { table } => Instruction::TableGet(indices.table(table)),
        Operator::TableSet { table } => Instruction::TableSet(indices.table(table)),
        Operator::TableGrow { table } => Instruction::TableGrow(indices.table(table)),
        Operator::TableSize { table } => Instruction::TableSize(indices.table(table)),
        Operator::TableFill { table } => Instruction::TableFill(indices.table(table)),
        Operator::TableCopy { dst_table, src_table } => {
            Instruction::TableCopy { dst_table: indices.table(dst_table), src_table: indices.table(src_table) }
        }
        Operator::TableInit { elem_index, table } => {
            Instruction::TableInit { elem_index: indices.elements(elem_index), table: indices.table(table) }
        }
        Operator::ElemDrop { elem_index } => Instruction::ElemDrop(indices.elements(elem_index)),
        Operator::MemoryInit { data_index, mem } => {
            Instruction::MemoryInit { mem, data_index: indices.data(data_index) }
        }
        Operator::DataDrop { data_index } => Instruction::DataDrop(indices.data(data_index)),
        Operator::RefNull { hty: HeapType::Concrete(_) | HeapType::Exact(_) } => {
            return unhandled(format_args!("the instruction {operator:?}"));
        }
        _ => return Ok(None),
    }))
}

/// New code. Constants are held back until it is known that they are not added up.
struct Writer {
    code: Vec<u8>,
    constants: Vec<i32>,
}

impl Writer {
    fn copy(&mut self, bytes: &[u8]) {
        self.release();
        self.code.extend_from_slice(bytes);
    }

    fn write(&mut self, instruction: Instruction) {
        self.release();
        instruction.encode(&mut self.code);
    }

    fn constant(&mut self, value: i32) {
        self.constants.push(value);
    }

    /// Adds the last two values, if they are constants; position-independent code adds an offset to its base.
    fn add(&mut self) -> bool {
        let [.., left, right] = self.constants[..] else { return false };
        self.constants.truncate(self.constants.len() - 2);
        self.constants.push(left.wrapping_add(right));
        true
    }

    fn release(&mut self) {
        for value in self.constants.drain(..) {
            Instruction::I32Const(value).encode(&mut self.code);
        }
    }
}
