"""Writes what a video has besides its pictures: sound, subtitles, chapters, timecode, tags.

Everything is copied if the container can hold it. Sound that cannot be copied, or of which a
broadcast lost packets, is encoded, silent where it was lost. The rest is left out, with a note.

The source is read a second time, never beyond the pictures. Time 0 is the start of the source, as
for the pictures.
"""

import itertools
import operator
import re
from collections.abc import Callable, Iterator
from contextlib import suppress
from fractions import Fraction
from pathlib import Path

import av.error
from av.audio.frame import AudioFrame
from av.audio.stream import AudioStream
from av.container import InputContainer, OutputContainer
from av.filter import Graph
from av.stream import Stream
from av.video.stream import VideoStream

from engine.sinks.generation_info import GenerationInfo
from engine.sinks.movie_file import AAC_RATES_HZ, BIT_RATE_PER_CHANNEL, Format
from engine.sources import stream_copy
from engine.system.media_file import is_broadcast, is_deep, open_media, packets_of

OPUS_RATE_HZ = 48_000
# in a broadcast, whose times are exact: a lost packet is 21 ms of AAC
MIN_LOST_S = stream_copy.MIN_GAP_S / 2
RAW = "pcm_"
COUNTED = ("mov", "avi")
"""Containers without timestamps for raw samples, which are played back to back, without gaps."""
# some encoders do not support the channel order of more channels; they are mixed down to two
CHANNELS = {"aac": 2, "libopus": 2}
SAME = ("ac3", "eac3", "mp2")  # encoded as they were, with all channels
NAMES = {"aac": "AAC", "ac3": "AC-3", "eac3": "E-AC-3", "mp2": "MP2", "libopus": "Opus",
    "pcm_s16le": "PCM",
         "pcm_s24le": "PCM in 24 bits"}  # fmt: skip
TIMECODE = r"(\d\d:){3}\d\d"
DROP_FRAME = r"\d\d:\d\d:\d\d[:;.]\d\d"
DROP_FPS = (30, 60)  # 29.97 and 59.94. At another rate FFmpeg fails to write the video's header
NOT_OURS = ("encoder", "major_brand", "minor_version", "compatible_brands", "duration", "timecode")
"""Tags of the source that describe its file rather than the video; the timecode is one of the
pictures."""


class SourceTracks:
    """Copies or encodes the source's other tracks into the new video. FFmpegError or OSError if
    that fails. `notes`, complete after `finish`, say what is encoded, lost or left out."""

    def __init__(
        self,
        source: Path | str,
        into: OutputContainer,
        pictures: Stream,
        form: Format,
        *,
        file_name: str,
        rate: Fraction | None,
        end_s: Fraction | None = None,
    ) -> None:
        """`pictures`, `rate`: the new ones, and how many per second; None if some are skipped.
        `file_name`: that of `into`, for notes. `end_s`: nothing is written beyond; None: not
        known."""
        self.notes: list[str] = []
        self._path = source
        self._into = into
        self._form = form
        self._file_name = file_name
        self._copy = stream_copy.StreamCopy(source, into, has_early=not form.has_fixed_rate)
        self._encoded: list[EncodedTrack] = []
        container = self._copy.source
        left_out = []
        best = container.streams.best("video")
        self.metadata = container.metadata
        for track in container.streams:
            if (
                isinstance(track, AudioStream)
                and track.codec_context is not None
                and track.rate
                and track.channels
            ):
                self._add_sound(track, end_s)
            elif track.type == "subtitle":
                left_out += [] if self._copy.add(track) else [stream_copy.track_name(track)]
            elif track is not best and not (track.type == "data" and "timecode" in track.metadata):
                left_out += [] if self._copy.is_chapters(track) else [stream_copy.track_name(track)]
        chapters = self._copy.chapters(end_s)
        timecode = stream_copy.timecode_of(container)
        if chapters and not form.has_fixed_rate:
            into.set_chapters(chapters)
        elif chapters:
            left_out.append("chapters")
        # it counts pictures: two per frame if they were fields
        if rate is not None and isinstance(best, VideoStream):
            count = round(rate / (best.average_rate or rate))
            timecode = re.sub(r"\d\d$", lambda frame: f"{int(frame[0]) * count:02}", timecode)
        form_of_time = DROP_FRAME if rate is not None and round(rate) in DROP_FPS else TIMECODE
        if rate is not None and not form.has_fixed_rate and re.fullmatch(form_of_time, timecode):
            pictures.metadata["timecode"] = timecode
        elif timecode:
            left_out.append(f"timecode {timecode}")
        if left_out:
            self._note(f"leaves out: {', '.join(left_out)}")

    def write_until(self, end_s: Fraction | None) -> None:
        """Write everything that begins before this time; None for the whole rest."""
        self._copy.copy_until(end_s)
        for track in self._encoded:
            track.write_until(end_s)

    def finish(self) -> None:
        """Flush the encoders, note what is lost of the sound, and close the source."""
        for track in self._encoded:
            track.finish()
        for lost, note in (
            (self._copy.lost, ""),
            *((track.lost, track.reencoding_note) for track in self._encoded),
        ):
            if lost:
                self._note(
                    f"its sound is silent {stream_copy.at_times(lost)}, where the source has "
                    f"none{note}"
                )
        if self._copy.refused:
            self._note(
                f"leaves out subtitles {stream_copy.at_times(self._copy.refused)}, which are "
                "damaged in the source"
            )
        if self._copy.damage:
            self._note(f"its sound is damaged in the source ({self._copy.damage[0]})")
        self.close()

    def close(self) -> None:
        for source in (self._copy.source, *(track.source for track in self._encoded)):
            source.close()

    def _note(self, text: str) -> None:
        self.notes.append(f"{self._file_name}: {text}")

    def _add_sound(self, track: AudioStream, end_s: Fraction | None) -> None:
        codec = stream_copy.codec_name(track)
        kind = self._into.format.name
        # FFmpeg writes raw samples into MP4 and any sound into AVI, but players cannot read them.
        is_readable = kind != "avi" and not (kind in ("mp4", "mov") and codec.startswith(RAW))
        can_be_copied = is_readable and stream_copy.can_hold(kind, track)
        if can_be_copied and is_whole(self._path, track.index, end_s):
            self._copy.add(track)
            return
        is_raw = codec.startswith(RAW) and kind in COUNTED and codec in self._into.supported_codecs
        own = codec if is_raw or (can_be_copied and codec in SAME) else self._form.sound
        own = "pcm_s24le" if own == "pcm_s16le" and is_deep(track) else own
        encoded = EncodedTrack(self._path, track.index, self._into, own, self._copy.damage.append)
        self._encoded.append(encoded)
        note = f"it is re-encoded as {encoded.description}"
        if can_be_copied:
            encoded.reencoding_note = f"; {note}"
        elif not is_raw:
            self._note(f"its sound ({codec}) cannot be copied into this format: {note}")


class EncodedTrack:
    """One audio track, decoded and encoded. Gaps in its timestamps become silence, so that it stays
    in sync."""

    def __init__(
        self,
        source: Path | str,
        index: int,
        into: OutputContainer,
        codec: str,
        on_damage: Callable[[str], object],
    ) -> None:
        self.lost: list[stream_copy.Span] = []
        """Gaps in the source, which are silent."""
        self.reencoding_note = ""
        """End of a note on them."""
        self._into = into
        self.source = open_media(source)
        track = self.source.streams[index]
        assert isinstance(track, AudioStream)
        channels = track.channels
        is_mixed = channels > CHANNELS.get(codec, channels)
        layout = (
            "mono"
            if channels == 1
            else "stereo"
            if is_mixed or channels == 2
            else track.layout.name
        )
        keeps_rate = codec != "libopus" and (codec != "aac" or track.rate in AAC_RATES_HZ)
        rate = track.rate if keeps_rate else OPUS_RATE_HZ
        self.description = NAMES.get(codec, codec) + " in stereo" * is_mixed
        written = into.add_stream(codec, rate=rate, layout=layout)
        assert isinstance(written, AudioStream)
        self._written = written
        if codec in CHANNELS:
            self._written.bit_rate = BIT_RATE_PER_CHANNEL * min(channels, 2)
        elif codec in SAME and track.bit_rate:  # not known if its headers are damaged
            self._written.bit_rate = track.bit_rate
        self._written.metadata.update(track.metadata)
        self._frames = _fill_gaps(
            _timed_frames(self.source, track, self.lost, on_damage), rate, layout
        )
        self._waiting: list[AudioFrame] = []

    def write_until(self, end_s: Fraction | None) -> None:
        waiting = self._waiting
        self._waiting = []
        for frame in itertools.chain(waiting, self._frames):
            if end_s is not None and _start_of(frame) >= end_s:
                self._waiting = [frame]
                break
            self._into.mux(self._written.encode(frame))

    def finish(self) -> None:
        self._into.mux(self._written.encode(None))


def is_whole(source: Path | str, index: int, end_s: Fraction | None) -> bool:
    """True if no broadcast lost packets of this sound track before `end_s`. Decodes 700 s of AAC in
    a second; of other files nothing is read."""
    with open_media(source) as opened:
        track = opened.streams[index]
        lost = list[stream_copy.Span]()
        assert isinstance(track, AudioStream)
        for frame in (
            _timed_frames(opened, track, lost, lambda reason: None) if is_broadcast(opened) else ()
        ):
            if lost or (end_s is not None and _start_of(frame) >= end_s):
                break
        return not lost


def video_tags(generation: GenerationInfo | None, tracks: SourceTracks | None) -> dict[str, str]:
    """Tags for the new video: those of the source, and in the comment, before its own, how it was
    made."""
    tags = {name.lower(): text for name, text in tracks.metadata.items()} if tracks else {}
    if generation is not None:
        tags["comment"] = "\n\n".join(filter(None, (generation.text, tags.get("comment"))))
    return {name: text for name, text in tags.items() if name not in NOT_OURS}


def _timed_frames(
    source: InputContainer,
    track: AudioStream,
    lost: list[stream_copy.Span],
    on_damage: Callable[[str], object],
) -> Iterator[AudioFrame]:
    """Frames with times in samples from 0, and `lost` gets the gaps between them. If times go back,
    a frame is placed after the previous one, as for pictures."""
    is_lossy = is_broadcast(source)
    origin_s = Fraction(source.start_time or 0, 1_000_000)
    begins_s: Fraction | None = None
    ends_s = Fraction(0)
    for frame in _decode(source, track, on_damage):
        at_s = ends_s
        if frame.pts is not None and frame.time_base:
            at_s = frame.pts * Fraction(frame.time_base) - origin_s
            if begins_s is not None and at_s <= begins_s:
                at_s = ends_s
        previous_end_s = ends_s
        begins_s = at_s
        ends_s = at_s + Fraction(frame.samples, frame.sample_rate)
        if previous_end_s and at_s - previous_end_s > (
            MIN_LOST_S if is_lossy else stream_copy.MIN_GAP_S
        ):
            # Decoders overlap frames: behind a loss the first one still has the sound from before
            # it, as a crackle.
            lost.append((previous_end_s, ends_s if is_lossy else at_s))
            if is_lossy:
                continue
        frame.pts, frame.time_base = round(at_s * frame.sample_rate), Fraction(1, frame.sample_rate)
        yield frame


def _decode(
    source: InputContainer, track: AudioStream, on_damage: Callable[[str], object]
) -> Iterator[AudioFrame]:
    is_torn = False
    for packet in packets_of(source, track, on_damage):
        is_torn = is_torn and packet.pos is None
        # its time is that of the packet before it and its length, so it is unknown what is missing
        if is_torn:
            continue
        try:
            yield from track.decode(packet)
        except av.error.FFmpegError:  # the gap becomes silence
            is_torn = True


def _fill_gaps(frames: Iterator[AudioFrame], rate: int, layout: str) -> Iterator[AudioFrame]:
    """Frames without gaps, from time 0 on."""
    begins = 0  # in samples
    kind_of = operator.attrgetter("sample_rate", "format.name", "layout.name")
    for _, alike in itertools.groupby(frames, kind_of):  # a broadcast may change its channel layout
        for even in _without_gaps(alike, rate, layout, begins):
            begins = (even.pts or 0) + even.samples
            yield even


def _start_of(frame: AudioFrame) -> Fraction:
    assert frame.pts is not None and frame.time_base is not None  # the filter sets both
    return frame.pts * Fraction(frame.time_base)


def _without_gaps(
    frames: Iterator[AudioFrame], rate: int, layout: str, begins: int
) -> Iterator[AudioFrame]:
    """Frames of one kind without gaps, from sample `begins` on."""
    graph: Graph | None = None
    for frame in frames:
        graph = graph or _graph_for(frame, rate, layout, begins)
        yield from _filter(graph, frame)
    if graph is not None:
        yield from _filter(graph, None)


def _graph_for(first: AudioFrame, rate: int, layout: str, begins: int) -> Graph:
    graph = Graph()
    source = graph.add_abuffer(
        sample_rate=first.sample_rate,
        format=first.format.name,
        layout=first.layout.name,
        time_base=Fraction(1, first.sample_rate),
    )
    # async=1 fills gaps in the timestamps with silence and drops overlaps.
    even = graph.add(
        "aresample",
        f"{rate}:async=1:min_hard_comp={float(stream_copy.MIN_GAP_S)}:first_pts={begins}",
    )
    mixed = graph.add("aformat", f"channel_layouts={layout}")
    graph.link_nodes(source, even, mixed, graph.add("abuffersink")).configure()
    return graph


def _filter(graph: Graph, frame: AudioFrame | None) -> Iterator[AudioFrame]:
    graph.push(frame)
    with suppress(av.error.BlockingIOError, av.error.EOFError):
        while isinstance(even := graph.pull(), AudioFrame):
            yield even
