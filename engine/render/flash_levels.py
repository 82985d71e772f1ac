"""The light of a picture for the flash guard: a grid of cells with their brightness and redness.

A cell is a sixth of a 10 degree field wide and high (see flash_guard.py). We sample 64 pixels of each, one from each
part of a finer grid at a random position that differs from cell to cell: a regular grid could miss the stripes of a
wave that are in phase with it. A renderer reduces them to four numbers (shaders/flash_cells.glsl, numba_kernels.py),
from which the cell's brightness follows for any gain. So nothing is drawn or read twice.
"""

import numpy as np

CELLS = 18
"""Cells in each direction."""
SAMPLES_ACROSS, SAMPLES_DOWN = 8, 8
"""Pixels sampled per cell."""
CELL_SHIFT = (0.7548777, 0.5698403)
_SEED = 2301  # arbitrary but fixed, so that offline runs are reproducible

# Linear light of a display value c is close to A1 c + A2 c^2 + A3 c^3, at most 0.002 from sRGB's own curve
# (C. Taylor, "sRGB approximations for HLSL", 2012). Unlike with a power, the mean under any gain follows from three
# means.
LINEAR = (0.012522878, 0.682171111, 0.305306011)

SATURATED_RED = 0.79
"""Minimum share of red in R + G + B, linear, that counts as saturated: WCAG's 0.8 minus the error of LINEAR."""


def sample_jitter() -> np.ndarray:
    """(64, 2) float32: positions of the samples in a cell, 0..1 across and down, one in each of 8 x 8 parts."""
    jitter = np.random.default_rng(_SEED).random((SAMPLES_DOWN, SAMPLES_ACROSS, 2))
    parts = np.stack(np.meshgrid(np.arange(SAMPLES_ACROSS), np.arange(SAMPLES_DOWN)), axis=-1)
    return ((parts + jitter) / (SAMPLES_ACROSS, SAMPLES_DOWN)).reshape(-1, 2).astype(np.float32)


def sample_places(width: int, height: int) -> np.ndarray:
    """(18, 18, 64, 2) int32: column and row of each sampled pixel of a picture of this size, by cell.

    The jitter is shifted by a different amount in each cell, modulo the cell (Roberts' R2 sequence).
    """
    columns, rows = np.meshgrid(np.arange(CELLS), np.arange(CELLS))
    moved = (rows * CELLS + columns)[..., None].astype(np.float32) * np.array(CELL_SHIFT, np.float32)
    within = (sample_jitter() + moved[:, :, None]) % np.float32(1)
    places = (np.stack([columns, rows], axis=-1)[:, :, None] + within) * np.array((width, height), np.float32) / CELLS
    return np.minimum(places.astype(np.int32), (width - 1, height - 1)).astype(np.int32)


def luminance(sums: np.ndarray, gain: np.ndarray | float = 1.0) -> np.ndarray:
    """Relative luminance 0..1 of pictures with these first three sums, (3, ...), multiplied by `gain`."""
    first, second, third = LINEAR
    light: np.ndarray = gain * (first * sums[0] + gain * (second * sums[1] + gain * third * sums[2]))
    return light


def gain_for(sums: np.ndarray, wanted: np.ndarray) -> np.ndarray:
    """The gains 0..1, (n,), at which pictures with these sums, (3, n), have the wanted luminances or slightly less.

    Newton's method from above: luminance is an increasing convex function of the gain, so no step overshoots. It is at
    least gain cubed times the full luminance, so the cube root is an upper bound to start from.
    """
    first, second, third = (factor * part for factor, part in zip(LINEAR, sums, strict=True))
    gain = np.cbrt(np.minimum(wanted / np.maximum(first + second + third, 1e-9), 1.0))
    for _ in range(4):
        light = gain * (first + gain * (second + gain * third))
        gain -= (light - wanted) / np.maximum(first + gain * (2 * second + 3 * gain * third), 1e-9)
    gains: np.ndarray = np.clip(gain * 0.999, 0.0, 1.0)
    return gains


def box_means(cells: np.ndarray, side: int) -> np.ndarray:
    """Means of all squares of `side` x `side` cells: (..., 18, 18) becomes (..., 19 - side, 19 - side)."""
    sums = np.zeros((*cells.shape[:-2], CELLS + 1, CELLS + 1))
    sums[..., 1:, 1:] = cells.cumsum(axis=-2).cumsum(axis=-1)
    upper = sums[..., :-side, :]
    rows = sums[..., side:, :] - upper
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
