//! What a program says of its arguments: shown, held to, and offered by shells.

use std::path::Path;
use std::process::{Command, Stdio};

use super::shell::{Ended, Shell, fixture};

const SCHEMA: &str = r#"{"properties":{"how":{"enum":["fast","slow"],"description":"How it is done."},"top":{"type":"integer","minimum":1,"default":10},"$(reboot)":{}},"required":["how"],"additionalProperties":false}"#;

/// A program with that schema of its kwargs.
fn program(shell: &Shell, schema: &str) -> String {
    let escaped = schema.replace('\\', "\\\\").replace('"', "\\\"");
    let about = r#"{\"name\":\"worker\",\"description\":\"Works.\\nHard \\u001b[2J.\"}"#;
    shell.file(
        "worker.wat",
        format!("(module (@custom \"ampule:kwargs\" \"{escaped}\") (@custom \"ampule:about\" \"{about}\") (func (export \"run\")))"),
    )
}

#[test]
fn a_kwarg_that_does_not_fit_is_refused_with_its_path_and_both_sides_before_anything_is_spent() {
    let shell = Shell::new();
    let program = program(&shell, SCHEMA);
    for (arguments, said) in [
        (
            &["-k", "how=fast", "-k", "topp=3"][..],
            "`topp`: expected `how`, `top`, `$(reboot)`, found an argument of another name (did you mean `top`?)",
        ),
        (&["-k", "how=quick"], "`how`: expected \"fast\" or \"slow\", found \"quick\""),
        (&["-k", "how=fast", "-k", "top=many"], "`top`: expected integer, found \"many\""),
        (&["-k", "how=fast", "-k", "top=0"], "`top`: expected at least 1, found 0"),
        (&[], "`how`: expected \"fast\" or \"slow\", found nothing"),
    ] {
        let ended = shell.call([&["run", &program, "--json"], arguments].concat());
        assert_eq!(ended.code, Some(3), "{arguments:?}");
        let document = ended.document();
        assert_eq!(document["failure"]["message"], said, "{arguments:?}");
        assert_eq!((&document["failure"]["kind"], &document["usage"]["fuel"]), (&"bad_kwargs".into(), &().into()));
    }
}

#[test]
fn the_arguments_of_a_program_are_shown_and_nothing_runs() {
    let shell = Shell::new();
    let ended = shell.call(["run", "--help-job", &program(&shell, SCHEMA)]);
    assert_eq!((ended.code, ended.stderr.as_str()), (Some(0), ""));
    insta::assert_snapshot!(ended.stdout, @r#"
    worker
      Works.
      Hard \u{1b}[2J.

    Arguments, each given as -k NAME=VALUE, or all as --kwargs JSON:
      how  "fast" or "slow" (required)
          How it is done.
      top  integer [default: 10]
      $(reboot)  a value
    "#);
    assert!(!shell.path("cache").exists(), "nothing is compiled");
    let without = shell.call(["run", "--help-job", &fixture("nothing")]);
    assert!(without.code == Some(0) && without.stdout.contains("it has no schema"), "{without:?}");
    let open = shell.call(["run", "--help-job", &program(&shell, "{}")]);
    assert!(open.stdout.contains("It names no arguments.\nIt takes arguments of other names too."), "{open:?}");
    assert_eq!(shell.call(["run", "--help-job", "./absent.wasm"]).code, Some(2));
}

#[test]
fn arguments_are_offered_as_far_as_they_are_typed_and_only_once() {
    let shell = Shell::new();
    let program = program(&shell, SCHEMA);
    for (line, offered) in [
        ("ampule run PROGRAM -k ", "how=\ntop=\n"),
        ("ampule run PROGRAM -k t", "top=\n"),
        ("ampule run PROGRAM --timeout 3s -k how=fast -k ", "top=\n"),
        ("ampule run 'PROGRAM' -k how=", "how=fast\nhow=slow\n"),
        ("ampule run PROGRAM -k how=s", "how=slow\n"),
        ("ampule run PROGRAM -k top=", "top=10\n"),
        ("ampule run PROGRAM --timeout ", ""),
        ("ampule run -k ", ""),
        ("ampule run ./absent.wasm -k ", ""),
        ("ampule inspect PROGRAM -k ", ""),
        ("", ""),
    ] {
        let ended = shell.call(["complete-kwargs", &line.replace("PROGRAM", &program)]);
        assert_eq!((ended.code, ended.stdout.as_str(), ended.stderr.as_str()), (Some(0), offered, ""), "{line}");
    }
}

#[test]
fn every_shell_has_a_script() {
    let shell = Shell::new();
    for name in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let ended = shell.call(["completions", name]);
        assert!(ended.code == Some(0) && ended.stdout.contains("help-job"), "{name}");
        let asks = ended.stdout.contains("complete-kwargs \"$") || ended.stdout.contains("complete-kwargs (");
        assert_eq!(asks, ["bash", "zsh", "fish"].contains(&name), "{name}");
    }
    assert_eq!(shell.call(["completions", "cmd"]).code, Some(2));
}

#[test]
fn bash_completes_arguments_by_the_script() {
    let shell = Shell::new();
    shell.file("script", shell.call(["completions", "bash"]).stdout);
    let program = program(&shell, SCHEMA);
    for (line, replies) in [
        (format!("ampule run {program} -k t"), "top="),
        (format!("ampule run {program} -k how="), "fast slow"),
        (format!("ampule run {program} -k how=s"), "slow"),
        ("ampule comp".to_owned(), "completions"),
    ] {
        let asked = r#"
            . ./script
            COMP_LINE=$1 COMP_POINT=${#1}
            read -ra COMP_WORDS <<<"$1"
            COMP_CWORD=$((${#COMP_WORDS[@]} - 1))
            compopt() { :; }
            _ampule_or_kwargs ampule "${COMP_WORDS[-1]}" "${COMP_WORDS[-2]}"
            echo "${COMPREPLY[*]}""#;
        let mut bash = Command::new("/bin/bash");
        bash.args(["-c", asked, "bash", &line]).current_dir(shell.directory.path());
        bash.env("PATH", Path::new(env!("CARGO_BIN_EXE_ampule")).parent().unwrap());
        let ended: Ended = bash.stdin(Stdio::null()).output().unwrap().into();
        assert_eq!((ended.stdout.trim_end(), ended.stderr.as_str()), (replies, ""), "{line}");
    }
}
