# What a source raised, as the record `failure` of the interface, with a traceback that reads as CPython's own.
#
# Everything is bounded, since a job chooses all of it: how deep the stack is, how long the chain, how large the text.
# CPython's `traceback` does the wording; a frame with carets costs it some hundred thousand units of fuel.

import os.path
import traceback
import types

from wit_world.imports.types import Failure

# What is shown of a deep stack: where it was entered, and where it broke. A line that calls itself is shown once.
FIRST_RUNS, LAST_RUNS = 3, 12
# Exceptions that are shown of a long chain: what was raised last, and what began it.
LAST_LINKS, FIRST_LINKS = 3, 1
# Exceptions that are shown of a group, and of a group in a group.
MOST_CHILDREN, MOST_GROUPS = 8, 3
MOST_NOTES = 8
MOST_BYTES, MOST_MESSAGE_BYTES, MOST_NAME_BYTES, MOST_LINE_BYTES = 16 << 10, 4 << 10, 256, 300
# Lines of a statement over which carets are drawn.
MOST_LINES_MARKED = 30

CAUSED = "\nThe above exception was the direct cause of the following exception:\n\n"
DURING = "\nDuring handling of the above exception, another exception occurred:\n\n"

OUR_DIRECTORY = os.path.dirname(__file__) + "/"
# Given back when memory has run out, so that there is some to say so with.
_reserve = [bytearray(1 << 19)]


def file_name(name: str) -> str:
    """What tracebacks call a job's source."""
    if not name:
        return "<job>"
    return name if name.isprintable() else ascii(name)[1:-1]


def described(error: BaseException) -> Failure:
    """The failure that `error` is. Never raises, whatever the methods of `error` do."""
    _reserve.clear()
    kind = type(error)
    try:
        if issubclass(kind, MemoryError):
            # The variables of the frames are what filled the memory.
            traceback.clear_frames(error.__traceback__)
        retry = getattr(error, "retry", None)
    except BaseException:
        retry = None
    try:
        shown = _cut(_chain(error), MOST_BYTES)
    except BaseException as problem:
        shown = f"(no traceback: making it raised {type(problem).__name__})\n"
    message = _cut(_text(error), MOST_MESSAGE_BYTES)
    return Failure(_cut(_class_name(kind), MOST_NAME_BYTES), message, shown, retry if type(retry) is bool else None)


def _chain(error: BaseException) -> str:
    """An exception below those that led to it."""
    links, joint, seen = [], "", set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        links.append((error, joint))
        if error.__cause__ is not None:
            error, joint = error.__cause__, CAUSED
        elif not error.__suppress_context__:
            error, joint = error.__context__, DURING
        else:
            break
    left_out = len(links) - LAST_LINKS - FIRST_LINKS
    parts = []
    for index, (error, joint) in reversed(list(enumerate(links))):
        if index < LAST_LINKS or index >= LAST_LINKS + left_out:
            parts += [_one(error), joint]
        elif index == LAST_LINKS:
            parts.append(f"\n[{left_out} more exceptions in this chain]\n{joint}")
    return "".join(parts)


def _one(error: BaseException) -> str:
    if isinstance(error, BaseExceptionGroup):
        return "\n".join(_group(error, 2, 1)) + "\n"
    frames = _frames(error.__traceback__)
    header = "Traceback (most recent call last):\n" if frames else ""
    return header + frames + _last_lines(error)


def _frames(trace) -> str:
    """The frames of a traceback, without ours."""
    runs = _runs(trace)
    left_out = len(runs) - FIRST_RUNS - LAST_RUNS
    if left_out <= 0:
        return _formatted(runs)
    count = sum(map(len, runs[FIRST_RUNS:-LAST_RUNS]))
    return f"{_formatted(runs[:FIRST_RUNS])}  [{count} more frames]\n{_formatted(runs[-LAST_RUNS:])}"


def _runs(trace) -> list:
    """The entries of a traceback, those of one line that calls itself together."""
    runs, last = [], None
    while trace is not None:
        code = trace.tb_frame.f_code
        place = code, trace.tb_lineno
        if place == last:
            runs[-1].append(trace)
        elif not code.co_filename.startswith(OUR_DIRECTORY):
            runs.append([trace])
            last = place
        trace = trace.tb_next
    return runs


def _formatted(runs: list) -> str:
    """The lines of runs, each as CPython shows a line that calls itself: three times, then how often more."""
    parts, known = [], {}
    for run in runs:
        entry, times = run[0], len(run)
        place = entry.tb_frame.f_code, entry.tb_lasti
        if place not in known:
            known[place] = _frame(entry)
        parts += [known[place]] * min(times, 3)
        if times > 3:
            parts.append(f"  [Previous line repeated {times - 3} more time{'s' if times > 4 else ''}]\n")
    return "".join(parts)


def _frame(entry) -> str:
    """The lines of one frame, carets and all."""
    summary = traceback.extract_tb(types.TracebackType(None, entry.tb_frame, entry.tb_lasti, entry.tb_lineno))
    summary[:] = [_without_carets(frame) if _is_large(frame) else frame for frame in summary]
    return "".join(summary.format())


def _is_large(frame) -> bool:
    lines = (frame.end_lineno or frame.lineno or 0) - (frame.lineno or 0)
    return lines > MOST_LINES_MARKED or len(frame.line or "") > MOST_LINE_BYTES


def _without_carets(frame):
    line = _cut(frame.line or "", MOST_LINE_BYTES)
    return traceback.FrameSummary(frame.filename, frame.lineno, frame.name, lookup_line=False, line=line)


def _last_lines(error: BaseException) -> str:
    """The lines below the frames: class and message, notes, and where the syntax is wrong."""
    if isinstance(error, SyntaxError) and len(error.text or "") > MOST_LINE_BYTES:
        error.text = None
    notes = getattr(error, "__notes__", None)
    if isinstance(notes, list) and len(notes) > MOST_NOTES:
        error.__notes__ = notes[:MOST_NOTES] + [f"[{len(notes) - MOST_NOTES} more notes]"]
    # `traceback` would walk the whole chain, which is ours to bound.
    error.__cause__ = error.__context__ = None
    lines = traceback.TracebackException(type(error), error, error.__traceback__, limit=0, compact=True)
    return "".join(lines.format_exception_only())


def _group(error: BaseExceptionGroup, indent: int, depth: int) -> list:
    """The lines of a group: its own, then those of its exceptions, each in a box of CPython's form."""
    margin = " " * indent
    lines = []
    frames = _frames(error.__traceback__)
    if frames:
        sign = "+" if depth == 1 else "|"
        lines = [f"{margin}{sign} Exception Group Traceback (most recent call last):"]
    lines += [f"{margin}| {line}" for line in frames.splitlines()]
    lines += [f"{margin}| {line}" for line in f"{_class_name(type(error))}: {_text(error)}".splitlines()]
    children = error.exceptions
    for number, child in enumerate(children[:MOST_CHILDREN], 1):
        lines.append(f"{margin}{'+-' if number == 1 else '  '}+---------------- {number} ----------------")
        if isinstance(child, BaseExceptionGroup) and depth < MOST_GROUPS:
            lines += _group(child, indent + 2, depth + 1)
        elif isinstance(child, BaseExceptionGroup):
            lines.append(f"{margin}  | {_class_name(type(child))}: {_text(child)}")
        else:
            lines += [f"{margin}  | {line}" for line in _chain(child).splitlines()]
    if len(children) > MOST_CHILDREN:
        lines += [f"{margin}  +---------------- ... ----------------"]
        lines += [f"{margin}  | and {len(children) - MOST_CHILDREN} more exceptions"]
    lines.append(f"{margin}  +------------------------------------")
    return lines


def _class_name(kind: type) -> str:
    """As tracebacks name a class: with its module, unless that is Python's own or the source's."""
    try:
        module, name = str(kind.__module__), kind.__qualname__
    except BaseException:
        # A metaclass has the last word on attributes, but not on this one.
        return type.__dict__["__name__"].__get__(kind)
    return name if module in ("builtins", "__main__") else f"{module}.{name}"


def _text(error: BaseException) -> str:
    try:
        return str(error)
    except BaseException as problem:
        return f"(no message: making it raised {type(problem).__name__})"


def _cut(text: str, most: int) -> str:
    """The text, or its beginning and its end, in at most so many bytes of UTF-8; the end of a traceback says most."""
    data = text.encode(errors="backslashreplace")
    if len(data) <= most:
        return data.decode()
    mark = b" [...] "
    head = (most - len(mark)) // 4
    tail = most - len(mark) - head
    return (data[:head] + mark + data[-tail:]).decode(errors="ignore")
