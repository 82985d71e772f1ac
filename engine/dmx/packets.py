"""The contents of a packet of Art-Net or sACN: levels of lighting channels.

The packets are read and written by hand (`artnet.py`, `sacn.py`), because no library on PyPI
receives robustly (looked at in 2026). stupidArtnet 1.6.0 reads the sequence number of the first
byte only, and its receiving thread ends with the first packet shorter than its header.
python-artnet 1.2.0 sleeps up to a second on the receiving thread before each reply, and prints
errors. Neither limits what it stores. sacn 1.11.0 has one sequence number for all sources of a
universe, so that two consoles block each other; it lets preview data through; and a packet with
priority 201 raises an error that nothing catches, which ends its thread.

Levels count when they arrive: a frame lasts longer than the spread of one console's packets. So
synchronisation is ignored in both protocols (ArtSync, E1.31's synchronisation packets).
"""

from dataclasses import dataclass
from typing import Literal

CHANNELS = 512  # of one universe (ANSI E1.11)

Protocol = Literal["artnet", "sacn"]


@dataclass(frozen=True, slots=True, kw_only=True)
class LevelsPacket:
    """Levels of the first channels of one universe, 0..255 each."""

    protocol: Protocol
    universe: int
    """The number in the packet: Art-Net's port address 0..32767, sACN's universe 1..63999."""
    source: str
    """Identifies the sender within its protocol: host and port (Art-Net), component identifier
    (sACN)."""
    name: str
    """The sender's name for people: host (Art-Net), source name and host (sACN)."""
    priority: int
    """0..200; Art-Net has none and counts as 100, sACN's default."""
    sequence: int | None
    """0..255; None if the sender does not number its packets."""
    levels: bytes
    """One byte for each channel from channel 1 on, at most 512."""
    is_priorities: bool = False
    """True if `levels` are a priority for each channel, 0..200 (sACN's start code 0xDD, by ETC); 0:
    not sent."""
    is_end: bool = False
    """True if the sender says that it ends this universe; then `levels` do not count."""
