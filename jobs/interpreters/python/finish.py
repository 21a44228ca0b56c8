"""Finishes the component that componentize-py has made: `finish.py IN OUT`. Runs at build time, outside of wasm.

It lowers the depth at which CPython raises RecursionError, and says in a custom section what the component is. It does
not change code, and it leaves the function names, a hundredth of the size, for the backtraces of traps.
"""

import json
import re
import struct
import sys

# CPython 3.14 guards recursion in C by the address of its stack in memory, where the limits stand as three words: the
# top, where RecursionError begins, where CPython gives up. By then it may have used ten times as much of the stack that
# the host bounds, 2 MiB: so RecursionError begins after a third of a MiB. Measured: at 384 KiB `json.dumps` of a deep
# list is a trap, at 320 KiB it is an error, and so is everything else that checks at all, but for the repr of a dict.
STACK_TOP, STACK_SOFT, STACK_HARD = 1 << 20, 16 << 10, 8 << 10
STACK_USED = 320 << 10


def main(source: str, target: str):
    with open(source, "rb") as file:
        component = file.read()
    component = with_lower_recursion(component)
    with open(target, "wb") as file:
        file.write(component + custom_section("ampule:about", json.dumps(about(component)).encode()))


def with_lower_recursion(component: bytes) -> bytes:
    found = struct.pack("<3I", STACK_TOP, STACK_SOFT, STACK_HARD)
    if component.count(found) != 1:
        sys.exit(f"expected CPython's stack limits once in the snapshot, found them {component.count(found)} times")
    return component.replace(found, struct.pack("<3I", STACK_TOP, STACK_TOP - STACK_USED, STACK_HARD))


def about(component: bytes) -> dict:
    """What the interpreter is; `sys.version` stands in the snapshot as text."""
    version = re.search(rb"(3\.\d+\.\d+\S*) \((?:main|tags/[^,]*|heads/[^,]*), [^)]*\) \[Clang", component)
    if version is None:
        sys.exit("expected CPython's version in the snapshot, found none")
    number = version[1].decode()
    return {
        "name": "python",
        "version": number,
        "description": f"CPython {number} with its standard library",
        "language": "python",
    }


def custom_section(name: str, payload: bytes) -> bytes:
    body = leb128(len(name)) + name.encode() + payload
    return b"\0" + leb128(len(body)) + body


def leb128(number: int) -> bytes:
    """An unsigned integer as wasm writes sizes."""
    parts = []
    while number > 0x7F:
        parts.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes([*parts, number])


if __name__ == "__main__":
    main(*sys.argv[1:])
