//! Where a list of jobs goes on.

use super::super::App;
use super::super::problem::Result;
use crate::job::JobId;
use crate::queue::{Filter, Page, Summary};

/// What is asked for as `after` on the next page; none if there is no next page.
pub(super) async fn next(app: &App, filter: &Filter, page: Page, found: &[Summary]) -> Result<Option<JobId>> {
    let is_full = u32::try_from(found.len()).is_ok_and(|found| found >= page.limit);
    let Some(last) = found.last().filter(|_| is_full).map(|last| last.id) else { return Ok(None) };
    let more = app.queue.list(filter, Page { after: Some(last), limit: 1 }).await?;
    Ok((!more.is_empty()).then_some(last))
}
