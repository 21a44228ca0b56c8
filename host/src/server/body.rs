//! Bodies of requests: bounded, of a known type, read into a type that cannot be wrong, with the place of each fault.

use axum::body::Bytes;
use axum::extract::{FromRequest, FromRequestParts, Path, Request};
use axum::response::{IntoResponse, Response};
use http::request::Parts;
use http::{HeaderValue, StatusCode, header};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;

use super::App;
use super::problem::{Code, Problem};
use super::receive::{Bounds, receive};
use crate::wire;

/// A JSON body, both ways.
pub(crate) struct Json<T>(pub(crate) T);

/// What the path says.
pub(crate) struct Place<T>(pub(crate) T);

/// A JSON body that may be left out, or be `null`.
pub(crate) struct Optional<T>(pub(crate) Option<T>);

impl<T: DeserializeOwned> FromRequest<App> for Json<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, app: &App) -> Result<Self, Problem> {
        let bytes = read(request, app).await?;
        parse(&bytes).map(Json)
    }
}

impl<T: DeserializeOwned> FromRequest<App> for Optional<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, app: &App) -> Result<Self, Problem> {
        let bytes = read(request, app).await?;
        let is_there = !matches!(bytes.trim_ascii(), b"" | b"null");
        is_there.then(|| parse(&bytes)).transpose().map(Optional)
    }
}

impl<T: Serialize> IntoResponse for Json<T> {
    fn into_response(self) -> Response {
        match serde_json::to_vec(&self.0) {
            Ok(body) => {
                let json = HeaderValue::from_static("application/json");
                (StatusCode::OK, [(header::CONTENT_TYPE, json)], body).into_response()
            }
            Err(error) => Problem::internal(&error).into_response(),
        }
    }
}

impl<T: DeserializeOwned + Send> FromRequestParts<App> for Place<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Problem> {
        let place = Path::<T>::from_request_parts(parts, app).await;
        // What is not even text is the place of nothing.
        place.map(|Path(place)| Place(place)).map_err(|_| Problem::new(Code::NotFound, "there is no such path"))
    }
}

/// The bytes of a JSON body.
async fn read(request: Request, app: &App) -> Result<Bytes, Problem> {
    let headers = request.headers();
    let is_json = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).is_none_or(|value| {
        let essence = value.split(';').next().unwrap_or_default().trim();
        essence.eq_ignore_ascii_case("application/json")
    });
    if !is_json || headers.contains_key(header::CONTENT_ENCODING) {
        return Err(Problem::new(Code::UnsupportedMediaType, "expected a body of application/json, not encoded"));
    }
    let bytes = receive(request.into_body(), Bounds::of_request(&app.settings), |_| Ok(())).await?;
    Ok(bytes.into())
}

/// Reads a document, and names the field that is wrong.
pub(crate) fn parse<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Problem> {
    // What stands in a list instead of under names would be taken for fields, in their order.
    if bytes.trim_ascii_start().first() != Some(&b'{') {
        return Err(Problem::new(Code::BadRequest, "expected a JSON object, found something else"));
    }
    // Keeping track of the place costs allocations, so only what is wrong is read with it, a second time.
    serde_json::from_slice(bytes).or_else(|_| {
        let mut reader = serde_json::Deserializer::from_slice(bytes);
        let document = with_place(&mut reader)?;
        reader.end().map_err(|error| Problem::new(Code::BadRequest, error.to_string()))?;
        Ok(document)
    })
}

/// As [`parse`], of what was read already.
pub(crate) fn read_value<T: DeserializeOwned>(value: Value) -> Result<T, Problem> {
    with_place(value)
}

fn with_place<'de, T: Deserialize<'de>, D: Deserializer<'de, Error = serde_json::Error>>(
    reader: D,
) -> Result<T, Problem> {
    wire::read(reader).map_err(Problem::from)
}

impl FromRequestParts<App> for App {
    type Rejection = std::convert::Infallible;

    async fn from_request_parts(_: &mut Parts, app: &App) -> Result<Self, Self::Rejection> {
        Ok(app.clone())
    }
}
