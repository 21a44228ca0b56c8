//! What a person reads of a failure: nothing on stdout, and on stderr what happened, where, and what helps.

use super::shell::{Ended, Shell};

fn failed(ended: &Ended, code: i32) -> &str {
    assert_eq!((ended.code, ended.stdout.as_str()), (Some(code), ""), "{ended:?}");
    &ended.stderr
}

#[test]
fn a_trap_says_where_and_what_was_returned_before() {
    insta::assert_snapshot!(failed(&Shell::new().run("trap", &[]), 1), @r"
    error: trap: trapped: an `unreachable` instruction was executed
      trap code: unreachable
      backtrace, innermost first:
          0: inner
          1: outer
          2: run
      returned before: [8]
    ");
}

#[test]
fn a_report_of_the_jobs_own_is_shown_without_what_a_terminal_would_obey() {
    insta::assert_snapshot!(failed(&Shell::new().run("fail", &[]), 1), @r"
    error: guest: expected sun, found \u{1b}[2Jrain
      type: ValueError
      the job's own traceback:
        line 1
        line 2
      hint: the job says that another attempt may succeed
    ");
}

#[test]
fn an_exit_comes_after_what_was_written() {
    insta::assert_snapshot!(failed(&Shell::new().run("exit", &[]), 1), @r"
    out\u{1b}[2J�
    err\u{1b}]0;x\u{7}
    error: exit: left with status 7
      exit code: 7
    ");
}

#[test]
fn a_timeout_comes_after_the_log_and_says_how_to_get_more() {
    insta::assert_snapshot!(failed(&Shell::new().run("loop", &["--timeout", "50ms"]), 1), @r"
    info: looping
    error: timed_out: ran longer than its timeout of 50ms
      backtrace, innermost first:
          0: spin
          1: run
      hint: `--timeout` gives it longer, such as `--timeout 1m`
    ");
}

#[test]
fn a_spent_budget_says_how_to_get_more() {
    insta::assert_snapshot!(failed(&Shell::new().run("loop", &["--fuel", "1000"]), 1), @r"
    info: looping
    error: out_of_fuel: used up its fuel budget of 1000
      backtrace, innermost first:
          0: spin
          1: run
      hint: `--fuel` gives it more; without it there is no budget, only the timeout
    ");
}

#[test]
fn refused_memory_says_how_to_get_more() {
    insta::assert_snapshot!(failed(&Shell::new().run("grow", &["--memory", "1MiB"]), 1), @r"
    error: out_of_memory: asked for 1114112 bytes of memory, and its limit is 1048576
      backtrace, innermost first:
          0: grow
          1: run
      hint: `--memory` gives it more, such as `--memory 1GiB`
    ");
}

#[test]
fn kwargs_that_do_not_fit_say_why() {
    insta::assert_snapshot!(failed(&Shell::new().run("schema", &["-k", "count=many"]), 3), @r#"
    error: bad_kwargs: `count`: expected integer, found "many"
      hint: `ampule run --help-job PROGRAM` shows which arguments it takes
    "#);
}

#[test]
fn a_program_that_cannot_run_says_what_is_missing() {
    insta::assert_snapshot!(failed(&Shell::new().run("missing", &[]), 3), @r"
    error: bad_program: the program imports what the runner does not offer:
      `env.launch` (i32)
      `ampule.rename` ()
      hint: `ampule inspect` shows what the program is and what it imports
    ");
}

#[test]
fn text_in_place_of_bytes_says_what_it_looks_like() {
    let shell = Shell::new();
    let ended = shell.call(["run", &shell.file("text.wasm", "(module)")]);
    insta::assert_snapshot!(failed(&ended, 3), @r"
    error: bad_program: expected a WebAssembly program, found what looks like its text form (WAT), which has to be assembled first
      hint: `ampule inspect` shows what the program is and what it imports
    ");
}
