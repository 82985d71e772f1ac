"""Merges the senders of one DMX universe: the highest priority wins, among equals the newest packet
or level. Pure.

sACN gives each packet a priority; Art-Net counts as 100, sACN's default. A console may also send a
priority for each channel (start code 0xDD), where 0 means that it does not send that channel.
Senders of one priority are not merged: each packet replaces the levels of all its channels, so that
two consoles flicker, which shows the mistake. With `highest`, the highest level among them counts,
for each channel.

A sender is forgotten after 2.5 s of silence (sACN; E1.31, 6.7.1), or 10 s (Art-Net). Without any
sender the last levels stay. Late packets are left out by their sequence number (E1.31, 6.7.2);
Art-Net lets a number repeat.
"""

from dataclasses import dataclass, replace
from typing import Final, Literal

import numpy as np

from engine.dmx.packets import CHANNELS, LevelsPacket, Protocol
from engine.dmx.sacn import MAX_PRIORITY
from engine.system.rate import Rate

SILENT_S: Final[dict[Protocol, float]] = {"sacn": 2.5, "artnet": 10.0}
MAX_SOURCES: Final = 8  # of one universe; then the one received longest ago is forgotten
STUCK_PACKETS: Final = 20  # in a row with the same number: no network repeats a packet so often
LATE_PACKETS: Final = (
    20  # a number up to this much behind is late; further behind, the sender has restarted
)


@dataclass(frozen=True, slots=True, kw_only=True)
class DmxUniverseStatus:
    """State of a universe that has been received since the start."""

    number: int
    state: Literal["live", "held"]
    """`held`: no packets arrive any more; the last levels stay."""
    source: str
    """The sender whose levels count: `artnet 2.0.0.5`, `sacn Desk 2.0.0.5`."""
    sources: int
    """Number of senders now."""
    priority: int
    packets_hz: float
    """Packets per second, of all senders."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DmxStatus:
    """Counters and universes of Art-Net and sACN since the start."""

    listen: str
    """`artnet`, `sacn` or `both`."""
    configured: tuple[int, ...]
    """Universes that are listened to."""
    packets: int
    """Well-formed packets with levels for configured universes."""
    malformed: int
    ignored: int
    """Packets with levels for other universes, late ones, and those of a sender with lower
    priority."""
    polls: int
    """Answered ArtPolls."""
    shared_ports: tuple[int, ...]
    """UDP ports on which another program receives, too: unicast may reach only that program."""
    universes: tuple[DmxUniverseStatus, ...]


Merge = Literal["newest", "highest"]


@dataclass(slots=True)
class _Source:
    packet: LevelsPacket
    received_s: float
    priorities: np.ndarray | None = None
    """Priority per channel, (512,) int16, -1 where it sends none; None: the packets' own priority
    counts."""
    priorities_s: float = 0.0
    repeats: int = 0
    """Number of packets in a row with the sequence number of the newest one."""


class Universe:
    """The levels of one universe and the senders they come from. One thread at a time."""

    def __init__(self, number: int, merge: Merge = "newest") -> None:
        self.number = number
        self._merge = merge
        self.levels = np.zeros(CHANNELS, np.uint8)
        """The merged levels, shape (512,), uint8; retained when all senders are silent."""
        self.channels = 0
        """Number of channels received so far, from channel 1."""
        self.has_news = False
        """True if the packet taken last changed levels."""
        self.stuck = ""
        """The sender of the last packet, if its sequence numbers stand still: then packets count as
        repeated."""
        self.source = ""
        """The sender of `levels`: `artnet 2.0.0.5`."""
        self._sources: dict[str, _Source] = {}
        self._newest = b""
        self._priority = 0
        self._rate = Rate()

    @property
    def has_sources(self) -> bool:
        return bool(self._sources)

    @property
    def holds_last_levels(self) -> bool:
        """True if levels were received but no sender is left."""
        return self.channels > 0 and not self._sources

    def take(self, packet: LevelsPacket, now_s: float) -> bool:
        """Apply a packet of this universe. False if it is late or has lower priority than another
        sender."""
        self._rate.count(now_s)
        self.has_news = False
        key = f"{packet.protocol} {packet.source}"
        known = self._sources.get(key)
        self.stuck = ""
        if known is not None and _is_late(packet, known.packet):
            known.repeats = known.repeats + 1 if packet.sequence == known.packet.sequence else 0
            known.received_s = now_s  # it is there, though its levels are old
            if known.repeats == STUCK_PACKETS:
                self.stuck = f"{packet.protocol} {packet.name}"
            return False
        if packet.is_end:
            self._sources.pop(key, None)
            return True
        if known is None and len(self._sources) >= MAX_SOURCES:
            del self._sources[min(self._sources, key=lambda name: self._sources[name].received_s)]
        if packet.is_priorities:
            if known is not None:
                known.packet = replace(known.packet, sequence=packet.sequence)
                known.priorities = _per_channel(packet.levels)
                known.priorities_s = now_s
            return known is not None
        source = self._sources[key] = known or _Source(packet, now_s)
        source.packet = packet
        source.received_s = now_s
        self._forget_silent(now_s)
        if self._is_merged():
            return self._take_merged(packet, source)
        if packet.priority < max(source.packet.priority for source in self._sources.values()):
            return False
        self.source = f"{packet.protocol} {packet.name}"
        self._priority = packet.priority
        self.has_news = packet.levels != self._newest
        if not self.has_news:
            return True
        self._newest = packet.levels
        count = len(packet.levels)
        self.levels[:count] = np.frombuffer(packet.levels, np.uint8)
        self.channels = max(self.channels, count)
        return True

    def step(self, now_s: float) -> bool:
        """Forget senders whose packets stopped. True if the last one was forgotten now, so that the
        levels are held."""
        had = len(self._sources)
        self._forget_silent(now_s)
        self.has_news = (
            0 < len(self._sources) < had
            and self._merge == "highest"
            and self._use(self._merged()[0])
        )
        return had > 0 and not self._sources

    def status(self, now_s: float) -> DmxUniverseStatus:
        return DmxUniverseStatus(
            number=self.number,
            state="live" if self._sources else "held",
            source=self.source,
            sources=len(self._sources),
            priority=self._priority,
            packets_hz=self._rate.hz(now_s),
        )

    def _forget_silent(self, now_s: float) -> None:
        silent = [
            key
            for key, source in self._sources.items()
            if now_s - source.received_s > SILENT_S[source.packet.protocol]
        ]
        for key in silent:
            del self._sources[key]
        for source in self._sources.values():
            if source.priorities is not None and now_s - source.priorities_s > SILENT_S["sacn"]:
                source.priorities = None

    def _is_merged(self) -> bool:
        """True if channels are chosen one by one."""
        sources = self._sources.values()
        return any(source.priorities is not None for source in sources) or (
            self._merge == "highest" and len(sources) > 1
        )

    def _take_merged(self, packet: LevelsPacket, source: _Source) -> bool:
        levels, is_used = self._merged(source)
        if is_used:
            self.source = f"{packet.protocol} {packet.name}"
            self._priority = packet.priority
        self.channels = max(self.channels, len(packet.levels))
        self.has_news = self._use(levels)
        return is_used

    def _merged(self, newest: _Source | None = None) -> tuple[np.ndarray, bool]:
        """The merged levels, where channels that nobody sends are unchanged; and True if `newest`
        provides some."""
        best = np.full(CHANNELS, -1, np.int16)
        levels = self.levels.copy()
        is_of_newest = np.zeros(CHANNELS, np.bool_)
        for source in sorted(
            self._sources.values(), key=lambda source: (source is newest, source.received_s)
        ):
            own = source.priorities
            if own is None:
                own = np.full(CHANNELS, source.packet.priority, np.int16)
            own = np.where(np.arange(CHANNELS) < len(source.packet.levels), own, -1)
            new = np.zeros(CHANNELS, np.uint8)
            new[: len(source.packet.levels)] = np.frombuffer(source.packet.levels, np.uint8)
            wins = (own > best) | (
                (own == best) & (own >= 0) & ((new >= levels) | (self._merge == "newest"))
            )
            levels = np.where(wins, new, levels)
            best = np.maximum(own, best)
            is_of_newest = wins if source is newest else is_of_newest & ~wins
        return levels, bool(is_of_newest.any())

    def _use(self, levels: np.ndarray) -> bool:
        """Set the levels. True if they differ from the last ones."""
        has_news = not np.array_equal(levels, self.levels)
        self.levels[:] = levels
        self._newest = b""  # the next packet of a single sender is compared again
        return has_news


def _per_channel(values: bytes) -> np.ndarray:
    """Priorities per channel, 1..200; -1 for 0, for a higher number, and where there is none."""
    priorities = np.full(CHANNELS, -1, np.int16)
    numbers = np.frombuffer(values, np.uint8).astype(np.int16)
    priorities[: len(numbers)] = np.where((numbers > 0) & (numbers <= MAX_PRIORITY), numbers, -1)
    return priorities


def _is_late(packet: LevelsPacket, before: LevelsPacket) -> bool:
    """True if the packet was sent before `before`, which has arrived, or repeats it."""
    if packet.sequence is None or before.sequence is None:
        return False
    ahead = (packet.sequence - before.sequence + 128) % 256 - 128
    return -LATE_PACKETS < ahead < 0 or (ahead == 0 and packet.protocol == "sacn")
