"""Copies streams of a file unchanged into another file: its sound with new pictures, or its
pictures with new sound."""

import heapq
import io
import itertools
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any

import av.error
from av.audio.stream import AudioStream
from av.codec.codec import UnknownCodecError
from av.container import InputContainer, OutputContainer
from av.stream import Stream

from engine.system.media_file import open_media, packets_of

if TYPE_CHECKING:
    from av.packet import Packet

    _Packet = Packet[Stream]

Span = tuple[Fraction, Fraction]
"""Begin and end in seconds."""

# between time stamps of sound; smaller ones are the container's rounding
MIN_GAP_S = Fraction(3, 100)
HIDES = ("mp4", "mov")  # containers with an edit list, which hides pictures that are decoded
EARLY_S = 60  # some files store subtitles before they are shown
# packets: a picture depends on one at most 16 later (the reference limit of H.264 and H.265)
MAX_UNTIMED = 64


class StreamCopy:
    """Reads the added streams of the source in a second pass, only as far as `copy_until`
    requests."""

    def __init__(self, path: Path | str, into: OutputContainer, *, has_early: bool) -> None:
        """`has_early`: `into` accepts packets before time 0, such as AAC's priming; else they are
        dropped."""
        self.damage: list[str] = []
        """Why parts of the source could not be read."""
        self.lost: list[Span] = []
        """Where copied sound has a gap, or packets that `into` refused, because they are
        damaged."""
        self.refused: list[Span] = []
        """Where `into` refused packets of other streams."""
        self._into = into
        self.source: InputContainer = open_media(path)
        self.origin_s = Fraction(self.source.start_time or 0, 1_000_000)
        """Source time that becomes time 0 of the copies."""
        self._tracks: dict[int, Stream] = {}
        self._has_early = has_early
        self._packets = self._read()
        self._read_s = Fraction(-EARLY_S)  # up to here all was read
        self._waiting: list[tuple[Fraction, int, _Packet]] = []  # a heap: time, order of arrival
        self._numbers = itertools.count()

    def is_chapters(self, stream: Stream) -> bool:
        """True for the text track in which MP4 stores chapters a second time."""
        return stream.type == "data" and stream.name == "bin_data" and bool(self.source.chapters())

    def chapters(self, end_s: Fraction | None = None) -> list[Any]:
        """The chapters that begin before `end_s`, in PyAV's format, with the times of the
        copies."""
        found = []
        for chapter in self.source.chapters():
            tick_s = chapter["time_base"] or Fraction(1)
            shift = round(self.origin_s / tick_s)
            begin, end = max(chapter["start"] - shift, 0), chapter["end"] - shift
            last = end if end_s is None else int(end_s / tick_s)
            found += [chapter | {"start": begin, "end": min(end, last)}] * (begin < min(end, last))
        return found

    def add(self, stream: Stream) -> bool:
        """Add a stream to `into`; False if `into` cannot hold it. Add all before copying."""
        if not can_hold(self._into.format.name, stream):
            return False
        copy = self._tracks[stream.index] = _add_like(self._into, stream)
        copy.metadata.update(stream.metadata)  # its language
        copy.disposition = stream.disposition
        return True

    def copy_until(self, end_s: Fraction | None) -> None:
        """Copy everything before `end_s`, from the start of the file; None for the rest."""
        self._into.start_encoding()  # its errors are none of a packet
        while end_s is None or self._read_s < end_s:
            packet = next(self._packets, None)
            if packet is None:
                break
            begins_s = self._time_of(packet)
            heapq.heappush(self._waiting, (begins_s, next(self._numbers), packet))
            if packet.stream.type != "subtitle":
                self._read_s = begins_s
            elif all(track.type == "subtitle" for track in self._tracks.values()):
                self._read_s = begins_s - EARLY_S
        while self._waiting and (end_s is None or self._waiting[0][0] < end_s):
            self._copy(heapq.heappop(self._waiting)[2])

    def _copy(self, packet: "_Packet") -> None:
        begin_s = self._time_of(packet)
        length_s = (packet.duration or 0) * packet.time_base
        packet.stream = self._tracks[packet.stream.index]
        try:
            self._into.mux(packet)
        except (av.error.InvalidDataError, av.error.ArgumentError):
            (self.lost if packet.stream.type == "audio" else self.refused).append(
                (begin_s, begin_s + length_s)
            )

    def _read(self) -> "Iterator[_Packet]":
        """Yield packets from time 0 on, in decoding order. If the sound's times go back, as in an
        edited broadcast, it continues after the previous packet, as pictures do (decoding.py). That
        keeps them in sync; containers reject decreasing times anyway."""
        tracks = [self.source.streams[index] for index in self._tracks]
        if not tracks:
            return
        # tracks whose cut is ahead
        hidden = set() if self._into.format.name in HIDES else set(self._tracks)
        newest: dict[int, tuple[int, int]] = {}  # start and end of the last packet of each track
        for packet in with_decoding_times(packets_of(self.source, tracks, self.damage.append)):
            assert packet.dts is not None  # set by `with_decoding_times`
            shift = round(self.origin_s / packet.time_base)
            packet.dts -= shift
            if packet.pts is not None:
                packet.pts -= shift
            if packet.is_discard and packet.stream.index in hidden:
                if packet.stream.type != "audio" or packet.dts + 2 * (packet.duration or 0) <= 0:
                    continue  # the last packet of sound before the cut primes the decoder
            else:
                hidden.discard(packet.stream.index)
            if packet.stream.type == "audio":
                begins, ends = newest.get(packet.stream.index, (packet.dts - 1, packet.dts))
                if packet.dts <= begins:
                    packet.pts = packet.dts = ends
                elif ends > begins + 1 and (packet.dts - ends) * packet.time_base > MIN_GAP_S:
                    self.lost.append((ends * packet.time_base, packet.dts * packet.time_base))
                newest[packet.stream.index] = packet.dts, packet.dts + max(packet.duration or 0, 1)
            if self._has_early or packet.dts >= 0 or packet.stream.type != "audio":
                yield packet

    @staticmethod
    def _time_of(packet: "_Packet") -> Fraction:
        assert packet.dts is not None
        return packet.dts * packet.time_base


def with_decoding_times(packets: "Iterator[_Packet]") -> "Iterator[_Packet]":
    """Add missing decoding times.

    Matroska stores only presentation times, and FFmpeg knows the decoding times of the first
    packets only later. They get the ticks before the first known time. A track without one in
    MAX_UNTIMED packets is assumed to be decoded in presentation order. Of times below 0 it knows
    neither: those packets end where the first known one begins."""
    waiting: dict[int, list[_Packet]] = {}
    untimed: set[int] = set()
    for packet in packets:
        if packet.time_base is None or not packet.size:  # the end of a track
            continue
        before = waiting.setdefault(packet.stream.index, [])
        if packet.dts is None and packet.stream.index in untimed:
            packet.dts = packet.pts
            if packet.dts is None:
                continue
        if packet.dts is None:
            before.append(packet)
            if len(before) == MAX_UNTIMED:
                untimed.add(packet.stream.index)
                yield from _in_presentation_order(before)
                before.clear()
            continue
        dts = packet.dts or 0
        for early in reversed(before):
            dts -= 1 if early.pts is not None else max(early.duration or 0, 1)
            early.dts = dts
            early.pts = dts if early.pts is None else early.pts
        yield from before
        before.clear()
        yield packet
    for left in waiting.values():  # very short tracks
        yield from _in_presentation_order(left)


def _in_presentation_order(packets: "list[_Packet]") -> "Iterator[_Packet]":
    for packet in packets:
        packet.dts = packet.pts
        if packet.dts is not None:
            yield packet


def begins_between_keys(container: InputContainer) -> bool:
    """True if the first visible picture depends on pictures that the edit list hides (it is no
    keyframe)."""
    if "mov" not in container.format.name:
        return False
    visible = (packet for packet in container.demux(video=0) if not packet.is_discard)
    return not next((packet.is_keyframe or not packet.size for packet in visible), True)


def can_hold(container: str, stream: Stream) -> bool:
    """True if FFmpeg can write such a stream into such a container. FFmpeg fails only when it
    writes the header."""
    return header_of(container, stream) is not None


def header_of(container: str, stream: Stream, **options: str) -> bytes | None:
    """The header of a file with only such a stream, as FFmpeg writes it; None if this container
    cannot hold it."""
    written = io.BytesIO()
    with av.open(written, "w", format=container, options=options) as trial:
        try:
            _add_like(trial, stream)
            trial.start_encoding()
            return written.getvalue()
        except (ValueError, av.error.FFmpegError):
            return None


def _add_like(into: OutputContainer, stream: Stream) -> Stream:
    """Add a stream to `into` that holds packets like this one's. ValueError, FFmpegError."""
    try:
        return into.add_stream_from_template(stream)
    except UnknownCodecError:  # it looks for an encoder called like the decoder: AV1's is libdav1d
        return into.add_stream_from_template(stream, opaque=True)


def timecode_of(container: InputContainer) -> str:
    """The timecode of the file's first picture, such as 10:00:00:00, or ""."""
    tags = [container.metadata, *(stream.metadata for stream in container.streams)]
    return next((each[name] for each in tags for name in each if name.lower() == "timecode"), "")


def track_name(stream: Stream) -> str:
    """A name for the user: sound track 2 (deu, aac, 6 channels), counted from 1."""
    alike = [each.index for each in stream.container.streams if each.type == stream.type]
    facts = [stream.language or "", codec_name(stream)]
    if isinstance(stream, AudioStream) and stream.codec_context and stream.channels:
        facts.append(f"{stream.channels} channels" if stream.channels > 1 else "mono")
    kind = "sound" if stream.type == "audio" else stream.type
    return f"{kind} track {alike.index(stream.index) + 1} ({', '.join(filter(None, facts))})"


def codec_name(stream: Stream) -> str:
    codec = stream.codec_context
    return codec.codec.canonical_name if codec else getattr(stream, "name", "") or "unknown"


def at_times(spans: list[Span]) -> str:
    """Text for a note: at 3.57-3.81 s, 7.00-7.26 s and 2 more, after the first four. Spans that
    touch are one."""
    merged: list[Span] = []
    for begin_s, end_s in sorted(spans):
        if merged and begin_s <= merged[-1][1] + MIN_GAP_S:
            begin_s, end_s = merged[-1][0], max(merged.pop()[1], end_s)
        merged.append((begin_s, end_s))
    text = ", ".join(f"{float(begin_s):.2f}-{float(end_s):.2f} s" for begin_s, end_s in merged[:4])
    return f"at {text}" + f" and {len(merged) - 4} more" * (len(merged) > 4)
