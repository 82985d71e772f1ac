"""Geometry of the layers' shapes, in numbers for the block of a frame. Pure.

Every shape places a pixel on the wave by one formula, in periods of the wave:
`u = a dx + b dy + c + outward r + around angle + bend`, with r the distance from the centre and the angle measured
from the layer's own. Stripes use the first three, rings r, rays the angle, a spiral both. Rays and circles of a
mirrored wave use the angle without its sign, so that no seam is seen at any ratio; of a repeating one the whole turn.
A spiral has whole periods around, for the same reason.

Line and circle draw a trace instead: u is the position along it, and `across` the distance from its resting place. At
0 degrees a circle's wave begins at the bottom, so that a mirrored one is the same left and right.
"""

import math
from dataclasses import dataclass

from engine.render.look import LayerLook
from engine.values import WAVE_POINTS

Row = tuple[float, float, float, float]
SPIRAL_ARMS = 2  # periods of the wave around the centre
CIRCLE_RADIUS = 0.28  # of the picture's height
CIRCLE_DEFLECTION = 0.5  # of a line's, so that a loud wave does not cross the centre
MIN_LINE_PX = 1.0
MIN_RADIUS_PX = 0.5  # nearer the centre, rays are no finer


@dataclass(frozen=True, slots=True, kw_only=True)
class ShapeRows:
    """Rows of one layer; see frame_block.py."""

    along: Row
    bend_x: Row
    bend_y: Row
    polar: Row
    line: Row
    across: Row


def shape_rows(layer: LayerLook, size_px: tuple[int, int]) -> ShapeRows:
    """The rows of this layer in a picture of this size (width, height)."""
    width, height = size_px
    x_axis, y_axis = _turned(layer, width, height)
    per_width = layer.ratio * (0.5 if layer.is_mirrored else 1.0)  # periods
    points = 2.0 * WAVE_POINTS if layer.is_mirrored else 1.0 * WAVE_POINTS
    half_diagonal = math.hypot(width, height) / 2
    start_rad = layer.angle_rad + (math.pi / 2 if layer.shape == "circle" else 0.0)
    slope = (0.0, 0.0)
    outward = around = 0.0
    start = layer.phase
    if layer.shape in ("stripes", "line"):
        slope = (per_width * x_axis[0], per_width * x_axis[1])
        start += 0.5
    if layer.shape in ("rings", "spiral"):
        outward = -per_width / half_diagonal  # the newest sound is in the centre
        start += 1.0
    if layer.shape in ("rays", "circle"):
        around = per_width / (math.pi if layer.is_mirrored else 2 * math.pi)
    if layer.shape == "spiral":
        around = SPIRAL_ARMS / (2 * math.pi)
    bend = 0.0 if layer.is_line else 2 * layer.curve * per_width
    return ShapeRows(
        along=(*slope, start * per_width, points),
        bend_x=(*x_axis, 0.5, bend),
        bend_y=(2 * y_axis[0], 2 * y_axis[1], 0.0, 0.0),
        polar=(outward, around, float(layer.is_mirrored and layer.shape in ("rays", "circle")), start_rad),
        line=_line(layer, height),
        across=_across(layer, height),
    )


def may_be_too_fine(layer: LayerLook, size_px: tuple[int, int], shown_points: float) -> bool:
    """True if somewhere in the picture a pixel may span more points of the wave than it can show."""
    if layer.is_line:
        return False
    rows = shape_rows(layer, size_px)
    outward, around, _, _ = rows.polar
    widest = math.hypot(*rows.along[:2]) + abs(outward) + abs(around) / MIN_RADIUS_PX
    # The bend is at most 1 and its slope at most pi, at |2 y' - 1| = 1.
    widest += rows.bend_x[3] * (math.hypot(*rows.bend_y[:2]) + math.pi * math.hypot(*rows.bend_x[:2]))
    return widest * rows.along[3] > shown_points


def deflection_px(layer: LayerLook, height: int) -> float:
    """How far a full-scale wave moves a trace."""
    return layer.curve * height * (CIRCLE_DEFLECTION if layer.shape == "circle" else 1.0)


def points_per_px(layer: LayerLook, size_px: tuple[int, int]) -> float:
    """Points of the wave per pixel along straight stripes, or along a trace at rest."""
    rows = shape_rows(layer, size_px)
    if layer.shape == "circle":
        return rows.polar[1] * rows.along[3] / (CIRCLE_RADIUS * size_px[1])
    return math.hypot(*rows.along[:2]) * rows.along[3]


def line_levels_px(layer: LayerLook, height: int) -> tuple[float, float, float, float]:
    """Distances from the middle of a trace: where its edge begins, where it ends, a third of the glow, its end."""
    half = max(layer.line_width * height, MIN_LINE_PX) / 2
    glow = layer.line_glow * height
    return half - 0.5, half + 0.5, half + 0.5 + glow / 3, half + 0.5 + glow


def _line(layer: LayerLook, height: int) -> Row:
    if not layer.is_line:
        return (0.0, 0.0, 0.0, 0.0)
    inner, _, _, _ = line_levels_px(layer, height)
    return (inner + 0.5, layer.line_glow * height, layer.intensity, 0.0)


def _across(layer: LayerLook, height: int) -> Row:
    if layer.shape == "line":  # upward is positive
        return (math.sin(layer.angle_rad), -math.cos(layer.angle_rad), 0.0, 0.0)
    if layer.shape == "circle":
        return (0.0, 0.0, 1.0, -CIRCLE_RADIUS * height)
    return (0.0, 0.0, 0.0, 0.0)


def _turned(layer: LayerLook, width: int, height: int) -> tuple[tuple[float, float], tuple[float, float]]:
    """Slopes of x' and y' by dx and dy: rotated in pixel space, zoomed so that corners stay filled."""
    cos, sin = math.cos(layer.angle_rad), math.sin(layer.angle_rad)
    scale = max(
        (width * abs(cos) + height * abs(sin)) / width,
        (width * abs(sin) + height * abs(cos)) / height,
    )
    return (cos / scale / width, sin / scale / width), (-sin / scale / height, cos / scale / height)
