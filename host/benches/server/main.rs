//! What the job server does beside an echo on the same server, beside the least that serves runs (axum around a
//! hand-written wasmtime loop: no tokens, no queue, no metrics) and beside `wasmtime serve`: requests per second, CPU for
//! each, and how long they take.
//!
//! Each server is a process of its own on loopback, loaded by wrk, which shares the processors with it. All ways take
//! their turn in each round; medians are printed. `cargo bench --bench server`, or `make bench-server`, which brings wrk
//! and wasmtime. Arguments after `--`: `rounds=N` (default 5), `seconds=N` for each turn (default 3), `connections=N`
//! (default 16). Without wrk there is nothing to measure with; without wasmtime its row is left out, and a line says so.

mod bare;
mod child;
#[path = "../peers/floor.rs"]
mod floor;
mod load;
mod process;
mod report;

use std::path::PathBuf;

use crate::load::Load;
use crate::process::Process;
use crate::report::Report;

/// What is sent: to be run, or to be sent back.
const RUN: &str = r#"{"program":"tiny","kwargs":{"testvar":3}}"#;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.first().map(String::as_str) {
        Some(child::ARGUMENT) => return child::serve(),
        Some(bare::ARGUMENT) => return bare::serve(),
        _ => {}
    }
    let number = |name: &str, default: u32| {
        let found = arguments.iter().find_map(|argument| argument.strip_prefix(name)?.parse().ok());
        found.unwrap_or(default)
    };
    let (rounds, seconds, connections) = (number("rounds=", 5), number("seconds=", 3), number("connections=", 16));
    let folder = tempfile::tempdir().expect("a folder");
    let ours = child::start(folder.path());
    let address = ours.line("listening on ");
    let token = ours.line("token ");
    let bare = bare::start();
    let bare_address = bare.line("listening on ");
    let hello = Process::wasmtime_serve(&hello_component());
    let post = |path: &str| Load::post(format!("http://{address}{path}"), RUN, &token);
    let post_bare = |path: &str| Load::post(format!("http://{bare_address}{path}"), RUN, &token);
    let mut ways: Vec<(&'static str, &Process, Load)> = vec![
        ("echo of the same server", &ours, post("/v1/echo")),
        ("POST /v1/run, tiny module", &ours, post("/v1/run")),
        ("bare axum: echo", &bare, post_bare("/echo")),
        ("bare axum: a hand-written loop", &bare, post_bare("/run")),
        ("POST /v1/jobs?wait, tiny module", &ours, post("/v1/jobs?wait=10s")),
    ];
    match &hello {
        Some((process, address)) => {
            ways.push(("wasmtime serve, hello", process, Load::get(format!("http://{address}/"))))
        }
        None => eprintln!(
            "bench: wasmtime serve is left out: expected wasmtime and the component; see peers/install-server"
        ),
    }
    let mut report = Report::default();
    for round in 0..=rounds {
        for (name, process, load) in &ways {
            let before = process.cpu();
            let answered = load.run(folder.path(), seconds, connections);
            let cpu = process.cpu() - before;
            // The first round warms caches, pools and branch predictors.
            if round > 0 {
                report.add(name, answered, cpu);
            }
        }
    }
    report.print(connections);
}

/// Where `peers/install-server` puts the component that wasmtime serves.
fn hello_component() -> PathBuf {
    let target = std::env::current_exe().expect("this program has a place");
    let target = target.ancestors().find(|folder| folder.ends_with("release")).expect("built by cargo bench");
    target.with_file_name("bench").join("hello.wasm")
}
