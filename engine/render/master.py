"""The last steps before a picture is shown: hit, fade, blackout and flash guard. Only decides; the renderers draw."""

from collections import deque
from dataclasses import dataclass

import numpy as np

from engine.render.flash_guard import FlashGuard, Limits
from engine.render.look import Look

LATELY_S = 10.0
HIT_S = 0.25


@dataclass(frozen=True, slots=True)
class Finish:
    """The last step for a drawn picture: multiply by `fade` and apply `limits`."""

    fade: float
    limits: Limits | None

    @property
    def is_unchanged(self) -> bool:
        """True if the picture is shown as it was drawn."""
        return self.fade == 1.0 and self.limits is None


@dataclass(frozen=True, slots=True, kw_only=True)
class FlashGuardState:
    """State of the flash guard, for the status."""

    is_on: bool = False
    is_limiting: bool = False
    """True if it dims or desaturates some part of the current picture."""
    held_share: float = 0.0
    """Share of this picture's light that it removes, 0..1."""
    lately_share: float = 0.0
    """Share of the frames of the last ten seconds in which it was limiting, 0..1."""


def fade_of(look: Look) -> float:
    """The master fade, 0..1; 0 in a blackout."""
    return 0.0 if look.is_black else look.fade


class Hit:
    """The flash of `/master/hit`: white that falls to nothing within 0.25 s. Render thread."""

    def __init__(self) -> None:
        self._count: int | None = None
        self._begin_s = -HIT_S

    def share(self, count: int, time_s: float) -> float:
        """Share of white in the picture due at that time. `count`: of hits so far."""
        if self._count is not None and count > self._count:
            self._begin_s = time_s
        self._count = count
        left = 1.0 - (time_s - self._begin_s) / HIT_S
        return left**2 if 0.0 < left <= 1.0 else 0.0


class Master:
    """Decides on fade and limits of each frame. Render thread; `state` may be read from any."""

    def __init__(self) -> None:
        self.hit = Hit()
        self._guard = FlashGuard()
        self._lately: deque[tuple[float, bool]] = deque()
        self._limited = 0  # frames in `_lately` that were limited
        self.state = FlashGuardState()

    def finish(self, look: Look, cells: np.ndarray | None, time_s: float) -> Finish:
        """The last step for the picture drawn now. `cells`: its (4, 18, 18); None if the look is not guarded.

        A blackout takes effect in the same frame even after flashes, as it is the performer's emergency stop. The guard
        still counts it, so that the return from black is a rise like any other.
        """
        fade = fade_of(look)
        if cells is None:
            if self.state.is_on:
                self._guard, self._limited, self.state = FlashGuard(), 0, FlashGuardState()
                self._lately.clear()
            return Finish(fade, None)
        faded = cells * np.array([fade, fade**2, fade**3, fade**2])[:, None, None]
        limits = self._guard.limit(faded, time_s)
        self._update_state(limits, time_s)
        return Finish(fade, limits)

    def _update_state(self, limits: Limits | None, time_s: float) -> None:
        is_limiting = limits is not None
        if self._lately and time_s < self._lately[-1][0]:
            self._lately.clear()
            self._limited = 0
        self._lately.append((time_s, is_limiting))
        self._limited += is_limiting
        while time_s - self._lately[0][0] > LATELY_S:
            self._limited -= self._lately.popleft()[1]
        self.state = FlashGuardState(
            is_on=True,
            is_limiting=is_limiting,
            held_share=limits.held_share if limits else 0.0,
            lately_share=self._limited / len(self._lately),
        )
