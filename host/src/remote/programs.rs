//! Programs as a server keeps them, under names.

use std::collections::BTreeMap;

use bytes::Bytes;
use http::Method;

use super::RemoteQueue;
use super::http::Ask;
use super::refusal::is_missing;
use crate::inspect::{Export, Form, Import, Inspection};
use crate::job::Digest;
use crate::queue::{Error, GivenName, StoredProgram, Version};
use crate::wire::{InspectionDocument, Moment, NamedDocument, ProgramDocument, ProgramsDocument, VersionsDocument};

/// What a name means on a server.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Meaning {
    /// A program.
    Program(Box<Inspection>),
    /// A source string, which declares nothing of its kwargs.
    Source,
}

impl RemoteQueue {
    /// Uploads a program under a name, unless the name means it already.
    pub(super) async fn upload(&self, wasm: &[u8], name: Option<&str>) -> Result<Digest, Error> {
        let digest = Digest::of(wasm);
        let Some(name) = name else {
            return Err(Error::Unsupported("a server keeps programs under names".to_owned()));
        };
        if self.versions_of(name).await?.first().is_some_and(|version| version.digest == digest) {
            return Ok(digest);
        }
        let path = ["v1", "programs", name];
        let ask = Ask::new(Method::PUT, &path).patient().body("application/wasm", Bytes::copy_from_slice(wasm));
        Ok(self.http.ask(ask).await?.document::<ProgramDocument>()?.digest)
    }

    /// What the name means; nothing if the server has neither a program nor a source of this name.
    ///
    /// # Errors
    /// The queue's.
    pub async fn meaning(&self, name: &str) -> Result<Option<Meaning>, Error> {
        let Some(document) = self.document(name, None).await? else { return Ok(None) };
        Ok(match (document.language, document.inspection) {
            (Some(_), _) => Some(Meaning::Source),
            (None, read) => {
                read.and_then(|read| inspection(document.digest, read)).map(|read| Meaning::Program(Box::new(read)))
            }
        })
    }

    /// What the program is; nothing if the server has none of this digest.
    ///
    /// # Errors
    /// The queue's.
    pub async fn inspection(&self, digest: Digest) -> Result<Option<Inspection>, Error> {
        let Some(name) = self.name_of(digest).await? else { return Ok(None) };
        let document = self.document(&name, Some(digest)).await?;
        Ok(document.and_then(|document| inspection(document.digest, document.inspection?)))
    }

    async fn document(&self, name: &str, digest: Option<Digest>) -> Result<Option<ProgramDocument>, Error> {
        let path = ["v1", "programs", name];
        let query = digest.map(|digest| ("digest", digest.to_string())).into_iter().collect();
        match self.http.ask(Ask::get(&path).query(query)).await {
            Ok(answer) => Ok(Some(answer.document()?)),
            Err(error) if is_missing(&error) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// The bytes, for a token that may have them.
    pub(super) async fn download(&self, digest: Digest) -> Result<Option<Vec<u8>>, Error> {
        let Some(name) = self.name_of(digest).await? else { return Ok(None) };
        let path = ["v1", "programs", &*name, "wasm"];
        let ask = Ask::get(&path).query(vec![("digest", digest.to_string())]).patient();
        match self.http.ask(ask).await {
            Ok(answer) => Ok(Some(answer.bytes().to_vec())),
            Err(error) if is_missing(&error) => Ok(None),
            Err(error) => Err(error),
        }
    }

    pub(super) async fn stored_programs(&self) -> Result<Vec<StoredProgram>, Error> {
        let mut programs: BTreeMap<Digest, StoredProgram> = BTreeMap::new();
        for NamedDocument { name, version } in self.named().await? {
            // A source text has a digest too, and is no program.
            if version.language.is_some() {
                continue;
            }
            let (digest, size_bytes, stored_at) = (version.digest, version.size_bytes, version.stored_at.0);
            let stored = StoredProgram { digest, size_bytes, names: Vec::new(), stored_at };
            programs.entry(digest).or_insert(stored).names.push(GivenName { name, named_at: stored_at });
        }
        Ok(programs.into_values().collect())
    }

    pub(super) async fn versions_of(&self, name: &str) -> Result<Vec<Version>, Error> {
        let path = ["v1", "programs", name, "versions"];
        let document: VersionsDocument = match self.http.ask(Ask::get(&path)).await {
            Ok(answer) => answer.document()?,
            Err(error) if is_missing(&error) => return Ok(Vec::new()),
            Err(error) => return Err(error),
        };
        let programs = document.versions.into_iter().filter(|version| version.language.is_none());
        let version = |Moment(named_at), digest, size_bytes| Version { digest, size_bytes, named_at };
        Ok(programs.map(|document| version(document.stored_at, document.digest, document.size_bytes)).collect())
    }

    pub(super) async fn forget_name(&self, name: &str) -> Result<bool, Error> {
        let path = ["v1", "programs", name];
        found(self.http.ask(Ask::new(Method::DELETE, &path)).await.and_then(|answer| answer.nothing()))
    }

    async fn name_of(&self, digest: Digest) -> Result<Option<String>, Error> {
        let named = self.named().await?.into_iter().find(|named| named.version.digest == digest);
        Ok(named.map(|named| named.name))
    }

    /// Every name that there is.
    async fn named(&self) -> Result<Vec<NamedDocument>, Error> {
        let mut all = Vec::new();
        let mut after = None;
        loop {
            let mut query = vec![("limit", "1000".to_owned())];
            query.extend(after.take().map(|after| ("after", after)));
            let page: ProgramsDocument = self.http.ask(Ask::get(&["v1", "programs"]).query(query)).await?.document()?;
            all.extend(page.programs);
            match page.next {
                Some(next) => after = Some(next),
                None => return Ok(all),
            }
        }
    }
}

/// Whether there was something to be taken away.
pub(super) fn found<T>(answer: Result<T, Error>) -> Result<bool, Error> {
    match answer {
        Ok(_) => Ok(true),
        Err(error) if is_missing(&error) => Ok(false),
        Err(error) => Err(error),
    }
}

/// What its document tells; nothing of bytes that could not be read.
fn inspection(digest: Digest, document: InspectionDocument) -> Option<Inspection> {
    let import = |import: crate::wire::ImportDocument| Import {
        module: import.module,
        name: import.name,
        signature: import.signature,
    };
    let export = |export: crate::wire::ExportDocument| Export { name: export.name, signature: export.signature };
    Some(Inspection {
        digest,
        form: [Form::Module, Form::Component]
            .into_iter()
            .find(|form| Some(form.as_str()) == document.kind.as_deref())?,
        size_bytes: document.size_bytes?,
        imports: document.imports?.into_iter().map(import).collect(),
        exports: document.exports?.into_iter().map(export).collect(),
        initial_memory_bytes: document.initial_memory_bytes?,
        debug_bytes: document.debug_bytes?,
        kwargs_schema: Some(document.kwargs_schema).filter(|schema| !schema.is_null()),
        result_schema: Some(document.result_schema).filter(|schema| !schema.is_null()),
        about: Some(document.about).filter(|about| !about.is_null()),
    })
}
