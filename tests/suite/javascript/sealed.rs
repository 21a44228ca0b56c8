//! What a source cannot reach, and that no run feels another.

use ampule::{Fuel, Grants, Job, Outcome};
use ampule_tests::snippet::{Snippet, check};
use ampule_tests::{run, value};
use serde_json::json;

use super::{javascript, run_source};

#[tokio::test]
async fn nothing_is_in_reach() {
    let s = Snippet::returns;
    let none = "['std', 'os', 'bjson', 'process', 'require', 'module', 'Deno', 'Bun', 'fetch', 'XMLHttpRequest', 'WebSocket', 'Worker', 'scriptArgs', 'print', 'load', 'navigator', 'WebAssembly']";
    check(
        &javascript(),
        "javascript",
        &[
            s("no global that leads out", &format!("{none}.filter(name => name in globalThis)"), json!([])),
            s("no name of ours but those that are told of", "Object.keys(globalThis)", json!([])),
            Snippet::raises("no module of QuickJS", "import * as os from 'os'\nos.readdir('/')", "Error", "\"os\""),
            Snippet::raises("no file", "await import('/etc/passwd')", "Error", "\"/etc/passwd\""),
            s(
                "no frame of ours",
                "try { setTimeout() } catch (e) { _return(e.stack.includes('ampule')) }",
                json!(false),
            ),
        ],
    )
    .await;
}

#[tokio::test]
async fn no_run_leaves_anything_for_the_next() {
    let runner = javascript();
    let spoil = "\
globalThis.left = 1; var alsoLeft = 1
Array.prototype.map = Object.prototype.toString = Promise.prototype.then = () => 'spoilt'
Object.prototype.polluted = 1
Math.random = () => 4; Date.now = () => 4; console.log = null; JSON.stringify = null
delete globalThis.Map; _return(1)";
    let look = "[typeof left, typeof alsoLeft, [1].map(x => x + 1), String({}), ({}).polluted === undefined, \
                Math.random() < 1, Date.now() > 4, typeof console.log, typeof Map, await Promise.resolve(2)]";
    for _ in 0..3 {
        assert_eq!(value(run(&runner, Job::source("javascript", spoil)).await), 1);
        let seen = value(run(&runner, Job::source("javascript", look)).await);
        let clean =
            json!(["undefined", "undefined", [2], "[object Object]", true, true, true, "function", "function", 2]);
        assert_eq!(seen, clean);
    }
}

#[tokio::test]
async fn what_a_source_does_to_the_language_harms_only_itself() {
    let s = Snippet::returns;
    check(
        &javascript(),
        "javascript",
        &[
            s("prototypes without methods", "const all = [Array, Map, Set, Promise, String, Function, Object]\nfor (let i = 0; i < all.length; i++) { const p = all[i].prototype, keys = Reflect.ownKeys(p); for (let k = 0; k < keys.length; k++) try { delete p[keys[k]] } catch {} }\nconsole.log(new Map, [1], {}, new Date(0)); _return({a: [1]})", json!({"a": [1]})),
            s("setters for every index", "for (let i = 0; i < 9; i++) Object.defineProperty(Array.prototype, i, {set() { throw 1 }}); console.log(new Map([[1, 2]])); _return('x')", json!("x")),
            s("a toJSON for everything", "Object.prototype.toJSON = () => 1; _return([{}])", json!(1)),
            s("other globals", "Math = JSON = Promise = Object = null; _return([1, {a: 2}])", json!([1, {"a": 2}])),
            s("_return is a value like any other", "const r = _return; _return = null; r(1)", json!(1)),
        ],
    )
    .await;
}

#[tokio::test]
async fn every_run_is_random_in_its_own_way() {
    let runner = javascript();
    let source = "[Math.random(), crypto.randomUUID(), crypto.getRandomValues(new Uint32Array(1))[0]]";
    let mut seen = Vec::new();
    for _ in 0..3 {
        let found = value(run(&runner, Job::source("javascript", source)).await);
        seen.extend(found.as_array().expect("a list").iter().map(ToString::to_string));
    }
    let count = seen.len();
    seen.sort();
    seen.dedup();
    assert_eq!(seen.len(), count);
}

#[tokio::test]
async fn a_run_with_a_seed_repeats_its_bytes_and_its_fuel() {
    let source = "\
const t = performance.now()
await sleep(3_600_000)
_return([Math.random(), crypto.randomUUID(), Date.now(), new Date().toISOString(), performance.now() - t])
setTimeout(() => _return(String(Math.random())), 50)";
    let seeded =
        async |seed| -> Outcome { run_source(source, |job| job.grants(Grants::none().deterministic(seed))).await };
    let (first, second, other) = (seeded(7).await, seeded(7).await, seeded(8).await);
    assert!(matches!(first.usage.fuel, Some(Fuel::Exact(_))), "{:?}", first.usage.fuel);
    assert_eq!(first.usage.fuel, second.usage.fuel);
    let (first, second, other) = (value(first), value(second), value(other));
    assert_eq!(first, second);
    assert_ne!(first[0][0], other[0][0]);
    assert_eq!(first[0][4], json!(3_600_000));
}
