//! A guest's backtrace for people: its own frames, shortened. Whole backtraces are in the JSON document.

use ampule::{Backtrace, Frame};

use crate::printable::printable_line;

/// Where the sources of the standard libraries of Rust and C are said to lie, as their builds write it into DWARF.
const TOOLCHAINS: [&str; 3] = ["/rustc/", "wasisdk://", "/rust/deps/"];

/// One line for each frame, innermost first. Frames of the standard library are counted, not shown, unless there are
/// no others; so are repetitions of a frame.
pub(crate) fn lines(backtrace: &Backtrace) -> Vec<String> {
    let show_all = backtrace.frames.iter().all(is_toolchain);
    let mut lines = Vec::new();
    let mut rest = backtrace.frames.as_slice();
    while let Some(frame) = rest.first() {
        let index = backtrace.frames.len() - rest.len();
        let hidden = rest.iter().take_while(|frame| !show_all && is_toolchain(frame)).count();
        let same = rest.iter().take_while(|other| *other == frame).count();
        if hidden > 0 {
            lines.push(format!("  … {hidden} of the standard library"));
            rest = &rest[hidden..];
            continue;
        }
        lines.push(shown(index, frame));
        if same > 1 {
            lines.push(format!("  … {} more of the same", same - 1));
        }
        rest = &rest[same..];
    }
    lines
}

fn is_toolchain(frame: &Frame) -> bool {
    let location = frame.location.as_deref().unwrap_or_default();
    TOOLCHAINS.iter().any(|prefix| location.starts_with(prefix))
}

fn shown(index: usize, frame: &Frame) -> String {
    let function = printable_line(&without_generics(&frame.function));
    match &frame.location {
        Some(location) => format!("{index:>3}: {function}  at {}", printable_line(location)),
        None => format!("{index:>3}: {function}"),
    }
}

/// A Rust name with what stands in angle brackets left out. A name that begins with one, as `<T as Trait>::f` does,
/// would lose its meaning and stays whole.
fn without_generics(name: &str) -> String {
    if name.starts_with('<') {
        return name.to_owned();
    }
    let (mut short, mut depth, mut before) = (String::with_capacity(name.len()), 0usize, ' ');
    for c in name.chars() {
        // The arrow of a function type closes nothing.
        let closes = c == '>' && before != '-';
        depth += usize::from(c == '<');
        if depth == 0 {
            short.push(c);
        } else if closes {
            depth -= 1;
        }
        before = c;
    }
    // A turbofish leaves its colons behind.
    short.trim_end_matches("::").to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(function: &str, location: &str) -> Frame {
        Frame { function: function.into(), location: (!location.is_empty()).then(|| location.into()) }
    }

    #[test]
    fn the_programs_own_frames_are_shown_and_the_others_counted() {
        let std = |name| frame(name, "/rustc/5980/library/core/src/ops/function.rs:250");
        let frames =
            vec![std("unreachable"), frame("inner", "a.rs:1"), std("call_once"), std("and_then"), frame("_start", "")];
        let expected =
            ["  … 1 of the standard library", "  1: inner  at a.rs:1", "  … 2 of the standard library", "  4: _start"];
        assert_eq!(lines(&Backtrace { frames }), expected);
        assert_eq!(lines(&Backtrace { frames: vec![std("f")] }).len(), 1);
    }

    #[test]
    fn a_recursion_is_told_once() {
        let frames = vec![frame("down", "a.rs:1"), frame("down", "a.rs:1"), frame("down", "a.rs:1")];
        assert_eq!(lines(&Backtrace { frames }), ["  0: down  at a.rs:1", "  … 2 more of the same"]);
    }

    #[test]
    fn names_lose_what_is_in_angle_brackets() {
        for (long, short) in [
            ("call_once<fn(A<B>) -> C, (A<B>)>", "call_once"),
            ("a::b::<T>", "a::b"),
            ("Vec<T>::push", "Vec::push"),
            ("<T as Trait>::f", "<T as Trait>::f"),
            ("plain", "plain"),
        ] {
            assert_eq!(without_generics(long), short);
        }
    }
}
