# The part of the standard library that the interpreter carries: all of it that can be of use to a sealed job.
#
# There is no file of it at run time, so a module is here from the start or never. What is left out is named below,
# with the reason; what cannot be imported for want of a C library (ssl, bz2, lzma, ctypes, …) leaves itself out.

import importlib
import importlib._bootstrap
import importlib.util
import pkgutil
import sys
import warnings

LEFT_OUT = {
    "jokes that print or browse when they are imported": "antigravity this",
    "windows and terminals": "curses idlelib pty tkinter tty turtle turtledemo",
    "other systems": "msvcrt nt nturl2path winreg winsound _winapi _android_support _apple_support _ios_support "
    "_osx_support _aix_support",
    "building and installing": "compileall ensurepip py_compile venv zipapp",
    "processes": "multiprocessing",
    "servers and clients, which sealed jobs have no network for": "ftplib imaplib poplib smtplib webbrowser wsgiref "
    "xmlrpc",
    "tests of Python itself, and its manual": "test pydoc_data",
    "second versions in Python of what is here in C": "_pyio _pydecimal _pydatetime _py_abc",
}
# Submodules that stand alone: entry points, and what belongs to a reason above.
LEFT_OUT_BELOW = (
    "http.server", "unittest.__main__", "asyncio.__main__", "asyncio.tools", "asyncio.windows_events",
    "asyncio.windows_utils", "json.__main__", "sqlite3.__main__", "tomllib.__main__", "zipfile.__main__",
    "concurrent.futures.process", "encodings.mbcs", "encodings.oem", "encodings.cp65001", "encodings._win_cp_codecs",
    "logging.handlers", "dbm.ndbm", "dbm.gnu",
)


def import_everything():
    """Imports what is carried, submodules too."""
    left_out = {name for names in LEFT_OUT.values() for name in names.split()}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for name in sorted(sys.stdlib_module_names - left_out):
            _import_with_submodules(name)


def _import_with_submodules(name: str):
    try:
        module = importlib.import_module(name)
    except ImportError:
        return
    if not hasattr(module, "__path__"):
        return
    for child in sorted(info.name for info in pkgutil.iter_modules(module.__path__, name + ".")):
        if child not in LEFT_OUT_BELOW and not child.endswith(".__main__"):
            _import_with_submodules(child)


class RefusingFinder:
    """The last finder, which says why a module is not found."""

    @staticmethod
    def find_spec(name, path=None, target=None):
        # Only an import that fails is told; to `importlib.util.find_spec` an absent module is no error.
        if sys._getframe(2).f_code is not _FAILING_IMPORT:
            return None
        if name.partition(".")[0] in sys.stdlib_module_names:
            reason = "this interpreter does not carry that part of the standard library"
        else:
            reason = "this interpreter carries Python's standard library and no other packages"
        raise ModuleNotFoundError(f"No module named {name!r}: {reason}", name=name)


_FAILING_IMPORT = importlib._bootstrap._find_and_load_unlocked.__code__
# Python leaves the frames of its import system out of an ImportError's traceback; this is one of them.
RefusingFinder.find_spec.__code__ = RefusingFinder.find_spec.__code__.replace(co_filename="<frozen importlib._bootstrap>")


def refuse_the_rest():
    """Makes the import of anything else an error that says why."""
    sys.meta_path.append(RefusingFinder)
