//! The parameters after the `?` of a request, read into a type that cannot be wrong; a refusal names the one that is.

use std::collections::HashSet;
use std::error::Error;
use std::str::FromStr;

use axum::extract::rejection::QueryRejection;
use axum::extract::{FromRequestParts, Query};
use http::request::Parts;
use serde::de::{self, DeserializeOwned};
use serde::{Deserialize, Deserializer};

use super::App;
use super::problem::{Code, Problem};
use crate::wire::Unreadable;

/// What reads parameters, with the place of what it cannot read.
type Misread = serde_path_to_error::Error<de::value::Error>;

/// The parameters after the `?`.
pub(crate) struct Params<T>(pub(crate) T);

impl<T: DeserializeOwned> FromRequestParts<App> for Params<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Problem> {
        match Query::<T>::from_request_parts(parts, app).await {
            Ok(Query(params)) => Ok(Params(params)),
            Err(refusal) => Err(problem(parts.uri.query().unwrap_or_default(), &refusal)),
        }
    }
}

/// That there are no parameters, where there can be none.
pub(crate) struct NoParams;

impl FromRequestParts<App> for NoParams {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &App) -> Result<Self, Problem> {
        let query = parts.uri.query().unwrap_or_default();
        match url::form_urlencoded::parse(query.as_bytes()).next() {
            Some((name, _)) => Err(Problem::invalid(name, "no parameters after the `?` here", "one")),
            None => Ok(NoParams),
        }
    }
}

/// A whole number, for fields of parameters.
pub(crate) fn number<'de, D: Deserializer<'de>, T: FromStr>(deserializer: D) -> Result<Option<T>, D::Error> {
    let text = String::deserialize(deserializer)?;
    let refused = |_| de::Error::custom(format!("expected a whole number, found {text:?}"));
    text.parse().map(Some).map_err(refused)
}

fn problem(query: &str, refusal: &QueryRejection) -> Problem {
    if let Some(name) = repeated(query) {
        return Problem::invalid(name, "one at most", "more");
    }
    match misread(refusal) {
        Some(misread) => Unreadable::at(misread.path(), misread.inner()).into(),
        None => Problem::new(Code::BadRequest, "the parameters after the `?` cannot be read"),
    }
}

/// The first parameter that is there once more.
fn repeated(query: &str) -> Option<String> {
    let mut seen = HashSet::new();
    let mut names = url::form_urlencoded::parse(query.as_bytes()).map(|(name, _)| name.into_owned());
    names.find(|name| !seen.insert(name.clone()))
}

/// What lies behind the refusal, whose own text is about how it came to be.
fn misread(refusal: &QueryRejection) -> Option<&Misread> {
    std::iter::successors(refusal.source(), |error| (*error).source()).find_map(|error| error.downcast_ref())
}
