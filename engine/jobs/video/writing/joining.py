"""Joins segments and the source's sound into one video by copying packets, without re-encoding."""

import contextlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
from av.container import OutputContainer
from av.packet import Packet
from av.video.stream import VideoStream

from engine.errors import SourceError
from engine.jobs.video.writing.source_sound import SourceSound
from engine.sinks.made_with import MadeWith
from engine.sinks.movie_file import SAME_BYTES, container_of
from engine.sinks.picture_video import INDEX_IN_FRONT
from engine.system.file_names import name_for_ffmpeg

NOT_OURS = ("encoder", "major_brand", "minor_version", "compatible_brands", "duration")
"""Tags of the source that describe its file rather than the film."""


@dataclass(frozen=True, slots=True, kw_only=True)
class VideoSegment:
    """A closed part of a video in its own file; its first picture is at time 0."""

    name: str
    size_bytes: int
    sha256: str
    pictures: int
    first: int
    """Times of its first and last picture in the whole video, in ticks."""
    last: int
    last_number: int
    """Number of its last picture in the source."""
    last_length_s: str
    """Duration of that picture in the source, a fraction as text."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Joining:
    folder: Path
    """The folder of the segments."""
    segments: Sequence[VideoSegment]
    tick_s: Fraction
    rate: Fraction
    """Average pictures per second."""
    pixel_aspect: Fraction
    end_s: Fraction
    """End of the last picture."""
    sound_from: Path | str | None
    sound_label: str
    """Name of the source in messages; unlike an address it contains no password."""
    made_with: MadeWith | None
    """Written as the film's comment, before that of the source."""
    is_all: bool
    """True to copy the source's sound to its end, instead of to the end of the pictures."""


def join(job: Joining, path: Path, shown: Path) -> list[str]:
    """Write the whole video to `path`; returns notes. av.FFmpegError or OSError if it cannot be written; the caller
    then removes the incomplete file. `shown`: its name in notes."""
    suffix, form = path.suffix.lower(), container_of(path)
    sound: SourceSound | None = None
    # Edit lists, which hold the start times, use this clock; in milliseconds they would be rounded.
    options = INDEX_IN_FRONT | {"movie_timescale": str(_clock_hz(job.tick_s))} if form in ("mp4", "mov") else {}
    container = av.open(name_for_ffmpeg(path), "w", format=form, options=SAME_BYTES | options)
    try:
        with av.open(name_for_ffmpeg(job.folder / job.segments[0].name)) as first:
            stream = container.add_stream_from_template(first.streams.video[0])
        stream.time_base = stream.codec_context.time_base = job.tick_s
        stream.codec_context.framerate, stream.codec_context.sample_aspect_ratio = job.rate, job.pixel_aspect
        tags: dict[str, str] = {}
        if job.sound_from is not None:
            sound = _open_sound(job.sound_from, job.sound_label, container, suffix, shown)
            tags = {name.lower(): text for name, text in sound.metadata.items() if name.lower() not in NOT_OURS}
        if job.made_with is not None:
            tags["comment"] = "\n\n".join((job.made_with.text, *([tags["comment"]] if "comment" in tags else [])))
        container.metadata.update(tags)
        for packet in _packets(job):
            if sound is not None and packet.pts is not None:
                sound.write_until(packet.pts * job.tick_s)
            packet.stream = stream
            container.mux(packet)
        if sound is not None:
            sound.write_until(None if job.is_all else job.end_s)
            sound.finish()
        container.close()
    except BaseException:
        with contextlib.suppress(av.FFmpegError, OSError):  # this may be the step that failed
            container.close()
        raise
    finally:
        if sound is not None:
            sound.close()
    return [] if sound is None else sound.notes


def _open_sound(source: Path | str, label: str, container: OutputContainer, suffix: str, shown: Path) -> SourceSound:
    """SourceError if the source no longer exists."""
    try:
        return SourceSound(source, container, suffix, shown.name)
    except (av.FFmpegError, OSError) as error:
        raise SourceError(
            f"{label}: its sound cannot be read ({error.strerror}); the pictures are kept: put the source back and "
            "continue with --resume"
        ) from error


def _packets(job: Joining) -> "Iterator[Packet[VideoStream]]":
    """The packets of all segments, with their times in the whole video."""
    ends = [segment.first for segment in job.segments[1:]] + [round(job.end_s / job.tick_s)]
    for segment, end in zip(job.segments, ends, strict=True):
        with av.open(name_for_ffmpeg(job.folder / segment.name)) as container:
            for packet in container.demux(video=0):
                if packet.pts is None or packet.time_base is None:  # end of the stream
                    continue
                at = segment.first + round(packet.pts * packet.time_base / job.tick_s)
                length = max(round((packet.duration or 0) * packet.time_base / job.tick_s), 1)
                packet.time_base = job.tick_s
                packet.pts = packet.dts = at  # no B-frames: no picture depends on a later one
                packet.duration = max(end - at, 1) if at == segment.last else length
                yield packet


def _clock_hz(tick_s: Fraction) -> int:
    """Clock rate of the movie in which ticks are integers, at least as fine as FFmpeg's own."""
    hz = tick_s.denominator
    while hz < 1000:
        hz *= 2
    return hz
