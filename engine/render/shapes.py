"""Geometry of the layers' shapes, in numbers for the block of a frame. Pure.

Every shape maps a pixel to a position on the wave by one formula, in periods of the wave:
`u = a dx + b dy + c + outward r + around angle + bend`. r is the distance from the centre; the angle is relative to the
layer's. Stripes use the first three, rings r, rays the angle, a spiral both. Rays and circles of a
mirrored wave use the angle without its sign, so that no seam is seen at any ratio; of a repeating one the whole turn.
A spiral has whole periods around, for the same reason.

Line and circle draw a trace instead: u is the position along it, and `across` the distance from its rest position. At
0 degrees a circle's wave begins at the bottom, so that a mirrored one is the same left and right.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from engine.render.look import LayerLook, Look
from engine.values import CHANNELS, WAVE_POINTS

Row = tuple[float, float, float, float]
SPIRAL_ARMS = 2  # periods of the wave around the centre
CIRCLE_RADIUS = 0.28  # of the picture's height
CIRCLE_DEFLECTION = 0.5  # of a line's, so that a loud wave does not cross the centre
MIN_LINE_PX = 1.0
MIN_RADIUS_PX = 0.5  # nearer the centre, rays are no finer
TABLE_POINTS = WAVE_POINTS + 1  # index 1024 can be reached exactly at the turning point of a mirrored wave
TABLE_ROWS = 5  # per layer
TAPS = (9, 9, 13, 21)  # positions tried along the trace for each of its distances
MAX_REACH_POINTS = 4096  # farther along, a trace repeats itself
RESOLVED_POWER = 0.98  # fraction of a wave's power that must not alias
SILENT_POWER = 1e-4  # of a component; full scale has 2.6e5
NO_CYCLES = 1e-6  # a constant wave is shown at any size
MIN_PERIOD_PX = 2.5  # shorter periods beat against the pixels


@dataclass(frozen=True, slots=True, kw_only=True)
class ShapeRows:
    """Rows of one layer; see frame_block.py."""

    along: Row
    bend_x: Row
    bend_y: Row
    polar: Row
    line: Row
    across: Row


def shape_rows(layer: LayerLook, size_px: tuple[int, int]) -> ShapeRows:
    """The rows of this layer in a picture of this size (width, height)."""
    width, height = size_px
    x_axis, y_axis = _rotated_axes(layer, width, height)
    per_width = layer.ratio * (0.5 if layer.is_mirrored else 1.0)  # periods
    points = 2.0 * WAVE_POINTS if layer.is_mirrored else 1.0 * WAVE_POINTS
    half_diagonal = math.hypot(width, height) / 2
    start_rad = layer.angle_rad + (math.pi / 2 if layer.shape == "circle" else 0.0)
    slope = (0.0, 0.0)
    outward = around = 0.0
    start = layer.phase
    if layer.shape in ("stripes", "line"):
        slope = (per_width * x_axis[0], per_width * x_axis[1])
        start += 0.5
    if layer.shape in ("rings", "spiral"):
        outward = -per_width / half_diagonal  # the newest sound is in the centre
        start += 1.0
    if layer.shape in ("rays", "circle"):
        around = per_width / (math.pi if layer.is_mirrored else 2 * math.pi)
    if layer.shape == "spiral":
        around = SPIRAL_ARMS / (2 * math.pi)
    bend = 0.0 if layer.is_line else 2 * layer.curve * per_width
    return ShapeRows(
        along=(*slope, start * per_width, points),
        bend_x=(*x_axis, 0.5, bend),
        bend_y=(2 * y_axis[0], 2 * y_axis[1], 0.0, 0.0),
        polar=(outward, around, float(layer.is_mirrored and layer.shape in ("rays", "circle")), start_rad),
        line=_line(layer, height),
        across=_across(layer, height),
    )


def may_alias(layer: LayerLook, size_px: tuple[int, int], max_points: float) -> bool:
    """Return True if the wave may alias: somewhere a pixel may span more than `max_points` of it."""
    if layer.is_line:
        return False
    rows = shape_rows(layer, size_px)
    outward, around, _, _ = rows.polar
    widest = math.hypot(*rows.along[:2]) + abs(outward) + abs(around) / MIN_RADIUS_PX
    # The bend is at most 1 and its slope at most pi, at |2 y' - 1| = 1.
    widest += rows.bend_x[3] * (math.hypot(*rows.bend_y[:2]) + math.pi * math.hypot(*rows.bend_x[:2]))
    return widest * rows.along[3] > max_points


def points_per_px(layer: LayerLook, size_px: tuple[int, int]) -> float:
    """Return points of the wave per pixel along straight stripes, or along a trace at rest."""
    rows = shape_rows(layer, size_px)
    if layer.shape == "circle":
        return rows.polar[1] * rows.along[3] / (CIRCLE_RADIUS * size_px[1])
    return math.hypot(*rows.along[:2]) * rows.along[3]


def line_levels_px(layer: LayerLook, height: int) -> tuple[float, float, float, float]:
    """Return distances from the middle of a trace: start and end of its edge, a third of the glow, its end."""
    half = max(layer.line_width * height, MIN_LINE_PX) / 2
    glow = layer.line_glow * height
    return half - 0.5, half + 0.5, half + 0.5 + glow / 3, half + 0.5 + glow


def _line(layer: LayerLook, height: int) -> Row:
    if not layer.is_line:
        return (0.0, 0.0, 0.0, 0.0)
    inner, _, _, _ = line_levels_px(layer, height)
    return (inner + 0.5, layer.line_glow * height, layer.intensity, 0.0)


def _across(layer: LayerLook, height: int) -> Row:
    if layer.shape == "line":  # upward is positive
        return (math.sin(layer.angle_rad), -math.cos(layer.angle_rad), 0.0, 0.0)
    if layer.shape == "circle":
        return (0.0, 0.0, 1.0, -CIRCLE_RADIUS * height)
    return (0.0, 0.0, 0.0, 0.0)


def _rotated_axes(layer: LayerLook, width: int, height: int) -> tuple[tuple[float, float], tuple[float, float]]:
    """Return the slopes of x' and y' by dx and dy: rotated in pixel space, zoomed so that corners stay filled."""
    cos, sin = math.cos(layer.angle_rad), math.sin(layer.angle_rad)
    scale = max((width * abs(cos) + height * abs(sin)) / width, (width * abs(sin) + height * abs(cos)) / height)
    return (cos / scale / width, sin / scale / width), (-sin / scale / height, cos / scale / height)


def max_points_per_px(waves: np.ndarray) -> np.ndarray:
    """Return the most points of each wave that a pixel can span without aliasing (moire), (4,); large if smooth.

    The renderers average a wave over a pixel that spans more. Averaging everywhere would soften stripes that are well
    above the pixels' limit: a box as wide as a pixel takes 7 % off stripes of five pixels. So the limit follows the
    wave: 98 % of its power has at least 2.5 pixels a period.
    """
    power = np.abs(np.fft.rfft(waves - waves.mean(axis=1, keepdims=True), axis=1)) ** 2
    power[power < SILENT_POWER] = 0.0
    total = np.cumsum(power, axis=1)
    highest = np.argmax(total >= RESOLVED_POWER * total[:, -1:], axis=1)  # cycles in the whole wave
    points: np.ndarray = WAVE_POINTS / (MIN_PERIOD_PX * np.maximum(highest, NO_CYCLES))
    return points


def bake_waves(
    look: Look, waves: np.ndarray, size_px: tuple[int, int], max_points: Sequence[float] | np.ndarray
) -> np.ndarray:
    """Precompute a frame's waves for a picture of this size (width, height), (4, 5, 1025, 2) float32, so that the
    renderers only look up, multiply and add. Per layer five rows of 1025 pairs (value, step to the next), 0 if unused:

    - row 0: brightness before clamping, (bias + (1 - bias) a) intensity, linear in the wave a, so it can be computed
      before interpolation; the clamp to 0..1 is not, so the renderer does it;
    - row 1: the integral of the clamped brightness from point 0, for averages over a pixel;
    - for a trace (line, circle) rows 1 to 4 instead: see `trace_rows`.

    The last point is followed by the first if the wave repeats, by itself if mirrored. max_points: See
    `max_points_per_px`.
    """
    table = np.zeros((CHANNELS, TABLE_ROWS, TABLE_POINTS, 2), np.float32)
    for channel, layer in enumerate(look.layers):
        if layer.is_line:
            table[channel, 1:] = trace_rows(layer, waves[channel], size_px)
            continue
        values = np.empty(TABLE_POINTS, np.float32)
        values[:WAVE_POINTS] = (look.bias + (1 - look.bias) * waves[channel]) * layer.intensity
        values[WAVE_POINTS] = values[WAVE_POINTS - 1 if layer.is_mirrored else 0]
        table[channel, 0, :, 0] = values
        table[channel, 0, :WAVE_POINTS, 1] = values[1:] - values[:WAVE_POINTS]
        table[channel, 0, WAVE_POINTS, 1] = 0.0 if layer.is_mirrored else table[channel, 0, 0, 1]
        if may_alias(layer, size_px, float(max_points[channel])):
            clamped = values.clip(0.0, 1.0)
            table[channel, 1, :WAVE_POINTS, 1] = (clamped[1:] + clamped[:WAVE_POINTS]) / 2
            table[channel, 1, 1:, 0] = np.cumsum(table[channel, 1, :WAVE_POINTS, 1], dtype=np.float64)
    return table


def trace_rows(layer: LayerLook, wave: np.ndarray, size_px: tuple[int, int]) -> np.ndarray:
    """Return lowest and highest position across a trace, pixels, for each of `line_levels_px`: (4, 1025, 2) float32.

    Problem: the distance of a pixel from a waveform. Dividing the height above the trace by its slope is right for a
    straight line only: above a steep edge it draws streaks over the whole picture. Trying all segments nearby is too
    slow on a processor.
    Solution: the pixels within a distance d of a trace are a union of discs, and in one column that is one interval,
    as the trace is continuous: from min(h(x + t) - sqrt(d^2 - t^2)) to max(h(x + t) + sqrt(d^2 - t^2)), t from -d to d.
    A few such intervals per point are enough to read any distance between them.
    """
    height = size_px[1]
    per_px = points_per_px(layer, size_px)
    levels = line_levels_px(layer, height)
    pad = min(math.ceil(levels[-1] * per_px), MAX_REACH_POINTS) + 1
    full_px = layer.curve * height * (CIRCLE_DEFLECTION if layer.shape == "circle" else 1.0)  # of a full-scale wave
    trace = (full_px * np.asarray(wave, np.float32)).astype(np.float32)
    padded = np.pad(trace, (pad, pad + 1), "symmetric" if layer.is_mirrored else "wrap")
    windows = np.lib.stride_tricks.sliding_window_view(padded, TABLE_POINTS)
    rows = np.empty((len(levels), TABLE_POINTS, 2), np.float32)
    for level, (reach_px, taps) in enumerate(zip(levels, TAPS, strict=True)):
        if level > 1 and layer.line_glow <= 0.0:
            rows[level] = rows[1]
            continue
        offsets_px = reach_px * np.sin(np.linspace(-math.pi / 2, math.pi / 2, taps if reach_px > 0 else 1))
        shifts = (offsets_px * per_px).clip(-pad, pad)
        whole = np.floor(shifts)
        fraction = (shifts - whole).astype(np.float32)[:, None]
        first = whole.astype(int) + pad
        candidates = windows[first] * (1 - fraction) + windows[np.minimum(first + 1, len(windows) - 1)] * fraction
        rise = np.sqrt(np.maximum(reach_px**2 - offsets_px**2, 0.0)).astype(np.float32)[:, None]
        rows[level, :, 0] = (candidates - rise).min(axis=0)
        rows[level, :, 1] = (candidates + rise).max(axis=0)
    return rows
