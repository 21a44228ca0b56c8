//! What a program says of itself, put in where its tool did not: custom sections, the same in a core module and in a
//! component.
//!
//! The schemas come from files beside the source, `NAME.kwargs.json` and `NAME.result.json`; what the job is for, from
//! the comment at the top of the source. A crate that uses the SDK carries all of it already, and keeps it.

use std::fs;
use std::io;

use ampule::{Inspection, Value};
use serde_json::json;

use super::Built;
use super::project::{Kind, Project};
use crate::exit::Fault;

/// Adds the sections that are not there.
///
/// # Errors
/// [`Fault::Build`] if a schema's file is not JSON.
pub(super) fn complete(built: &mut Built, found: &Inspection, project: &Project) -> Result<(), Fault> {
    for (what, present) in [("kwargs", found.kwargs_schema.is_some()), ("result", found.result_schema.is_some())] {
        let file = format!("{}.{what}.json", built.name);
        let Some(schema) = schema(project, &file)? else { continue };
        if present {
            built.warnings.push(format!("{file} is not used: the program carries a schema of its own"));
        } else {
            append(&mut built.wasm, &format!("ampule:{what}"), schema.to_string().as_bytes());
        }
    }
    if found.about.is_none() {
        let about = about(&built.name, project)?;
        append(&mut built.wasm, "ampule:about", about.to_string().as_bytes());
    }
    Ok(())
}

fn schema(project: &Project, file: &str) -> Result<Option<Value>, Fault> {
    let text = match fs::read_to_string(project.directory.join(file)) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(anyhow::Error::new(error).context(file.to_owned()).into()),
    };
    let wrong = |error| Fault::Build(format!("{file}: expected a JSON Schema, found: {error}"));
    serde_json::from_str(&text).map(Some).map_err(wrong)
}

fn about(name: &str, project: &Project) -> Result<Value, Fault> {
    let description = match project.kind {
        Kind::Crate => String::new(),
        _ => {
            let text = fs::read(&project.file);
            let text = text.map_err(|error| anyhow::Error::new(error).context(project.file.display().to_string()))?;
            first_comment(&String::from_utf8_lossy(&text))
        }
    };
    let builder = concat!("ampule ", env!("CARGO_PKG_VERSION"));
    Ok(json!({ "name": name, "description": description, "builder": builder }))
}

/// The first paragraph of the comment at the top of a source, on one line; empty if it begins with anything else.
fn first_comment(source: &str) -> String {
    let mut lines = source.lines().map(str::trim).skip_while(|line| line.is_empty() || line.starts_with("#!"));
    let Some(first) = lines.next() else { return String::new() };
    for (begin, end) in [("\"\"\"", "\"\"\""), ("'''", "'''"), ("/*", "*/")] {
        let Some(opened) = first.strip_prefix(begin) else { continue };
        let mut words = Vec::new();
        for line in std::iter::once(opened).chain(lines) {
            let (text, closed) = line.split_once(end).map_or((line, false), |(text, _)| (text, true));
            let text = text.trim_start_matches('*').trim();
            if !text.is_empty() {
                words.push(text);
            }
            if closed || (text.is_empty() && !words.is_empty()) {
                break;
            }
        }
        return words.join(" ");
    }
    let Some(mark) = ["//", "#"].into_iter().find(|mark| first.starts_with(mark)) else { return String::new() };
    if first.starts_with("#include") || first.starts_with("#define") || first.starts_with("#pragma") {
        return String::new();
    }
    let texts = std::iter::once(first).chain(lines).map_while(|line| line.strip_prefix(mark));
    let texts = texts.map(|text| text.trim_start_matches(['/', '!']).trim());
    texts.skip_while(|text| text.is_empty()).take_while(|text| !text.is_empty()).collect::<Vec<_>>().join(" ")
}

/// Appends a custom section: a zero, the length of the rest, the name with its length, the content.
fn append(wasm: &mut Vec<u8>, name: &str, content: &[u8]) {
    let name_len = leb128(name.len());
    wasm.push(0);
    wasm.extend(leb128(name_len.len() + name.len() + content.len()));
    wasm.extend(name_len);
    wasm.extend(name.as_bytes());
    wasm.extend(content);
}

/// A core module without its DWARF. The names of functions stay, and so does whatever is not understood.
pub(super) fn without_dwarf(wasm: Vec<u8>) -> Vec<u8> {
    let Some((header, mut rest)) = wasm.split_at_checked(HEADER_BYTES) else { return wasm };
    let mut kept = header.to_vec();
    while let Some(section) = first_section(rest) {
        if !section.name.is_some_and(|name| name.starts_with(b".debug_")) {
            kept.extend(section.whole);
        }
        rest = &rest[section.whole.len()..];
    }
    kept.extend(rest);
    kept
}

/// The magic word and the version.
const HEADER_BYTES: usize = 8;

struct Section<'a> {
    whole: &'a [u8],
    /// Of a custom section.
    name: Option<&'a [u8]>,
}

fn first_section(bytes: &[u8]) -> Option<Section<'_>> {
    let (id, after_id) = bytes.split_first()?;
    let (content, before) = sized(after_id)?;
    let whole = &bytes[..1 + before + content.len()];
    let name = if *id == 0 { sized(content).map(|(name, _)| name) } else { None };
    Some(Section { whole, name })
}

/// What a length announces, and how many bytes the length itself takes.
fn sized(bytes: &[u8]) -> Option<(&[u8], usize)> {
    let mut len = 0usize;
    for (place, byte) in bytes.iter().enumerate().take(5) {
        len |= usize::from(byte & 0x7f) << (7 * place);
        if byte & 0x80 == 0 {
            return Some((bytes[place + 1..].get(..len)?, place + 1));
        }
    }
    None
}

/// Seven bits a byte, the lowest first; the highest bit says that more follow.
fn leb128(mut number: usize) -> Vec<u8> {
    let mut bytes = Vec::new();
    while number >= 0x80 {
        bytes.push((number & 0x7f) as u8 | 0x80);
        number >>= 7;
    }
    bytes.push(number as u8);
    bytes
}

#[cfg(test)]
mod tests {
    use ampule::ProgramLimits;

    use super::*;

    #[test]
    fn what_is_appended_is_read_by_the_runner() {
        for text in ["(module)", "(component)"] {
            let mut wasm = ampule::assemble(text).expect("a program");
            let description = "x".repeat(300);
            append(&mut wasm, "ampule:about", json!({ "description": description }).to_string().as_bytes());
            append(&mut wasm, "ampule:kwargs", b"{}");
            let read = Inspection::of(&wasm, &ProgramLimits::default()).expect("a program");
            assert_eq!(read.about, Some(json!({ "description": description })), "{text}");
            assert_eq!(read.kwargs_schema, Some(json!({})), "{text}");
        }
    }

    #[test]
    fn dwarf_is_left_out_and_nothing_else() {
        let mut wasm = ampule::assemble("(module (func $named))").expect("a program");
        append(&mut wasm, "ampule:about", b"{}");
        let expected = wasm.clone();
        append(&mut wasm, ".debug_info", &[7; 300]);
        append(&mut wasm, ".debug_line", b"");
        assert_eq!(without_dwarf(wasm), expected);
        for broken in [&b""[..], b"\0asm", b"\0asm\x01\0\0\0\0\xff\xff\xff\xff\xff\xff", b"\0asm\x01\0\0\0\0\x05x"] {
            assert_eq!(without_dwarf(broken.to_vec()), broken);
        }
    }

    #[test]
    fn the_first_paragraph_of_the_first_comment_is_the_description() {
        for (source, description) in [
            ("// Adds.\n// Slowly.\n//\n// More.\nint x;", "Adds. Slowly."),
            ("#!/usr/bin/python3\n# Adds.\nx = 1", "Adds."),
            ("\"\"\"Adds.\n\nMore.\n\"\"\"\n", "Adds."),
            ("\"\"\"\nAdds\nslowly.\"\"\"", "Adds slowly."),
            ("/*\n * Adds.\n */", "Adds."),
            ("/** Adds. */ x", "Adds."),
            ("/// Adds.", "Adds."),
            ("#include <x>\n// no", ""),
            ("x = 1 # no", ""),
            ("", ""),
        ] {
            assert_eq!(first_comment(source), description, "{source}");
        }
    }
}
