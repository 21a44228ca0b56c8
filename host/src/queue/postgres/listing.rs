//! Which jobs pass a filter: lists, counts, and the ids that a change by filter goes through.
//!
//! Live jobs and those that have ended lie in two tables, so a list is several reads, each ordered by an index and no
//! longer than the page: one for each table, or for each state where an index has them apart.

use sqlx::postgres::PgConnection;
use sqlx::{Postgres, QueryBuilder, Row as _};

use super::connection::Work;
use super::read::{ended_columns, live_columns, summary};
use super::rows::{Read as _, state_number, text, uuid};
use crate::job::JobId;
use crate::queue::{Count, Filter, Page, State, Summary};

/// Jobs, newest first.
pub(super) fn list<'c>(
    connection: &'c mut PgConnection,
    (filter, page): &'c (&Filter, Page),
) -> Work<'c, Vec<Summary>> {
    Box::pin(async move {
        let Some(mut query) = newest(filter, *page, live_columns!(), ended_columns!()) else { return Ok(Vec::new()) };
        let found = query.build().persistent(false).fetch_all(connection).await?;
        Ok(found.iter().map(summary).collect::<sqlx::Result<_>>()?)
    })
}

/// The ids of jobs, newest first.
pub(super) fn ids<'c>(connection: &'c mut PgConnection, (filter, page): &'c (&Filter, Page)) -> Work<'c, Vec<JobId>> {
    Box::pin(async move {
        let Some(mut query) = newest(filter, *page, "j.id", "j.id") else { return Ok(Vec::new()) };
        let found = query.build().persistent(false).fetch_all(connection).await?;
        Ok(found.iter().map(|row| row.id("id")).collect::<sqlx::Result<_>>()?)
    })
}

/// How many jobs there are, by queue and state.
pub(super) fn counts<'c>(connection: &'c mut PgConnection, filter: &'c &Filter) -> Work<'c, Vec<Count>> {
    Box::pin(async move {
        let mut query = QueryBuilder::new("SELECT queue, state, sum(jobs)::bigint AS jobs FROM (");
        let reads = reads(filter, false);
        if reads.is_empty() {
            return Ok(Vec::new());
        }
        for (nth, read) in reads.iter().enumerate() {
            query.push(if nth > 0 { " UNION ALL (" } else { "(" });
            read.push(&mut query, filter, None, "j.queue, j.state, count(*) AS jobs");
            query.push(" GROUP BY j.queue, j.state)");
        }
        query.push(") c GROUP BY queue, state ORDER BY queue, state");
        let found = query.build().persistent(false).fetch_all(connection).await?;
        let mut counts = Vec::with_capacity(found.len());
        for row in found {
            let jobs: i64 = row.try_get("jobs")?;
            counts.push(Count { queue: row.try_get("queue")?, state: row.state("state")?, jobs: jobs.unsigned_abs() });
        }
        Ok(counts)
    })
}

/// The read of one table.
struct Read {
    is_live: bool,
    /// One state only.
    state: Option<State>,
}

fn newest(filter: &Filter, page: Page, live: &'static str, ended: &'static str) -> Option<QueryBuilder<Postgres>> {
    let reads = reads(filter, true);
    let mut query = QueryBuilder::new("SELECT * FROM (");
    for (nth, read) in reads.iter().enumerate() {
        query.push(if nth > 0 { " UNION ALL (" } else { "(" });
        read.push(&mut query, filter, page.after, if read.is_live { live } else { ended });
        query.push(" ORDER BY j.id DESC LIMIT ");
        query.push_bind(i64::from(page.limit));
        query.push(")");
    }
    query.push(") found ORDER BY id DESC LIMIT ");
    query.push_bind(i64::from(page.limit));
    (!reads.is_empty()).then_some(query)
}

/// The reads that together find what passes.
fn reads(filter: &Filter, ordered: bool) -> Vec<Read> {
    let is_wanted = |state: &State| filter.states.is_empty() || filter.states.contains(state);
    let wanted = State::ALL.into_iter().filter(is_wanted);
    let (ended, live): (Vec<State>, Vec<State>) = wanted.partition(|state| state.is_end());
    let mut reads = Vec::new();
    match live[..] {
        [] => {}
        [state] => reads.push(Read { is_live: true, state: Some(state) }),
        _ => reads.push(Read { is_live: true, state: None }),
    }
    // An index has the states apart, and only within one of them are its rows in the order of their ids.
    if ended.len() == 3 && !(ordered && filter.queue.is_some()) {
        reads.push(Read { is_live: false, state: None });
    } else {
        reads.extend(ended.into_iter().map(|state| Read { is_live: false, state: Some(state) }));
    }
    reads
}

impl Read {
    fn push(&self, query: &mut QueryBuilder<Postgres>, filter: &Filter, before: Option<JobId>, columns: &'static str) {
        let (table, kind, message) =
            if self.is_live { ("jobs", "j.last_kind", "j.last_message") } else { ("ended", "j.kind", "j.message") };
        query.push("SELECT ").push(columns).push(" FROM ampule.").push(table).push(" j WHERE true");
        if let Some(state) = self.state {
            // Written out, so that the partial index of those that did not return is seen to fit.
            query.push(format_args!(" AND j.state = {}", state_number(state)));
        }
        if let Some(before) = before {
            query.push(" AND j.id < ").push_bind(uuid(before));
        }
        for (column, value) in [("queue", &filter.queue), ("tenant", &filter.tenant), ("name", &filter.name)] {
            if let Some(value) = value {
                query.push(format_args!(" AND j.{column} = ")).push_bind(text(value).into_owned());
            }
        }
        if let Some(tag) = &filter.tag {
            query.push(" AND j.id IN (SELECT t.job FROM ampule.tags t WHERE t.tag = ");
            query.push_bind(text(tag).into_owned()).push(")");
        }
        if let Some(program) = filter.program {
            query.push(" AND j.program = ").push_bind(program.to_bytes().to_vec());
        }
        if let Some(kind_wanted) = filter.kind {
            query.push(" AND ").push(kind).push(" = ").push_bind(kind_wanted.as_str());
        }
        if let Some(wanted) = &filter.text {
            query.push(" AND strpos(lower(").push(message).push(r#"), lower("#);
            query.push_bind(text(wanted).into_owned()).push(r#" COLLATE "C")) > 0"#);
        }
        if let Some(since) = filter.since {
            query.push(" AND j.enqueued_at >= ").push_bind(since);
        }
        if let Some(until) = filter.until {
            query.push(" AND j.enqueued_at < ").push_bind(until);
        }
        if let Some(parent) = filter.parent {
            query.push(" AND j.parent = ").push_bind(uuid(parent));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn states_that_are_not_wanted_are_not_read() {
        let tables = |states: &[State]| -> Vec<bool> {
            reads(&Filter { states: states.to_vec(), ..Filter::default() }, true)
                .iter()
                .map(|read| read.is_live)
                .collect()
        };
        assert_eq!(tables(&[]), [true, false]);
        assert_eq!(tables(&[State::Running]), [true]);
        assert_eq!(tables(&[State::Failed, State::Cancelled]), [false, false]);
    }
}
