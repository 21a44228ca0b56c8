//! Constant expressions, worked out: what dynamic linking leaves to instantiation is known once its globals are.

use wasm_encoder::{AbstractHeapType, ConstExpr, HeapType};
use wasmparser::Operator;

use crate::error::{Result, unhandled};

/// The value of a constant expression.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Constant {
    I32(i32),
    I64(i64),
    F32(u32),
    F64(u64),
    V128(i128),
    NullFunction,
    NullExternal,
    /// A reference to the function of a place.
    Function(u32),
}

/// Works out an expression, given the place of a function and the initial value of a global for an index in it.
pub(crate) fn value(
    expression: &wasmparser::ConstExpr,
    function: impl Fn(u32) -> u32,
    global: impl Fn(u32) -> Constant,
) -> Result<Constant> {
    let mut stack = Vec::new();
    for operator in expression.get_operators_reader() {
        let constant = match operator? {
            Operator::End => break,
            Operator::I32Const { value } => Constant::I32(value),
            Operator::I64Const { value } => Constant::I64(value),
            Operator::F32Const { value } => Constant::F32(value.bits()),
            Operator::F64Const { value } => Constant::F64(value.bits()),
            Operator::V128Const { value } => Constant::V128(value.i128()),
            Operator::RefNull { hty } if hty == wasmparser::HeapType::FUNC => Constant::NullFunction,
            Operator::RefNull { hty } if hty == wasmparser::HeapType::EXTERN => Constant::NullExternal,
            Operator::RefFunc { function_index } => Constant::Function(function(function_index)),
            Operator::GlobalGet { global_index } => global(global_index),
            operator => match (stack.pop(), stack.pop()) {
                (Some(right), Some(left)) => combined(&operator, left, right)?,
                _ => return unhandled(format_args!("the constant expression {operator:?}")),
            },
        };
        stack.push(constant);
    }
    match stack[..] {
        [constant] => Ok(constant),
        _ => unhandled("a constant expression without one value"),
    }
}

fn combined(operator: &Operator, left: Constant, right: Constant) -> Result<Constant> {
    Ok(match (operator, left, right) {
        (Operator::I32Add, Constant::I32(left), Constant::I32(right)) => Constant::I32(left.wrapping_add(right)),
        (Operator::I32Sub, Constant::I32(left), Constant::I32(right)) => Constant::I32(left.wrapping_sub(right)),
        (Operator::I32Mul, Constant::I32(left), Constant::I32(right)) => Constant::I32(left.wrapping_mul(right)),
        (Operator::I64Add, Constant::I64(left), Constant::I64(right)) => Constant::I64(left.wrapping_add(right)),
        (Operator::I64Sub, Constant::I64(left), Constant::I64(right)) => Constant::I64(left.wrapping_sub(right)),
        (Operator::I64Mul, Constant::I64(left), Constant::I64(right)) => Constant::I64(left.wrapping_mul(right)),
        _ => return unhandled(format_args!("the constant expression {operator:?}")),
    })
}

impl Constant {
    /// As an expression again; `function` gives the index of a function in the merged module.
    pub(crate) fn expression(self, function: impl Fn(u32) -> u32) -> ConstExpr {
        let null = |ty| ConstExpr::ref_null(HeapType::Abstract { shared: false, ty });
        match self {
            Constant::I32(value) => ConstExpr::i32_const(value),
            Constant::I64(value) => ConstExpr::i64_const(value),
            Constant::F32(bits) => ConstExpr::f32_const(wasm_encoder::Ieee32::new(bits)),
            Constant::F64(bits) => ConstExpr::f64_const(wasm_encoder::Ieee64::new(bits)),
            Constant::V128(value) => ConstExpr::v128_const(value),
            Constant::NullFunction => null(AbstractHeapType::Func),
            Constant::NullExternal => null(AbstractHeapType::Extern),
            Constant::Function(index) => ConstExpr::ref_func(function(index)),
        }
    }
}
