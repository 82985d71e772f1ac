"""The shape of an output: a part of a picture at the output's own size, its blended edges and its
four corners. Pure.

The corners are those of the output's picture (corner pin, keystone). The way back is one projective
matrix, which a fragment shader applies to each pixel (Heckbert 1989, Fundamentals of Texture
Mapping and Image Warping, 2.2).
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from osc_schema.outputs import EDGES

Size = tuple[int, int]
Corners = tuple[tuple[float, float], ...]
# clockwise from the top left, y down
CORNERS: Corners = ((0.0, 0.0), (1.0, 0.0), (1.0, 1.0), (0.0, 1.0))
# twice the area at a corner, in parts of the display: a thinner shape has no stable way back
MIN_AREA = 1e-4


@dataclass(frozen=True, slots=True, kw_only=True)
class OutputShape:
    """The shape of one output, and of which picture; at the defaults it shows the whole picture as
    it is."""

    number: int
    picture_px: Size
    """Width and height of the picture that it shows a part of."""
    index: int = 0
    """Number of the frame."""
    crop: tuple[float, ...] = (0.0, 0.0, 1.0, 1.0)
    """Left, top, width and height of the part, in parts of the picture."""
    requested_px: Size = (0, 0)
    """Width and height of the output; 0: as many pixels as the part has."""
    edges: tuple[float, ...] = (0.0, 0.0, 0.0, 0.0)
    """Widths of the blended edges in parts of the output, as in EDGES."""
    gamma: float = 2.2
    """Gamma of the projectors: in light, the edges of two outputs that overlap add up to 1."""
    pin: Corners = CORNERS

    @classmethod
    def from_values(
        cls, values: Mapping[str, Any], number: int, picture_px: Size, index: int = 0
    ) -> "OutputShape":
        at = f"/output/{number}"
        requested_px = values.get(f"{at}/width", 0), values.get(f"{at}/height", 0)
        crop = tuple(values[f"{at}/crop/{name}"] for name in ("x", "y", "width", "height"))
        edges = tuple(values[f"{at}/blend/{edge}"] for edge in EDGES)
        gamma = values[f"{at}/blend/gamma"]
        pin = tuple((values[f"{at}/pin/{n}/x"], values[f"{at}/pin/{n}/y"]) for n in range(1, 5))
        shape = cls(number=number, picture_px=picture_px, index=index)
        return replace(
            shape, crop=crop, requested_px=requested_px, edges=edges, gamma=gamma, pin=pin
        )

    @property
    def part_px(self) -> tuple[int, int, int, int]:
        """Left, top, width and height of the part in whole pixels. Parts that meet share no pixel
        and leave none."""
        spans = []
        for begin, length, side in zip(self.crop[:2], self.crop[2:], self.picture_px, strict=True):
            first = min(round(begin * side), side - 1)
            spans.append((first, max(1, min(round((begin + length) * side), side) - first)))
        (left, width), (top, height) = spans
        return left, top, width, height

    @property
    def size_px(self) -> Size:
        """The size of the output."""
        width, height = (
            requested or own
            for requested, own in zip(self.requested_px, self.part_px[2:], strict=True)
        )
        return width, height

    @property
    def is_plain(self) -> bool:
        """True if it shows the picture as it is."""
        is_whole = (*self.part_px, *self.size_px) == (0, 0, *self.picture_px, *self.picture_px)
        return is_whole and not any(self.edges) and self.pin == CORNERS

    def of_look(self, *, is_cropped: bool) -> "OutputShape":
        """This shape of a look of its own, drawn so large that the part has the output's pixels, if
        it has a size. Not `is_cropped`: the whole picture has these pixels, as who draws it cannot
        crop."""
        if self.requested_px == (0, 0):
            return self
        if not is_cropped:
            return replace(self, picture_px=self.size_px)
        width, height = (
            max(1, round(px / part)) for px, part in zip(self.size_px, self.crop[2:], strict=True)
        )
        return replace(self, picture_px=(width, height), requested_px=self.size_px)

    def reduced(self, most_px: float) -> "OutputShape":
        """This shape with at most so many pixels, in the same proportions."""
        scale = math.sqrt(most_px / math.prod(self.size_px))
        width, height = (max(1, int(side * scale)) for side in self.size_px)
        return replace(self, requested_px=(width, height))


def is_convex(corners: Sequence[tuple[float, float]]) -> bool:
    """True if the corners go round clockwise and none is pushed in: otherwise no projector could
    show that."""
    points = np.array(corners)
    before, after = points - np.roll(points, 1, 0), np.roll(points, -1, 0) - points
    return bool((before[:, 0] * after[:, 1] - before[:, 1] * after[:, 0] > MIN_AREA).all())


def from_square(corners: Sequence[tuple[float, float]]) -> np.ndarray:
    """Matrix, (3, 3), from the unit square to a convex shape with these corners, in the order of
    CORNERS."""
    a, b, c, d = np.array(corners)
    gap = a - b + c - d
    right = b - c
    bottom = d - c
    g, h = np.linalg.solve(np.column_stack((right, bottom)), gap)
    return np.vstack((np.column_stack((b - a + g * b, d - a + h * d, a)), (g, h, 1.0)))
