"""Which packets of a video never became a picture, and the pictures in order in spite of it.

A decoder is silent about most of what it loses: H.265 leaves broken pictures out; where several threads decode, an
error at the end of a file takes the good pictures along that were still on their way; and where H.264 is damaged, some
come before their time. But with most codecs each packet is one picture with the same time stamp. So the stamps of the
packets that were sent say which pictures are to come, and in which order: a clean video passes through as it is.
"""

import bisect
import heapq
from collections.abc import Callable
from fractions import Fraction

from av.packet import Packet
from av.video.frame import VideoFrame as DecodedFrame
from av.video.stream import VideoStream

PICTURE_A_PACKET = ("h264", "hevc", "av1", "vp9", "ffv1")  # and those without pictures that lean on others
MAX_EARLY = 4  # pictures that wait for one before them; then it is taken for lost


class AwaitedPictures:
    """One pass from the start of a file on."""

    def __init__(self, stream: VideoStream, start_s: Fraction, on_lost: Callable[[float], None]) -> None:
        """`start_s`: of the file; `on_lost` hears how long after it each picture was to be shown that never comes."""
        codec = stream.codec_context.codec
        self.is_exact = codec.intra_only or codec.canonical_name in PICTURE_A_PACKET
        """Whether losses are known. Not where packets have no time stamps, go back in time, or are fields."""
        self._tick_s = Fraction(stream.time_base or 0)
        self._start_s = start_s
        self._on_lost = on_lost
        self._stamps: list[int] = []  # of what is to come, sorted
        self._lost: set[int] = set()
        self._early: list[tuple[int, int, DecodedFrame]] = []  # a heap: stamp, the count of pictures, picture
        self._came = 0
        self._newest_dts: int | None = None
        self._newest_pts = 0

    @property
    def stamps(self) -> frozenset[int]:
        """Of those that have not come yet."""
        return frozenset(self._stamps)

    def send(self, packet: "Packet[VideoStream]") -> None:
        """It goes to the decoder."""
        if not self.is_exact or not packet.size or packet.is_discard:
            return
        is_back = packet.dts is not None and self._newest_dts is not None and packet.dts < self._newest_dts
        if packet.pts is None or is_back:
            self._stamps, self.is_exact = [], False
            return
        self._newest_dts = packet.dts
        bisect.insort(self._stamps, packet.pts)

    def take(self, frame: DecodedFrame) -> list[DecodedFrame]:
        """It came from the decoder: those that can be shown now, in order."""
        if self.is_exact and frame.pts in self._lost:
            return []
        if not self.is_exact or frame.pts not in self._stamps or frame.interlaced_frame:
            self._stamps, self.is_exact = [], False
            return [*self.rest(), frame]
        self._stamps.remove(frame.pts)
        self._came += 1
        heapq.heappush(self._early, (frame.pts, self._came, frame))
        return self._shown(MAX_EARLY)

    def rest(self) -> list[DecodedFrame]:
        """Those that are left, now that no other comes."""
        shown = self._shown(0)
        self._lose_before(None)
        return shown

    def seconds_of(self, frame: DecodedFrame) -> float:
        """When it is shown, as far as it tells."""
        self._newest_pts = self._newest_pts if frame.pts is None else frame.pts
        return self._seconds(self._newest_pts)

    def _shown(self, most_early: int) -> list[DecodedFrame]:
        shown = []
        while self._early:
            stamp = self._early[0][0]
            if self._stamps and self._stamps[0] < stamp:
                if len(self._early) <= most_early:
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
