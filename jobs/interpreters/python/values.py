# How values leave and enter a run: `_return` and `progress`, and the JSON text of both.
#
# JSON carries less than Python holds. Whatever it cannot carry is an error that names the value and where it is,
# never a silent change: no key becomes a string, no number loses digits.

import json
import json.encoder
import re
from itertools import chain

from wit_world.imports import host

# The host's parser refuses deeper values.
MOST_LEVELS = 127
# The host's integers: i64 and u64.
LEAST_INTEGER, MOST_INTEGER = -(2**63), 2**64 - 1
# What an error shows of a path or of a key; a job's own text may be megabytes.
MOST_SHOWN = 200

PLAIN = frozenset([str, int, float, bool, type(None)])
CARRIED = PLAIN | {dict, list, tuple}
ONLY_TEXT = frozenset([str])
identifier = re.compile(r"[^\W\d]\w*\Z").match

# To the fewest bytes that show where digits are; see `_may_hold_large_integer`.
DIGITS = bytes(ord("0" if chr(byte).isdecimal() else " ") for byte in range(128)) + b" " * 128
FEWEST_DIGITS = b"0" * 19

_encoder, _encode_text = json.encoder.c_make_encoder, json.encoder.encode_basestring
_decode = json.JSONDecoder().decode
_was_handed_out = False


def _return(*values):
    """Hands values out of the job, in order. May be called any number of times, and never ends the job."""
    global _was_handed_out
    # Everything is encoded before anything is handed out: a call hands out all of its values or none.
    for text in [encoded("_return", value) for value in values]:
        host.return_(text)
        _was_handed_out = True


def progress(value):
    """Says how far the job is: any value that JSON can carry."""
    host.progress(encoded("progress", value))


def handed_out() -> bool:
    """Whether `_return` has handed out a value in this run."""
    return _was_handed_out


def decoded(kwargs: str) -> dict:
    """The kwargs of a run; the host has made sure that they are a JSON object."""
    return {} if kwargs == "{}" else _decode(kwargs)


def encoded(name: str, value) -> str:
    """The JSON text of a value; `name` says in an error who wanted it."""
    try:
        # CPython's encoder in C, without the parts in Python that `json.dumps` goes through for each value.
        text = "".join(_encoder({}, None, _encode_text, None, ":", ",", False, False, False)(value, 0))
        if not text.isascii():
            text.encode()
    except (TypeError, ValueError, RecursionError):
        _refuse(name, value)
        raise
    if _may_be_changed(text, value) or _may_hold_large_integer(text):
        _refuse(name, value)
    return text


def _may_be_changed(text: str, value) -> bool:
    """Whether a key that is no text became one, or the value is deeper than the host reads."""
    has_objects = "{" in text
    if not has_objects and text.count("[") <= MOST_LEVELS:
        return False
    # Level by level, so that each test is one loop in C over the whole level.
    level = [value]
    for _ in range(MOST_LEVELS + 1):
        kinds = set(map(type, level))
        if kinds <= PLAIN:
            return False
        if not kinds <= CARRIED:
            return True
        below = []
        if dict in kinds:
            objects = [item for item in level if type(item) is dict]
            if not ONLY_TEXT.issuperset(map(type, chain.from_iterable(objects))):
                return True
            below += chain.from_iterable(map(dict.values, objects))
        if list in kinds or tuple in kinds:
            below += chain.from_iterable([item for item in level if type(item) is list or type(item) is tuple])
        level = below
    return True


def _may_hold_large_integer(text: str) -> bool:
    """Whether there are so many digits in a row that they may be an integer that the host cannot hold."""
    return len(text) >= 19 and FEWEST_DIGITS in text.encode().translate(DIGITS)


def _refuse(name: str, value):
    """Raises for the first thing in `value` that JSON cannot carry; returns if there is none, as in an `OrderedDict`."""
    # Depth first, with a stack of our own: the value may be deeper than Python's. None marks the end of a container.
    waiting = [("", value, 1)]
    around = []
    while waiting:
        path, value, level = waiting.pop()
        if path is None:
            around.pop()
            continue
        problem = _problem(value)
        if problem is not None:
            error, expected, found = problem
        elif not isinstance(value, (dict, list, tuple)):
            continue
        elif id(value) in around:
            error, expected, found = ValueError, "a value without cycles", "a container inside itself"
        elif level > MOST_LEVELS:
            error, expected, found = ValueError, f"at most {MOST_LEVELS} levels", "more"
        else:
            around.append(id(value))
            waiting.append((None, None, 0))
            items = value.items() if isinstance(value, dict) else enumerate(value)
            inside = [(path + _step(key), item, level + 1) for key, item in items]
            waiting += reversed(inside)
            continue
        where = f" at {_cut(path)}" if path else ""
        raise error(f"{name}: expected {expected}, found {found}{where}")


def _problem(value):
    """What is wrong with one value, its contents aside: an error's class, what was expected, what was found."""
    if value is None or isinstance(value, (bool, list, tuple)):
        return None
    if isinstance(value, str):
        return _problem_of_text(value)
    if isinstance(value, int):
        if LEAST_INTEGER <= value <= MOST_INTEGER:
            return None
        return OverflowError, "an integer of 64 bits", f"one of {int.bit_length(value)} bits"
    if isinstance(value, float):
        return None if value - value == 0 else (ValueError, "a finite number", float.__repr__(value))
    if isinstance(value, dict):
        for key in value:
            if not isinstance(key, str):
                return TypeError, "keys of type str", f"the key {_cut(_shown(key))} of type {type(key).__name__}"
            if (problem := _problem_of_text(key)) is not None:
                return problem
        return None
    return TypeError, "a value that JSON can carry", type(value).__name__


def _problem_of_text(text: str):
    try:
        text.encode()
    except UnicodeEncodeError as error:
        return ValueError, "text that UTF-8 can carry", f"the lone surrogate {ascii(text[error.start])}"


def _step(key) -> str:
    if isinstance(key, int):
        return f"[{key}]"
    return f".{key}" if identifier(key) else f"[{ascii(key)}]"


def _shown(key) -> str:
    try:
        return repr(key)
    except Exception:
        return "(without a repr)"


def _cut(text: str) -> str:
    return text if len(text) <= MOST_SHOWN else f"{text[:MOST_SHOWN // 2]}…{text[-MOST_SHOWN // 2:]}"
