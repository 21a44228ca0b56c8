//! Programs and sources that jobs mean by name: stored, listed, shown, taken away.

mod listing;
mod put;

use std::borrow::Cow;

use axum::response::{IntoResponse, Response};
use http::header::{CONTENT_DISPOSITION, CONTENT_TYPE};
use http::{HeaderValue, StatusCode};
use serde::Deserialize;
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::super::access::{Admin, Principal, Read};
use super::super::body::{Json, Place};
use super::super::params::Params;
use super::super::problem::{Problem, Result};
use super::super::sources::{self, Named, NamedSource, SourceVersion};
use super::super::{App, uploads};
use crate::job::Digest;
use crate::queue::Version;
use crate::wire::{InspectionDocument, Moment, ProgramDocument, VersionDocument, VersionsDocument};

/// The bytes of a WebAssembly program.
#[derive(ToSchema)]
#[schema(value_type = String, format = Binary)]
#[expect(dead_code, reason = "stands in the document; the bytes are never read into it")]
struct WasmBytes(Vec<u8>);

/// Which version is meant.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct Which {
    /// The version with this digest. Default what the name means now.
    #[param(value_type = Option<Digest>)]
    digest: Option<String>,
}

pub(super) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(listing::list))
        .routes(routes!(show, put::put, delete))
        .routes(routes!(versions))
        .routes(routes!(wasm))
}

/// Shows what a name means, and has meant.
#[utoipa::path(
    get,
    path = "/v1/programs/{name}",
    operation_id = "show_program",
    tag = "programs",
    params(("name" = String, Path, description = "The name"), Which),
    responses((status = OK, body = ProgramDocument), (status = NOT_FOUND, body = Problem))
)]
async fn show(
    app: App,
    Read(principal): Read,
    Place(name): Place<String>,
    Params(which): Params<Which>,
) -> Result<Json<ProgramDocument>> {
    let (stored, digest) = (stored(&principal, &name)?, which.digest()?);
    let versions = match sources::meaning(&*app.queue, &stored).await?.ok_or_else(no_program)? {
        Named::Source(source) => return of_source(name, source, digest).map(Json),
        Named::Program(versions) => versions,
    };
    let version = chosen(&versions, digest)?;
    let _turn = app.uploads.turn().await?;
    let wasm = app.queue.program(version.digest).await?.ok_or_else(no_program)?;
    let (_, inspection, refusal) = uploads::inspect(&app, wasm).await?;
    Ok(Json(of_program(name, version, &versions, InspectionDocument::of(Some(&inspection), refusal.as_ref()))))
}

/// Lists what a name has meant.
#[utoipa::path(
    get,
    path = "/v1/programs/{name}/versions",
    operation_id = "list_program_versions",
    tag = "programs",
    params(("name" = String, Path, description = "The name")),
    responses((status = OK, body = VersionsDocument), (status = NOT_FOUND, body = Problem))
)]
async fn versions(app: App, Read(principal): Read, Place(name): Place<String>) -> Result<Json<VersionsDocument>> {
    let stored = stored(&principal, &name)?;
    let versions = match sources::meaning(&*app.queue, &stored).await?.ok_or_else(no_program)? {
        Named::Program(versions) => versions.iter().map(VersionDocument::from).collect(),
        Named::Source(source) => source.into_versions().iter().map(VersionDocument::from).collect(),
    };
    Ok(Json(VersionsDocument { versions }))
}

/// Gives the bytes of a program.
#[utoipa::path(
    get,
    path = "/v1/programs/{name}/wasm",
    operation_id = "download_program",
    tag = "programs",
    params(("name" = String, Path, description = "The name"), Which),
    responses(
        (status = OK, description = "The bytes", body = WasmBytes, content_type = "application/wasm"),
        (status = FORBIDDEN, body = Problem),
        (status = NOT_FOUND, body = Problem),
    )
)]
async fn wasm(
    app: App,
    Admin(principal): Admin,
    Place(name): Place<String>,
    Params(which): Params<Which>,
) -> Result<Response> {
    let (stored, digest) = (stored(&principal, &name)?, which.digest()?);
    let version = chosen(&app.queue.versions(&stored).await?, digest)?;
    let turn = app.uploads.turn().await?;
    let wasm = app.queue.program(version.digest).await?.ok_or_else(no_program)?;
    let headers = [(CONTENT_TYPE, HeaderValue::from_static("application/wasm")), (CONTENT_DISPOSITION, file(&name))];
    Ok((headers, uploads::sent(wasm, turn)).into_response())
}

/// Takes a name away, with its history. Jobs that were enqueued under it keep what they mean.
#[utoipa::path(
    delete,
    path = "/v1/programs/{name}",
    operation_id = "delete_program",
    tag = "programs",
    params(("name" = String, Path, description = "The name")),
    responses(
        (status = NO_CONTENT, description = "The name is free"),
        (status = FORBIDDEN, body = Problem),
        (status = NOT_FOUND, body = Problem),
    )
)]
async fn delete(app: App, Admin(principal): Admin, Place(name): Place<String>) -> Result<StatusCode> {
    let stored = stored(&principal, &name)?;
    let was_there = app.queue.delete_name(&stored).await?;
    app.programs.forget(&stored);
    if was_there { Ok(StatusCode::NO_CONTENT) } else { Err(no_program()) }
}

fn no_program() -> Problem {
    Problem::not_found("program")
}

fn stored(principal: &Principal, name: &str) -> Result<String> {
    principal.stored_name("name", name).map(Cow::into_owned).map_err(|_| no_program())
}

/// The version that is meant.
fn chosen(versions: &[Version], digest: Option<Digest>) -> Result<Version> {
    let is_meant = |version: &&Version| digest.is_none_or(|digest| version.digest == digest);
    versions.iter().find(is_meant).copied().ok_or_else(no_program)
}

/// A name for a file, of signs that mean nothing anywhere.
fn file(name: &str) -> HeaderValue {
    let plain = |sign: char| if sign.is_ascii_alphanumeric() || ".-".contains(sign) { sign } else { '_' };
    let name: String = name.chars().map(plain).collect();
    let value = format!("attachment; filename=\"{}.wasm\"", name.trim_start_matches('.'));
    HeaderValue::from_str(&value).expect("letters, digits and signs of ASCII are a value")
}

fn of_program(name: String, version: Version, versions: &[Version], inspection: InspectionDocument) -> ProgramDocument {
    ProgramDocument {
        name,
        digest: version.digest,
        language: None,
        size_bytes: version.size_bytes,
        stored_at: Moment(version.named_at),
        source: None,
        inspection: Some(inspection),
        versions: versions.iter().map(VersionDocument::from).collect(),
    }
}

fn of_source(name: String, source: NamedSource, digest: Option<Digest>) -> Result<ProgramDocument> {
    let sources = source.into_versions();
    let versions: Vec<VersionDocument> = sources.iter().map(VersionDocument::from).collect();
    let chosen = sources.into_iter().find(|source| digest.is_none_or(|digest| source.digest == digest));
    let SourceVersion { digest, language, stored_at, source } = chosen.ok_or_else(no_program)?;
    Ok(ProgramDocument {
        name,
        digest,
        language: Some(language),
        size_bytes: source.len() as u64,
        stored_at: Moment(stored_at),
        source: Some(source),
        inspection: None,
        versions,
    })
}

impl Which {
    fn digest(&self) -> Result<Option<Digest>> {
        let read = |text: &String| {
            let expected = "`sha256:` and 64 hexadecimal digits";
            text.parse().map_err(|_| Problem::invalid("digest", expected, format!("{text:?}")))
        };
        self.digest.as_ref().map(read).transpose()
    }
}

impl From<&Version> for VersionDocument {
    fn from(version: &Version) -> Self {
        let Version { digest, size_bytes, named_at, .. } = *version;
        VersionDocument { digest, language: None, size_bytes, stored_at: Moment(named_at) }
    }
}

impl From<&SourceVersion> for VersionDocument {
    fn from(version: &SourceVersion) -> Self {
        VersionDocument {
            digest: version.digest,
            language: Some(version.language.clone()),
            size_bytes: version.source.len() as u64,
            stored_at: Moment(version.stored_at),
        }
    }
}
