//! The names that there are, page by page.

use std::collections::BTreeMap;

use serde::Deserialize;
use utoipa::IntoParams;

use super::super::super::access::{Principal, Read};
use super::super::super::body::Json;
use super::super::super::params::{Params, number};
use super::super::super::problem::{Problem, Result};
use super::super::super::{App, sources};
use crate::wire::{Moment, NamedDocument, ProgramsDocument, VersionDocument};

/// Names on one page, if nobody says how many, and at most.
const DEFAULT_LIMIT: u32 = 100;
const MAX_LIMIT: u32 = 1_000;

/// Which page.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct Range {
    /// The last name of the page before.
    after: Option<String>,
    /// How many. Default 100.
    #[param(minimum = 1, maximum = 1000)]
    #[serde(default, deserialize_with = "number")]
    limit: Option<u32>,
}

/// Lists names and what they mean.
#[utoipa::path(
    get,
    path = "/v1/programs",
    operation_id = "list_programs",
    tag = "programs",
    params(Range),
    responses((status = OK, body = ProgramsDocument))
)]
pub(super) async fn list(
    app: App,
    Read(principal): Read,
    Params(range): Params<Range>,
) -> Result<Json<ProgramsDocument>> {
    let limit = range.limit.unwrap_or(DEFAULT_LIMIT);
    if !(1..=MAX_LIMIT).contains(&limit) {
        return Err(Problem::invalid("limit", format!("1 to {MAX_LIMIT}"), limit.to_string()));
    }
    let (after, limit) = (range.after.unwrap_or_default(), limit as usize);
    let mut named = of_sources(&app, &principal, &after, limit).await?;
    // What is both for a moment is a program.
    named.extend(of_programs(&app, &principal, &after).await?);
    let has_more = named.len() > limit;
    let programs: Vec<_> =
        named.into_iter().take(limit).map(|(name, version)| NamedDocument { name, version }).collect();
    let next = programs.last().filter(|_| has_more).map(|last| last.name.clone());
    Ok(Json(ProgramsDocument { programs, next }))
}

/// Names after this one that mean programs.
async fn of_programs(app: &App, principal: &Principal, after: &str) -> Result<BTreeMap<String, VersionDocument>> {
    let mut named = BTreeMap::new();
    for program in app.queue.programs().await? {
        for given in &program.names {
            let Some(name) = principal.shown_name(&given.name).filter(|name| *name > after) else { continue };
            let (digest, size_bytes, stored_at) = (program.digest, program.size_bytes, Moment(given.named_at));
            named.insert(name.to_owned(), VersionDocument { digest, language: None, size_bytes, stored_at });
        }
    }
    Ok(named)
}

/// Names after this one that mean sources: more than a page has, if there are more.
async fn of_sources(
    app: &App,
    principal: &Principal,
    after: &str,
    limit: usize,
) -> Result<BTreeMap<String, VersionDocument>> {
    let mut named = BTreeMap::new();
    let Some(mut place) = principal.stored_after(after) else { return Ok(named) };
    while named.len() <= limit {
        let sources = sources::list(&*app.queue, &place).await?;
        let Some((last, _)) = sources.last() else { return Ok(named) };
        place.clone_from(last);
        for (stored, source) in sources {
            let Some(name) = principal.shown_name(&stored) else { return Ok(named) };
            named.insert(
                name.to_owned(),
                VersionDocument {
                    digest: source.digest,
                    language: Some(source.language),
                    size_bytes: source.source.len() as u64,
                    stored_at: Moment(source.stored_at),
                },
            );
        }
    }
    Ok(named)
}
