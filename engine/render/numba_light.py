"""Blending, tone and colour in Numba, a row of the picture at a time.

The steps of shaders/blend.glsl, tone.glsl and light.glsl one by one; see numba_kernels.py for the
rules.
"""

import math

import numpy as np

from engine.render.compiling import float32, int32, part, routine, uint64
from engine.render.flash_guard import LINEAR
from engine.render.frame_block import BLEND, COLOUR, LAYER_DARK, RAMP, TONE
from engine.render.numba_maths import (
    BLUE_LIGHT,
    FOUR,
    FRACTIONS,
    GREEN_LIGHT,
    HALF,
    ONE,
    PICTURE,
    RED_LIGHT,
    SIX,
    THREE,
    TWO,
    WHITE,
    ZERO,
    Block,
    Index,
    Rgb,
    Row,
    cube_root,
)

TONE_STEPS = 4096
LAST_TONE_STEP = float32(TONE_STEPS - 1)
# Level 0..255 after the soft tone curve, by x / (1 + x) in 4095 steps: the power is computed once
# for each.
SOFT_LEVELS = (WHITE * np.linspace(0, 1, TONE_STEPS) ** 0.8).astype(np.float32)
# Display value of linear light (sRGB, IEC 61966-2-1): below an edge a line, above it a polynomial
# in the fourth root, within 1.5e-6.
LIGHT_EDGE = float32(0.0031308)
LIGHT_SLOPE = float32(12.92)
D0, D1, D2, D3 = (
    float32(value) for value in (-0.059546627, 0.139604360, 1.365919944, -0.852954694)
)
D4, D5, D6 = (float32(value) for value in (0.657184608, -0.318413485, 0.068207296))
LIGHT_1, LIGHT_2, LIGHT_3 = (float32(value) for value in LINEAR)
# see shaders/light.glsl
SHOULDER = float32(0.55)
WHITENING = float32(0.3)
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
RAMP_STEPS = 16
ONE_STEP = uint64(1)


@routine
def linear_row(values: Row) -> None:
    """Convert display values to linear light in place; see shaders/light.glsl."""
    for i in range(values.size):
        value = values[i]
        values[i] = value * (LIGHT_1 + value * (LIGHT_2 + value * LIGHT_3))


@routine
def fill_row(values: Row, value: float) -> None:
    for i in range(values.size):
        values[i] = value


@routine
def colour_row(layer: Rgb, values: Row, colour: np.ndarray) -> None:
    """Write a layer's brightness times its colour into layer, (3, width)."""
    for c in range(3):
        for i in range(values.size):
            layer[c, i] = colour[c] * values[i]


@routine
def darken_row(layer: Rgb, values: Row, channel: int, block: Block) -> None:
    """Reduce the dark parts of a layer with a palette colour; see `dark_losses`."""
    gain = block[TONE, 0]
    for c in range(3):
        loss = block[LAYER_DARK + channel, c]
        if loss > ZERO:
            for i in range(values.size):
                layer[c, i] *= ONE - loss * (ONE - min(values[i] * gain, ONE))


@routine
def add_row(picture: Rgb, values: Row, colour: np.ndarray, weight: float) -> None:
    """Add one layer's row to the picture's."""
    for c in range(3):
        light = colour[c] * weight
        for i in range(values.size):
            picture[c, i] += light * values[i]


@routine
def mix_row(picture: Rgb, values: Row, colour: np.ndarray, weight: float, block: Block) -> None:
    """Like `blend_row`, without dodge and with one weight."""
    add, screen, difference, _ = block[BLEND]
    ceiling = block[TONE, 2]
    for c in range(3):
        for i in range(values.size):
            below = picture[c, i]
            above = colour[c] * values[i]
            both = below + above
            blended = (
                add * min(both, ceiling)
                + screen * (both - below * above)
                + difference * abs(below - above)
            )
            picture[c, i] = below + weight * (blended - below)


@routine
def blend_row(picture: Rgb, layer: Rgb, weights: Row, has_base: Row, block: Block) -> None:
    """Blend layer (3, width) over picture, weighted per pixel; it is the base where nothing was
    drawn before."""
    add, screen, difference, dodge = block[BLEND]
    ceiling = block[TONE, 2]
    for c in range(3):
        if add == ONE:
            for i in range(weights.size):
                below = picture[c, i]
                above = layer[c, i]
                mixed = below + weights[i] * (min(below + above, ceiling) - below)
                picture[c, i] = mixed if has_base[i] > ZERO else above * weights[i]
        else:
            for i in range(weights.size):
                below = picture[c, i]
                above = layer[c, i]
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


@routine
def whole_row(picture: Rgb, layer: Rgb, weights: Row) -> None:
    """Copy the layer into the picture, in levels (simple mode)."""
    for c in range(3):
        for i in range(picture.shape[1]):
            picture[c, i] = layer[c, i] * weights[i] * WHITE


@routine
def encode_row(values: Row) -> None:
    """Convert linear light to levels in place."""
    for i in range(values.size):
        light = min(max(values[i], ZERO), ONE)
        t = math.sqrt(math.sqrt(light))
        bent = D0 + t * (D1 + t * (D2 + t * (D3 + t * (D4 + t * (D5 + t * D6)))))
        values[i] = WHITE * (light * LIGHT_SLOPE if light < LIGHT_EDGE else bent)


@routine
def roll_row(picture: Rgb) -> None:
    """Roll off linear light above the shoulder towards white, in place."""
    for i in range(picture.shape[1]):
        red, green, blue = picture[0, i], picture[1, i], picture[2, i]
        peak = max(red, green, blue)
        if peak > SHOULDER:
            rolled = ONE - REST * REST / (peak + REST - SHOULDER)
            white = ONE - ONE / (WHITENING * (peak - rolled) + ONE)
            scale = rolled / peak
            red, green, blue = red * scale, green * scale, blue * scale
            pale = white * cube_root(rolled)
            long = (ONE - white) * cube_root(
                CONES[0, 0] * red + CONES[0, 1] * green + CONES[0, 2] * blue
            ) + pale
            medium = (ONE - white) * cube_root(
                CONES[1, 0] * red + CONES[1, 1] * green + CONES[1, 2] * blue
            ) + pale
            short = (ONE - white) * cube_root(
                CONES[2, 0] * red + CONES[2, 1] * green + CONES[2, 2] * blue
            ) + pale
            long = long * long * long
            medium = medium * medium * medium
            short = short * short * short
            red = FROM_CONES[0, 0] * long + FROM_CONES[0, 1] * medium + FROM_CONES[0, 2] * short
            green = FROM_CONES[1, 0] * long + FROM_CONES[1, 1] * medium + FROM_CONES[1, 2] * short
            blue = FROM_CONES[2, 0] * long + FROM_CONES[2, 1] * medium + FROM_CONES[2, 2] * short
        picture[0, i] = red
        picture[1, i] = green
        picture[2, i] = blue


@routine
def turn_hue_row(reds: Row, greens: Row, blues: Row, hue: float) -> None:
    """Shift the HSV hue by `hue` turns, in place."""
    for i in range(reds.size):
        red, green, blue = reds[i], greens[i], blues[i]
        high = max(red, max(green, blue))
        low = min(red, min(green, blue))
        chroma = high - low
        scale = ONE / max(chroma, float32(1e-4))
        sixths = TWO + (blue - red) * scale if green == high else FOUR + (red - green) * scale
        sixths = (green - blue) * scale if red == high else sixths
        sixths += SIX * hue
        reds[i] = low + chroma * primary_weight(sixths)
        greens[i] = low + chroma * primary_weight(sixths + FOUR)
        blues[i] = low + chroma * primary_weight(sixths + TWO)


@routine
def primary_weight(sixths: float) -> float:
    """Return the weight of a primary colour, 0..1, at this distance from its hue in sixths of a
    turn."""
    position = sixths - SIX * np.floor(sixths / SIX)
    weight: float = min(max(abs(position - THREE) - ONE, ZERO), ONE)
    return weight


@part("float32[:,::1], float32[:,::1]")
def light_part(row: int, rows: np.ndarray, block: Block) -> None:
    """Convert the sum of the layers in rows[PICTURE] to levels 0..255. Each step runs once for all
    three colours: a routine is compiled again at each call site."""
    picture = rows[PICTURE]
    brightness = block[TONE, 0]
    tone = block[TONE, 1]
    is_linear = block[COLOUR, 0] > ZERO
    values = picture.reshape(picture.size)
    highest = ZERO
    for i in range(values.size):
        values[i] *= brightness
    if tone > ONE:
        if not is_linear:
            linear_row(values)
        for i in range(values.size):
            highest = max(highest, values[i])
        if highest > SHOULDER:
            roll_row(picture)
    elif tone > ZERO:
        for i in range(values.size):
            values[i] /= ONE + values[i]
    if is_linear or tone > ONE:
        encode_row(values)
    elif tone > ZERO:
        for i in range(values.size):
            values[i] = SOFT_LEVELS[int32(values[i] * LAST_TONE_STEP + HALF)]
    else:
        for i in range(values.size):
            values[i] = min(values[i], ONE) * WHITE


@part("float32[:,::1], int32[::1], float32[:,::1]")
def ramp_part(row: int, rows: np.ndarray, index: Index, block: Block) -> None:
    """Recolour rows[PICTURE] by brightness along the palette's ramp, in levels; see
    shaders/light.glsl."""
    picture = rows[PICTURE]
    fractions = rows[FRACTIONS]
    amount = block[COLOUR, 1]
    for i in range(picture.shape[1]):
        red, green, blue = picture[0, i], picture[1, i], picture[2, i]
        key = HALF * (
            RED_LIGHT * red + GREEN_LIGHT * green + BLUE_LIGHT * blue + max(red, green, blue)
        )
        position = min(max(key / WHITE, ZERO), ONE) * float32(RAMP_STEPS)
        index[i] = min(int32(position), RAMP_STEPS - 1)
        fractions[i] = position - float32(index[i])
    for c in range(3):
        for i in range(picture.shape[1]):
            at = uint64(RAMP + index[i])
            stop = block[at, c]
            target = WHITE * (stop + fractions[i] * (block[at + ONE_STEP, c] - stop))
            picture[c, i] += amount * (target - picture[c, i])
