//! How two JSON values differ, as lines with a sign in front.

use std::fmt::Write as _;

use ampule::Value;
use similar::{ChangeTag, TextDiff};

use crate::printable::printable_json;

/// Lines of a value past which lines are not compared any more; the time goes with lines times differences.
const COMPARED_LINES: usize = 5_000;

/// Lines that are shown, and characters of one.
const SHOWN_LINES: usize = 60;
const SHOWN_CHARS: usize = 160;

/// Lines of both that are shown around a difference.
const AROUND: usize = 3;

/// The lines in which the values differ and some around them: ` ` in both, `-` expected, `+` found, `…` left out. The
/// order of keys is no difference.
pub(super) fn lines(expected: &Value, found: &Value) -> Vec<String> {
    let (expected_text, found_text) = (laid_out(expected), laid_out(found));
    if expected_text.lines().count().max(found_text.lines().count()) > COMPARED_LINES {
        return vec![format!("too long to compare line by line; {}", first(expected, found, &mut String::new()))];
    }
    let difference = TextDiff::from_lines(&expected_text, &found_text);
    let mut lines = Vec::new();
    for (index, group) in difference.grouped_ops(AROUND).iter().enumerate() {
        if index > 0 {
            lines.push("…".to_owned());
        }
        for change in group.iter().flat_map(|operation| difference.iter_changes(operation)) {
            let sign = match change.tag() {
                ChangeTag::Equal => ' ',
                ChangeTag::Delete => '-',
                ChangeTag::Insert => '+',
            };
            lines.push(cut(&format!("{sign} {}", printable_json(change.value().trim_end_matches('\n')))));
        }
    }
    let left = lines.len().saturating_sub(SHOWN_LINES);
    if left > 0 {
        lines.truncate(SHOWN_LINES);
        lines.push(format!("… {left} more lines"));
    }
    lines
}

/// One value a line. The commas are left out, for where they stand depends on what comes next.
fn laid_out(value: &Value) -> String {
    let mut sorted = value.clone();
    sorted.sort_all_objects();
    let laid_out = format!("{sorted:#}\n");
    // A string ends in its quote, so a comma at the end of a line separates.
    laid_out.replace(",\n", "\n")
}

/// The first place where the values differ.
fn first(expected: &Value, found: &Value, place: &mut String) -> String {
    let before = place.len();
    let mut below = |key: &str, expected: Option<&Value>, found: Option<&Value>| {
        if expected == found {
            return None;
        }
        let _ = write!(place, "/{}", key.replace('~', "~0").replace('/', "~1"));
        let told = match (expected, found) {
            (Some(expected), Some(found)) => first(expected, found, place),
            (Some(expected), None) => format!("at {place}: expected {}, found nothing", json(expected)),
            (None, found) => format!("at {place}: expected nothing, found {}", found.map(json).unwrap_or_default()),
        };
        place.truncate(before);
        Some(told)
    };
    let told = match (expected, found) {
        (Value::Array(a), Value::Array(b)) => {
            (0..a.len().max(b.len())).find_map(|index| below(&index.to_string(), a.get(index), b.get(index)))
        }
        (Value::Object(a), Value::Object(b)) => {
            a.keys().chain(b.keys()).find_map(|key| below(key, a.get(key), b.get(key)))
        }
        _ => None,
    };
    told.unwrap_or_else(|| format!("at {place:?}: expected {}, found {}", json(expected), json(found)))
}

fn json(value: &Value) -> String {
    cut(&printable_json(&value.to_string()))
}

fn cut(line: &str) -> String {
    match line.char_indices().nth(SHOWN_CHARS) {
        Some((end, _)) => format!("{}…", &line[..end]),
        None => line.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn lines_that_differ_have_a_sign_and_the_order_of_keys_does_not_matter() {
        let (expected, found) = (json!({"b": 1, "a": [1, 2]}), json!({"a": [1, 3], "b": 1}));
        let shown = ["  {", "    \"a\": [", "      1", "-     2", "+     3", "    ]", "    \"b\": 1", "  }"];
        assert_eq!(lines(&expected, &found), shown);
        assert_eq!(lines(&json!({"b": 1, "a": 2}), &json!({"a": 2, "b": 1})), [""; 0]);
    }

    #[test]
    fn of_values_that_are_too_long_the_first_difference_is_named() {
        let long: Vec<u32> = (0..6_000).collect();
        let mut other = long.clone();
        other[4_321] = 0;
        let told = lines(&json!({"x/y": long}), &json!({"x/y": other}));
        assert_eq!(told, ["too long to compare line by line; at \"/x~1y/4321\": expected 4321, found 0"]);
    }

    #[test]
    fn what_is_shown_has_an_end() {
        let (expected, found): (Vec<u32>, Vec<u32>) = ((0..1_000).collect(), (1_000..2_000).collect());
        let told = lines(&json!(expected), &json!(found));
        assert_eq!(told.len(), SHOWN_LINES + 1);
        assert!(told[SHOWN_LINES].ends_with("more lines"));
    }
}
