//! How large documents are as text, found without making the text.

use std::io;

use serde::Serialize;

/// The length of a document's text.
pub(super) fn text_bytes(document: &impl Serialize) -> usize {
    up_to(usize::MAX, document).unwrap_or(usize::MAX)
}

/// Whether a document's text is no longer than this. It is not looked at further than that.
pub(super) fn fits(most: usize, document: &impl Serialize) -> bool {
    up_to(most, document).is_some()
}

fn up_to(most: usize, document: &impl Serialize) -> Option<usize> {
    let mut left = Left(most);
    serde_json::to_writer(&mut left, document).ok()?;
    Some(most - left.0)
}

/// What may still be written.
struct Left(usize);

impl io::Write for Left {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0 = self.0.checked_sub(bytes.len()).ok_or(io::ErrorKind::StorageFull)?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_document_is_as_large_as_its_text() {
        let document = json!({ "a": [1, 2.5, null, "\u{1}ö\""], "b": {} });
        let bytes = document.to_string().len();
        assert_eq!(text_bytes(&document), bytes);
        assert!(fits(bytes, &document) && !fits(bytes - 1, &document));
    }
}
