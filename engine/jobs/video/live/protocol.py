"""What the page and the server say to each other on one WebSocket at `/live/socket` (`/live` with Upgrade is the same).

Pictures are binary messages, the same both ways: 32 bytes, little-endian without padding, then a JPEG.

    0   2 bytes   `MV`
    2   uint8     version, 1
    3   uint8     kind: 1 a picture to be painted, or one that was; 2 a picture for the IP-Adapter to follow
    4   uint32    index: counts up, the client's; a painted picture carries that of its source
    8   float64   when it was captured, ms of the client's clock; comes back as it went
    16  uint16    width, 18 uint16 height: of the JPEG, px
    20  float32   painted pictures: ms for which the source waited for its turn
    24  float32   painted pictures: ms that painting took, decoding included
    28  uint32    painted pictures: number of the settings they were painted with

At most one picture of a client waits: a newer one takes its place, and the older is dropped and counted. So whoever
sends more than is painted loses pictures, never time; and pictures come back in the order of their index, with gaps.

All else is JSON, one object with one key. From the client:

    {"settings": {"prompt": "a forest", "steps": 4}}    what is named changes; each name by itself, or one error line

From the server:

    {"hello": {"protocol", "model", "device", "controls": [...], "settings", "limits": {"side_px", "bytes"}}}    first
    {"settings": {"number": n, "values": {name: value, ...}}}      all that are in force, after each change
    {"state": {...}}                                                twice a second, see `State`
    {"lost": {"index": n, "reason": line}}                          a picture that is not painted, but for newer ones
    {"error": line}                                                 anything else that was not as it should be
    {"note": line}                                                  what is worth knowing: a prompt was cut off

A place is given when the socket opens. Where all are taken the socket is closed with code 1013 and the reason; one that
has been idle is closed so for a newcomer.
"""

import math
import struct
from dataclasses import dataclass
from typing import Any

import msgspec

from engine.errors import MultiverseError

PROTOCOL = 1
MAGIC = b"MV"
PICTURE, REFERENCE = 1, 2
HEADER = struct.Struct("<2sBBIdHHffI")
MAX_SIDE_PX = 4096  # of what may be sent; what is painted has a limit of its own
MAX_TEXT = 64 * 1024  # characters of JSON: all settings with long texts are a tenth of it
MAX_SETTINGS = 256  # in one text; there are some twenty, and each that is none is answered


class ProtocolError(MultiverseError):
    """What a client sent and cannot be taken, in one line for it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Frame:
    """One binary message."""

    kind: int = PICTURE
    index: int
    captured_ms: float
    """On the client's clock."""
    width: int
    height: int
    jpeg: bytes
    waited_ms: float = 0.0
    painted_ms: float = 0.0
    settings: int = 0
    """Number of the settings it was painted with."""


@dataclass(frozen=True, slots=True, kw_only=True)
class State:
    """How a client is served."""

    clients: int
    most_clients: int
    waiting: int
    """Clients whose pictures are painted before this one's next."""
    received: int
    painted: int
    dropped: int
    """A newer one came before it was painted."""
    unsent: int
    """Painted, but newer ones came before the client took it."""
    failed: int
    server_ms: float
    """From a picture's arrival until it goes back, the median of the last."""
    painting_ms: float
    """Of that, painting; the rest is waiting for its turn."""


def pack(frame: Frame) -> bytes:
    head = HEADER.pack(
        MAGIC,
        PROTOCOL,
        frame.kind,
        frame.index,
        frame.captured_ms,
        frame.width,
        frame.height,
        frame.waited_ms,
        frame.painted_ms,
        frame.settings,
    )
    return head + frame.jpeg


def unpack(data: bytes, *, most_bytes: int) -> Frame:
    """The message; ProtocolError unless it is one. The JPEG is not looked at."""
    if len(data) > most_bytes:
        raise ProtocolError(f"a picture of {len(data)} bytes: at most {most_bytes} are taken; send a smaller one")
    if len(data) < HEADER.size:
        raise ProtocolError(f"a message of {len(data)} bytes: a picture begins with {HEADER.size} bytes of header")
    magic, version, kind, index, captured_ms, width, height, waited_ms, painted_ms, settings = HEADER.unpack_from(data)
    if magic != MAGIC:
        raise ProtocolError(f"a message that begins with {magic!r}: a picture begins with {MAGIC!r}")
    if version != PROTOCOL:
        raise ProtocolError(f"picture of protocol {version}: this server speaks {PROTOCOL}; reload the page")
    if kind not in (PICTURE, REFERENCE):
        raise ProtocolError(f"picture {index} of kind {kind}: {PICTURE} is one to paint, {REFERENCE} one to follow")
    if not math.isfinite(captured_ms):
        raise ProtocolError(f"picture {index}: its capture time {captured_ms} is no number of milliseconds")
    if not (0 < width <= MAX_SIDE_PX and 0 < height <= MAX_SIDE_PX):
        raise ProtocolError(f"picture {index} of {width} x {height}: each side is 1 to {MAX_SIDE_PX} px")
    return Frame(
        kind=kind,
        index=index,
        captured_ms=captured_ms,
        width=width,
        height=height,
        jpeg=data[HEADER.size :],
        waited_ms=waited_ms,
        painted_ms=painted_ms,
        settings=settings,
    )


def settings_in(text: str) -> dict[str, Any]:
    """The values in `{"settings": {...}}`; ProtocolError for any other text. At most some milliseconds."""
    if len(text) > MAX_TEXT:
        raise ProtocolError(f"a text of {len(text)} characters: at most {MAX_TEXT} are taken")
    try:
        message = msgspec.json.decode(text)
    except (msgspec.MsgspecError, RecursionError) as error:
        raise ProtocolError(f"a text that is no JSON: {error}") from None
    if not isinstance(message, dict) or list(message) != ["settings"]:
        raise ProtocolError(f'a text that is not understood: {shortened(text)}; known is {{"settings": {{...}}}}')
    values = message["settings"]
    if not isinstance(values, dict):
        raise ProtocolError(f"settings: {shortened(msgspec.json.encode(values).decode())} is no object of names")
    if len(values) > MAX_SETTINGS:
        raise ProtocolError(f"settings: {len(values)} at once; at most {MAX_SETTINGS} are taken")
    return values


def as_text(kind: str, value: object) -> str:
    """A JSON message of the server."""
    return msgspec.json.encode({kind: value}).decode()


def shortened(text: str, most: int = 40) -> str:
    """Fit to be quoted in a line."""
    plain = " ".join(text.split())
    return repr(plain if len(plain) <= most else f"{plain[:most]}…")
