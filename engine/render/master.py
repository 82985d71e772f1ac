"""The last steps before a picture goes out: fade, blackout and flash guard. The decision only; renderers mix pixels."""

from dataclasses import dataclass

import numpy as np

from engine.render.flash_guard import FlashGuard
from engine.render.flash_levels import flash_levels, mix_samples
from engine.render.look import Look


@dataclass(frozen=True, slots=True)
class Mixture:
    """Published = share x fade x this picture + (1 - share) x the last published one."""

    fade: float
    share: float

    @property
    def is_untouched(self) -> bool:
        """This picture goes out as it was drawn."""
        return self.fade == 1.0 and self.share == 1.0


class Master:
    """Decides each frame's mixture, and remembers what that put on screen. Render thread."""

    def __init__(self) -> None:
        self._guard = FlashGuard()
        self._on_screen: np.ndarray | None = None  # samples of the last published picture

    def forget_picture(self) -> None:
        """The last published picture is gone (a new size): the next one cannot be mixed with it, but counts as ever."""
        self._on_screen = None

    def mixture(self, look: Look, samples: np.ndarray | None, time_s: float) -> Mixture:
        """How the picture drawn now goes out. `samples` (n, 3) uint8 of it; None when the look is not guarded.

        A blackout is black in the same frame, whatever flashed before: it is the performer's emergency stop.
        The guard counts it, so that coming back from black is held like any other flash.
        """
        fade = 0.0 if look.is_black else look.fade
        if samples is None:
            self._guard = FlashGuard()
            self._on_screen = None
            return Mixture(fade, 1.0)
        previous, is_first = (samples, True) if self._on_screen is None else (self._on_screen, False)
        if look.is_black or is_first:
            share = 1.0
            self._guard.count(flash_levels(mix_samples(previous, samples, fade, share)), time_s)
        else:
            share = self._guard.admit(lambda share: flash_levels(mix_samples(previous, samples, fade, share)), time_s)
        self._on_screen = mix_samples(previous, samples, fade, share)
        return Mixture(fade, share)
