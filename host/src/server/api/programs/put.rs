//! Gives a name to a program or to a source.

use axum::body::Body;
use axum::response::{IntoResponse, Response};
use http::header::{CONTENT_ENCODING, CONTENT_TYPE, IF_NONE_MATCH};
use http::{HeaderMap, StatusCode};

use super::super::super::access::Submit;
use super::super::super::asked::check_language;
use super::super::super::body::{Json, Place, parse};
use super::super::super::problem::{Code, Problem, Result};
use super::super::super::receive::{Bounds, receive};
use super::super::super::sources::{self, Named};
use super::super::super::{App, uploads};
use super::{WasmBytes, chosen, of_program, of_source};
use crate::job::Digest;
use crate::queue::Version;
use crate::wire::{InspectionDocument, ProgramDocument, SourceRequest};

/// A name that is to be given: as it is shown, as it is stored, and whether only if it means nothing yet.
struct Name {
    shown: String,
    stored: String,
    must_be_new: bool,
}

/// The two things that a name can mean.
enum Form {
    Wasm,
    Source,
}

/// Gives a name to a program or to a source, in place of what it meant.
///
/// A program is checked before it is stored, and compiled in the background. Jobs that were enqueued under the name keep
/// the program that it meant then. What the name meant before stays among its versions, unless it was of the other kind.
#[utoipa::path(
    put,
    path = "/v1/programs/{name}",
    operation_id = "put_program",
    tag = "programs",
    params(
        ("name" = String, Path, description = "The name: 1 to 100 letters, digits and signs of `._-/`",
            min_length = 1, max_length = 100, pattern = "^[A-Za-z0-9._/-]+$"),
        ("If-None-Match" = Option<String>, Header, description = "`*`: only if the name means nothing yet",
            pattern = r"^\*$"),
    ),
    request_body(
        content((WasmBytes = "application/wasm"), (SourceRequest = "application/json")),
        description = "The bytes of a program, or a source in a language",
    ),
    responses(
        (status = OK, description = "The name means this now, or did already", body = ProgramDocument),
        (status = CREATED, description = "The name is new", body = ProgramDocument),
        (status = FORBIDDEN, body = Problem),
        (status = NOT_FOUND, body = Problem),
        (status = PRECONDITION_FAILED, body = Problem),
        (status = UNPROCESSABLE_ENTITY, body = Problem),
    )
)]
pub(super) async fn put(
    app: App,
    Submit(principal): Submit,
    Place(shown): Place<String>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response> {
    let form = form(&headers)?;
    let stored = principal.new_name(&shown)?;
    let name = Name { must_be_new: must_be_new(&headers)?, shown, stored };
    let (existed, document) = match form {
        Form::Wasm => put_program(&app, name, body).await?,
        Form::Source => put_source(&app, name, body).await?,
    };
    let status = if existed { StatusCode::OK } else { StatusCode::CREATED };
    Ok((status, Json(document)).into_response())
}

/// What the body is. An encoded one is refused: what it unfolds to has no bound that can be seen.
fn form(headers: &HeaderMap) -> Result<Form> {
    let kind = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let essence = kind.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    match (&*essence, headers.contains_key(CONTENT_ENCODING)) {
        ("application/wasm", false) => Ok(Form::Wasm),
        ("application/json", false) => Ok(Form::Source),
        _ => {
            let expected = "expected a body of application/wasm or application/json, not encoded";
            Err(Problem::new(Code::UnsupportedMediaType, expected))
        }
    }
}

/// Whether the name has to be new.
fn must_be_new(headers: &HeaderMap) -> Result<bool> {
    match headers.get(IF_NONE_MATCH) {
        None => Ok(false),
        Some(value) if value == "*" => Ok(true),
        Some(value) => Err(Problem::invalid("If-None-Match", "`*`", format!("{value:?}"))),
    }
}

/// Refuses a name that has to be new and is not, once all else is right, as RFC 9110 §13.2.1 orders it, and before
/// anything is stored. Whether it still is new decides the queue, when it is given.
async fn check_new(app: &App, name: &Name) -> Result<()> {
    if name.must_be_new && sources::meaning(&*app.queue, &name.stored).await?.is_some() {
        return Err(not_new());
    }
    Ok(())
}

fn not_new() -> Problem {
    Problem::new(Code::PreconditionFailed, "the name means something already")
}

async fn put_program(app: &App, name: Name, body: Body) -> Result<(bool, ProgramDocument)> {
    let turn = app.uploads.turn().await?;
    let wasm = uploads::read(app, body).await?;
    let (wasm, inspection, refusal) = uploads::inspect(app, wasm).await?;
    if let Some(failure) = refusal {
        return Err(Problem::of_failure(&failure));
    }
    check_new(app, &name).await?;
    let existed = give(app, &name, &wasm, inspection.digest).await?;
    app.programs.forget(&name.stored);
    uploads::compile(app, inspection.digest, turn);
    let mut versions = app.queue.versions(&name.stored).await?;
    if !versions.iter().any(|version| version.digest == inspection.digest) {
        // Somebody else took the name away meanwhile, or gave it to a source.
        let (digest, size_bytes) = (inspection.digest, inspection.size_bytes as u64);
        versions = vec![Version { digest, size_bytes, named_at: app.queue.clock().await? }];
    }
    let version = chosen(&versions, Some(inspection.digest))?;
    let inspection = InspectionDocument::of(Some(&inspection), None);
    Ok((existed, of_program(name.shown, version, &versions, inspection)))
}

/// Gives the name to a program, and says whether it meant something before.
async fn give(app: &App, name: &Name, wasm: &[u8], digest: Digest) -> Result<bool> {
    if name.must_be_new {
        app.queue.put_program(wasm, None, None).await?;
        return if app.queue.take_name(&name.stored, digest, None).await? { Ok(false) } else { Err(not_new()) };
    }
    let before = sources::meaning(&*app.queue, &name.stored).await?;
    let means_it = |before: &Named| match before {
        Named::Program(versions) => versions.first().is_some_and(|now| now.digest == digest),
        Named::Source(_) => false,
    };
    if !before.as_ref().is_some_and(means_it) {
        app.queue.put_program(wasm, Some(&name.stored), None).await?;
    }
    Ok(before.is_some())
}

async fn put_source(app: &App, name: Name, body: Body) -> Result<(bool, ProgramDocument)> {
    let bytes = receive(body, Bounds::of_request(&app.settings), |_| Ok(())).await?;
    let SourceRequest { language, source } = parse(&bytes)?;
    check_language(app, &language.0)?;
    let limit = app.runner.limits().source_bytes;
    if source.len() > limit {
        return Err(Problem::invalid("source", format!("at most {limit} bytes"), format!("{} bytes", source.len())));
    }
    check_new(app, &name).await?;
    let (existed, given) = if name.must_be_new {
        let taken = sources::take(&*app.queue, &name.stored, &language.0, &source).await?;
        (false, taken.ok_or_else(not_new)?)
    } else {
        let existed = sources::meaning(&*app.queue, &name.stored).await?.is_some();
        (existed, sources::put(&*app.queue, &name.stored, &language.0, &source).await?)
    };
    app.programs.forget(&name.stored);
    Ok((existed, of_source(name.shown, given, None)?))
}
