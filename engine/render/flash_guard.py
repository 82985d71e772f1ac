"""Limits flashes as WCAG 2.3.1 requires, by dimming the new picture. Pure: light values and times
are arguments.

Problem: strobing light can cause seizures. WCAG 2.2 ("general flash and red flash thresholds")
allows at most three flashes in any second. A flash is a *pair* of opposing changes of relative
luminance, each 10 % or more of white, the darker of the two below 80 %; a red flash is such a pair
to or from saturated red. Flashes that together cover no more than a quarter of any 10 degree field
are exempt.

Naive way: hold the picture, or mix it with the last one, while too much changes. But only the light
is the problem.

Solution: the new picture is always shown. Where a further flash would begin, it is dimmed.

1. Count rises only. Each flash contains one, so at most three rises in any second are at most three
   flashes, regardless of the falls between them. Falls are never limited: a blackout is immediate.
2. A rise begins when the light is `STEP` above its lowest value since the last rise, and ends when
   it falls by as much below its highest. So changes count regardless of how many frames they take.
   It counts until a second after its highest point.
3. After three rises a fourth may not begin: a gain below 1 keeps the light of that area within
   `STEP` of its lowest value. The gain is computed for each picture, so flicker is flattened while
   motion continues.
4. When a rise is allowed again the ceiling grows e-fold every `RECOVERY_S`, so that a picture that
   has become steady returns smoothly, in one rise.

Area: the light of an area is its mean, as open checkers compute it (Electronic Arts' IRIS: over the
whole picture). Our areas are as small as the standard asks. Its field is 341 x 256 of 1024 x 768
pixels, a third of the picture each way; a quarter of that is a sixth each way, 3 x 3 cells. We
watch all such squares on the grid, all whole fields, and the whole picture, which is one field from
far away. Gains are computed for each, smallest areas first, and spread smoothly to their
neighbours: a strobing corner is dimmed, the rest hardly. `STEP` is well below 10 %, to cover
sampling errors and squares between cells.

Red: the mean of R - G - B, linear, over pixels with R / (R + G + B) >= 0.8, as in the Trace
Center's PEAT. There a change of 20/320 counts. Alternating saturated red with another colour
changes the mean by all of the red. So WCAG 2.2's criterion, a distance of 0.2 in CIE 1976 u'v', is
met too, except for darker reds. Where red may not return it is desaturated, not dimmed.

Not handled: motion. Stripes that move through an area do not change its light and are no flash
here; WCAG has no rule for patterns (ITU-R BT.1702 has one). Fine balanced patterns are exempt
because we use means.
"""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np

# The light of a picture for the flash guard: a grid of cells with their brightness and redness.
#
# A cell is a sixth of a 10 degree field wide and high (see flash_guard.py). We sample 64 pixels of
# each, one from each part of a finer grid at a random position that differs from cell to cell: a
# regular grid could miss the stripes of a wave that are in phase with it. A renderer reduces them
# to four numbers (shaders/flash_cells.glsl, numba_kernels.py), from which the cell's brightness
# follows for any gain. So nothing is drawn or read twice.

CELLS = 18
SAMPLES_ACROSS, SAMPLES_DOWN = 8, 8
"""Pixels sampled per cell."""
CELL_SHIFT = (0.7548777, 0.5698403)
_SEED = 2301  # arbitrary but fixed, so that offline runs are reproducible

# Linear light of a display value c is close to A1 c + A2 c^2 + A3 c^3, at most 0.002 from sRGB's
# own curve (C. Taylor, "sRGB approximations for HLSL", 2012). Unlike with a power, the mean under
# any gain follows from three means.
LINEAR = (0.012522878, 0.682171111, 0.305306011)

SATURATED_RED = 0.79
"""Minimum fraction of red in R + G + B, linear, that counts as saturated: WCAG's 0.8 minus the
error of LINEAR."""

MAX_RISES = 3
WINDOW_S = 1.02  # a second, both ends included, plus some clock jitter
STEP = 0.06
RED_STEP = 0.03  # half of 20/320
# levels are clipped here: it is no flash if the darker picture is above 0.8
MAX_LEVEL = 0.82 + STEP
RECOVERY_S = 0.5
RED_RECOVERY_S = 1.0
SMOOTH_CELLS = 4
MAX_STEP_S = 1.0  # a longer gap between frames does not raise the ceiling further

_SIDES = (CELLS // 6, CELLS // 3, CELLS)
"""Cells across a quarter of a field, a field, the picture."""
_ENDS = [0, *np.cumsum([(CELLS + 1 - side) ** 2 for side in _SIDES])]
_PARTS = tuple(slice(start, end) for start, end in pairwise(_ENDS))
"""Slice of all areas, for each of these sizes."""
_THRESHOLDS = np.array([[STEP], [RED_STEP]])
_NEVER_S = -np.inf
_TWO_MEANS = np.convolve(np.ones(SMOOTH_CELLS), np.ones(SMOOTH_CELLS)) / SMOOTH_CELLS**2
_SMOOTH = np.array([np.roll(np.pad(_TWO_MEANS, (0, CELLS - 1)), row) for row in range(CELLS)])
"""(18, 24): two successive moving means along one axis."""


def sample_jitter() -> np.ndarray:
    """Return the sample positions in a cell, (64, 2) float32, 0..1 across and down, one in each of
    8 x 8 parts."""
    jitter = np.random.default_rng(_SEED).random((SAMPLES_DOWN, SAMPLES_ACROSS, 2))
    parts = np.stack(np.meshgrid(np.arange(SAMPLES_ACROSS), np.arange(SAMPLES_DOWN)), axis=-1)
    return ((parts + jitter) / (SAMPLES_ACROSS, SAMPLES_DOWN)).reshape(-1, 2).astype(np.float32)


def sample_positions(width: int, height: int) -> np.ndarray:
    """Return column and row of each sampled pixel of a picture of this size, by cell: (18, 18, 64,
    2) int32.

    The jitter is shifted by a different amount in each cell, modulo the cell (Roberts' R2
    sequence)."""
    columns, rows = np.meshgrid(np.arange(CELLS), np.arange(CELLS))
    moved = (rows * CELLS + columns)[..., None].astype(np.float32) * np.array(
        CELL_SHIFT, np.float32
    )
    within = (sample_jitter() + moved[:, :, None]) % np.float32(1)
    pixels = (
        (np.stack([columns, rows], axis=-1)[:, :, None] + within)
        * np.array((width, height), np.float32)
        / CELLS
    )
    return np.minimum(pixels.astype(np.int32), (width - 1, height - 1)).astype(np.int32)


def luminance(sums: np.ndarray, gain: np.ndarray | float = 1.0) -> np.ndarray:
    """Relative luminance 0..1 of pictures with these first three sums, (3, ...), multiplied by
    `gain`."""
    first, second, third = LINEAR
    light: np.ndarray = gain * (
        first * sums[0] + gain * (second * sums[1] + gain * third * sums[2])
    )
    return light


def solve_gain(sums: np.ndarray, target: np.ndarray) -> np.ndarray:
    """Return the gains 0..1, (n,), at which pictures with these sums, (3, n), have at most the
    target luminances.

    Newton's method from above: luminance is an increasing convex function of the gain, so no step
    overshoots. It is at least gain cubed times the full luminance, so the cube root is an upper
    bound to start from."""
    first, second, third = (factor * part for factor, part in zip(LINEAR, sums, strict=True))
    gain = np.cbrt(np.minimum(target / np.maximum(first + second + third, 1e-9), 1.0))
    for _ in range(4):
        light = gain * (first + gain * (second + gain * third))
        gain -= (light - target) / np.maximum(first + gain * (2 * second + 3 * gain * third), 1e-9)
    gains: np.ndarray = np.clip(gain * 0.999, 0.0, 1.0)
    return gains


def box_means(cells: np.ndarray, side: int) -> np.ndarray:
    """Means of all squares of `side` x `side` cells: (..., 18, 18) becomes (..., 19 - side, 19 -
    side)."""
    sums = np.zeros((*cells.shape[:-2], CELLS + 1, CELLS + 1))
    sums[..., 1:, 1:] = cells.cumsum(axis=-2).cumsum(axis=-1)
    rows = sums[..., side:, :] - sums[..., :-side, :]
    means: np.ndarray = (rows[..., side:] - rows[..., :-side]) / side**2
    return means


def box_minima(values: np.ndarray, side: int) -> np.ndarray:
    """Smallest value in each square of `side` x `side` of (h, w): (h + 1 - side, w + 1 - side)."""
    for _ in range(2):
        width = 1
        while width < side:  # each step doubles the window; the last one overlaps
            step = min(width, side - width)
            values = np.minimum(values[:-step], values[step:])
            width += step
        values = values.T
    return values


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Limits:
    """The flash guard's limits for one picture, per cell; interpolated between the centres of
    cells."""

    maps: np.ndarray
    """(18, 18, 2) float32, 0..1, row 0 at the top: gain of display values, and fraction of
    saturated red to keep."""
    removed_fraction: float
    """Fraction of the picture's light that the limits remove, 0..1."""


NO_LIMITS = Limits(maps=np.ones((CELLS, CELLS, 2), np.float32), removed_fraction=0.0)


class FlashGuard:
    """Limits flashes: counts the rises of luminance in each area over the last second."""

    def __init__(self) -> None:
        self._time_s: float | None = None
        self._red_fraction: np.ndarray

    def limit(self, cells: np.ndarray, time_s: float) -> Limits | None:
        """Return the limits for a picture with these cells, (4, 18, 18), or None for no change.
        Counts it as shown.

        `cells`: means of luminance-weighted display values, of their squares and of their cubes,
        and of red. If the clock was set back, a new show begins; its first picture is not a
        change."""
        levels = np.stack([luminance(cells[:3]), cells[3]]).reshape(2, -1) @ _MEANS
        light = levels[0].copy()
        np.minimum(light, MAX_LEVEL, out=levels[0])
        if self._time_s is None or time_s < self._time_s:
            self._begin(levels, time_s)
            return None
        step_s = min(time_s - self._time_s, MAX_STEP_S)
        self._time_s = time_s
        if self._may_limit():
            self._move_ceilings(step_s)
            is_red = self._is_limited[1] & (levels[1] > self._low[1] + RED_STEP)
            self._red_fraction = np.where(is_red, 0.0, self._red_fraction)
        if (light <= self._ceiling).all() and self._red_fraction.min() == 1.0:
            self._count(levels)
            return None
        maps = np.stack([self._gains(cells), self._red_map()])
        limited = _limited_levels(cells, maps)
        removed_fraction = 1.0 - min(float(limited[0, -1] / max(light[-1], 1e-6)), 1.0)
        np.minimum(limited[0], MAX_LEVEL, out=limited[0])
        self._count(limited)
        return Limits(
            maps=np.ascontiguousarray(maps.transpose(1, 2, 0), np.float32),
            removed_fraction=removed_fraction,
        )

    def _begin(self, levels: np.ndarray, time_s: float) -> None:
        self._time_s = time_s
        # (2, areas), since the last change of direction
        self._low, self._high = (levels.copy(), levels.copy())
        self._is_high = np.zeros(levels.shape, bool)  # after a rise, before a fall
        # of the latest rises, newest first
        self._peaks_s = np.full((MAX_RISES, *levels.shape), _NEVER_S)
        self._is_limited = np.zeros(levels.shape, bool)  # may not begin a rise
        self._ceiling = np.full(levels.shape[1], np.inf)
        self._red_fraction = np.ones(levels.shape[1])

    def _may_limit(self) -> bool:
        """Return True if an area has used up its rises of this second, or is still recovering."""
        assert self._time_s is not None
        is_full = self._peaks_s[-1].max() > self._time_s - WINDOW_S
        return (
            bool(is_full)
            or bool(np.isfinite(self._ceiling).any())
            or bool(self._red_fraction.min() < 1.0)
        )

    def _gains(self, cells: np.ndarray) -> np.ndarray:
        """Return the gain of each cell, (18, 18). Small areas come first; larger ones then often
        need no limit."""
        gains = np.ones((CELLS, CELLS))
        for part, side in zip(_PARTS, _SIDES, strict=True):
            sums = box_means(cells[:3] * np.stack([gains, gains**2, gains**3]), side).reshape(3, -1)
            ceiling = self._ceiling[part]
            is_over = luminance(sums) > ceiling
            if is_over.any():
                needed = np.ones(len(ceiling))
                needed[is_over] = solve_gain(sums[:, is_over], ceiling[is_over])
                gains *= _smooth(_area_minima(needed, side))
        return gains

    def _red_map(self) -> np.ndarray:
        """Return the fraction of saturated red to keep in each cell, (18, 18)."""
        if self._red_fraction.min() == 1.0:
            return np.ones((CELLS, CELLS))
        fractions = [
            _area_minima(self._red_fraction[part], side)
            for part, side in zip(_PARTS, _SIDES, strict=True)
        ]
        return _smooth(np.min(fractions, axis=0))

    def _move_ceilings(self, step_s: float) -> None:
        """Update the ceilings for this picture: lowered where no rise may begin, else
        recovering."""
        assert self._time_s is not None
        has_room = self._peaks_s[-1] <= self._time_s - WINDOW_S
        self._is_limited = ~(has_room | self._is_high)
        grown = self._ceiling * np.exp(step_s / RECOVERY_S)
        highest = np.where(self._low[0] < MAX_LEVEL - STEP, self._low[0] + 0.99 * STEP, np.inf)
        lowered = np.minimum(self._ceiling, highest)
        self._ceiling = np.where(self._is_limited[0], lowered, np.where(grown > 1.0, np.inf, grown))
        back = np.minimum(self._red_fraction + step_s / RED_RECOVERY_S, 1.0)
        self._red_fraction = np.where(self._is_limited[1], self._red_fraction, back)

    def _count(self, levels: np.ndarray) -> None:
        """Add the light on screen, (2, areas), to the sequence of highs and lows."""
        assert self._time_s is not None
        was_high = self._is_high
        np.minimum(self._low, levels, out=self._low, where=~was_high)
        starts = ~was_high & (levels - self._low >= _THRESHOLDS)
        continues = was_high & (levels > self._high)
        falls = was_high & (self._high - levels >= _THRESHOLDS)
        if starts.any():
            self._peaks_s[1:] = np.where(starts, self._peaks_s[:-1], self._peaks_s[1:])
        peaks = starts | continues
        np.copyto(self._high, levels, where=peaks)
        np.copyto(self._peaks_s[0], self._time_s, where=peaks)
        np.copyto(self._low, levels, where=falls)
        self._is_high = (was_high | starts) & ~falls


def _means() -> np.ndarray:
    """(324, areas): weight of each cell in the mean over each area."""
    cells = np.eye(CELLS**2).reshape(-1, CELLS, CELLS)
    return np.concatenate(
        [box_means(cells, side).reshape(CELLS**2, -1) for side in _SIDES], axis=1
    ).clip(0)


_MEANS = _means()


def _area_minima(values: np.ndarray, side: int) -> np.ndarray:
    """Return for each cell, (18, 18), the smallest value (<= 1) of the areas of this size that
    contain it."""
    shape = (CELLS + 1 - side, CELLS + 1 - side)
    return box_minima(np.pad(values.reshape(shape), side - 1, constant_values=1.0), side)


def _smooth(values: np.ndarray) -> np.ndarray:
    """Smooth a map, (18, 18), without ever exceeding `values`, even when interpolated.

    Takes minima over the neighbourhood of the subsequent means, so that these stay below
    `values`."""
    values = np.pad(values, 2 * SMOOTH_CELLS - 1, mode="edge")
    # the means reach 3 cells to each side, interpolation one more
    values = box_minima(values, 2 * SMOOTH_CELLS + 1)
    smooth: np.ndarray = _SMOOTH @ values @ _SMOOTH.T
    return smooth


def _limited_levels(cells: np.ndarray, maps: np.ndarray) -> np.ndarray:
    """Return luminance and red, (2, areas), of a picture with these cells under these limits."""
    padded = np.pad(maps, ((0, 0), (1, 1), (1, 1)), mode="edge")
    down = (
        padded[:, :-2] + 6 * padded[:, 1:-1] + padded[:, 2:]
    ) / 8  # means over a cell of the interpolated values
    gain, red_fraction = (down[..., :-2] + 6 * down[..., 1:-1] + down[..., 2:]) / 8
    red = np.where(red_fraction > 0.0, cells[3] * gain**2, 0.0)
    levels: np.ndarray = np.stack([luminance(cells[:3], gain), red]).reshape(2, -1) @ _MEANS
    return levels
