"""The status of Art-Net and sACN: the values that travel to `/engine/status`, the page and `--json`."""

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True, kw_only=True)
class DmxUniverseStatus:
    """One universe that has been received since the start."""

    number: int
    state: Literal["live", "held"]
    """`held`: no packets arrive any more; the last levels stay."""
    source: str
    """The sender whose levels count: `artnet 2.0.0.5`, `sacn Desk 2.0.0.5`."""
    sources: int
    """Number of senders now."""
    priority: int
    packets_hz: float
    """Packets a second, of all senders."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DmxStatus:
    """Art-Net and sACN since the start."""

    listen: str
    """`artnet`, `sacn` or `both`."""
    configured: tuple[int, ...]
    """Universes that are listened to."""
    packets: int
    """Well-formed packets with levels for configured universes."""
    malformed: int
    ignored: int
    """Packets with levels for other universes, late ones, and those of a sender with lower priority."""
    polls: int
    """Answered ArtPolls."""
    shared_ports: tuple[int, ...]
    """UDP ports on which another program receives, too: unicast may reach only that program."""
    universes: tuple[DmxUniverseStatus, ...]
