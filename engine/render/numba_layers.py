"""Computes the layers' brightness in Numba, one picture row at a time: a pixel's position on the
wave, then its value.

The steps of shaders/warp.glsl and shaders/layer.glsl one by one; see numba_kernels.py for the
rules.
"""

import math

import numpy as np

from engine.render import frame_block as field
from engine.render.compiling import float32, int32, part, routine, uint64
from engine.render.numba_maths import (
    FRACTIONS,
    HALF,
    ONE,
    SLOPES,
    THREE,
    TINY,
    TURN_RAD,
    TWO,
    VALUES,
    ZERO,
    Block,
    Index,
    R,
    Row,
    T,
    U,
    X,
    Y,
    angle_rad,
    bend,
    bend_slope,
    cosine,
    reflect,
    sine_ratio,
)

WAVE_POINTS = float32(1024)
# see shaders/layer.glsl
GLOW = float32(0.42)
BAND = float32(1.5)


@routine
def fold_row(xs: Row, ys: Row, row: int, block: Block) -> None:
    """Write the source position of each pixel of the row into xs and ys, in pixels from the
    centre."""
    half_w, half_h = block[field.SIZE, 2], block[field.SIZE, 3]
    mirror_x = block[field.FOLD, 0] > ZERO
    mirror_y = block[field.FOLD, 1] > ZERO
    sector_rad = block[field.FOLD, 2]
    y = float32(row) + HALF - half_h
    if mirror_y:
        y = -abs(y)
    for i in range(xs.size):
        x = float32(i) + HALF - half_w
        xs[i] = -abs(x) if mirror_x else x
        ys[i] = y
    if sector_rad > ZERO:
        for i in range(xs.size):
            turn = angle_rad(xs[i], ys[i])
            turn -= sector_rad * np.floor(turn / sector_rad)
            turn = min(turn, sector_rad - turn)
            radius = math.sqrt(xs[i] * xs[i] + ys[i] * ys[i])
            t = turn * turn
            xs[i] = reflect(radius * cosine(t), half_w)
            ys[i] = reflect(radius * turn * sine_ratio(t), half_h)


@routine
def polar_row(rs: Row, ts: Row, xs: Row, ys: Row) -> None:
    """Write distance from the centre, pixels, and angle, rad, into rs and ts."""
    for i in range(xs.size):
        rs[i] = math.sqrt(xs[i] * xs[i] + ys[i] * ys[i])
        ts[i] = angle_rad(xs[i], ys[i])


@routine
def position_row(
    us: Row, slopes: Row, xs: Row, ys: Row, rs: Row, ts: Row, channel: int, block: Block
) -> None:
    """Write positions along the wave, in periods, into us, and squared gradients per pixel into
    slopes."""
    u_x, u_y, u_0, _ = block[field.LAYER_U + channel]
    x_x, x_y, x_0, curve = block[field.LAYER_X + channel]
    y_x, y_y, y_0, _ = block[field.LAYER_Y + channel]
    outward, around, folds, start_rad = block[field.LAYER_POLAR + channel]
    for i in range(us.size):
        position = xs[i] * u_x + ys[i] * u_y + u_0
        slope_x, slope_y = u_x, u_y
        if curve != ZERO:
            x = xs[i] * x_x + ys[i] * x_y + x_0 - HALF
            wave = bend(x * x)
            wave_slope = x * bend_slope(x * x)
            y = curve * (xs[i] * y_x + ys[i] * y_y + y_0)
            position += y * wave
            slope_x += curve * wave * y_x + y * wave_slope * x_x
            slope_y += curve * wave * y_y + y * wave_slope * x_y
        if outward != ZERO or around != ZERO:
            turn = ts[i] - start_rad
            turn -= TURN_RAD * np.floor(turn / TURN_RAD + HALF)
            side = ONE if folds == ZERO or turn >= ZERO else -ONE
            position += outward * rs[i] + around * turn * side
            near = ONE / max(rs[i], HALF)
            out_x, out_y = xs[i] * near, ys[i] * near
            slope_x += outward * out_x - around * side * near * out_y
            slope_y += outward * out_y + around * side * near * out_x
        us[i] = position
        slopes[i] = slope_x * slope_x + slope_y * slope_y


@routine
def integral(table: np.ndarray, run: float, total: float) -> float:
    """Return the wave's integral up to `run` points; mirrored beyond the end of (1025, 2). total:
    At the end."""
    point = WAVE_POINTS - abs(run - WAVE_POINTS)
    at = uint64(int32(point))
    sum_here: float = table[at, 0] + table[at, 1] * (point - float32(int32(point)))
    return TWO * total - sum_here if run > WAVE_POINTS else sum_here


@routine
def read_wave(
    values: Row, us: Row, fractions: Row, index: Index, period_points: float, table: np.ndarray
) -> None:
    """Write the wave at each position, 0..1, into values, which may be the row of positions."""
    point_row(fractions, index, us, period_points)
    for i in range(values.size):
        at = uint64(index[i])
        values[i] = table[at, 0] + table[at, 1] * fractions[i]
    for i in range(values.size):
        values[i] = min(max(values[i], ZERO), ONE)


@routine
def point_row(fractions: Row, index: Index, us: Row, period_points: float) -> None:
    """Write the wave's point at each position into index, and the fraction towards the next one
    into fractions."""
    for i in range(us.size):
        turn = us[i] - np.floor(us[i])
        point = WAVE_POINTS - abs(turn * period_points - WAVE_POINTS)
        index[i] = int32(point)
        fractions[i] = point - float32(index[i])


@routine
def beyond_px(intervals: np.ndarray, index: int, fraction: float, across: float) -> float:
    """Return the distance outside the interval at this point of (1025, 2), pixels; negative
    inside."""
    at = uint64(index)
    after = uint64(min(index + 1, 1024))
    low = intervals[at, 0] + fraction * (intervals[after, 0] - intervals[at, 0])
    high = intervals[at, 1] + fraction * (intervals[after, 1] - intervals[at, 1])
    beyond: float = max(across - high, low - across)
    return beyond


@part("float32[:,::1], int32[::1], float32[:,:,:,::1], float32[:,::1]")
def stripes_part(
    channel: int, rows: np.ndarray, index: Index, tables: np.ndarray, block: Block
) -> None:
    """Write the brightness of a layer of plain stripes, 0..1, into rows[VALUES]. tables: From
    `bake_layers`."""
    values = rows[VALUES]
    xs = rows[X]
    ys = rows[Y]
    u_x, u_y, u_0, period_points = block[field.LAYER_U + channel]
    x_x, x_y, x_0, curve = block[field.LAYER_X + channel]
    y_x, y_y, y_0, _ = block[field.LAYER_Y + channel]
    if curve == ZERO:
        for i in range(values.size):
            values[i] = xs[i] * u_x + ys[i] * u_y + u_0
    else:
        for i in range(values.size):
            t = xs[i] * x_x + ys[i] * x_y + x_0 - HALF
            bent = bend(t * t) * (curve * (xs[i] * y_x + ys[i] * y_y + y_0))
            values[i] = xs[i] * u_x + ys[i] * u_y + u_0 + bent
    read_wave(values, values, rows[FRACTIONS], index, period_points, tables[0, channel])


@part("float32[:,::1], int32[::1], float32[:,:,:,::1], float32[:,::1]")
def trace_part(
    channel: int, rows: np.ndarray, index: Index, tables: np.ndarray, block: Block
) -> None:
    """Like `stripes_part` for a trace (line or circle) with an edge of one pixel and a glow; see
    `trace_rows`."""
    values = rows[VALUES]
    xs = rows[X]
    ys = rows[Y]
    rs = rows[R]
    fractions = rows[FRACTIONS]
    across = rows[SLOPES]
    position_row(rows[U], rows[SLOPES], xs, ys, rs, rows[T], channel, block)
    a_x, a_y, a_r, a_0 = block[field.LAYER_ACROSS + channel]
    _, glow_px, strength, _ = block[field.LAYER_LINE + channel]
    point_row(fractions, index, rows[U], block[field.LAYER_U + channel, 3])
    for i in range(values.size):
        values[i] = ZERO
        across[i] = xs[i] * a_x + ys[i] * a_y + rs[i] * a_r + a_0
    inners = tables[1, channel]
    outers = tables[2, channel]
    nears = tables[3, channel]
    fars = tables[4, channel]
    lowest = fars[0, 0]
    highest = fars[0, 1]
    for i in range(1, fars.shape[0]):
        lowest = min(lowest, fars[i, 0])
        highest = max(highest, fars[i, 1])
    for i in range(values.size):
        position = across[i]
        # most pixels; the rest needs up to 16 values of the table
        if position < lowest or position > highest:
            continue
        point = index[i]
        fraction = fractions[i]
        far = beyond_px(fars, point, fraction, position)
        if far >= ZERO:
            continue
        outer = beyond_px(outers, point, fraction, position)
        core = ZERO
        if outer < ZERO:
            inner = beyond_px(inners, point, fraction, position)
            core = min(max(outer / min(outer - inner, -TINY), ZERO), ONE)
        glow = ZERO
        if glow_px > ZERO:
            near = beyond_px(nears, point, fraction, position)
            first = min(max(outer / max(outer - near, TINY), ZERO), ONE)
            second = min(max(near / max(near - far, TINY), ZERO), ONE)
            left = ONE - (first + TWO * second) / THREE
            glow = GLOW * left * left * left
        values[i] = min((core + (ONE - core) * glow) * strength, ONE)


@part("float32[:,::1], int32[::1], float32[:,:,:,::1], float32[:,::1]")
def shape_part(
    channel: int, rows: np.ndarray, index: Index, tables: np.ndarray, block: Block
) -> None:
    """Like `stripes_part` for bent layers and all other shapes, averaged over the pixel where the
    wave would alias."""
    values = rows[VALUES]
    us = rows[U]
    slopes = rows[SLOPES]
    position_row(us, slopes, rows[X], rows[Y], rows[R], rows[T], channel, block)
    period_points = block[field.LAYER_U + channel, 3]
    max_points = block[field.LAYER_BAND + channel, 0]
    read_wave(values, us, rows[FRACTIONS], index, period_points, tables[0, channel])
    if block[field.LAYER_BAND + channel, 1] == ZERO:
        return
    widest = ZERO
    for i in range(values.size):
        excess = slopes[i] * period_points * period_points - max_points * max_points
        slopes[i] = BAND * math.sqrt(max(excess, ZERO))
        widest = max(widest, slopes[i])
    if widest <= ONE:
        return
    sums = tables[1, channel]
    total = sums[1024, 0]
    period_total = total * period_points / WAVE_POINTS
    for i in range(values.size):
        points = max(slopes[i], ONE)
        half_width = HALF * points / period_points
        start, end = us[i] - half_width, us[i] + half_width
        first, last = np.floor(start), np.floor(end)
        before = integral(sums, (start - first) * period_points, total)
        after = integral(sums, (end - last) * period_points, total)
        mean = min(max(((last - first) * period_total + after - before) / points, ZERO), ONE)
        values[i] += min(points - ONE, ONE) * (mean - values[i])
