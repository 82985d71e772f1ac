"""Packs a frame's numbers into 66 rows of four float32: the GL uniform block and the Numba
renderer's table.

All positions are in pixels from the centre of the picture, (dx, dy), y downward. An affine row (a,
b, c, ...) means a dx + b dy + c. Row names and the block in `shaders/block.glsl` are the same and
in the same order.
"""

import math
from collections.abc import Sequence

import numpy as np

from engine.render.colour import RAMP_STOPS, dark_losses, linear_light, ramp_rgb
from engine.render.look import Look
from engine.render.masks import edge
from engine.render.picture import Matte
from engine.render.shapes import BakedLayers

SIZE = 0  # width, height, half width, half height; in pixels
# affine: position on the wave, in periods of its wrap; points per period (2048 mirrored, 1024
# repeating)
LAYER_U = 1
LAYER_X = (
    5  # affine: x', 0..1 across the rotated picture; periods added by the curve where 2 y' - 1 is 1
)
LAYER_Y = 9  # affine: 2 y' - 1; unused
LAYER_RGB = 13  # red, green, blue; weight
BLEND = 17  # weights of add, screen, difference, dodge
TONE = 18  # gain; 1 soft, 0 clip, 2 filmic; ceiling of add; 1 where alpha is luma
LAYER5_MAP = (
    19  # texel x = first dx + second, texel y = third dy + fourth; texel centres at whole numbers
)
LAYER5 = 20  # weight; width, height; 1 in simple mode
MATTE_MAP = 21  # as LAYER5_MAP, for the texels of the matte's mask
# side of the mask; low and slope of its coverage; 1 keeps what it covers, -1 the rest, 0 without a
# matte
MATTE = 22
REGION_MAP = 23  # as LAYER5_MAP, but texel edges at whole numbers
REGION = 24  # weight of the layers that do not lead; width, height; 1 with a map
FEEDBACK_X = 25  # affine: texel x in the last picture; amount
FEEDBACK_Y = 26  # affine: texel y; hue shift, turns
# 1 where x is mirrored; 1 where y is mirrored; angle of a kaleidoscope sector or 0, rad; unused
FOLD = 27
# periods per pixel outward; periods per rad around; 1 where the angle is mirrored; angle, rad
LAYER_POLAR = 28
LAYER_BAND = 32  # most points of the wave per pixel; 1 if it may span more; unused
LAYER_LINE = 36  # half thickness of a trace, pixels, or 0; glow, pixels; strength; unused
# position across a trace, pixels: affine in dx, dy; times the distance from the centre; constant
LAYER_ACROSS = 40
LAYER_DARK = 44  # fraction of red, green and blue that dark parts lose; unused
COLOUR = 48  # 1 in linear light; weight of the ramp; unused
RAMP = 49  # red, green, blue of the palette's ramp, evenly spaced
ROWS = RAMP + RAMP_STOPS

GAMMA = 2.2  # of a display: in linear light one layer alone is as bright as in classic
NO_CEILING = 1e9  # add is limited to 1 only with tone = clip


def pack_block(
    look: Look,
    colours: Sequence[tuple[float, float, float]],
    size_px: tuple[int, int],
    layer5_px: tuple[int, int] | None,
    region_px: tuple[int, int] | None,
    matte: Matte | None = None,
    *,
    baked: BakedLayers,
) -> np.ndarray:
    """Pack the rows of one picture of `size_px` (width, height), (66, 4) float32. The other sizes
    are None if there is no such picture. baked: From `bake_layers` for this picture. "To lead" in
    the names of rows: a region map gives each pixel to one layer, which leads there."""
    width, height = size_px
    rows: list[tuple[float, ...]] = [(width, height, width / 2, height / 2)]
    shapes = baked.shapes
    rows += [shape.along for shape in shapes]
    rows += [shape.bend_x for shape in shapes]
    rows += [shape.bend_y for shape in shapes]
    for layer, colour in zip(look.layers, colours, strict=True):
        rows.append((*(map(linear_light, colour) if look.is_linear else colour), layer.weight))
    rows.append(look.blend_weights)
    tone = {"soft": 1.0, "clip": 0.0, "filmic": 2.0}[look.tone]
    gain = look.brightness**GAMMA if look.is_linear else look.brightness
    rows.append((gain, tone, 1.0 if look.tone == "clip" else NO_CEILING, float(look.is_alpha_luma)))
    rows += _layer5(look, size_px, layer5_px)
    rows += _matte(look, size_px, layer5_px, matte)
    rows += _region(look, size_px, region_px)
    rows += _feedback(look, width, height)
    sector_rad = 2 * math.pi / look.segments if look.mirror == "kaleidoscope" else 0.0
    rows.append(
        (float(look.mirror in ("x", "xy")), float(look.mirror in ("y", "xy")), sector_rad, 0.0)
    )
    rows += [shape.polar for shape in shapes]
    rows += baked.bands
    rows += [shape.line for shape in shapes]
    rows += [shape.across for shape in shapes]
    for colour in colours:
        rows.append(
            (*(dark_losses(colour) if look.colour_mode == "palette" else (0.0, 0.0, 0.0)), 0.0)
        )
    rows.append((float(look.is_linear), look.colour_map, float(look.is_layer5_sharp), 0.0))
    block = np.zeros((ROWS, 4), np.float32)
    block[:RAMP] = rows
    if look.colour_map > 0:
        block[RAMP:, :3] = ramp_rgb(look.palette)
    return block


def cover_scale(size_px: tuple[int, int], source_px: tuple[int, int]) -> float:
    """Return source pixels per picture pixel when the source fills the picture and the overhang is
    cropped."""
    return 1 / max(size_px[0] / source_px[0], size_px[1] / source_px[1])


def _layer5(
    look: Look, size_px: tuple[int, int], source_px: tuple[int, int] | None
) -> list[tuple[float, ...]]:
    if source_px is None:
        return [(0.0, 0.0, 0.0, 0.0), (0.0, 1.0, 1.0, float(look.is_simple))]
    scale = cover_scale(size_px, source_px)
    source_w, source_h = source_px
    scale_x = -scale if look.is_layer5_mirrored else scale
    return [
        (scale_x, source_w / 2 - 0.5, scale, source_h / 2 - 0.5),
        (look.layer5_weight, source_w, source_h, float(look.is_simple)),
    ]


def _matte(
    look: Look, size_px: tuple[int, int], layer5_px: tuple[int, int] | None, matte: Matte | None
) -> list[tuple[float, ...]]:
    if layer5_px is None or matte is None:
        return [(0.0, 0.0, 0.0, 0.0), (1.0, 0.0, 0.0, 0.0)]
    found_px = matte.segmentation.picture_px
    if matte.is_of_finished:
        scale = cover_scale(size_px, found_px)
        is_mirrored = False
    else:  # pixels of layer 5, then of the segmented picture, each from its centre
        scale = cover_scale(size_px, layer5_px) * cover_scale(layer5_px, found_px)
        is_mirrored = look.is_layer5_mirrored
    side = matte.segmentation.masks.shape[1]
    scale_x, scale_y = (scale * side / source for source in found_px)  # texels are not square
    middle = side / 2 - 0.5
    return [
        (-scale_x if is_mirrored else scale_x, middle, scale_y, middle),
        (side, *edge(matte.is_hard), 1.0 if matte.keeps == "subject" else -1.0),
    ]


def _region(
    look: Look, size_px: tuple[int, int], region_px: tuple[int, int] | None
) -> list[tuple[float, ...]]:
    if region_px is None or not look.has_regions:
        return [(0.0, 0.0, 0.0, 0.0), (1.0, 1.0, 1.0, 0.0)]
    scale = cover_scale(size_px, region_px)
    region_w, region_h = region_px
    return [
        (scale, region_w / 2, scale, region_h / 2),
        (look.region_spread, region_w, region_h, 1.0),
    ]


def _feedback(look: Look, width: int, height: int) -> list[tuple[float, ...]]:
    cos = math.cos(look.feedback_angle_rad) / look.feedback_zoom
    sin = math.sin(look.feedback_angle_rad) / look.feedback_zoom
    return [
        (cos, sin, width / 2 - 0.5, look.feedback_amount),
        (-sin, cos, height / 2 - 0.5, look.feedback_hue),
    ]
