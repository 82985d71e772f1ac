"""Values to OSC packets. python-osc builds the messages; a head that was built once is kept for the next
value.

Answers and feedback go out as int, float and string only: vanilla Pd stumbles over T and F, Max over h and d.
"""

import math
from collections.abc import Iterable
from struct import Struct
from typing import Final

from pythonosc.osc_message_builder import OscMessageBuilder

ReplyValue = bool | int | float | str

KEPT_HEADS: Final = 4096  # addresses of feedback, twice over
_FLOAT: Final = Struct(">f")
_INT: Final = Struct(">i")
_SIZED_TAG: Final = Struct(">Q")
_reply_heads: dict[tuple[str, str], bytes] = {}


def encode_message(address: str, *args: object) -> bytes:
    """One message; int becomes i or h, float f, str s, bytes b, bool T or F, None N, a 4-tuple m, a list an
    array.

    Raises ValueError for what OSC cannot carry.
    """
    builder = OscMessageBuilder(address)
    for value in args:
        builder.add_arg(value)
    return builder.build().dgram


def encode_reply(address: str, *args: ReplyValue) -> bytes:
    """One message of i, f and s only: bool becomes 0 or 1, an int of more than 32 bits a float."""
    if len(args) == 1 and type(args[0]) is not str:  # feedback: one number after a head that was built before
        tag, packed = _number(args[0])
        head = _reply_heads.get((address, tag))
        if head is None:
            head = _build(address, [(tag, 0)])[:-4]
            if len(_reply_heads) >= KEPT_HEADS:
                _reply_heads.clear()
            _reply_heads[address, tag] = head
        return head + packed
    return _build(address, [_plain(value) for value in args])


def encode_bundle(time_tag: int, elements: Iterable[bytes]) -> bytes:
    """A bundle of packets under a raw 64-bit time tag (python-osc's builder takes rounded seconds)."""
    parts = [b"#bundle\0", _SIZED_TAG.pack(time_tag)]
    for element in elements:
        parts += (_INT.pack(len(element)), element)
    return b"".join(parts)


def _build(address: str, arguments: Iterable[tuple[str, int | float | str]]) -> bytes:
    builder = OscMessageBuilder(address)
    for tag, value in arguments:
        builder.add_arg(value, tag)
    return builder.build().dgram


def _plain(value: ReplyValue) -> tuple[str, int | float | str]:
    if isinstance(value, str):
        return "s", value.partition("\0")[0].encode("utf-8", "replace").decode("utf-8")
    tag, packed = _number(value)
    return tag, (_INT if tag == "i" else _FLOAT).unpack(packed)[0]


def _number(value: bool | int | float) -> tuple[str, bytes]:
    if isinstance(value, int) and -0x8000_0000 <= value <= 0x7FFF_FFFF:
        return "i", _INT.pack(value)
    try:
        return "f", _FLOAT.pack(value)
    except OverflowError:  # beyond what a 32-bit float can say
        return "f", _FLOAT.pack(math.copysign(math.inf, value))
