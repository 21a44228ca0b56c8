//! The sections of a program that are ours to decide: what it exports, and what it says of itself.

use std::error::Error;
use std::fmt::Write as _;

use serde_json::{Map, Value};
use sha2::{Digest, Sha256};
use wasm_encoder::{CustomSection, Encode, ExportKind, ExportSection, RawSection, SectionId};
use wasmparser::{ExternalKind, Parser, Payload};

/// The custom section in which a program says what it is.
const ABOUT: &str = "ampule:about";

/// All that a job exports; a linker adds names of its own, which only invite guesses.
const OF_A_JOB: [&str; 4] = ["memory", "_initialize", "_start", "run"];

/// The same program with only the exports of a job.
pub(crate) fn of_a_job(program: &[u8]) -> wasmparser::Result<Vec<u8>> {
    let mut module = wasm_encoder::Module::new();
    for payload in Parser::new(0).parse_all(program) {
        let payload = payload?;
        if let Payload::ExportSection(exports) = payload {
            let mut kept = ExportSection::new();
            for export in exports {
                let export = export?;
                if OF_A_JOB.contains(&export.name) {
                    kept.export(export.name, kind(export.kind), export.index);
                }
            }
            module.section(&kept);
        } else if let Some((id, range)) = payload.as_section() {
            module.section(&RawSection { id, data: &program[range] });
        }
    }
    Ok(module.finish())
}

/// Says what a program is, in JSON, at its end.
pub(crate) fn add_about(program: &mut Vec<u8>, about: &str) {
    let section = CustomSection { name: ABOUT.into(), data: about.as_bytes().into() };
    program.push(SectionId::Custom.into());
    section.encode(program);
}

/// What is to be known of a program without unpacking it: its digest, its size in bytes and what it says of itself, each
/// on a line. A program that says nothing has an empty object there.
pub(crate) fn manifest(program: &[u8]) -> Result<String, Box<dyn Error>> {
    let mut about = Value::Object(Map::new());
    let mut depth = 0;
    for payload in Parser::new(0).parse_all(program) {
        match payload? {
            Payload::ModuleSection { .. } | Payload::ComponentSection { .. } => depth += 1,
            Payload::End(_) => depth -= 1,
            Payload::CustomSection(section) if section.name() == ABOUT && depth == 0 => {
                about = serde_json::from_slice(section.data())?;
            }
            _ => {}
        }
    }
    let mut digest = String::new();
    Sha256::digest(program).iter().try_for_each(|byte| write!(digest, "{byte:02x}"))?;
    Ok(format!("sha256:{digest}\n{}\n{about}\n", program.len()))
}

fn kind(kind: ExternalKind) -> ExportKind {
    match kind {
        ExternalKind::Func | ExternalKind::FuncExact => ExportKind::Func,
        ExternalKind::Table => ExportKind::Table,
        ExternalKind::Memory => ExportKind::Memory,
        ExternalKind::Global => ExportKind::Global,
        ExternalKind::Tag => ExportKind::Tag,
    }
}
