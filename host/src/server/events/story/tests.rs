//! The laws of a job's story, on records made by hand.

use serde_json::{Value, json};

use super::super::untold::Untold;
use super::*;
use crate::failure::{Failure, Kind, LogLevel, LogLine};
use crate::job::{Job, JobId};
use crate::outcome::Outcome;
use crate::queue::{NewJob, State, Summary, Timestamp, WorkerId};

/// A queue that knows one job.
struct Known {
    record: JobRecord,
    stored: Vec<StoredEvent>,
}

fn moment(seconds: i64) -> Timestamp {
    Timestamp::UNIX_EPOCH + chrono::TimeDelta::seconds(seconds)
}

impl Known {
    fn queued() -> Self {
        let new = NewJob::new(Job::source("python", "1"));
        let summary = Summary {
            id: new.id,
            state: State::Queued,
            held: false,
            queue: new.queue.clone(),
            name: String::new(),
            program: None,
            language: None,
            tenant: None,
            tags: Vec::new(),
            priority: 0,
            attempt: 0,
            tries: 0,
            max_tries: 3,
            enqueued_at: moment(0),
            run_at: moment(0),
            start_before: None,
            started_at: None,
            ended_at: None,
            worker: None,
            cancel_asked: false,
            kind: None,
            message: None,
            parent: None,
        };
        let record = JobRecord { summary, payload: new.payload, outcome: None, attempts: Vec::new() };
        Known { record, stored: Vec::new() }
    }

    fn start(&mut self) {
        let job = &mut self.record.summary;
        (job.state, job.attempt) = (State::Running, job.attempt + 1);
        let (attempt, worker) = (job.attempt, WorkerId::from_bytes([7; 16]));
        let started_at = moment(10 * i64::from(attempt));
        let end = AttemptEnd::Running;
        self.record.attempts.push(Attempt { attempt, worker, started_at, ended_at: None, end, outcome: None });
    }

    fn store(&mut self, event: Event) {
        let (number, attempt) = (self.stored.len() as u64 + 1, self.record.summary.attempt);
        self.stored.push(StoredEvent { number, attempt, at: moment(15), event });
    }

    fn end_attempt(&mut self, end: AttemptEnd, outcome: Option<Outcome>, state: State) {
        let attempt = self.record.attempts.last_mut().expect("one runs");
        let ended_at = Some(moment(10 * i64::from(attempt.attempt) + 9));
        (attempt.end, attempt.outcome, attempt.ended_at) = (end, outcome.clone(), ended_at);
        self.end(state, outcome.filter(|_| state.is_end()));
    }

    fn end(&mut self, state: State, outcome: Option<Outcome>) {
        self.record.summary.state = state;
        self.record.outcome = outcome;
        self.record.summary.ended_at = state.is_end().then(|| moment(100));
    }

    fn outcome(&self, returns: &[i32], lines: &[&str]) -> Outcome {
        let values = returns.iter().map(|value| json!(value)).collect();
        let mut outcome = Outcome::of(self.record.summary.id, Ok(values));
        outcome.output.logs = lines.iter().map(|text| line(text)).collect();
        outcome
    }

    /// What is told after the cursor, in pages of so many stored events, until something else has to happen.
    fn told(&self, mut cursor: Option<Cursor>, page: usize) -> Vec<(String, String)> {
        let mut all = Vec::new();
        loop {
            let after = cursor.map_or(0, |cursor| cursor.number);
            let stored: Vec<_> = self.stored.iter().filter(|event| event.number > after).take(page).cloned().collect();
            let (mut lines, mut next) = tell(cursor, &self.record, &stored);
            if let (Next::Close, true, Some(at)) = (next, lines.is_empty(), cursor) {
                (lines, next) = close(at, &self.record, &self.untold(at));
            }
            assert!(!lines.is_empty() || next != Next::Look, "it goes on at {cursor:?}");
            cursor = lines.last().map(|(cursor, _)| *cursor).or(cursor);
            all.extend(lines.iter().map(|(cursor, chapter)| {
                let (name, document) = chapter.parts();
                (cursor.to_string(), format!("{name} {}", document.expect("plain data")))
            }));
            if matches!(next, Next::Wait | Next::Over) {
                return all;
            }
        }
    }

    fn untold(&self, at: Cursor) -> Vec<Event> {
        let Some(outcome) = attempt(&self.record, at.attempt).and_then(|attempt| attempt.outcome.as_ref()) else {
            return Vec::new();
        };
        let mut untold = Untold::of(outcome);
        self.stored.iter().filter(|event| event.attempt == at.attempt).for_each(|event| untold.stored(event));
        untold.events()
    }

    fn names(&self) -> Vec<String> {
        let name = |(id, text): (String, String)| format!("{id} {}", text.split(' ').next().unwrap_or_default());
        self.told(None, 1_000).into_iter().map(name).collect()
    }
}

fn line(text: &str) -> LogLine {
    LogLine { level: LogLevel::Info, message: text.to_owned() }
}

fn failed() -> Outcome {
    Outcome::of(JobId::fresh(), Err(Failure::new(Kind::Guest, "no")))
}

/// Two attempts: the first told all that it stored and failed, the second was stored in part.
fn retried() -> Known {
    let mut known = Known::queued();
    known.start();
    known.store(Event::Log(line("a")));
    known.store(Event::Progress(json!(0.5)));
    let mut first = failed();
    first.output.logs = vec![line("a")];
    known.end_attempt(AttemptEnd::Failed, Some(first), State::Queued);
    known.start();
    known.store(Event::Return(json!(1)));
    let second = known.outcome(&[1, 2], &["b"]);
    known.end_attempt(AttemptEnd::Completed, Some(second), State::Completed);
    known
}

#[test]
fn a_job_is_told_from_its_enqueue_to_its_end() {
    assert_eq!(
        retried().names(),
        [
            "0-0 queued",
            "1-0 started",
            "1-1 log",
            "1-2 progress",
            "1-2-queued queued",
            "2-2 started",
            "2-3 returned",
            "2-3+1 log",
            "2-3+2 returned",
            "2-3+2-end ended"
        ]
    );
}

#[test]
fn whoever_goes_on_from_any_event_hears_exactly_the_rest() {
    let known = retried();
    let whole = known.told(None, 1_000);
    for page in [1, 2, 1_000] {
        assert_eq!(known.told(None, page), whole, "in pages of {page}");
        for (place, (id, _)) in whole.iter().enumerate() {
            let cursor = id.parse().expect("an id is a cursor");
            assert_eq!(known.told(Some(cursor), page), whole[place + 1..], "after {id}, in pages of {page}");
        }
    }
}

#[test]
fn a_stream_that_watched_tells_what_one_that_came_late_does() {
    let mut known = Known::queued();
    let mut heard = known.told(None, 2);
    let mut listen = |known: &Known| {
        let cursor = heard.last().map(|(id, _)| id.parse().expect("an id is a cursor"));
        heard.extend(known.told(cursor, 2));
        heard.clone()
    };
    known.start();
    listen(&known);
    for number in 0..5 {
        known.store(Event::Return(json!(number)));
        listen(&known);
    }
    known.end_attempt(AttemptEnd::HandedBack, None, State::Queued);
    listen(&known);
    known.start();
    known.store(Event::Log(line("x")));
    let outcome = known.outcome(&[3], &["x", "y"]);
    known.end_attempt(AttemptEnd::Completed, Some(outcome), State::Completed);
    assert_eq!(listen(&known), known.told(None, 1_000));
}

#[test]
fn an_attempt_that_was_put_off_while_somebody_watched_is_told_as_handed_back() {
    let mut known = Known::queued();
    known.start();
    let watched = known.told(None, 2);
    assert_eq!(watched.last().map(|(id, _)| id.as_str()), Some("1-0"));
    known.record.attempts.clear();
    known.record.summary.state = State::Queued;
    let cursor = watched.last().map(|(id, _)| id.parse().expect("an id is a cursor"));
    let told = known.told(cursor, 2);
    let [(_, queued)] = &told[..] else { panic!("one line: {told:?}") };
    assert!(queued.contains(r#""attempt":1,"#) && queued.contains(r#""end":"handed_back""#), "{queued}");
}

#[test]
fn a_job_that_never_ran_ends_without_an_attempt() {
    let mut known = Known::queued();
    assert_eq!(known.names(), ["0-0 queued"]);
    known.end(State::Cancelled, Some(failed()));
    assert_eq!(known.names(), ["0-0 queued", "0-0-end ended"]);
}

#[test]
fn a_job_whose_worker_died_is_told_without_an_outcome_of_that_attempt() {
    let mut known = Known::queued();
    known.start();
    known.store(Event::Log(line("a")));
    known.end_attempt(AttemptEnd::Lost, None, State::Queued);
    assert_eq!(known.names(), ["0-0 queued", "1-0 started", "1-1 log", "1-1-queued queued"]);
    known.end(State::Failed, Some(failed()));
    assert_eq!(known.names().last().map(String::as_str), Some("1-1-end ended"));
}

#[test]
fn a_job_that_is_tried_again_after_its_end_goes_on_where_it_ended() {
    let mut known = retried();
    let end: Cursor = "2-3+2-end".parse().expect("a cursor");
    assert!(is_told(end, &known.record) && known.told(Some(end), 10).is_empty());
    known.end(State::Queued, None);
    assert!(!is_told(end, &known.record));
    let ids = |known: &Known| known.told(Some(end), 10).into_iter().map(|(id, _)| id).collect::<Vec<_>>();
    assert_eq!(ids(&known), ["2-3+2-queued"]);
    known.start();
    assert_eq!(ids(&known), ["2-3+2-queued", "3-3"]);
}

#[test]
fn more_than_a_page_of_untold_events_is_told_in_pages() {
    let mut known = Known::queued();
    known.start();
    let many: Vec<i32> = (0..2_500).collect();
    let outcome = known.outcome(&many, &[]);
    known.end_attempt(AttemptEnd::Completed, Some(outcome), State::Completed);
    let (lines, next) =
        close("1-0".parse().expect("a cursor"), &known.record, &known.untold(Cursor { attempt: 1, ..Cursor::QUEUED }));
    assert_eq!((lines.len(), next), (LATE_PAGE, Next::Close));
    let told = known.told(None, 1_000);
    assert_eq!(told.len(), 2 + 2_500 + 1);
    let values = told.iter().filter_map(|(_, text)| text.strip_prefix("returned "));
    let values = values.map(|json| serde_json::from_str::<Value>(json).expect("JSON")["value"].clone());
    assert!(values.eq(many.iter().map(|value| json!(value))));
}

#[test]
fn the_end_of_a_deleted_job_says_that_nothing_is_known() {
    let (cursor, chapter) = deleted(Some("1-4".parse().expect("a cursor")));
    let (name, document) = chapter.parts();
    assert_eq!((cursor.to_string().as_str(), name), ("1-4-end", "ended"));
    assert_eq!(document.expect("plain data"), r#"{"state":null,"attempt":1,"at":null,"outcome":null}"#);
}
