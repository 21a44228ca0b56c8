//! What an attempt told and nobody stored: short runs store nothing, and a burst may be dropped. Its outcome has all
//! values and the last lines of the log.
//!
//! No number says which of them were stored, so each stored event is looked for in the outcome, in order.

use crate::events::Event;
use crate::outcome::Outcome;
use crate::queue::StoredEvent;

/// Looks through the stored events of one attempt, a page at a time, for what is missing among them.
pub(super) struct Untold<'a> {
    outcome: &'a Outcome,
    returns: Found,
    logs: Found,
    /// Lines that the outcome has no longer, and of which a stored one is so the first.
    cut_lines: u64,
}

/// Which items of a list were found, in order.
struct Found {
    is_found: Vec<bool>,
    /// Where the next one may be.
    next: usize,
    /// Whether each was the very next one.
    in_order: bool,
}

impl<'a> Untold<'a> {
    pub(super) fn of(outcome: &'a Outcome) -> Self {
        let (returns, logs) = (Found::none_of(outcome.returns.len()), Found::none_of(outcome.output.logs.len()));
        Untold { outcome, returns, logs, cut_lines: outcome.output.truncated.log_lines }
    }

    /// Takes in what was stored. Must be told of every stored event of the attempt, in order.
    pub(super) fn stored(&mut self, event: &StoredEvent) {
        match &event.event {
            Event::Return(value) => self.returns.find(&self.outcome.returns, value),
            Event::Log(_) if self.cut_lines > 0 => self.cut_lines -= 1,
            Event::Log(_) if !self.is_sure() => {}
            Event::Log(line) => self.logs.find(&self.outcome.output.logs, line),
            Event::Progress(_) => {}
        }
    }

    /// What was not stored, in order: the lines of the log, then the values.
    pub(super) fn events(self) -> Vec<Event> {
        let Outcome { returns, output, .. } = self.outcome;
        let logs = self.logs.missing(&output.logs).filter(|_| self.is_sure());
        let logs = logs.map(|line| Event::Log(line.clone()));
        logs.chain(self.returns.missing(returns).map(|value| Event::Return(value.clone()))).collect()
    }

    /// Where lines were cut, and others were not stored before one that was, no line is known to be untold.
    fn is_sure(&self) -> bool {
        self.logs.in_order || self.outcome.output.truncated.log_lines == 0
    }
}

impl Found {
    fn none_of(len: usize) -> Self {
        Found { is_found: vec![false; len], next: 0, in_order: true }
    }

    fn missing<'i, T>(&'i self, items: &'i [T]) -> impl Iterator<Item = &'i T> {
        items.iter().zip(&self.is_found).filter(|(_, is_found)| !**is_found).map(|(item, _)| item)
    }

    fn find<T: PartialEq>(&mut self, items: &[T], item: &T) {
        let place = items.iter().skip(self.next).position(|other| other == item);
        self.in_order &= place == Some(0);
        if let Some(place) = place {
            self.is_found[self.next + place] = true;
            self.next += place + 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::failure::{LogLevel, LogLine};
    use crate::job::JobId;
    use crate::queue::Timestamp;

    fn line(message: &str) -> LogLine {
        LogLine { level: LogLevel::Info, message: message.to_owned() }
    }

    fn outcome(returns: &[i32], lines: &[&str], cut_lines: u64) -> Outcome {
        let mut outcome = Outcome::of(JobId::fresh(), Ok(returns.iter().map(|value| json!(value)).collect()));
        outcome.output.logs = lines.iter().map(|text| line(text)).collect();
        outcome.output.truncated.log_lines = cut_lines;
        outcome
    }

    fn untold(outcome: &Outcome, stored: &[Event]) -> Vec<Event> {
        let mut untold = Untold::of(outcome);
        for (number, event) in (1..).zip(stored) {
            untold.stored(&StoredEvent { number, attempt: 1, at: Timestamp::UNIX_EPOCH, event: event.clone() });
        }
        untold.events()
    }

    fn log(message: &str) -> Event {
        Event::Log(line(message))
    }

    fn returned(value: i32) -> Event {
        Event::Return(json!(value))
    }

    #[test]
    fn of_a_run_that_stored_nothing_all_is_untold() {
        let outcome = outcome(&[1, 1], &["a", "a"], 3);
        assert_eq!(untold(&outcome, &[]), [log("a"), log("a"), returned(1), returned(1)]);
    }

    #[test]
    fn what_was_stored_is_not_told_again_and_what_follows_is() {
        let outcome = outcome(&[1, 1, 2], &["a", "b", "a"], 0);
        let stored = [log("a"), Event::Progress(json!(0.5)), returned(1)];
        assert_eq!(untold(&outcome, &stored), [log("b"), log("a"), returned(1), returned(2)]);
        let all = [log("a"), log("b"), log("a"), returned(1), returned(1), returned(2)];
        assert_eq!(untold(&outcome, &all), []);
    }

    #[test]
    fn what_was_dropped_before_something_that_was_stored_is_told_late() {
        let outcome = outcome(&[1, 2, 3], &["a", "b", "c"], 0);
        assert_eq!(untold(&outcome, &[log("b"), returned(3)]), [log("a"), log("c"), returned(1), returned(2)]);
    }

    #[test]
    fn lines_that_the_outcome_has_no_longer_count_as_told() {
        let outcome = outcome(&[], &["x", "x"], 2);
        assert_eq!(untold(&outcome, &[log("x")]), [log("x"), log("x")]);
        assert_eq!(untold(&outcome, &[log("x"), log("x"), log("x")]), [log("x")]);
        let unsure = [log("p"), log("q"), log("other")];
        assert_eq!(untold(&outcome, &unsure), [], "nobody knows which of them were told");
    }
}
