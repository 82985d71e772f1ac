"""Geometry of the layers' shapes, in numbers for the block of a frame. Pure.

Every shape maps a pixel to a position on the wave by one formula, in periods of the wave:
`u = a dx + b dy + c + outward r + around angle + bend`. r is the distance from the centre; the
angle is relative to the layer's. Stripes use the first three, rings r, rays the angle, a spiral
both. Rays and circles of a mirrored wave use the angle without its sign, so that no seam is seen at
any ratio; of a repeating one the whole turn. A spiral has whole periods around, for the same
reason.

Line and circle draw a trace instead: u is the position along it, and `across` the distance from its
rest position. At 0 degrees a circle's wave begins at the bottom, so that a mirrored one is the same
left and right.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from engine.render.look import LayerLook, Look
from engine.values import CHANNELS, WAVE_POINTS

Row = tuple[float, float, float, float]
SPIRAL_ARMS = 2  # periods of the wave around the centre
CIRCLE_RADIUS = 0.28  # of the picture's height
CIRCLE_DEFLECTION = 0.5  # of a line's, so that a loud wave does not cross the centre
MIN_LINE_PX = 1.0
MIN_RADIUS_PX = 0.5  # nearer the centre, rays are no finer
# index 1024 can be reached exactly at the turning point of a mirrored wave
TABLE_POINTS = WAVE_POINTS + 1
TABLE_ROWS = 5  # at most
TAPS = (9, 9, 13, 21)  # positions tried along the trace for each of its distances
TAP_STARTS = (0, *np.cumsum(TAPS).tolist())
TAP_LEVELS = np.repeat(np.arange(len(TAPS)), TAPS)
TAP_SINES = np.concatenate([np.sin(np.linspace(-math.pi / 2, math.pi / 2, taps)) for taps in TAPS])
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


@dataclass(frozen=True, slots=True, kw_only=True)
class BakedLayers:
    """The layers, ready to be drawn: rows for the block of a frame, and the table of
    `bake_layers`."""

    shapes: list[ShapeRows]
    bands: list[Row]
    table: np.ndarray


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
        polar=(
            outward,
            around,
            float(layer.is_mirrored and layer.shape in ("rays", "circle")),
            start_rad,
        ),
        line=_line(layer, height),
        across=_across(layer, height),
    )


def may_alias(layer: LayerLook, shape: ShapeRows, max_points: float) -> bool:
    """Return True if the wave may alias: somewhere a pixel may span more than `max_points` of
    it."""
    if layer.is_line:
        return False
    outward, around, _, _ = shape.polar
    widest = math.hypot(*shape.along[:2]) + abs(outward) + abs(around) / MIN_RADIUS_PX
    # The bend is at most 1 and its slope at most pi, at |2 y' - 1| = 1.
    widest += shape.bend_x[3] * (
        math.hypot(*shape.bend_y[:2]) + math.pi * math.hypot(*shape.bend_x[:2])
    )
    return widest * shape.along[3] > max_points


def points_per_px(layer: LayerLook, shape: ShapeRows, height: int) -> float:
    """Return points of the wave per pixel along straight stripes, or along a trace at rest."""
    if layer.shape == "circle":
        return shape.polar[1] * shape.along[3] / (CIRCLE_RADIUS * height)
    return math.hypot(*shape.along[:2]) * shape.along[3]


def line_levels_px(layer: LayerLook, height: int) -> tuple[float, float, float, float]:
    """Return distances from the middle of a trace: start and end of its edge, a third of the glow,
    its end."""
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


def _rotated_axes(
    layer: LayerLook, width: int, height: int
) -> tuple[tuple[float, float], tuple[float, float]]:
    """Return the slopes of x' and y' by dx and dy: rotated in pixel space, zoomed so that corners
    stay filled."""
    cos, sin = math.cos(layer.angle_rad), math.sin(layer.angle_rad)
    scale = max(
        (width * abs(cos) + height * abs(sin)) / width,
        (width * abs(sin) + height * abs(cos)) / height,
    )
    return (cos / scale / width, sin / scale / width), (-sin / scale / height, cos / scale / height)


def max_points_per_px(waves: np.ndarray) -> np.ndarray:
    """Return the most points of each wave that a pixel can span without aliasing (moire), (4,);
    large if smooth.

    The renderers average a wave over a pixel that spans more. Averaging everywhere would soften
    stripes that are well above the pixels' limit: a box as wide as a pixel takes 7 % off stripes of
    five pixels. So the limit follows the wave: 98 % of its power has at least 2.5 pixels a
    period."""
    power = np.abs(np.fft.rfft(waves - waves.mean(axis=1, keepdims=True), axis=1)) ** 2
    power[power < SILENT_POWER] = 0.0
    total = np.cumsum(power, axis=1)
    highest = np.argmax(total >= RESOLVED_POWER * total[:, -1:], axis=1)  # cycles in the whole wave
    points: np.ndarray = WAVE_POINTS / (MIN_PERIOD_PX * np.maximum(highest, NO_CYCLES))
    return points


def bake_layers(look: Look, waves: np.ndarray, size_px: tuple[int, int]) -> BakedLayers:
    """Precompute a frame's waves for a picture of this size (width, height), so that the renderers
    only look up, multiply and add. The table has the first 1, 2 or 5 of these rows, as many as the
    look needs, of each layer: (rows, 4, 1025, 2) float32, pairs (value, step to the next). No
    renderer reads rows that a layer has no use for:

    - row 0: brightness before clamping, (bias + (1 - bias) a) intensity, linear in the wave a, so
      it can be computed before interpolation; the clamp to 0..1 is not, so the renderer does it;
    - row 1: the integral of the clamped brightness from point 0, for averages over a pixel;
    - for a trace (line, circle) rows 1 to 4 instead: see `trace_rows`.

    The last point is followed by the first if the wave repeats, by itself if mirrored."""
    shapes = [shape_rows(layer, size_px) for layer in look.layers]
    lines = [channel for channel, layer in enumerate(look.layers) if layer.is_line]
    max_points = max_points_per_px(waves).tolist() if len(lines) < CHANNELS else [0.0] * CHANNELS
    fine = [n for n in range(CHANNELS) if may_alias(look.layers[n], shapes[n], max_points[n])]
    table = np.zeros(
        (TABLE_ROWS if lines else 2 if fine else 1, CHANNELS, TABLE_POINTS, 2), np.float32
    )
    if len(lines) < CHANNELS:
        _bake_brightness(look, waves, fine, table)
    if lines:
        table[1:, lines] = trace_rows(
            [(look.layers[n], shapes[n]) for n in lines], waves[lines], size_px[1]
        )
    bands = [(max_points[n], float(n in fine), 0.0, 0.0) for n in range(CHANNELS)]
    return BakedLayers(shapes=shapes, bands=bands, table=table)


def _bake_brightness(look: Look, waves: np.ndarray, fine: list[int], table: np.ndarray) -> None:
    """Write row 0 of all layers, and row 1 of `fine` ones."""
    is_mirrored = [layer.is_mirrored for layer in look.layers]
    values = np.empty((CHANNELS, TABLE_POINTS), np.float32)
    intensities = np.array([[layer.intensity] for layer in look.layers], np.float32)
    values[:, :-1] = (look.bias + (1 - look.bias) * waves) * intensities
    values[:, -1] = np.where(is_mirrored, values[:, -2], values[:, 0])
    table[0, :, :, 0] = values
    table[0, :, :-1, 1] = values[:, 1:] - values[:, :-1]
    table[0, :, -1, 1] = np.where(is_mirrored, 0.0, table[0, :, 0, 1])
    for channel in fine:
        clamped = values[channel].clip(0.0, 1.0)
        table[1, channel, :-1, 1] = (clamped[1:] + clamped[:-1]) / 2
        table[1, channel, 1:, 0] = np.cumsum(table[1, channel, :-1, 1], dtype=np.float64)


def trace_rows(
    traces: Sequence[tuple[LayerLook, ShapeRows]], waves: np.ndarray, height: int
) -> np.ndarray:
    """Return lowest and highest position across each trace, pixels, for each of its
    `line_levels_px`: (4, traces, 1025, 2) float32. waves: (traces, 1024) float32.

    Problem: the distance of a pixel from a waveform. Dividing the height above the trace by its
    slope is right for a straight line only: above a steep edge it draws streaks over the whole
    picture. Trying all segments nearby is too slow on a processor. Solution: the pixels within a
    distance d of a trace are a union of discs, and in one column that is one interval, as the trace
    is continuous: from min(h(x + t) - sqrt(d^2 - t^2)) to max(h(x + t) + sqrt(d^2 - t^2)), t from
    -d to d. A few such intervals per point are enough to read any distance between them."""
    levels = [line_levels_px(layer, height) for layer, _ in traces]
    per_px = np.array([[points_per_px(layer, shape, height)] for layer, shape in traces])
    reaches_px = np.array(levels)[:, TAP_LEVELS]  # (traces, 52)
    squares = np.array([[reach**2 for reach in own] for own in levels])[:, TAP_LEVELS]
    pad = min(math.ceil((reaches_px * per_px).max()), MAX_REACH_POINTS) + 1
    windows = _trace_windows([layer for layer, _ in traces], waves, height, pad)
    offsets_px = reaches_px * TAP_SINES
    shifts = (offsets_px * per_px).clip(-pad, pad)
    whole = np.floor(shifts)
    weights = (shifts - whole).astype(np.float32)[..., None]  # of the second point
    firsts = whole.astype(int) + pad
    rises = np.sqrt(np.maximum(squares - offsets_px**2, 0.0)).astype(np.float32)[..., None]
    rows = np.empty((len(TAPS), len(traces), TABLE_POINTS, 2), np.float32)
    for number, (layer, _) in enumerate(traces):
        used = len(TAPS) if layer.line_glow > 0.0 else 2  # the others are where the edge ends
        taps = slice(TAP_STARTS[used])
        near, far = windows[number, firsts[number, taps]], windows[number, firsts[number, taps] + 1]
        near *= 1 - weights[number, taps]
        near += np.multiply(far, weights[number, taps], out=far)
        lows = np.subtract(near, rises[number, taps], out=far)
        highs = np.add(near, rises[number, taps], out=near)
        for level, (start, end) in enumerate(pairwise(TAP_STARTS[: used + 1])):
            # `out` would be slow: every second number
            rows[level, number, :, 0] = lows[start:end].min(axis=0)
            rows[level, number, :, 1] = highs[start:end].max(axis=0)
        rows[used:, number] = rows[1, number]
    return rows


def _trace_windows(
    layers: Sequence[LayerLook], waves: np.ndarray, height: int, pad: int
) -> np.ndarray:
    """Return the traces, pixels across, shifted by -pad to pad + 1 points: (layers, 2 pad + 2,
    1025) float32."""
    full_px = [
        layer.curve * height * (CIRCLE_DEFLECTION if layer.shape == "circle" else 1.0)
        for layer in layers
    ]
    traces = np.array(full_px, np.float32)[:, None] * waves  # of a full-scale wave
    returns = np.where([[layer.is_mirrored] for layer in layers], traces[:, ::-1], traces)
    points = np.arange(-pad, WAVE_POINTS + pad + 2)
    padded = np.concatenate((traces, returns), axis=1).take(points, axis=1, mode="wrap")
    return np.lib.stride_tricks.as_strided(
        padded, (len(layers), 2 * pad + 2, TABLE_POINTS), (*padded.strides, 4)
    )
