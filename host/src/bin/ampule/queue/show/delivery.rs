//! A delivery in words: to whom, and what each try came to.

use std::time::Duration;

use ampule::queue::Target;
use ampule::{Outcome, Value};

use super::super::when;
use crate::printable::printable_line;

/// Where the end is told.
pub(super) fn to(target: &Target) -> String {
    match target {
        Target::Http { url, .. } => plain(url),
        closure => format!("closure:{}", printable_line(closure.name())),
    }
}

/// A URL without its query, which is where receivers have their secrets.
pub(super) fn plain(url: &str) -> String {
    let end = url.find(['?', '#']).unwrap_or(url.len());
    printable_line(&url[..end])
}

/// A try to tell of it over HTTP, on one line.
pub(super) fn tried(outcome: &Outcome) -> String {
    let failure = outcome.result.as_ref().err();
    let record = outcome.result.as_ref().ok().or(failure.and_then(|failure| failure.returns.first()));
    told(record.unwrap_or(&Value::Null), failure.map(|failure| failure.message.as_str()))
}

fn told(record: &Value, failure: Option<&str>) -> String {
    let after = record["time_ms"].as_u64().map(|milliseconds| when::span(Duration::from_millis(milliseconds)));
    let after = after.map(|time| format!(" after {time}")).unwrap_or_default();
    match (record["status"].as_u64(), failure) {
        (Some(status), _) => format!("  answered {status}{after}\n"),
        (None, Some(message)) => format!("  not answered{after}: {}\n", printable_line(message)),
        (None, None) => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_try_is_told_by_what_was_answered_or_by_why_nothing_was() {
        let answered = json!({ "status": 500, "time_ms": 16, "body": "later" });
        assert_eq!(told(&answered, Some("expected an answer of 200 to 299")), "  answered 500 after 16ms\n");
        assert_eq!(told(&json!({ "status": 204, "time_ms": 0 }), None), "  answered 204 after <1ms\n");
        let silent = json!({ "status": null, "time_ms": 5_000, "body": null });
        assert_eq!(told(&silent, Some("no answer within 5s")), "  not answered after 5s: no answer within 5s\n");
        assert_eq!(told(&Value::Null, Some("stopped on request")), "  not answered: stopped on request\n");
    }

    #[test]
    fn a_url_is_shown_without_its_query_and_a_closure_by_its_name() {
        let webhook = Target::Http { url: "https://example.com/a?token=1".to_owned(), headers: [].into() };
        assert_eq!(to(&webhook), "https://example.com/a");
        assert_eq!(to(&Target::Closure("tell".to_owned())), "closure:tell");
        assert_eq!(plain("https://example.com:8443/a?token=1#b"), "https://example.com:8443/a");
    }
}
