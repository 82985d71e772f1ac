"""The Multiverse picture in Numba: its stages, one row of the picture at a time, and the kernels that run them.

A row's values are in small float32 buffers that stay in the processor's L1 cache. Each stage is a plain loop over them
that the compiler vectorises; everything constant for all pixels is decided outside the loop. Three things keep a loop
from being vectorised, at four to ten times the cost: a function of the C library (so angles, sines and roots are
polynomials here), a lookup in a table or a picture (so one loop computes the positions, a second one only fetches, a
third one goes on), and a branch that skips work. The numbers are
those of `frame_block.py`, so the stages match shaders/multiverse.glsl one by one. All constants are float32: a Python
float would turn the arithmetic around it into float64, at half the speed.

The kernels distribute rows over the processor's cores and release the GIL. They are called from one thread only:
otherwise Numba's fallback thread pool ends the process. Everything is in one file, because Numba's code cache only
detects changes of the kernel's own file; after a change of the row numbers in `frame_block.py`, or of `compiling.py`,
touch this file. What follows the pass is in numba_post.py and numba_finish.py.
"""

import math

import numpy as np
from numba import prange

from engine.render.compiling import float32, int32, uint64
from engine.render.compiling import kernel as _kernel
from engine.render.compiling import stage as _stage
from engine.render.flash_levels import LINEAR
from engine.render.frame_block import (
    BLEND,
    COLOUR,
    FEEDBACK_X,
    FEEDBACK_Y,
    FOLD,
    LAYER5,
    LAYER5_MAP,
    LAYER_ACROSS,
    LAYER_BAND,
    LAYER_DARK,
    LAYER_LINE,
    LAYER_POLAR,
    LAYER_RGB,
    LAYER_U,
    LAYER_X,
    LAYER_Y,
    MATTE,
    MATTE_MAP,
    RAMP,
    REGION,
    REGION_MAP,
    SIZE,
    TONE,
)

ZERO, HALF, ONE, TWO, THREE, FOUR, FIVE, SIX = (float32(value) for value in (0, 0.5, 1, 2, 3, 4, 5, 6))
WAVE_POINTS = float32(1024)
WHITE = float32(255)
ONE_STEP, CHANNEL_BITS = uint64(1), uint64(65535)
DEEP = float32(257)  # 16-bit levels per 8-bit level, so that 255 is 65535 and each 8-bit level is exact
TONE_STEPS = 4096
LAST_TONE_STEP = float32(TONE_STEPS - 1)
FEEDBACK_LOSS = float32(0.498)  # levels; see shaders/feedback.glsl

# Level 0..255 after the soft tone curve, by x / (1 + x) in 4095 steps: the power is computed once for each.
SOFT_LEVELS = (WHITE * np.linspace(0, 1, TONE_STEPS) ** 0.8).astype(np.float32)

# Display value of linear light (sRGB, IEC 61966-2-1): below an edge a line, above it a polynomial in the fourth root,
# within 1.5e-6.
LIGHT_EDGE, LIGHT_SLOPE = float32(0.0031308), float32(12.92)
D0, D1, D2, D3 = (float32(value) for value in (-0.059546627, 0.139604360, 1.365919944, -0.852954694))
D4, D5, D6 = (float32(value) for value in (0.657184608, -0.318413485, 0.068207296))

# sin(pi x) as a series in (x - 1/2)^2, for x in 0..1.
C1, C2, C3, C4, C5 = (float32((-1) ** k * math.pi ** (2 * k) / math.factorial(2 * k)) for k in range(1, 6))

# Polynomials of our own, each the best fit of its degree: atan(x) / x in x^2 for x in 0..1, within 1e-7; sin(x) / x and
# cos(x) in x^2 for x in 0..pi/2, within 5e-8.
A0, A1, A2, A3 = (float32(value) for value in (0.9999999114, -0.3333209349, 0.1997137475, -0.1402941735))
A4, A5, A6, A7 = (float32(value) for value in (0.0994275219, -0.0599046134, 0.0245570496, -0.0047804338))
S0, S1, S2, S3, S4 = (float32(value) for value in (1.0, -0.1666665799, 0.0083330511, -0.0001980908, 0.0000026052))
K0, K1, K2, K3, K4 = (float32(value) for value in (1.0, -0.4999990535, 0.0416635847, -0.0013853704, 0.0000231539))
QUARTER_RAD, HALF_RAD, TURN_RAD = (float32(turns * 2 * math.pi) for turns in (0.25, 0.5, 1))
GLOW, BAND = float32(0.42), float32(1.5)  # see shaders/layer.glsl
TINY = float32(1e-6)
SHOULDER, WHITENING = float32(0.55), float32(0.3)  # see shaders/light.glsl
REST = float32(1) - SHOULDER
# Of the cones' response to red, green and blue, and back (Ottosson 2020).
CONES = np.array(
    [
        [0.4122214708, 0.5363325363, 0.0514459929],
        [0.2119034982, 0.6806995451, 0.1073969566],
        [0.0883024619, 0.2817188376, 0.6299787005],
    ],
    np.float32,
)
FROM_CONES = np.array(
    [
        [4.0767416621, -3.3077115913, 0.2309699292],
        [-1.2684380046, 2.6097574011, -0.3413193965],
        [-0.0041960863, -0.7034186147, 1.7076147010],
    ],
    np.float32,
)
ROOT_1, ROOT_2, ROOT_3 = (float32(value) for value in (0.43269591, 0.86537019, -0.302872))
RAMP_STEPS = 16
LIGHT_1, LIGHT_2, LIGHT_3 = (float32(value) for value in LINEAR)
RED_LIGHT, GREEN_LIGHT, BLUE_LIGHT = (float32(value) for value in (0.2126, 0.7152, 0.0722))

Row = np.ndarray  # (width,) float32
Index = np.ndarray  # (width,) int32
Rgb = np.ndarray  # (3, width) float32: red, green and blue of a row
Block = np.ndarray  # (66, 4) float32, see frame_block.py
Image = np.ndarray  # (height, width, 4) uint16: levels of 0..255 times DEEP


@_stage
def fold_row(xs: Row, ys: Row, row: int, block: Block) -> None:
    """xs, ys: source position of each pixel of the row, in pixels from the centre."""
    half_w, half_h = block[SIZE, 2], block[SIZE, 3]
    mirror_x, mirror_y, sector_rad = block[FOLD, 0] > ZERO, block[FOLD, 1] > ZERO, block[FOLD, 2]
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
            xs[i] = reflect(radius * (K0 + t * (K1 + t * (K2 + t * (K3 + t * K4)))), half_w)
            ys[i] = reflect(radius * turn * (S0 + t * (S1 + t * (S2 + t * (S3 + t * S4)))), half_h)


@_stage
def angle_rad(x: float, y: float) -> float:
    """The angle of a position, -pi..pi, as atan2(y, x)."""
    wide, tall = abs(x), abs(y)
    share = min(wide, tall) / max(max(wide, tall), TINY)
    t = share * share
    angle = share * (A0 + t * (A1 + t * (A2 + t * (A3 + t * (A4 + t * (A5 + t * (A6 + t * A7)))))))
    angle = QUARTER_RAD - angle if tall > wide else angle
    angle = HALF_RAD - angle if x < ZERO else angle
    turned: float = -angle if y < ZERO else angle
    return turned


@_stage
def reflect(place: float, half: float) -> float:
    """The position, mirrored at -half and half."""
    whole = TWO * half
    turned = place + half
    turned -= TWO * whole * np.floor(turned / (TWO * whole))
    folded: float = half - abs(whole - turned)
    return folded


@_stage
def wave_row(
    values: Row, xs: Row, ys: Row, shares: Row, index: Index, channel: int, table: np.ndarray, block: Block
) -> None:
    """values: brightness of stripes, 0..1. table (1025, 2): value and step to the next; the rest is scratch."""
    u_x, u_y, u_0, period_points = block[LAYER_U + channel]
    x_x, x_y, x_0, curve = block[LAYER_X + channel]
    y_x, y_y, y_0, _ = block[LAYER_Y + channel]
    if curve == ZERO:
        for i in range(values.size):
            values[i] = xs[i] * u_x + ys[i] * u_y + u_0
    else:
        for i in range(values.size):
            t = xs[i] * x_x + ys[i] * x_y + x_0 - HALF
            t *= t
            bend = ONE + t * (C1 + t * (C2 + t * (C3 + t * (C4 + t * C5))))
            bend *= curve * (xs[i] * y_x + ys[i] * y_y + y_0)
            values[i] = xs[i] * u_x + ys[i] * u_y + u_0 + bend
    read_wave(values, values, shares, index, period_points, table)


@_stage
def read_wave(values: Row, us: Row, shares: Row, index: Index, period_points: float, table: np.ndarray) -> None:
    """values: the wave at each position, 0..1; may be the row of the positions."""
    point_row(shares, index, us, period_points)
    for i in range(values.size):
        at = uint64(index[i])
        values[i] = table[at, 0] + table[at, 1] * shares[i]
    for i in range(values.size):
        values[i] = min(max(values[i], ZERO), ONE)


@_stage
def point_row(shares: Row, index: Index, us: Row, period_points: float) -> None:
    """index, shares: the wave's point at each position, and the part of the way to the next one."""
    for i in range(us.size):
        turn = us[i] - np.floor(us[i])
        point = WAVE_POINTS - abs(turn * period_points - WAVE_POINTS)
        index[i] = int32(point)
        shares[i] = point - float32(index[i])


@_stage
def polar_row(rs: Row, ts: Row, xs: Row, ys: Row) -> None:
    """rs: distance from the centre, pixels; ts: angle, rad."""
    for i in range(xs.size):
        rs[i] = math.sqrt(xs[i] * xs[i] + ys[i] * ys[i])
        ts[i] = angle_rad(xs[i], ys[i])


@_stage
def place_row(us: Row, slopes: Row, xs: Row, ys: Row, rs: Row, ts: Row, channel: int, block: Block) -> None:
    """us: position along the wave of any shape, in periods; slopes: squared length of its gradient, per pixel."""
    u_x, u_y, u_0, _ = block[LAYER_U + channel]
    x_x, x_y, x_0, curve = block[LAYER_X + channel]
    y_x, y_y, y_0, _ = block[LAYER_Y + channel]
    outward, around, folds, start_rad = block[LAYER_POLAR + channel]
    for i in range(us.size):
        place = xs[i] * u_x + ys[i] * u_y + u_0
        slope_x, slope_y = u_x, u_y
        if curve != ZERO:
            x = xs[i] * x_x + ys[i] * x_y + x_0 - HALF
            t = x * x
            wave = ONE + t * (C1 + t * (C2 + t * (C3 + t * (C4 + t * C5))))
            wave_slope = TWO * x * (C1 + t * (TWO * C2 + t * (THREE * C3 + t * (FOUR * C4 + t * FIVE * C5))))
            y = curve * (xs[i] * y_x + ys[i] * y_y + y_0)
            place += y * wave
            slope_x += curve * wave * y_x + y * wave_slope * x_x
            slope_y += curve * wave * y_y + y * wave_slope * x_y
        if outward != ZERO or around != ZERO:
            turn = ts[i] - start_rad
            turn -= TURN_RAD * np.floor(turn / TURN_RAD + HALF)
            side = ONE if folds == ZERO or turn >= ZERO else -ONE
            place += outward * rs[i] + around * turn * side
            near = ONE / max(rs[i], HALF)
            out_x, out_y = xs[i] * near, ys[i] * near
            slope_x += outward * out_x - around * side * near * out_y
            slope_y += outward * out_y + around * side * near * out_x
        us[i] = place
        slopes[i] = slope_x * slope_x + slope_y * slope_y


@_stage
def shape_row(
    values: Row, us: Row, slopes: Row, shares: Row, index: Index, channel: int, table: np.ndarray, block: Block
) -> None:
    """values: brightness of a bent layer or of another shape, averaged over the pixel where the wave is too fine.

    us, slopes from `place_row`. table (5, 1025, 2) from `bake_waves`.
    """
    period_points = block[LAYER_U + channel, 3]
    shown = block[LAYER_BAND + channel, 0]
    read_wave(values, us, shares, index, period_points, table[0])
    if block[LAYER_BAND + channel, 1] == ZERO:
        return
    widest = ZERO
    for i in range(values.size):
        excess = slopes[i] * period_points * period_points - shown * shown
        slopes[i] = BAND * math.sqrt(max(excess, ZERO))
        widest = max(widest, slopes[i])
    if widest <= ONE:
        return
    total = table[1, 1024, 0]
    period_total = total * period_points / WAVE_POINTS
    for i in range(values.size):
        points = max(slopes[i], ONE)
        half_width = HALF * points / period_points
        start, end = us[i] - half_width, us[i] + half_width
        first, last = np.floor(start), np.floor(end)
        run = (start - first) * period_points
        point = WAVE_POINTS - abs(run - WAVE_POINTS)
        at = uint64(int32(point))
        before = table[1, at, 0] + table[1, at, 1] * (point - float32(int32(point)))
        before = TWO * total - before if run > WAVE_POINTS else before
        run = (end - last) * period_points
        point = WAVE_POINTS - abs(run - WAVE_POINTS)
        at = uint64(int32(point))
        after = table[1, at, 0] + table[1, at, 1] * (point - float32(int32(point)))
        after = TWO * total - after if run > WAVE_POINTS else after
        mean = min(max(((last - first) * period_total + after - before) / points, ZERO), ONE)
        values[i] += min(points - ONE, ONE) * (mean - values[i])


@_stage
def trace_row(
    values: Row,
    us: Row,
    xs: Row,
    ys: Row,
    rs: Row,
    across: Row,
    shares: Row,
    index: Index,
    channel: int,
    table: np.ndarray,
    block: Block,
) -> None:
    """values: brightness of a trace, with an edge of one pixel and a glow; see `trace_rows`. across: scratch."""
    a_x, a_y, a_r, a_0 = block[LAYER_ACROSS + channel]
    _, glow_px, strength, _ = block[LAYER_LINE + channel]
    point_row(shares, index, us, block[LAYER_U + channel, 3])
    for i in range(values.size):
        values[i] = ZERO
        across[i] = xs[i] * a_x + ys[i] * a_y + rs[i] * a_r + a_0
    lowest, highest = table[4, 0, 0], table[4, 0, 1]
    for i in range(1, table.shape[1]):
        lowest, highest = min(lowest, table[4, i, 0]), max(highest, table[4, i, 1])
    for i in range(values.size):
        place = across[i]
        if place < lowest or place > highest:  # most pixels; the rest needs up to 16 values of the table
            continue
        point, share = index[i], shares[i]
        far = above(table, 4, point, share, place)
        if far >= ZERO:
            continue
        outer = above(table, 2, point, share, place)
        core = ZERO
        if outer < ZERO:
            inner = above(table, 1, point, share, place)
            core = min(max(outer / min(outer - inner, -TINY), ZERO), ONE)
        glow = ZERO
        if glow_px > ZERO:
            near = above(table, 3, point, share, place)
            first = min(max(outer / max(outer - near, TINY), ZERO), ONE)
            second = min(max(near / max(near - far, TINY), ZERO), ONE)
            left = ONE - (first + TWO * second) / THREE
            glow = GLOW * left * left * left
        values[i] = min((core + (ONE - core) * glow) * strength, ONE)


@_stage
def above(table: np.ndarray, row: int, index: int, share: float, across: float) -> float:
    """Distance across beyond the interval of this row, pixels; negative inside."""
    at, after = uint64(index), uint64(min(index + 1, 1024))
    low = table[row, at, 0] + share * (table[row, after, 0] - table[row, at, 0])
    high = table[row, at, 1] + share * (table[row, after, 1] - table[row, at, 1])
    beyond: float = max(across - high, low - across)
    return beyond


@_stage
def linear_row(values: Row) -> None:
    """values: linear light of display values; see shaders/light.glsl."""
    for i in range(values.size):
        value = values[i]
        values[i] = value * (LIGHT_1 + value * (LIGHT_2 + value * LIGHT_3))


@_stage
def fill_row(values: Row, value: float) -> None:
    for i in range(values.size):
        values[i] = value


@_stage
def colour_row(layer: Rgb, values: Row, colour: np.ndarray) -> None:
    """layer (3, width): a layer's brightness times its colour."""
    for c in range(3):
        for i in range(values.size):
            layer[c, i] = colour[c] * values[i]


@_stage
def darken_row(layer: Rgb, values: Row, channel: int, block: Block) -> None:
    """layer: without what the dark parts of a palette's colour lose; see `dark_losses`."""
    gain = block[TONE, 0]
    for c in range(3):
        loss = block[LAYER_DARK + channel, c]
        if loss > ZERO:
            for i in range(values.size):
                layer[c, i] *= ONE - loss * (ONE - min(values[i] * gain, ONE))


@_stage
def whole_row(picture: Rgb, layer: Rgb, weights: Row) -> None:
    """Simple mode: the layer is the picture, in levels."""
    for c in range(3):
        for i in range(picture.shape[1]):
            picture[c, i] = layer[c, i] * weights[i] * WHITE


@_stage
def add_row(picture: Rgb, values: Row, colour: np.ndarray, weight: float) -> None:
    """Plain add of one layer."""
    for c in range(3):
        light = colour[c] * weight
        for i in range(values.size):
            picture[c, i] += light * values[i]


@_stage
def mix_row(picture: Rgb, values: Row, colour: np.ndarray, weight: float, block: Block) -> None:
    """`blend_row` of one layer without dodge, with the same weight everywhere: a layer over nothing is itself."""
    add, screen, difference, _ = block[BLEND]
    ceiling = block[TONE, 2]
    for c in range(3):
        for i in range(values.size):
            below, above = picture[c, i], colour[c] * values[i]
            both = below + above
            blended = add * min(both, ceiling) + screen * (both - below * above) + difference * abs(below - above)
            picture[c, i] = below + weight * (blended - below)


@_stage
def blend_row(picture: Rgb, layer: Rgb, weights: Row, has_base: Row, block: Block) -> None:
    """Blend layer (3, width) over picture, weighted per pixel; it is the base where nothing was drawn before."""
    add, screen, difference, dodge = block[BLEND]
    ceiling = block[TONE, 2]
    for c in range(3):
        if add == ONE:
            for i in range(weights.size):
                below, above = picture[c, i], layer[c, i]
                mixed = below + weights[i] * (min(below + above, ceiling) - below)
                picture[c, i] = mixed if has_base[i] > ZERO else above * weights[i]
        else:
            for i in range(weights.size):
                below, above = picture[c, i], layer[c, i]
                both = below + above
                dodged = min(ONE, max(below, float32(0.06)) / max(float32(0.001), ONE - above))
                if above >= float32(0.999):
                    dodged = ONE
                blended = (
                    add * min(both, ceiling)
                    + screen * (both - below * above)
                    + difference * abs(below - above)
                    + dodge * dodged
                )
                mixed = below + weights[i] * (blended - below)
                picture[c, i] = mixed if has_base[i] > ZERO else above * weights[i]
    for i in range(weights.size):
        has_base[i] = max(has_base[i], weights[i])


@_stage
def region_row(weights: Row, xs: Row, ys: Row, channel: int, indices: np.ndarray, block: Block) -> None:
    """Weight of a layer at each pixel: unchanged in its region, multiplied by the spread elsewhere."""
    scale_x, from_x, scale_y, from_y = block[REGION_MAP]
    full = block[LAYER_RGB + channel, 3]
    spread = full * block[REGION, 0]
    height, width = indices.shape
    for i in range(weights.size):
        column = min(max(int32(np.floor(xs[i] * scale_x + from_x)), 0), width - 1)
        row = min(max(int32(np.floor(ys[i] * scale_y + from_y)), 0), height - 1)
        weights[i] = full if indices[row, column] == channel else spread


@_stage
def corners(at: float, size: int) -> tuple[int, int, float]:
    """The two texels around a position on one axis, clamped to 0..size - 1, and the weight of the second."""
    first = np.floor(at)
    low = int32(first)
    return min(max(low, 0), size - 1), min(max(low + 1, 0), size - 1), at - first


@_stage
def image_row(layer: Rgb, xs: Row, ys: Row, pixels: np.ndarray, block: Block) -> None:
    """layer (3, width): the image at each position, 0..1, interpolated."""
    scale_x, from_x, scale_y, from_y = block[LAYER5_MAP]
    height, width = pixels.shape[0], pixels.shape[1]
    for i in range(xs.size):
        x, y = xs[i] * scale_x + from_x, ys[i] * scale_y + from_y
        x0, x1, share_x = corners(x, width)
        y0, y1, share_y = corners(y, height)
        for c in range(3):
            upper = pixels[y0, x0, c] * (ONE - share_x) + pixels[y0, x1, c] * share_x
            lower = pixels[y1, x0, c] * (ONE - share_x) + pixels[y1, x1, c] * share_x
            layer[c, i] = (upper * (ONE - share_y) + lower * share_y) / WHITE


@_stage
def matte_row(weights: Row, xs: Row, ys: Row, mask: np.ndarray, block: Block) -> None:
    """weights: multiplied by the share that the matte keeps; see mask_look.py."""
    scale_x, from_x, scale_y, from_y = block[MATTE_MAP]
    _, low, slope, keeps = block[MATTE]
    height, width = mask.shape
    for i in range(weights.size):
        x0, x1, share_x = corners(xs[i] * scale_x + from_x, width)
        y0, y1, share_y = corners(ys[i] * scale_y + from_y, height)
        upper = mask[y0, x0] * (ONE - share_x) + mask[y0, x1] * share_x
        lower = mask[y1, x0] * (ONE - share_x) + mask[y1, x1] * share_x
        value = (upper * (ONE - share_y) + lower * share_y) / WHITE
        t = min(max((value - low) * slope, ZERO), ONE)
        covered = t * t * (THREE - TWO * t)
        weights[i] *= covered if keeps > ZERO else ONE - covered


@_stage
def tone_row(picture: Rgb, block: Block) -> None:
    """picture: from what the layers add up to, to levels 0..255."""
    brightness, tone = block[TONE, 0], block[TONE, 1]
    is_linear = block[COLOUR, 0] > ZERO
    for c in range(3):
        if tone > ONE:
            for i in range(picture.shape[1]):
                picture[c, i] *= brightness
            if not is_linear:
                linear_row(picture[c])
        elif is_linear:
            for i in range(picture.shape[1]):
                light = picture[c, i] * brightness
                picture[c, i] = light / (ONE + light) if tone > ZERO else light
            encode_row(picture[c])
        elif tone > ZERO:
            for i in range(picture.shape[1]):
                light = picture[c, i] * brightness
                picture[c, i] = SOFT_LEVELS[int32(light / (ONE + light) * LAST_TONE_STEP + HALF)]
        else:
            for i in range(picture.shape[1]):
                picture[c, i] = min(picture[c, i] * brightness, ONE) * WHITE
    if tone > ONE:
        filmic_row(picture)


@_stage
def filmic_row(picture: Rgb) -> None:
    """picture: from linear light to levels; see shaders/light.glsl."""
    highest = ZERO
    for c in range(3):
        for i in range(picture.shape[1]):
            highest = max(highest, picture[c, i])
    if highest > SHOULDER:
        roll_row(picture)
    for c in range(3):
        encode_row(picture[c])


@_stage
def encode_row(values: Row) -> None:
    """values: from linear light to levels."""
    for i in range(values.size):
        light = min(max(values[i], ZERO), ONE)
        t = math.sqrt(math.sqrt(light))
        bent = D0 + t * (D1 + t * (D2 + t * (D3 + t * (D4 + t * (D5 + t * D6)))))
        values[i] = WHITE * (light * LIGHT_SLOPE if light < LIGHT_EDGE else bent)


@_stage
def roll_row(picture: Rgb) -> None:
    """picture: linear light, with what is brighter than the shoulder rolled off towards white."""
    for i in range(picture.shape[1]):
        red, green, blue = picture[0, i], picture[1, i], picture[2, i]
        peak = max(red, green, blue)
        if peak > SHOULDER:
            rolled = ONE - REST * REST / (peak + REST - SHOULDER)
            white = ONE - ONE / (WHITENING * (peak - rolled) + ONE)
            kept = rolled / peak
            red, green, blue = red * kept, green * kept, blue * kept
            pale = white * cube_root(rolled)
            long = (ONE - white) * cube_root(CONES[0, 0] * red + CONES[0, 1] * green + CONES[0, 2] * blue) + pale
            medium = (ONE - white) * cube_root(CONES[1, 0] * red + CONES[1, 1] * green + CONES[1, 2] * blue) + pale
            short = (ONE - white) * cube_root(CONES[2, 0] * red + CONES[2, 1] * green + CONES[2, 2] * blue) + pale
            long, medium, short = long * long * long, medium * medium * medium, short * short * short
            red = FROM_CONES[0, 0] * long + FROM_CONES[0, 1] * medium + FROM_CONES[0, 2] * short
            green = FROM_CONES[1, 0] * long + FROM_CONES[1, 1] * medium + FROM_CONES[1, 2] * short
            blue = FROM_CONES[2, 0] * long + FROM_CONES[2, 1] * medium + FROM_CONES[2, 2] * short
        picture[0, i], picture[1, i], picture[2, i] = red, green, blue


@_stage
def cube_root(x: float) -> float:
    """The cube root of x in 0..1, within 3e-4: a polynomial in the fourth root, then Newton's method twice."""
    start = math.sqrt(math.sqrt(x))
    root = max(start * (ROOT_1 + start * (ROOT_2 + start * ROOT_3)), TINY)
    root = (TWO * root + x / (root * root)) / THREE
    return (TWO * root + x / (root * root)) / THREE


@_stage
def ramp_row(picture: Rgb, shares: Row, index: Index, block: Block) -> None:
    """picture: levels, recoloured by their brightness along the palette's ramp; see shaders/light.glsl."""
    amount = block[COLOUR, 1]
    for i in range(picture.shape[1]):
        red, green, blue = picture[0, i], picture[1, i], picture[2, i]
        key = HALF * (RED_LIGHT * red + GREEN_LIGHT * green + BLUE_LIGHT * blue + max(red, green, blue))
        place = min(max(key / WHITE, ZERO), ONE) * float32(RAMP_STEPS)
        index[i] = min(int32(place), RAMP_STEPS - 1)
        shares[i] = place - float32(index[i])
    for c in range(3):
        for i in range(picture.shape[1]):
            at = uint64(RAMP + index[i])
            stop = block[at, c]
            wanted = WHITE * (stop + shares[i] * (block[at + ONE_STEP, c] - stop))
            picture[c, i] += amount * (wanted - picture[c, i])


@_stage
def feedback_row(
    picture: Rgb,
    layer: Rgb,
    xs: Row,
    ys: Row,
    us: Row,
    vs: Row,
    index: Index,
    corner: np.ndarray,
    last: np.ndarray,
    block: Block,
) -> None:
    """picture: the maximum of itself and the last picture, moved, mirrored at its edges, hue-shifted and dimmed.

    In levels. last: (height * width,) uint64, the last picture with one number per pixel, of 16 bits per channel, red
    lowest. corner (4, width) uint64, the four pixels around each position, and us, vs, index and layer are scratch.
    """
    half_w, half_h = block[SIZE, 2], block[SIZE, 3]
    width, height = int32(TWO * half_w), int32(TWO * half_h)
    right, below = uint64(min(width - 1, 1)), uint64(width if height > 1 else 0)  # steps to the neighbours
    amount, hue = block[FEEDBACK_X, 3] / DEEP, block[FEEDBACK_Y, 3]
    for i in range(xs.size):
        x = xs[i] * block[FEEDBACK_X, 0] + ys[i] * block[FEEDBACK_X, 1] + block[FEEDBACK_X, 2]
        y = xs[i] * block[FEEDBACK_Y, 0] + ys[i] * block[FEEDBACK_Y, 1] + block[FEEDBACK_Y, 2]
        x = min(max(reflect(x + HALF - half_w, half_w) + half_w - HALF, ZERO), float32(width - 1))
        y = min(max(reflect(y + HALF - half_h, half_h) + half_h - HALF, ZERO), float32(height - 1))
        column, row = max(min(int32(x), width - 2), 0), max(min(int32(y), height - 2), 0)
        us[i], vs[i] = x - float32(column), y - float32(row)
        index[i] = row * width + column
    for i in range(xs.size):
        at = uint64(index[i])
        corner[0, i], corner[1, i] = last[at], last[at + right]
        corner[2, i], corner[3, i] = last[at + below], last[at + below + right]
    for c in range(3):
        between_row(layer[c], corner[0], corner[1], corner[2], corner[3], us, vs, uint64(16 * c))
    if hue != ZERO:
        turn_hue_row(layer[0], layer[1], layer[2], hue)
    for c in range(3):
        for i in range(xs.size):
            picture[c, i] = max(picture[c, i], layer[c, i] * amount - FEEDBACK_LOSS)


@_stage
def between_row(
    values: Row,
    upper_left: np.ndarray,
    upper_right: np.ndarray,
    lower_left: np.ndarray,
    lower_right: np.ndarray,
    us: Row,
    vs: Row,
    shift: int,
) -> None:
    """values: one channel of 16 bits, interpolated between four pixels."""
    for i in range(values.size):
        first = float32(int32((upper_left[i] >> shift) & CHANNEL_BITS))
        second = float32(int32((upper_right[i] >> shift) & CHANNEL_BITS))
        third = float32(int32((lower_left[i] >> shift) & CHANNEL_BITS))
        fourth = float32(int32((lower_right[i] >> shift) & CHANNEL_BITS))
        upper = first + us[i] * (second - first)
        lower = third + us[i] * (fourth - third)
        values[i] = upper + vs[i] * (lower - upper)


@_stage
def turn_hue_row(reds: Row, greens: Row, blues: Row, hue: float) -> None:
    """HSV hue shifted by `hue` turns."""
    for i in range(reds.size):
        red, green, blue = reds[i], greens[i], blues[i]
        high = max(red, max(green, blue))
        low = min(red, min(green, blue))
        chroma = high - low
        scale = ONE / max(chroma, float32(1e-4))
        sixths = TWO + (blue - red) * scale if green == high else FOUR + (red - green) * scale
        sixths = (green - blue) * scale if red == high else sixths
        sixths += SIX * hue
        reds[i] = low + chroma * hue_share(sixths)
        greens[i] = low + chroma * hue_share(sixths + FOUR)
        blues[i] = low + chroma * hue_share(sixths + TWO)


@_stage
def hue_share(sixths: float) -> float:
    """Share of a primary colour, 0..1, at this distance from its hue in sixths of a turn."""
    place = sixths - SIX * np.floor(sixths / SIX)
    share: float = min(max(abs(place - THREE) - ONE, ZERO), ONE)
    return share


@_stage
def pack_row(out: np.ndarray, picture: Rgb, block: Block) -> None:
    """out (width, 4) uint16 from levels, rounded to the nearest; alpha is 65535, or the maximum of the three."""
    is_luma = block[TONE, 3] > ZERO
    for i in range(out.shape[0]):
        red = np.uint16(picture[0, i] * DEEP + HALF)
        green = np.uint16(picture[1, i] * DEEP + HALF)
        blue = np.uint16(picture[2, i] * DEEP + HALF)
        out[i, 0], out[i, 1], out[i, 2] = red, green, blue
        out[i, 3] = max(red, green, blue) if is_luma else 65535


@_kernel
def draw_picture(
    out: Image,
    last: Image,
    tables: np.ndarray,
    block: Block,
    image: np.ndarray,
    mask: np.ndarray,
    indices: np.ndarray,
) -> None:
    """Draw one picture into `out`; `last` is the one before.

    tables (4, 5, 1025, 2) float32 and block from `bake_waves` and `pack_block`; image (h, w, 3) uint8 for layer 5, mask
    (side, side) uint8 for its matte and indices (h, w) uint8 for the regions, or any 1 x 1 array for those that the
    block does not use. If image and mask are None, their code is not compiled.
    """
    height, width = out.shape[0], out.shape[1]
    is_simple = block[LAYER5, 3] > ZERO
    layer5_weight = block[LAYER5, 0]
    has_matte = block[MATTE, 3] != ZERO
    has_regions = block[REGION, 3] > ZERO
    is_linear = block[COLOUR, 0] > ZERO
    # Fast paths, without weights per pixel: add without clamping, and all blends but dodge.
    is_plain = block[BLEND, 0] == ONE and block[TONE, 1] > ZERO and not has_regions
    is_even_mix = block[BLEND, 3] == ZERO and not has_regions
    pixels = last.view(np.uint64).reshape(-1)  # one number per pixel, so that one fetch gets all its channels
    needs_polar = False
    for channel in range(4):
        needs_polar |= block[LAYER_POLAR + channel, 0] != ZERO or block[LAYER_POLAR + channel, 1] != ZERO
    for row in prange(height):
        buffers = np.zeros((16, width), np.float32)
        xs, ys, values, weights, has_base = buffers[0], buffers[1], buffers[2], buffers[3], buffers[4]
        picture, layer = buffers[5:8], buffers[8:11]
        us, slopes, rs, ts, shares = buffers[11], buffers[12], buffers[13], buffers[14], buffers[15]
        index, corner = np.empty(width, np.int32), np.empty((4, width), np.uint64)
        fold_row(xs, ys, int32(row), block)  # prange counts in uint64, which would compile it a second time
        if needs_polar:
            polar_row(rs, ts, xs, ys)
        for channel in range(4):
            weight = block[LAYER_RGB + channel, 3]
            if is_simple or weight == ZERO:
                continue
            is_trace = block[LAYER_LINE + channel, 0] > ZERO
            is_polar = block[LAYER_POLAR + channel, 0] != ZERO or block[LAYER_POLAR + channel, 1] != ZERO
            if not (is_trace or is_polar or block[LAYER_BAND + channel, 1] > ZERO):
                wave_row(values, xs, ys, shares, index, channel, tables[channel, 0], block)
            else:
                place_row(us, slopes, xs, ys, rs, ts, channel, block)
                if is_trace:
                    trace_row(values, us, xs, ys, rs, slopes, shares, index, channel, tables[channel], block)
                else:
                    shape_row(values, us, slopes, shares, index, channel, tables[channel], block)
            if is_linear:
                linear_row(values)
            colour = block[LAYER_RGB + channel]
            is_even = block[LAYER_DARK + channel, 0] + block[LAYER_DARK + channel, 1] == ZERO
            if is_even and (is_plain or is_even_mix):
                if is_plain:
                    add_row(picture, values, colour, weight)
                else:
                    mix_row(picture, values, colour, weight, block)
                fill_row(has_base, ONE)
                continue
            colour_row(layer, values, colour)
            if not is_even:
                darken_row(layer, values, channel, block)
            if has_regions:
                region_row(weights, xs, ys, channel, indices, block)
            else:
                fill_row(weights, weight)
            blend_row(picture, layer, weights, has_base, block)
        if image is not None:  # decided by the type, at compile time
            if is_simple or layer5_weight > ZERO:
                image_row(layer, xs, ys, image, block)
                if is_linear and not is_simple:
                    for c in range(3):
                        linear_row(layer[c])
                fill_row(weights, ONE if is_simple else layer5_weight)
                if has_matte:
                    matte_row(weights, xs, ys, mask, block)
            if is_simple:
                whole_row(picture, layer, weights)
            elif layer5_weight > ZERO:
                blend_row(picture, layer, weights, has_base, block)
        if not is_simple:
            tone_row(picture, block)
        if block[COLOUR, 1] > ZERO:
            ramp_row(picture, shares, index, block)
        if block[FEEDBACK_X, 3] > ZERO:
            feedback_row(picture, layer, xs, ys, us, shares, index, corner, pixels, block)
        pack_row(out[row], picture, block)
