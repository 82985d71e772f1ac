"""Computes the last steps of a picture: hit, strobe, fade, blackout and flash guard. The renderers
apply them."""

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from engine.render.flash_guard import FlashGuard, Limits
from engine.render.look import Look
from osc_schema.modulation import BAR_SYNCS, SYNCS

RECENT_S = 10.0
HIT_S = 0.25
STROBE_S = 1 / 15


@dataclass(frozen=True, slots=True)
class Finish:
    """The last step of a picture: multiply by `fade` and apply `limits`."""

    fade: float
    limits: Limits | None

    @property
    def is_unchanged(self) -> bool:
        """True if the picture is published as it was drawn."""
        return self.fade == 1.0 and self.limits is None


@dataclass(frozen=True, slots=True, kw_only=True)
class FlashGuardState:
    """State of the flash guard, for the status; field names are keys of its JSON."""

    is_on: bool = False
    is_limiting: bool = False
    """True if it dims or desaturates some part of the current picture."""
    held_share: float = 0.0
    """Fraction of this picture's light that it removes, 0..1."""
    lately_share: float = 0.0
    """Fraction of the frames of the last ten seconds that it limited, 0..1."""


def fade_of(look: Look) -> float:
    """Return the master fade, 0..1; 0 in a blackout."""
    return 0.0 if look.is_black else look.fade


def with_strobe(look: Look, values: Mapping[str, Any], beat: float, time_s: float) -> Look:
    """Return the look with the flash of `/master/strobe` at this time: white over it, or a lower
    fade."""
    if not values["/master/strobe/enable"]:
        return look
    sync = values["/master/strobe/tempo_sync"]
    beats = BAR_SYNCS[sync] * values["/tempo/beats_a_bar"] if sync in BAR_SYNCS else SYNCS[sync]
    rate_hz = values["/tempo/bpm"] / (60 * beats) if beats else values["/master/strobe/rate_hz"]
    cycles = beat / beats if beats else time_s * rate_hz
    # times of frames have rounding errors
    if (cycles + 1e-6) % 1.0 >= min(STROBE_S * rate_hz, 0.5):
        return look
    depth = values["/master/strobe/depth"]
    if values["/master/strobe/colour"] == "black":
        return replace(look, fade=look.fade * (1.0 - depth))
    return replace(look, white=depth)


class HitFlash:
    """The flash of `/master/hit`: white that falls to nothing within 0.25 s. Render thread."""

    def __init__(self) -> None:
        self._count: int | None = None
        self._begin_s = -HIT_S

    def white_fraction(self, count: int, time_s: float) -> float:
        """Return the fraction of white in the picture due at that time. count: Number of hits so
        far."""
        if self._count is not None and count > self._count:
            self._begin_s = time_s
        self._count = count
        left = 1.0 - (time_s - self._begin_s) / HIT_S
        return left**2 if 0.0 < left <= 1.0 else 0.0


class Master:
    """Computes fade and limits of each frame. Render thread; `state` on any thread."""

    def __init__(self) -> None:
        self.hit = HitFlash()
        self._guard = FlashGuard()
        self._recent: deque[tuple[float, bool]] = deque()
        self._limited = 0  # frames in `_recent` that were limited
        self.state = FlashGuardState()

    def white_fraction(self, look: Look, time_s: float) -> float:
        """Return the fraction of white in this picture, from hit and strobe."""
        return max(self.hit.white_fraction(look.hits, time_s), look.white)

    def finish(self, look: Look, cells: np.ndarray | None, time_s: float) -> Finish:
        """Return the last step of this picture. cells: Its light, (4, 18, 18); None without flash
        guard.

        A blackout takes effect in the same frame even after flashes, as it is the performer's
        emergency stop. The guard still counts it, so that the return from black is a rise like any
        other."""
        fade = fade_of(look)
        if cells is None:
            if self.state.is_on:
                self._guard = FlashGuard()
                self._limited = 0
                self.state = FlashGuardState()
                self._recent.clear()
            return Finish(fade, None)
        faded = cells * np.array([fade, fade**2, fade**3, fade**2])[:, None, None]
        limits = self._guard.limit(faded, time_s)
        self._update_state(limits, time_s)
        return Finish(fade, limits)

    def _update_state(self, limits: Limits | None, time_s: float) -> None:
        is_limiting = limits is not None
        if self._recent and time_s < self._recent[-1][0]:
            self._recent.clear()
            self._limited = 0
        self._recent.append((time_s, is_limiting))
        self._limited += is_limiting
        while time_s - self._recent[0][0] > RECENT_S:
            self._limited -= self._recent.popleft()[1]
        self.state = FlashGuardState(
            is_on=True,
            is_limiting=is_limiting,
            held_share=limits.removed_fraction if limits else 0.0,
            lately_share=self._limited / len(self._recent),
        )
