"""Repeats the last beats of the camera on the beat (`/camera/loop`). Pure: pictures and beats are
arguments.

While the camera is live its pictures are stored with the beat at which they were shown. A loop
begins on the next beat and shows what was there a whole number of loops before, so it stays on the
beat when the tempo changes. Pictures of more than 540 rows are stored at a whole fraction of their
size; the oldest are dropped when all take more than 256 MB.
"""

from bisect import bisect_right
from collections import deque
from dataclasses import replace
from operator import itemgetter
from typing import Final

import numpy as np

from engine.system.reporting import Report
from engine.values import VideoFrame

MAX_BEATS: Final = 16
MAX_BYTES: Final = 256 << 20
MAX_ROWS: Final = 540


class BeatLoop:
    """The stored pictures and the loop that plays them. Render thread."""

    def __init__(self, report: Report) -> None:
        self._report = report
        self._stored: deque[tuple[float, VideoFrame]] = deque()
        self._newest: VideoFrame | None = None
        self._beat = 0.0
        self._end = 0.0
        # the last two: beats
        self._bytes = 0
        self._requested = 0
        self._length = 0
        self._is_lost = False

    def step(self, picture: VideoFrame | None, beats: int, beat: float) -> VideoFrame | None:
        """The picture to show at this beat in place of the camera's; `beats`: length of the loop, 0
        for none."""
        is_on_beat = int(beat) != int(self._beat)
        self._beat = beat
        if self._length and not beats:  # what is stored ends where the loop began
            self._forget()
            self._length = 0
            self._is_lost = False
        self._requested = self._requested if beats else 0
        if is_on_beat and beats and beats != self._requested:
            self._begin(beats, float(int(beat)))
        if not self._length:
            self._store(picture, beat)
            return picture
        if picture is None and not self._is_lost:
            self._report(
                "camera.loop",
                "the camera has no picture; its loop goes on (/camera/loop 0 ends it)",
            )
        self._is_lost = picture is None
        at = bisect_right(
            self._stored,
            self._end + (beat - self._end) % self._length - self._length,
            key=itemgetter(0),
        )
        return self._stored[max(at - 1, 0)][1]

    def _begin(self, beats: int, beat: float) -> None:
        """Loop as many beats before this one, or before those that loop; or half as many, until
        they are stored."""
        end = self._end if self._length else beat
        length = beats
        self._requested = beats
        while length and (not self._stored or self._stored[0][0] > end - length + 0.5):
            length //= 2
        if length < beats:
            what = f"loops {length}" if length else "stays live"
            stored = "fewer beats are" if self._stored else "no picture of a camera is"
            self._report("camera.loop", f"/camera/loop {beats}: {stored} stored; {what}")
        self._end = end
        self._length = length

    def _store(self, picture: VideoFrame | None, beat: float) -> None:
        if self._stored and beat < self._stored[-1][0] - 1.0:  # the beats are counted anew
            self._forget()
        if picture is None or picture is self._newest:
            return
        self._newest = picture
        height, width = picture.pixels.shape[:2]
        parts = -(-height // MAX_ROWS)
        if parts > 1:
            import cv2  # 0.1 s, and the pictures of most cameras have fewer rows

            size_px = (max(1, width // parts), height // parts)
            picture = replace(
                picture,
                pixels=np.asarray(
                    cv2.resize(picture.pixels, size_px, interpolation=cv2.INTER_AREA)
                ),
            )
        self._stored.append((beat, picture))
        self._bytes += picture.pixels.nbytes
        while self._bytes > MAX_BYTES or self._stored[0][0] < beat - MAX_BEATS - 1:
            self._bytes -= self._stored.popleft()[1].pixels.nbytes

    def _forget(self) -> None:
        self._stored.clear()
        self._bytes = 0
        self._newest = None
