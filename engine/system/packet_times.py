"""Puts right the time stamps that damage moved forward, so that what follows stays in step.

A flipped bit moves a stamp by up to a day, and readers place what goes back in time behind what they have. But behind a
gap time goes on, and behind damage it goes back: packets after a jump are held until the next ones tell which it was.
"""

from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from av.packet import Packet

JUMP_S = 0.03  # smaller ones are the container's rounding
HELD = {"video": 1, "audio": 64}  # packets; one stamp of a broadcast may be that of 0.7 s of sound; subtitles overlap
MAX_GAP_S = 600  # a larger jump of a broadcast's clock is a new clock; in a film such a gap may be meant
MAX_EARLY_S = 1  # by which a broadcast sends a picture before it is shown, at most 16 pictures (H.264, H.265)


def with_mended_times(
    packets: "Iterable[Packet[Any]]", on_damage: Callable[[str], object], *, is_broadcast: bool
) -> "Iterator[Packet[Any]]":
    """Yield the packets of one or more tracks, each track in its order. A new clock continues the old one, and
    `on_damage` is told."""
    tracks: dict[int, _Track] = {}
    for packet in packets:
        track = tracks.setdefault(packet.stream.index, _Track(on_damage, is_broadcast))
        yield from track.ready(packet)
    for track in tracks.values():
        yield from track.release()


class _Track:
    def __init__(self, on_damage: Callable[[str], object], is_broadcast: bool) -> None:
        self._on_damage, self._is_broadcast = on_damage, is_broadcast
        self._held: list[Any] = []  # packets that have decoding times
        self._end: int | None = None  # of the packets before those held, in ticks
        self._shift = 0

    def ready(self, packet: "Packet[Any]") -> "list[Packet[Any]]":
        """Take the next packet; return those whose times are known now."""
        most = HELD.get(packet.stream.type, 0)
        if packet.dts is None or packet.time_base is None or not most:
            return [*self.release(), packet]
        _move([packet], self._shift)
        if self._is_broadcast and ((packet.pts or 0) - packet.dts) * packet.time_base > MAX_EARLY_S:
            packet.pts = None
        first = next((at for at, held in enumerate(self._held) if held.dts > packet.dts), len(self._held))
        odd, ready = self._held[first:], self._held[:0]
        if odd:
            end = _end(self._held[first - 1]) if first else self._end
            end = packet.dts - sum(each.duration or 0 for each in odd) if end is None else end
            for each in odd:
                _move([each], end - each.dts)
                end = _end(each)
            ready = ready if first else self.release()
        if self._end is None or self._held or (packet.dts - self._end) * packet.time_base > JUMP_S:
            self._held.append(packet)
            return ready + (self.release() if len(self._held) > most else [])
        self._end = _end(packet)
        return [*ready, packet]

    def release(self) -> "list[Packet[Any]]":
        """Return the packets held, behind a gap."""
        held, self._held = self._held, []
        if held:
            jump = 0 if self._end is None else held[0].dts - self._end
            if self._is_broadcast and jump * held[0].time_base > MAX_GAP_S:
                self._on_damage(f"time stamps jump by {float(jump * held[0].time_base):.0f} s, which is ignored")
                _move(held, -jump)
                self._shift -= jump
            self._end = _end(held[-1])
        return held


def _move(packets: "list[Any]", ticks: int) -> None:
    for packet in packets:
        if packet.pts is not None and packet.pts >= packet.dts:  # else only the decoding time was damaged
            packet.pts += ticks
        packet.dts += ticks


def _end(packet: Any) -> int:
    return int(packet.dts + (packet.duration or 0))
