//! JSON of a server, as deep as its documents are.
//!
//! A value of a guest may be as deep as JSON is read elsewhere, and lies a few levels deeper here; so the reader's own
//! limit is lifted. Whoever answers may be no server of ours, so there is another: what is nested without end is not
//! read, since that would overflow the stack.

use serde::de::{DeserializeOwned, Error as _};

/// What lies below a chain of callbacks is no deeper.
const MAX_LEVELS: usize = 512;

/// Reads a document.
pub(super) fn read<T: DeserializeOwned>(json: &[u8]) -> Result<T, serde_json::Error> {
    if levels(json) > MAX_LEVELS {
        return Err(serde_json::Error::custom(format!("expected at most {MAX_LEVELS} levels, found more")));
    }
    let mut reader = serde_json::Deserializer::from_slice(json);
    reader.disable_recursion_limit();
    let document = T::deserialize(&mut reader)?;
    reader.end()?;
    Ok(document)
}

/// How deep arrays and objects are nested. Of what is no JSON, at least as deep as a reader gets.
fn levels(json: &[u8]) -> usize {
    let (mut level, mut deepest) = (0_usize, 0);
    let (mut in_string, mut is_escaped) = (false, false);
    for byte in json {
        match byte {
            _ if is_escaped => is_escaped = false,
            b'\\' if in_string => is_escaped = true,
            b'"' => in_string = !in_string,
            _ if in_string => {}
            b'[' | b'{' => level += 1,
            b']' | b'}' => level = level.saturating_sub(1),
            _ => {}
        }
        deepest = deepest.max(level);
    }
    deepest
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    #[test]
    fn a_document_is_read_to_a_depth_that_the_stack_has_room_for() {
        let nested = |levels: usize| format!("{}{}", "[".repeat(levels), "]".repeat(levels));
        assert!(read::<Value>(nested(MAX_LEVELS).as_bytes()).is_ok());
        for deeper in [nested(MAX_LEVELS + 1), nested(1 << 20), "[".repeat(1 << 20)] {
            assert!(read::<Value>(deeper.as_bytes()).is_err());
        }
    }

    #[test]
    fn what_stands_in_strings_is_no_level() {
        assert_eq!(levels(br#"{"a[": ["\"[", "\\"], "b": [[]]}"#), 3);
        assert_eq!(levels(b"7"), 0);
        assert!(read::<Value>(b"[] []").is_err(), "and nothing stands behind it");
    }
}
