"""Lesson: a job in Python. It is a component of the world `job` in host/wit/job.wit, with CPython inside.

Whatever is imported here is part of the program; a run finds no other module, since it sees no file.
"""

import json

import wit_world
from componentize_py_types import Err
from wit_world.imports import host, types


class WitWorld(wit_world.WitWorld):
    def run(self, kwargs: str) -> str | None:
        """Does the job. An `Err` that is raised here is the failure of the run."""
        testvar = json.loads(kwargs).get("testvar")
        # A bool is an int to Python, and not to JSON.
        if not isinstance(testvar, int) or isinstance(testvar, bool):
            message = f"expected `testvar`, an integer, found {json.dumps(testvar)}"
            raise Err(types.Failure(type="bad_kwargs", message=message, traceback=None, retry=False))
        _return(testvar + 5)
        _return(testvar + 5 + 5)
        # Whatever else were given back here would count as one last value.
        return None


def _return(value: object) -> None:
    """Hands a value out. May be called any number of times, and never ends the job."""
    host.return_(json.dumps(value))
