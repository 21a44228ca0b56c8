//! Which jobs pass a filter: lists, counts, and the ids that a change by filter goes through.
//!
//! Live jobs and those that have ended lie in two tables, so a list is several ordered reads that SQLite merges, one
//! for each table, or for each state where an index has them apart. It stops at the end of the page.

use rusqlite::types::Value;
use rusqlite::{Connection, params_from_iter};

use super::connection::fault;
use super::read::{ENDED_COLUMNS, LIVE_COLUMNS, summary};
use super::rows::Sql;
use crate::failure::Kind;
use crate::job::JobId;
use crate::queue::{Count, Error, Filter, Page, State, Summary};

/// Jobs, newest first.
pub(super) fn list(db: &Connection, filter: &Filter, page: Page) -> Result<Vec<Summary>, Error> {
    let reads = reads(filter, page.after, |is_live| if is_live { LIVE_COLUMNS } else { ENDED_COLUMNS });
    newest(db, reads, page.limit, summary).map_err(fault)
}

/// The ids of jobs, newest first.
pub(super) fn ids(db: &Connection, filter: &Filter, page: Page) -> Result<Vec<JobId>, Error> {
    newest(db, reads(filter, page.after, |_| "id"), page.limit, |row| Ok(row.get::<_, Sql<JobId>>(0)?.0)).map_err(fault)
}

/// How many jobs there are, by queue and state.
pub(super) fn counts(db: &Connection, filter: &Filter) -> Result<Vec<Count>, Error> {
    let Reads { selects, values } = reads(filter, None, |_| "queue, state, count(*) AS jobs");
    let Some(sql) = joined(selects.into_iter().map(|select| format!("{select} GROUP BY queue, state"))) else {
        return Ok(Vec::new());
    };
    let sql = format!("SELECT queue, state, sum(jobs) FROM ({sql}) GROUP BY queue, state ORDER BY queue, state");
    let count = |row: &rusqlite::Row<'_>| {
        let Sql(state) = row.get::<_, Sql<State>>(1)?;
        Ok(Count { queue: row.get(0)?, state, jobs: row.get::<_, i64>(2)?.unsigned_abs() })
    };
    let read =
        || -> rusqlite::Result<_> { db.prepare_cached(&sql)?.query_map(params_from_iter(values), count)?.collect() };
    read().map_err(fault)
}

/// Statements that together find what passes, and the values of their parameters in order.
struct Reads {
    selects: Vec<String>,
    values: Vec<Value>,
}

fn newest<T>(
    db: &Connection,
    reads: Reads,
    limit: u32,
    read: impl Fn(&rusqlite::Row<'_>) -> rusqlite::Result<T>,
) -> rusqlite::Result<Vec<T>> {
    let Reads { selects, mut values } = reads;
    let Some(sql) = joined(selects.into_iter()) else { return Ok(Vec::new()) };
    values.push(limit.into());
    let mut statement = db.prepare_cached(&format!("{sql} ORDER BY id DESC LIMIT ?"))?;
    statement.query_map(params_from_iter(values), read)?.collect()
}

fn joined(selects: impl Iterator<Item = String>) -> Option<String> {
    let selects: Vec<String> = selects.collect();
    (!selects.is_empty()).then(|| selects.join(" UNION ALL "))
}

fn reads(filter: &Filter, before: Option<JobId>, columns: impl Fn(bool) -> &'static str) -> Reads {
    let mut reads = Reads { selects: Vec::new(), values: Vec::new() };
    let is_wanted = |state: &State| filter.states.is_empty() || filter.states.contains(state);
    let wanted: Vec<State> = State::ALL.into_iter().filter(is_wanted).collect();
    let (ended, live): (Vec<State>, Vec<State>) = wanted.into_iter().partition(|state| state.is_end());
    let live_columns = ("last_kind", "last_message");
    match live[..] {
        [] => {}
        [state] => add(&mut reads, filter, before, &format!("state = {}", state.number()), live_columns, columns(true)),
        _ => add(&mut reads, filter, before, "TRUE", live_columns, columns(true)),
    }
    // An index has the states apart, and only within one of them are its rows in the order of their ids.
    let are_apart = filter.queue.is_some() || ended.len() < 3;
    for state in ended.iter().filter(|_| are_apart) {
        let is_state = match (state, &filter.queue) {
            // Most have completed, so the table itself is the best way through them.
            (State::Completed, None) => format!("+state = {}", state.number()),
            (State::Completed, Some(_)) => format!("state = {}", state.number()),
            _ => format!("state = {} AND state <> {}", state.number(), State::Completed.number()),
        };
        add(&mut reads, filter, before, &is_state, ("kind", "message"), columns(false));
    }
    if !are_apart {
        add(&mut reads, filter, before, "TRUE", ("kind", "message"), columns(false));
    }
    reads
}

/// Adds the read of one table, live jobs where the columns of failures are theirs.
fn add(
    reads: &mut Reads,
    filter: &Filter,
    before: Option<JobId>,
    is_state: &str,
    (kind, message): (&str, &str),
    columns: &str,
) {
    let table = if kind == "kind" { "ended" } else { "jobs" };
    let mut sql = format!("SELECT {columns} FROM {table} WHERE {is_state}");
    let mut and = |condition: &str, value: Option<Value>| {
        if let Some(value) = value {
            sql.push_str(" AND ");
            sql.push_str(condition);
            reads.values.push(value);
        }
    };
    let text = |text: &Option<String>| text.clone().map(Value::Text);
    let id = |id: Option<JobId>| id.map(|id| Value::Blob(id.to_bytes().to_vec()));
    and("id < ?", id(before));
    and("queue = ?", text(&filter.queue));
    and("tenant = ?", text(&filter.tenant));
    and("id IN (SELECT job FROM tags WHERE tag = ?)", text(&filter.tag));
    and("program = ?", filter.program.map(|digest| Value::Blob(digest.to_bytes().to_vec())));
    and("name = ?", text(&filter.name));
    and(&format!("{kind} = ?"), filter.kind.map(|kind: Kind| Value::Text(kind.as_str().to_owned())));
    and(&format!("{message} LIKE ? ESCAPE '\\'"), filter.text.as_deref().map(|text| Value::Text(containing(text))));
    and("enqueued_at >= ?", filter.since.map(|since| Value::Integer(since.timestamp_millis())));
    and("enqueued_at < ?", filter.until.map(|until| Value::Integer(until.timestamp_millis())));
    and("parent = ?", id(filter.parent));
    reads.selects.push(sql);
}

/// A pattern for whatever contains this text.
fn containing(text: &str) -> String {
    let mut pattern = String::from("%");
    for sign in text.chars() {
        if matches!(sign, '%' | '_' | '\\') {
            pattern.push('\\');
        }
        pattern.push(sign);
    }
    pattern.push('%');
    pattern
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_looked_for_as_it_is() {
        assert_eq!(containing(r"100%_\"), r"%100\%\_\\%");
    }

    #[test]
    fn states_that_are_not_wanted_are_not_read() {
        let selects =
            |states: &[State]| reads(&Filter { states: states.to_vec(), ..Filter::default() }, None, |_| "id").selects;
        assert_eq!(selects(&[]).len(), 2);
        assert_eq!(selects(&[State::Running]), ["SELECT id FROM jobs WHERE state = 1"]);
        assert_eq!(selects(&[State::Failed]), ["SELECT id FROM ended WHERE state = 3 AND state <> 2"]);
    }
}
