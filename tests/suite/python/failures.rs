//! What a source raises: class, message and a traceback that reads as CPython's own, all of it bounded.

use ampule::Kind;
use ampule_tests::failure;
use ampule_tests::snippet::{Snippet, check};

use super::python;
use super::run_source;

/// The most that a traceback may take.
const MOST_BYTES: usize = 16 << 10;

#[tokio::test]
async fn an_error_is_a_failure_with_class_message_and_traceback() {
    let s = Snippet::raises;
    check(
        &python(),
        "python",
        &[
            s(
                "file, line, function, source and carets",
                "def f(n):\n    return n + 1 / 0\n\nf(1)",
                "ZeroDivisionError",
                "division by zero",
            )
            .showing(
                "\
Traceback (most recent call last):
  File \"job\", line 4, in <module>
    f(1)
    ~^^^
",
            )
            .showing(
                "  File \"job\", line 2, in f
    return n + 1 / 0
               ~~^~~
ZeroDivisionError: division by zero
",
            ),
            s("a lone expression", "[1][1]", "IndexError", "list index out of range")
                .showing("line 1, in <module>\n    [1][1]\n"),
            s("a class of the source", "class Late(Exception): pass\nraise Late('soon')", "Late", "soon")
                .showing("\nLate: soon\n"),
            s("a class of a module", "import json; json.loads('{')", "json.decoder.JSONDecodeError", "line 1 column 2")
                .showing("File \"job\", line 1")
                .showing("in raw_decode\n")
                .showing("json.decoder.JSONDecodeError: "),
            s("a nested class", "class A:\n  class B(Exception): pass\nraise A.B", "A.B", ""),
            s("a suggestion", "import math; math.sqr(2)", "AttributeError", "no attribute 'sqr'")
                .showing("Did you mean: 'sqrt'?"),
            s("a cause", "try: 1/0\nexcept Exception as e: raise ValueError('b') from e", "ValueError", "b")
                .showing(
                    "\
ZeroDivisionError: division by zero

The above exception was the direct cause of the following exception:

Traceback",
                )
                .showing("\nValueError: b\n"),
            s("what was being handled", "try: 1/0\nexcept Exception: raise ValueError('b')", "ValueError", "b")
                .showing("\n\nDuring handling of the above exception, another exception occurred:\n\n"),
            s("a note", "e = ValueError('a'); e.add_note('look here'); raise e", "ValueError", "a")
                .showing("ValueError: a\nlook here\n"),
            s(
                "a group",
                "raise ExceptionGroup('all', [ValueError(1), ExceptionGroup('in', [KeyError(2)])])",
                "ExceptionGroup",
                "all (2 sub-exceptions)",
            )
            .showing(
                "  + Exception Group Traceback (most recent call last):
  |   File \"job\", line 1",
            )
            .showing(
                "  +-+---------------- 1 ----------------
    | ValueError: 1
    +---------------- 2 ----------------
    | ExceptionGroup: in (1 sub-exception)
    +-+---------------- 1 ----------------
      | KeyError: 2
",
            ),
            s("an exception that is no Exception", "raise KeyboardInterrupt", "KeyboardInterrupt", ""),
            s(
                "one that cannot be shown",
                "\
class E(Exception):
  def __str__(self): raise ValueError
raise E",
                "E",
                "making it raised ValueError",
            ),
            s(
                "one whose class lies",
                "\
class M(type):
  __module__ = property(lambda c: 1 / 0)
raise M('E', (Exception,), {})('x')",
                "E",
                "x",
            ),
            s("one that is very long", "raise ValueError('x' * 10**7 + 'end')", "ValueError", "[...]")
                .showing("[...]")
                .showing("end\n"),
            s("wrong syntax", "x = 1\ny = = 2", "SyntaxError", "invalid syntax (job, line 2)").showing(
                "  File \"job\", line 2
    y = = 2
        ^
SyntaxError: invalid syntax
",
            ),
            s("wrong indentation", "if 1:\nx", "IndentationError", "expected an indented block"),
            s("a null byte", "a\0b", "SyntaxError", "null bytes"),
            s("an open text", "print('a)", "SyntaxError", "unterminated string literal"),
            s("deep brackets", &"(".repeat(100_000), "MemoryError", "too complex"),
            s("many signs", &format!("{}1", "-".repeat(50_000)), "MemoryError", "too complex"),
            s(
                "deep indentation",
                &(0..150).map(|n| format!("{}if 1:\n", " ".repeat(n))).collect::<String>(),
                "IndentationError",
                "too many levels",
            ),
            s("one very long line", &format!("{} = = 1", "x".repeat(100_000)), "SyntaxError", "invalid syntax"),
        ],
    )
    .await;
}

#[tokio::test]
async fn recursion_without_end_is_an_error_and_no_trap() {
    let s = |name, source: &str| Snippet::raises(name, source, "RecursionError", "");
    check(
        &python(),
        "python",
        &[
            s("a function", "def f(n):\n    return f(n + 1)\nf(0)")
                .showing("  File \"job\", line 2, in f\n")
                .showing("[Previous line repeated 994 more times]\nRecursionError: "),
            s("two functions", "def f(): g()\ndef g(): f()\nf()")
                .showing("line 3, in <module>")
                .showing("more frames]\n")
                .showing("in g\n"),
            s("through C", "def f(): return list(map(lambda n: f(), [1]))\nf()"),
            s("through a sort", "def f(): return sorted([2, 1], key=lambda n: f())\nf()"),
            s("a repr", "class A:\n  def __repr__(self): return repr(self)\nrepr(A())"),
            s("an attribute", "class A:\n  def __getattr__(self, name): return getattr(self, name)\nA().x"),
            s("a constructor", "class A:\n  def __init__(self): self.a = A()\nA()"),
            s("through a regular expression", "import re\ndef f(m): return re.sub('a', f, 'a')\nf(0)"),
            s("a deep copy", "import copy\nx = []\nfor _ in range(5_000): x = [x]\ncopy.deepcopy(x)"),
            s("a pickle", "import pickle\nx = []\nfor _ in range(20_000): x = [x]\npickle.dumps(x)"),
            s("a raised limit", "import sys; sys.setrecursionlimit(10**9)\ndef f(n): return f(n + 1)\nf(0)"),
            s(
                "a raised limit, through C",
                "\
import sys; sys.setrecursionlimit(10**9)
def f(): return list(map(lambda n: f(), [1]))
f()",
            ),
        ],
    )
    .await;
}

#[tokio::test]
async fn a_failure_keeps_what_was_returned_before_it() {
    let outcome = run_source("_return(1); _return([2]); 1/0", |job| job).await;
    let failure = failure(outcome);
    assert_eq!(failure.kind, Kind::Guest);
    assert_eq!(failure.returns, [serde_json::json!(1), serde_json::json!([2])]);
}

#[tokio::test]
async fn an_error_says_whether_another_attempt_could_help() {
    for (attribute, expected) in [("True", Some(true)), ("False", Some(false)), ("1", None), ("property(1)", None)] {
        let source = format!("class Busy(Exception): retry = {attribute}\nraise Busy");
        assert_eq!(failure(run_source(&source, |job| job).await).retry, expected, "{attribute}");
    }
}

#[tokio::test]
async fn a_traceback_is_bounded_whatever_is_raised() {
    for source in [
        "raise ValueError('é' * 10**6)",
        "\
e = ValueError()
for n in range(1_000):
  try: raise ValueError('x' * 100) from e
  except ValueError as e2: e = e2
raise e",
        "raise ExceptionGroup('g', [ValueError('x' * 10_000) for _ in range(1_000)])",
        "e = ValueError()\nfor _ in range(10_000): e.add_note('x' * 100)\nraise e",
        "g = ValueError()\nfor _ in range(100): g = ExceptionGroup('g', [g, g])\nraise g",
        &format!("f({})", "1 + ".repeat(5_000) + "x"),
        &(0..40).map(|n| format!("def f{n}(): f{}()\n", n + 1)).chain(["f0()".to_owned()]).collect::<String>(),
    ] {
        let failure = failure(run_source(source, |job| job).await);
        let traceback = failure.traceback.unwrap_or_default();
        assert!(traceback.len() <= MOST_BYTES, "{} bytes: {}", traceback.len(), &source[..60]);
        assert!(traceback.len() > 60, "{traceback:?}");
    }
}

#[tokio::test]
async fn a_job_without_a_name_is_called_job_and_a_name_is_one_line() {
    for (name, shown) in [("", "\"<job>\""), ("nightly report", "\"nightly report\""), ("a\nb", "\"a\\nb\"")] {
        let failure = failure(run_source("1/0", |job| job.name(name)).await);
        let traceback = failure.traceback.expect("it was raised");
        assert!(traceback.contains(&format!("File {shown}, line 1")), "{traceback}");
    }
}
