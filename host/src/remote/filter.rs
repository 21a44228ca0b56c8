//! Which jobs are meant, as the parameters and the documents of the API say it.

use serde::Serialize;

use crate::failure::Kind;
use crate::job::{Digest, JobId};
use crate::queue::{Filter, Page, State, Timestamp};
use crate::wire::Moment;

/// A filter as a document; as parameters, lists are joined by commas.
#[derive(Serialize)]
pub(super) struct FilterBody<'a> {
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    state: &'a [State],
    #[serde(skip_serializing_if = "Option::is_none")]
    queue: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tenant: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tag: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    program: Option<Digest>,
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    kind: Option<Kind>,
    #[serde(skip_serializing_if = "Option::is_none")]
    text: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    since: Option<Moment>,
    #[serde(skip_serializing_if = "Option::is_none")]
    until: Option<Moment>,
    #[serde(skip_serializing_if = "Option::is_none")]
    parent: Option<JobId>,
}

/// As the body of a request.
pub(super) fn body(filter: &Filter) -> FilterBody<'_> {
    FilterBody {
        state: &filter.states,
        queue: filter.queue.as_deref(),
        tenant: filter.tenant.as_deref(),
        tag: filter.tag.as_deref(),
        program: filter.program,
        name: filter.name.as_deref(),
        kind: filter.kind,
        text: filter.text.as_deref(),
        since: filter.since.map(Moment),
        until: filter.until.map(Moment),
        parent: filter.parent,
    }
}

/// As the parameters of a request.
pub(super) fn query(filter: &Filter) -> Vec<(&'static str, String)> {
    let mut query = Vec::new();
    let moment = |moment: Option<Timestamp>| moment.map(|moment| Moment(moment).to_string());
    query.extend(filter.states.iter().map(|state| ("state", state.as_str().to_owned())));
    for (name, value) in [
        ("queue", filter.queue.clone()),
        ("tenant", filter.tenant.clone()),
        ("tag", filter.tag.clone()),
        ("program", filter.program.map(|digest| digest.to_string())),
        ("name", filter.name.clone()),
        ("kind", filter.kind.map(|kind| kind.as_str().to_owned())),
        ("text", filter.text.clone()),
        ("since", moment(filter.since)),
        ("until", moment(filter.until)),
        ("parent", filter.parent.map(|id| id.to_string())),
    ] {
        query.extend(value.map(|value| (name, value)));
    }
    query
}

/// With the part of the list that is wanted.
pub(super) fn page_query(filter: &Filter, page: Page) -> Vec<(&'static str, String)> {
    let mut query = query(filter);
    query.push(("limit", page.limit.to_string()));
    query.extend(page.after.map(|id| ("after", id.to_string())));
    query
}
