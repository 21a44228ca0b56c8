# Python's `logging`, sent to the log of the run.
#
# The root logger has one handler from the start. `logging.basicConfig` changes that handler's level and format
# unless it is asked for a file, a stream or handlers: without this the usual first line of a script would do nothing.

import logging
import time

from wit_world.imports import host
from wit_world.imports.types import Level


class HostHandler(logging.Handler):
    """Hands each record to the host."""

    def emit(self, record):
        try:
            text = self.format(record)
            if not text.isascii():
                text = text.encode(errors="backslashreplace").decode()
            host.log(_level(record.levelno), text)
        except RecursionError:
            raise
        except Exception:
            self.handleError(record)


class NamedFormatter(logging.Formatter):
    """The message, after its logger's name if it has one; level and time are the host's to add."""

    def formatMessage(self, record):
        return record.message if record.name == "root" else f"{record.name}: {record.message}"


def _level(number: int) -> Level:
    if number >= logging.ERROR:
        return Level.ERROR
    if number >= logging.WARNING:
        return Level.WARN
    if number >= logging.INFO:
        return Level.INFO
    return Level.DEBUG if number >= logging.DEBUG else Level.TRACE


_handler = HostHandler()
_handler.setFormatter(NamedFormatter())
_python_basic_config = logging.basicConfig
_python_record = logging.getLogRecordFactory()


def basicConfig(**options):
    """As Python's, with the host's log where Python's default is stderr."""
    root = logging.getLogger()
    if root.handlers == [_handler]:
        root.removeHandler(_handler)
        if not any(options.get(name) for name in ("filename", "stream", "handlers")):
            if options.get("format"):
                _handler.setFormatter(None)
            options["handlers"] = [_handler]
    _python_basic_config(**options)


def _first_record(*arguments, **options):
    """Makes the run's first record; `relativeCreated` then counts from here, not from the build."""
    logging._startTime = time.time_ns()
    logging.setLogRecordFactory(_python_record)
    return _python_record(*arguments, **options)


def install():
    """Makes the host's log the place where records go."""
    logging.basicConfig = basicConfig
    logging.getLogger().addHandler(_handler)
    logging.setLogRecordFactory(_first_record)
