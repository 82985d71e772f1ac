"""The last steps of a picture in Numba: its light for the flash guard, then fade, limits and dither
to 8 bits.

Pictures before publishing have 16 bits, 257 steps for each 8-bit level, so that levels of 8 bits
are exact in both. See numba_kernels.py for the rules that these kernels follow, too.
"""

import numpy as np

from engine.render.blue_noise import SIDE
from engine.render.compiling import float32, int32, kernel, routine, small_kernel
from engine.render.flash_guard import CELLS, LINEAR, SATURATED_RED
from engine.render.numba_maths import (
    BLUE_LIGHT,
    DEEP,
    DEEP_WHITE,
    GREEN_LIGHT,
    HALF,
    ONE,
    RED_LIGHT,
    TWO,
    ZERO,
    Deep,
)

# see shaders/publish.glsl
RED_SURPLUS, REMOVED_RED, ADDED_OTHERS = (float32(value) for value in (1.5, 0.2, 0.34))
LIGHT_1, LIGHT_2, LIGHT_3 = (float32(value) for value in LINEAR)
MIN_RED_FRACTION = float32(SATURATED_RED)
LAST_CELL = float32(CELLS - 1)

Image = np.ndarray  # (height, width, 4) uint8


@small_kernel("float32[:,:,::1], uint16[:,:,::1], int32[:,:,:,::1]")
def sum_cells(cells: np.ndarray, picture: Deep, positions: np.ndarray) -> None:
    """Sum the light of each cell into cells, (4, 18, 18) float32; see shaders/flash_cells.glsl.

    positions: (18, 18, 64, 2) int32 from `sample_positions`."""
    samples = float32(positions.shape[2])
    for row in range(CELLS):
        for column in range(CELLS):
            first = ZERO
            second = ZERO
            third = ZERO
            reds = ZERO
            for i in range(positions.shape[2]):
                x, y = positions[row, column, i, 0], positions[row, column, i, 1]
                red = float32(picture[y, x, 0]) / DEEP_WHITE
                green = float32(picture[y, x, 1]) / DEEP_WHITE
                blue = float32(picture[y, x, 2]) / DEEP_WHITE
                red_part, green_part, blue_part = (
                    red * RED_LIGHT,
                    green * GREEN_LIGHT,
                    blue * BLUE_LIGHT,
                )
                first += red_part + green_part + blue_part
                second += red_part * red + green_part * green + blue_part * blue
                third += red_part * red * red + green_part * green * green + blue_part * blue * blue
                light = red * (LIGHT_1 + red * (LIGHT_2 + red * LIGHT_3))
                total = light + green * (LIGHT_1 + green * (LIGHT_2 + green * LIGHT_3))
                total += blue * (LIGHT_1 + blue * (LIGHT_2 + blue * LIGHT_3))
                if light >= MIN_RED_FRACTION * total:
                    reds += TWO * light - total
            cells[0, row, column] = first / samples
            cells[1, row, column] = second / samples
            cells[2, row, column] = third / samples
            cells[3, row, column] = reds / samples


@kernel("uint8[:,:,::1], uint16[:,:,::1], float32[:,::1], float32, boolean")
def publish_picture(
    row: int, out: Image, picture: Deep, noise: np.ndarray, fade: float, is_luma: bool
) -> None:
    """Apply the fade and dither, as shaders/publish.glsl does. noise (64, 256) float32:
    `wide_thresholds`."""
    gain = fade / DEEP
    width = picture.shape[1]
    line = picture[row].reshape(width * 4)
    finished = out[row].reshape(width * 4)
    steps = noise[row % SIDE]
    for i in range(width * 4):
        finished[i] = np.uint8(float32(line[i]) * gain + steps[i & (SIDE * 4 - 1)])
    if not (is_luma or fade == ONE):  # a mix of looks with different alpha keeps its own
        for i in range(width):
            finished[i * 4 + 3] = 255


@kernel("uint8[:,:,::1], uint16[:,:,::1], float32[:,::1], float32[:,:,::1], float32, boolean")
def publish_limited(
    row: int,
    out: Image,
    picture: Deep,
    noise: np.ndarray,
    limits: np.ndarray,
    fade: float,
    is_luma: bool,
) -> None:
    """Like `publish_picture`, with the flash guard's limits, (18, 18, 2) float32."""
    height, width = out.shape[0], out.shape[1]
    line = np.empty((CELLS, 2), np.float32)
    limit_row(line, limits, row, height)
    steps = noise[row % SIDE]
    for i in range(width):
        red, green, blue = limit_pixel(line, picture[row, i], i, width)
        step = steps[(i & (SIDE - 1)) * 4]
        out[row, i, 0] = np.uint8(red * fade / DEEP + step)
        out[row, i, 1] = np.uint8(green * fade / DEEP + step)
        out[row, i, 2] = np.uint8(blue * fade / DEEP + step)
        out[row, i, 3] = (
            max(out[row, i, 0], max(out[row, i, 1], out[row, i, 2])) if is_luma else 255
        )


@kernel("uint16[:,:,::1], uint16[:,:,::1], float32[:,:,::1], float32, boolean, boolean")
def publish_deep(
    row: int,
    out: Deep,
    picture: Deep,
    limits: np.ndarray,
    fade: float,
    is_luma: bool,
    keeps_alpha: bool,
) -> None:
    """Like `publish_limited` in 16 bits, without dither."""
    height, width = out.shape[0], out.shape[1]
    line = np.empty((CELLS, 2), np.float32)
    limit_row(line, limits, row, height)
    for i in range(width):
        red, green, blue = limit_pixel(line, picture[row, i], i, width)
        out[row, i, 0] = np.uint16(red * fade + HALF)
        out[row, i, 1] = np.uint16(green * fade + HALF)
        out[row, i, 2] = np.uint16(blue * fade + HALF)
        if keeps_alpha:
            out[row, i, 3] = picture[row, i, 3]
        else:
            out[row, i, 3] = (
                max(out[row, i, 0], max(out[row, i, 1], out[row, i, 2])) if is_luma else 65535
            )


@routine
def limit_row(line: np.ndarray, limits: np.ndarray, row: int, height: int) -> None:
    """Write the limits at this row into line, (18, 2), interpolated between the rows of cells."""
    y = min(max((float32(row) + HALF) * float32(CELLS) / float32(height) - HALF, ZERO), LAST_CELL)
    y0 = min(int32(y), CELLS - 2)
    fraction_y = y - float32(y0)
    for column in range(CELLS):
        for k in range(2):
            line[column, k] = (
                limits[y0, column, k] * (ONE - fraction_y) + limits[y0 + 1, column, k] * fraction_y
            )


@routine
def limit_pixel(
    line: np.ndarray, pixel: np.ndarray, column: int, width: int
) -> tuple[float, float, float]:
    """Return a pixel's levels with its surplus of red reduced, times its gain."""
    x = min(max((float32(column) + HALF) * float32(CELLS) / float32(width) - HALF, ZERO), LAST_CELL)
    x0 = min(int32(x), CELLS - 2)
    fraction_x = x - float32(x0)
    gain = line[x0, 0] * (ONE - fraction_x) + line[x0 + 1, 0] * fraction_x
    red_fraction = line[x0, 1] * (ONE - fraction_x) + line[x0 + 1, 1] * fraction_x
    red, green, blue = float32(pixel[0]), float32(pixel[1]), float32(pixel[2])
    surplus = max(red - RED_SURPLUS * max(green, blue), ZERO) * (ONE - red_fraction)
    return (
        (red - REMOVED_RED * surplus) * gain,
        (green + ADDED_OTHERS * surplus) * gain,
        (blue + ADDED_OTHERS * surplus) * gain,
    )


def wide_thresholds(thresholds: np.ndarray) -> np.ndarray:
    """Repeat the (64, 64) thresholds for a pixel's four channels: (64, 256) float32."""
    return np.ascontiguousarray(np.repeat(thresholds, 4, axis=1))
