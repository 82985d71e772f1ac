"""The Multiverse picture in Numba, one row at a time: the same formulas as shaders/multiverse.glsl.

A row's values are in small float32 buffers that stay in the processor's L1 cache. Each stage is a plain loop over them
that the compiler vectorises; everything constant for all pixels is decided outside the loop. Three things keep a loop
from being vectorised, at four to ten times the cost: a function of the C library (so angles, sines and roots are
polynomials, see numba_maths.py), a lookup in a table or a picture (so one loop computes the positions, a second one
only fetches, a third one goes on), and a branch that skips work. The numbers are those of `frame_block.py`.

The kernels distribute rows over the processor's cores and release the GIL. They are called from one thread only:
otherwise Numba's fallback thread pool ends the process. The stages are in numba_layers.py (where a pixel is on a wave)
and numba_light.py (blending and colour); what follows the pass is in numba_post.py and numba_finish.py.
"""

import numpy as np
from numba import prange

from engine.render.compiling import float32, int32
from engine.render.compiling import kernel as _kernel
from engine.render.compiling import stage as _stage
from engine.render.frame_block import (
    BLEND,
    COLOUR,
    FEEDBACK_X,
    FEEDBACK_Y,
    LAYER5,
    LAYER5_MAP,
    LAYER_BAND,
    LAYER_DARK,
    LAYER_LINE,
    LAYER_POLAR,
    LAYER_RGB,
    MATTE,
    MATTE_MAP,
    REGION,
    REGION_MAP,
    SIZE,
    TONE,
)
from engine.render.numba_layers import fold_row, place_row, polar_row, shape_row, trace_row, wave_row
from engine.render.numba_light import (
    add_row,
    blend_row,
    colour_row,
    darken_row,
    fill_row,
    linear_row,
    mix_row,
    ramp_row,
    tone_row,
    turn_hue_row,
    whole_row,
)
from engine.render.numba_maths import DEEP, HALF, ONE, THREE, TWO, WHITE, ZERO, Block, Deep, Index, Rgb, Row, reflect
from engine.render.numba_pixels import between_row, corners, fetch_row

FEEDBACK_LOSS = float32(0.498)  # levels; see shaders/feedback.glsl


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

    In levels. last: (height * width,) uint64, the last picture. layer, us, vs, index and corner are scratch.
    """
    half_w, half_h = block[SIZE, 2], block[SIZE, 3]
    amount, hue = block[FEEDBACK_X, 3] / DEEP, block[FEEDBACK_Y, 3]
    for i in range(xs.size):
        x = xs[i] * block[FEEDBACK_X, 0] + ys[i] * block[FEEDBACK_X, 1] + block[FEEDBACK_X, 2]
        y = xs[i] * block[FEEDBACK_Y, 0] + ys[i] * block[FEEDBACK_Y, 1] + block[FEEDBACK_Y, 2]
        us[i] = reflect(x + HALF - half_w, half_w) + half_w - HALF
        vs[i] = reflect(y + HALF - half_h, half_h) + half_h - HALF
    fetch_row(corner, us, vs, index, last, TWO * half_w, TWO * half_h)
    for c in range(3):
        between_row(layer[c], corner, us, vs, c)
    if hue != ZERO:
        turn_hue_row(layer[0], layer[1], layer[2], hue)
    for c in range(3):
        for i in range(xs.size):
            picture[c, i] = max(picture[c, i], layer[c, i] * amount - FEEDBACK_LOSS)


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
    out: Deep,
    last: Deep,
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
    pixels = last.view(np.uint64).reshape(-1)  # one number per pixel
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
