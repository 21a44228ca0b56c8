# How a run ends when its source is done: `sys.exit`, handlers of `atexit`, and what is still in a buffer.
#
# A status other than 0 goes to the host's own `exit`, since WASI's tells only success from failure.

import atexit
import os
import posix
import sys

from streams import STDERR, STDOUT
from wit_world.imports import host


def leave(request: SystemExit):
    """Ends the run as CPython ends a process on `request`; returns if that is a normal end."""
    code = request.code
    if code is None:
        return
    if not isinstance(code, int):
        _say(code)
        code = 1
    elif not -(2**31) <= code < 2**31:
        # What CPython makes of an integer that C cannot hold.
        code = -1
    if code & 0xFF:
        finish()
        host.exit(code & 0xFF)


def leave_at_once(status):
    """What `os._exit` is here: no handlers, no flushing."""
    host.exit(status & 0xFF)


def finish():
    """Runs the handlers of `atexit` and flushes what was printed. Never raises."""
    try:
        if atexit._ncallbacks():
            atexit._run_exitfuncs()
    except BaseException as error:
        _say(f"an exit handler raised {type(error).__name__}")
    for stream in (sys.stdout, sys.stderr, STDOUT, STDERR):
        try:
            stream.flush()
        except BaseException:
            # Closed, replaced or full: there is nowhere left to say so.
            pass


def _say(text):
    try:
        print(text, file=sys.stderr)
    except BaseException:
        # A text that cannot be made or written does not change how the run ends.
        pass


os._exit = posix._exit = leave_at_once
