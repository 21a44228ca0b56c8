//! How a run ends and what it says on the way: limits, logs, progress, timers, sleeps.

use std::time::Duration;

use ampule::{Event, Job, Kind, LogLevel};
use ampule_tests::snippet::{Snippet, check, speaking};
use ampule_tests::{ended, failure, value};
use serde_json::json;

use super::{javascript, run_source};

// Limits.

#[tokio::test]
async fn no_loop_outlasts_its_limits_whatever_it_catches() {
    for source in [
        "for (;;);",
        "for (;;) try { for (;;); } catch {} finally { continue }",
        "const again = () => Promise.resolve().then(again); again()",
        "setInterval(() => 0, 0)",
        "/(a*)*b/.test('a'.repeat(30))",
    ] {
        let timed = run_source(source, |job| job.timeout(Duration::from_millis(100))).await;
        assert_eq!(failure(timed).kind, Kind::TimedOut, "{source}");
        let fuelled = run_source(source, |job| job.fuel(20_000_000)).await;
        assert_eq!(failure(fuelled).kind, Kind::OutOfFuel, "{source}");
    }
    let asleep = run_source("await sleep(3_600_000)", |job| job.timeout(Duration::from_millis(100))).await;
    assert_eq!(failure(asleep).kind, Kind::TimedOut);
}

#[tokio::test]
async fn memory_that_is_refused_is_an_error_of_the_language() {
    for source in [
        "const a = []; for (;;) a.push({})",
        "const a = []; for (;;) a.push('x'.repeat(1e5) + a.length)",
        "const m = new Map; for (let i = 0;; i++) m.set(i, [i])",
        "const a = []; for (;;) a.push(new Uint8Array(1e6))",
        "new Array(2 ** 28).fill(0)",
        "_return('\\u0001'.repeat(2 ** 24))",
    ] {
        let outcome = run_source(source, |job| job.memory_bytes(48 << 20)).await;
        assert!(outcome.usage.memory_refused, "{source}");
        let failure = failure(outcome);
        assert_eq!((failure.kind, failure.error_type.as_deref()), (Kind::Guest, Some("InternalError")), "{source}");
        assert_eq!(failure.message, "out of memory", "{source}");
    }
}

#[tokio::test]
async fn memory_that_is_refused_can_be_coped_with() {
    let source = "let a = []; try { for (;;) a.push(new Uint8Array(1e6)) } catch { a = null } _return('coped')";
    assert_eq!(value(run_source(source, |job| job.memory_bytes(48 << 20)).await), "coped");
}

#[tokio::test]
async fn garbage_that_refers_to_itself_is_collected() {
    let source = "for (let i = 0; i < 3e5; i++) { const o = {}; o.o = o } 'done'";
    let outcome = run_source(&format!("(() => {{ {} return 'done' }})()", source.replace("'done'", "")), |job| {
        job.memory_bytes(16 << 20)
    })
    .await;
    assert_eq!(value(outcome), "done");
}

#[tokio::test]
async fn depth_is_an_error_of_the_language_and_no_trap() {
    let deep = |name, source: &str| {
        Snippet::returns(name, &format!("try {{ {source} }} catch (e) {{ _return(e.name) }}"), json!("RangeError"))
    };
    check(
        &javascript(),
        "javascript",
        &[
            deep("calls", "(function f() { f() })()"),
            deep("many arguments", "(function f(...a) { f(...a, 1) })()"),
            deep("getters", "const o = {get x() { return this.x }}; o.x"),
            deep("natives", "(function f() { [1].map(f) })()"),
            deep("sorting", "(function f() { [1, 2].sort(f) })()"),
            deep("generators", "(function f() { [...(function* () { f() })()] })()"),
            deep("constructors", "class A { constructor() { new A } } new A"),
            deep("conversions", "const o = {toString() { return '' + o }}; '' + o"),
            deep("JSON that is read", "JSON.parse('['.repeat(1e5))"),
            deep("JSON that is read, of objects", "JSON.parse('{\"a\":'.repeat(1e5))"),
            deep("JSON that is written", "let a = []; for (let i = 0; i < 4e4; i++) a = [a]; JSON.stringify(a)"),
            deep("a copy", "let a = []; for (let i = 0; i < 1e5; i++) a = [a]; structuredClone(a)"),
            deep("a text of lists", "let a = []; for (let i = 0; i < 1e5; i++) a = [a]; String(a)"),
            deep("proxies", "let p = {}; for (let i = 0; i < 1e5; i++) p = new Proxy(p, {}); p.x"),
            deep("parentheses", "eval('('.repeat(1e5))"),
            deep("brackets", "eval('['.repeat(1e5))"),
            deep("blocks", "eval('{'.repeat(1e5))"),
            deep("signs", "eval('!'.repeat(1e5) + '1')"),
            deep("calls in calls", "eval('f('.repeat(1e5))"),
            deep("templates", "eval('`${'.repeat(1e5))"),
            deep("values handed out", "(function f() { _return({get a() { f() }}) })()"),
            Snippet::raises("the source itself", &"(".repeat(100_000), "RangeError", "call stack"),
            Snippet::returns(
                "a list in a list is freed",
                "let a = []; for (let i = 0; i < 1e5; i++) a = [a]; a = 1; _return(a)",
                json!(1),
            ),
            Snippet::returns(
                "depth that is needed",
                "const f = (n) => n ? 1 + f(n - 1) : 0; _return(f(250))",
                json!(250),
            ),
        ],
    )
    .await;
}

// What it says.

#[tokio::test]
async fn log_and_progress_are_told_in_order() {
    let source = "\
console.log('%s is %d, %j%%', 'Ada', 36, {a: 1}, 'and', [1])
progress({done: 0.5})
_return(1)
console.warn(new Map([['k', {x: 1}]]), undefined)
console.error(new Error('bad'))
console.debug(Symbol('s'), 1n, () => 1)
console.trace('here')
console.assert(1 > 2, 'no')
progress(null)";
    let runner = javascript();
    let handle = runner.run_async(Job::source("javascript", source)).expect("accepted");
    let mut events = handle.events();
    ended(handle).await;
    let mut told = Vec::new();
    while let Some(event) = events.next().await {
        told.push(event);
    }
    let log = |level, message: &str| Event::Log(ampule::LogLine { level, message: message.to_owned() });
    assert_eq!(
        told,
        [
            log(LogLevel::Info, "Ada is 36, { a: 1 }% and [ 1 ]"),
            Event::Progress(json!({"done": 0.5})),
            Event::Return(json!(1)),
            log(LogLevel::Warn, "Map(1) { 'k' => { x: 1 } } undefined"),
            log(LogLevel::Error, "[Error: bad]"),
            log(LogLevel::Debug, "Symbol(s) 1n [Function (anonymous)]"),
            log(LogLevel::Trace, "here"),
            log(LogLevel::Error, "Assertion failed: no"),
            Event::Progress(json!(null)),
        ]
    );
}

#[tokio::test]
async fn what_is_logged_is_looked_at_without_running_it_and_is_bounded() {
    let source = "\
const circle = {get trap() { throw 1 }}; circle.self = circle
console.log(circle)
console.log(new Proxy({a: 1}, {get() { throw 1 }, ownKeys() { throw 1 }}))
console.log({a: {b: {c: {d: 1}}}})
console.log(Array(1e6).fill('x'.repeat(1e4)))
console.log(Array(150).fill(0))
class P { x = 1 }
console.log(new P, Object.create(null), new Date(0), /a/g, new Uint8Array(2), Promise.resolve(1), [,])";
    let outcome = run_source(source, |job| job).await;
    let lines: Vec<&str> = outcome.output.logs.iter().map(|line| line.message.as_str()).collect();
    assert_eq!(lines[..3], ["{ trap: [Getter], self: [Circular] }", "{ a: 1 }", "{ a: { b: { c: [Object] } } }"]);
    assert!(lines[3].len() < 32 << 10, "{}", lines[3].len());
    assert!(lines[4].ends_with("0, … 50 more ]"), "{}", lines[4]);
    assert_eq!(
        lines[5],
        "P { x: 1 } [Object: null prototype] {} 1970-01-01T00:00:00.000Z /a/g Uint8Array(2) [ 0, 0 ] \
         Promise { 1 } [ undefined ]"
    );
}

// Timers and sleeping.

#[tokio::test]
async fn a_run_ends_when_nothing_is_left_to_do() {
    let s = Snippet::returns;
    let r = |name, source| Snippet::raises(name, source, "Error", "deadlock: ");
    check(
        &javascript(),
        "javascript",
        &[
            s(
                "timers in the order in which they are due",
                "setTimeout(_return, 9, 2); setTimeout(_return, 1, 1)",
                json!([1, 2]),
            ),
            s("those due together in theirs", "for (const i of [1, 2, 3]) setTimeout(_return, 0, i)", json!([1, 2, 3])),
            s(
                "microtasks before timers",
                "setTimeout(_return, 0, 't'); queueMicrotask(() => _return('m')); _return('s')",
                json!(["s", "m", "t"]),
            ),
            s(
                "an interval until it is cleared",
                "let n = 0; const id = setInterval(() => { _return(n); if (++n == 3) clearInterval(id) }, 1)",
                json!([0, 1, 2]),
            ),
            s("a timer that is cleared", "clearTimeout(setTimeout(_return, 1, 1))", json!(null)),
            s("a sleep without an await", "sleep(1).then(() => _return('slept')); 0", json!("slept")),
            s(
                "an iteration that awaits",
                "for await (const x of [sleep(1).then(() => 1), 2]) _return(x)",
                json!([1, 2]),
            ),
            r("an await without end", "await new Promise(() => {})"),
            r("a promise without end as a result", "new Promise(() => {})"),
            Snippet::raises(
                "no function",
                "setTimeout('code')",
                "TypeError",
                "setTimeout: expected a function, found string",
            ),
        ],
    )
    .await;
}

#[tokio::test]
async fn twenty_sleeping_jobs_share_one_guest_thread() {
    let runner = speaking("javascript").guest_threads(1).pool_size(20).build().expect("a runner");
    runner.prepare("javascript").await.expect("it was built");
    let source = "const start = Date.now(); await sleep(5000); _return([start, Date.now()])";
    let handles: Vec<_> =
        (0..20).map(|_| runner.run_async(Job::source("javascript", source)).expect("accepted")).collect();
    let (mut last_start, mut first_end) = (0.0_f64, f64::MAX);
    for handle in handles {
        let times = value(ended(handle).await);
        let time = |index: usize| times[index].as_f64().expect("a time");
        (last_start, first_end) = (last_start.max(time(0)), first_end.min(time(1)));
    }
    assert!(last_start < first_end, "the last began {} ms after the first had ended", last_start - first_end);
}
