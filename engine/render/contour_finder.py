"""Finds contours on a thread, in one small picture at a time; tells where they are; lays outlines on the picture."""

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Protocol

import numpy as np

from engine.render.graphic import Graphic, ink_colour, letter_ink
from engine.render.newest_thread import NewestThread
from engine.system.guarded_thread import Guard
from engine.system.reporting import Report
from engine.values import FrameId, VideoFrame
from osc_schema.contour import CONTOUR, MAX_CONTOURS
from osc_schema.graphics import TEXTS

if TYPE_CHECKING:
    from engine.render.contours import Contour, Outlines

log = logging.getLogger(__name__)

SLOT: Final = TEXTS[-1] + 1  # over the logo and the texts
READ_PX: Final = 640  # averaged to 320 on the thread: where the CPU draws, single pixels are read
ROUNDING_S: Final = 1e-6
_GONE: Final = (0.0,) * len(CONTOUR.arguments)


@dataclass(frozen=True, slots=True, kw_only=True)
class ContourSettings:
    count: int
    is_of_camera: bool
    is_dark: bool
    threshold: float
    min_area: float
    """As a share of the picture."""
    width: float
    """The lines', as a share of the picture's height; 0: none are drawn."""
    is_mirrored: bool

    @classmethod
    def from_values(cls, values: Mapping[str, Any]) -> "ContourSettings":
        is_drawn = values["/contour/overlay"] > 0
        return cls(
            # presets have the overlay but not the count: a look's outlines come also while nobody asked for numbers
            count=values["/contour/count"] or (MAX_CONTOURS if is_drawn else 0),
            is_of_camera=values["/contour/source"] == "camera",
            is_dark=values["/contour/of"] == "dark",
            threshold=values["/contour/threshold"],
            min_area=values["/contour/min_area"] / 100,
            width=values["/contour/width"] / 100 if is_drawn else 0.0,
            is_mirrored=values["/layer/5/mirror"],
        )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Asked:
    pixels: np.ndarray | None
    size_px: tuple[int, int]
    """The Multiverse's."""
    settings: ContourSettings


class Drawn(Protocol):
    """The picture that was drawn last: a GuardedRenderer."""

    @property
    def size_px(self) -> tuple[int, int]: ...

    def read_look(self, longest_px: int) -> np.ndarray: ...


class ContourFinder:
    """`outlines`, then `follow`, once a frame on the render thread. The thread begins with the first picture."""

    def __init__(self, tell: Callable[..., object], report: Report, *, is_offline: bool) -> None:
        """`is_offline`: each picture waits for its contours."""
        self._tell, self._is_offline = tell, is_offline
        self._numbered: dict[int, Contour] = {}
        self._outlines: Outlines | None = None
        self._last_s: float | None = None
        guard = Guard(log, report, "contour", "contours could not be found, the last ones stay")
        self._thread = NewestThread("contours", self._find, guard)

    def outlines(self, values: Mapping[str, Any], size_px: tuple[int, int]) -> tuple[Graphic, ...]:
        """The newest outlines, for a picture of this size."""
        opacity = values["/contour/overlay"]
        if (drawn := self._outlines) is None or opacity <= 0:
            return ()
        colour = ink_colour(values["/contour/colour"], values["/contour/hue"], values)
        (x, y), ink = drawn.centre, letter_ink(colour, colour, opacity)
        height_px = drawn.image.height_px * size_px[1] / drawn.full_px[1]
        image = drawn.image
        return (Graphic(slot=SLOT, image=image, x=x, y=y, angle_deg=0.0, height_px=height_px, ink=ink, blend="over"),)

    def follow(self, values: Mapping[str, Any], drawn: Drawn, tick: FrameId, camera: VideoFrame | None) -> None:
        """Look for contours in this frame, if it is time to and the last ones are found. Reads back only then."""
        settings = ContourSettings.from_values(values)
        if self._last_s is None and not settings.count:
            return
        passed_s = None if self._last_s is None else tick.time_s - self._last_s
        is_due = passed_s is None or not 0 <= passed_s < values["/contour/interval"] / 1000 - ROUNDING_S
        if self._thread.is_busy or (settings.count and not is_due):
            return
        self._last_s = tick.time_s if settings.count else None
        if not settings.count:
            pixels = None
        elif settings.is_of_camera:
            pixels = None if camera is None else camera.pixels
        else:
            pixels = drawn.read_look(READ_PX)
        asked = _Asked(pixels=pixels, size_px=drawn.size_px, settings=settings)
        if self._is_offline:
            self._find(asked)
        else:
            self._thread.submit(asked)

    def close(self) -> None:
        """Stop the thread and wait for it."""
        self._thread.close()

    def _find(self, asked: _Asked) -> None:
        from engine.render import contours  # OpenCV costs 0.1 s to import, and most shows need none

        settings, found, pixels = asked.settings, [], asked.pixels
        if pixels is not None:
            if settings.is_of_camera:
                pixels = contours.shown_part(pixels, asked.size_px, is_mirrored=settings.is_mirrored)
            found = contours.find_contours(
                contours.luma_of(pixels),
                threshold=settings.threshold,
                is_dark=settings.is_dark,
                min_area=settings.min_area,
                count=settings.count,
            )
        before = self._numbered
        kept = {number: each for number, each in before.items() if number <= settings.count}
        self._numbered = now = contours.followed(kept, found, asked.size_px[0] / asked.size_px[1])
        self._outlines = (
            contours.draw_outlines(tuple(now.values()), asked.size_px, settings.width) if settings.width else None
        )
        self._tell("/contour/found", len(now))
        for number in sorted(before.keys() | now.keys()):
            each = now.get(number)
            told = _GONE if each is None else (each.x, each.y, each.area, each.angle_deg / 180, each.angle_deg)
            self._tell(f"/contour/{number}", *told)
