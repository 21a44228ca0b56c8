//! What a source finds beside the language: clocks, random values, text, copies.

use ampule_tests::snippet::{Snippet, check};
use serde_json::json;

use super::javascript;

#[tokio::test]
async fn the_usual_globals_are_there() {
    let s = Snippet::returns;
    let r = |name, source, message| Snippet::raises(name, source, "TypeError", message);
    check(
        &javascript(),
        "javascript",
        &[
            s("a date of now", "Date.now() > 1.6e12 && new Date().getTimezoneOffset() === 0", json!(true)),
            s("time that passes", "const t = performance.now(); await sleep(5); performance.now() - t >= 5", json!(null)),
            s("a clock that begins with the run", "performance.now() < 60e3 && performance.timeOrigin > 1.6e12", json!(true)),
            s("a sleep takes its time", "const t = Date.now(); await sleep(20); _return(Date.now() - t >= 19)", json!(true)),
            s("random numbers", "const r = Array.from({length: 9}, Math.random); _return(r.every(x => x >= 0 && x < 1) && new Set(r).size)", json!(9)),
            s("an identifier", "/^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/.test(crypto.randomUUID())", json!(true)),
            s("random bytes", "new Set(crypto.getRandomValues(new Uint32Array(8))).size", json!(8)),
            r("random bytes of fractions", "crypto.getRandomValues(new Float64Array(1))", "typed array of integers"),
            s("UTF-8", "[...new TextEncoder().encode('é😀')]", json!([195, 169, 240, 159, 152, 128])),
            s("UTF-8 into less room", "new TextEncoder().encodeInto('aé😀', new Uint8Array(4))", json!({"read": 2, "written": 3})),
            s("UTF-8 back", "new TextDecoder().decode(new Uint8Array([0xef, 0xbb, 0xbf, 104, 105, 255]))", json!("hi\u{fffd}")),
            s("UTF-8 back from a view", "new TextDecoder().decode(new Uint8Array([1, 104, 105, 1]).subarray(1, 3))", json!("hi")),
            r("not UTF-8", "new TextDecoder('utf-8', {fatal: true}).decode(new Uint8Array([104, 255]))", "another byte at 1"),
            s("base64", "[btoa('abc'), atob('YWJj')]", json!(["YWJj", "abc"])),
            s("a deep copy", "const a = {m: new Map([[1, new Set([2])]])}; a.a = a; const b = structuredClone(a); _return([b.a === b, b !== a, b.m.get(1).has(2)])", json!([true, true, true])),
            r("a copy of a function", "structuredClone(() => 1)", ""),
            s("eval", "eval('var x = 1; x + 1')", json!(2)),
            s("Function", "new Function('a', 'return a + 1')(1)", json!(2)),
            s("big integers", "String(2n ** 64n)", json!("18446744073709551616")),
            s("newer parts of the language", "[[3, 1].toSorted(), Object.groupBy([1, 2], x => x % 2 ? 'odd' : 'even'), [1, 2].at(-1), 'a' ?? 1]", json!([[1, 3], {"odd": [1], "even": [2]}, 2, "a"])),
            s("patterns", "'x-2026-11'.match(/(?<year>\\d{4})/u).groups.year", json!("2026")),
            s("sloppy mode, as in any script", "x = 1; _return(x)", json!(1)),
            Snippet::raises("strict mode where it is asked for", "'use strict'\nx = 1", "ReferenceError", "x"),
        ],
    )
    .await;
}
