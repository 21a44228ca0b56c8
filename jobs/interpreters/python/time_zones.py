# What `zoneinfo` finds: UTC. A database of zones is data that goes out of date, and a job that needs one can be given
# it as a directory, with `zoneinfo.reset_tzpath`.

import io
import struct
import zoneinfo
import zoneinfo._common

NAMES_OF_UTC = "UTC", "Etc/UTC", "GMT", "Etc/GMT", "Zulu", "Etc/Zulu"


def _block(version: bytes) -> bytes:
    """A block of RFC 9636 with one type of local time, at offset 0, and no transition."""
    return struct.pack(">4sc15x6I", b"TZif", version, 0, 0, 0, 0, 1, 4) + struct.pack(">iBB4s", 0, 0, 0, b"UTC\0")


_UTC = _block(b"2") * 2 + b"\nUTC0\n"


def _load(key: str):
    """Stands for the package `tzdata`, which `zoneinfo` turns to after the directories of its path."""
    if key in NAMES_OF_UTC:
        return io.BytesIO(_UTC)
    raise zoneinfo.ZoneInfoNotFoundError(f"No time zone found with key {key}: this interpreter carries only UTC")


def install():
    """Makes it what `zoneinfo` finds."""
    zoneinfo._common.load_tzdata = _load
