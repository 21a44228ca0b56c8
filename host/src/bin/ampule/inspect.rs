//! `ampule inspect`: what a program is, what it may use, and whether it would be accepted. Compiles nothing.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::process::ExitCode;

use ampule::{Failure, Form, Import, Inspection, Runner, Value, World};

use crate::args::InspectArgs;
use crate::config::Config;
use crate::exit::{self, Fault};
use crate::printable::{printable, printable_line};
use crate::program::{Content, Source};
use crate::{report, wire};

/// What calls of WASI are for, and the argument that grants it, if it has to be granted.
const NEEDS: [Need; 7] = [
    Need {
        name: "directories",
        argument: " (--dir)",
        imports: &["path_open", "path_filestat_get", "fd_readdir", "wasi:filesystem/preopens"],
    },
    Need { name: "env", argument: " (--env)", imports: &["environ_get", "wasi:cli/environment"] },
    Need { name: "args", argument: " (-- ARGS)", imports: &["args_get", "wasi:cli/environment"] },
    Need {
        name: "clock",
        argument: "",
        imports: &["clock_time_get", "wasi:clocks/wall-clock", "wasi:clocks/monotonic-clock"],
    },
    Need { name: "random", argument: "", imports: &["random_get", "wasi:random/random"] },
    Need { name: "sleep", argument: "", imports: &["poll_oneoff", "wasi:io/poll"] },
    Need {
        name: "sockets",
        argument: " (always denied)",
        imports: &["wasi:sockets/tcp-create-socket", "wasi:sockets/udp-create-socket"],
    },
];

struct Need {
    name: &'static str,
    argument: &'static str,
    /// Functions of preview 1, interfaces of WASI 0.2.
    imports: &'static [&'static str],
}

/// Reports one program.
pub(crate) async fn run(args: InspectArgs, config: &Config) -> Result<ExitCode, Fault> {
    let source = Source::find(&args.program, config)?;
    let runner = Runner::builder().guest_threads(1).pool_size(1).build()?;
    let read = wasm(&source).and_then(|wasm| runner.inspect(&wasm));
    let (inspection, refusal) = match read {
        Ok((inspection, refusal)) => (Some(inspection), refusal),
        Err(failure) => (None, Some(failure)),
    };
    let needs = inspection.as_ref().map(needs).unwrap_or_default();
    if args.json {
        let needs: Vec<&str> = needs.iter().map(|need| need.name).collect();
        report::print_json(&wire::inspection(inspection.as_ref(), &needs, refusal.as_ref()))?;
    } else {
        if let Some(inspection) = &inspection {
            report::print(&text(&source.name, inspection, &needs, refusal.is_none()))?;
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

/// What the program may use of WASI. Importing is not using, but what is not imported cannot be used.
fn needs(inspection: &Inspection) -> Vec<&'static Need> {
    let name = |import: &'_ Import| match inspection.form {
        Form::Module => import.name.clone(),
        Form::Component => import.module.split('@').next().unwrap_or_default().to_owned(),
    };
    let imported: BTreeSet<String> = inspection.imports.iter().map(name).collect();
    NEEDS.iter().filter(|need| need.imports.iter().any(|import| imported.contains(*import))).collect()
}

fn text(name: &str, inspection: &Inspection, needs: &[&Need], accepted: bool) -> String {
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
    row(
        "may use",
        &or_none(needs.iter().map(|need| [need.name, need.argument].concat()).collect::<Vec<_>>().join(", ")),
    );
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
