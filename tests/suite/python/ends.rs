//! How a run ends and what it says on the way: exits, limits, output, logs, progress, sleeps.

use std::time::Duration;

use ampule::{Event, Grants, Job, Kind, LogLevel};
use ampule_tests::snippet::{Snippet, check, speaking};
use ampule_tests::{ended, failure, value};
use serde_json::json;

use super::{python, run_source};

// Exits.

#[tokio::test]
async fn an_exit_has_the_status_that_a_process_would_have() {
    for (source, code) in [
        ("import sys; sys.exit(3)", 3),
        ("exit(4)", 4),
        ("import sys; sys.exit(-1)", 255),
        ("import sys; sys.exit(2**70)", 255),
        ("import sys; sys.exit('words')", 1),
        ("raise SystemExit((1, 2))", 1),
        ("class Done(SystemExit): pass\nraise Done(5)", 5),
        ("import os; os._exit(300)", 44),
    ] {
        let failure = failure(run_source(&format!("_return(1)\n{source}"), |job| job).await);
        assert_eq!((failure.kind, failure.code), (Kind::Exit, Some(code)), "{source}");
        assert_eq!(failure.returns, [json!(1)], "{source}");
    }
}

#[tokio::test]
async fn an_exit_without_a_status_is_a_normal_end() {
    for source in ["import sys; sys.exit()", "import sys; sys.exit(0)", "raise SystemExit", "import os; os._exit(0)"] {
        assert_eq!(value(run_source(&format!("_return(1)\n{source}"), |job| job).await), 1, "{source}");
    }
}

#[tokio::test]
async fn the_words_of_an_exit_are_on_stderr() {
    let outcome = run_source("import sys; sys.exit('no such thing')", |job| job).await;
    assert_eq!(outcome.output.stderr, b"no such thing\n");
}

#[tokio::test]
async fn handlers_of_exit_run_and_what_was_printed_is_flushed_however_it_ends() {
    for end in ["", "1/0", "import sys; sys.exit(3)"] {
        let source = format!("import atexit; atexit.register(print, 'last', end='')\nprint('first')\n{end}");
        assert_eq!(run_source(&source, |job| job).await.output.stdout, b"first\nlast", "{end}");
    }
}

// Limits.

#[tokio::test]
async fn no_loop_outlasts_its_limits_whatever_it_catches() {
    for source in [
        "while True: pass",
        "\
while True:
  try:
    while True: pass
  except BaseException: pass",
    ] {
        let timed = run_source(source, |job| job.timeout(Duration::from_millis(100))).await;
        assert_eq!(failure(timed).kind, Kind::TimedOut, "{source}");
        let fuelled = run_source(source, |job| job.fuel(20_000_000)).await;
        assert_eq!(failure(fuelled).kind, Kind::OutOfFuel, "{source}");
    }
    let asleep = run_source("import time; time.sleep(3600)", |job| job.timeout(Duration::from_millis(100))).await;
    assert_eq!(failure(asleep).kind, Kind::TimedOut);
}

#[tokio::test]
async fn memory_that_is_refused_is_a_memory_error_and_can_be_coped_with() {
    for source in [
        "x = []\nwhile True: x.append('y' * 1_000)",
        "x = {}\nfor n in range(10**9): x[n] = n",
        "def f():\n  x = []\n  while True: x.append([1])\nf()",
        "'x' * 10**9",
    ] {
        let outcome = run_source(source, |job| job.memory_bytes(48 << 20)).await;
        assert!(outcome.usage.memory_refused, "{source}");
        let failure = failure(outcome);
        assert_eq!((failure.kind, failure.error_type.as_deref()), (Kind::Guest, Some("MemoryError")), "{source}");
        assert!(failure.traceback.unwrap_or_default().contains("File \"job\", line"), "{source}");
    }
    let source = "\
x = []
try:
  while True: x.append(bytearray(1 << 20))
except MemoryError: x = None
_return('coped')";
    assert_eq!(value(run_source(source, |job| job.memory_bytes(48 << 20)).await), "coped");
}

// What it says.

#[tokio::test]
async fn output_log_and_progress_are_told_in_order() {
    let source = "
import logging, sys
print('out', 1)
print('é\\ud800', file=sys.stderr)
progress({'done': 0.5})
_return(1)
logging.getLogger('a.b').warning('%s left', 3)
logging.debug('not said')
logging.basicConfig(level=logging.DEBUG)
logging.debug('said')
logging.error('bad')
progress(None)
_return(2)
print('no line', end='')";
    let runner = python();
    let handle = runner.run_async(Job::source("python", source)).expect("accepted");
    let mut events = handle.events();
    let outcome = ended(handle).await;
    assert_eq!(outcome.output.stdout, b"out 1\nno line");
    assert_eq!(outcome.output.stderr, "é\\ud800\n".as_bytes());
    let mut told = Vec::new();
    while let Some(event) = events.next().await {
        told.push(event);
    }
    let log = |level, message: &str| Event::Log(ampule::LogLine { level, message: message.to_owned() });
    assert_eq!(
        told,
        [
            Event::Progress(json!({"done": 0.5})),
            Event::Return(json!(1)),
            log(LogLevel::Warn, "a.b: 3 left"),
            log(LogLevel::Debug, "said"),
            log(LogLevel::Error, "bad"),
            Event::Progress(json!(null)),
            Event::Return(json!(2)),
        ]
    );
}

#[tokio::test]
async fn stdin_is_what_is_granted() {
    let source = "import sys\n_return(input('? '), sys.stdin.read())";
    let outcome = run_source(source, |job| job.grants(Grants::none().stdin("one\ntwo\nthree"))).await;
    assert_eq!(value(outcome), json!(["one", "two\nthree"]));
}

#[tokio::test]
async fn a_file_for_the_log_is_the_sources_own_affair() {
    let s = Snippet::returns;
    check(
        &python(),
        "python",
        &[
            s(
                "a format of its own",
                "\
import logging
logging.basicConfig(format='<%(message)s>')
_return(logging.root.handlers[0].format(logging.makeLogRecord({'msg': 'm'})))",
                json!("<m>"),
            ),
            s(
                "a stream of its own",
                "\
import io, logging
s = io.StringIO()
logging.basicConfig(stream=s)
logging.error('x')
_return(s.getvalue())",
                json!("ERROR:root:x\n"),
            ),
        ],
    )
    .await;
}

// Sleeping.

#[tokio::test]
async fn twenty_sleeping_jobs_share_one_guest_thread() {
    let runner = speaking("python").guest_threads(1).pool_size(20).build().expect("a runner");
    runner.prepare("python").await.expect("it was built");
    let source = "import time\nstart = time.time()\ntime.sleep(5)\n_return([start, time.time()])";
    let handles: Vec<_> = (0..20).map(|_| runner.run_async(Job::source("python", source)).expect("accepted")).collect();
    let (mut last_start, mut first_end) = (0.0_f64, f64::MAX);
    for handle in handles {
        let times = value(ended(handle).await);
        let time = |index: usize| times[index].as_f64().expect("a time");
        (last_start, first_end) = (last_start.max(time(0)), first_end.min(time(1)));
    }
    assert!(last_start < first_end, "the last began {} s after the first had ended", last_start - first_end);
}

#[tokio::test]
async fn asyncio_has_a_loop_that_sleeps() {
    let s = Snippet::returns;
    let r = Snippet::raises;
    let main = |body: &str| {
        format!(
            "\
import asyncio
async def main():
{body}
_return(asyncio.run(main()))"
        )
    };
    check(
        &python(),
        "python",
        &[
            s(
                "gather",
                &main("  return await asyncio.gather(asyncio.sleep(0.02, 1), asyncio.sleep(0.01, 2))"),
                json!([1, 2]),
            ),
            s(
                "wait_for",
                &main(
                    "  try: await asyncio.wait_for(asyncio.sleep(99), 0.01)
  except TimeoutError: return 'late'",
                ),
                json!("late"),
            ),
            s("timeout", &main("  async with asyncio.timeout(9): return await asyncio.sleep(0, 3)"), json!(3)),
            s(
                "a queue",
                &main(
                    "  q = asyncio.Queue()
  t = asyncio.create_task(q.get())
  await q.put(7)
  return await t",
                ),
                json!(7),
            ),
            s(
                "a group of tasks",
                &main(
                    "  async with asyncio.TaskGroup() as g: t = g.create_task(asyncio.sleep(0, 5))
  return t.result()",
                ),
                json!(5),
            ),
            s(
                "a loop of its own",
                "\
import asyncio
loop = asyncio.new_event_loop()
_return(loop.run_until_complete(asyncio.sleep(0, 4)))
loop.close()",
                json!(4),
            ),
            r("a task that fails", &main("  raise ValueError('in a task')"), "ValueError", "in a task")
                .showing("File \"job\", line 3, in main"),
            r(
                "a wait without end",
                &main("  await asyncio.Future()"),
                "RuntimeError",
                "nothing is left that could wake one",
            ),
            r("a thread", &main("  await asyncio.to_thread(print)"), "RuntimeError", "a job has one thread"),
            r("a socket", &main("  await asyncio.open_connection('localhost', 80)"), "OSError", "no sockets"),
            r("a process", &main("  await asyncio.create_subprocess_exec('ls')"), "OSError", "no processes"),
        ],
    )
    .await;
}
