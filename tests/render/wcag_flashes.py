"""A checker for WCAG 2.2's "general flash and red flash thresholds", written from its text only.

It shares nothing with engine/render/flash_guard.py: sRGB's exact curve, every pixel instead of
samples, squares at any position instead of the guard's grid, and flashes counted separately in each
period of one second.
"""

from collections.abc import Iterator

import numpy as np

CHANGE = 0.1  # "10 % or more of the maximum relative luminance (1.0)"
DARK = 0.8  # "where the relative luminance of the darker image is below 0.80"
SATURATED = 0.8  # "R/(R + G + B) greater than or equal to 0.8"
CHROMATICITY = 0.2  # "more than 0.2 in the CIE 1976 UCS chromaticity diagram"
PEAT_RED = 20 / 320  # the earlier definition: a change of (R - G - B) x 320 above 20
FIELD = 3  # "341 x 256 pixels ... of 1024 x 768": a third of the picture each way
# of linear sRGB
TO_XYZ = np.array([[0.4124, 0.2126, 0.0193], [0.3576, 0.7152, 0.1192], [0.1805, 0.0722, 0.9505]])
D65_UV = np.array([0.1978, 0.4683])


def linear(pictures: np.ndarray) -> np.ndarray:
    """Convert (..., 3) uint8 to linear light 0..1."""
    display = np.arange(256) / 255
    return np.where(display <= 0.04045, display / 12.92, ((display + 0.055) / 1.055) ** 2.4)[
        pictures
    ]


def most_flashes_in_a_second(
    levels: np.ndarray, times_s: np.ndarray, change: float = CHANGE
) -> np.ndarray:
    """Return the most pairs of opposing changes of `levels`, (frames, n), in any second with both
    ends, for each n."""
    starts, ends = np.array(list(_seconds(times_s))).T
    low, high = levels[starts], levels[starts]  # per period of one second, all processed at once
    direction, changes = np.zeros(low.shape, int), np.zeros(low.shape, int)
    for offset in range(1, int((ends - starts).max())):
        continues = starts + offset < ends
        level = levels[np.where(continues, starts + offset, starts)]
        high = np.where(direction >= 0, np.maximum(high, level), high)
        low = np.where(direction <= 0, np.minimum(low, level), low)
        rises = (direction <= 0) & (level - low >= change) & continues[:, None]
        falls = (direction >= 0) & (high - level >= change) & continues[:, None]
        direction = np.where(rises, 1, np.where(falls, -1, direction))
        high, low = np.where(rises, level, high), np.where(falls, level, low)
        changes += rises | falls
    return changes.max(axis=0) // 2


def general_flashes(pictures: np.ndarray, times_s: np.ndarray) -> int:
    """Return the most general flashes in any second of (frames, height, width, 3) uint8, in any
    area not exempt.

    An area is a quarter of a 10 degree field, a field or the picture, judged by its mean: if more
    than a quarter of a field flashes, at least one such square does.
    """
    luminance = linear(pictures) @ (0.2126, 0.7152, 0.0722)
    # If the darker image is at 0.8 or above, it is not a flash.
    means = np.minimum(_area_means(luminance[..., None])[..., 0], DARK + CHANGE)
    return int(most_flashes_in_a_second(means, times_s).max())


def red_flashes(pictures: np.ndarray, times_s: np.ndarray) -> int:
    """Return the most red flashes in any second of any such area, from its mean colour; below
    PEAT's threshold an area has no colour and counts as white."""
    rgb = _area_means(linear(pictures))
    total = rgb.sum(axis=-1)
    is_red = (rgb[..., 0] >= SATURATED * total) & (2 * rgb[..., 0] - total > PEAT_RED)
    x, y, z = np.moveaxis(rgb @ TO_XYZ, -1, 0)
    scale = np.maximum(x + 15 * y + 3 * z, 1e-9)
    uv = np.where(
        (total > PEAT_RED)[..., None], np.stack([4 * x / scale, 9 * y / scale], axis=-1), D65_UV
    )
    most = 0
    for n in np.flatnonzero(is_red.any(axis=0) & ~is_red.all(axis=0)):
        changes_s: list[float] = []  # of transitions, alternately to red and from red
        last = 0
        for frame in np.flatnonzero(is_red[1:, n] != is_red[:-1, n]) + 1:
            if (
                is_red[frame, n] != is_red[last, n]
                and np.hypot(*(uv[frame, n] - uv[last, n])) > CHROMATICITY
            ):
                changes_s.append(times_s[frame])
                last = frame
        for first_s in changes_s:
            most = max(most, sum(0 <= time_s - first_s <= 1 for time_s in changes_s) // 2)
    return most


def peat_red_flashes(pictures: np.ndarray, times_s: np.ndarray) -> int:
    """Return the red flashes by the earlier definition; for flat colours only: it jumps at the edge
    of saturation."""
    light = linear(pictures)
    red, others = light[..., 0], light[..., 1] + light[..., 2]
    saturation = np.where(red >= SATURATED * (red + others), red - others, 0).clip(0)
    return int(
        most_flashes_in_a_second(
            _area_means(saturation[..., None])[..., 0], times_s, PEAT_RED
        ).max()
    )


def flashing_fraction_of_a_field(pictures: np.ndarray, times_s: np.ndarray) -> float:
    """Return the largest fraction of a 10 degree field whose pixels flash more than three times
    within a second."""
    frames, height, width = pictures.shape[:3]
    luminance = np.minimum(linear(pictures) @ (0.2126, 0.7152, 0.0722), DARK + CHANGE)
    flashes = (
        most_flashes_in_a_second(luminance.reshape(frames, -1), times_s).reshape(
            1, height, width, 1
        )
        > 3
    )
    return float(_means(_sums(flashes), FIELD).max())


def _seconds(times_s: np.ndarray) -> Iterator[tuple[int, int]]:
    """First frame and the one after the last of each period of one second."""
    for start, time_s in enumerate(times_s):
        end = int(np.searchsorted(times_s, time_s + 1 + 1e-6, "right"))
        yield start, end
        if end == len(times_s):
            return


def _area_means(values: np.ndarray) -> np.ndarray:
    """(frames, height, width, c) as means over all areas: (frames, n, c)."""
    whole = values.mean(axis=(1, 2))[:, None]
    sums = _sums(values)
    return np.concatenate([_means(sums, 2 * FIELD), _means(sums, FIELD), whole], axis=1)


def _sums(values: np.ndarray) -> np.ndarray:
    """Sums over everything above and to the left of each corner: (frames, height + 1, width + 1,
    c)."""
    frames, height, width, count = values.shape
    sums = np.zeros((frames, height + 1, width + 1, count))
    np.cumsum(values, axis=1, out=sums[:, 1:, 1:])
    np.cumsum(sums, axis=2, out=sums)
    return sums


def _means(sums: np.ndarray, parts: int) -> np.ndarray:
    """Means over rectangles of a `parts`-th of the picture each way, a quarter of their size apart:
    (frames, n, c)."""
    frames, height, width, count = (
        sums.shape[0],
        sums.shape[1] - 1,
        sums.shape[2] - 1,
        sums.shape[3],
    )
    high, wide = max(height // parts, 1), max(width // parts, 1)
    tops = np.arange(0, height - high + 1, max(high // 4, 1))
    lefts = np.arange(0, width - wide + 1, max(wide // 4, 1))
    rows = sums[:, tops + high] - sums[:, tops]
    means = (rows[:, :, lefts + wide] - rows[:, :, lefts]) / (high * wide)
    return means.reshape(frames, -1, count)
