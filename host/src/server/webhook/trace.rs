//! The `traceparent` of a delivery: a child of the one that came with the job, as W3C Trace Context has it.

use std::fmt::Write as _;

/// A new span of the same trace, sampled if the parent is; nothing if there is no trace that can be read.
pub(super) fn child(parent: &str) -> Option<String> {
    let mut parts = parent.split('-');
    let (version, trace, span, flags) = (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
    let is_version = is_hex(version, 2) && version != "ff" && (version != "00" || parts.next().is_none());
    if !is_version || !is_id(trace, 32) || !is_id(span, 16) || !is_hex(flags, 2) {
        return None;
    }
    let sampled = u8::from_str_radix(flags, 16).ok()? & 1;
    let mut bytes = [0u8; 8];
    getrandom::fill(&mut bytes).ok()?;
    // An id of zeros alone means none.
    bytes[7] |= 1;
    let span = bytes.iter().fold(String::with_capacity(16), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    });
    Some(format!("00-{trace}-{span}-{sampled:02x}"))
}

fn is_hex(text: &str, digits: usize) -> bool {
    text.len() == digits && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

fn is_id(text: &str, digits: usize) -> bool {
    is_hex(text, digits) && text.bytes().any(|byte| byte != b'0')
}

#[cfg(test)]
mod tests {
    use super::*;

    const PARENT: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

    #[test]
    fn a_child_is_another_span_of_the_same_trace() {
        let child = child(PARENT).expect("a child");
        let parts: Vec<_> = child.split('-').collect();
        assert_eq!((parts[0], parts[1], parts[3]), ("00", "4bf92f3577b34da6a3ce929d0e0e4736", "01"));
        assert!(is_id(parts[2], 16) && parts[2] != "00f067aa0ba902b7");
        assert!(super::child(&child).is_some_and(|next| next != child));
    }

    #[test]
    fn what_is_no_trace_has_no_child() {
        for parent in [
            "",
            "00",
            "ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
            "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01",
            "00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-more",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7\r\n-01",
        ] {
            assert_eq!(child(parent), None, "{parent}");
        }
        assert!(
            child("01-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-00-more")
                .is_some_and(|child| child.ends_with("-00"))
        );
    }
}
