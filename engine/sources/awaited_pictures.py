"""Detects packets of a video that were never decoded to a picture, and puts the decoded pictures in order.

Problem: a decoder does not report most of its losses. H.265 skips broken pictures. With several decoding threads an
error at the end of a file discards the good pictures still in flight. Damaged H.264 delivers some pictures too early.

Solution: with most codecs each packet is one picture with the same time stamp. So the stamps of the packets tell
which pictures to expect, and in which order. A clean video passes through unchanged.
"""

import bisect
import heapq
from collections.abc import Callable
from fractions import Fraction

from av.packet import Packet
from av.video.frame import VideoFrame as DecodedFrame
from av.video.stream import VideoStream

ONE_PICTURE_PER_PACKET = ("h264", "hevc", "av1", "vp9", "ffv1")  # and all intra-only codecs
MAX_EARLY = 4  # pictures held back for a missing one; after that it counts as lost


class AwaitedPictures:
    """The expected pictures of one pass through a file."""

    def __init__(self, stream: VideoStream, start_s: Fraction, on_lost: Callable[[float], None]) -> None:
        """`start_s`: start time of the file. `on_lost` gets the time of each lost picture, in seconds from that
        start."""
        codec = stream.codec_context.codec
        self.is_exact = codec.intra_only or codec.canonical_name in ONE_PICTURE_PER_PACKET
        """True while losses can be detected: False if packets lack time stamps, go back in time, or are fields."""
        self._tick_s = Fraction(stream.time_base or 0)
        self._start_s = start_s
        self._on_lost = on_lost
        self._stamps: list[int] = []  # of expected pictures, sorted
        self._lost: set[int] = set()
        self._early: list[tuple[int, int, DecodedFrame]] = []  # a heap: stamp, order of arrival, picture
        self._arrived = 0
        self._newest_dts: int | None = None
        self._newest_pts = 0

    @property
    def stamps(self) -> frozenset[int]:
        """Time stamps of the pictures that have not arrived yet."""
        return frozenset(self._stamps)

    def send(self, packet: "Packet[VideoStream]") -> None:
        """Register a packet that goes to the decoder."""
        if not self.is_exact or not packet.size or packet.is_discard:
            return
        is_back = packet.dts is not None and self._newest_dts is not None and packet.dts < self._newest_dts
        if packet.pts is None or is_back:
            self._stamps, self.is_exact = [], False
            return
        self._newest_dts = packet.dts
        bisect.insort(self._stamps, packet.pts)

    def take(self, frame: DecodedFrame) -> list[DecodedFrame]:
        """Add a picture from the decoder. Returns those that can be shown now, in order."""
        if self.is_exact and frame.pts in self._lost:
            return []
        if not self.is_exact or frame.pts not in self._stamps or frame.interlaced_frame:
            self._stamps, self.is_exact = [], False
            return [*self.flush(), frame]
        self._stamps.remove(frame.pts)
        self._arrived += 1
        heapq.heappush(self._early, (frame.pts, self._arrived, frame))
        return self._shown(MAX_EARLY)

    def flush(self) -> list[DecodedFrame]:
        """Return the pictures still held back, after the last one was added."""
        shown = self._shown(0)
        self._lose_before(None)
        return shown

    def seconds_of(self, frame: DecodedFrame) -> float:
        """Time at which the picture is shown; without a time stamp, that of the previous one."""
        self._newest_pts = self._newest_pts if frame.pts is None else frame.pts
        return self._seconds(self._newest_pts)

    def _shown(self, max_early: int) -> list[DecodedFrame]:
        shown = []
        while self._early:
            stamp = self._early[0][0]
            if self._stamps and self._stamps[0] < stamp:
                if len(self._early) <= max_early:
                    break
                self._lose_before(stamp)
            shown.append(heapq.heappop(self._early)[2])
        return shown

    def _lose_before(self, stamp: int | None) -> None:
        end = len(self._stamps) if stamp is None else bisect.bisect_left(self._stamps, stamp)
        lost, self._stamps = self._stamps[:end], self._stamps[end:]
        self._lost.update(lost)
        for each in lost:
            self._on_lost(self._seconds(each))

    def _seconds(self, stamp: int) -> float:
        return float(stamp * self._tick_s - self._start_s)
