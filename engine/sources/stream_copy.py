"""Copies streams of a file unchanged into another file: its sound with new pictures, or its pictures with new sound."""

import io
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING

import av
from av.container import InputContainer, OutputContainer
from av.container.streams import StreamContainer
from av.stream import Stream

from engine.system.media_file import open_media

if TYPE_CHECKING:
    from av.packet import Packet

    _Packet = Packet[Stream]

MAX_UNTIMED = 64  # packets: a picture depends on one at most 16 later (the reference limit of H.264 and H.265)


class StreamCopy:
    """Reads the added streams of the source in a second pass, only as far as `copy_until` requests."""

    def __init__(self, path: Path | str, into: OutputContainer, *, has_early: bool) -> None:
        """`has_early`: `into` accepts packets before time 0, such as AAC's priming; else they are dropped."""
        self.damage = ""
        """Why the source could not be read to its end, or ""."""
        self._into = into
        self._source: InputContainer = open_media(path)
        self.origin_s = Fraction(self._source.start_time or 0, 1_000_000)
        """Source time that becomes time 0 of the copies."""
        self._tracks: dict[int, Stream] = {}
        self._has_early = has_early
        self._packets: Iterator[_Packet] | None = None
        self._next: _Packet | None = None

    @property
    def streams(self) -> StreamContainer:
        return self._source.streams

    @property
    def metadata(self) -> dict[str, str]:
        return self._source.metadata

    @property
    def has_chapters(self) -> bool:
        return bool(self._source.chapters())

    def add(self, stream: Stream) -> bool:
        """Add a stream to `into`; False if `into` cannot hold it. Add all before copying."""
        if not can_hold(self._into.format.name, stream):
            return False
        copy = self._tracks[stream.index] = self._into.add_stream_from_template(stream)
        copy.metadata.update(stream.metadata)  # its language
        copy.disposition = stream.disposition
        return True

    def copy_until(self, end_s: Fraction | None) -> None:
        """Copy everything before `end_s`, from the start of the file; None for the rest."""
        if self._packets is None:
            self._packets = self._read()
            self._next = next(self._packets, None)
        while self._next is not None and (end_s is None or self._time_of(self._next) < end_s):
            packet = self._next
            packet.stream = self._tracks[packet.stream.index]
            self._into.mux(packet)
            self._next = next(self._packets, None)

    def close(self) -> None:
        self._source.close()

    def _read(self) -> "Iterator[_Packet]":
        """Yield packets from time 0 on, in decoding order.

        If the sound's times go back, as in an edited broadcast, it continues after the previous packet, as pictures do
        (decoding.py). That keeps them in sync; containers reject decreasing times anyway.
        """
        tracks = [self._source.streams[index] for index in self._tracks]
        if not tracks:
            return
        newest: dict[int, tuple[int, int]] = {}  # start and end of the last packet of each track
        try:
            for packet in with_decoding_times(self._source.demux(tracks)):
                assert packet.dts is not None  # set by `with_decoding_times`
                shift = round(self.origin_s / packet.time_base)
                packet.dts -= shift
                if packet.pts is not None:
                    packet.pts -= shift
                if packet.stream.type == "audio":
                    begins, ends = newest.get(packet.stream.index, (packet.dts - 1, packet.dts))
                    if packet.dts <= begins:
                        packet.pts = packet.dts = ends
                    newest[packet.stream.index] = packet.dts, packet.dts + max(packet.duration or 0, 1)
                if self._has_early or packet.dts >= 0 or packet.stream.type != "audio":
                    yield packet
        except (av.FFmpegError, OSError) as error:
            self.damage = str(error.strerror)

    @staticmethod
    def _time_of(packet: "_Packet") -> Fraction:
        assert packet.dts is not None
        return packet.dts * packet.time_base


def with_decoding_times(packets: "Iterator[_Packet]") -> "Iterator[_Packet]":
    """Add missing decoding times.

    Matroska stores only presentation times. If pictures depend on later ones, FFmpeg does not know the decoding times
    of the first packets until it has seen more. They get the ticks before the first known time. A track without one
    in MAX_UNTIMED packets is assumed to be decoded in presentation order.
    """
    waiting: dict[int, list[_Packet]] = {}
    untimed: set[int] = set()
    for packet in packets:
        if packet.time_base is None or (packet.dts is None and packet.pts is None):  # the end of a track
            continue
        before = waiting.setdefault(packet.stream.index, [])
        if packet.dts is None and packet.stream.index in untimed:
            packet.dts = packet.pts
        if packet.dts is None:
            before.append(packet)
            if len(before) == MAX_UNTIMED:
                untimed.add(packet.stream.index)
                yield from _decoded_as_shown(before)
                before.clear()
            continue
        for number, early in enumerate(before):
            early.dts = packet.dts - len(before) + number
            yield early
        before.clear()
        yield packet
    for left in waiting.values():  # very short tracks
        yield from _decoded_as_shown(left)


def _decoded_as_shown(packets: "list[_Packet]") -> "Iterator[_Packet]":
    for packet in packets:
        packet.dts = packet.pts
        yield packet


def can_hold(container: str, stream: Stream) -> bool:
    """True if FFmpeg can write such a stream into such a container. FFmpeg fails only when it writes the header."""
    with av.open(io.BytesIO(), "w", format=container) as trial:
        try:
            trial.add_stream_from_template(stream)
            trial.start_encoding()
        except (ValueError, av.FFmpegError):
            return False
    return True
