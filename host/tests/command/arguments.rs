//! What each argument does, and what is said of one that cannot be meant.

use std::os::unix::fs::PermissionsExt as _;

use super::shell::{Shell, assembled, fixture};

#[test]
fn the_value_is_all_that_stands_on_stdout() {
    let shell = Shell::new();
    let ended = shell.run("twice", &[]);
    assert_eq!((ended.code, ended.stdout.as_str(), ended.stderr.as_str()), (Some(0), "[8,13]\n", ""));
    assert_eq!(shell.run("nothing", &[]).stdout, "null\n");
}

#[test]
fn a_kwarg_is_json_if_it_reads_so_and_text_if_not() {
    let ended = Shell::new().run("echo", &["-k", "a=3", "-k", "b=Ada", "-k", "c=[1, null]", "-k", "d=x=y"]);
    assert_eq!(ended.stdout, "{\"a\":3,\"b\":\"Ada\",\"c\":[1,null],\"d\":\"x=y\"}\n");
}

#[test]
fn a_kwarg_is_text_where_the_schema_wants_a_string() {
    let ended = Shell::new().run("schema", &["-k", "name=3", "-k", "count=3"]);
    assert_eq!(ended.stdout, "{\"name\":\"3\",\"count\":3}\n");
}

#[test]
fn kwargs_are_given_at_once_and_single_ones_go_on_top() {
    let shell = Shell::new();
    let file = format!("@{}", shell.file("kwargs.json", r#"{"a": 1, "b": 2}"#));
    let expected = "{\"a\":1,\"b\":3}\n";
    assert_eq!(shell.run("echo", &["--kwargs", r#"{"a":1,"b":2}"#, "-k", "b=3"]).stdout, expected);
    assert_eq!(shell.run("echo", &["--kwargs", &file, "-k", "b=3"]).stdout, expected);
    assert_eq!(shell.run_with_stdin("echo", &["--kwargs", "-", "-k", "b=3"], r#"{"a":1,"b":2}"#).stdout, expected);
}

#[test]
fn the_job_gets_the_arguments_environment_and_input_that_it_is_given() {
    let shell = Shell::new();
    let expected = "job\0--json\0-k\0LANG=C\0input\n";
    let arguments = ["--env", "LANG=C", "--stdin", "-", "--", "--json", "-k"];
    let ended = shell.run_with_stdin("wasi", &arguments, "input\n");
    assert_eq!(ended.stderr, expected.replace('\0', "\\u{0}"));
    let file = shell.file("input.txt", "input\n");
    let arguments = ["--json", "--env", "LANG=C", "--stdin", &file, "--", "--json", "-k"];
    assert_eq!(shell.run("wasi", &arguments).document()["stdout"], expected);
}

#[test]
fn a_job_that_is_given_no_input_finds_its_kwargs_there() {
    let ended = Shell::new().run("wasi", &["--json", "-k", "a=1"]);
    assert_eq!(ended.document()["stdout"], "job\0{\"a\":1}");
}

#[test]
fn a_directory_is_to_look_only_unless_said() {
    let shell = Shell::new();
    shell.file("data/in.txt", "content");
    let run = |grant: &str| shell.run("files", &["--json", "--dir", grant]).document();
    let read_only = run("data");
    assert_eq!((&read_only["stdout"], &read_only["result"]), (&"/datacontent".into(), &false.into()));
    assert!(!shell.path("data/out.txt").exists());
    let writable = run("data::/name:rw");
    assert_eq!((&writable["stdout"], &writable["result"]), (&"/namecontent".into(), &true.into()));
    assert!(shell.path("data/out.txt").exists());
}

#[test]
fn bytes_and_text_of_a_program_run_alike() {
    let shell = Shell::new();
    let binary = shell.file("twice.wasm", assembled("twice"));
    assert_eq!(shell.call(["run", &binary]).stdout, shell.run("twice", &[]).stdout);
}

#[test]
fn a_name_is_looked_up_in_the_catalogs_in_their_order() {
    let shell = Shell::new();
    shell.file("first/nothing.wasm", assembled("nothing"));
    shell.file("second/nothing.wasm", assembled("twice"));
    shell.file("second/twice.wasm", assembled("twice"));
    let by_flag = |name| shell.call(["run", name, "--catalog", "first", "--catalog", "second"]).stdout;
    assert_eq!((by_flag("nothing"), by_flag("twice")), ("null\n".to_owned(), "[8,13]\n".to_owned()));
    let by_variable = shell.command(["run", "twice"]).env("AMPULE_CATALOG", "absent:second").output().unwrap();
    assert_eq!(by_variable.stdout, b"[8,13]\n");
}

#[test]
fn a_name_that_no_catalog_has_says_where_it_looked_and_what_is_close() {
    let shell = Shell::new();
    shell.file("catalog/twice.wasm", "");
    shell.file("catalog/nothing.wasm", "");
    let ended = shell.call(["run", "twise", "--catalog", "catalog", "--catalog", "absent"]);
    assert_eq!(ended.code, Some(2));
    insta::assert_snapshot!(ended.stderr, @r#"
    error: expected a program in the catalog, found none with the name "twise"
      catalog: nothing, twice
      absent: not there
      did you mean `twice`?
    "#);
}

#[test]
fn what_cannot_be_meant_is_refused_with_what_was_expected_and_found() {
    let shell = Shell::new();
    let (echo, here) = (fixture("echo"), fixture(""));
    for (arguments, said) in [
        (&["-k", "novalue"][..], "expected a name, `=` and a value"),
        (&["-k", "a=1", "-k", "a=2"], "found `a` twice"),
        (&["-k", "at_err=1"], "`at_err` is reserved"),
        (&["--kwargs", "[1]"], "expected a JSON object, found an array"),
        (&["--kwargs", "@absent"], "\"absent\""),
        (&["--kwargs", "-", "--stdin", "-"], "one use of stdin"),
        (&["--stdin", "absent"], "\"absent\""),
        (&["--timeout", "soon"], "such as `5s`"),
        (&["--timeout", "0"], "at least 1ms"),
        (&["--fuel", "0"], "above 0"),
        (&["--memory", "64M"], "such as `64MiB`"),
        (&["--memory", "5GiB"], "at most 4 GiB"),
        (&["--dir", "absent"], "\"absent\""),
        (&["--dir", &echo], "found: something else"),
        (&["--dir", ".::/a", "--dir", ".::/a"], "given twice"),
        (&["--env", "=x"], "expected a name"),
        (&["--cache", "x", "--no-cache"], "cannot be used with"),
    ] {
        let ended = shell.run("echo", arguments);
        assert_eq!((ended.code, ended.stdout.as_str()), (Some(2), ""), "{arguments:?}");
        assert!(ended.stderr.starts_with("error: ") && ended.stderr.contains(said), "{arguments:?} {}", ended.stderr);
    }
    for program in ["./absent.wasm", "absent.wat", "/", &here] {
        let ended = shell.call(["run", program]);
        assert_eq!(ended.code, Some(2), "{program}");
        assert!(ended.stderr.contains("expected a program at"), "{ended:?}");
    }
}

#[test]
fn the_cache_is_ours_alone_and_compiles_once() {
    let shell = Shell::new();
    let cached = || shell.path("cache").read_dir().unwrap().filter(is_compiled).count();
    shell.run("twice", &[]);
    let mode = shell.path("cache").metadata().unwrap().permissions().mode();
    assert_eq!((mode & 0o7777, cached()), (0o700, 1));
    shell.run("twice", &[]);
    assert_eq!(cached(), 1);
    shell.run("nothing", &["--no-cache"]);
    assert_eq!(cached(), 1);
}

fn is_compiled(entry: &std::io::Result<std::fs::DirEntry>) -> bool {
    entry.as_ref().is_ok_and(|entry| entry.path().extension().is_some_and(|extension| extension == "cwasm"))
}

#[test]
fn a_reader_that_goes_away_is_no_fault() {
    let shell = Shell::new();
    for arguments in [vec!["run"], vec!["run", "--json"], vec!["inspect"]] {
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let twice = fixture("twice");
        let mut command = shell.command(arguments.into_iter().chain([twice.as_str()]));
        let child = command.stdout(writer).stderr(std::process::Stdio::piped()).spawn().unwrap();
        let output = child.wait_with_output().unwrap();
        assert_eq!((output.status.code(), output.stderr.as_slice()), (Some(0), &b""[..]));
    }
}

#[test]
fn the_version_and_the_exit_codes_are_told() {
    let shell = Shell::new();
    assert_eq!(shell.call(["--version"]).stdout, format!("ampule {}\n", env!("CARGO_PKG_VERSION")));
    for arguments in [&["--help"][..], &["run", "--help"], &["inspect", "--help"]] {
        let ended = shell.call(arguments);
        assert!(ended.code == Some(0) && ended.stdout.contains("3  refused before running"), "{ended:?}");
        assert!(!ended.stdout.contains("compile-child"));
    }
    assert_eq!(shell.call::<&str>([]).code, Some(2));
}

#[test]
fn with_verbose_the_runner_tells_what_it_does() {
    let shell = Shell::new();
    let ended = shell.run("trap", &["-v"]);
    assert!(ended.stderr.contains("run started") && ended.stderr.contains("run ended"), "{ended:?}");
    assert_eq!(shell.run("trap", &[]).stderr.matches("unreachable").count(), 2);
}

#[test]
fn the_compiler_child_refuses_what_is_no_program() {
    let shell = Shell::new();
    for metering in ["metered", "unmetered"] {
        let ended = shell.call(["compile-child", metering]);
        assert_eq!((ended.code, ended.stdout.as_str()), (Some(3), ""));
        assert!(ended.stderr.contains("cannot be compiled"), "{ended:?}");
    }
    assert_eq!(shell.call(["compile-child", "sometimes"]).code, Some(2));
}
