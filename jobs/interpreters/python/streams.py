# stdout and stderr of a run: one write for each line.
#
# componentize-py starts CPython unbuffered, where `print("a", "b")` is four writes, each a call of the host.
# A text that UTF-8 cannot carry is written with escapes rather than refused: what is printed is for people.

import io
import sys


def _by_lines(descriptor: int, name: str):
    raw = io.FileIO(descriptor, "w", closefd=False)
    raw.name = name
    stream = io.TextIOWrapper(
        io.BufferedWriter(raw), encoding="utf-8", errors="backslashreplace", newline="\n", line_buffering=True
    )
    stream.mode = "w"
    return stream


# The last streams, which a source cannot have replaced.
STDOUT = sys.stdout = sys.__stdout__ = _by_lines(1, "<stdout>")
STDERR = sys.stderr = sys.__stderr__ = _by_lines(2, "<stderr>")
