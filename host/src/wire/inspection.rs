//! What a program is, as its bytes say.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

use super::run::FailureDocument;
use crate::failure::Failure;
use crate::inspect::{Export, Import, Inspection, Need, World};
use crate::job::Digest;

/// What a program is; null wherever the bytes are no program that can be read.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct InspectionDocument {
    /// The SHA-256 of its bytes.
    pub program: Option<Digest>,
    /// Its size.
    pub size_bytes: Option<usize>,
    /// `core module` or `component`.
    pub kind: Option<String>,
    /// What it can be run as, if it is a component.
    pub worlds: Option<Vec<String>>,
    /// The functions that are called, in order, if it is a core module.
    pub entry: Option<Vec<String>>,
    /// What it needs from the host.
    pub imports: Option<Vec<ImportDocument>>,
    /// What it offers.
    pub exports: Option<Vec<ExportDocument>>,
    /// What it may use of WASI.
    pub needs: Option<Vec<String>>,
    /// The linear memory with which it starts.
    pub initial_memory_bytes: Option<u64>,
    /// The size of its DWARF sections.
    pub debug_bytes: Option<usize>,
    /// What it says of itself.
    pub about: Value,
    /// The JSON Schema of its kwargs.
    pub kwargs_schema: Value,
    /// The JSON Schema of its result.
    pub result_schema: Value,
    /// Whether it would be run.
    pub accepted: bool,
    /// Why not.
    pub failure: Option<FailureDocument>,
}

/// One thing that a program needs from the host.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ImportDocument {
    /// The module, or of a component the interface.
    pub module: String,
    /// The name in it; empty for an interface.
    pub name: String,
    /// Its type.
    #[serde(rename = "type")]
    pub signature: String,
}

/// One thing that a program offers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ExportDocument {
    /// Its name.
    pub name: String,
    /// Its type.
    #[serde(rename = "type")]
    pub signature: String,
}

impl InspectionDocument {
    /// Of what was read, and why the program would be refused, if it would be.
    #[must_use]
    pub fn of(inspection: Option<&Inspection>, refusal: Option<&Failure>) -> Self {
        let schema =
            |of: fn(&Inspection) -> &Option<Value>| inspection.and_then(|read| of(read).clone()).unwrap_or_default();
        InspectionDocument {
            program: inspection.map(|read| read.digest),
            size_bytes: inspection.map(|read| read.size_bytes),
            kind: inspection.map(|read| read.form.as_str().to_owned()),
            worlds: inspection.map(|read| texts(read.worlds().into_iter().map(World::as_str))),
            entry: inspection.map(|read| texts(read.entry_names().into_iter())),
            imports: inspection.map(|read| read.imports.iter().map(ImportDocument::from).collect()),
            exports: inspection.map(|read| read.exports.iter().map(ExportDocument::from).collect()),
            needs: inspection.map(|read| texts(read.needs().into_iter().map(Need::as_str))),
            initial_memory_bytes: inspection.map(|read| read.initial_memory_bytes),
            debug_bytes: inspection.map(|read| read.debug_bytes),
            about: schema(|read| &read.about),
            kwargs_schema: schema(|read| &read.kwargs_schema),
            result_schema: schema(|read| &read.result_schema),
            accepted: refusal.is_none(),
            failure: refusal.map(FailureDocument::from),
        }
    }
}

fn texts(names: impl Iterator<Item = impl Into<String>>) -> Vec<String> {
    names.map(Into::into).collect()
}

impl From<&Import> for ImportDocument {
    fn from(import: &Import) -> Self {
        let Import { module, name, signature } = import.clone();
        ImportDocument { module, name, signature }
    }
}

impl From<&Export> for ExportDocument {
    fn from(export: &Export) -> Self {
        let Export { name, signature } = export.clone();
        ExportDocument { name, signature }
    }
}
