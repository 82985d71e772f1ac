"""One packet of levels, the same for Art-Net and sACN."""

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
    """Identifies the sender within its protocol: host and port (Art-Net), component identifier (sACN)."""
    name: str
    """The sender's name for people: host (Art-Net), source name and host (sACN)."""
    priority: int
    """0..200; Art-Net has none and counts as 100, sACN's default."""
    sequence: int | None
    """0..255; None if the sender does not number its packets."""
    levels: bytes
    """One byte for each channel from channel 1 on, at most 512."""
    is_end: bool = False
    """True if the sender says that it ends this universe; then `levels` do not count."""
