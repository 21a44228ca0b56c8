//! Text from jobs and programs made safe for a terminal, which would obey its control characters.

use std::borrow::Cow;

/// The text with every control character but newline and tab written as an escape, and so the marks that
/// reorder what is read.
pub(crate) fn printable(text: &str) -> Cow<'_, str> {
    if !text.contains(is_harmful) {
        return Cow::Borrowed(text);
    }
    let mut safe = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        if is_harmful(c) { safe.extend(c.escape_default()) } else { safe.push(c) }
    }
    Cow::Owned(safe)
}

/// As [`printable`], on one line.
pub(crate) fn printable_line(text: &str) -> String {
    printable(text).replace('\n', "\\n")
}

/// JSON text in which a terminal finds nothing to obey. JSON escapes most control characters by itself; the rest can
/// only stand in strings, where an escape means the same.
pub(crate) fn printable_json(json: &str) -> Cow<'_, str> {
    if !json.contains(is_harmful) {
        return Cow::Borrowed(json);
    }
    let escape = |c: char| if is_harmful(c) { format!("\\u{:04x}", u32::from(c)) } else { c.to_string() };
    Cow::Owned(json.chars().map(escape).collect())
}

fn is_harmful(c: char) -> bool {
    let reorders = matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    (c.is_control() && c != '\n' && c != '\t') || reorders
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_terminal_obeys_becomes_an_escape() {
        assert_eq!(printable("a\tb\n\u{1b}[2J\r\u{9b}\u{202e}ö"), "a\tb\n\\u{1b}[2J\\r\\u{9b}\\u{202e}ö");
        assert_eq!(printable_line("a\nb\u{7}"), "a\\nb\\u{7}");
        assert!(matches!(printable("plain\n"), Cow::Borrowed(_)));
    }

    #[test]
    fn escaped_json_means_the_same() {
        let text = serde_json::to_string("\u{1b}\u{7f}\u{9b}\u{2066}ö").expect("a string");
        let safe = printable_json(&text);
        assert_eq!(safe, r#""\u001b\u007f\u009b\u2066ö""#);
        assert_eq!(serde_json::from_str::<String>(&safe).ok(), serde_json::from_str::<String>(&text).ok());
    }
}
