"""Values to OSC packets.

Answers and feedback go out as int, float and string only: vanilla Pd stumbles over T and F, Max over h and d. There are
thousands a second of them, and a listing of a thousand at once, on the thread that also carries out what arrives: they
are packed here, a head once an address. python-osc, which parses again whatever it has built, takes five times as long;
it builds all other messages.
"""

import math
from collections.abc import Iterable
from functools import lru_cache
from struct import Struct
from typing import Any, Final

from pythonosc.osc_message_builder import OscMessageBuilder

ReplyValue = bool | int | float | str

KEPT_HEADS: Final = 4096  # addresses of feedback, twice over
_FLOAT: Final = Struct(">f")
_INT: Final = Struct(">i")
_SIZED_TAG: Final = Struct(">Q")


def encode_message(address: str, *args: Any) -> bytes:
    """One message; int becomes i or h, float f, str s, bytes b, bool T or F, None N, a 4-tuple m, a list an array.

    Raises ValueError for what OSC cannot carry.
    """
    builder = OscMessageBuilder(address)
    for value in args:
        builder.add_arg(value)
    return builder.build().dgram


def encode_reply(address: str, *args: ReplyValue) -> bytes:
    """One message of i, f and s only: bool becomes 0 or 1, an int of more than 32 bits a float."""
    tags, packed = "", b""
    for value in args:
        tag, argument = ("s", _padded(value)) if isinstance(value, str) else _number(value)
        tags += tag
        packed += argument
    return _head(address, tags) + packed


def encode_bundle(time_tag: int, elements: Iterable[bytes]) -> bytes:
    """A bundle of packets under a raw 64-bit time tag (python-osc's builder takes rounded seconds)."""
    parts = [b"#bundle\0", _SIZED_TAG.pack(time_tag)]
    for element in elements:
        parts += (_INT.pack(len(element)), element)
    return b"".join(parts)


@lru_cache(maxsize=KEPT_HEADS)
def _head(address: str, tags: str) -> bytes:
    return _padded(address) + _padded(f",{tags}")


def _padded(text: str) -> bytes:
    """With one to four zeros behind it: OSC counts in fours. The text ends where it has a zero of its own."""
    data = text.partition("\0")[0].encode("utf-8", "replace")
    return data + b"\0" * (4 - len(data) % 4)


def _number(value: bool | int | float) -> tuple[str, bytes]:
    if isinstance(value, int) and -0x8000_0000 <= value <= 0x7FFF_FFFF:
        return "i", _INT.pack(value)
    try:
        return "f", _FLOAT.pack(value)
    except OverflowError:  # beyond what a 32-bit float can say
        return "f", _FLOAT.pack(math.copysign(math.inf, value))
