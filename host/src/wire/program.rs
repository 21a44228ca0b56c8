//! What programs and sources look like that a server keeps under names.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::inspection::InspectionDocument;
use super::values::{LanguageName, Moment};
use crate::job::Digest;

/// A source text that is to be stored under a name.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SourceRequest {
    /// The language that it is in.
    pub language: LanguageName,
    /// The text.
    pub source: String,
}

/// What a name means: a program, or a source text in a language.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ProgramDocument {
    /// The name.
    pub name: String,
    /// The SHA-256 of the program's bytes or of the source text.
    pub digest: Digest,
    /// The language of a source; null for a program.
    pub language: Option<String>,
    /// How many bytes it has.
    pub size_bytes: u64,
    /// When the name was given to it.
    pub stored_at: Moment,
    /// The text of a source; null for a program.
    pub source: Option<String>,
    /// What the program is, as `ampule inspect --json` tells it; null for a source.
    pub inspection: Option<InspectionDocument>,
    /// What the name has meant, newest first.
    pub versions: Vec<VersionDocument>,
}

/// One meaning that a name has or had.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct VersionDocument {
    /// The SHA-256 of the program's bytes or of the source text.
    pub digest: Digest,
    /// The language of a source; null for a program.
    pub language: Option<String>,
    /// How many bytes it has.
    pub size_bytes: u64,
    /// When the name was given to it, the last time.
    pub stored_at: Moment,
}

/// What a name has meant.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct VersionsDocument {
    /// Newest first: the first one is what it means now.
    pub versions: Vec<VersionDocument>,
}

/// A name and what it means, in short.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct NamedDocument {
    /// The name.
    pub name: String,
    /// What it means now.
    #[serde(flatten)]
    pub version: VersionDocument,
}

/// A page of names.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ProgramsDocument {
    /// In order of name.
    pub programs: Vec<NamedDocument>,
    /// The last name of this page, if there are more: given as `after`, it gets the next page.
    pub next: Option<String>,
}
