//! What a run may touch, `design.md` §5: nothing that was not granted.
//!
//! Errnos are those of WASI preview 1, named below. Proposals that are refused are in `proposals.rs`; memory and fuel
//! ceilings are in `kinds.rs`.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::Command;

use ampule::{Allowance, Grants, Job, Kind, LimitOverrides, TrapCode, Value};
use ampule_tests::guest::{fixture, returning};
use ampule_tests::{builder, ended, failure, load, run, run_wat, run_wat_with, runner, until_running, value};
use serde_json::json;
use tempfile::TempDir;

const ACCES: u32 = 2;
const BADF: u32 = 8;
const MFILE: u32 = 33;
const NOENT: u32 = 44;
const ROFS: u32 = 69;
const PERM: u32 = 63;
const NOTCAPABLE: u32 = 76;

/// A directory with the file `1`, in which stands 7, and the directory `sub` with such a file too; beside it, and so
/// outside, `secret` in which stands 666.
fn granted() -> (TempDir, std::path::PathBuf) {
    let outside = tempfile::tempdir().expect("a directory");
    let granted = outside.path().join("granted");
    fs::create_dir_all(granted.join("sub")).expect("directories");
    fs::write(granted.join("1"), "7").expect("a file");
    fs::write(granted.join("sub/1"), "8").expect("a file");
    fs::write(outside.path().join("secret"), "666").expect("a file");
    (outside, granted)
}

fn open(path: &str) -> String {
    let text = fixture("open").replace("PATH", path).replace("LEN", &path.len().to_string());
    text.replace("OFLAGS", "0").replace("RIGHTS", "2")
}

async fn errnos(text: &str, grants: Grants) -> Value {
    value(run_wat_with(text, |job| job.grants(grants)).await)
}

// Denied by default.

#[tokio::test]
async fn without_grants_there_is_one_argument_no_environment_and_no_directory() {
    let touched = value(run_wat(&fixture("touch")).await);
    assert_eq!(touched, json!([1, 0, BADF, BADF, BADF]));
}

#[tokio::test]
async fn a_path_from_the_root_is_not_reached_through_a_granted_directory() {
    let (_outside, granted) = granted();
    let absolute = granted.join("1");
    let errno = errnos(&open(absolute.to_str().expect("UTF-8")), Grants::none().directory(&granted, "/data")).await;
    assert_eq!(errno, json!(PERM));
}

// Directories.

#[tokio::test]
async fn a_granted_directory_can_be_read_with_all_below_it() {
    let (_outside, granted) = granted();
    let grants = || Grants::none().directory(&granted, "/data");
    assert_eq!(errnos(&open("1"), grants()).await, json!([0, 0, 7]));
    assert_eq!(errnos(&open("sub/1"), grants()).await, json!([0, 0, 8]));
    assert_eq!(errnos(&open("sub/../1"), grants()).await, json!([0, 0, 7]));
    assert_eq!(errnos(&open("absent"), grants()).await, json!(NOENT));
}

#[tokio::test]
async fn a_path_that_climbs_out_is_denied() {
    let (_outside, granted) = granted();
    for path in ["../secret", "sub/../../secret", "./../secret", "sub/../sub/../../secret", "..//secret", ".."] {
        let errno = errnos(&open(path), Grants::none().directory(&granted, "/data")).await;
        assert_eq!(errno, json!(PERM), "{path}");
    }
}

#[tokio::test]
async fn a_symbolic_link_that_leads_out_is_denied() {
    let (outside, granted) = granted();
    symlink("../secret", granted.join("relative")).expect("a link");
    symlink(outside.path().join("secret"), granted.join("absolute")).expect("a link");
    symlink("..", granted.join("up")).expect("a link");
    symlink("up", granted.join("chain")).expect("a link");
    for path in ["relative", "absolute", "up/secret", "chain/secret", "sub/../up/secret"] {
        let errno = errnos(&open(path), Grants::none().directory(&granted, "/data")).await;
        assert_eq!(errno, json!(PERM), "{path}");
    }
}

#[tokio::test]
async fn a_symbolic_link_that_stays_inside_is_followed() {
    let (_outside, granted) = granted();
    symlink("sub/1", granted.join("inside")).expect("a link");
    assert_eq!(errnos(&open("inside"), Grants::none().directory(&granted, "/data")).await, json!([0, 0, 8]));
}

#[tokio::test]
async fn a_guest_cannot_make_its_own_way_out_by_a_link() {
    let (outside, granted) = granted();
    let up = outside.path().to_str().expect("UTF-8").to_owned();
    for target in ["..", "sub/../..", &up] {
        let text = fixture("link_out").replace("TARGET", target).replace("LEN", &target.len().to_string());
        let errno = errnos(&text, Grants::none().writable_directory(&granted, "/data")).await;
        assert!([json!(PERM), json!(NOENT)].contains(&errno), "{target}: {errno}");
        // The next link needs the name.
        let _ = fs::remove_file(granted.join("out"));
    }
}

#[tokio::test]
async fn a_directory_is_read_only_unless_it_is_said() {
    let (_outside, granted) = granted();
    let errnos = errnos(&fixture("write"), Grants::none().directory(&granted, "/data")).await;
    let refusals = [ROFS, PERM, ACCES, NOTCAPABLE].map(Value::from);
    assert!(errnos.as_array().is_some_and(|errnos| errnos.iter().all(|errno| refusals.contains(errno))), "{errnos}");
    assert!(!granted.join("new").exists() && !granted.join("made").exists() && granted.join("1").exists());
}

#[tokio::test]
async fn a_file_of_a_read_only_directory_is_neither_truncated_nor_written() {
    let (_outside, granted) = granted();
    for (oflags, rights) in [("8", "2"), ("8", "64"), ("0", "64"), ("0", "66"), ("9", "66")] {
        let text = open("1")
            .replace("i32.const 0)\n      (i64.const 2)", &format!("i32.const {oflags})\n      (i64.const {rights})"));
        assert!(text.contains(&format!("(i64.const {rights})")), "the fixture has its flags");
        let errno = errnos(&text, Grants::none().directory(&granted, "/data")).await;
        assert_eq!(fs::read_to_string(granted.join("1")).expect("the file"), "7", "{oflags} {rights}: {errno}");
    }
}

#[tokio::test]
async fn a_writable_directory_can_be_changed() {
    let (_outside, granted) = granted();
    let errnos = errnos(&fixture("write"), Grants::none().writable_directory(&granted, "/data")).await;
    assert_eq!(errnos, json!([0, 0, 0]));
    assert_eq!(fs::read_to_string(granted.join("new")).expect("the file"), "7");
    assert!(granted.join("made").is_dir() && !granted.join("1").exists());
}

#[tokio::test]
async fn two_grants_are_two_directories_each_with_its_own_access() {
    let ((_first, readable), (_second, writable)) = (granted(), granted());
    let grants = Grants::none().directory(&readable, "/data").writable_directory(&writable, "/out");
    errnos(&fixture("write"), grants.clone()).await;
    errnos(
        &fixture("write")
            .replace("(i32.const 3) (i32.const 0) (i32.const 1024)", "(i32.const 4) (i32.const 0) (i32.const 1024)"),
        grants,
    )
    .await;
    assert!(!readable.join("new").exists() && writable.join("new").exists());
}

#[tokio::test]
async fn a_directory_that_is_not_there_is_refused_before_the_run() {
    let outcome = run_wat_with(&open("1"), |job| job.directory("/nowhere/at/all", "/data")).await;
    assert_eq!(outcome.usage.fuel, None, "nothing of it ran");
    assert_eq!(failure(outcome).kind, Kind::Denied);
}

#[tokio::test]
async fn a_flood_of_descriptors_ends_in_the_run_and_leaves_none_open() {
    let (_outside, granted) = granted();
    let limits = || LimitOverrides { descriptors: Some(64), ..LimitOverrides::default() };
    let describe = |job: Job| job.grants(Grants::none().directory(&granted, "/data")).limits(limits());
    let few = run_wat_with(&fixture("open_for_ever").replace("COUNT", "40"), describe).await;
    let flood = run_wat_with(&fixture("open_for_ever").replace("COUNT", "100000"), describe).await;
    assert_eq!(value(few), 0);
    match &flood.result {
        Ok(errno) => assert_eq!(*errno, json!(MFILE)),
        Err(failure) => assert_eq!((failure.kind, failure.trap), (Kind::Trap, Some(TrapCode::HostCall))),
    }
    assert_eq!(open_below(&granted), [""; 0]);
}

/// What this process has open below a directory.
fn open_below(directory: &Path) -> Vec<String> {
    let open = fs::read_dir("/proc/self/fd").expect("Linux tells");
    let open = open.filter_map(|entry| fs::read_link(entry.ok()?.path()).ok());
    open.filter(|path| path.starts_with(directory)).map(|path| path.display().to_string()).collect()
}

#[tokio::test]
async fn a_large_file_is_read_whole_however_much_a_host_call_copies() {
    let (_outside, granted) = granted();
    let file = fs::File::create(granted.join("1")).expect("a file");
    file.set_len(160 << 20).expect("a file with nothing in it");
    let describe = |job: Job| job.directory(&granted, "/data");
    assert_eq!(value(run_wat_with(&fixture("read_all"), describe).await), 160 << 20);
}

#[tokio::test]
async fn a_pipe_in_a_granted_directory_holds_up_nobody_else() {
    let (_outside, granted) = granted();
    let made = Command::new("mkfifo").arg(granted.join("pipe")).status().expect("coreutils are there");
    assert!(made.success());
    let runner = builder().guest_threads(1).build().expect("a runner");
    let (opens, returns) = (load(&runner, &open("pipe")).await, load(&runner, &returning(&["1"])).await);
    let opening = runner.run_async(Job::new(&opens).directory(&granted, "/data")).expect("a slot");
    until_running(&opening).await;
    assert_eq!(value(run(&runner, Job::new(&returns)).await), 1);
    opening.cancel();
    ended(opening).await;
    // Lets go of whoever waits for the other end of the pipe.
    fs::OpenOptions::new().read(true).write(true).open(granted.join("pipe")).expect("the pipe");
}

// What a runner's owner allows.

#[tokio::test]
async fn what_the_runner_does_not_allow_is_denied_before_the_run() {
    let (outside, granted) = granted();
    let mut roots = Allowance::default();
    (roots.directories, roots.write, roots.env) = (Some(vec![granted.clone()]), false, false);
    let runner = builder().allow(roots).build().expect("a runner");
    let program = load(&runner, &returning(&["1"])).await;
    symlink(outside.path(), granted.join("up")).expect("a link");
    let denied = [
        Grants::none().directory(outside.path(), "/data"),
        Grants::none().directory(granted.join(".."), "/data"),
        Grants::none().directory(granted.join("up"), "/data"),
        Grants::none().writable_directory(&granted, "/data"),
        Grants::none().env("A", "1"),
    ];
    for grants in denied {
        let outcome = run(&runner, Job::new(&program).grants(grants.clone())).await;
        assert_eq!(outcome.usage.fuel, None, "nothing of it ran");
        assert_eq!(failure(outcome).kind, Kind::Denied, "{grants:?}");
    }
    let allowed = Job::new(&program).grants(Grants::none().directory(granted.join("sub"), "/data").arg("x").stdin("y"));
    assert_eq!(value(run(&runner, allowed).await), 1);
}

#[tokio::test]
async fn a_grant_that_is_no_directory_is_denied_and_holds_up_nobody() {
    let (_outside, granted) = granted();
    let made = Command::new("mkfifo").arg(granted.join("pipe")).status().expect("coreutils are there");
    assert!(made.success());
    let mut allowance = Allowance::default();
    allowance.directories = Some(vec![granted.clone()]);
    let runner = builder().guest_threads(1).allow(allowance).build().expect("a runner");
    let program = load(&runner, &open("1")).await;
    for name in ["pipe", "1", "absent"] {
        let outcome = run(&runner, Job::new(&program).directory(granted.join(name), "/data")).await;
        assert_eq!(failure(outcome).kind, Kind::Denied, "{name}");
    }
}

#[tokio::test]
async fn the_directory_that_is_opened_is_the_one_that_was_allowed() {
    let (outside, granted) = granted();
    fs::write(outside.path().join("1"), "666").expect("a file");
    let mut allowance = Allowance::default();
    allowance.directories = Some(vec![granted.clone()]);
    let runner = builder().pool_size(1).allow(allowance).build().expect("a runner");
    let (loops, opens) = (load(&runner, &fixture("loop")).await, load(&runner, &open("1")).await);
    let running = runner.run_async(Job::new(&loops)).expect("a slot");
    until_running(&running).await;
    let waiting = runner.run_async(Job::new(&opens).directory(granted.join("sub"), "/data")).expect("a turn");
    fs::remove_dir_all(granted.join("sub")).expect("the directory goes");
    symlink(outside.path(), granted.join("sub")).expect("a link in its place");
    running.cancel();
    let outcome = ended(waiting).await;
    assert!(!outcome.returns.contains(&json!(666)), "the run read a file outside of what is allowed: {outcome:?}");
    ended(running).await;
}

// Arguments, environment, stdin, name.

#[tokio::test]
async fn granted_arguments_arrive_in_order_after_the_programs_own_name() {
    let text = fixture("words").replace("SIZES", "args_sizes_get").replace("GET", "args_get").replace("FIRST", "1");
    let grants = Grants::none().arg("a=1").arg("--b=\"two words\"").arg("c=[3]");
    assert_eq!(errnos(&text, grants).await, json!([1, "two words", [3]]));
}

#[tokio::test]
async fn granted_environment_variables_arrive_and_no_others() {
    let text =
        fixture("words").replace("SIZES", "environ_sizes_get").replace("GET", "environ_get").replace("FIRST", "0");
    let grants = Grants::none().env("B", "2").env("A", "\"one=1\"");
    assert_eq!(errnos(&text, grants).await, json!(["one=1", 2]));
}

#[tokio::test]
async fn a_wasi_command_finds_its_kwargs_on_stdin() {
    let outcome = run_wat_with(&fixture("stdin"), |job| job.kwarg("testvar", 3).expect("a number")).await;
    assert_eq!(value(outcome), json!({"testvar": 3}));
}

#[tokio::test]
async fn a_granted_stdin_stands_in_the_place_of_the_kwargs() {
    let describe = |job: Job| job.kwarg("testvar", 3).expect("a number").grants(Grants::none().stdin("[4]"));
    assert_eq!(value(run_wat_with(&fixture("stdin"), describe).await), json!([4]));
}

#[tokio::test]
async fn a_granted_stdin_leaves_the_kwargs_to_be_read() {
    let describe = |job: Job| job.kwarg("testvar", 3).expect("a number").grants(Grants::none().stdin("[4]"));
    assert_eq!(value(run_wat_with(&fixture("kwargs"), describe).await), json!({"testvar": 3}));
}

#[tokio::test]
async fn a_job_can_read_its_name_and_an_empty_source() {
    let outcome = run_wat_with(&fixture("name"), |job| job.name("zwölf")).await;
    assert_eq!(outcome.output.logs[0].message, "zwölf");
    assert_eq!(value(outcome), json!([6, 0]));
}

#[tokio::test]
async fn grants_that_no_run_could_be_given_are_an_error() {
    let runner = runner();
    let program = load(&runner, &returning(&[])).await;
    let bad = [
        Grants::none().directory("/", "/data").directory("/tmp", "/data"),
        Grants::none().directory("/", ""),
        Grants::none().env("A=B", "1"),
        Grants::none().env("", "1"),
        Grants::none().env("A", "\0"),
        Grants::none().arg("\0"),
    ];
    for grants in bad {
        let refused = runner.run_async(Job::new(&program).grants(grants.clone()));
        assert!(matches!(refused, Err(ampule::Error::Grant(_))), "{grants:?}: {refused:?}");
    }
}

// Entries.

#[tokio::test]
async fn a_reactor_is_initialised_before_it_runs() {
    assert_eq!(value(run_wat(&fixture("reactor").replace("EXTRA", "")).await), 1);
}

#[tokio::test]
async fn start_wins_over_run_and_neither_run_nor_initialize_is_called_then() {
    let start = r#"(func (export "_start") (call $number (i32.add (i32.const 9) (global.get $count))))"#;
    assert_eq!(run_wat(&fixture("reactor").replace("EXTRA", start)).await.returns, [9]);
}
