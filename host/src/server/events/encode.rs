//! Events as the lines of `text/event-stream`, as the HTML standard has it.

use axum::body::Bytes;

use super::story::Line;

/// The text of these events. JSON has no line ends of its own, so each document is one line.
pub(super) fn encode(lines: &[Line]) -> Bytes {
    let mut text = String::new();
    for (cursor, chapter) in lines {
        let (name, document) = chapter.parts();
        match document {
            Ok(document) => text.push_str(&format!("id: {cursor}\nevent: {name}\ndata: {document}\n\n")),
            Err(error) => tracing::error!(%error, %cursor, "an event has no JSON form"),
        }
    }
    text.into()
}
