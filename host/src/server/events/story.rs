//! A job's story, told in order: what comes after a cursor, decided from what the queue knows.
//!
//! Pure: the same record and the same stored events give the same story, wherever it is told and however often.

#[cfg(test)]
mod tests;

use super::cursor::{Cursor, Place};
use super::document::{Chapter, Ended, Queued, Started, Told};
use crate::events::Event;
use crate::queue::{Attempt, AttemptEnd, JobRecord, StoredEvent};

/// How many events that were never stored are told at a time: as many as a page of those that were has at most.
const LATE_PAGE: usize = 1_000;

/// A chapter, and the cursor after it.
pub(super) type Line = (Cursor, Chapter);

/// What comes after what was told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Next {
    /// More of what is known by now.
    Look,
    /// Nothing, until something happens.
    Wait,
    /// The attempt of the cursor is over and none of its stored events are left: what it left untold, by [`close`].
    Close,
    /// Nothing any more.
    Over,
}

/// Tells what is known after the cursor. The page are the stored events after the cursor's number, read after the
/// record was.
pub(super) fn tell(cursor: Option<Cursor>, record: &JobRecord, page: &[StoredEvent]) -> (Vec<Line>, Next) {
    let mut lines = Vec::new();
    let mut at = cursor.unwrap_or_else(|| {
        lines.push((Cursor::QUEUED, Chapter::Queued(Queued::first(&record.summary))));
        Cursor::QUEUED
    });
    let mut page = page.iter().peekable();
    loop {
        if at.is_within_an_attempt() {
            // More may be stored than one page, and more may be known by now than the record says.
            let is_more = page.peek().is_some();
            while let Some(stored) = page.next_if(|stored| stored.attempt <= at.attempt) {
                at.number = stored.number;
                lines.push((at, Chapter::Told(Told::stored(stored))));
            }
            let is_running = attempt(record, at.attempt).is_some_and(|attempt| attempt.end == AttemptEnd::Running);
            let is_told = page.peek().is_some() && !is_running;
            return (
                lines,
                if is_more && !is_told {
                    Next::Look
                } else if is_running {
                    Next::Wait
                } else {
                    Next::Close
                },
            );
        }
        let Some(attempt) = following(record, at.attempt) else {
            let next = between_attempts(&mut lines, at, record);
            return (lines, next);
        };
        if at.is_end() {
            at.place = Place::Queued;
            lines.push((at, queued(record, at)));
        }
        at = Cursor { attempt: attempt.attempt, number: at.number, late: 0, place: Place::Within };
        lines.push((at, Chapter::Started(Started::of(attempt))));
    }
}

/// Tells what the attempt of the cursor left untold, a page at a time, and how it went on.
pub(super) fn close(cursor: Cursor, record: &JobRecord, untold: &[Event]) -> (Vec<Line>, Next) {
    let mut at = cursor;
    let mut lines = Vec::new();
    let known = attempt(record, at.attempt);
    let rest = untold.get(at.late as usize..).unwrap_or_default();
    for (event, attempt) in rest.iter().take(LATE_PAGE).zip(std::iter::repeat(known).flatten()) {
        at.late += 1;
        lines.push((at, Chapter::Told(Told::late(event, attempt))));
    }
    if rest.len() > LATE_PAGE {
        return (lines, Next::Close);
    }
    if record.summary.state.is_end() && following(record, at.attempt).is_none() {
        lines.push(ended(at, record));
        return (lines, Next::Over);
    }
    at.place = Place::Queued;
    lines.push((at, queued(record, at)));
    (lines, Next::Look)
}

/// Whether all is told that there is to tell.
pub(super) fn is_told(cursor: Cursor, record: &JobRecord) -> bool {
    cursor.is_end() && record.summary.state.is_end() && following(record, cursor.attempt).is_none()
}

/// The end of a story whose job was deleted before its end was told.
pub(super) fn deleted(cursor: Option<Cursor>) -> Line {
    let at = Cursor { place: Place::Ended, ..cursor.unwrap_or(Cursor::QUEUED) };
    (at, Chapter::Ended(Box::new(Ended::deleted(at.attempt))))
}

fn between_attempts(lines: &mut Vec<Line>, mut at: Cursor, record: &JobRecord) -> Next {
    match (record.summary.state.is_end(), at.is_end()) {
        (true, true) => Next::Over,
        (true, false) => {
            lines.push(ended(at, record));
            Next::Over
        }
        (false, true) => {
            at.place = Place::Queued;
            lines.push((at, queued(record, at)));
            Next::Wait
        }
        (false, false) => Next::Wait,
    }
}

fn ended(mut at: Cursor, record: &JobRecord) -> Line {
    at.place = Place::Ended;
    (at, Chapter::Ended(Box::new(Ended::of(record))))
}

/// The job waits again, after this attempt.
fn queued(record: &JobRecord, at: Cursor) -> Chapter {
    Chapter::Queued(match attempt(record, at.attempt) {
        Some(attempt) => Queued::again(&record.summary, attempt),
        None if at.attempt > 0 => Queued::put_off(&record.summary, at.attempt),
        None => Queued::first(&record.summary),
    })
}

fn attempt(record: &JobRecord, number: u32) -> Option<&Attempt> {
    record.attempts.iter().find(|attempt| attempt.attempt == number)
}

fn following(record: &JobRecord, number: u32) -> Option<&Attempt> {
    record.attempts.iter().find(|attempt| attempt.attempt > number)
}
