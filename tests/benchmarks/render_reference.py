"""The Multiverse picture in NumPy float32, step by step as in the formula.

It shares no code with the renderers (but takes the colours of a palette from them) and is their
reference, for speed and, in tests, pixel by pixel. It takes the parameters as set (address ->
value) and stops before the flash guard. It does not draw traces (line, circle).
"""

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from engine.render.colour import dark_losses, palette_position, palette_rgb, ramp_rgb

Values = Mapping[str, Any]


def draw_reference(*scene: Any, **pictures: Any) -> np.ndarray:
    """`draw_deep_reference` without a trail, rounded to 8 bits: (height, width, 4) uint8."""
    return np.round(draw_deep_reference(*scene, **pictures) / 257).astype(np.uint8)


def draw_deep_reference(
    values: Values,
    waves: np.ndarray,
    pitches_hz: Sequence[float],
    width: int,
    height: int,
    *,
    layer5: np.ndarray | None = None,
    region: np.ndarray | None = None,
    last: np.ndarray | None = None,
) -> np.ndarray:
    """Draw one picture, (height, width, 4) uint16, row 0 at the top, after mirror and before master
    fade.

    waves (4, 1024) float32; layer5 (h, w, 3) uint8; region (h, w) uint8 0..3; last: the previous
    picture.
    """
    x = np.arange(width, dtype=np.float32)[None, :] + np.float32(0.5) - np.float32(width / 2)
    y = np.arange(height, dtype=np.float32)[:, None] + np.float32(0.5) - np.float32(height / 2)
    x, y = np.broadcast_arrays(x, y)  # (height, width): pixels from the centre, y downward
    x, y = unmirror(values, x, y, width, height)
    if values["/mode"] == "simple":
        seen = np.zeros((3, height, width), np.float32)
        rgb = seen if layer5 is None else cover(layer5, values, x, y, width, height)
    else:
        rgb = mixed(values, waves, pitches_hz, x, y, width, height, layer5, region)
        gain = values["/multiverse/brightness"]
        rgb = tone_map(values, rgb * np.float32(gain**2.2 if is_linear(values) else gain))
    if values["/colour/map"] > 0:
        rgb = rgb + np.float32(values["/colour/map"]) * (recoloured(values, rgb) - rgb)
    amount = values["/feedback/amount"]
    if amount > 0 and last is not None:
        moved = moved_last(values, last, x, y, width, height)
        # Subtract half an 8-bit level too, so that trails reach black.
        rgb = np.maximum(rgb, moved * np.float32(amount) - np.float32(0.498 / 255))
    levels = np.floor(rgb.transpose(1, 2, 0) * np.float32(65535) + np.float32(0.5)).astype(
        np.uint16
    )
    if values["/multiverse/alpha"] == "luma":
        alpha = levels.max(axis=-1, keepdims=True)
    else:
        alpha = np.full((height, width, 1), 65535, np.uint16)
    return np.concatenate([levels, alpha], axis=-1)


def mixed(
    values: Values,
    waves: np.ndarray,
    pitches_hz: Sequence[float],
    x: np.ndarray,
    y: np.ndarray,
    width: int,
    height: int,
    layer5: np.ndarray | None,
    region: np.ndarray | None,
) -> np.ndarray:
    """Blend layers 1 to 4 and layer 5, (3, height, width), before brightness."""
    weighed = []
    leader = None
    if values["/region/enable"] and region is not None:
        column, row = cover_coordinates(
            region.shape[1], region.shape[0], False, x, y, width, height
        )
        column = np.clip(np.floor(column).astype(int), 0, region.shape[1] - 1)
        row = np.clip(np.floor(row).astype(int), 0, region.shape[0] - 1)
        leader = region[row, column]
    for channel in range(4):
        weight = layer_weight(values, channel)
        if weight == 0:
            continue
        weights = np.full(x.shape, weight, np.float32)
        if leader is not None:
            weights *= np.where(
                leader == channel, np.float32(1), np.float32(values["/region/spread"])
            )
        rgb = np.array(channel_rgb(values, channel, pitches_hz[channel]), np.float32)
        value = layer_value(values, waves, channel, x, y, width, height)
        losses = dark_losses((float(rgb[0]), float(rgb[1]), float(rgb[2])))
        if is_linear(values):
            rgb, value = decoded(rgb), about_decoded(value)
        layer = rgb[:, None, None] * value
        if values["/colour/mode"] == "palette":
            gain = values["/multiverse/brightness"]
            bright = np.clip(value * np.float32(gain**2.2 if is_linear(values) else gain), 0, 1)
            layer = layer * (1 - np.array(losses, np.float32)[:, None, None] * (1 - bright))
        weighed.append((layer, weights))
    if layer5 is not None and values["/layer/5/source"] != "off":
        seen = cover(layer5, values, x, y, width, height)
        seen = about_decoded(seen) if is_linear(values) else seen
        weighed.append((seen, np.full(x.shape, values["/layer/5/intensity"], np.float32)))

    out = np.zeros((3, *x.shape), np.float32)
    has_base = np.zeros(x.shape, bool)
    for layer, weights in weighed:
        over = out + (blended(values, out, layer) - out) * weights
        out = np.where(has_base, over, layer * weights)
        has_base = has_base | (weights > 0)
    return out


def layer_weight(values: Values, channel: int) -> float:
    """smoothstep(0, 0.05, intensity); 0 when muted or not soloed."""
    at = f"/layer/{channel + 1}"
    has_solo = any(values[f"/layer/{n}/solo"] for n in (1, 2, 3, 4))
    if values[f"{at}/mute"] or (has_solo and not values[f"{at}/solo"]):
        return 0.0
    t: float = min(max(values[f"{at}/intensity"] / 0.05, 0.0), 1.0)
    return t * t * (3 - 2 * t)


def channel_rgb(values: Values, channel: int, pitch_hz: float) -> tuple[float, float, float]:
    """Colour of a channel by pitch, set of hues or palette."""
    if values["/colour/mode"] == "palette":
        moved = 0.04 * math.sin(2 * math.pi * math.log2(pitch_hz / 261.63))
        spread, shift = values["/colour/spread"], values["/colour/shift"]
        weights = ((values["/colour/palette"], 1.0),)
        return palette_rgb(
            weights, lambda count: shift + spread * (palette_position(count, channel) + moved)
        )
    if values["/colour/mode"] == "pitch":
        hue = math.log2(min(max(pitch_hz, 20.0), 20_000.0) / 261.63)
        hue = (hue + 0.5) % 1.0 - 0.5  # C is the centre of the spread
    else:
        stops = ([0, 1 / 4, 1 / 2, 3 / 4], [0, 1 / 3, 2 / 3, 1 / 2], [0, 1 / 3, 2 / 3, 1 / 6])
        hue = float(
            np.interp(values["/colour/scheme"], [0, 0.5, 1], [stop[channel] for stop in stops])
        )
    hue *= values["/colour/spread"]
    sector, part = divmod(
        ((hue + values["/colour/base_hue"] + values["/colour/shift"]) % 1.0) * 6, 1
    )
    up, down = part, 1 - part
    return [(1, up, 0), (down, 1, 0), (0, 1, up), (0, down, 1), (up, 0, 1), (1, 0, down)][
        int(sector) % 6
    ]


def layer_value(
    values: Values,
    waves: np.ndarray,
    channel: int,
    x: np.ndarray,
    y: np.ndarray,
    width: int,
    height: int,
) -> np.ndarray:
    """Brightness 0..1 of one layer at each pixel, (height, width)."""
    at = f"/layer/{channel + 1}"
    position = wave_position(values, at, x, y, width, height)
    u = position(np.float32(0), np.float32(0))
    is_mirror = values[f"{at}/wrap"] == "mirror"
    wave = waves[channel]
    # 4. Interpolated between the wave's points, biased: silence is grey.
    bias = np.float32(values["/multiverse/bias"])
    points = (bias + (1 - bias) * wave) * np.float32(values[f"{at}/intensity"])
    level: np.ndarray = np.clip(wave_at(points, u, is_mirror), 0, 1)
    # 5. Averaged where a pixel spans more of the wave than it can show, from the differences within
    # a pixel.
    step = np.float32(0.05)
    slope_x = (position(step, np.float32(0)) - position(-step, np.float32(0))) / (2 * step)
    slope_y = (position(np.float32(0), step) - position(np.float32(0), -step)) / (2 * step)
    span = np.hypot(slope_x, slope_y) * 1024  # points of the wave per pixel
    wide = 1.5 * np.sqrt(np.maximum(span**2 - shown_points(wave) ** 2, 0))
    if not (wide > 1).any():
        return level
    colour = np.clip(points, 0, 1)
    whole = np.concatenate([colour, colour[-1:] if is_mirror else colour[:1]])
    if is_mirror:
        whole = np.concatenate([whole, whole[-2::-1]])
    sums = np.concatenate([[0.0], np.cumsum((whole[1:] + whole[:-1]) / 2)])
    period = len(whole) - 1

    def sum_to(point: np.ndarray) -> np.ndarray:
        turns = np.floor(point / period)
        total: np.ndarray = turns * sums[-1] + np.interp(
            point - turns * period, np.arange(len(sums)), sums
        )
        return total

    centre, half = u.astype(np.float64) * 1024, np.maximum(wide, 1) / 2
    mean = (sum_to(centre + half) - sum_to(centre - half)) / (2 * half)
    averaged: np.ndarray = level + np.clip(wide - 1, 0, 1) * (np.clip(mean, 0, 1) - level)
    return averaged.astype(np.float32)


def wave_position(
    values: Values, at: str, x: np.ndarray, y: np.ndarray, width: int, height: int
) -> Callable[[np.floating[Any], np.floating[Any]], np.ndarray]:
    """Position along the wave, in widths before wrapping, of pixels moved by so much."""
    angle_rad = math.radians(values[f"{at}/angle"])
    cos, sin = math.cos(angle_rad), math.sin(angle_rad)
    scale = max(
        (width * abs(cos) + height * abs(sin)) / width,
        (width * abs(sin) + height * abs(cos)) / height,
    )
    shape, ratio = values[f"{at}/shape"], np.float32(values[f"{at}/ratio"])
    is_mirror = values[f"{at}/wrap"] == "mirror"

    def position_at(moved_x: np.floating[Any], moved_y: np.floating[Any]) -> np.ndarray:
        # 1. Rotated in pixel space, zoomed so that corners stay filled.
        dx, dy = (x + moved_x) / np.float32(scale), (y + moved_y) / np.float32(scale)
        turned_x = np.float32(0.5) + (dx * np.float32(cos) + dy * np.float32(sin)) / np.float32(
            width
        )
        turned_y = np.float32(0.5) + (dy * np.float32(cos) - dx * np.float32(sin)) / np.float32(
            height
        )
        # 2. The shape.
        from_centre = np.hypot(x + moved_x, y + moved_y) / np.float32(math.hypot(width, height) / 2)
        turn = (np.arctan2(y + moved_y, x + moved_x) - np.float32(angle_rad)) / np.float32(
            2 * math.pi
        )
        turn = turn - np.floor(turn + np.float32(0.5))  # -1/2 to 1/2
        u = turned_x if shape == "stripes" else 1 - from_centre
        if shape == "rays":
            u = 2 * np.abs(turn) if is_mirror else turn
        # 3. Curved, shifted, stretched.
        curve = np.float32(values[f"{at}/curve"])
        if curve > 0:
            u = u + 2 * curve * (2 * turned_y - 1) * np.sin(np.float32(math.pi) * turned_x)
        u = (u + np.float32(values[f"{at}/phase"])) * ratio
        if shape == "spiral":
            u = u + turn * np.float32(2 * (2 if is_mirror else 1))  # two periods around
        result: np.ndarray = u
        return result

    return position_at


def wave_at(points: np.ndarray, u: np.ndarray, is_mirror: bool) -> np.ndarray:
    """The wave at these positions, in widths, wrapped and interpolated."""
    u = 1 - np.abs(1 - u % 2) if is_mirror else u % 1
    p = u * np.float32(1024)
    k = np.floor(p)
    index = k.astype(np.int32)
    after = np.minimum(index + 1, 1023) if is_mirror else (index + 1) % 1024
    index = np.minimum(index, 1023) if is_mirror else index % 1024
    start, end = points[index], points[after]
    value: np.ndarray = start + (end - start) * (p - k)
    return value


def shown_points(wave: np.ndarray) -> float:
    """Points of the wave that a pixel can span: 98 % of the power at 2.5 pixels a period or
    more."""
    power = np.abs(np.fft.rfft(wave - wave.mean())) ** 2
    sums = np.cumsum(np.where(power < 1e-4, 0, power))
    return 1024 / (2.5 * max(int(np.argmax(sums >= 0.98 * sums[-1])), 1e-6))


def is_linear(values: Values) -> bool:
    return bool(values["/multiverse/light"] == "linear")


def decoded(value: np.ndarray) -> np.ndarray:
    """Linear light of display values (sRGB)."""
    light: np.ndarray = np.where(value <= 0.04045, value / 12.92, ((value + 0.055) / 1.055) ** 2.4)
    return light.astype(np.float32)


def about_decoded(value: np.ndarray) -> np.ndarray:
    """Linear light of display values by a polynomial (C. Taylor 2012), for values that may be above
    1."""
    light: np.ndarray = value * (0.012522878 + value * (0.682171111 + value * 0.305306011))
    return light.astype(np.float32)


def encoded(light: np.ndarray) -> np.ndarray:
    """Display values of linear light (sRGB)."""
    value: np.ndarray = np.where(
        light <= 0.0031308, 12.92 * light, 1.055 * np.maximum(light, 0) ** (1 / 2.4) - 0.055
    )
    return value.astype(np.float32)


def blended(values: Values, a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Blend layer b over picture a by `/multiverse/blend`; between two stops their results are
    crossfaded."""

    def at_stop(stop: int) -> np.ndarray:
        result: np.ndarray
        if stop == 0:
            result = np.minimum(a + b, 1) if values["/multiverse/tone"] == "clip" else a + b
            return result
        if stop == 1:
            result = 1 - (1 - a) * (1 - b)
            return result
        if stop == 2:
            result = np.abs(a - b)
            return result
        dodge = np.minimum(
            1, np.maximum(a, np.float32(0.06)) / np.maximum(np.float32(0.001), 1 - b)
        )
        return np.where(b < np.float32(0.999), dodge, np.float32(1))

    part, stop = math.modf(values["/multiverse/blend"])
    if part == 0:
        return at_stop(int(stop))
    return at_stop(int(stop)) * np.float32(1 - part) + at_stop(int(stop) + 1) * np.float32(part)


def tone_map(values: Values, light: np.ndarray) -> np.ndarray:
    """Display values 0..1."""
    tone = values["/multiverse/tone"]
    colour: np.ndarray
    if tone == "filmic":
        colour = encoded(filmic(light if is_linear(values) else about_decoded(light)))
    elif tone == "clip":
        colour = np.clip(light, 0, 1)
        colour = encoded(colour) if is_linear(values) else colour
    elif is_linear(values):
        colour = encoded(light / (1 + light))
    else:
        colour = (light / (1 + light)) ** np.float32(0.8)
    return colour


TO_CONES = np.array(
    [
        [0.4122214708, 0.5363325363, 0.0514459929],
        [0.2119034982, 0.6806995451, 0.1073969566],
        [0.0883024619, 0.2817188376, 0.6299787005],
    ]
)


def filmic(light: np.ndarray) -> np.ndarray:
    """Linear light rolled off by its largest channel, and mixed with white in Oklab by what that
    took away."""
    peak = np.maximum(light.max(axis=0), 1e-9)
    rolled = np.where(peak > 0.55, 1 - 0.45**2 / (peak - 0.1), peak)
    white = 1 - 1 / (0.3 * (peak - rolled) + 1)
    roots = np.cbrt(np.tensordot(TO_CONES, light * (rolled / peak), 1))
    mixed = roots + white * (np.cbrt(rolled) - roots)
    return np.clip(np.tensordot(np.linalg.inv(TO_CONES), mixed**3, 1), 0, 1)


def recoloured(values: Values, rgb: np.ndarray) -> np.ndarray:
    """The colour of the palette's ramp at the brightness of each pixel."""
    key = (np.tensordot(np.array([0.2126, 0.7152, 0.0722]), rgb, 1) + rgb.max(axis=0)) / 2
    ramp = ramp_rgb(((values["/colour/palette"], 1.0),))
    return np.stack(
        [np.interp(key, np.linspace(0, 1, len(ramp)), ramp[:, c]) for c in range(3)]
    ).astype(np.float32)


def cover_coordinates(
    source_w: int,
    source_h: int,
    is_mirrored: bool,
    x: np.ndarray,
    y: np.ndarray,
    width: int,
    height: int,
) -> tuple[np.ndarray, np.ndarray]:
    """Column and row of the source, with edges at whole numbers, scaled to cover the picture and
    centred."""
    zoom = np.float32(max(width / source_w, height / source_h))
    across = -x if is_mirrored else x
    return across / zoom + np.float32(source_w / 2), y / zoom + np.float32(source_h / 2)


def cover(
    pixels: np.ndarray, values: Values, x: np.ndarray, y: np.ndarray, width: int, height: int
) -> np.ndarray:
    """Layer 5 scaled to cover the picture, interpolated, (3, height, width) 0..1."""
    column, row = cover_coordinates(
        pixels.shape[1], pixels.shape[0], values["/layer/5/mirror"], x, y, width, height
    )
    return (bicubic if values["/layer/5/filter"] == "sharp" else bilinear)(pixels, column, row)


def bicubic(pixels: np.ndarray, column: np.ndarray, row: np.ndarray) -> np.ndarray:
    """Like `bilinear`, by cubic convolution with the slope -0.75, an axis after the other."""
    column, row = column - np.float32(0.5), row - np.float32(0.5)
    left, top = np.floor(column), np.floor(row)
    light = pixels[..., :3].astype(np.float32) / np.float32(255)
    sum_ = np.zeros((*column.shape, 3), np.float32)
    for down in range(-1, 3):
        beside = np.clip(top.astype(int) + down, 0, pixels.shape[0] - 1)
        for across in range(-1, 3):
            above = np.clip(left.astype(int) + across, 0, pixels.shape[1] - 1)
            weight = _cubic(column - left - across) * _cubic(row - top - down)
            sum_ += light[beside, above] * weight[..., None]
    return np.clip(sum_, 0, 1).transpose(2, 0, 1)


def _cubic(away: np.ndarray) -> np.ndarray:
    """Keys 1981, equation 10, whose a is the slope at 1."""
    s, a = np.abs(away), np.float32(-0.75)
    inner = (a + 2) * s**3 - (a + 3) * s**2 + 1
    outer = a * s**3 - 5 * a * s**2 + 8 * a * s - 4 * a
    return np.where(s <= 1, inner, outer)


def bilinear(pixels: np.ndarray, column: np.ndarray, row: np.ndarray) -> np.ndarray:
    """Interpolate between pixel centres, which are at halves: (3, height, width) 0..1. Edges are
    clamped."""
    column, row = column - np.float32(0.5), row - np.float32(0.5)
    left, top = np.floor(column), np.floor(row)
    right, below = (column - left)[..., None], (row - top)[..., None]
    source_h, source_w = pixels.shape[:2]
    x0 = np.clip(left.astype(int), 0, source_w - 1)
    x1 = np.clip(left.astype(int) + 1, 0, source_w - 1)
    y0 = np.clip(top.astype(int), 0, source_h - 1)
    y1 = np.clip(top.astype(int) + 1, 0, source_h - 1)
    light = pixels[..., :3].astype(np.float32) / np.float32(np.iinfo(pixels.dtype).max)
    upper = light[y0, x0] * (1 - right) + light[y0, x1] * right
    lower = light[y1, x0] * (1 - right) + light[y1, x1] * right
    rgb: np.ndarray = (upper * (1 - below) + lower * below).transpose(2, 0, 1)
    return rgb


def moved_last(
    values: Values, last: np.ndarray, x: np.ndarray, y: np.ndarray, width: int, height: int
) -> np.ndarray:
    """The last picture zoomed, rotated clockwise and hue-shifted, (3, height, width); mirrored at
    its edges."""
    angle_rad = math.radians(values["/feedback/rotate"])
    cos, sin, zoom = math.cos(angle_rad), math.sin(angle_rad), values["/feedback/zoom"]
    column = x * np.float32(cos / zoom) + y * np.float32(sin / zoom) + np.float32(width / 2)
    row = y * np.float32(cos / zoom) - x * np.float32(sin / zoom) + np.float32(height / 2)
    column = np.float32(width) - np.abs(np.float32(width) - column % np.float32(2 * width))
    row = np.float32(height) - np.abs(np.float32(height) - row % np.float32(2 * height))
    rgb = bilinear(last, column, row)
    return rotate_hue(rgb, values["/feedback/hue"]) if values["/feedback/hue"] else rgb


def rotate_hue(rgb: np.ndarray, turns: float) -> np.ndarray:
    """Rotate the HSV hue by `turns`; saturation and value stay."""
    high, low = rgb.max(axis=0), rgb.min(axis=0)
    chroma = np.where(high > low, high - low, np.float32(1))
    red, green, blue = rgb
    sixths = np.where(
        high == red,
        (green - blue) / chroma,
        np.where(high == green, 2 + (blue - red) / chroma, 4 + (red - green) / chroma),
    )
    sixths = sixths + np.float32(6 * turns)
    weights = [np.clip(np.abs((sixths + shift) % 6 - 3) - 1, 0, 1) for shift in (0, 4, 2)]
    result: np.ndarray = low + (high - low) * np.stack(weights)
    return result


def unmirror(
    values: Values, x: np.ndarray, y: np.ndarray, width: int, height: int
) -> tuple[np.ndarray, np.ndarray]:
    """The coordinates in the unmirrored picture for each pixel."""
    mirror = values["/mirror/mode"]
    if mirror in ("x", "xy"):
        x = -np.abs(x)
    if mirror in ("y", "xy"):
        y = -np.abs(y)
    if mirror != "kaleidoscope":
        return x, y
    sector_rad = np.float32(2 * math.pi / values["/mirror/segments"])
    turn = np.arctan2(y, x) % sector_rad
    turn = np.minimum(turn, sector_rad - turn)
    radius = np.hypot(x, y)

    def fold_back(position: np.ndarray, side: int) -> np.ndarray:
        return side / 2 - np.abs(side - (position + np.float32(side / 2)) % (2 * side))

    return fold_back(radius * np.cos(turn), width), fold_back(radius * np.sin(turn), height)
