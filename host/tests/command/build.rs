//! `ampule build`: what it makes of sources, what it says of those it cannot build, and of tools that are not there.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::json;

use super::shell::{Ended, Shell};

/// The checkout of the crate `ampule-guest`.
pub(super) fn sdk() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().join("guest-sdk")
}

/// Calls the command as an author does, who has tools: those of this machine, and those that `jobs/languages/build`
/// installed. What they keep, they keep for all tests; they download nothing.
pub(super) fn at_work(shell: &Shell, arguments: &[&str]) -> Ended {
    tools(shell.command(arguments)).stdin(Stdio::null()).output().unwrap().into()
}

/// As [`at_work`], for a crate that depends on nothing: in a target directory of its own. In one that is shared, crates of
/// one name take each other's place.
fn alone(shell: &Shell, arguments: &[&str]) -> Ended {
    let mut command = tools(shell.command(arguments));
    command.env("CARGO_TARGET_DIR", shell.path("target")).stdin(Stdio::null()).output().unwrap().into()
}

pub(super) fn tools(mut command: Command) -> Command {
    let kept = Path::new(env!("CARGO_TARGET_TMPDIR"));
    let toolchains = kept.parent().unwrap().join("toolchains");
    let mut path: Vec<PathBuf> = ["componentize-py/bin", "componentize-qjs/node_modules/.bin", "zig/bin"]
        .map(|tool| toolchains.join(tool))
        .into();
    path.extend(std::env::split_paths(&std::env::var_os("PATH").unwrap_or_default()));
    for name in ["HOME", "CARGO_HOME", "RUSTUP_HOME", "RUSTUP_TOOLCHAIN"] {
        if let Some(value) = std::env::var_os(name) {
            command.env(name, value);
        }
    }
    command.env("PATH", std::env::join_paths(path).unwrap());
    command.env("CARGO_NET_OFFLINE", "true").env("CARGO_TARGET_DIR", kept.join("crates"));
    command.env("ZIG_GLOBAL_CACHE_DIR", toolchains.join("cache/zig")).env("AMPULE_CACHE", kept.join("programs"));
    command
}

/// Whether the machine lacks a language's tool. It must have said which, and how it is installed; Rust is never lacking.
pub(super) fn lacks(ended: &Ended, language: &str) -> bool {
    let Some((_, what, install)) = TOOLS.iter().find(|(name, ..)| *name == language) else { return false };
    let lacking = ended.code == Some(4) && language != "rust";
    if lacking {
        assert!(ended.stderr.contains(what) && ended.stderr.contains(install), "{ended:?}");
        eprintln!("{language} is not built on this machine: {}", ended.stderr);
    }
    lacking
}

/// What is said where a tool is missing: its name, and the command that installs it.
const TOOLS: [(&str, &str, &str); 4] = [
    ("rust", "expected `cargo` on the PATH, found none", "https://rustup.rs"),
    ("c", "expected a C compiler for WASI, found none", "`pip install ziglang`"),
    ("python", "expected `componentize-py` on the PATH, found none", "`pip install componentize-py`"),
    ("javascript", "expected `componentize-qjs` on the PATH, found none", "`npm install -g componentize-qjs`"),
];

#[test]
fn a_tool_that_is_not_there_is_named_with_the_command_that_installs_it() {
    let shell = Shell::new();
    for (language, what, install) in TOOLS {
        shell.call(["new", language, "--lang", language]);
        let mut command = shell.command(["build", language]);
        let ended: Ended = command.env("PATH", shell.path("empty")).output().unwrap().into();
        assert_eq!((ended.code, ended.stdout.as_str()), (Some(4), ""), "{language}: {ended:?}");
        assert!(ended.stderr.contains(what) && ended.stderr.contains(install), "{language}: {}", ended.stderr);
        assert!(!shell.path(&format!("{language}/{language}.wasm")).exists());
    }
}

#[test]
fn a_target_that_is_not_there_is_named_with_the_command_that_installs_it() {
    use std::os::unix::fs::PermissionsExt as _;

    let shell = Shell::new();
    shell.call(["new", "one"]);
    for (tool, answer) in [("cargo", "cargo 1.0"), ("rustc", "/nowhere/at/all")] {
        let path = shell.file(&format!("bin/{tool}"), format!("#!/bin/sh\necho {answer}\n"));
        fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
    }
    let mut command = shell.command(["build", "one", "--json"]);
    let ended: Ended = command.env("PATH", shell.path("bin")).output().unwrap().into();
    assert_eq!(ended.code, Some(4));
    let message =
        "expected the Rust target wasm32-wasip1, found none; install it with `rustup target add wasm32-wasip1`";
    assert_eq!(ended.document()["failure"], json!({ "kind": "host", "message": message }));
}

#[test]
fn a_crate_is_built_for_speed_with_names_and_schemas() {
    let shell = Shell::new();
    write_crate(&shell, "fn main() { println!(\"{}\", std::hint::black_box(3)) }");
    shell.file("one/one.kwargs.json", r#"{ "type": "object", "additionalProperties": false }"#);
    shell.file("one/one.result.json", r#"{ "type": "null" }"#);
    let document = alone(&shell, &["build", "one", "--json"]).document();
    assert_eq!((&document["accepted"], &document["warnings"]), (&json!(true), &json!([])), "{document}");
    assert_eq!(document["about"]["name"], "one");
    assert_eq!(document["kwargs_schema"], json!({ "type": "object", "additionalProperties": false }));
    assert_eq!(document["result_schema"], json!({ "type": "null" }));
    assert!(document["debug_bytes"].as_u64() > Some(0), "lines are kept for backtraces: {document}");
    let wasm = fs::read(shell.path("one/one.wasm")).unwrap();
    assert!(wasm.windows(5).any(|bytes| bytes == b"\x04name"), "names are kept for backtraces");
    assert_eq!(shell.call(["run", "one/one.wasm"]).stdout, "null\n");
    assert_eq!(shell.call(["run", "one/one.wasm", "-k", "x=1"]).code, Some(3));
}

#[test]
fn a_crate_of_several_programs_has_to_be_told_which() {
    let shell = Shell::new();
    write_crate(&shell, "fn main() {}");
    shell.file("one/src/bin/two.rs", "fn main() {}");
    let ended = alone(&shell, &["build", "one"]);
    assert_eq!(ended.code, Some(2));
    assert!(ended.stderr.contains("`two`") && ended.stderr.contains("`--bin NAME`"), "{ended:?}");
    let ended = alone(&shell, &["build", "one", "--bin", "two", "-o", "out.wasm"]);
    assert!(ended.code == Some(0) && ended.stdout.starts_with("built     out.wasm\n"), "{ended:?}");
    assert!(shell.path("out.wasm").is_file() && !shell.path("one/two.wasm").exists());
}

#[test]
fn a_library_that_exports_run_is_a_program() {
    let shell = Shell::new();
    shell.file("one/Cargo.toml", format!("{MANIFEST}[lib]\ncrate-type = [\"cdylib\"]\n"));
    shell.file("one/src/lib.rs", "#[unsafe(no_mangle)]\npub extern \"C\" fn run() {}\n");
    let ended = alone(&shell, &["build", "one"]);
    assert!(ended.code == Some(0) && ended.stdout.contains("entry     "), "{ended:?}");
    assert_eq!(shell.call(["run", "one/one.wasm"]).stdout, "null\n");
}

#[test]
fn sources_that_are_wrong_fail_the_build_and_leave_the_last_program() {
    let shell = Shell::new();
    write_crate(&shell, "fn main() { let x: u8 = \"\"; }");
    shell.file("one/one.wasm", "the last");
    let ended = alone(&shell, &["build", "one"]);
    assert_eq!((ended.code, ended.stdout.as_str()), (Some(1), ""));
    assert!(ended.stderr.contains("mismatched types"), "{ended:?}");
    assert!(ended.stderr.contains("error: the job does not build: cargo ended with"), "{ended:?}");
    assert_eq!(fs::read_to_string(shell.path("one/one.wasm")).unwrap(), "the last");
}

#[test]
fn what_the_runner_would_refuse_is_not_written() {
    let shell = Shell::new();
    write_crate(
        &shell,
        "#[link(wasm_import_module = \"elsewhere\")]\nunsafe extern \"C\" { fn call(); }\nfn main() { unsafe { call() } }",
    );
    let ended = alone(&shell, &["build", "one"]);
    assert_eq!((ended.code, ended.stdout.as_str()), (Some(3), ""));
    assert!(ended.stderr.contains("bad_program") && ended.stderr.contains("elsewhere.call"), "{ended:?}");
    assert!(!shell.path("one/one.wasm").exists());
}

#[test]
fn a_schema_that_is_none_fails_the_build() {
    let shell = Shell::new();
    write_crate(&shell, "fn main() {}");
    for (schema, code, said) in [
        ("{", 1, "one.kwargs.json: expected a JSON Schema"),
        (r##"{ "$ref": "#" }"##, 3, "$ref"),
        (r#"{ "type": 3 }"#, 3, "schema"),
    ] {
        shell.file("one/one.kwargs.json", schema);
        let ended = alone(&shell, &["build", "one"]);
        assert_eq!(ended.code, Some(code), "{schema}: {ended:?}");
        assert!(ended.stderr.contains(said), "{schema}: {ended:?}");
    }
}

#[test]
fn a_path_that_is_no_job_is_refused_with_what_was_found() {
    let shell = Shell::new();
    shell.file("several/a.py", "");
    shell.file("several/b.js", "");
    shell.file("notes.txt", "");
    fs::create_dir(shell.path("empty")).unwrap();
    for (arguments, said) in [
        (&["several"][..], "found several (a.py, b.js): name one"),
        (&["notes.txt"], "found a file of another kind"),
        (&["empty"], "found none of them"),
        (&["absent"], "found nothing"),
        (&["several/a.py", "--bin", "x"], "`--bin` and `--profile` are for crates"),
    ] {
        let ended = shell.call([&["build"], arguments].concat());
        assert_eq!((ended.code, ended.stdout.as_str()), (Some(2), ""), "{arguments:?}");
        assert!(ended.stderr.contains(said), "{arguments:?}: {}", ended.stderr);
    }
}

#[test]
fn a_built_script_does_what_the_script_does() {
    let shell = Shell::new();
    for (language, file, source, stdout, stderr) in [
        ("javascript", "a.js", "x.map(n => n + 1);", "[2,3]\n", ""),
        ("javascript", "b.js", "console.warn('careful'); _return(1); _return(...x)", "[1,1,2]\n", "warn: careful\n"),
        ("javascript", "c.js", "\nmissing()", "", "at <eval> (c.js:2:1)"),
        ("python", "a.py", "import helper\nhelper.double(missing)", "", "File \"a.py\", line 2, in <module>"),
    ] {
        shell.file("helper.py", "def double(x):\n    return x * 2\n");
        shell.file(file, source);
        let built = at_work(&shell, &["build", file, "--json"]);
        if lacks(&built, language) {
            continue;
        }
        assert_eq!(built.code, Some(0), "{built:?}");
        let program = format!("./{}", Path::new(file).with_extension("wasm").display());
        let ran = at_work(&shell, &["run", &program, "-k", "x=[1, 2]"]);
        assert_eq!(ran.stdout, stdout, "{file}: {ran:?}");
        assert!(ran.stderr.contains(stderr), "{file}: {ran:?}");
    }
}

#[test]
fn a_script_that_does_not_parse_does_not_build() {
    let shell = Shell::new();
    for (language, file, source) in [("javascript", "a.js", "const x = ;"), ("python", "a.py", "x = = 3")] {
        shell.file(file, source);
        let built = at_work(&shell, &["build", file]);
        if !lacks(&built, language) {
            assert!(built.code == Some(1) && built.stderr.contains("the job does not build"), "{built:?}");
        }
    }
}

const MANIFEST: &str = "[package]\nname = \"one\"\nversion = \"0.1.0\"\nedition = \"2024\"\n\n[workspace]\n\n";

fn write_crate(shell: &Shell, main: &str) {
    shell.file("one/Cargo.toml", MANIFEST);
    shell.file("one/src/main.rs", main);
}
