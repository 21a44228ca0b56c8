# The moment that every run starts from, and what must differ from one run to the next.
#
# What a build bakes in without meaning to (paths, streams, caches) is put right in `take`, where it costs a run
# nothing. `wake` holds the rest: each line there is paid for by every run. The environment and the seed of `random` are
# renewed by componentize-py's runtime, before `wake`.

import atexit
import gc
import io
import linecache
import sys

import carried
import event_loop
import logs
import time_zones

# The most that a source can set the recursion limit to. CPython checks no depth where it frees what the frames leave in
# a traceback: 10,800 of them filled 2 MiB of wasm stack, and the host gives 8.
MOST_RECURSION = 10_000
# Modules that only this interpreter uses: a source that imports their names means its own.
OURS = "carried", "event_loop", "exits", "failures", "logs", "snapshot", "streams", "time_zones", "values"


def take(variables: dict, names: dict):
    """Ends the build. `variables` become those of the source, with `names` among them."""
    event_loop.install()
    logs.install()
    time_zones.install()
    carried.refuse_the_rest()
    for name in OURS:
        del sys.modules[name]
    set_limit = sys.setrecursionlimit
    sys.setrecursionlimit = lambda limit, /: set_limit(min(limit, MOST_RECURSION))
    variables.clear()
    variables |= {
        "__name__": "__main__", "__doc__": None, "__package__": None, "__loader__": None, "__spec__": None,
        "__builtins__": sys.modules["builtins"], **names,
    }
    # The directories of the build are not there at run time, and one of the same name that is granted is not Python's.
    sys.path.clear()
    sys.path_importer_cache.clear()
    linecache.clearcache()
    # Handlers of modules that were imported have nothing to do in a run that is thrown away.
    atexit._clear()
    # The collector leaves alone what is frozen: a collection in a run touches none of the pages of the library.
    gc.collect()
    gc.freeze()


def wake(file: str, source: str):
    """Begins a run of `source`, which tracebacks call `file`."""
    sys.modules.pop("interpreter", None)
    # In place of the program's name, before the arguments that were granted.
    sys.argv[:1] = (file,)
    # Without a time of change, `linecache` never looks for a file of that name.
    linecache.cache[file] = (len(source), None, io.StringIO(source, None).readlines(), file)
