"""Numba kernels for pixels of a photograph, cached on the disk.

`develop` applies all effects row by row, in plain loops that the compiler vectorises; ring buffers
hold only the rows that the next effect needs, so that values stay in the processor's cache. All is
float32 without reordering ("fastmath" is off), and random numbers are hashes of position and key:
the result depends neither on threads nor on vector length. All is in one file, because Numba
recompiles cached code only if the kernel's own file changes."""

from collections.abc import Callable
from typing import Any, TypeVar, cast

import numpy as np
from numba import njit

from engine.render.compiled_code import keep_compiled

Function = TypeVar("Function", bound=Callable[..., object])

# Compiled, these return plain numbers. NumPy's stubs only know its own scalar types.
F: Callable[[float], float] = np.float32  # type: ignore[assignment]  # see above
U: Callable[[int], int] = np.uint32  # type: ignore[assignment]  # see above
INT: Callable[[float], int] = np.int32  # type: ignore[assignment]  # see above
ZERO = F(0)
HALF = F(0.5)
ONE = F(1)
WHITE = F(255)
RED_LUMA, GREEN_LUMA, BLUE_LUMA = F(0.299), F(0.587), F(0.114)  # Rec. 601, as JPEG's
SUBPIXELS = 32  # steps of OpenCV's fixed-point maps (INTER_TAB_SIZE)
POSITIVE_OFFSET = 1 << 25  # makes coordinates positive, so that truncation rounds down
# Noise of neighbouring pixels is correlated, because their colours are interpolated from the same
# photosites: weight of the next pixel by that of the pixel itself, and the fraction of green's
# noise in red and blue.
GREEN_SPREAD = F(0.2)
OTHER_SPREAD = F(0.55)
SHARED = F(0.8)
OWN = F(0.6)
BYTE_VARIANCE = (256.0**2 - 1) / 12
GREEN_SCALE = F(1 / np.sqrt(2 * BYTE_VARIANCE) / (1 + 2 * 0.2**2))
OTHER_SCALE = F(1 / np.sqrt(BYTE_VARIANCE) / (1 + 2 * 0.55**2))
UNSHARP = (F(0.4026), F(0.2442), F(0.0545))  # Gaussian of 1 px: middle, next, second next

# Indices of `numbers`, the float32 parameters of `develop`.
(
    CENTER_X,
    CENTER_Y,
    PER_FOCAL,
    VIGNETTE,
    PER_CORNER,
    SHOT,
    READ,
    TONE_SCALE,
    SATURATION,
    SHARPENING,
    HAZE_SCALE,
) = range(11)
NUMBERS = 11
# Indices of `keys`, the uint32 parameters.
NOISE_KEY, DITHER_KEY = range(2)


def kernel(function: Function) -> Function:
    """Compile on first use, for one core, without the GIL; kept in `own_folder` if there is one."""
    compiled: Any = njit(nogil=True, error_model="numpy")(function)
    keep_compiled(compiled)
    return cast(Function, compiled)


def subkernel(function: Function) -> Function:
    """Compile a function that only kernels call: faster without wrappers for calls from Python."""
    options: dict[str, Any] = {
        "no_cpython_wrapper": True,
        "no_cfunc_wrapper": True,
        "error_model": "numpy",
    }
    compiled: Any = njit(**options)(function)
    return cast(Function, compiled)


@subkernel
def mix_bits(value: int) -> int:
    """A hash of 32 bits (the finalizer of MurmurHash3)."""
    value = U(value)
    value = U((value ^ (value >> U(16))) * U(0x85EBCA6B))
    value = U((value ^ (value >> U(13))) * U(0xC2B2AE35))
    return U(value ^ (value >> U(16)))


@subkernel
def hash_row(hashes: np.ndarray, row: int, key: int) -> None:
    """Fill (n,) uint32 with random bits of this row."""
    start = mix_bits(U(row) * U(0x9E3779B9) + U(key))
    for x in range(hashes.size):
        value = U(U(x) * U(0x9E3779B1) + start)
        value = U((value ^ U(value >> U(16))) * U(0x7FEB352D))
        value = U((value ^ U(value >> U(15))) * U(0x846CA68B))
        hashes[x] = U(value ^ U(value >> U(16)))


@subkernel
def noise_row(white: np.ndarray, hashes: np.ndarray, row: int, key: int) -> None:
    """Noise of a row, smoothed along it: `white` (3, w), `hashes` (w + 2,): scratch."""
    width = white.shape[1]
    hash_row(hashes, row, key)
    red, green, blue = white[0], white[1], white[2]
    for x in range(width):
        a, b, c = hashes[x], hashes[x + 1], hashes[x + 2]
        green[x] = (
            (F(b & U(255)) + F((b >> U(8)) & U(255)) - WHITE)
            + (F(a & U(255)) + F((a >> U(8)) & U(255)) - WHITE) * GREEN_SPREAD
            + (F(c & U(255)) + F((c >> U(8)) & U(255)) - WHITE) * GREEN_SPREAD
        )
        red[x] = (F((b >> U(16)) & U(255)) - WHITE * HALF) + (
            (F((a >> U(16)) & U(255)) - WHITE * HALF) + (F((c >> U(16)) & U(255)) - WHITE * HALF)
        ) * OTHER_SPREAD
        blue[x] = (F(b >> U(24)) - WHITE * HALF) + (
            (F(a >> U(24)) - WHITE * HALF) + (F(c >> U(24)) - WHITE * HALF)
        ) * OTHER_SPREAD


@subkernel
def add_noise(
    light: np.ndarray,
    above: np.ndarray,
    here: np.ndarray,
    below: np.ndarray,
    shot: float,
    read: float,
) -> None:
    """Add noise to a row of light, (3, w): its variance is `shot` times the light, plus `read`."""
    width = light.shape[1]
    for x in range(width):
        green = (here[1, x] + (above[1, x] + below[1, x]) * GREEN_SPREAD) * GREEN_SCALE
        red = (
            here[0, x] + (above[0, x] + below[0, x]) * OTHER_SPREAD
        ) * OTHER_SCALE * OWN + green * SHARED
        blue = (
            here[2, x] + (above[2, x] + below[2, x]) * OTHER_SPREAD
        ) * OTHER_SCALE * OWN + green * SHARED
        light[0, x] += np.sqrt(light[0, x] * shot + read) * red
        light[1, x] += np.sqrt(light[1, x] * shot + read) * green
        light[2, x] += np.sqrt(light[2, x] * shot + read) * blue


@subkernel
def expose_row(light: np.ndarray, colors: np.ndarray, exposed: np.ndarray) -> None:
    """Light of a row: `colors` (w, 3) uint8 through `exposed`, (256,)."""
    for x in range(colors.shape[0]):
        light[0, x] = exposed[colors[x, 0]]
        light[1, x] = exposed[colors[x, 1]]
        light[2, x] = exposed[colors[x, 2]]


@subkernel
def veil_row(
    light: np.ndarray,
    depth_m: np.ndarray,
    clear: np.ndarray,
    airlight: np.ndarray,
    row: int,
    numbers: np.ndarray,
    passing: np.ndarray,
) -> None:
    """Mix a row with the airlight. `clear` (n,): transmittance by distance; `passing` (w,):
    scratch."""
    center = numbers[CENTER_X]
    per_focal = numbers[PER_FOCAL]
    scale = numbers[HAZE_SCALE]
    y = (F(row) + HALF - numbers[CENTER_Y]) * per_focal
    last = F(clear.size - 1)
    width = light.shape[1]
    for x in range(width):
        across = (F(x) + HALF - center) * per_focal
        passing[x] = min(
            max(depth_m[x] * np.sqrt(ONE + across * across + y * y) * scale, ZERO), last
        )
    for x in range(width):
        passing[x] = clear[INT(passing[x])]
    for c in range(3):
        line = light[c]
        veil = airlight[c]
        for x in range(width):
            line[x] = veil + (line[x] - veil) * passing[x]


@subkernel
def shade_row(light: np.ndarray, row: int, numbers: np.ndarray) -> None:
    """Vignette: the light falls off as 1 / (1 + v s)^2, as the law of cos^4 does, where s is r^2 by
    the corner's."""
    y = (F(row) + HALF - numbers[CENTER_Y]) * numbers[PER_CORNER]
    for x in range(light.shape[1]):
        across = (F(x) + HALF - numbers[CENTER_X]) * numbers[PER_CORNER]
        fall = ONE + numbers[VIGNETTE] * (across * across + y * y)
        gain = ONE / (fall * fall)
        light[0, x] *= gain
        light[1, x] *= gain
        light[2, x] *= gain


@subkernel
def clamp(index: int, count: int) -> int:
    return min(max(index, 0), count - 1)


@subkernel
def blur_row(
    out: np.ndarray, ring: np.ndarray, weights: np.ndarray, row: int, count: int, column: np.ndarray
) -> None:
    """Blur by `weights`, (3, 2 k + 1), along columns, then along the row. `ring` (rows, 3, w);
    `column` (w + 2 k,): scratch. Pixels at the edge are repeated beyond it."""
    size = weights.shape[1]
    reach = size // 2
    width = out.shape[1]
    for c in range(3):
        inner = column[reach : reach + width]
        first = ring[row % ring.shape[0], c]
        for x in range(width):
            inner[x] = first[x] * weights[c, reach]
        for k in range(1, reach + 1):
            up = ring[clamp(row - k, count) % ring.shape[0], c]
            down = ring[clamp(row + k, count) % ring.shape[0], c]
            weight = weights[c, reach + k]
            for x in range(width):
                inner[x] += (up[x] + down[x]) * weight
        column[:reach] = inner[0]
        column[reach + width :] = inner[width - 1]
        line = out[c]
        for x in range(width):
            line[x] = inner[x] * weights[c, reach]
        for k in range(1, reach + 1):
            left, right = (
                column[reach - k : reach - k + width],
                column[reach + k : reach + k + width],
            )
            weight = weights[c, reach + k]
            for x in range(width):
                line[x] += (left[x] + right[x]) * weight


@subkernel
def smear_row(
    out: np.ndarray,
    ring: np.ndarray,
    taps: np.ndarray,
    weights: np.ndarray,
    row: int,
    count: int,
    column: np.ndarray,
) -> None:
    """Motion blur: the sum of pixels at `taps`, (n, 2) rows and columns away, row by row, times
    `weights`."""
    width = out.shape[1]
    reach = (column.size - width) // 2
    for c in range(3):
        line = out[c]
        line[:] = ZERO
        for k in range(weights.size):
            if k == 0 or taps[k, 0] != taps[k - 1, 0]:
                source = ring[clamp(row + taps[k, 0], count) % ring.shape[0], c]
                column[:reach] = source[0]
                column[reach : reach + width] = source
                column[reach + width :] = source[width - 1]
            moved = column[reach + taps[k, 1] : reach + taps[k, 1] + width]
            weight = weights[k]
            for x in range(width):
                line[x] += moved[x] * weight


@subkernel
def tone_map_row(
    display: np.ndarray,
    light: np.ndarray,
    gains: np.ndarray,
    tone: np.ndarray,
    scale: float,
    saturation: float,
) -> None:
    """White balance, tone and saturation: a row of light to display values of 0..255, both (3,
    w)."""
    last = F(tone.size - 1)
    width = light.shape[1]
    for c in range(3):
        gain = gains[c]
        source = light[c]
        target = display[c]
        for x in range(width):
            source[x] = min(np.sqrt(max(source[x] * gain, ZERO)) * scale + HALF, last)
        for x in range(width):
            target[x] = tone[INT(source[x])]
    if saturation != ONE:
        red, green, blue = display[0], display[1], display[2]
        for x in range(width):
            luma = red[x] * RED_LUMA + green[x] * GREEN_LUMA + blue[x] * BLUE_LUMA
            red[x] = luma + (red[x] - luma) * saturation
            green[x] = luma + (green[x] - luma) * saturation
            blue[x] = luma + (blue[x] - luma) * saturation


@subkernel
def soften_luma(luma: np.ndarray, display: np.ndarray, padded: np.ndarray) -> None:
    """Luma of a row, (2, w): as it is, and blurred along the row; `padded` (w + 4,): scratch."""
    width = luma.shape[1]
    plain = luma[0]
    soft = luma[1]
    red, green, blue = display[0], display[1], display[2]
    for x in range(width):
        plain[x] = red[x] * RED_LUMA + green[x] * GREEN_LUMA + blue[x] * BLUE_LUMA
        padded[x + 2] = plain[x]
    padded[:2] = plain[0]
    padded[width + 2 :] = plain[width - 1]
    for x in range(width):
        soft[x] = (
            padded[x + 2] * UNSHARP[0]
            + (padded[x + 1] + padded[x + 3]) * UNSHARP[1]
            + (padded[x] + padded[x + 4]) * UNSHARP[2]
        )


@subkernel
def sharpen_row(display: np.ndarray, luma: np.ndarray, row: int, count: int, amount: float) -> None:
    """Sharpen: add the detail that blurring removes from the luma, times `amount`; `luma` (5, 2,
    w): a ring of rows."""
    width = display.shape[1]
    first, second = luma[clamp(row - 2, count) % 5, 1], luma[clamp(row - 1, count) % 5, 1]
    third = luma[clamp(row + 1, count) % 5, 1]
    fourth = luma[clamp(row + 2, count) % 5, 1]
    plain = luma[row % 5, 0]
    soft = luma[row % 5, 1]
    for x in range(width):
        blurred = (
            soft[x] * UNSHARP[0]
            + (second[x] + third[x]) * UNSHARP[1]
            + (first[x] + fourth[x]) * UNSHARP[2]
        )
        detail = (plain[x] - blurred) * amount
        display[0, x] += detail
        display[1, x] += detail
        display[2, x] += detail


@subkernel
def quantise_row(out: np.ndarray, display: np.ndarray, hashes: np.ndarray) -> None:
    """Round display values to 8 bits, (w, 3), with white dither that keeps the mean."""
    step = F(1 / 256)
    for x in range(out.shape[0]):
        bits = hashes[x]
        for c in range(3):
            threshold = (F((bits >> U(8 * c)) & U(255)) + HALF) * step
            out[x, c] = np.uint8(min(max(display[c, x] + threshold, ZERO), WHITE))


@kernel
def develop(
    out: np.ndarray,
    colors: np.ndarray,
    depth_m: np.ndarray,
    exposed: np.ndarray,
    clear: np.ndarray,
    airlight: np.ndarray,
    weights: np.ndarray,
    taps: np.ndarray,
    tap_weights: np.ndarray,
    gains: np.ndarray,
    tone: np.ndarray,
    numbers: np.ndarray,
    keys: np.ndarray,
) -> None:
    """Develop (h, w, 3) uint8 into `out`: haze, exposure, blur, motion, vignette, noise, white
    balance, tone, sharpening. An empty `clear` means no haze, a single tap no motion. All arrays
    are C-contiguous."""
    height, width = colors.shape[0], colors.shape[1]
    blur_reach = weights.shape[1] // 2
    motion_reach = np.abs(taps).max()
    lit = np.empty((2 * blur_reach + 1, 3, width), np.float32)
    soft = np.empty((2 * motion_reach + 1, 3, width), np.float32)
    display_rows = np.empty((5, 3, width), np.float32)
    luma = np.empty((5, 2, width), np.float32)
    white = np.empty((3, 3, width), np.float32)
    light = np.empty((3, width), np.float32)
    column = np.empty(width + 2 * max(blur_reach, motion_reach, 2), np.float32)
    padded = np.empty(width + 4, np.float32)
    hashes = np.empty(width + 2, np.uint32)
    is_noisy = numbers[SHOT] > ZERO or numbers[READ] > ZERO
    if is_noisy:
        for row in range(-1, 1):
            noise_row(white[row % 3], hashes, row, keys[NOISE_KEY])
    blur_lag = blur_reach
    motion_lag = blur_lag + motion_reach
    for step in range(height + motion_lag + 2):
        row = step
        if row < height:
            here = lit[row % lit.shape[0]]
            expose_row(here, colors[row], exposed)
            if clear.size:
                veil_row(here, depth_m[row], clear, airlight, row, numbers, column)
        row = step - blur_lag
        if 0 <= row < height:
            blur_row(
                soft[row % soft.shape[0]],
                lit,
                weights,
                row,
                height,
                column[: width + 2 * blur_reach],
            )
        row = step - motion_lag
        if 0 <= row < height:
            smear_row(
                light, soft, taps, tap_weights, row, height, column[: width + 2 * motion_reach]
            )
            if numbers[VIGNETTE] != ZERO:
                shade_row(light, row, numbers)
            if is_noisy:
                noise_row(white[(row + 1) % 3], hashes, row + 1, keys[NOISE_KEY])
                add_noise(
                    light,
                    white[(row - 1) % 3],
                    white[row % 3],
                    white[(row + 1) % 3],
                    numbers[SHOT],
                    numbers[READ],
                )
            display = display_rows[row % 5]
            tone_map_row(display, light, gains, tone, numbers[TONE_SCALE], numbers[SATURATION])
            if numbers[SHARPENING] != ZERO:
                soften_luma(luma[row % 5], display, padded)
        row = step - motion_lag - 2
        if 0 <= row < height:
            display = display_rows[row % 5]
            if numbers[SHARPENING] != ZERO:
                sharpen_row(display, luma, row, height, numbers[SHARPENING])
            hash_row(hashes, row, keys[DITHER_KEY])
            quantise_row(out[row], display, hashes)


@kernel
def map_rows(
    coordinates: np.ndarray,
    fractions: np.ndarray,
    series: np.ndarray,
    top: int,
    center: np.ndarray,
    shift: np.ndarray,
    sizes: np.ndarray,
) -> None:
    """Fill OpenCV's fixed-point maps of some rows for n colours: `coordinates` (n, rows, w) int32,
    row << 16 | column (CV_16SC2 on a little-endian machine), and `fractions` (n, rows, w) uint16.
    `series`: of Lens.ratio by the square of the distance in px; `center`: principal point in the
    window; `shift`: where the window begins; `sizes`: of each colour's picture. All float64."""
    width = coordinates.shape[2]
    ratios = np.empty(width)
    degree = series.size - 1
    for i in range(coordinates.shape[1]):
        y = top + i + 0.5 - center[1]
        ratios[:] = series[degree]
        for k in range(degree - 1, -1, -1):
            for x in range(width):
                across = x + 0.5 - center[0]
                ratios[x] = ratios[x] * (across * across + y * y) + series[k]
        for n in range(sizes.size):
            row_offset = (center[1] + shift[1] - 0.5) * SUBPIXELS + 0.5 + POSITIVE_OFFSET
            column_offset = (center[0] + shift[0] - 0.5) * SUBPIXELS + 0.5 + POSITIVE_OFFSET
            size = sizes[n] * SUBPIXELS
            for x in range(width):
                across = x + 0.5 - center[0]
                column = INT(across * (ratios[x] * size) + column_offset) - INT(POSITIVE_OFFSET)
                row = INT(y * (ratios[x] * size) + row_offset) - INT(POSITIVE_OFFSET)
                coordinates[n, i, x] = ((row >> 5) << 16) | ((column >> 5) & 0xFFFF)
                fractions[n, i, x] = ((row & 31) << 5) | (column & 31)


@kernel
def pick_nearest(
    numbers: np.ndarray,
    depths_m: np.ndarray,
    source_numbers: np.ndarray,
    source_depths_m: np.ndarray,
    coordinates: np.ndarray,
    fractions: np.ndarray,
    top: int,
) -> None:
    """Move instance numbers and depth by a map of `map_rows`, (rows, w) each, to the nearest
    pixel."""
    height, width = source_numbers.shape
    for i in range(coordinates.shape[0]):
        for x in range(coordinates.shape[1]):
            coordinate = INT(coordinates[i, x])
            fraction = INT(fractions[i, x])
            column = clamp(
                ((coordinate & 0xFFFF) ^ 0x8000) - 0x8000 + ((fraction & 31) >> 4), width
            )
            row = clamp((coordinate >> 16) + (fraction >> 9), height)
            numbers[top + i, x] = source_numbers[row, column]
            depths_m[top + i, x] = source_depths_m[row, column]
