"""Finds contours in small pictures on a thread, publishes their positions, and draws outlines on
the picture."""

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
_MISSING: Final = (0.0,) * len(CONTOUR.arguments)


@dataclass(frozen=True, slots=True, kw_only=True)
class ContourSettings:
    count: int
    is_of_camera: bool
    is_dark: bool
    threshold: float
    min_area: float
    """As a fraction of the picture."""
    width: float
    """Line width as a fraction of the picture's height; 0 draws none."""
    is_mirrored: bool

    @classmethod
    def from_values(cls, values: Mapping[str, Any]) -> "ContourSettings":
        has_overlay = values["/contour/overlay"] > 0
        return cls(
            # presets have the overlay but not the count: a look's outlines are drawn even if no
            # numbers are requested
            count=values["/contour/count"] or (MAX_CONTOURS if has_overlay else 0),
            is_of_camera=values["/contour/source"] == "camera",
            is_dark=values["/contour/of"] == "dark",
            threshold=values["/contour/threshold"],
            min_area=values["/contour/min_area"] / 100,
            width=values["/contour/width"] / 100 if has_overlay else 0.0,
            is_mirrored=values["/layer/5/mirror"],
        )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Request:
    pixels: np.ndarray | None
    size_px: tuple[int, int]
    """The Multiverse's."""
    settings: ContourSettings


class LookReader(Protocol):
    """A renderer whose last picture can be read: GuardedRenderer."""

    @property
    def size_px(self) -> tuple[int, int]: ...

    def read_look(self, longest_px: int) -> np.ndarray: ...


class ContourFinder:
    """Finds and tracks contours. Render thread: call `outlines`, then `follow`, once per frame."""

    def __init__(self, publish: Callable[..., object], report: Report, *, is_offline: bool) -> None:
        """is_offline: Compute contours on the calling thread, so that each picture has its own."""
        self._publish = publish
        self._is_offline = is_offline
        self._tracked: dict[int, Contour] = {}
        self._outlines: Outlines | None = None
        self._last_s: float | None = None
        guard = Guard(log, report, "contour", "contours could not be found, the last ones stay")
        self._thread = NewestThread("contours", self._find, guard)

    def outlines(self, values: Mapping[str, Any], size_px: tuple[int, int]) -> tuple[Graphic, ...]:
        """Return the newest outlines for a picture of this size."""
        opacity = values["/contour/overlay"]
        newest = self._outlines
        if newest is None or opacity <= 0:
            return ()
        colour = ink_colour(values["/contour/colour"], values["/contour/hue"], values)
        (x, y), ink = newest.centre, letter_ink(colour, colour, opacity)
        height_px = newest.image.height_px * size_px[1] / newest.full_px[1]
        image = newest.image
        return (
            Graphic(
                slot=SLOT,
                image=image,
                x=x,
                y=y,
                angle_deg=0.0,
                height_px=height_px,
                ink=ink,
                blend="over",
            ),
        )

    def follow(
        self,
        values: Mapping[str, Any],
        renderer: LookReader,
        frame_id: FrameId,
        camera: VideoFrame | None,
    ) -> None:
        """Submit this frame if the interval has passed and the thread is idle. Only then is the
        picture read back."""
        settings = ContourSettings.from_values(values)
        if self._last_s is None and not settings.count:
            return
        passed_s = None if self._last_s is None else frame_id.time_s - self._last_s
        is_due = (
            passed_s is None or not 0 <= passed_s < values["/contour/interval"] / 1000 - ROUNDING_S
        )
        if self._thread.is_busy or (settings.count and not is_due):
            return
        self._last_s = frame_id.time_s if settings.count else None
        if not settings.count:
            pixels = None
        elif settings.is_of_camera:
            pixels = None if camera is None else camera.pixels
        else:
            pixels = renderer.read_look(READ_PX)
        request = _Request(pixels=pixels, size_px=renderer.size_px, settings=settings)
        if self._is_offline:
            self._find(request)
        else:
            self._thread.submit(request)

    def close(self) -> None:
        """Stop the thread and wait for it."""
        self._thread.close()

    def _find(self, request: _Request) -> None:
        from engine.render import contours  # OpenCV costs 0.1 s to import, and most shows need none

        settings = request.settings
        detected = []
        pixels = request.pixels
        if pixels is not None:
            if settings.is_of_camera:
                pixels = contours.camera_crop(
                    pixels, request.size_px, is_mirrored=settings.is_mirrored
                )
            detected = contours.find_contours(
                contours.luma_of(pixels),
                threshold=settings.threshold,
                is_dark=settings.is_dark,
                min_area=settings.min_area,
                count=settings.count,
            )
        before = self._tracked
        tracked = {number: each for number, each in before.items() if number <= settings.count}
        self._tracked = now = contours.track_contours(
            tracked, detected, request.size_px[0] / request.size_px[1]
        )
        self._outlines = (
            contours.draw_outlines(tuple(now.values()), request.size_px, settings.width)
            if settings.width
            else None
        )
        self._publish("/contour/found", len(now))
        for number in sorted(before.keys() | now.keys()):
            each = now.get(number)
            arguments = (
                _MISSING
                if each is None
                else (each.x, each.y, each.area, each.angle_deg / 180, each.angle_deg)
            )
            self._publish(f"/contour/{number}", *arguments)
