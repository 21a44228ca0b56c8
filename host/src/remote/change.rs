//! Changes of jobs: each job by a request of its own, or all that pass a filter by one.

use http::Method;
use serde::{Deserialize, Serialize};

use super::RemoteQueue;
use super::filter::{self, FilterBody};
use super::http::Ask;
use super::refusal::{is_conflict, is_missing};
use crate::job::JobId;
use crate::kwargs::Kwargs;
use crate::queue::{Change, Error, Selection};
use crate::wire::SummaryDocument;

/// All that pass a filter.
#[derive(Serialize)]
struct Many<'a> {
    filter: FilterBody<'a>,
}

/// A job that is tried again with other kwargs.
#[derive(Serialize)]
struct Retry<'a> {
    kwargs: &'a Kwargs,
}

#[derive(Deserialize)]
struct Changed {
    changed: Vec<JobId>,
}

impl RemoteQueue {
    /// Changes what is selected, and answers with those that it changed.
    pub(super) async fn change_jobs(&self, selection: &Selection, change: &Change) -> Result<Vec<JobId>, Error> {
        match selection {
            Selection::Filter(filter) => {
                if matches!(change, Change::Retry { kwargs: Some(_) }) {
                    return Err(Error::Unsupported("other kwargs are for jobs that are named".to_owned()));
                }
                let path = ["v1", "jobs", verb(change)];
                // Jobs that were changed do not change again, so asking twice is harmless; but who was changed by the
                // first would not be told.
                let ask = Ask::new(Method::POST, &path).patient().json(&Many { filter: filter::body(filter) })?;
                Ok(self.http.ask(ask).await?.document::<Changed>()?.changed)
            }
            Selection::Ids(ids) => {
                let mut changed = Vec::new();
                for id in ids {
                    match self.change_one(*id, change).await {
                        Ok(()) => changed.push(*id),
                        Err(error) if is_missing(&error) || is_conflict(&error) => {}
                        Err(error) => return Err(error),
                    }
                }
                Ok(changed)
            }
        }
    }

    async fn change_one(&self, id: JobId, change: &Change) -> Result<(), Error> {
        let id = id.to_string();
        let (one, with_verb) = (["v1", "jobs", &*id], ["v1", "jobs", &*id, verb(change)]);
        let ask = match change {
            Change::Delete => return self.http.ask(Ask::new(Method::DELETE, &one)).await?.nothing(),
            Change::Retry { kwargs: Some(kwargs) } => Ask::new(Method::POST, &with_verb).json(&Retry { kwargs })?,
            _ => Ask::new(Method::POST, &with_verb),
        };
        self.http.ask(ask).await?.document::<SummaryDocument>().map(drop)
    }
}

fn verb(change: &Change) -> &'static str {
    match change {
        Change::Cancel => "cancel",
        Change::RunNow => "run-now",
        Change::Hold => "hold",
        Change::Release => "release",
        Change::Retry { .. } => "retry",
        Change::Delete => "delete",
    }
}
