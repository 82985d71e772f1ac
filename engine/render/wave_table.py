"""Prepares a frame's waves, so that the renderers only look up, multiply and add.

Per layer five rows of 1025 pairs (value at a point, step to the next):
- row 0: brightness before clamping, (bias + (1 - bias) a) intensity, linear in the wave a, so it can be computed before
  interpolation; the clamp to 0..1 is not, so the renderer does it;
- row 1: the integral of the clamped brightness from point 0, for averages over a pixel;
- for a trace (line, circle) rows 1 to 4 instead: lowest and highest position, pixels, within a certain distance of the
  trace, at each point: see `trace_rows`.
"""

import math
from collections.abc import Sequence

import numpy as np

from engine.render.look import LayerLook, Look
from engine.render.shapes import deflection_px, line_levels_px, may_be_too_fine, points_per_px
from engine.values import CHANNELS, WAVE_POINTS

TABLE_POINTS = WAVE_POINTS + 1  # index 1024 can be reached exactly at the turning point of a mirrored wave
TABLE_ROWS = 5  # per layer
TAPS = (9, 9, 13, 21)  # positions tried along the trace for each of its distances
MAX_REACH_POINTS = 4096  # farther along, a trace repeats itself
SHOWN_POWER = 0.98  # share of a wave's power that has to be shown
SILENT_POWER = 1e-4  # of a component; full scale has 2.6e5
NO_CYCLES = 1e-6  # a constant wave is shown at any size
MIN_PERIOD_PX = 2.5  # shorter periods beat against the pixels


def shown_points(waves: np.ndarray) -> np.ndarray:
    """(4,) points of each wave that a pixel can span before stripes turn into moire; large for a smooth wave.

    The renderers average a wave over a pixel that spans more. Averaging everywhere would soften stripes that are well
    above the pixels' limit: a box as wide as a pixel takes 7 % off stripes of five pixels. So the limit follows the
    wave: 98 % of its power has at least 2.5 pixels a period.
    """
    power = np.abs(np.fft.rfft(waves - waves.mean(axis=1, keepdims=True), axis=1)) ** 2
    power[power < SILENT_POWER] = 0.0
    total = np.cumsum(power, axis=1)
    highest = np.argmax(total >= SHOWN_POWER * total[:, -1:], axis=1)  # cycles in the whole wave
    points: np.ndarray = WAVE_POINTS / (MIN_PERIOD_PX * np.maximum(highest, NO_CYCLES))
    return points


def bake_waves(
    look: Look, waves: np.ndarray, size_px: tuple[int, int], shown: Sequence[float] | np.ndarray
) -> np.ndarray:
    """(4, 5, 1025, 2) float32 for a picture of this size (width, height); rows that are not needed are 0.

    `shown` from `shown_points`. The last point is followed by the first if the wave repeats, or by itself if it is
    mirrored.
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
        if may_be_too_fine(layer, size_px, float(shown[channel])):
            clamped = values.clip(0.0, 1.0)
            table[channel, 1, :WAVE_POINTS, 1] = (clamped[1:] + clamped[:WAVE_POINTS]) / 2
            table[channel, 1, 1:, 0] = np.cumsum(table[channel, 1, :WAVE_POINTS, 1], dtype=np.float64)
    return table


def trace_rows(layer: LayerLook, wave: np.ndarray, size_px: tuple[int, int]) -> np.ndarray:
    """(4, 1025, 2) float32: lowest and highest position across, pixels, for the four distances of `line_levels_px`.

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
    trace = (deflection_px(layer, height) * np.asarray(wave, np.float32)).astype(np.float32)
    padded = np.pad(trace, (pad, pad + 1), "symmetric" if layer.is_mirrored else "wrap")
    windows = np.lib.stride_tricks.sliding_window_view(padded, TABLE_POINTS)
    rows = np.empty((len(levels), TABLE_POINTS, 2), np.float32)
    for level, (reach_px, taps) in enumerate(zip(levels, TAPS, strict=True)):
        if level > 1 and layer.line_glow <= 0.0:
            rows[level] = rows[1]
            continue
        places_px = reach_px * np.sin(np.linspace(-math.pi / 2, math.pi / 2, taps if reach_px > 0 else 1))
        shifts = (places_px * per_px).clip(-pad, pad)
        whole = np.floor(shifts)
        share = (shifts - whole).astype(np.float32)[:, None]
        first = whole.astype(int) + pad
        tried = windows[first] * (1 - share) + windows[np.minimum(first + 1, len(windows) - 1)] * share
        rise = np.sqrt(np.maximum(reach_px**2 - places_px**2, 0.0)).astype(np.float32)[:, None]
        rows[level, :, 0] = (tried - rise).min(axis=0)
        rows[level, :, 1] = (tried + rise).max(axis=0)
    return rows
