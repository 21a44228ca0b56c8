"""Finishes the component that componentize-py has made: `finish.py IN OUT`. Runs at build time, outside of wasm.

It says in a custom section what the component is. It does not change code, and it leaves the function names, a hundredth
of the size, for the backtraces of traps.
"""

import json
import re
import sys


def main(source: str, target: str):
    with open(source, "rb") as file:
        component = file.read()
    with open(target, "wb") as file:
        file.write(component + custom_section("ampule:about", json.dumps(about(component)).encode()))


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
