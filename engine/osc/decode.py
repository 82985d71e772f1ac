"""A strict, bounded decoder for OSC 1.0 and 1.1 packets.

Problem: anyone who can reach the port may send packets, and forty thousand per second arrive while
pictures are drawn. So every packet either becomes a value or raises OscDecodeError, in time linear
in its size, for any content.

The naive way is to trust the sizes in the packet. python-osc 1.10.2 does (the packets are in
tests/corpus):
- An element size of -4 moves its reader back to that same size, so it loops forever: 20 bytes stop
  a server.
- An unknown type tag (`c`, `S`, `I`) is skipped without its bytes, so all later arguments are
  wrong.
- An invalid element is left out with a log line, and the rest of the bundle is used.

The rules here:
- A packet, and so every element, is a multiple of 4 bytes long (OSC 1.0, "OSC Packets"). Every read
  begins at a multiple of 4; so if a string ends inside the packet, its padding does too, and no
  slice can cross the end.
- An element's size is at least 4 and at most the remaining bytes. Bundles and arrays nest at most
  16 deep.
- Padding is zero, arguments end where the packet ends, the type tag string begins with a comma.
  liblo has the same rules.
- A packet with only an address has no arguments (OSC 1.0 asks to accept that; TouchDesigner needs
  it). Bytes after an address that are not a type tag string are refused.
- An empty address, or one without a slash, is accepted if a type tag string follows: Resolume
  Arena's "Output All OSC Messages" sends both (ShowMeshSystems/showmesh,
  docs/bench/resolume-control-surface.md, 6.3). It has no meaning here, but it must not invalidate
  the other messages of its bundle.
- Strings and addresses are UTF-8; invalid sequences are replaced.
- `c` is a code point in the low byte (liblo) or one byte at the high end (osc4py3). `I` is OSC
  1.1's impulse.
- Time tags stay raw; `time_tag.py` converts them. 0 (pyliblo) and 1 both mean "immediately".

Hot path: almost every packet of a show has one float or int, to one of few addresses. All but its
last four bytes were read before and are a key in a cache: one dictionary look-up and one `unpack`
make the message. The cache is cleared when a sender of random addresses has filled it.
"""

from collections.abc import Callable, Iterator
from enum import Enum
from struct import Struct
from typing import Any, Final, NamedTuple

from engine.errors import OscDecodeError

MAX_PACKET_BYTES: Final = 262_144  # the limit of a TCP packet; four times the largest datagram
MAX_NESTING: Final = 16
MAX_ELEMENTS: Final = 4096  # in one bundle: twenty times the number of parameters
MAX_TYPE_TAGS: Final = 1024
MAX_CACHED_HEADS: Final = 1024  # a few times the number of parameters; 0.2 MB
MAX_CACHED_HEAD_BYTES: Final = 128

_PRINTABLE: Final = bytes(range(0x21, 0x7F))
BUNDLE_HEAD: Final = b"#bundle\0"


# a tuple, not a dataclass: built in a quarter of the time, 40 000 times per second
class Message(NamedTuple):
    address: str
    """Begins with a slash, unless the sender left out the slash or the whole address."""
    args: tuple[object, ...]
    """int (i h), float (f d), str (s S c), bytes (b), bool (T F), None (N), TimeTag (t), Rgba (r),
    Midi (m), Impulse (I); a tuple for an array."""
    type_tags: str
    """As sent, without the comma."""


class Bundle(NamedTuple):
    time_tag: int
    """Raw: seconds since 1900 in the upper 32 bits, fractions in the lower; 0 and 1 mean
    immediately."""
    elements: "tuple[Message | Bundle, ...]"


class TimeTag(int):
    """A raw time tag as an argument; its own type, so that it is never taken for a number."""


class Rgba(NamedTuple):
    """A colour argument; each part 0..255."""

    red: int
    green: int
    blue: int
    alpha: int


class Midi(NamedTuple):
    """A MIDI argument; each part 0..255."""

    port: int
    status: int
    data1: int
    data2: int


class Impulse(Enum):
    BANG = "I"


def decode_packet(data: bytes | bytearray | memoryview) -> Message | Bundle:
    """The message or bundle in one packet: a datagram, or a frame of a stream. Raises only
    OscDecodeError."""
    if type(data) is not bytes:
        data = bytes(data)
    known = _cached_heads.get(data[:-4])
    if known is not None:
        address, type_tag, unpack = known
        return _new(Message, (address, unpack(data[-4:]), type_tag))
    if len(data) > MAX_PACKET_BYTES:
        raise OscDecodeError(f"packet of {len(data)} bytes; at most {MAX_PACKET_BYTES} are read")
    return _decode(data, depth=0)


def _decode(data: bytes, depth: int) -> Message | Bundle:
    if len(data) % 4 or not data:
        raise OscDecodeError(f"{len(data)} bytes; a packet is a multiple of 4 and not empty")
    if data[0] == 0x2F:
        return _decode_message(data)
    if data.startswith(BUNDLE_HEAD):
        return _decode_bundle(data, depth)
    if _has_tags_after_a_name(data):
        return _decode_message(data)
    raise OscDecodeError(f"begins with {data[:8]!r}; a packet begins with / or #bundle")


def _has_tags_after_a_name(data: bytes) -> bool:
    """True for a message whose address has no slash: printable ASCII or nothing, then a type tag
    string."""
    end = data.find(0)
    if end < 0:
        return False
    tags = (end + 4) & ~3
    return data[tags : tags + 1] == b"," and not data[:end].translate(None, _PRINTABLE)


def _decode_bundle(data: bytes, depth: int) -> Bundle:
    if depth == MAX_NESTING:
        raise OscDecodeError(f"bundles nested deeper than {MAX_NESTING}")
    if len(data) < 16:
        raise OscDecodeError(f"bundle of {len(data)} bytes; its header alone has 16")
    (time_tag,) = _TIME_TAG.unpack_from(data, 8)
    elements: list[Message | Bundle] = []
    at = 16
    while at < len(data):
        (size,) = _INT.unpack_from(data, at)
        at += 4
        if not 4 <= size <= len(data) - at:
            raise OscDecodeError(f"bundle element of {size} bytes where {len(data) - at} are left")
        if len(elements) == MAX_ELEMENTS:
            raise OscDecodeError(f"more than {MAX_ELEMENTS} elements in a bundle")
        element = data[at : at + size]
        known = _cached_heads.get(element[:-4])
        if known is not None:
            address, type_tag, unpack = known
            elements.append(_new(Message, (address, unpack(element[-4:]), type_tag)))
        else:
            elements.append(_decode(element, depth + 1))
        at += size
    return Bundle(time_tag, tuple(elements))


def _decode_message(data: bytes) -> Message:
    raw_address, at = _read_string(data, 0)
    address = raw_address.decode("utf-8", "replace")
    if at == len(data):
        return Message(address, (), "")
    if data[at] != 0x2C:
        raise OscDecodeError(
            f"{printable(address)}: {data[at : at + 4]!r} where a type tag string should begin"
        )
    raw_tags, at = _read_string(data, at)
    tags = raw_tags[1:].decode("latin-1")
    if len(tags) > MAX_TYPE_TAGS:
        raise OscDecodeError(
            f"{printable(address)}: {len(tags)} type tags; at most {MAX_TYPE_TAGS} are read"
        )
    args, end = _read_arguments(data, at, tags, address)
    if end != len(data):
        raise OscDecodeError(
            f"{printable(address)}: {len(data) - end} bytes left over after {printable(tags)!r}"
        )
    if tags in _SINGLE and at <= MAX_CACHED_HEAD_BYTES:
        if len(_cached_heads) >= MAX_CACHED_HEADS:
            _cached_heads.clear()
        _cached_heads[data[:at]] = (address, tags, _SINGLE[tags])
    return Message(address, args, tags)


def _read_arguments(
    data: bytes, at: int, tags: str, address: str
) -> tuple[tuple[object, ...], int]:
    """The arguments described by `tags`, and the offset of their end. Arrays become tuples."""
    open_arrays: list[list[object]] = [[]]
    for tag in tags:
        if tag in _FIXED:
            layout, make = _FIXED[tag]
            if len(data) - at < layout.size:
                raise OscDecodeError(
                    f"{printable(address)}: ends inside its arguments {printable(tags)!r}"
                )
            value: object = make(*layout.unpack_from(data, at))
            at += layout.size
        elif tag in "sS":
            if at == len(data):
                raise OscDecodeError(
                    f"{printable(address)}: ends inside its arguments {printable(tags)!r}"
                )
            raw, at = _read_string(data, at)
            value = raw.decode("utf-8", "replace")
        elif tag == "b":
            value, at = _read_blob(data, at)
        elif tag in _WITHOUT_DATA:
            value = _WITHOUT_DATA[tag]
        elif tag == "[":
            if len(open_arrays) > MAX_NESTING:
                raise OscDecodeError(
                    f"{printable(address)}: arrays nested deeper than {MAX_NESTING}"
                )
            open_arrays.append([])
            continue
        elif tag == "]" and len(open_arrays) > 1:
            value = tuple(open_arrays.pop())
        else:
            raise OscDecodeError(
                f"{printable(address)}: unknown type tag {printable(tag)!r} in {printable(tags)!r}"
            )
        open_arrays[-1].append(value)
    if len(open_arrays) > 1:
        raise OscDecodeError(f"{printable(address)}: an array in {printable(tags)!r} is not closed")
    return tuple(open_arrays[0]), at


def _read_string(data: bytes, at: int) -> tuple[bytes, int]:
    """The string at `at` (a multiple of 4) without its padding, and the offset of the next item."""
    end = data.find(0, at)
    if end < 0:
        raise OscDecodeError(f"string at byte {at} has no end")
    after = (end + 4) & ~3
    if data[end:after].strip(b"\0"):
        raise OscDecodeError(
            f"string at byte {at} is padded with {data[end:after]!r}, not with zeros"
        )
    return data[at:end], after


def _read_blob(data: bytes, at: int) -> tuple[bytes, int]:
    if at == len(data):
        raise OscDecodeError("ends where a blob should begin")
    (size,) = _INT.unpack_from(data, at)
    start = at + 4
    end = start + size
    after = (end + 3) & ~3
    if size < 0 or after > len(data):
        raise OscDecodeError(f"blob of {size} bytes where {len(data) - start} are left")
    if data[end:after].strip(b"\0"):
        raise OscDecodeError(
            f"blob at byte {at} is padded with {data[end:after]!r}, not with zeros"
        )
    return data[start:end], after


def _char(code: int) -> str:
    """The character of a `c`: a code point, or one byte at the high end (0x41000000 is `A` as
    well)."""
    if code <= 0x10FFFF and not 0xD800 <= code <= 0xDFFF:
        return chr(code)
    if code & 0x00FFFFFF == 0:
        return chr(code >> 24)
    raise OscDecodeError(f"character 0x{code:08x} is neither a code point nor one byte")


def messages_of(packet: Message | Bundle) -> Iterator[Message]:
    """The messages in a packet, those of bundles in their order."""
    if isinstance(packet, Message):
        yield packet
        return
    for element in packet.elements:
        yield from messages_of(element)


def printable(text: str, max_characters: int = 80) -> str:
    """`text` for a log line or an answer: control characters as escapes, cut to
    `max_characters`."""
    cut = text if len(text) <= max_characters else text[: max_characters - 1] + "…"
    return cut if cut.isprintable() else cut.encode("unicode_escape").decode("ascii")


Unpack = Callable[[bytes], tuple[Any, ...]]

_INT: Final = Struct(">i")
_TIME_TAG: Final = Struct(">Q")
_FIXED: Final[dict[str, tuple[Struct, Callable[..., object]]]] = {
    "i": (_INT, int),
    "f": (Struct(">f"), float),
    "h": (Struct(">q"), int),
    "d": (Struct(">d"), float),
    "t": (_TIME_TAG, TimeTag),
    "c": (Struct(">I"), _char),
    "r": (Struct(">4B"), Rgba),
    "m": (Struct(">4B"), Midi),
}
_WITHOUT_DATA: Final = {"T": True, "F": False, "N": None, "I": Impulse.BANG}
_SINGLE: Final[dict[str, Unpack]] = {"f": Struct(">f").unpack, "i": _INT.unpack}
_cached_heads: dict[bytes, tuple[str, str, Unpack]] = {}
_new = tuple.__new__
