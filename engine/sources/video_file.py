"""A video file, looped endlessly at its own rate."""

from collections.abc import Iterator
from fractions import Fraction
from functools import partial
from pathlib import Path

from engine.errors import SourceError
from engine.sources.decoding import TimedPicture, read_first, read_pass
from engine.sources.pixels import to_rgb
from engine.sources.playout import PlayedSource, Shot
from engine.sources.source import SourceStatus
from engine.system.clock import Clock
from engine.system.media_file import unread_part_line
from engine.system.reporting import Report
from engine.values import VideoFrame

# 12/25 s arrives as the nearest float, which is just below the end of twelve pictures.
TIME_SLACK_S = Fraction(1, 1_000_000)


class VideoFile(PlayedSource):
    """Plays a video file in a loop; the constructor opens it and decodes the first picture, or
    raises SourceError."""

    def __init__(self, path: Path, *, offline: bool, clock: Clock, report: Report) -> None:
        super().__init__(path.name, offline=offline, clock=clock, report=report)
        self._path = path
        first = read_first(path, str(path))
        appended = unread_part_line(path)
        if appended:
            report("source", f"{path.name}: {appended}")
        self._fps = first.fps
        self._height, self._width = to_rgb(first.frame, first.pixel_aspect).shape[:2]
        self._pass: Iterator[TimedPicture] | None = None
        self._picture: TimedPicture | None = None
        self._pictures_in_pass = 0
        self._duration_s: Fraction | None = None
        self._frame: VideoFrame | None = None

    def frame_at(self, time_s: float) -> VideoFrame | None:
        position_s = Fraction(time_s) + TIME_SLACK_S
        if self._duration_s is not None:
            position_s %= self._duration_s
        if self._picture is None or position_s < self._picture.start_s:
            self._rewind()
        while self._picture is None or position_s >= self._picture.end_s:
            previous = self._picture
            self._picture = next(self._pass, None) if self._pass else None
            self._frame = None
            if self._picture is not None:
                self._pictures_in_pass += 1
                continue
            if previous is None:
                raise SourceError(f"{self._path}: no picture can be decoded")
            self._duration_s = previous.end_s
            position_s %= self._duration_s
            self._rewind()
        if self._frame is None:
            self._offline_count += 1
            self._frame = VideoFrame(
                pixels=to_rgb(self._picture.frame, self._picture.pixel_aspect),
                index=self._pictures_in_pass - 1,
                time_s=float(self._picture.start_s),
                source=self._path.name,
            )
        return self._frame

    def status(self) -> SourceStatus:
        description = f"{self._path.name}, {self._width}x{self._height} at {self._fps:.4g} fps"
        return self._status(description, self._width, self._height, self._fps)

    def close(self) -> None:
        super().close()
        self._pass = None

    def _shots(self) -> Iterator[Shot]:
        """Yield the pictures of the file in a loop; a file with one picture is a still."""
        start_s = Fraction(0)
        while True:
            count = 0
            length_s = Fraction(0)
            for picture in read_pass(self._path, self._count_corrupt):
                yield Shot(
                    start_s=float(start_s + picture.start_s),
                    read_pixels=partial(to_rgb, picture.frame, picture.pixel_aspect),
                )
                count += 1
                length_s = picture.end_s
            if count == 0:
                raise SourceError(f"{self._path}: no picture can be decoded")
            if count == 1:
                return
            start_s += length_s

    def _rewind(self) -> None:
        self._pass = read_pass(self._path, self._count_corrupt)
        self._picture = None
        self._pictures_in_pass = 0

    def _count_corrupt(self, reason: str) -> None:
        self._corrupt += 1
        self._report("source", f"{self._path.name}: a picture cannot be decoded ({reason})")
