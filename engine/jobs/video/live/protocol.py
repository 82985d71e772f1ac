"""The messages between page and server on one WebSocket at `/live/socket` (`/live` with Upgrade is
the same).

Pictures are binary messages, in the same format both ways: 32 bytes, little-endian without padding,
then a JPEG.

    0   2 bytes   `MV`
    2   uint8     version, 1
    3   uint8     kind: 1 a picture to paint, or a painted one; 2 a reference picture for the
        IP-Adapter
    4   uint32    index: counted by the client; a painted picture has the index of its source
    8   float64   capture time, ms on the client's clock; returned unchanged
    16  uint16    width, 18 uint16 height: of the JPEG, px
    20  float32   painted pictures: ms the source waited in the queue
    24  float32   painted pictures: ms of painting, including decoding
    28  uint32    painted pictures: version of the settings used

At most one picture of a client waits: a newer one replaces it, and the dropped one is counted. So
sending faster than the server paints loses pictures but adds no latency. Pictures come back in the
order of their index, with gaps.

All other messages are JSON, one object with one key. From the client:

    {"settings": {"prompt": "a forest", "steps": 4}}
        Each setting is applied, or answered with an error line.

From the server:

    {"hello": {"protocol", "model", "device", "controls", "settings", "limits"}}
        First. `limits` has "side_px" and "bytes".
    {"settings": {"number": n, "values": {name: value, ...}}}
        All current settings, after each change.
    {"state": {...}}
        Twice per second, see `State`.
    {"lost": {"index": n, "reason": line}}
        A picture that failed; not for dropped ones.
    {"error": line}
        Any other error.
    {"note": line}
        Information: a prompt was truncated.

A client gets its place when the socket opens. If all are taken, the socket is closed with code 1013
and a reason. An idle client is closed in the same way when a new one needs its place.
"""

import math
import struct
from dataclasses import dataclass
from typing import Any

import msgspec
import numpy as np
import simplejpeg

from engine.errors import MultiverseError

PROTOCOL = 1
MAGIC = b"MV"
PICTURE = 1
REFERENCE = 2
HEADER = struct.Struct("<2sBBIdHHffI")
MAX_SIDE_PX = 4096  # of pictures from clients; painted ones have their own limit
MAX_TEXT = 64 * 1024  # characters of JSON: ten times all settings with long texts
MAX_SETTINGS = 256  # per message; there are about twenty settings, and each unknown one is answered
QUALITY = 88
# in a progressive JPEG; encoders write about ten. Decoding each is a pass over the whole picture
MAX_SCANS = 32
SCAN = b"\xff\xda"  # marker of a scan; cannot occur in coded data, where 00 follows every FF


class ProtocolError(MultiverseError):
    """An invalid message from a client; its text is sent to the client, in one line."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Frame:
    """One binary message between page and server: a picture with its header."""

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
    """Version of the settings it was painted with."""


@dataclass(frozen=True, slots=True, kw_only=True)
class State:
    """Figures shown to a client."""

    clients: int
    most_clients: int
    waiting: int
    """Number of clients whose pictures are painted before this client's next one."""
    received: int
    painted: int
    dropped: int
    """Pictures replaced by a newer one before being painted."""
    unsent: int
    """Painted pictures replaced by newer ones before being sent."""
    failed: int
    server_ms: float
    """Time from a picture's arrival until it is painted: median of the last ones."""
    painting_ms: float
    """The part of `latency_ms` spent painting; the rest is waiting in the queue."""


def pack(frame: Frame) -> bytes:
    sides = (frame.width, frame.height)
    times = (frame.waited_ms, frame.painted_ms)
    head = (
        MAGIC,
        PROTOCOL,
        frame.kind,
        frame.index,
        frame.captured_ms,
        *sides,
        *times,
        frame.settings,
    )
    return HEADER.pack(*head) + frame.jpeg


def unpack(data: bytes, *, most_bytes: int) -> Frame:
    """Parse a binary message; ProtocolError if it is invalid. The JPEG is not checked."""
    if len(data) > most_bytes:
        raise ProtocolError(
            f"a picture of {len(data)} bytes: at most {most_bytes} are accepted; send a smaller one"
        )
    if len(data) < HEADER.size:
        raise ProtocolError(
            f"a message of {len(data)} bytes: a picture begins with {HEADER.size} bytes of header"
        )
    magic, version, kind, index, captured_ms, width, height, waited_ms, painted_ms, settings = (
        HEADER.unpack_from(data)
    )
    if magic != MAGIC:
        raise ProtocolError(
            f"a message that begins with {magic!r}: a picture begins with {MAGIC!r}"
        )
    if version != PROTOCOL:
        raise ProtocolError(
            f"picture of protocol {version}: this server supports {PROTOCOL}; reload the page"
        )
    if kind not in (PICTURE, REFERENCE):
        known = f"{PICTURE} is a picture to paint, {REFERENCE} a reference picture"
        raise ProtocolError(f"picture {index} of unknown kind {kind}: {known}")
    if not math.isfinite(captured_ms):
        raise ProtocolError(
            f"picture {index}: its capture time {captured_ms} is not a number of milliseconds"
        )
    if not (0 < width <= MAX_SIDE_PX and 0 < height <= MAX_SIDE_PX):
        raise ProtocolError(
            f"picture {index} of {width} x {height}: each side is 1 to {MAX_SIDE_PX} px"
        )
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
    """The values in `{"settings": {...}}`; ProtocolError for any other text. Takes a few
    milliseconds at most."""
    if len(text) > MAX_TEXT:
        raise ProtocolError(f"a text of {len(text)} characters: at most {MAX_TEXT} are accepted")
    try:
        message = msgspec.json.decode(text)
    except (msgspec.MsgspecError, RecursionError) as error:
        raise ProtocolError(f"a text that is not JSON: {error}") from None
    if not isinstance(message, dict) or list(message) != ["settings"]:
        raise ProtocolError(f'unknown message: {shortened(text)}; expected {{"settings": {{...}}}}')
    values = message["settings"]
    if not isinstance(values, dict):
        raise ProtocolError(
            f"settings: {shortened(msgspec.json.encode(values).decode())} is not an object"
        )
    if len(values) > MAX_SETTINGS:
        raise ProtocolError(
            f"settings: {len(values)} in one message; at most {MAX_SETTINGS} are accepted"
        )
    return values


def as_text(kind: str, value: object) -> str:
    """Encode a JSON message of the server."""
    return msgspec.json.encode({kind: value}).decode()


def shortened(text: str, most: int = 40) -> str:
    """The text quoted in one line, truncated."""
    plain = " ".join(text.split())
    return repr(plain if len(plain) <= most else f"{plain[:most]}…")


def check_jpeg(frame: Frame) -> None:
    """Raise ProtocolError unless the frame holds a JPEG of the stated size that can be decoded in
    reasonable time. Only the headers are read."""
    try:
        height, width, _, _ = simplejpeg.decode_jpeg_header(frame.jpeg)
    except ValueError:
        raise ProtocolError(f"picture {frame.index}: no JPEG after the header") from None
    if (width, height) != (frame.width, frame.height):
        header_size = f"{frame.width} x {frame.height}"
        raise ProtocolError(
            f"picture {frame.index}: its header says {header_size}, its JPEG is {width} x {height}"
        )
    scans = frame.jpeg.count(SCAN)
    if scans > MAX_SCANS:
        raise ProtocolError(
            f"picture {frame.index}: a JPEG of {scans} scans; at most {MAX_SCANS} are accepted"
        )


def decode(frame: Frame) -> np.ndarray:
    """Decode to (height, width, 3) uint8 RGB. ProtocolError for a damaged JPEG."""
    try:
        pixels: np.ndarray = simplejpeg.decode_jpeg(
            frame.jpeg, colorspace="RGB", fastdct=True, fastupsample=True
        )
    except ValueError as error:
        raise ProtocolError(
            f"picture {frame.index}: its JPEG cannot be decoded ({error})"
        ) from None
    return pixels


def encode(pixels: np.ndarray) -> bytes:
    """JPEG of (height, width, 3) uint8 RGB."""
    jpeg: bytes = simplejpeg.encode_jpeg(
        np.ascontiguousarray(pixels), QUALITY, colorsubsampling="420", fastdct=True
    )
    return jpeg
