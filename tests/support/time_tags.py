"""OSC bundles and their time tags for packets that tests send."""

import struct
from collections.abc import Iterable

from engine.osc.time_tag import SECONDS_1900_TO_1970


def time_tag_of(wall_s: float) -> int:
    """The raw tag of a time in seconds since 1970."""
    return int((wall_s + SECONDS_1900_TO_1970) * (1 << 32))


def encode_bundle(time_tag: int, elements: Iterable[bytes]) -> bytes:
    """A bundle with a raw 64-bit time tag (python-osc's builder would round it to seconds)."""
    sized = (struct.pack(">i", len(element)) + element for element in elements)
    return b"".join([b"#bundle\0", struct.pack(">Q", time_tag), *sized])
