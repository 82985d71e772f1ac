"""The Multiverse picture in Numba: its stages, one row of the picture at a time, and the kernels that run them.

A row's values are in small float32 buffers that stay in the processor's L1 cache. Each stage is a plain loop over them
that the compiler vectorises; everything constant for all pixels is decided outside the loop. The numbers are
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

from engine.render.compiling import float32, int32
from engine.render.compiling import kernel as _kernel
from engine.render.compiling import stage as _stage
from engine.render.frame_block import (
    BLEND,
    FEEDBACK_X,
    FEEDBACK_Y,
    FOLD,
    LAYER5,
    LAYER5_MAP,
    LAYER_RGB,
    LAYER_U,
    LAYER_X,
    LAYER_Y,
    MATTE,
    MATTE_MAP,
    REGION,
    REGION_MAP,
    SIZE,
    TONE,
)

ZERO, HALF, ONE, TWO, THREE, SIX = (float32(value) for value in (0, 0.5, 1, 2, 3, 6))
WAVE_POINTS = float32(1024)
WHITE = float32(255)
DEEP = float32(257)  # 16-bit levels per 8-bit level, so that 255 is 65535 and each 8-bit level is exact
TONE_STEPS = 4096
LAST_TONE_STEP = float32(TONE_STEPS - 1)
FEEDBACK_LOSS = float32(0.498)  # levels; see shaders/feedback.glsl

# Level 0..255 after the soft tone curve, by x / (1 + x) in 4095 steps: the power is computed once for each.
SOFT_LEVELS = (WHITE * np.linspace(0, 1, TONE_STEPS) ** 0.8).astype(np.float32)

# sin(pi x) as a series in (x - 1/2)^2, for x in 0..1.
C1, C2, C3, C4, C5 = (float32((-1) ** k * math.pi ** (2 * k) / math.factorial(2 * k)) for k in range(1, 6))

Row = np.ndarray  # (width,) float32
Rgb = np.ndarray  # (3, width) float32: red, green and blue of a row
Block = np.ndarray  # (28, 4) float32, see frame_block.py
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
            turn = math.atan2(ys[i], xs[i])
            turn -= sector_rad * np.floor(turn / sector_rad)
            turn = min(turn, sector_rad - turn)
            radius = math.sqrt(xs[i] * xs[i] + ys[i] * ys[i])
            xs[i] = reflect(radius * math.cos(turn), half_w)
            ys[i] = reflect(radius * math.sin(turn), half_h)


@_stage
def reflect(place: float, half: float) -> float:
    """The position, mirrored at -half and half."""
    whole = TWO * half
    turned = place + half
    turned -= TWO * whole * np.floor(turned / (TWO * whole))
    folded: float = half - abs(whole - turned)
    return folded


@_stage
def wave_row(values: Row, xs: Row, ys: Row, channel: int, table: np.ndarray, block: Block) -> None:
    """values: brightness of one layer, 0..1. table (1025, 2): value and step to the next."""
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
    for i in range(values.size):
        turn = values[i] - np.floor(values[i])
        point = WAVE_POINTS - abs(turn * period_points - WAVE_POINTS)
        index = int32(point)
        value = table[index, 0] + table[index, 1] * (point - float32(index))
        values[i] = min(max(value, ZERO), ONE)


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
    """picture: from light to levels 0..255."""
    brightness, soft = block[TONE, 0], block[TONE, 1]
    for c in range(3):
        if soft > ZERO:
            for i in range(picture.shape[1]):
                light = picture[c, i] * brightness
                picture[c, i] = SOFT_LEVELS[int32(light / (ONE + light) * LAST_TONE_STEP + HALF)]
        else:
            for i in range(picture.shape[1]):
                picture[c, i] = min(picture[c, i] * brightness, ONE) * WHITE


@_stage
def feedback_row(picture: Rgb, layer: Rgb, xs: Row, ys: Row, last: Image, block: Block) -> None:
    """picture: the maximum of itself and the last picture, moved, mirrored at its edges, hue-shifted and dimmed.

    In levels, the last picture in 16 bits; layer is a scratch buffer.
    """
    height, width = last.shape[0], last.shape[1]
    half_w, half_h = block[SIZE, 2], block[SIZE, 3]
    amount, hue = block[FEEDBACK_X, 3] / DEEP, block[FEEDBACK_Y, 3]
    for i in range(xs.size):
        x = xs[i] * block[FEEDBACK_X, 0] + ys[i] * block[FEEDBACK_X, 1] + block[FEEDBACK_X, 2]
        y = xs[i] * block[FEEDBACK_Y, 0] + ys[i] * block[FEEDBACK_Y, 1] + block[FEEDBACK_Y, 2]
        x = reflect(x + HALF - half_w, half_w) + half_w - HALF
        y = reflect(y + HALF - half_h, half_h) + half_h - HALF
        x0, x1, share_x = corners(x, width)
        y0, y1, share_y = corners(y, height)
        for c in range(3):
            upper = last[y0, x0, c] * (ONE - share_x) + last[y0, x1, c] * share_x
            lower = last[y1, x0, c] * (ONE - share_x) + last[y1, x1, c] * share_x
            layer[c, i] = upper * (ONE - share_y) + lower * share_y
    if hue != ZERO:
        turn_hue_row(layer, hue)
    for c in range(3):
        for i in range(xs.size):
            picture[c, i] = max(picture[c, i], layer[c, i] * amount - FEEDBACK_LOSS)


@_stage
def turn_hue_row(layer: Rgb, hue: float) -> None:
    """layer: HSV hue shifted by `hue` turns."""
    for i in range(layer.shape[1]):
        red, green, blue = layer[0, i], layer[1, i], layer[2, i]
        high = max(red, green, blue)
        chroma = high - min(red, green, blue)
        safe = max(chroma, float32(1e-4))
        if high == red:
            sixths = (green - blue) / safe
        elif high == green:
            sixths = TWO + (blue - red) / safe
        else:
            sixths = TWO + TWO + (red - green) / safe
        for c in range(3):
            place = sixths + SIX * hue + float32((0, 4, 2)[c])
            place -= SIX * np.floor(place / SIX)
            share = min(max(abs(place - float32(3)) - ONE, ZERO), ONE)
            layer[c, i] = high - chroma + chroma * share


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

    tables (4, 1025, 2) float32 and block from `bake_waves` and `pack_block`; image (h, w, 3) uint8 for layer 5, mask
    (side, side) uint8 for its matte and indices (h, w) uint8 for the regions, or any 1 x 1 array for those that the
    block does not use. If image and mask are None, their code is not compiled.
    """
    height, width = out.shape[0], out.shape[1]
    is_simple = block[LAYER5, 3] > ZERO
    layer5_weight = block[LAYER5, 0]
    has_matte = block[MATTE, 3] != ZERO
    has_regions = block[REGION, 3] > ZERO
    # Fast path: add without clamping or per-pixel weights.
    is_plain = block[BLEND, 0] == ONE and block[TONE, 1] > ZERO and not has_regions
    for row in prange(height):
        buffers = np.zeros((11, width), np.float32)
        xs, ys, values, weights, has_base = buffers[0], buffers[1], buffers[2], buffers[3], buffers[4]
        picture, layer = buffers[5:8], buffers[8:11]
        fold_row(xs, ys, int32(row), block)  # prange counts in uint64, which would compile it a second time
        for channel in range(4):
            weight = block[LAYER_RGB + channel, 3]
            if is_simple or weight == ZERO:
                continue
            wave_row(values, xs, ys, channel, tables[channel], block)
            colour = block[LAYER_RGB + channel]
            if is_plain:
                add_row(picture, values, colour, weight)
                fill_row(has_base, ONE)
                continue
            colour_row(layer, values, colour)
            if has_regions:
                region_row(weights, xs, ys, channel, indices, block)
            else:
                fill_row(weights, weight)
            blend_row(picture, layer, weights, has_base, block)
        if image is not None:  # decided by the type, at compile time
            if is_simple or layer5_weight > ZERO:
                image_row(layer, xs, ys, image, block)
                fill_row(weights, ONE if is_simple else layer5_weight)
                if has_matte:
                    matte_row(weights, xs, ys, mask, block)
            if is_simple:
                whole_row(picture, layer, weights)
            elif layer5_weight > ZERO:
                blend_row(picture, layer, weights, has_base, block)
        if not is_simple:
            tone_row(picture, block)
        if block[FEEDBACK_X, 3] > ZERO:
            feedback_row(picture, layer, xs, ys, last, block)
        pack_row(out[row], picture, block)
