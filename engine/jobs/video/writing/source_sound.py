"""Writes the source's sound for the new pictures: copied if the container supports the codec, else re-encoded.

The source is read a second time, never beyond the pictures. Time 0 is the start of the source, as for the pictures.
"""

import contextlib
import itertools
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import av
from av.audio.frame import AudioFrame
from av.audio.stream import AudioStream
from av.container import OutputContainer
from av.filter import Graph

from engine.sinks.movie_file import AAC_RATES_HZ, BIT_RATE_PER_CHANNEL
from engine.sinks.picture_video import VIDEO_FORMATS
from engine.sources.stream_copy import StreamCopy
from engine.system.media_file import open_media

OPUS_RATE_HZ = 48_000
RAW = "pcm_"
COUNTED = (".mov", ".avi")
"""Containers without timestamps for raw samples, which are played back to back, without gaps."""
MIN_GAP_S = 0.03  # between timestamps; smaller gaps are the container's rounding
# some encoders do not support the channel order of more channels; they are mixed down to two
CHANNELS = {
    "aac": 2,
    "libopus": 2,
}
NAMES = {"aac": "AAC", "libopus": "Opus", "pcm_s16le": "PCM"}


class SourceSound:
    """av.FFmpegError or OSError if it cannot be written; read errors are reported in `notes`."""

    def __init__(self, source: Path | str, into: OutputContainer, suffix: str, shown: str) -> None:
        """`suffix`: container of `into`; `shown`: its name in notes."""
        self.notes: list[str] = []
        form = VIDEO_FORMATS[suffix]
        self._shown = shown
        self._copy = StreamCopy(source, into, has_early=not form.has_fixed_rate)
        self._encoded: list[EncodedTrack] = []
        for track in self._copy.streams.audio:
            if _plays_in(suffix, track) and self._copy.add(track):
                continue
            codec = track.codec.canonical_name
            is_same = codec.startswith(RAW) and suffix in COUNTED and codec in into.supported_codecs
            self._encoded.append(EncodedTrack(source, track.index, into, codec if is_same else form.sound))
            if not is_same:
                self.notes.append(
                    f"{shown}: its sound ({codec}) cannot be copied into this format: it is re-encoded as "
                    f"{self._encoded[-1].description}"
                )

    @property
    def metadata(self) -> dict[str, str]:
        """Metadata tags of the source."""
        return self._copy.metadata

    def write_until(self, end_s: Fraction | None) -> None:
        """Write everything that begins before this time; None for the whole rest."""
        self._copy.copy_until(end_s)
        for track in self._encoded:
            track.write_until(end_s)

    def finish(self) -> None:
        """Flush the encoders."""
        for track in self._encoded:
            track.finish()
        damage = next(filter(None, [self._copy.damage, *(track.damage for track in self._encoded)]), "")
        if damage:
            self.notes.append(f"{self._shown}: its sound ends where the source is damaged ({damage})")

    def close(self) -> None:
        self._copy.close()
        for track in self._encoded:
            track.close()


class EncodedTrack:
    """One audio track, decoded and encoded. Gaps in its timestamps become silence, so that it stays in sync."""

    def __init__(self, source: Path | str, index: int, into: OutputContainer, codec: str) -> None:
        self.damage = ""
        """Reason why the track could not be read to its end; "" if it could."""
        self._into = into
        self._source = open_media(source)
        self._origin_s = Fraction(self._source.start_time or 0, 1_000_000)
        track = self._source.streams[index]
        assert isinstance(track, AudioStream)
        self._track = track
        channels = track.channels
        is_mixed = channels > CHANNELS.get(codec, channels)
        layout = "mono" if channels == 1 else "stereo" if is_mixed or channels == 2 else track.layout.name
        rate = _rate_for(codec, track.rate)
        self.description = NAMES.get(codec, codec) + " in stereo" * is_mixed
        written = into.add_stream(codec, rate=rate, layout=layout)
        assert isinstance(written, AudioStream)
        self._written = written
        if codec in CHANNELS:
            self._written.bit_rate = BIT_RATE_PER_CHANNEL * min(channels, 2)
        self._written.metadata.update(track.metadata)
        self._frames = self._even(rate, layout)
        self._next: AudioFrame | None = None
        self._is_begun = False

    def write_until(self, end_s: Fraction | None) -> None:
        if not self._is_begun:
            self._is_begun = True
            self._next = next(self._frames, None)
        while self._next is not None and (end_s is None or _start_of(self._next) < end_s):
            self._into.mux(self._written.encode(self._next))
            self._next = next(self._frames, None)

    def finish(self) -> None:
        if self._is_begun:
            self._into.mux(self._written.encode(None))

    def close(self) -> None:
        self._source.close()

    def _even(self, rate: int, layout: str) -> Iterator[AudioFrame]:
        """Frames without gaps, from time 0 on."""
        begins = 0  # in samples
        for _, frames in itertools.groupby(self._timed(), _kind_of):  # a broadcast may change its channel layout
            for even in _without_gaps(frames, rate, layout, begins):
                begins = (even.pts or 0) + even.samples
                yield even

    def _timed(self) -> Iterator[AudioFrame]:
        """Frames with times in samples from 0. If times go back, a frame is placed after the previous one, as for
        pictures."""
        begins_s: Fraction | None = None
        ends_s = Fraction(0)
        for frame in self._decoded():
            at_s = ends_s
            if frame.pts is not None and frame.time_base:
                at_s = frame.pts * Fraction(frame.time_base) - self._origin_s
                if begins_s is not None and at_s <= begins_s:
                    at_s = ends_s
            begins_s, ends_s = at_s, at_s + Fraction(frame.samples, frame.sample_rate)
            frame.pts, frame.time_base = round(at_s * frame.sample_rate), Fraction(1, frame.sample_rate)
            yield frame

    def _decoded(self) -> Iterator[AudioFrame]:
        try:
            for packet in self._source.demux(self._track):
                with contextlib.suppress(av.InvalidDataError):  # the gap becomes silence
                    for frame in packet.decode():
                        assert isinstance(frame, AudioFrame)
                        yield frame
        except (av.FFmpegError, OSError) as error:
            self.damage = str(error.strerror)


def _start_of(frame: AudioFrame) -> Fraction:
    assert frame.pts is not None and frame.time_base is not None  # the filter sets both
    return frame.pts * Fraction(frame.time_base)


def _kind_of(frame: AudioFrame) -> tuple[int, str, str]:
    return frame.sample_rate, frame.format.name, frame.layout.name


def _without_gaps(frames: Iterator[AudioFrame], rate: int, layout: str, begins: int) -> Iterator[AudioFrame]:
    """Frames of one kind without gaps, from sample `begins` on."""
    graph: Graph | None = None
    for frame in frames:
        if graph is None:
            graph = _graph_for(frame, rate, layout, begins)
        graph.push(frame)
        yield from _pulled(graph)
    if graph is not None:
        graph.push(None)
        yield from _pulled(graph)


def _graph_for(first: AudioFrame, rate: int, layout: str, begins: int) -> Graph:
    graph = Graph()
    source = graph.add_abuffer(
        sample_rate=first.sample_rate,
        format=first.format.name,
        layout=first.layout.name,
        time_base=Fraction(1, first.sample_rate),
    )
    # async=1 fills gaps in the timestamps with silence and drops overlaps.
    even = graph.add("aresample", f"{rate}:async=1:min_hard_comp={MIN_GAP_S}:first_pts={begins}")
    mixed = graph.add("aformat", f"channel_layouts={layout}")
    sink = graph.add("abuffersink")
    source.link_to(even)
    even.link_to(mixed)
    mixed.link_to(sink)
    graph.configure()
    return graph


def _pulled(graph: Graph) -> Iterator[AudioFrame]:
    while True:
        try:
            frame = graph.pull()
        except (av.BlockingIOError, av.EOFError):
            return
        assert isinstance(frame, AudioFrame)
        yield frame


def _rate_for(codec: str, rate_hz: int) -> int:
    if codec == "libopus" or (codec == "aac" and rate_hz not in AAC_RATES_HZ):
        return OPUS_RATE_HZ
    return rate_hz


def _plays_in(suffix: str, track: AudioStream) -> bool:
    """False for sound that FFmpeg writes but players cannot read: raw samples in .mp4, any copied sound in .avi."""
    if suffix == ".avi":
        return False
    return not (suffix in (".mp4", ".m4v", ".mov") and track.codec.canonical_name.startswith(RAW))
