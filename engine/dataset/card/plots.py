"""Plots as SVG text, written without a plotting library: a few kilobytes each, sharp at any
size."""

from collections.abc import Sequence
from html import escape

import numpy as np

WIDTH, HEIGHT = 480, 220
LEFT_PX = 48
RIGHT_PX = 12
TOP_PX = 30
BOTTOM_PX = 34
BARS = 32
INK = "#333333"
BAR = "#3b6ea5"
GRID = "#dddddd"


def histogram(title: str, unit: str, counts: Sequence[int], high: float) -> str:
    """Plot a histogram: a bar per count, of equal bins between 0 and `high`."""
    most = max(max(counts, default=0), 1)
    wide = (WIDTH - LEFT_PX - RIGHT_PX) / max(len(counts), 1)
    tall = HEIGHT - TOP_PX - BOTTOM_PX
    bars = "".join(
        f'<rect x="{LEFT_PX + index * wide:.1f}" '
        f'y="{HEIGHT - BOTTOM_PX - tall * count / most:.1f}" '
        f'width="{max(wide - 1, 0.5):.1f}" height="{tall * count / most:.1f}" fill="{BAR}"/>'
        for index, count in enumerate(counts)
    )
    floor = HEIGHT - BOTTOM_PX
    marks = "".join(
        f'<text x="{LEFT_PX + fraction * (WIDTH - LEFT_PX - RIGHT_PX):.0f}" y="{floor + 16}" '
        'text-anchor="middle">'
        f"{fraction * high:.3g}</text>"
        for fraction in (0, 0.25, 0.5, 0.75, 1)
    )
    frame = (
        f'<path d="M{LEFT_PX} {TOP_PX}H{WIDTH - RIGHT_PX}" stroke="{GRID}"/>'
        f'<path d="M{LEFT_PX} {floor}H{WIDTH - RIGHT_PX}" stroke="{INK}"/>'
        f'<text x="{LEFT_PX - 6}" y="{TOP_PX + 4}" text-anchor="end">{most}</text>'
        f'<text x="{LEFT_PX - 6}" y="{floor}" text-anchor="end">0</text>'
        f'<text x="{(WIDTH + LEFT_PX) / 2:.0f}" y="{HEIGHT - 4}" '
        f'text-anchor="middle">{escape(unit)}</text>'
    )
    return _svg(title, frame + bars + marks)


def bin_counts(values: np.ndarray, high: float | None = None) -> tuple[list[int], float]:
    """Count values in BARS bins from 0 to `high`, or to the largest value. Returns counts and the
    upper end."""
    if not len(values):
        return [], 1.0
    last = max(float(values.max()) if high is None else high, 1e-6)
    return np.histogram(values, BARS, (0, last))[0].tolist(), last


def plot_heatmap(title: str, fractions: np.ndarray) -> str:
    """Plot where boxes are: fractions of their centres by grid cell, (rows, columns), darker for
    more."""
    most = max(float(fractions.max(initial=0)), 1e-12)
    rows, columns = fractions.shape
    wide = (WIDTH - LEFT_PX - RIGHT_PX) / columns
    tall = (HEIGHT - TOP_PX - 10) / rows
    cells = "".join(
        f'<rect x="{LEFT_PX + column * wide:.1f}" y="{TOP_PX + row * tall:.1f}" '
        f'width="{wide:.1f}" height="{tall:.1f}" '
        f'fill="{BAR}" fill-opacity="{fractions[row, column] / most:.2f}"/>'
        for row in range(rows)
        for column in range(columns)
    )
    frame = (
        f'<rect x="{LEFT_PX}" y="{TOP_PX}" width="{WIDTH - LEFT_PX - RIGHT_PX}" '
        f'height="{HEIGHT - TOP_PX - 10}" '
        f'fill="none" stroke="{INK}"/>'
    )
    return _svg(title, cells + frame)


def _svg(title: str, content: str) -> str:
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" width="{WIDTH}" '
        f'height="{HEIGHT}" '
        f'font-family="sans-serif" font-size="11" fill="{INK}"><rect width="100%" height="100%" '
        'fill="#ffffff"/>'
        f'<text x="{LEFT_PX}" y="18" font-size="13">{escape(title)}</text>{content}</svg>\n'
    )
