//! Which values a source hands out, by `_return` and as a lone expression, and which it is refused.

use ampule_tests::snippet::{Snippet, check};
use ampule_tests::{failure, value};
use serde_json::json;

use super::{javascript, run_source};

#[tokio::test]
async fn a_lone_expression_is_the_result() {
    let s = Snippet::returns;
    check(
        &javascript(),
        "javascript",
        &[
            s("an expression", "1 + 2", json!(3)),
            s("with a semicolon", "1 + 2;", json!(3)),
            s("with a comment after it", "1 + 2; // three; not four", json!(3)),
            s("with a comment before it", "/* a\nb */ 1 + 2", json!(3)),
            s("over several lines", "[1,\n  2,\n].length", json!(2)),
            s("with signs in a string", "'a; // b) ]'", json!("a; // b) ]")),
            s("with signs in a template", "`;${'}'} /*`;", json!(";} /*")),
            s("with signs in a pattern", "/[)\\]];\\/\\//.test(');//');", json!(true)),
            s("null", "null", json!(null)),
            s("falsy", "0", json!(0)),
            s("an object", "{a: 1}", json!({"a": 1})),
            s("an empty object", "{}", json!({})),
            s("a sequence", "1, 2", json!(2)),
            s("a promise", "Promise.resolve(7)", json!(7)),
            s("a thenable", "({then(resolve) { resolve(9) }})", json!(9)),
            s("awaited", "await sleep(1).then(() => 5)", json!(5)),
            s("a call of an async function", "(async () => { await sleep(1); return [1] })()", json!([1])),
            s("undefined is nothing", "undefined", json!(null)),
            s("nothing at all", "", json!(null)),
            s("only a comment", "// 1", json!(null)),
        ],
    )
    .await;
}

#[tokio::test]
async fn what_is_no_lone_expression_has_no_result_of_its_own() {
    let s = Snippet::returns;
    check(
        &javascript(),
        "javascript",
        &[
            s("two statements", "let a = 1; a", json!(null)),
            s("two lines", "1\n2", json!(null)),
            s("two expressions that close what is around them", "(1); (2)", json!(null)),
            s("a declaration", "function f() { return 1 }", json!(null)),
            s("a class", "class A {}", json!(null)),
            s("a block", "{ let a = 1 }", json!(null)),
            s("a statement that ends at a line's end, not in the comment", "_return; // x\r(_return(1))", json!(1)),
            s("after _return", "_return(1), 2", json!(1)),
            s("after a later _return", "setTimeout(() => _return('later'), 1), 2", json!("later")),
            Snippet::raises("what closes a parenthesis early", "1); _return(2", "SyntaxError", "expecting ';'"),
            Snippet::raises("what closes a bracket early", "1]; _return([2", "SyntaxError", "expecting ';'"),
        ],
    )
    .await;
}

#[tokio::test]
async fn a_lone_expression_runs_once() {
    let outcome = run_source("(console.log('run'), null.x)", |job| job).await;
    assert_eq!(failure(outcome).logs.len(), 1);
}

#[tokio::test]
async fn values_are_what_json_makes_of_them() {
    let s = Snippet::returns;
    check(
        &javascript(),
        "javascript",
        &[
            s("none", "_return()", json!(null)),
            s("one, falsy", "_return('')", json!("")),
            s("one, null", "_return(null)", json!(null)),
            s("several calls", "_return(1); _return([2]); _return(null)", json!([1, [2], null])),
            s("several arguments", "_return(1, false)", json!([1, false])),
            s(
                "numbers",
                "_return([-0, 1e21, 0.1, 5e-324, 2**53])",
                json!([0, 1e21, 0.1, 5e-324, 9007199254740992_u64]),
            ),
            s("text", "_return('é\\u2028😀\\0\\n\"\\\\')", json!("é\u{2028}😀\0\n\"\\")),
            s("a lone surrogate", "_return('a\\ud800b\\udfff')", json!("a\u{fffd}b\u{fffd}")),
            s("a surrogate as a name", "_return({'\\ud800': 1})", json!({"\u{fffd}": 1})),
            s("members in order", "JSON.stringify(Object.keys({z: 1, a: 2}))", json!("[\"z\",\"a\"]")),
            s("members that are undefined", "_return({a: undefined, b: 1, c: undefined})", json!({"b": 1})),
            s("symbols as names", "_return({[Symbol()]: 1})", json!({})),
            s("a date", "_return(new Date(0))", json!("1970-01-01T00:00:00.000Z")),
            s("toJSON gets its key", "_return({a: {toJSON: (key) => key}})", json!({"a": "a"})),
            s("boxes", "_return([new Number(1), new String('s'), new Boolean(false)])", json!([1, "s", false])),
            s("a class of its own", "class P { x = 1; get y() { return 2 } }; _return(new P)", json!({"x": 1})),
            s("without a prototype", "_return(Object.assign(Object.create(null), {a: 1}))", json!({"a": 1})),
            s("arguments", "(function () { return arguments })(1, 2)", json!({"0": 1, "1": 2})),
            s("proxies", "_return(new Proxy([1], {}), new Proxy({a: 1}, {}))", json!([[1], {"a": 1}])),
        ],
    )
    .await;
}

#[tokio::test]
async fn what_json_would_change_in_silence_is_refused_and_named() {
    let refused = |name, source: &str, found| Snippet::raises(name, source, "TypeError", found);
    check(
        &javascript(),
        "javascript",
        &[
            refused(
                "undefined",
                "_return(undefined)",
                "_return: expected a value that JSON can carry, found undefined",
            ),
            refused("an element that is undefined", "_return([1, undefined])", "found undefined at [1]"),
            refused("a hole", "_return([, 1])", "found undefined at [0]"),
            refused("NaN", "_return(NaN)", "found NaN"),
            refused("infinity", "_return({x: [-Infinity]})", "found -Infinity at .x[0]"),
            refused("a bigint", "_return([{price: 1n}])", "found BigInt at [0].price"),
            refused("a function", "_return({'a b': () => 1})", "found a function at [\"a b\"]"),
            refused("a symbol", "_return({s: Symbol()})", "found a symbol at .s"),
            refused("a map", "_return(new Map([[1, 2]]))", "found Map"),
            refused("a set", "_return({s: new Set})", "found Set at .s"),
            refused("a promise", "_return(sleep(1))", "found Promise"),
            refused("an error", "_return(new TypeError('x'))", "found Error"),
            refused("a pattern", "_return(/x/)", "found RegExp"),
            refused("bytes", "_return(new Uint8Array(2))", "found Uint8Array"),
            refused("a circle", "const o = {}; o.o = [o]; _return(o)", "found a value that contains itself at .o[0]"),
            refused("depth", "let a = []; for (let i = 0; i < 127; i++) a = [a]; _return(a)", "at most 127 arrays"),
            refused("as a result", "[0, NaN]", "result: expected a value that JSON can carry, found NaN at [1]"),
            refused(
                "a function as a result",
                "x => x",
                "result: expected a value that JSON can carry, found a function",
            ),
            refused(
                "as progress",
                "progress(undefined)",
                "progress: expected a value that JSON can carry, found undefined",
            ),
            refused("no progress", "progress()", "progress: expected a value, found none"),
        ],
    )
    .await;
}

#[tokio::test]
async fn the_deepest_value_that_is_handed_out_arrives() {
    let source = "let a = []; for (let i = 0; i < 126; i++) a = [a]; _return(a)";
    let mut deepest = value(run_source(source, |job| job).await);
    let mut depth = 1;
    while let Some(inner) = deepest.get_mut(0) {
        (deepest, depth) = (inner.take(), depth + 1);
    }
    assert_eq!(depth, 127);
}

#[tokio::test]
async fn kwargs_are_variables() {
    let s = Snippet::returns;
    let refused = |name: &'static str, kwarg: &str| {
        Snippet::raises(name, "1", "TypeError", "expected a kwarg that can be a variable").with(json!({kwarg: 1}))
    };
    check(
        &javascript(),
        "javascript",
        &[
            s("of any kind", "[a, b.c[0]]", json!([1, true])).with(json!({"a": 1, "b": {"c": [true]}})),
            s("of any name", "globalThis['a-b'] + this['']", json!(3)).with(json!({"a-b": 1, "": 2})),
            s("set anew", "a = 2; _return(a)", json!(2)).with(json!({"a": 1})),
            s("declared anew", "const a = 2; _return(a)", json!(2)).with(json!({"a": 1})),
            s("that hide globals", "[Object, JSON, console, Promise]", json!([1, 2, 3, 4]))
                .with(json!({"Object": 1, "JSON": 2, "console": 3, "Promise": 4})),
            s("__proto__", "[__proto__, globalThis instanceof Object]", json!([{"x": 1}, true]))
                .with(json!({"__proto__": {"x": 1}})),
            s("__proto__ inside", "[Object.keys(a), typeof a.x]", json!([["__proto__"], "undefined"]))
                .with(json!({"a": {"__proto__": {"x": 1}}})),
            refused("undefined", "undefined"),
            refused("NaN", "NaN"),
            refused("_return", "_return"),
        ],
    )
    .await;
}
