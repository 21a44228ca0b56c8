//! The stack that QuickJS writes, reduced to what is the job's.

use crate::prelude;

/// Whose the frames are.
pub(crate) struct Origin<'a> {
    /// The file that the job's own frames say they are from.
    pub(crate) file: &'a str,
    /// The job's source.
    pub(crate) source: &'a [u8],
}

/// How many frames are kept; QuickJS itself stops at ten unless the job asks for more.
const MAX_FRAMES: usize = 32;

/// The most of a source line that is shown: what stands before and after the place.
const EXCERPT_LETTERS: usize = 60;

/// The lines of a stack that are neither ours nor of QuickJS's own functions.
pub(crate) fn frames(stack: &str, origin: &Origin<'_>) -> Vec<String> {
    let foreign =
        |line: &&str| !line.ends_with("(native)") && !line.contains(prelude::FILE) && *line != "at <anonymous>";
    let lines = stack.lines().map(str::trim).filter(|line| line.starts_with("at ")).filter(foreign);
    lines.take(MAX_FRAMES).map(|line| own(line, origin)).collect()
}

/// A frame as the author would say it. The code outside of all functions has a name that nobody gave it, and where it
/// begins has no place if the source is an expression, since that begins two lines before (see `source.rs`).
fn own(line: &str, origin: &Origin<'_>) -> String {
    let outside = line.strip_prefix("at <eval> (").and_then(|rest| rest.strip_suffix(')'));
    match outside.filter(|place| place.starts_with(origin.file)) {
        Some(place) if place == origin.file => format!("at {place}:1:1"),
        Some(place) => format!("at {place}"),
        None => line.to_owned(),
    }
}

/// `file:line:column` of the first frame.
pub(crate) fn location(frames: &[String]) -> Option<&str> {
    let frame = frames.first()?.strip_prefix("at ")?;
    Some(match frame.rfind(" (") {
        Some(open) => frame[open + 2..].trim_end_matches(')'),
        None => frame,
    })
}

/// The line that the first frame is about, with a caret under the column.
pub(crate) fn excerpt(frames: &[String], origin: &Origin<'_>) -> Option<String> {
    let place = location(frames)?.strip_prefix(origin.file)?.strip_prefix(':')?;
    let (line, column) = place.split_once(':')?;
    let (line, column): (usize, usize) = (line.parse().ok()?, column.parse().ok()?);
    let text = origin.source.split(|byte| *byte == b'\n').nth(line.checked_sub(1)?)?;
    let letters: Vec<char> = String::from_utf8_lossy(text).trim_end().chars().collect();
    let at = column.saturating_sub(1).min(letters.len());
    let (start, end) = (at.saturating_sub(EXCERPT_LETTERS), (at + EXCERPT_LETTERS).min(letters.len()));
    let shown: String = letters[start..end].iter().collect();
    let margin: String = letters[start..at].iter().map(|letter| if *letter == '\t' { '\t' } else { ' ' }).collect();
    let number = line.to_string();
    Some(format!("\n{number} | {shown}\n{:width$} | {margin}^", "", width = number.len()))
}
