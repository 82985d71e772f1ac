"""One universe of several senders: the highest priority wins, among equals the newest packet. Pure.

A lighting network often has two desks, one in reserve. sACN gives each packet a priority for that; Art-Net has none and
counts as 100, sACN's default. Senders of the same priority are not merged channel by channel (highest takes
precedence): each packet replaces the levels of all channels it has, so two desks on one universe with one priority
flicker, which shows the mistake.

A sender whose packets stop is forgotten after sACN's limit of 2.5 s (E1.31, 6.7.1), or Art-Net's of 10 s ("ArtDmx",
merging). Without any sender the last levels stay. Late packets are left out by their sequence number (E1.31, 6.7.2),
counted for each sender of each universe. Art-Net lets a number repeat, because some senders never change it.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np

from engine.control.dmx.packet import CHANNELS, LevelsPacket, Protocol
from engine.control.dmx.rate import PacketRate
from engine.control.dmx.status import DmxUniverseStatus

SILENT_S: Final[dict[Protocol, float]] = {"sacn": 2.5, "artnet": 10.0}
MAX_SOURCES: Final = 8  # of one universe; then the one heard longest ago is forgotten
LATE_PACKETS: Final = 20  # a number up to this much behind is late; further behind, the sender has started again


@dataclass(slots=True)
class _Source:
    packet: LevelsPacket
    """The newest one."""
    heard_s: float


class Universe:
    """The levels of one universe and the senders they come from. One thread at a time."""

    def __init__(self, number: int) -> None:
        self.number = number
        self.levels = np.zeros(CHANNELS, np.uint8)
        """Shape (512,), uint8; kept when senders are gone."""
        self.channels = 0
        """Number of channels received so far, from channel 1."""
        self.has_news = False
        """True if the packet taken last changed levels."""
        self.source = ""
        """The sender of `levels`: `artnet 2.0.0.5`."""
        self._sources: dict[str, _Source] = {}
        self._newest = b""
        self._priority = 0
        self._rate = PacketRate()

    @property
    def has_sources(self) -> bool:
        return bool(self._sources)

    @property
    def is_held(self) -> bool:
        """True if levels were received but no sender is left."""
        return self.channels > 0 and not self._sources

    def take(self, packet: LevelsPacket, now_s: float) -> bool:
        """Use a packet of this universe. False if it is late or has lower priority than another sender."""
        self._rate.count(now_s)
        self.has_news = False
        key = f"{packet.protocol} {packet.source}"
        known = self._sources.get(key)
        if known is not None and _is_late(packet, known.packet):
            return False
        if packet.is_end:
            self._sources.pop(key, None)
            return True
        if known is None and len(self._sources) >= MAX_SOURCES:
            del self._sources[min(self._sources, key=lambda name: self._sources[name].heard_s)]
        self._sources[key] = _Source(packet, now_s)
        self._forget_silent(now_s)
        if packet.priority < max(source.packet.priority for source in self._sources.values()):
            return False
        self.source, self._priority = f"{packet.protocol} {packet.name}", packet.priority
        self.has_news = packet.levels != self._newest
        if not self.has_news:
            return True
        self._newest = packet.levels
        count = len(packet.levels)
        self.levels[:count] = np.frombuffer(packet.levels, np.uint8)
        self.channels = max(self.channels, count)
        return True

    def step(self, now_s: float) -> bool:
        """Forget senders whose packets stopped. True if the last one was forgotten now, so that the levels are held."""
        had_sources = bool(self._sources)
        self._forget_silent(now_s)
        return had_sources and not self._sources

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
            key for key, source in self._sources.items() if now_s - source.heard_s > SILENT_S[source.packet.protocol]
        ]
        for key in silent:
            del self._sources[key]


def _is_late(packet: LevelsPacket, before: LevelsPacket) -> bool:
    """True if the packet was sent before one that has arrived, or is that one again."""
    if packet.sequence is None or before.sequence is None:
        return False
    ahead = (packet.sequence - before.sequence + 128) % 256 - 128
    return -LATE_PACKETS < ahead < 0 or (ahead == 0 and packet.protocol == "sacn")
