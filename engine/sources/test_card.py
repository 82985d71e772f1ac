"""The test card as a source: 1280x720 at 30 pictures a second, for a rig without a camera."""

import math
from collections.abc import Iterator
from functools import partial

from engine.sources.card_drawing import FPS, HEIGHT, WIDTH, draw_card, draw_ground
from engine.sources.playout import Playout, Shot
from engine.sources.source import SourceStatus
from engine.system.clock import Clock
from engine.system.reporting import Report
from engine.values import VideoFrame

TIME_SLACK_S = 1e-6  # 3/30 s as a float may lie just below the third picture


class MovingCard:
    def __init__(self, *, offline: bool, clock: Clock, report: Report) -> None:
        self._ground = draw_ground()
        self._offline = offline
        self._playout = Playout("test card", self._shots, clock, report)
        self._frame: VideoFrame | None = None
        self._drawn_offline = 0

    def start(self) -> None:
        if not self._offline:
            self._playout.start()

    def latest_frame(self) -> VideoFrame | None:
        return self._playout.latest_frame()

    def frame_at(self, time_s: float) -> VideoFrame | None:
        index = math.floor((time_s + TIME_SLACK_S) * FPS)
        if self._frame is None or self._frame.index != index:
            self._drawn_offline += 1
            self._frame = VideoFrame(
                pixels=draw_card(self._ground, index), index=index, time_s=index / FPS, source="test card"
            )
        return self._frame

    def status(self) -> SourceStatus:
        return SourceStatus(
            state="playing" if self._offline else self._playout.state,
            description=self._playout.problem or "test card",
            width=WIDTH,
            height=HEIGHT,
            fps=FPS,
            frames=self._playout.frames + self._drawn_offline,
            lost=self._playout.skipped,
        )

    def close(self) -> None:
        self._playout.close()

    def _shots(self) -> Iterator[Shot]:
        index = 0
        while True:
            yield Shot(start_s=index / FPS, read_pixels=partial(draw_card, self._ground, index))
            index += 1
