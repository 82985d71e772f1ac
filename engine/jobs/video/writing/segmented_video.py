"""Writes a video in closed segments, merged at the end without re-encoding: a kill loses at most
one segment.

    .out.mp4.partial/    lock, journal.jsonl, segment_000000.mp4, segment_000001.mp4, ...

The length of a segment depends only on the job, and each is encoded separately: an interrupted and
resumed run gives the same packets as an uninterrupted one.
"""

import math
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import asdict, dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import av.error
import msgspec
import numpy as np
from av.container import OutputContainer
from av.packet import Packet
from av.video.stream import VideoStream

from engine.errors import MultiverseError, SinkError, SourceError
from engine.jobs.kit.job_folder import JobFolder, Shape
from engine.jobs.kit.resuming import mark_of
from engine.jobs.video.job import VideoJob
from engine.sinks.generation_info import GenerationInfo
from engine.sinks.movie_file import SAME_BYTES, container_of
from engine.sinks.picture_video import INDEX_IN_FRONT, VIDEO_FORMATS, PictureVideo, tick_of
from engine.sinks.source_tracks import SourceTracks, video_tags
from engine.sources.pictures import InputPicture, Pictures
from engine.system.atomic_file import MAX_JOB_WAIT_S, move_into_place, remove_file
from engine.system.file_names import name_for_ffmpeg
from engine.system.work_folder import sha256_of

SEGMENT_PICTURES = (
    32  # in whole batches; the most that a kill can lose. There is a key frame every second anyway
)

NOTED_LATE_S = 0.1  # EBU R37 allows sound to be off by 40 to 60 ms
SQUARE_ONLY = (
    ".webm",
)  # VP9 does not store a pixel aspect ratio, and PyAV cannot set the container's


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


SEGMENTS: tuple[Shape, ...] = ({"segment": VideoSegment}, {"published": list[int]})
"""The shapes of its journal entries."""


class SegmentedVideo:
    """A VideoOutput that writes a video; see outputs.py."""

    def __init__(
        self,
        job: VideoJob,
        pictures: Pictures,
        size: tuple[int, int],
        work: JobFolder,
        metadata: Callable[[], GenerationInfo | None],
        *,
        is_resumed: bool,
    ) -> None:
        """`metadata()` is called at the end. `is_resumed`: continue with the segments recorded in
        `work`."""
        self.path = work.output
        self.notes: list[str] = []
        self._job = job
        self._pictures = pictures
        self._size = size
        self.work = work
        self._metadata = metadata
        self._suffix = self.path.suffix.lower()
        self._tick_s = tick_of(self.path, pictures.video_format, job.every)
        self._segment_pictures = job.batch * max(1, round(SEGMENT_PICTURES / job.batch))
        self._segments: list[VideoSegment] = []
        self._is_live = pictures.kind == "live"
        self._is_unmerged = False
        """True if a live recording could not be merged and stays in segments."""
        self._published: list[Any] | None = None
        """Mark (size and time) of the file that an interrupted run published under our name."""
        self._video: PictureVideo | None = None
        self._count = 0
        self._first = 0
        self._newest = 0
        """State of the current segment."""
        self._latest_s = Fraction(0)
        aspect = pictures.video_format.pixel_aspect
        if self._suffix in SQUARE_ONLY and aspect != 1:
            squares = f"its pixels are square, the source's have the aspect {aspect}"
            self.notes.append(f"{self.path.name}: {squares}; .mkv keeps that")
        if is_resumed:
            self._resume()
        self.done = sum(segment.pictures for segment in self._segments)
        self.resumable = self.done

    def add(self, picture: InputPicture, pixels: np.ndarray) -> None:
        with self.work.one_line():
            self.work.begin()
            at = round(picture.start_s / self._tick_s)
            if self._video is None:
                self._video = self._open(len(self._segments))
                self._count = 0
                self._first = max(at, self._segments[-1].last + 1) if self._segments else at
            self._newest = max(at, self._newest + 1) if self._count else self._first
            start_s = (self._newest - self._first) * self._tick_s
            self._video.add(pixels, start_s, start_s + self._length_of(picture))
            self._latest_s = max(self._latest_s, self._newest * self._tick_s - picture.start_s)
            self._count += 1
            self._last = picture
            if self._count == self._segment_pictures:
                self._close_segment(is_journaled=True)

    def finish(self, *, is_whole: bool) -> None:
        is_done = is_whole or self._is_live
        with self.work.one_line():
            if self._video is not None:
                self._close_segment(is_journaled=is_done)
            if self._segments:
                self._join(is_whole=is_whole, is_done=is_done)
            if self._latest_s > NOTED_LATE_S:
                self.notes.append(
                    f"{self.path.name}: has one rate, and the source's pictures come unevenly: "
                    "some are shown up to "
                    f"{float(self._latest_s):.1f} s late; .mkv keeps their times"
                )
            if is_done:
                self.work.remove()
            else:
                self.work.close()

    def abandon(self) -> None:
        if self._video is not None:
            self._video.discard()
            self._video = None
        if self._is_live and self._segments:
            self._rescue()
        else:
            self.work.close()

    def _resume(self) -> None:
        damaged: list[VideoSegment] = []
        for entry in self.work.entries():
            if "published" in entry:
                self._published = entry["published"]
                continue
            segment = msgspec.convert(entry["segment"], VideoSegment)
            if damaged or not _is_whole(self.work.path / segment.name, segment):
                damaged.append(segment)
            else:
                self._segments.append(segment)
        if damaged:
            behind = f" and the {len(damaged) - 1} after it" if len(damaged) > 1 else ""
            self.notes.append(
                f"{self.work.path / damaged[0].name}: is damaged or gone; it{behind} "
                f"{'are' if behind else 'is'} painted again "
                f"({sum(each.pictures for each in damaged)} pictures)"
            )
        entries: list[dict[str, Any]] = [{"segment": asdict(segment)} for segment in self._segments]
        self.work.resume(entries + [{"published": self._published}] * bool(self._published))
        self.work.remove_all_but(segment.name for segment in self._segments)

    def _open(self, number: int) -> PictureVideo:
        return PictureVideo(
            self.work.path / f"segment_{number:06d}{self._suffix}",
            size=self._size,
            video_format=self._pictures.video_format,
            every=self._job.every,
            displayed_path=self.path,
            is_piece=True,
        )

    def _close_segment(self, *, is_journaled: bool) -> None:
        video = self._video
        last = self._last
        assert video is not None
        video.finish()
        self._video = None
        segment = VideoSegment(
            name=video.path.name,
            size_bytes=video.path.stat().st_size,
            sha256=sha256_of(video.path),
            pictures=self._count,
            first=self._first,
            last=self._newest,
            last_number=last.number,
            last_length_s=str(self._length_of(last)),
        )
        self._segments.append(segment)
        if is_journaled:
            self.work.append({"segment": asdict(segment)})
            self.resumable += 0 if self._is_live else self._count

    def _length_of(self, picture: InputPicture) -> Fraction:
        """Seconds for which the source shows a picture, in whole ticks; the source's reader ends
        half a tick early."""
        tick_s = self._pictures.video_format.time_base
        return math.ceil((picture.end_s - picture.start_s) / tick_s) * tick_s

    def _join(self, *, is_whole: bool, is_done: bool) -> None:
        """Join all segments and publish the video. A live source cannot be repeated: if joining
        fails, the segments stay, and the error names their folder."""
        whole = self.work.path / f"whole{self._suffix}"
        try:
            with self.work.one_line():
                count = sum(segment.pictures for segment in self._segments)
                self._write_merged(whole, has_all_sound=is_whole and count != self._job.frames)
                self._publish(whole, is_done=is_done)
        except BaseException as error:
            with suppress(OSError):
                remove_file(
                    whole, missing_ok=True
                )  # on a full disk the incomplete file occupies the missing space
            self._is_unmerged = self._is_live
            if self._is_live and isinstance(error, MultiverseError):
                raise SinkError(
                    f"{error}; the recording is kept as videos in {self.work.path}"
                ) from error
            raise

    def _write_merged(self, path: Path, *, has_all_sound: bool) -> None:
        """Copy the packets of all segments and the source's sound: to its end, or else to the end
        of the pictures. FFmpegError or OSError if it cannot be written; the caller then removes the
        incomplete file."""
        tick_s = self._tick_s
        video_format = self._pictures.video_format
        last = self._segments[-1]
        # The last picture is also shown for the pictures skipped after it.
        periods = min(self._job.every, max(self._pictures.counts.decoded - last.last_number, 1))
        end_s = last.last * tick_s + periods * Fraction(last.last_length_s)
        form = container_of(path)
        # Edit lists, which hold the start times, use this clock; in milliseconds they would be
        # rounded.
        options = (
            INDEX_IN_FRONT | {"movie_timescale": str(_clock_hz(tick_s))}
            if form in ("mp4", "mov")
            else {}
        )
        container = av.open(name_for_ffmpeg(path), "w", format=form, options=SAME_BYTES | options)
        tracks: SourceTracks | None = None
        try:
            with av.open(name_for_ffmpeg(self.work.path / self._segments[0].name)) as first:
                stream = container.add_stream_from_template(first.streams.video[0])
            stream.time_base = stream.codec_context.time_base = tick_s
            stream.codec_context.framerate = video_format.rate / self._job.every
            stream.codec_context.sample_aspect_ratio = video_format.pixel_aspect
            if video_format.has_tracks:
                tracks = self._open_tracks(container, stream, None if has_all_sound else end_s)
            container.metadata.update(video_tags(self._metadata(), tracks))
            for packet in self._packets(round(end_s / tick_s)):
                if tracks is not None and packet.pts is not None:
                    tracks.write_until(packet.pts * tick_s)
                packet.stream = stream
                container.mux(packet)
            if tracks is not None:
                tracks.write_until(None if has_all_sound else end_s)
                tracks.finish()
                self.notes += tracks.notes
            container.close()
        except BaseException:
            with suppress(av.error.FFmpegError, OSError):  # this may be the step that failed
                container.close()
            raise
        finally:
            if tracks is not None:
                tracks.close()

    def _open_tracks(
        self, container: OutputContainer, pictures: VideoStream, end_s: Fraction | None
    ) -> SourceTracks:
        """SourceError if the source no longer exists. It is named by its label, which has no
        password."""
        form = VIDEO_FORMATS[self._suffix]
        rate = self._pictures.video_format.rate if self._job.every == 1 else None
        source = self._pictures.path
        name = self.path.name
        try:
            return SourceTracks(
                source, container, pictures, form, file_name=name, rate=rate, end_s=end_s
            )
        except (av.error.FFmpegError, OSError) as error:
            unread = f"{self._pictures.label}: its sound cannot be read ({error.strerror})"
            hint = "the pictures are kept: put the source back and continue with --resume"
            raise SourceError(f"{unread}; {hint}") from error

    def _packets(self, last_end: int) -> "Iterator[Packet[VideoStream]]":
        """The packets of all segments, with their times in the whole video. `last_end`: of the last
        picture."""
        ends = [segment.first for segment in self._segments[1:]] + [last_end]
        for segment, end in zip(self._segments, ends, strict=True):
            with av.open(name_for_ffmpeg(self.work.path / segment.name)) as opened:
                for packet in opened.demux(video=0):
                    if packet.pts is None or packet.time_base is None:  # end of the stream
                        continue
                    at = segment.first + round(packet.pts * packet.time_base / self._tick_s)
                    length = max(round((packet.duration or 0) * packet.time_base / self._tick_s), 1)
                    packet.time_base = self._tick_s
                    packet.pts = packet.dts = at  # no B-frames: no picture depends on a later one
                    packet.duration = max(end - at, 1) if at == segment.last else length
                    yield packet

    def _rescue(self) -> None:
        """After an error: publish the live recording so far as one video."""
        try:
            if not self._is_unmerged:
                self._join(is_whole=False, is_done=True)
                count = sum(segment.pictures for segment in self._segments)
                self.notes.append(
                    f"{self.path}: contains the {count} pictures finished before the error"
                )
        except MultiverseError as error:
            self.notes.append(str(error))
        finally:
            if self._is_unmerged:
                self.work.leave()
            else:
                self.work.remove()

    def _publish(self, whole: Path, *, is_done: bool) -> None:
        if self.path.exists() and not self._job.overwrite and mark_of(self.path) != self._published:
            hint = (
                ""
                if self._is_live
                else "; painted pictures are kept: --resume --overwrite replaces it"
            )
            raise SinkError(
                f"{self.path}: was created meanwhile by another program, and was not replaced{hint}"
            )
        if (
            not is_done
        ):  # journaled before the move, so that a later run recognises the file as ours
            self._published = mark_of(whole)
            self.work.append({"published": self._published})
        move_into_place(whole, self.path, timeout_s=MAX_JOB_WAIT_S)


def _is_whole(file: Path, segment: VideoSegment) -> bool:
    """True if the checksum matches: after a power cut or disk failure a damaged file may have the
    right size."""
    try:
        return file.stat().st_size == segment.size_bytes and sha256_of(file) == segment.sha256
    except OSError:
        return False


def _clock_hz(tick_s: Fraction) -> int:
    """Clock rate of the movie in which ticks are integers, at least as fine as FFmpeg's own."""
    hz = tick_s.denominator
    while hz < 1000:
        hz *= 2
    return hz
