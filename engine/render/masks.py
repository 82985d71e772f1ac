"""Coverage, colours and bounding boxes of the masks of found objects. Pure.

A mask's value at a position is v = (bilinear between its texels) / 255, 0..1: texel centres at (i +
1/2) / side of the picture, clamped at the edges. Its coverage there, with t = clamp((v - low) x
slope, 0, 1), is t x t x (3 - 2 t). Soft (low 1/4, slope 2): smoothstep from v = 1/4 to 3/4. Hard: 1
where v > 1/2, else 0. mask.glsl and the Numba kernels follow this definition. Loads neither OpenCV
nor Numba.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from engine.render.colour import hue_rgb
from engine.values import Segmentation, VideoFrame

SOFT_EDGE = (0.25, 2.0)
# steep: the smallest float32 above 1/2 is 6e-8 more, and times 1e9 that is 60
HARD_EDGE = (0.5, 1e9)
VISIBLE_LEVEL = 64
"""Areas of texels below this have no coverage: v > 1/4 starts above 63.75."""
GOLDEN_RATIO = 0.61803398875
SATURATION = 0.75


def edge(is_hard: bool) -> tuple[float, float]:
    """Return `low` and `slope` of the coverage."""
    return HARD_EDGE if is_hard else SOFT_EDGE


def coverage(values: np.ndarray, *, is_hard: bool) -> np.ndarray:
    """Return the coverage, 0..1 float32, of mask values 0..1."""
    low, slope = (np.float32(number) for number in edge(is_hard))
    t = np.clip((np.asarray(values, np.float32) - low) * slope, 0, 1)
    covered: np.ndarray = t * t * (3 - 2 * t)
    return covered


def object_colours(ids: Sequence[int]) -> np.ndarray:
    """Return RGB 0..1 by id, (n, 3) float32: hues a golden ratio of the circle apart, saturation
    0.75, value 1."""
    hues = [GOLDEN_RATIO * (number - 1) for number in ids]
    return 1 - np.float32(SATURATION) * (
        1 - np.array([hue_rgb(hue) for hue in hues], np.float32).reshape(-1, 3)
    )


def encoded_id(number: int, most: int = 255) -> int:
    """Encode an id for a texture or a file, 1..`most`, then again from 1; 0 means no object."""
    return 1 + (number - 1) % most


def mask_boxes(masks: np.ndarray) -> np.ndarray:
    """Return bounding boxes of the coverage of masks (n, side, side): left, top, right, bottom, (n,
    4) int32.

    Texels from VISIBLE_LEVEL on, plus a margin of one; edges whole, right and bottom exclusive. All
    0 for none."""
    boxes = np.zeros((len(masks), 4), np.int32)
    side = masks.shape[1]
    for axis, rims in ((1, boxes[:, 0::2]), (2, boxes[:, 1::2])):  # columns, then rows
        is_visible = masks.max(axis=axis) >= VISIBLE_LEVEL  # (n, side)
        any_visible = is_visible.any(axis=1)
        first, last = is_visible.argmax(axis=1), side - 1 - is_visible[:, ::-1].argmax(axis=1)
        rims[:, 0] = np.where(any_visible, np.maximum(first - 1, 0), 0)
        rims[:, 1] = np.where(any_visible, np.minimum(last + 2, side), 0)
    return boxes


def merge_masks(masks: np.ndarray) -> np.ndarray:
    """Merge masks (n, side, side) by their maximum per texel: (side, side) uint8; 0 without
    masks."""
    joined: np.ndarray = np.maximum.reduce(masks, axis=0, initial=0)
    return joined


@dataclass(frozen=True, slots=True, kw_only=True)
class Overlay:
    """A picture with each object's colour mixed in by `opacity` x coverage; the first object is in
    front."""

    source: VideoFrame
    """The masks cover all of it."""
    segmentation: Segmentation | None
    is_hard: bool
    opacity: float

    @property
    def size_px(self) -> tuple[int, int]:
        height, width = self.source.pixels.shape[:2]
        return width, height


@dataclass(frozen=True, slots=True, kw_only=True)
class IdPicture:
    """A map of objects: red is the encoded id, green the score, blue the soft coverage; the first
    object is in front.

    An object is where v > 1/2. Elsewhere red and green are 0, and blue is the largest soft
    coverage: a soft matte."""

    segmentation: Segmentation
    size_px: tuple[int, int]

    @property
    def levels(self) -> np.ndarray:
        """Red and green of each object, (n, 2) uint8."""
        pairs = [
            (encoded_id(each.id), round(255 * each.score)) for each in self.segmentation.objects
        ]
        return np.array(pairs, np.uint8).reshape(-1, 2)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class SourceMaps:
    """The picture of layer 5's source as it is shown, and what is known of it, for shaders
    (source_maps.py).

    All have the shape of the show's picture and row 0 at the top; no side is a power of two.
    Positions and movements are parts of its width and height, x to the right and y up."""

    picture: np.ndarray
    """(height, width, 4) uint8, opaque; at most as large as the show's picture."""
    previous: np.ndarray
    """The source's picture before it, of the same size."""
    mask: np.ndarray
    """(height, width, 4) uint8. Red: coverage by people; green: number of the foremost object
    (`encoded_id`), 0 for none; blue: 255 if they were found by a model, 0 if by motion and luma;
    alpha: 255."""
    flow: np.ndarray
    """(height, width, 2) float32: movement from `previous` to `picture`."""
    objects: np.ndarray
    """(3, 17, 4) float32. Row 2: centre x, y, width and height of each object; row 1: id, score,
    prompt, 1."""
    echo: np.ndarray
    """(height, width, 4) uint8: the picture, at most 480 px long, with the coverage as alpha."""
    time_s: float
    """Due time of the frame in which the picture came."""
    interval_s: float
    """Time between `previous` and `picture`; 0 for the first picture."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceRequest:
    """The picture to be mapped. Equal requests have the same maps."""

    picture: VideoFrame
    segmentation: Segmentation | None
    """The objects found in this picture, or in an earlier one of the source."""
    size_px: tuple[int, int]
    """Width and height of the show's picture, which this one fills."""
    is_mirrored: bool
    """True if the picture is shown mirrored left to right."""
    is_of_finished: bool = False
    """True if the objects were found in the show's own picture, which is neither cropped nor
    mirrored."""
    time_s: float = field(compare=False)
    """Due time of the frame."""
