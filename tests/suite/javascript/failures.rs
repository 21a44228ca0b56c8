//! What a failure says: its type, its message, where it came from, and whether to try again.

use ampule::{Failure, Kind};
use ampule_tests::snippet::{Snippet, check};
use ampule_tests::{failure, value};
use serde_json::json;

use super::{javascript, run_source};

async fn failed(source: &str) -> Failure {
    failure(run_source(source, |job| job).await)
}

#[tokio::test]
async fn an_error_is_told_with_its_type_and_the_lines_of_the_source() {
    let r = Snippet::raises;
    check(
        &javascript(),
        "javascript",
        &[
            r("of the language", "null.x", "TypeError", "cannot read property 'x' of null").showing("at job:1:"),
            r(
                "in a function",
                "function inner() {\n  throw new RangeError('too far')\n}\nconst outer = () => inner()\n\nouter()",
                "RangeError",
                "too far",
            )
            .showing("RangeError: too far")
            .showing("at inner (job:2:")
            .showing("at outer (job:4:")
            .showing("at job:6:1"),
            r("in a lone expression", "[1,\n 2].map(x => { throw new Error(x) })", "Error", "1").showing("job:2:"),
            r("after an await", "await sleep(1)\nthrow new Error('late')", "Error", "late").showing("at job:2:"),
            r("in a timer", "setTimeout(() => { throw new Error('timed') }, 1)", "Error", "timed").showing("job:1:"),
            r("in a microtask", "queueMicrotask(() => { throw new Error('micro') })", "Error", "micro"),
            r("in a forgotten promise", "(async () => { throw new Error('lost') })(); 1", "Error", "lost"),
            r(
                "handled too late",
                "const p = Promise.reject(new Error('x')); await sleep(1); p.catch(() => 1)",
                "Error",
                "x",
            ),
            r("of a class of its own", "class MyError extends Error {}\nthrow new MyError('m')", "MyError", "m")
                .showing("MyError: m\n    at job:2:"),
            r("of a name of its own", "throw Object.assign(new Error('m'), {name: 'Named'})", "Named", "m"),
            r("with causes", "throw new Error('a', {cause: new TypeError('b', {cause: 3})})", "Error", "a")
                .showing("Error: a")
                .showing("Caused by: TypeError: b")
                .showing("Caused by: Thrown: 3"),
            r(
                "of several",
                "await Promise.any([Promise.reject(new RangeError('one')), Promise.reject(2)])",
                "AggregateError",
                "",
            )
            .showing("- RangeError: one")
            .showing("- Thrown: 2"),
            r("a word", "throw 'boom'", "Thrown", "boom"),
            r("an object", "throw {code: 7, why: ['x']}", "Thrown", "{ code: 7, why: [ 'x' ] }"),
            r("null", "throw null", "Thrown", "null"),
            r("undefined", "await Promise.reject()", "Thrown", "undefined"),
        ],
    )
    .await;
}

#[tokio::test]
async fn what_does_not_compile_is_shown() {
    let r = |name, source, message| Snippet::raises(name, source, "SyntaxError", message);
    check(
        &javascript(),
        "javascript",
        &[
            r("a token too many", "const a = 1\nfoo(]\n", "unexpected token")
                .showing("at job:2:5")
                .showing("\n2 | foo(]\n  |     ^"),
            r("an end too soon", "function f() {", "").showing("at job:1:"),
            r("a string without end", "'abc", "unexpected end of string").showing("\n1 | 'abc"),
            r("in eval", "eval('1 +')", "").showing("at job:1:"),
            r("return outside of a function", "return 1", "return not in a function"),
            r("an export", "export const a = 1", "export"),
        ],
    )
    .await;
}

#[tokio::test]
async fn an_import_names_what_it_wanted() {
    let r = |name, source| Snippet::raises(name, source, "Error", "found the module \"./lib.js\"");
    check(
        &javascript(),
        "javascript",
        &[
            r("static", "import lib from './lib.js'\nlib()"),
            r("dynamic", "const lib = await import('./lib.js')"),
            r("alone", "import('./lib.js')"),
            r("in a function", "const load = (name) => import(name); load('./lib.js').then(_return)"),
            Snippet::returns("that is coped with", "await import('./lib.js').catch(() => 'none')", json!("none")),
        ],
    )
    .await;
}

#[tokio::test]
async fn an_error_that_fights_its_account_has_one_all_the_same() {
    let hostile = |property: &str| format!("Object.defineProperty(e, '{property}', {{get() {{ throw 1 }}}});");
    let all: String = ["name", "message", "stack", "cause", "retry", "constructor", "errors"].map(hostile).concat();
    let sources = [
        format!("const e = new Error('x'); {all} throw e"),
        "throw new Proxy(new Error('x'), {get() { throw 1 }})".to_owned(),
        "throw new Proxy({}, {get() { throw 1 }, ownKeys() { throw 2 }, getPrototypeOf() { throw 3 }})".to_owned(),
        "const e = new Error('x'); e.cause = e; throw e".to_owned(),
        "const e = new Error('x'); e.errors = [e, e]; throw e".to_owned(),
        "const e = new Error('x'); e.name = {toString() { throw 1 }}; e.message = Symbol(); throw e".to_owned(),
        "throw Object.create(Error.prototype)".to_owned(),
        "Error.prototype.name = 5; Error.prepareStackTrace = () => { throw 1 }; throw new Error('x')".to_owned(),
        "const o = {}; o.o = o; throw o".to_owned(),
        "throw {get a() { throw 1 }, [Symbol.toPrimitive]() { throw 2 }}".to_owned(),
        "throw new Proxy(() => 1, {apply() { throw 1 }})".to_owned(),
        "const {proxy, revoke} = Proxy.revocable({}, {}); revoke(); throw proxy".to_owned(),
    ];
    for source in sources {
        let failure = failed(&source).await;
        assert_eq!(failure.kind, Kind::Guest, "{source}");
        assert!(failure.error_type.is_some_and(|name| !name.is_empty()), "{source}");
    }
}

#[tokio::test]
async fn an_account_is_short_however_long_the_error() {
    let failure = failed("throw new Error('\\0'.repeat(1e6), {cause: new Error('é'.repeat(1e6))})").await;
    assert!(failure.message.len() < 1 << 10, "{}", failure.message.len());
    let traceback = failure.traceback.expect("a traceback");
    assert!(traceback.len() < 16 << 10 && traceback.ends_with('…'), "{}", traceback.len());
}

#[tokio::test]
async fn an_error_says_whether_to_try_again() {
    for (source, retry) in [
        ("throw Object.assign(new Error('x'), {retry: true})", Some(true)),
        ("throw {retry: false}", Some(false)),
        ("throw Object.assign(new Error('x'), {retry: 1})", None),
        ("throw new Error('x')", None),
    ] {
        assert_eq!(failed(source).await.retry, retry, "{source}");
    }
}

#[tokio::test]
async fn what_was_returned_before_an_error_is_kept() {
    let failure = failed("_return(1); _return([2]); throw new Error('x')").await;
    assert_eq!(failure.returns, [json!(1), json!([2])]);
    assert_eq!(value(run_source("try { null.x } catch { _return('coped') }", |job| job).await), "coped");
}

#[tokio::test]
async fn a_job_without_a_name_has_frames_too() {
    let runner = javascript();
    let outcome = ampule_tests::run(&runner, ampule::Job::source("javascript", "null.x")).await;
    let traceback = failure(outcome).traceback.expect("a traceback");
    assert!(traceback.contains("at <job>:1:"), "{traceback}");
}
