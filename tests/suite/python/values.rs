//! What a source hands out: `_return`, the value of a lone expression, and what JSON cannot carry.

use ampule_tests::snippet::{Snippet, check};
use serde_json::json;

use super::python;

#[tokio::test]
async fn a_source_ends_with_what_it_hands_out() {
    let s = Snippet::returns;
    check(
        &python(),
        "python",
        &[
            s("nothing handed out is null", "x = 1", json!(null)),
            s("an empty source is null", "", json!(null)),
            s("a comment is null", "# nothing", json!(null)),
            s("one value is that value", "_return(3)", json!(3)),
            s("several are the list, in order", "for n in range(3): _return(n)", json!([0, 1, 2])),
            s("one list is not several values", "_return([1, 2])", json!([1, 2])),
            s("several in one call are several", "_return(1, [2])", json!([1, [2]])),
            s("no argument adds nothing", "_return(); _return(5)", json!(5)),
            s("zero is a value", "_return(0)", json!(0)),
            s("an empty text is a value", "_return('')", json!("")),
            s("an empty list is a value", "_return([])", json!([])),
            s("False is a value", "_return(False)", json!(false)),
            s("None is a value", "_return(None); _return(1)", json!([null, 1])),
            s("the kwargs are variables", "_return(testvar + 5); _return(testvar + 10)", json!([8, 13]))
                .with(json!({"testvar": 3})),
            s("a kwarg of any letters", "_return(größe['a'][0])", json!(1.5)).with(json!({"größe": {"a": [1.5]}})),
            s("a lone expression is the result", "1 + 2", json!(3)),
            s("blanks before it are forgiven", "  1 + 2", json!(3)),
            s("lines and comments before it, too", "\n# sum\n1 + 2\n", json!(3)),
            s("it may take several lines", "[\n  1,\n  2,\n]", json!([1, 2])),
            s("an expression that is None is null", "print('x')", json!(null)),
            s("an expression beside `_return` is not the result", "(_return(1), 5)[1]", json!(1)),
            s("it is run once", "[_return(len(sys.argv)) for sys in [__import__('sys')]]", json!(1)),
            s("two expressions are statements", "1\n2", json!(null)),
            s("`_return` may be shadowed", "_return(1)\n_return = 5\nprogress = 6", json!(1)),
            s("the source is __main__", "_return(__name__, __import__('__main__').x)", json!(["__main__", 7]))
                .with(json!({"x": 7})),
            s("its name is its argument", "__import__('sys').argv", json!(["job"])),
            s("tuples are lists", "(1, (2,))", json!([1, [2]])),
            s("texts keep every character", "'\\0\\n\"\\\\é😀'", json!("\0\n\"\\é😀")),
            s("integers of 64 bits are exact", "[-2**63, 2**64 - 1]", json!([i64::MIN, u64::MAX])),
            s("many digits in a text are no integer", "'1' * 40", json!("1".repeat(40))),
            s(
                "floats are exact",
                "[0.1, 1e300, 5e-324, 0.0001234567890123456]",
                json!([0.1, 1e300, 5e-324, 0.0001234567890123456]),
            ),
            s("subclasses are what they extend", SUBCLASSES, json!([{"a": 1}, {"b": 1}, [4], 1, "x"])),
            s("keys keep their order", "{'b': 1, 'a': 2}", json!({"b": 1, "a": 2})),
            s(
                "127 levels are carried",
                "x = []\nfor _ in range(126): x = [x]\n_return(str(x).count('['))\n_return(x)\n_return(1)",
                {
                    let deep = (0..126).fold(json!([]), |inside, _| json!([inside]));
                    json!([127, deep, 1])
                },
            ),
        ],
    )
    .await;
}

const SUBCLASSES: &str = "
import collections, enum
class Level(enum.IntEnum): LOW = 1
class Word(enum.StrEnum): X = 'x'
Point = collections.namedtuple('Point', 'x')
_return([collections.OrderedDict(a=1), collections.Counter('b'), Point(4), Level.LOW, Word.X])";

#[tokio::test]
async fn a_value_that_json_cannot_carry_is_an_error_that_names_it_and_its_place() {
    let s = Snippet::raises;
    check(
        &python(),
        "python",
        &[
            s(
                "an object",
                "_return([{'price': __import__('decimal').Decimal(1)}])",
                "TypeError",
                "_return: expected a value that JSON can carry, found Decimal at [0].price",
            )
            .showing("Traceback (most recent call last):\n  File \"job\", line 1, in <module>\n    _return(")
            .showing("\nTypeError: _return: expected"),
            s("bytes", "_return(b'x')", "TypeError", "found bytes"),
            s("a set", "_return({'a b': [{1}]})", "TypeError", "found set at ['a b'][0]"),
            s("an enum", "import enum\nclass C(enum.Enum): A = 1\n_return(C.A)", "TypeError", "found C"),
            s(
                "a function",
                "_return",
                "TypeError",
                "the value of the expression: expected a value that JSON can carry, found function",
            ),
            s(
                "a key that is a number",
                "_return({'n': {1: 2}})",
                "TypeError",
                "expected keys of type str, found the key 1 of type int at .n",
            ),
            s("a key that is True", "_return([{True: 2}])", "TypeError", "the key True of type bool at [0]"),
            s(
                "a key that is None",
                "progress({None: 2})",
                "TypeError",
                "progress: expected keys of type str, found the key None",
            ),
            s("a key that is a tuple", "_return({(1, 2): 3})", "TypeError", "the key (1, 2) of type tuple"),
            s("NaN", "_return([float('nan')])", "ValueError", "expected a finite number, found nan at [0]"),
            s("infinity", "-1e999", "ValueError", "found -inf"),
            s(
                "an integer of 65 bits",
                "_return({'n': 2**64})",
                "OverflowError",
                "expected an integer of 64 bits, found one of 65 bits at .n",
            ),
            s("a negative integer of 64 bits", "_return(-2**63 - 1)", "OverflowError", "found one of 64 bits"),
            s("a very large integer", "_return(10**5000)", "OverflowError", "found one of 16610 bits"),
            s(
                "half a character",
                "_return({'a': '\\ud800'})",
                "ValueError",
                "found the lone surrogate '\\ud800' at .a",
            ),
            s("half a character as a key", "_return({'\\udfff': 1})", "ValueError", "the lone surrogate"),
            s(
                "a list in itself",
                "x = []\nx.append(x)\n_return(x)",
                "ValueError",
                "found a container inside itself at [0]",
            ),
            s(
                "a dict in itself",
                "x = {}\nx['y'] = [x]\n_return(x)",
                "ValueError",
                "found a container inside itself at .y[0]",
            ),
            s(
                "128 levels",
                "x = []\nfor _ in range(127): x = [x]\n_return(x)",
                "ValueError",
                "expected at most 127 levels, found more at [0][0]",
            ),
            s(
                "a hundred thousand levels",
                "x = []\nfor _ in range(100_000): x = [x]\n_return(x)",
                "ValueError",
                "expected at most 127 levels",
            ),
            s(
                "a call hands out all of its values or none",
                "try:\n  _return(1, {2})\nexcept TypeError:\n  pass\nraise ValueError",
                "ValueError",
                "",
            ),
        ],
    )
    .await;
}
