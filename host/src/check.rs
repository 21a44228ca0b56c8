//! Whether a program may be compiled: valid, within the allowed proposals, and under every limit.
//!
//! Reads each instruction before the compiler does, because compiling is not covered by wasmtime's promise for
//! untrusted input.

use wasmparser::{FunctionBody, Operator, Parser, Payload, ValType, Validator, WasmFeatures};

use crate::engine::ALLOWED;
use crate::failure::Failure;
use crate::inspect::{bad_program, invalid, within};
use crate::limits::ProgramLimits;

/// Reads every instruction: the program is valid, uses only what is allowed, and stays under the limits.
pub(crate) fn check(bytes: &[u8], limits: &ProgramLimits) -> Result<(), Failure> {
    // One memory for a core module, though adapters of components may have several.
    let features = ALLOWED.difference(WasmFeatures::MULTI_MEMORY);
    let mut validator = Validator::new_with_features(features);
    for payload in Parser::new(0).parse_all(bytes) {
        let payload = payload.map_err(invalid)?;
        if let Payload::CodeSectionEntry(body) = &payload {
            check_body(body, limits)?;
        }
        refuse_external_references(&payload)?;
        if let wasmparser::ValidPayload::Func(function, body) = validator.payload(&payload).map_err(invalid)? {
            function.into_validator(Default::default()).validate(&body).map_err(invalid)?;
        }
    }
    Ok(())
}

fn check_body(body: &FunctionBody<'_>, limits: &ProgramLimits) -> Result<(), Failure> {
    within("bytes in one function", body.as_bytes().len() as u64, limits.body_bytes as u64)?;
    let mut locals = 0u64;
    for group in body.get_locals_reader().map_err(invalid)? {
        let (count, kind) = group.map_err(invalid)?;
        locals += u64::from(count);
        refuse_external_reference(kind)?;
    }
    within("locals in one function", locals, u64::from(limits.locals))?;
    let mut depth = 0usize;
    for operator in body.get_operators_reader().map_err(invalid)? {
        match operator.map_err(invalid)? {
            Operator::Block { .. } | Operator::Loop { .. } | Operator::If { .. } => {
                depth += 1;
                within("nested blocks", depth as u64, limits.nesting as u64)?;
            }
            Operator::End => depth = depth.saturating_sub(1),
            Operator::BrTable { targets } => {
                within("targets of one br_table", u64::from(targets.len()), u64::from(limits.branch_targets))?;
            }
            Operator::RefNull { hty } if hty == wasmparser::HeapType::EXTERN => return Err(external_reference()),
            _ => {}
        }
    }
    Ok(())
}

/// `externref` is part of WebAssembly 2.0, but would need a collector that is not built in.
fn refuse_external_references(payload: &Payload<'_>) -> Result<(), Failure> {
    match payload {
        Payload::TypeSection(reader) => {
            for group in reader.clone() {
                for recorded in group.map_err(invalid)?.into_types() {
                    if let wasmparser::CompositeInnerType::Func(function) = recorded.composite_type.inner {
                        function
                            .params()
                            .iter()
                            .chain(function.results())
                            .try_for_each(|t| refuse_external_reference(*t))?;
                    }
                }
            }
        }
        Payload::TableSection(reader) => {
            for table in reader.clone() {
                refuse_external_reference(ValType::Ref(table.map_err(invalid)?.ty.element_type))?;
            }
        }
        Payload::GlobalSection(reader) => {
            for global in reader.clone() {
                refuse_external_reference(global.map_err(invalid)?.ty.content_type)?;
            }
        }
        _ => {}
    }
    Ok(())
}

fn refuse_external_reference(kind: ValType) -> Result<(), Failure> {
    if kind == ValType::EXTERNREF { Err(external_reference()) } else { Ok(()) }
}

fn external_reference() -> Failure {
    bad_program("the program uses `externref`, which is not allowed here")
}
