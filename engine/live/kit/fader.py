"""Crossfades from one painted picture to the next. Deterministic; the time is an argument.

Painted pictures arrive much less often than frames are drawn, so each fades in over the old one in
the shader. If a picture arrives before the last one has faded in, the fade starts from the mixture
on display, which is computed here once. A fade lasts no longer than the interval between the last
two pictures, or it would never finish.
"""

from dataclasses import dataclass

import numpy as np

from engine.render.picture import centre_crop
from engine.values import VideoFrame


@dataclass(frozen=True, slots=True, kw_only=True)
class Fade:
    """The picture on display: `picture` mixed over `before`."""

    picture: VideoFrame
    before: VideoFrame | None
    """Has the same size as `picture`; None once it has faded out."""
    mix: float
    """Weight of `picture`, 0..1."""


class Fader:
    """Crossfades to each new painted picture. One thread."""

    def __init__(self) -> None:
        import cv2  # takes 0.1 s: import it before the first frame is due

        self._cv2 = cv2
        self._fade: Fade | None = None
        self._started_s = 0.0
        self._interval_s: float | None = None

    def show(self, picture: VideoFrame, now_s: float, crossfade_s: float) -> None:
        """Start a fade from the current display to this picture; the first picture is shown
        immediately."""
        displayed = self.at(now_s, crossfade_s)
        self._interval_s = now_s - self._started_s if self._fade is not None else None
        self._started_s = now_s
        before = None if displayed is None else self._flatten(displayed, picture)
        self._fade = Fade(picture=picture, before=before, mix=1.0 if before is None else 0.0)

    def at(self, now_s: float, crossfade_s: float) -> Fade | None:
        """The current display; None before the first picture."""
        fade = self._fade
        if fade is None or fade.before is None:
            return fade
        lasts_s = crossfade_s if self._interval_s is None else min(crossfade_s, self._interval_s)
        mix = (now_s - self._started_s) / lasts_s if lasts_s > 0 else 1.0
        if mix >= 1.0:
            self._fade = Fade(picture=fade.picture, before=None, mix=1.0)
            return self._fade
        return Fade(picture=fade.picture, before=fade.before, mix=max(mix, 0.0))

    def fit(self, pixels: np.ndarray, width: int, height: int) -> np.ndarray:
        """Scale and centre-crop a picture (H, W, 3) to this size: (height, width, 3) uint8."""
        left, top, part_width, part_height = centre_crop(pixels.shape[1::-1], (width, height))
        part = pixels[top : top + part_height, left : left + part_width]
        return self._cv2.resize(part, (width, height), interpolation=self._cv2.INTER_AREA)

    def _flatten(self, displayed: Fade, picture: VideoFrame) -> VideoFrame:
        """The current display as one picture, in the size of the next picture."""
        frame = displayed.picture
        before = displayed.before
        pixels = frame.pixels
        if before is not None:
            pixels = self._cv2.addWeighted(
                before.pixels, 1.0 - displayed.mix, pixels, displayed.mix, 0.0
            )
        height, width = picture.pixels.shape[:2]
        if pixels.shape != picture.pixels.shape:
            pixels = self._cv2.resize(pixels, (width, height), interpolation=self._cv2.INTER_LINEAR)
        if pixels is frame.pixels:
            return frame  # the same object, which is already on the GPU
        return VideoFrame(
            pixels=np.ascontiguousarray(pixels),
            index=frame.index,
            time_s=frame.time_s,
            source=frame.source,
        )
