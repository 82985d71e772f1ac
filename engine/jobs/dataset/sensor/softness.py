"""Weights of blur and motion blur.

A Gaussian of less than half a pixel that is sampled at whole pixels hardly blurs, and a line that is spread over the
nearest pixels blurs too much. So the weights are chosen by the second moment that they really have.
"""

from collections.abc import Callable

import numpy as np

STEPS = 50
SAMPLES = 64  # per pixel of a line


def gaussian(sigma_px: float, reach_px: int) -> np.ndarray:
    """(2 * reach_px + 1,) float64, sum 1: weights whose standard deviation is `sigma_px`."""
    places = np.arange(-reach_px, reach_px + 1.0)

    def weights(width: float) -> np.ndarray:
        bell = np.exp(-(places**2) / (2 * width**2))
        normal: np.ndarray = bell / bell.sum()
        return normal

    if sigma_px <= 0:
        return np.where(places == 0, 1.0, 0.0)
    return weights(_solve(lambda width: float((weights(width) * places**2).sum()), sigma_px**2, 1e-3, 2 * sigma_px + 1))


def reach_of(sigma_px: float) -> int:
    """Pixels on each side that `gaussian` needs."""
    return max(1, int(np.ceil(3 * sigma_px))) if sigma_px > 0 else 0


def line(length_px: float, direction_deg: float) -> tuple[np.ndarray, np.ndarray]:
    """The movement during an exposure: rows and columns away, (n, 2) int64, and shares, (n,) float64, sum 1.

    `direction_deg`: clockwise from the picture's top. The standard deviation is that of a line: length / sqrt(12).
    """

    def spread(length: float) -> np.ndarray:
        along = (np.arange(count) + 0.5) / count * length - length / 2
        grid = np.zeros((2 * reach + 1, 2 * reach + 1))
        rows, columns = -along * np.cos(angle) + reach, along * np.sin(angle) + reach
        row, column = np.floor(rows).astype(int), np.floor(columns).astype(int)
        down, right = rows - row, columns - column
        for i, j, share in (
            (0, 0, (1 - down) * (1 - right)),
            (1, 0, down * (1 - right)),
            (0, 1, (1 - down) * right),
            (1, 1, down * right),
        ):
            np.add.at(grid, (np.minimum(row + i, 2 * reach), np.minimum(column + j, 2 * reach)), share / count)
        return grid

    if length_px <= 0:
        return np.zeros((1, 2), np.int64), np.ones(1)
    angle = np.radians(direction_deg)
    reach = int(np.ceil(length_px / 2)) + 1
    count = int(np.ceil(length_px) + 1) * SAMPLES
    away = np.arange(-reach, reach + 1.0) ** 2
    square = away[:, None] + away
    found = spread(_solve(lambda length: float((spread(length) * square).sum()), length_px**2 / 12, 0.0, length_px))
    kept = found > 1e-4
    taps = np.ascontiguousarray(np.argwhere(kept) - reach)
    return taps, found[kept] / found[kept].sum()


def _solve(moment: Callable[[float], float], wanted: float, low: float, high: float) -> float:
    """The argument between `low` and `high` for which the rising `moment` is `wanted`."""
    for _ in range(STEPS):
        middle = (low + high) / 2
        low, high = (middle, high) if moment(middle) < wanted else (low, middle)
    return (low + high) / 2
