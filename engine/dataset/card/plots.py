"""Plots as SVG, drawn by hand: they need no library, are a few kilobytes, and sharp at any size."""

from collections.abc import Sequence
from html import escape

import numpy as np

WIDTH, HEIGHT = 480, 220
LEFT, RIGHT, TOP, BOTTOM = 48, 12, 30, 34
BARS = 32
INK, BAR, GRID = "#333333", "#3b6ea5", "#dddddd"


def histogram(title: str, unit: str, counts: Sequence[int], high: float) -> str:
    """Bars for counts of equal bins between 0 and `high`."""
    most = max(max(counts, default=0), 1)
    wide = (WIDTH - LEFT - RIGHT) / max(len(counts), 1)
    tall = HEIGHT - TOP - BOTTOM
    bars = "".join(
        f'<rect x="{LEFT + place * wide:.1f}" y="{HEIGHT - BOTTOM - tall * count / most:.1f}" '
        f'width="{max(wide - 1, 0.5):.1f}" height="{tall * count / most:.1f}" fill="{BAR}"/>'
        for place, count in enumerate(counts)
    )
    floor = HEIGHT - BOTTOM
    marks = "".join(
        f'<text x="{LEFT + share * (WIDTH - LEFT - RIGHT):.0f}" y="{floor + 16}" text-anchor="middle">'
        f"{share * high:.3g}</text>"
        for share in (0, 0.25, 0.5, 0.75, 1)
    )
    frame = (
        f'<path d="M{LEFT} {TOP}H{WIDTH - RIGHT}" stroke="{GRID}"/><path d="M{LEFT} {floor}H{WIDTH - RIGHT}" '
        f'stroke="{INK}"/><text x="{LEFT - 6}" y="{TOP + 4}" text-anchor="end">{most}</text>'
        f'<text x="{LEFT - 6}" y="{floor}" text-anchor="end">0</text>'
        f'<text x="{(WIDTH + LEFT) / 2:.0f}" y="{HEIGHT - 4}" text-anchor="middle">{escape(unit)}</text>'
    )
    return _svg(title, frame + bars + marks)


def binned(values: np.ndarray, high: float | None = None) -> tuple[list[int], float]:
    """Counts of BARS bins from 0 to `high`, or to the largest value, and that end."""
    if not len(values):
        return [], 1.0
    last = max(float(values.max()) if high is None else high, 1e-6)
    return np.histogram(values, BARS, (0, last))[0].tolist(), last


def place_map(title: str, places: np.ndarray) -> str:
    """Shares of the middles of boxes by place in the picture, (rows, columns), darker for more."""
    most = max(float(places.max(initial=0)), 1e-12)
    rows, columns = places.shape
    wide, tall = (WIDTH - LEFT - RIGHT) / columns, (HEIGHT - TOP - 10) / rows
    cells = "".join(
        f'<rect x="{LEFT + column * wide:.1f}" y="{TOP + row * tall:.1f}" width="{wide:.1f}" height="{tall:.1f}" '
        f'fill="{BAR}" fill-opacity="{places[row, column] / most:.2f}"/>'
        for row in range(rows)
        for column in range(columns)
    )
    frame = (
        f'<rect x="{LEFT}" y="{TOP}" width="{WIDTH - LEFT - RIGHT}" height="{HEIGHT - TOP - 10}" fill="none" '
        f'stroke="{INK}"/>'
    )
    return _svg(title, cells + frame)


def _svg(title: str, content: str) -> str:
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" width="{WIDTH}" height="{HEIGHT}" '
        f'font-family="sans-serif" font-size="11" fill="{INK}"><rect width="100%" height="100%" fill="#ffffff"/>'
        f'<text x="{LEFT}" y="18" font-size="13">{escape(title)}</text>{content}</svg>\n'
    )
