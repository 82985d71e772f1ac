"""The test card as a source: 1280x720 at 30 pictures per second, for a rig without a camera.

An F and four coloured corners (red, green, blue, white, row by row from the top left) show flips
and rotations. Bars show the colours, a ramp the clipping, a circle the aspect ratio. A marker
crosses the picture every four seconds.
"""

import math
from collections.abc import Iterator
from functools import cache, partial
from itertools import count, product

import cv2
import numpy as np

from engine.sources.playout import PlayedSource, Shot
from engine.sources.source import SourceStatus
from engine.system.clock import Clock
from engine.system.reporting import Report
from engine.values import VideoFrame

WIDTH = 1280
HEIGHT = 720
FPS = 30
CROSSING_FRAMES = 120  # the marker takes four seconds from the left edge to the right
MARKER_WIDTH_PX = 16
TRACK = slice(600, 640)  # rows of the marker
CORNER_PX = 80
CORNERS = ((255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 255))
# of 75 %, in their usual order
BARS = [(red, green, blue) for green, red, blue in product((191, 0), repeat=3)][:-1]
BARS_ROWS = slice(440, 540)
RAMP_ROWS = slice(540, 580)
BACKGROUND = 20
LINE = 70
BRIGHT = 230

TIME_SLACK_S = 1e-6  # 3/30 s as a float may lie just below the third picture


@cache
def draw_background() -> np.ndarray:
    """The static part of the card, (720, 1280, 3) uint8 RGB, the same array each time."""
    card = np.full((HEIGHT, WIDTH, 3), BACKGROUND, np.uint8)
    card[::40] = LINE
    card[:, ::40] = LINE
    cv2.circle(card, (WIDTH // 2, HEIGHT // 2), HEIGHT // 2 - 10, (LINE * 2,) * 3, 2, cv2.LINE_AA)
    bar_width = (WIDTH - 4 * CORNER_PX) / len(BARS)
    for number, colour in enumerate(BARS):
        left = 2 * CORNER_PX + round(number * bar_width)
        card[BARS_ROWS, left : 2 * CORNER_PX + round((number + 1) * bar_width)] = colour
    ramp = np.linspace(0, 255, WIDTH - 4 * CORNER_PX).astype(np.uint8)
    card[RAMP_ROWS, 2 * CORNER_PX : WIDTH - 2 * CORNER_PX] = ramp[:, None]
    card[120:400, 480:540] = BRIGHT  # the F: stem, upper and lower arm
    card[120:180, 480:700] = BRIGHT
    card[240:290, 480:640] = BRIGHT
    corners = product((slice(0, CORNER_PX), slice(-CORNER_PX, None)), repeat=2)
    for colour, corner in zip(CORNERS, corners, strict=True):
        card[corner] = colour
    _write(card, "TOP", (WIDTH // 2 - 44, 70), 1.2)
    _write(card, "LEFT", (20, HEIGHT // 2), 1.0)
    _write(card, "RIGHT", (WIDTH - 110, HEIGHT // 2), 1.0)
    _write(card, f"{WIDTH}x{HEIGHT}  {FPS} fps", (760, 200), 1.0)
    return card


def draw_card(background: np.ndarray, index: int) -> np.ndarray:
    """Picture `index` of the card, (720, 1280, 3) uint8 RGB, as a new array."""
    card = background.copy()
    # at constant speed
    left = (index % CROSSING_FRAMES) * (WIDTH - MARKER_WIDTH_PX) // (CROSSING_FRAMES - 1)
    card[TRACK, left : left + MARKER_WIDTH_PX] = 255
    minutes, frames = divmod(index, 60 * FPS)
    _write(card, f"{minutes:02d}:{frames // FPS:02d}:{frames % FPS:02d}", (760, 290), 2.0)
    return card


def _write(card: np.ndarray, text: str, at: tuple[int, int], size: float) -> None:
    cv2.putText(card, text, at, cv2.FONT_HERSHEY_SIMPLEX, size, (BRIGHT,) * 3, 2, cv2.LINE_AA)


class MovingCard(PlayedSource):
    def __init__(self, *, offline: bool, clock: Clock, report: Report) -> None:
        super().__init__("test card", offline=offline, clock=clock, report=report)
        self._background = draw_background()
        self._frame: VideoFrame | None = None

    def frame_at(self, time_s: float) -> VideoFrame | None:
        index = math.floor((time_s + TIME_SLACK_S) * FPS)
        if self._frame is None or self._frame.index != index:
            self._offline_count += 1
            self._frame = VideoFrame(
                pixels=draw_card(self._background, index),
                index=index,
                time_s=index / FPS,
                source="test card",
            )
        return self._frame

    def status(self) -> SourceStatus:
        return self._status("test card", WIDTH, HEIGHT, FPS)

    def _shots(self) -> Iterator[Shot]:
        for index in count():
            yield Shot(start_s=index / FPS, read_pixels=partial(draw_card, self._background, index))
