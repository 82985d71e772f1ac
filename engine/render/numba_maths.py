"""Constants and functions for Numba's kernels that the compiler can vectorise, unlike those of the
C library.

All constants are float32: a Python float would turn the arithmetic around it into float64, at half
the speed.
"""

import math

import numpy as np

from engine.render.compiling import float32, int32, routine, uint64

ZERO, HALF, ONE, TWO, THREE, FOUR, FIVE, SIX = (
    float32(value) for value in (0, 0.5, 1, 2, 3, 4, 5, 6)
)
QUARTER_RAD, HALF_RAD, TURN_RAD = (float32(turns * 2 * math.pi) for turns in (0.25, 0.5, 1))
TINY = float32(1e-6)
WHITE = float32(255)
DEEP_WHITE = float32(65535)
# 16-bit levels per 8-bit level, so that 255 is 65535 and each 8-bit level is exact
DEEP = float32(257)
RED_LIGHT, GREEN_LIGHT, BLUE_LIGHT = (float32(value) for value in (0.2126, 0.7152, 0.0722))

# cos(pi x) as a series in x^2, for x in -1/2..1/2.
C1, C2, C3, C4, C5 = (
    float32((-1) ** k * math.pi ** (2 * k) / math.factorial(2 * k)) for k in range(1, 6)
)
# Polynomials of our own, each the best fit of its degree: atan(x) / x in x^2 for x in 0..1, within
# 1e-7; sin(x) / x and cos(x) in x^2 for x in 0..pi/2, within 5e-8; the cube root of x in its fourth
# root, to begin with.
A0, A1, A2, A3 = (
    float32(value) for value in (0.9999999114, -0.3333209349, 0.1997137475, -0.1402941735)
)
A4, A5, A6, A7 = (
    float32(value) for value in (0.0994275219, -0.0599046134, 0.0245570496, -0.0047804338)
)
S0, S1, S2, S3, S4 = (
    float32(value) for value in (1.0, -0.1666665799, 0.0083330511, -0.0001980908, 0.0000026052)
)
K0, K1, K2, K3, K4 = (
    float32(value) for value in (1.0, -0.4999990535, 0.0416635847, -0.0013853704, 0.0000231539)
)
ROOT_1, ROOT_2, ROOT_3 = (float32(value) for value in (0.43269591, 0.86537019, -0.302872))

# The buffers of one row of the picture, (16, width) float32: source position, a layer's brightness
# and weights, 1 where one was drawn
X, Y, VALUES, WEIGHTS, HAS_BASE = range(5)
# red, green and blue
PICTURE = slice(5, 8)
LAYER = slice(8, 11)
U, SLOPES, R, T, FRACTIONS = range(11, 16)  # of one layer; scratch for later steps
BUFFERS = 16

Row = np.ndarray  # (width,) float32
Index = np.ndarray  # (width,) int32
Rgb = np.ndarray  # (3, width) float32: red, green and blue of a row
Block = np.ndarray  # (66, 4) float32, see frame_block.py
Deep = np.ndarray  # (height, width, 4) uint16: levels of 0..255 times DEEP
CHANNEL_BITS = uint64(65535)


@routine
def angle_rad(x: float, y: float) -> float:
    """Return the angle of a position, -pi..pi, as atan2(y, x)."""
    wide = abs(x)
    tall = abs(y)
    ratio = min(wide, tall) / max(max(wide, tall), TINY)
    t = ratio * ratio
    angle = ratio * (A0 + t * (A1 + t * (A2 + t * (A3 + t * (A4 + t * (A5 + t * (A6 + t * A7)))))))
    angle = QUARTER_RAD - angle if tall > wide else angle
    angle = HALF_RAD - angle if x < ZERO else angle
    turned: float = -angle if y < ZERO else angle
    return turned


@routine
def cosine(square: float) -> float:
    """Return the cosine of an angle from its square, for 0..pi/2."""
    return K0 + square * (K1 + square * (K2 + square * (K3 + square * K4)))


@routine
def sine_ratio(square: float) -> float:
    """Return sin(angle) / angle from the square of the angle, for 0..pi/2."""
    return S0 + square * (S1 + square * (S2 + square * (S3 + square * S4)))


@routine
def bend(square: float) -> float:
    """Return cos(pi x) from the square of x, for -1/2..1/2."""
    return ONE + square * (C1 + square * (C2 + square * (C3 + square * (C4 + square * C5))))


@routine
def bend_slope(square: float) -> float:
    """Return the derivative of `bend` by x, divided by x."""
    return TWO * (
        C1 + square * (TWO * C2 + square * (THREE * C3 + square * (FOUR * C4 + square * FIVE * C5)))
    )


@routine
def reflect(position: float, half: float) -> float:
    """Mirror a position at -half and half."""
    whole = TWO * half
    turned = position + half
    turned -= TWO * whole * np.floor(turned / (TWO * whole))
    folded: float = half - abs(whole - turned)
    return folded


@routine
def cube_root(x: float) -> float:
    """Return the cube root of x in 0..1, within 3e-4: a polynomial in the fourth root, then
    Newton's method twice."""
    start = math.sqrt(math.sqrt(x))
    root = max(start * (ROOT_1 + start * (ROOT_2 + start * ROOT_3)), TINY)
    root = (TWO * root + x / (root * root)) / THREE
    return (TWO * root + x / (root * root)) / THREE


# Reads pictures of 16 bits between their pixels, in Numba.
#
# The pictures are arrays of uint64, one number per pixel with red lowest (`one_number_each`), so
# that one fetch gets all channels of a pixel. Looking up is the part that the compiler cannot
# vectorise; so it is a loop of its own.


def one_number_each(picture: Deep) -> np.ndarray:
    """View a C-contiguous picture as one number per pixel, (height * width,) uint64; not a copy."""
    return picture.view(np.uint64).reshape(-1)


@routine
def corners(at: float, size: int) -> tuple[int, int, float]:
    """Return the two texels around a position on one axis, clamped to 0..size - 1, and the weight
    of the second."""
    first = np.floor(at)
    low = int32(first)
    return min(max(low, 0), size - 1), min(max(low + 1, 0), size - 1), at - first


@routine
def unpack_row(values: Row, pixels: np.ndarray, channel: int) -> None:
    """Unpack one channel of a row of pixels, 0..65535. pixels: (width,) uint64, see
    `one_number_each`."""
    shift = uint64(16 * channel)
    for i in range(values.size):
        values[i] = float32(int32((pixels[i] >> shift) & CHANNEL_BITS))


@routine
def fetch_row(
    corner: np.ndarray, us: Row, vs: Row, index: Index, pixels: np.ndarray, width: int, height: int
) -> None:
    """Fetch the four pixels around each position into corner, (4, width) uint64. index: Scratch.

    us, vs: positions, pixels, clamped to the picture; after that the weights of the right and the
    lower pixels."""
    for i in range(us.size):
        x, y = min(max(us[i], ZERO), float32(width - 1)), min(max(vs[i], ZERO), float32(height - 1))
        column = max(min(int32(x), width - 2), 0)
        row = max(min(int32(y), height - 2), 0)
        us[i] = x - float32(column)
        vs[i] = y - float32(row)
        index[i] = row * width + column
    # steps to the neighbours
    right = uint64(min(width - 1, 1))
    below = uint64(width if height > 1 else 0)
    for i in range(us.size):
        at = uint64(index[i])
        corner[0, i] = pixels[at]
        corner[1, i] = pixels[at + right]
        corner[2, i] = pixels[at + below]
        corner[3, i] = pixels[at + below + right]


@routine
def between_row(values: Row, corner: np.ndarray, us: Row, vs: Row, channel: int) -> None:
    """Interpolate one channel, 0..65535, between the pixels from `fetch_row`."""
    shift = uint64(16 * channel)
    upper_left = corner[0]
    upper_right = corner[1]
    lower_left = corner[2]
    lower_right = corner[3]
    for i in range(values.size):
        first = float32(int32((upper_left[i] >> shift) & CHANNEL_BITS))
        second = float32(int32((upper_right[i] >> shift) & CHANNEL_BITS))
        third = float32(int32((lower_left[i] >> shift) & CHANNEL_BITS))
        fourth = float32(int32((lower_right[i] >> shift) & CHANNEL_BITS))
        upper = first + us[i] * (second - first)
        lower = third + us[i] * (fourth - third)
        values[i] = upper + vs[i] * (lower - upper)
