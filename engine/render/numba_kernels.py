"""The Multiverse picture in Numba, one row at a time: the same formulas as shaders/multiverse.glsl.

A row's values are in small float32 buffers that stay in the processor's L1 cache. A routine is a
plain loop over them that the compiler vectorises; everything constant for all pixels is decided
outside the loop. Three things keep a loop from being vectorised, at four to ten times the cost: a
call of the C library (angles, sines and roots are therefore polynomials: numba_maths.py), a lookup
in a table or a picture (one loop therefore computes the positions, a second one only fetches, a
third one continues), and a branch that skips work. The numbers are those of `frame_block.py`.

The kernels distribute rows over the processor's cores and release the GIL. They are called from one
thread only: otherwise Numba's fallback thread pool ends the process. The routines are in
numba_layers.py (where a pixel is on a wave) and numba_light.py (blending and colour); what follows
the pass is in numba_post.py and numba_finish.py.
"""

import numpy as np

from engine.render import frame_block as field
from engine.render.compiling import call_part, float32, int32, kernel, part, routine
from engine.render.numba_layers import fold_row, polar_row, shape_part, stripes_part, trace_part
from engine.render.numba_light import (
    add_row,
    blend_row,
    colour_row,
    darken_row,
    fill_row,
    light_part,
    linear_row,
    mix_row,
    ramp_part,
    turn_hue_row,
    whole_row,
)
from engine.render.numba_maths import (
    BUFFERS,
    DEEP,
    FRACTIONS,
    HALF,
    HAS_BASE,
    LAYER,
    ONE,
    PICTURE,
    THREE,
    TWO,
    VALUES,
    WEIGHTS,
    WHITE,
    ZERO,
    Block,
    Deep,
    Index,
    R,
    Rgb,
    Row,
    T,
    U,
    X,
    Y,
    between_row,
    corners,
    fetch_row,
    one_number_each,
    reflect,
)

SLOPE = float32(-0.75)
FOUR = float32(4)
FIVE = float32(5)
EIGHT = float32(8)
FEEDBACK_LOSS = float32(0.498)  # levels; see shaders/feedback.glsl
TRACE, SHAPE, STRIPES, MIX, BLENDED, LIGHT, RAMPED, IMAGE, FEEDBACK = range(9)


@routine
def region_row(
    weights: Row, xs: Row, ys: Row, channel: int, indices: np.ndarray, block: Block
) -> None:
    """Write a layer's weight at each pixel: unchanged in its region, multiplied by the spread
    elsewhere."""
    scale_x, from_x, scale_y, from_y = block[field.REGION_MAP]
    full = block[field.LAYER_RGB + channel, 3]
    spread = full * block[field.REGION, 0]
    height, width = indices.shape
    for i in range(weights.size):
        column = min(max(int32(np.floor(xs[i] * scale_x + from_x)), 0), width - 1)
        row = min(max(int32(np.floor(ys[i] * scale_y + from_y)), 0), height - 1)
        weights[i] = full if indices[row, column] == channel else spread


@routine
def cubic(away: float) -> float:
    """Return the weight of a texel at this distance, 0..2, in cubic convolution; see
    shaders/bicubic.glsl."""
    if away <= ONE:
        return ((SLOPE + TWO) * away - (SLOPE + THREE)) * away * away + ONE
    return ((SLOPE * away - FIVE * SLOPE) * away + EIGHT * SLOPE) * away - FOUR * SLOPE


@routine
def sharp_row(layer: Rgb, xs: Row, ys: Row, pixels: np.ndarray, block: Block) -> None:
    """Like `image_row`, by cubic convolution."""
    scale_x, from_x, scale_y, from_y = block[field.LAYER5_MAP]
    height, width = pixels.shape[0], pixels.shape[1]
    for i in range(xs.size):
        x, y = xs[i] * scale_x + from_x, ys[i] * scale_y + from_y
        left, top = int32(np.floor(x)) - 1, int32(np.floor(y)) - 1
        t = x - float32(left)
        first = cubic(t)
        second = cubic(t - ONE)
        third = cubic(TWO - t)
        last = cubic(THREE - t)
        x0, x1 = min(max(left, 0), width - 1), min(max(left + 1, 0), width - 1)
        x2, x3 = min(max(left + 2, 0), width - 1), min(max(left + 3, 0), width - 1)
        for c in range(3):
            layer[c, i] = ZERO
        for down in range(4):
            row = min(max(top + down, 0), height - 1)
            weight = cubic(abs(y - float32(top + down))) / WHITE
            for c in range(3):
                left_half = pixels[row, x0, c] * first + pixels[row, x1, c] * second
                layer[c, i] += weight * (
                    left_half + pixels[row, x2, c] * third + pixels[row, x3, c] * last
                )
        for c in range(3):
            layer[c, i] = min(max(layer[c, i], ZERO), ONE)


@routine
def image_row(layer: Rgb, xs: Row, ys: Row, pixels: np.ndarray, block: Block) -> None:
    """Write the interpolated image at each position into layer, (3, width), 0..1."""
    scale_x, from_x, scale_y, from_y = block[field.LAYER5_MAP]
    height, width = pixels.shape[0], pixels.shape[1]
    for i in range(xs.size):
        x, y = xs[i] * scale_x + from_x, ys[i] * scale_y + from_y
        x0, x1, fraction_x = corners(x, width)
        y0, y1, fraction_y = corners(y, height)
        for c in range(3):
            upper = pixels[y0, x0, c] * (ONE - fraction_x) + pixels[y0, x1, c] * fraction_x
            lower = pixels[y1, x0, c] * (ONE - fraction_x) + pixels[y1, x1, c] * fraction_x
            layer[c, i] = (upper * (ONE - fraction_y) + lower * fraction_y) / WHITE


@routine
def matte_row(weights: Row, xs: Row, ys: Row, mask: np.ndarray, block: Block) -> None:
    """Multiply weights by the fraction that the matte keeps; see masks.py."""
    scale_x, from_x, scale_y, from_y = block[field.MATTE_MAP]
    _, low, slope, keeps = block[field.MATTE]
    height, width = mask.shape
    for i in range(weights.size):
        x0, x1, fraction_x = corners(xs[i] * scale_x + from_x, width)
        y0, y1, fraction_y = corners(ys[i] * scale_y + from_y, height)
        upper = mask[y0, x0] * (ONE - fraction_x) + mask[y0, x1] * fraction_x
        lower = mask[y1, x0] * (ONE - fraction_x) + mask[y1, x1] * fraction_x
        value = (upper * (ONE - fraction_y) + lower * fraction_y) / WHITE
        t = min(max((value - low) * slope, ZERO), ONE)
        covered = t * t * (THREE - TWO * t)
        weights[i] *= covered if keeps > ZERO else ONE - covered


@part("float32[:,::1], int32[::1], uint64[::1], float32[:,::1]")
def feedback_part(row: int, rows: np.ndarray, index: Index, last: np.ndarray, block: Block) -> None:
    """Update rows[PICTURE] to its maximum with the last picture, moved, mirrored at edges,
    hue-shifted and dimmed.

    In levels. last: (height * width,) uint64, the last picture."""
    picture = rows[PICTURE]
    layer = rows[LAYER]
    xs = rows[X]
    ys = rows[Y]
    us = rows[U]
    vs = rows[FRACTIONS]
    corner = np.empty((4, xs.size), np.uint64)
    half_w, half_h = block[field.SIZE, 2], block[field.SIZE, 3]
    amount = block[field.FEEDBACK_X, 3] / DEEP
    hue = block[field.FEEDBACK_Y, 3]
    for i in range(xs.size):
        x = (
            xs[i] * block[field.FEEDBACK_X, 0]
            + ys[i] * block[field.FEEDBACK_X, 1]
            + block[field.FEEDBACK_X, 2]
        )
        y = (
            xs[i] * block[field.FEEDBACK_Y, 0]
            + ys[i] * block[field.FEEDBACK_Y, 1]
            + block[field.FEEDBACK_Y, 2]
        )
        us[i] = reflect(x + HALF - half_w, half_w) + half_w - HALF
        vs[i] = reflect(y + HALF - half_h, half_h) + half_h - HALF
    fetch_row(corner, us, vs, index, last, int32(TWO * half_w), int32(TWO * half_h))
    for c in range(3):
        between_row(layer[c], corner, us, vs, c)
    if hue != ZERO:
        turn_hue_row(layer[0], layer[1], layer[2], hue)
    for c in range(3):
        for i in range(xs.size):
            picture[c, i] = max(picture[c, i], layer[c, i] * amount - FEEDBACK_LOSS)


@routine
def pack_row(out: np.ndarray, picture: Rgb, block: Block) -> None:
    """Round levels into out, (width, 4) uint16; alpha is 65535, or the maximum of the three."""
    is_luma = block[field.TONE, 3] > ZERO
    for i in range(out.shape[0]):
        red = np.uint16(picture[0, i] * DEEP + HALF)
        green = np.uint16(picture[1, i] * DEEP + HALF)
        blue = np.uint16(picture[2, i] * DEEP + HALF)
        out[i, 0] = red
        out[i, 1] = green
        out[i, 2] = blue
        out[i, 3] = max(red, max(green, blue)) if is_luma else 65535


@part("float32[:,::1], uint8[:,::1], float32[:,::1]")
def mix_part(channel: int, rows: np.ndarray, indices: np.ndarray, block: Block) -> None:
    """Blend a layer (brightness in rows[VALUES]) into rows[PICTURE] with one weight and colour; see
    `is_even`."""
    picture = rows[PICTURE]
    values = rows[VALUES]
    colour = block[field.LAYER_RGB + channel]
    weight = block[field.LAYER_RGB + channel, 3]
    if block[field.COLOUR, 0] > ZERO:
        linear_row(values)
    if block[field.BLEND, 0] == ONE and block[field.TONE, 1] > ZERO:
        add_row(picture, values, colour, weight)
    else:
        mix_row(picture, values, colour, weight, block)
    fill_row(rows[HAS_BASE], ONE)


@part("float32[:,::1], uint8[:,::1], float32[:,::1]")
def blend_part(channel: int, rows: np.ndarray, indices: np.ndarray, block: Block) -> None:
    """Like `mix_part`, with weights and palette colours per pixel. indices: The regions."""
    layer = rows[LAYER]
    values = rows[VALUES]
    weights = rows[WEIGHTS]
    if block[field.COLOUR, 0] > ZERO:
        linear_row(values)
    colour_row(layer, values, block[field.LAYER_RGB + channel])
    if block[field.LAYER_DARK + channel, 0] + block[field.LAYER_DARK + channel, 1] != ZERO:
        darken_row(layer, values, channel, block)
    if block[field.REGION, 3] > ZERO:
        region_row(weights, rows[X], rows[Y], channel, indices, block)
    else:
        fill_row(weights, block[field.LAYER_RGB + channel, 3])
    blend_row(rows[PICTURE], layer, weights, rows[HAS_BASE], block)


@routine
def is_even(channel: int, block: Block) -> bool:
    """Return True if a layer has one weight and colour, and is added without clamping or blended
    without dodge."""
    is_plain = block[field.BLEND, 0] == ONE and block[field.TONE, 1] > ZERO
    has_darks = block[field.LAYER_DARK + channel, 0] + block[field.LAYER_DARK + channel, 1] != ZERO
    even: bool = (
        not has_darks
        and not block[field.REGION, 3] > ZERO
        and (is_plain or block[field.BLEND, 3] == ZERO)
    )
    return even


@part("float32[:,::1], uint8[:,:,::1], uint8[:,::1], float32[:,::1]")
def image_part(
    row: int, rows: np.ndarray, image: np.ndarray, mask: np.ndarray, block: Block
) -> None:
    """Blend layer 5, cut out by its matte, into rows[PICTURE]; in simple mode replace it, in
    levels."""
    picture = rows[PICTURE]
    layer = rows[LAYER]
    weights = rows[WEIGHTS]
    xs = rows[X]
    ys = rows[Y]
    is_simple = block[field.LAYER5, 3] > ZERO
    if block[field.COLOUR, 2] > ZERO:
        sharp_row(layer, xs, ys, image, block)
    else:
        image_row(layer, xs, ys, image, block)
    if block[field.COLOUR, 0] > ZERO and not is_simple:
        for c in range(3):
            linear_row(layer[c])
    fill_row(weights, ONE if is_simple else block[field.LAYER5, 0])
    if block[field.MATTE, 3] != ZERO:
        matte_row(weights, xs, ys, mask, block)
    if is_simple:
        whole_row(picture, layer, weights)
    else:
        blend_row(picture, layer, weights, rows[HAS_BASE], block)


PARTS = (
    trace_part,
    shape_part,
    stripes_part,
    mix_part,
    blend_part,
    light_part,
    ramp_part,
    image_part,
    feedback_part,
)
"""Parts of a row, by those numbers. Until the last two are compiled, layer 5 and trails are left
out."""


@kernel(
    "uint16[:,:,::1], uint64[::1], float32[:,:,:,::1], float32[:,::1], uint8[:,:,::1], "
    "uint8[:,::1], uint8[:,::1],"
    " uint64[:,::1]"
)
def draw_row(
    row: int,
    out: Deep,
    last: np.ndarray,
    tables: np.ndarray,
    block: Block,
    image: np.ndarray,
    mask: np.ndarray,
    indices: np.ndarray,
    parts: np.ndarray,
) -> None:
    """Draw one row of `draw_picture`. last: One number per pixel. parts: (2, 9), addresses (0 if
    not compiled), and 1 for parts that were missing."""
    is_simple = block[field.LAYER5, 3] > ZERO
    needs_polar = False
    for channel in range(4):
        needs_polar |= (
            block[field.LAYER_POLAR + channel, 0] != ZERO
            or block[field.LAYER_POLAR + channel, 1] != ZERO
        )
    width = out.shape[1]
    rows = np.zeros((BUFFERS, width), np.float32)
    index = np.empty(width, np.int32)
    fold_row(rows[X], rows[Y], row, block)
    if needs_polar:
        polar_row(rows[R], rows[T], rows[X], rows[Y])
    for channel in range(4):
        if is_simple or block[field.LAYER_RGB + channel, 3] == ZERO:
            continue
        is_trace = block[field.LAYER_LINE + channel, 0] > ZERO
        is_polar = (
            block[field.LAYER_POLAR + channel, 0] != ZERO
            or block[field.LAYER_POLAR + channel, 1] != ZERO
        )
        is_bent = is_polar or block[field.LAYER_BAND + channel, 1] > ZERO
        part = TRACE if is_trace else SHAPE if is_bent else STRIPES
        if parts[0, part]:
            call_part(parts[0, part], int32(channel), (rows, index, tables, block))
        else:
            parts[1, part] = 1
        part = MIX if is_even(channel, block) else BLENDED
        if parts[0, part]:
            call_part(parts[0, part], int32(channel), (rows, indices, block))
        else:
            parts[1, part] = 1
    if parts[0, IMAGE] and (is_simple or block[field.LAYER5, 0] > ZERO):
        call_part(parts[0, IMAGE], row, (rows, image, mask, block))
    if not is_simple:
        call_part(parts[0, LIGHT], row, (rows, block))
    if block[field.COLOUR, 1] > ZERO:
        if parts[0, RAMPED]:
            call_part(parts[0, RAMPED], row, (rows, index, block))
        else:
            parts[1, RAMPED] = 1
    if parts[0, FEEDBACK] and block[field.FEEDBACK_X, 3] > ZERO:
        call_part(parts[0, FEEDBACK], row, (rows, index, last, block))
    pack_row(out[row], rows[PICTURE], block)


def draw_picture(
    out: Deep,
    last: Deep,
    tables: np.ndarray,
    block: Block,
    image: np.ndarray,
    mask: np.ndarray,
    indices: np.ndarray,
) -> None:
    """Draw one picture into `out`; `last` is the one before. Waits for parts that it needs and that
    are being compiled.

    tables: The table of `bake_layers`. block: From `pack_block`. image: (h, w, 3) uint8, layer 5.
    mask: (side, side) uint8, its matte. indices: (h, w) uint8, the regions. Unused ones may be any
    1 x 1 array."""
    light_part.prepare()
    parts = np.zeros((2, len(PARTS)), np.uint64)
    while True:
        parts[0] = [each.address if each.is_ready else 0 for each in PARTS]
        parts[1] = 0
        draw_row(out, one_number_each(last), tables, block, image, mask, indices, parts)
        missed = [each for each, is_missed in zip(PARTS, parts[1], strict=True) if is_missed]
        if not missed:
            return
        for each in missed:
            each.prepare()
