"""Encodes values as OSC packets.

Answers and feedback use int, float and string only: vanilla Pd fails on T and F, Max on h and d.
Thousands of them are sent per second, and listings of a thousand at once, on a thread that also
executes commands. So they are packed here, with a cached head for each address. python-osc takes
five times as long, because it parses each packet that it has built; it is used for all other
messages.
"""

import math
from functools import lru_cache
from struct import Struct
from typing import Any, Final

from pythonosc.osc_message_builder import OscMessageBuilder

ReplyValue = bool | int | float | str

MAX_CACHED_HEADS: Final = 4096  # twice the number of feedback addresses
_FLOAT: Final = Struct(">f")
_INT: Final = Struct(">i")


def encode_message(address: str, *args: Any) -> bytes:
    """Encode a message; int becomes i or h, float f, str s, bytes b, bool T or F, None N, a 4-tuple
    m, a list an array.

    Raises ValueError for values that OSC cannot carry."""
    builder = OscMessageBuilder(address)
    for value in args:
        builder.add_arg(value)
    return builder.build().dgram


def encode_reply(address: str, *args: ReplyValue) -> bytes:
    """Encode a message with i, f and s only: bool becomes 0 or 1, an int of more than 32 bits a
    float."""
    tags = ""
    packed = b""
    for value in args:
        tag, argument = ("s", _pad(value)) if isinstance(value, str) else _number(value)
        tags += tag
        packed += argument
    return _head(address, tags) + packed


@lru_cache(maxsize=MAX_CACHED_HEADS)
def _head(address: str, tags: str) -> bytes:
    return _pad(address) + _pad(f",{tags}")


def _pad(text: str) -> bytes:
    """The text, cut at its first zero byte, then padded with one to four zeros to a multiple of 4
    bytes."""
    data = text.partition("\0")[0].encode("utf-8", "replace")
    return data + b"\0" * (4 - len(data) % 4)


def _number(value: bool | int | float) -> tuple[str, bytes]:
    if isinstance(value, int) and -0x8000_0000 <= value <= 0x7FFF_FFFF:
        return "i", _INT.pack(value)
    try:
        return "f", _FLOAT.pack(value)
    except OverflowError:  # larger than any 32-bit float
        return "f", _FLOAT.pack(math.copysign(math.inf, value))
