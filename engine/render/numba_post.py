"""Bloom, glow, chromatic aberration, vignette, grain and exposure in Numba: the steps of
shaders/post*.glsl one by one.

See look.py for the effects and numba_kernels.py for the rules that these kernels follow, too.
"""

import math

import numpy as np

from engine.render.compiling import float32, int32, kernel, routine, small_kernel, uint64
from engine.render.look import (
    GRAIN_SIDE,
    SHRINK,
    PostLook,
    grain_offset,
    grain_px,
    grain_tile,
    pyramid_sizes,
    spreads,
)
from engine.render.numba_maths import (
    BLUE_LIGHT,
    DEEP_WHITE,
    GREEN_LIGHT,
    HALF,
    ONE,
    RED_LIGHT,
    THREE,
    TWO,
    ZERO,
    Deep,
    Rgb,
    Row,
    between_row,
    fetch_row,
    one_number_each,
    unpack_row,
)

QUARTER = float32(0.25)
LEVEL = float32(1 / 65535)
ALPHA_SHIFT = uint64(48)
VEIL_START = SHRINK // 2  # the veil's first value lies half a block before the first pixel
BLOCK = float32(SHRINK * SHRINK)
# B-spline at a quarter of a texel
NEAR, MIDDLE, FAR = (float32(value) for value in (0.375, 0.5, 0.125))
OUTER = float32(0.125)
INNER = float32(0.375)

Light = np.ndarray  # (height, width, 3) float32, linear
_NO_LIGHT = np.zeros((1, 1, 3), np.float32)


class NumbaPost:
    """Draws the post effects of one renderer; allocates when the first effect is switched on. One
    thread."""

    def __init__(self) -> None:
        self._grain = grain_tile()
        self._size_px = (0, 0)
        self._down: list[Light] = []
        self._up: list[Light] = []

    def draw(
        self, out: Deep, picture: Deep, post: PostLook, time_s: float, *, is_luma: bool
    ) -> None:
        """Draw the picture with these effects into `out`."""
        height, width = picture.shape[:2]
        veil = _NO_LIGHT
        if post.has_light:
            self._require_size(width, height)
            veil = self._up[0]
            veil[:] = 0
            for spread in spreads(post, height, len(self._down)):
                gather_light(
                    self._down[0], picture, np.float32(spread.threshold), np.float32(spread.knee)
                )
                for larger, smaller in zip(self._down, self._down[1:], strict=False):
                    halve(smaller, larger)
                risen = self._down[-1]
                weight = 0.0
                for level in reversed(range(len(self._down))):
                    into = self._up[level]
                    if level:
                        into[:] = 0
                    add_risen(
                        into,
                        self._down[level],
                        risen,
                        np.float32(spread.weights[level]),
                        np.float32(weight),
                    )
                    risen = into
                    weight = 1.0
        amounts = np.array(post.strengths, np.float32)
        grain_origin = np.array([*grain_offset(time_s), grain_px(height)], np.int32)
        compose(
            out,
            one_number_each(picture),
            veil,
            self._grain,
            amounts,
            grain_origin,
            post.has_light,
            is_luma,
        )

    @property
    def is_ready(self) -> bool:
        """True once its kernels are compiled."""
        return all(kernel.is_ready for kernel in (gather_light, halve, add_risen, compose))

    def release(self) -> None:
        self._size_px = (0, 0)
        self._down = []
        self._up = []

    def _require_size(self, width: int, height: int) -> None:
        if self._size_px != (width, height):
            sizes = pyramid_sizes(width, height)
            down, up = (
                [np.zeros((level_h, level_w, 3), np.float32) for level_w, level_h in sizes]
                for _ in range(2)
            )
            self._down = down
            self._up = up
            self._size_px = (width, height)


@kernel("float32[:,:,::1], uint16[:,:,::1], float32, float32")
def gather_light(row: int, out: Light, picture: Deep, threshold: float, knee: float) -> None:
    """Average the light that spreads over 4 x 4 pixels; see shaders/post_light.glsl."""
    height, width = picture.shape[0], picture.shape[1]
    for column in range(out.shape[1]):
        reds = ZERO
        greens = ZERO
        blues = ZERO
        for y in range(SHRINK):
            line = picture[min(row * SHRINK + y, height - 1)]
            for x in range(SHRINK):
                pixel = line[min(column * SHRINK + x, width - 1)]
                red, green, blue = (
                    float32(pixel[0]) / DEEP_WHITE,
                    float32(pixel[1]) / DEEP_WHITE,
                    float32(pixel[2]) / DEEP_WHITE,
                )
                weight = min(max((max(red, green, blue) - threshold) / knee + HALF, ZERO), ONE)
                weight = weight * weight * (THREE - TWO * weight)
                reds += red * red * weight
                greens += green * green * weight
                blues += blue * blue * weight
        out[row, column, 0] = reds / BLOCK
        out[row, column, 1] = greens / BLOCK
        out[row, column, 2] = blues / BLOCK


@small_kernel("float32[:,:,::1], float32[:,:,::1]")
def halve(out: Light, larger: Light) -> None:
    """Halve a picture, averaged with weights 1 3 3 1; see shaders/post_halve.glsl."""
    height, width = larger.shape[0], larger.shape[1]
    line = np.empty((width, 3), np.float32)
    for row in range(out.shape[0]):
        y0, y1 = max(2 * row - 1, 0), min(2 * row, height - 1)
        y2, y3 = min(2 * row + 1, height - 1), min(2 * row + 2, height - 1)
        for column in range(width):
            for c in range(3):
                outer = larger[y0, column, c] + larger[y3, column, c]
                line[column, c] = (
                    outer * OUTER + (larger[y1, column, c] + larger[y2, column, c]) * INNER
                )
        for column in range(out.shape[1]):
            x0, x1 = max(2 * column - 1, 0), min(2 * column, width - 1)
            x2, x3 = min(2 * column + 1, width - 1), min(2 * column + 2, width - 1)
            for c in range(3):
                out[row, column, c] = (line[x0, c] + line[x3, c]) * OUTER + (
                    line[x1, c] + line[x2, c]
                ) * INNER


@small_kernel("float32[:,:,::1], float32[:,:,::1], float32[:,:,::1], float32, float32")
def add_risen(
    out: Light, own: Light, smaller: Light, own_weight: float, smaller_weight: float
) -> None:
    """Add own_weight x this level, softened, and smaller_weight x the next; see
    shaders/post_rise.glsl."""
    height, width = own.shape[0], own.shape[1]
    small_h, small_w = smaller.shape[0], smaller.shape[1]
    line = np.empty((width, 3), np.float32)
    small_line = np.empty((small_w, 3), np.float32)
    for row in range(height):
        above = max(row - 1, 0)
        below = min(row + 1, height - 1)
        for column in range(width):
            for c in range(3):
                line[column, c] = (own[above, column, c] + own[below, column, c]) * QUARTER + own[
                    row, column, c
                ] * HALF
        first, second, third, from_first, from_third = spline(row, small_h)
        for column in range(small_w):
            for c in range(3):
                small_line[column, c] = (
                    smaller[first, column, c] * from_first
                    + smaller[second, column, c] * MIDDLE
                    + smaller[third, column, c] * from_third
                )
        for column in range(width):
            left, right = max(column - 1, 0), min(column + 1, width - 1)
            first, second, third, from_first, from_third = spline(column, small_w)
            for c in range(3):
                softened = (line[left, c] + line[right, c]) * QUARTER + line[column, c] * HALF
                risen = small_line[first, c] * from_first + small_line[second, c] * MIDDLE
                risen += small_line[third, c] * from_third
                out[row, column, c] += softened * own_weight + risen * smaller_weight


@routine
def spline(index: int, size: int) -> tuple[int, int, int, float, float]:
    """Return the three clamped texels of the next smaller level around an index, and weights of the
    first and third."""
    middle = index // 2
    is_second = index % 2 == 1
    first = min(max(middle - 1, 0), size - 1)
    third = min(middle + 1, size - 1)
    return (
        first,
        min(middle, size - 1),
        third,
        FAR if is_second else NEAR,
        NEAR if is_second else FAR,
    )


@routine
def veil_row(light: Rgb, line: np.ndarray, veil: Light, row: int) -> None:
    """Interpolate the veil at each pixel of a row into light, (3, width + 8), from index 2 on.
    line: Scratch."""
    height, width = veil.shape[0], veil.shape[1]
    at = (float32(row) + HALF) * QUARTER - HALF
    first = int32(math.floor(at))
    fraction = at - float32(first)
    y0, y1 = min(max(first, 0), height - 1), min(first + 1, height - 1)
    for c in range(3):
        for column in range(width):
            line[column + 1] = (
                veil[y0, column, c] * (ONE - fraction) + veil[y1, column, c] * fraction
            )
        line[0], line[width + 1] = line[1], line[width]
        out = light[c]
        for column in range(width + 1):
            here = line[column]
            step = (line[column + 1] - here) * QUARTER
            out[column * SHRINK] = here + step * HALF
            out[column * SHRINK + 1] = here + step * (ONE + HALF)
            out[column * SHRINK + 2] = here + step * (TWO + HALF)
            out[column * SHRINK + 3] = here + step * (THREE + HALF)


@routine
def light_row(rgb: Rgb, light: Rgb) -> None:
    """Add the light of the veil to rgb, less where the veil is brighter than white; see
    shaders/post.glsl."""
    for i in range(rgb.shape[1]):
        at = i + VEIL_START
        first = light[0, at]
        second = light[1, at]
        third = light[2, at]
        scale = ONE / (ONE + THREE * max(first, max(second, third)))
        red, green, blue = rgb[0, i] * rgb[0, i], rgb[1, i] * rgb[1, i], rgb[2, i] * rgb[2, i]
        rgb[0, i] = math.sqrt(red + first * scale * (ONE - red))
        rgb[1, i] = math.sqrt(green + second * scale * (ONE - green))
        rgb[2, i] = math.sqrt(blue + third * scale * (ONE - blue))


@routine
def shift_row(us: Row, vs: Row, row: int, width: int, height: int, shift: float) -> None:
    """Write the position of each pixel of the row into us and vs, moved outwards, by `shift` px in
    the corners."""
    half_w, half_h = float32(width) * HALF, float32(height) * HALF
    scale = shift / (half_w * half_w + half_h * half_h)
    y = float32(row) + HALF - half_h
    for i in range(us.size):
        x = float32(i) + HALF - half_w
        away = (x * x + y * y) * scale
        us[i] = float32(i) + x * away
        vs[i] = float32(row) + y * away


@kernel(
    "uint16[:,:,::1], uint64[::1], float32[:,:,::1], float32[:,::1], float32[::1], int32[::1], "
    "boolean, boolean"
)
def compose(
    row: int,
    out: Deep,
    pixels: np.ndarray,
    veil: Light,
    grain: np.ndarray,
    amounts: np.ndarray,
    grain_origin: np.ndarray,
    has_light: bool,
    is_luma: bool,
) -> None:
    """Draw all effects into a row of `out`; see shaders/post.glsl. pixels: The picture, one number
    per pixel. amounts: In the order of `PostStrengths`. grain_origin: Column and row of the tile's
    origin, pixels per grain."""
    height, width = out.shape[0], out.shape[1]
    half_w, half_h = float32(width) * HALF, float32(height) * HALF
    scale = ONE / (half_w * half_w + half_h * half_h)
    chromatic = amounts[0]
    vignette = amounts[1]
    grain_amount = amounts[2]
    dim = amounts[3]
    lift = amounts[4]
    own = pixels[row * width : (row + 1) * width]
    buffers = np.empty((6, width), np.float32)
    rgb = buffers[0:3]
    us = buffers[3]
    vs = buffers[4]
    gains = buffers[5]
    for c in range(3):
        unpack_row(rgb[c], own, c)
    if chromatic > ZERO:
        index = np.empty(width, np.int32)
        corner = np.empty((4, width), np.uint64)
        for c in range(0, 3, 2):
            shift_row(us, vs, row, width, height, chromatic if c else -chromatic)
            fetch_row(corner, us, vs, index, pixels, int32(width), int32(height))
            between_row(rgb[c], corner, us, vs, c)
    for c in range(3):
        for i in range(width):
            rgb[c, i] *= LEVEL
    if has_light:
        light = np.empty((3, width + 2 * SHRINK), np.float32)
        line = np.empty(veil.shape[1] + 2, np.float32)
        veil_row(light, line, veil, row)
        light_row(rgb, light)
    y = float32(row) + HALF - half_h
    for i in range(width):
        x = float32(i) + HALF - half_w
        corner_distance = (x * x + y * y) * scale
        gains[i] = ONE / (ONE + vignette * corner_distance * corner_distance)
    for c in range(3):
        for i in range(width):
            rgb[c, i] *= gains[i]
    if grain_amount > ZERO:
        grain_x = grain_origin[0]
        grain_y = grain_origin[1]
        grain_size = grain_origin[2]
        grains = grain[(row // grain_size + grain_y) & (GRAIN_SIDE - 1)]
        for i in range(width):
            luminance = rgb[0, i] * RED_LIGHT + rgb[1, i] * GREEN_LIGHT + rgb[2, i] * BLUE_LIGHT
            noise = grains[uint64((int32(i) // grain_size + grain_x) & (GRAIN_SIDE - 1))]
            gains[i] = ONE + grain_amount * noise * (ONE - luminance)
        for c in range(3):
            for i in range(width):
                rgb[c, i] *= gains[i]
    if dim < ONE or lift > ZERO:
        for i in range(width):
            brightest = min(max(rgb[0, i], max(rgb[1, i], rgb[2, i])), ONE)
            gains[i] = dim * math.sqrt((ONE + lift) / (ONE + lift * brightest * brightest))
        for c in range(3):
            for i in range(width):
                rgb[c, i] = min(max(rgb[c, i], ZERO), ONE) * gains[i]
    finished = out[row]
    for i in range(width):
        red = np.uint16(int32(min(max(rgb[0, i] * DEEP_WHITE, ZERO), DEEP_WHITE) + HALF))
        green = np.uint16(int32(min(max(rgb[1, i] * DEEP_WHITE, ZERO), DEEP_WHITE) + HALF))
        blue = np.uint16(int32(min(max(rgb[2, i] * DEEP_WHITE, ZERO), DEEP_WHITE) + HALF))
        high = max(red, max(green, blue))
        finished[i, 0] = red
        finished[i, 1] = green
        finished[i, 2] = blue
        finished[i, 3] = high if is_luma else max(np.uint16(own[i] >> ALPHA_SHIFT), high)
