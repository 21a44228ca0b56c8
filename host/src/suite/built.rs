//! Which compilers made a program, as its `producers` section tells: another compiler may spend other fuel on the same
//! job, which is no fault of the job.

use wasmparser::{KnownCustom, Parser, Payload};

/// The compilers of a program, or of the first module of a component, such as `rustc 1.95.0`; nothing where the bytes
/// do not tell.
#[must_use]
pub fn built_by(wasm: &[u8]) -> Option<String> {
    let sections = Parser::new(0).parse_all(wasm).map_while(Result::ok);
    sections
        .filter_map(|payload| match payload {
            Payload::CustomSection(section) => match section.as_known() {
                KnownCustom::Producers(fields) => Some(fields),
                _ => None,
            },
            _ => None,
        })
        .find_map(|fields| {
            let field = fields.into_iter().map_while(Result::ok).find(|field| field.name == "processed-by")?;
            let values = field.values.into_iter().map_while(Result::ok);
            let tools: Vec<_> = values.map(|value| format!("{} {}", value.name, value.version)).collect();
            (!tools.is_empty()).then(|| tools.join(", "))
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_tells_its_compilers_or_nothing() {
        let text = "(module (@producers (language \"Rust\" \"2024\") (processed-by \"rustc\" \"1.95.0\") \
                    (processed-by \"clang\" \"21\")))";
        let wasm = wat::parse_str(text).expect("a module");
        assert_eq!(built_by(&wasm).as_deref(), Some("rustc 1.95.0, clang 21"));
        assert_eq!(built_by(&wat::parse_str("(module)").expect("a module")), None);
        assert_eq!(built_by(b"no program"), None);
    }
}
