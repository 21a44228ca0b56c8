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
use super::super::super::{App, sources, uploads};
use super::{WasmBytes, no_program, of_program, of_source};
use crate::wire::{InspectionDocument, ProgramDocument, SourceRequest};

/// A name that is to be given: as it is shown, and as it is stored.
struct Name {
    shown: String,
    stored: String,
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
        (status = CONFLICT, body = Problem),
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
    let name = Name { stored: principal.new_name(&shown)?, shown };
    only_if_new(&app, &name, &headers).await?;
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

async fn only_if_new(app: &App, name: &Name, headers: &HeaderMap) -> Result<()> {
    let Some(value) = headers.get(IF_NONE_MATCH) else { return Ok(()) };
    if value != "*" {
        return Err(Problem::invalid("If-None-Match", "`*`", format!("{value:?}")));
    }
    let is_source = sources::find(&*app.queue, &name.stored).await?.is_some();
    if is_source || !app.queue.versions(&name.stored).await?.is_empty() {
        return Err(Problem::new(Code::Conflict, "the name means something already"));
    }
    Ok(())
}

async fn put_program(app: &App, name: Name, body: Body) -> Result<(bool, ProgramDocument)> {
    let turn = app.uploads.turn().await?;
    let wasm = uploads::read(app, body).await?;
    let (wasm, inspection, refusal) = uploads::inspect(app, wasm).await?;
    if let Some(failure) = refusal {
        return Err(Problem::of_failure(&failure));
    }
    let before = app.queue.versions(&name.stored).await?;
    if before.first().is_none_or(|now| now.digest != inspection.digest) {
        app.queue.put_program(&wasm, Some(&name.stored), None).await?;
    }
    // A name that is both for a moment means the program.
    let was_source = sources::delete(&*app.queue, &name.stored).await?;
    app.programs.forget(&name.stored);
    uploads::compile(app, inspection.digest, turn);
    let versions = app.queue.versions(&name.stored).await?;
    let version = versions.first().copied().ok_or_else(no_program)?;
    let inspection = InspectionDocument::of(Some(&inspection), None);
    Ok((was_source || !before.is_empty(), of_program(name.shown, version, &versions, inspection)))
}

async fn put_source(app: &App, name: Name, body: Body) -> Result<(bool, ProgramDocument)> {
    let bytes = receive(body, Bounds::of_request(&app.settings), |_| Ok(())).await?;
    let SourceRequest { language, source } = parse(&bytes)?;
    check_language(app, &language.0)?;
    let limit = app.runner.limits().source_bytes;
    if source.len() > limit {
        return Err(Problem::invalid("source", format!("at most {limit} bytes"), format!("{} bytes", source.len())));
    }
    let was_source = sources::put(&*app.queue, &name.stored, &language.0, &source).await?;
    let was_program = app.queue.delete_name(&name.stored).await?;
    app.programs.forget(&name.stored);
    let stored = sources::find(&*app.queue, &name.stored).await?.ok_or_else(no_program)?;
    Ok((was_source || was_program, of_source(name.shown, stored, None)?))
}
