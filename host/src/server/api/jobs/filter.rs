//! Which jobs are meant: from what was asked to what a queue is asked, within the tenant of whoever asks.

use serde_json::{Map, Value};

use super::super::super::App;
use super::super::super::access::Principal;
use super::super::super::body::read_value;
use super::super::super::problem::{Problem, Result};
use super::super::super::programs::Meaning;
use crate::queue::{Filter, Page};
use crate::wire::FilterRequest;

/// Parameters, as they stand after the `?`: a name may come more than once.
pub(super) type Pairs = Vec<(String, String)>;

/// The filter that is asked for. Moments are counted from the queue's clock.
pub(super) async fn filter(app: &App, principal: &Principal, request: FilterRequest) -> Result<Filter> {
    let program = match &request.program {
        None => None,
        Some(program) => match app.programs.find(program, principal).await? {
            Meaning::Program(digest) => Some(digest),
            Meaning::Source(_) => {
                let expected = "a program by its name or digest; jobs of a named source are found with `name`";
                return Err(Problem::invalid("program", expected, "a named source"));
            }
        },
    };
    let (since, until) = if request.since.is_some() || request.until.is_some() {
        let now = app.queue.clock().await?;
        (request.since.map(|when| when.0.moment(now)), request.until.map(|when| when.0.moment(now)))
    } else {
        (None, None)
    };
    Ok(Filter {
        states: request.state,
        queue: request.queue,
        tenant: principal.tenant_of(request.tenant)?,
        tag: request.tag,
        program,
        name: request.name,
        kind: request.kind,
        text: request.text,
        since,
        until,
        parent: request.parent,
    })
}

/// The filter that stands in parameters.
pub(super) fn from_pairs(pairs: Pairs) -> Result<FilterRequest> {
    let mut fields = Map::new();
    for (name, text) in pairs {
        if name == "state" {
            let states = fields.entry(name).or_insert_with(|| Value::Array(Vec::new()));
            if let Value::Array(states) = states {
                states.extend(text.split(',').map(Value::from));
            }
        } else if fields.contains_key(&name) {
            return Err(Problem::invalid(name, "one at most", "more"));
        } else {
            fields.insert(name, text.into());
        }
    }
    read_value(Value::Object(fields))
}

/// Takes the page out of parameters.
pub(super) fn take_page(pairs: &mut Pairs) -> Result<Page> {
    let mut page = Page::default();
    if let Some(after) = take(pairs, "after")? {
        page.after =
            Some(after.parse().map_err(|_| Problem::invalid("after", "the id of a job", format!("{after:?}")))?);
    }
    if let Some(limit) = take(pairs, "limit")? {
        let number = limit.parse().ok().filter(|number| (1..=1_000).contains(number));
        page.limit = number.ok_or_else(|| Problem::invalid("limit", "1 to 1000", format!("{limit:?}")))?;
    }
    Ok(page)
}

/// Takes the one of this name.
fn take(pairs: &mut Pairs, name: &str) -> Result<Option<String>> {
    let Some(place) = pairs.iter().position(|(found, _)| found == name) else { return Ok(None) };
    let (_, text) = pairs.swap_remove(place);
    if pairs.iter().any(|(found, _)| found == name) {
        return Err(Problem::invalid(name, "one at most", "more"));
    }
    Ok(Some(text))
}
