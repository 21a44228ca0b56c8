//! `ampule inspect`: what a program is, what it may use, and whether it would be accepted. Compiles nothing.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::process::ExitCode;

use ampule::wire::InspectionDocument;
use ampule::{Failure, Form, Import, Inspection, Need, Runner, Value, World};

use crate::args::InspectArgs;
use crate::config::Config;
use crate::exit::{self, Fault};
use crate::printable::{printable, printable_line};
use crate::program::{Content, Source};
use crate::{report, wire};

/// Reports one program.
pub(crate) async fn run(args: InspectArgs, config: &Config) -> Result<ExitCode, Fault> {
    let source = Source::find(&args.program, config)?;
    let runner = Runner::builder().guest_threads(1).pool_size(1).build()?;
    let read = wasm(&source).and_then(|wasm| runner.inspect(&wasm));
    let (inspection, refusal) = match read {
        Ok((inspection, refusal)) => (Some(inspection), refusal),
        Err(failure) => (None, Some(failure)),
    };
    if args.json {
        let document = InspectionDocument::of(inspection.as_ref(), refusal.as_ref());
        report::print_json(&wire::document(&document))?;
    } else {
        if let Some(inspection) = &inspection {
            report::print(&text(&source.name, inspection, refusal.is_none()))?;
        }
        if let Some(failure) = &refusal {
            report::refusal(&mut anstream::stderr().lock(), failure);
        }
    }
    Ok(if refusal.is_some() { ExitCode::from(exit::REFUSED) } else { ExitCode::SUCCESS })
}

/// A source's bytes, assembled if it is text.
pub(crate) fn wasm(source: &Source) -> Result<Vec<u8>, Failure> {
    match source.content()? {
        Content::Wasm(wasm) => Ok(wasm.to_vec()),
        Content::Text(text) => ampule::assemble(text),
    }
}

/// The argument that grants it, if it has to be granted.
fn argument(need: Need) -> &'static str {
    match need {
        Need::Directories => " (--dir)",
        Need::Env => " (--env)",
        Need::Args => " (-- ARGS)",
        Need::Clock | Need::Random | Need::Sleep => "",
        Need::Sockets => " (always denied)",
    }
}

fn text(name: &str, inspection: &Inspection, accepted: bool) -> String {
    let mut text = String::new();
    let or_none = |list: String| if list.is_empty() { "nothing".to_owned() } else { list };
    let mut row = |key: &str, value: &str| {
        // Writing to a string cannot fail.
        let _ = writeln!(text, "{key:<9} {value}");
    };
    row("program", &printable_line(name));
    row("digest", &inspection.digest.to_string());
    row("kind", inspection.form.as_str());
    row("size", &bytes(inspection.size_bytes as u64));
    row("memory", &format!("{} at the start", bytes(inspection.initial_memory_bytes)));
    row("debug", &bytes(inspection.debug_bytes as u64));
    match inspection.form {
        Form::Module => row("entry", &or_none(inspection.entry_names().join(", then "))),
        Form::Component => {
            let worlds = inspection.worlds().into_iter().map(World::as_str).collect::<Vec<_>>();
            row("worlds", &or_none(worlds.join(", ")));
        }
    }
    let needs = inspection.needs().into_iter().map(|need| [need.as_str(), argument(need)].concat());
    row("may use", &or_none(needs.collect::<Vec<_>>().join(", ")));
    row("accepted", if accepted { "yes" } else { "no" });
    document(&mut text, "about", inspection.about.as_ref());
    document(&mut text, "kwargs schema", inspection.kwargs_schema.as_ref());
    document(&mut text, "result schema", inspection.result_schema.as_ref());
    imports(&mut text, inspection);
    text.push_str("exports\n");
    for export in &inspection.exports {
        let _ = writeln!(text, "  {}  {}", printable_line(&export.name), export.signature);
    }
    text
}

fn imports(text: &mut String, inspection: &Inspection) {
    let mut modules: BTreeMap<&str, Vec<&Import>> = BTreeMap::new();
    for import in &inspection.imports {
        modules.entry(&import.module).or_default().push(import);
    }
    text.push_str(if modules.is_empty() { "imports nothing\n" } else { "imports\n" });
    for (module, mut imports) in modules {
        imports.sort();
        let _ = writeln!(text, "  {}", printable_line(module));
        if inspection.form == Form::Module {
            for import in imports {
                let _ = writeln!(text, "    {}  {}", printable_line(&import.name), import.signature);
            }
        }
    }
}

fn document(text: &mut String, title: &str, value: Option<&Value>) {
    let Some(value) = value else { return };
    let _ = writeln!(text, "{title}");
    for line in printable(&format!("{value:#}")).lines() {
        let _ = writeln!(text, "  {line}");
    }
}

/// A size in bytes, and in a unit that can be read.
pub(crate) fn bytes(bytes: u64) -> String {
    match bytes {
        0..1_024 => format!("{bytes} bytes"),
        1_024..1_048_576 => format!("{bytes} bytes ({:.1} KiB)", bytes as f64 / 1_024.0),
        _ => format!("{bytes} bytes ({:.1} MiB)", bytes as f64 / 1_048_576.0),
    }
}
