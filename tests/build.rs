//! Builds the example jobs to wasm, so that the suite runs what the sources say today.
//!
//! The jobs go to `target/guest`, as with `make jobs`: a target directory of their own, since cargo holds the lock of
//! ours while this runs.

use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;

const TARGET: &str = "wasm32-wasip1";
const PROFILE: &str = "job";

fn main() {
    // Asked for when it runs, not when it is compiled: a shared target directory may hold this script from elsewhere.
    let package = PathBuf::from(env::var_os("CARGO_MANIFEST_DIR").expect("cargo says where the package lies"));
    let workspace = package.parent().expect("the tests lie in the workspace");
    for source in ["jobs", "guest-sdk", "Cargo.toml"] {
        println!("cargo:rerun-if-changed={}", workspace.join(source).display());
    }
    let target_directory = workspace.join("target/guest");
    refuse_without_target();
    build_jobs(workspace, &target_directory);
    let jobs: PathBuf = target_directory.join(TARGET).join(PROFILE);
    println!("cargo:rustc-env=AMPULE_JOBS_DIR={}", jobs.display());
}

fn build_jobs(workspace: &Path, target_directory: &Path) {
    let mut build = Command::new(env::var_os("CARGO").expect("cargo says which it is"));
    // What the outer cargo sets for this script must not reach the inner one: its flags are for another target, and
    // its wrapper may be for another cargo.
    for (name, _) in env::vars_os() {
        let name = name.to_string_lossy().into_owned();
        let of_cargo = name.starts_with("CARGO") && name != "CARGO_HOME" && !name.starts_with("CARGO_NET");
        let of_rustc = name.starts_with("RUST") && !name.starts_with("RUSTUP");
        if of_cargo
            || of_rustc
            || ["TARGET", "HOST", "PROFILE", "OPT_LEVEL", "DEBUG", "OUT_DIR", "NUM_JOBS"].contains(&name.as_str())
        {
            build.env_remove(name);
        }
    }
    build.args([
        "build",
        "--quiet",
        "--locked",
        "--package",
        "ampule-jobs",
        "--bins",
        "--target",
        TARGET,
        "--profile",
        PROFILE,
    ]);
    build.arg("--target-dir").arg(target_directory).current_dir(workspace);
    let status = build.status().expect("cargo can be started");
    assert!(status.success(), "the example jobs could not be built ({status}); what cargo said stands above");
}

fn refuse_without_target() {
    let rustc = env::var_os("RUSTC").expect("cargo says which rustc it uses");
    let asked = Command::new(rustc).args(["--print", "target-libdir", "--target", TARGET]).output();
    let library = asked.expect("rustc can be started").stdout;
    let library = String::from_utf8_lossy(&library).trim().to_owned();
    assert!(
        Path::new(&library).is_dir(),
        "the example jobs are built for {TARGET}, which is not installed: run `rustup target add {TARGET}`"
    );
}
