# The interpreter that Ampule runs Python sources with: world `interpreter` of host/wit/job.wit.
#
# componentize-py imports this file once, at build time, and keeps the memory that results: what stands at the top
# level here and in the files it imports is paid for then, and every run starts as a copy of that moment.
# It does not bound a run: fuel, time and memory are the host's business.

import sys

import carried

carried.import_everything()

import event_loop
import exits
import failures
import logs
import values
import snapshot
import wit_world
from componentize_py_types import Err

# The globals of the source are those of `__main__`, so that pickle, dataclasses and typing find its names there.
variables = sys.modules["__main__"].__dict__


class WitWorld(wit_world.WitWorld):
    """What the world exports."""

    def eval(self, name: str, source: str, kwargs: str) -> str | None:
        """Runs `source` once. Raises `Err(Failure)` for whatever the source raised, and nothing else."""
        file = failures.file_name(name)
        snapshot.wake(file, source)
        result = failure = None
        try:
            variables.update(values.decoded(kwargs))
            result = evaluated(source, file)
        except SystemExit as request:
            exits.leave(request)
        except BaseException as error:
            failure = failures.described(error)
        exits.finish()
        if failure is not None:
            raise Err(failure)
        return result


def evaluated(source: str, file: str) -> str | None:
    """The value of a source that is one expression, as JSON text; None after anything else."""
    code, is_expression = compiled(source, file)
    if not is_expression:
        exec(code, variables)
        return None
    value = eval(code, variables)
    if value is None or values.handed_out():
        return None
    return values.encoded("the value of the expression", value)


def compiled(source: str, file: str):
    """The code of a source, and whether it is a lone expression."""
    try:
        # Leading blanks are what Python's own `eval` forgives, too.
        return compile(source.lstrip(" \t"), file, "eval", dont_inherit=True), True
    except SyntaxError:
        pass
    return compile(source, file, "exec", dont_inherit=True), False


snapshot.take(variables, {"_return": values._return, "progress": values.progress})
