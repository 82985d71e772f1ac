"""Region maps from a picture: index of the leading layer at each pixel. Pure functions on a reduced
picture.

Pictures are (height, width, 3) uint8 RGB, maps (height, width) uint8 0..3.
"""

from collections.abc import Sequence
from itertools import permutations

import cv2
import numpy as np

from engine.values import FoundObject, Segmentation

MAX_PX = 320
_BT601 = np.array([0.299, 0.587, 0.114], np.float32) / 255
_QUARTERS = (0.25, 0.5, 0.75)
REGIONS = 4
_CANNY = (50, 150)
_WIDE = np.ones((5, 5), np.uint8)
_CORE = 0.3  # fraction of the largest distance from an outline; pixels beyond it form a core


def small_size(picture_px: tuple[int, int], widest_px: int) -> tuple[int, int]:
    """Return width and height with these proportions, at most `widest_px` wide."""
    width, height = picture_px
    if width <= widest_px:
        return width, height
    return widest_px, max(1, round(height * widest_px / width))


def object_numbers(segmentation: Segmentation, widest_px: int) -> np.ndarray:
    """Return the object at each pixel, (height, width) uint8: 0 for none, else 1 + index in
    `segmentation.objects`.

    The first of overlapping objects wins. Masks are scaled bilinearly and then thresholded at one
    half: the other order would give jagged edges. OpenCV; not for the render thread."""
    size_px = small_size(segmentation.picture_px, widest_px)
    numbers = np.zeros(size_px[::-1], np.uint8)
    for index in range(len(segmentation.objects) - 1, -1, -1):
        scaled = cv2.resize(segmentation.masks[index], size_px, interpolation=cv2.INTER_LINEAR)
        # 255 inside, 0 outside. As integers, above 127.5 means at least 128.
        inside = cv2.compare(scaled, 127, cv2.CMP_GT)  # type: ignore[call-overload]  # it takes a number, too
        numbers = (numbers & ~inside) | (inside & (1 + index))
    return numbers


def reduce_picture(pixels: np.ndarray) -> np.ndarray:
    """Reduce a picture to at most 320 pixels wide by averaging."""
    height, width = pixels.shape[:2]
    if width <= MAX_PX:
        return pixels
    return cv2.resize(
        pixels, (MAX_PX, max(1, round(height * MAX_PX / width))), interpolation=cv2.INTER_AREA
    )


def brightness_regions(pixels: np.ndarray, *, is_equalised: bool) -> np.ndarray:
    """Map by BT.601 luma, 0 dark to 3 bright: thresholds at 1/4, 1/2, 3/4, or at the picture's own
    quartiles."""
    luma = pixels.astype(np.float32) @ _BT601  # (height, width), 0..1
    return _split(luma, luma, is_equalised)


def colour_regions(
    pixels: np.ndarray, *, hue_offset: float, sat_min: float, is_equalised: bool
) -> np.ndarray:
    """Map by hue quarters from `hue_offset` (turns) on; pixels less saturated than `sat_min` by
    brightness."""
    # Per pixel: high = largest channel, chroma = largest minus smallest (HSV; Smith 1978).
    rgb = pixels.astype(np.float32)
    high = rgb.max(axis=-1)
    chroma = high - rgb.min(axis=-1)
    safe_chroma = np.maximum(chroma, 1)
    red, green, blue = rgb[..., 0], rgb[..., 1], rgb[..., 2]
    sixths = np.where(
        high == red,
        (green - blue) / safe_chroma,
        np.where(high == green, 2 + (blue - red) / safe_chroma, 4 + (red - green) / safe_chroma),
    )
    quarters = (sixths / 6 - hue_offset) % 1.0 * 4
    by_hue = np.minimum(quarters, 3).astype(np.uint8)
    is_grey = (chroma < sat_min * high) | (chroma == 0)
    luma = rgb @ _BT601
    return np.where(is_grey, _split(luma, luma[is_grey], is_equalised), by_hue)


def quadrant_regions() -> np.ndarray:
    """Map by quadrant, (2, 2): top left 0, top right 1, bottom left 2, bottom right 3."""
    return np.array([[0, 1], [2, 3]], np.uint8)


def edge_regions(pixels: np.ndarray, before: np.ndarray | None = None) -> np.ndarray | None:
    """Map by the four largest areas enclosed by outlines, grown until they meet; None if there are
    none.

    `before` is the previous map: each region takes the number of the old region that it overlaps
    most, so that layers do not swap while something moves. (Marker-controlled watershed; Meyer
    1992.)"""
    pixels = np.ascontiguousarray(pixels)
    outlines = cv2.dilate(
        cv2.Canny(cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY), *_CANNY), _WIDE, iterations=2
    )
    if not outlines.any():
        return None
    # (height, width), pixels to the next outline
    inside = cv2.distanceTransform(255 - outlines, cv2.DIST_L2, 5)
    if not inside.any():
        return None
    count, cores, statistics, _ = cv2.connectedComponentsWithStats(
        (inside > _CORE * inside.max()).astype(np.uint8)
    )
    largest = 1 + np.argsort(-statistics[1:, cv2.CC_STAT_AREA], kind="stable")[:REGIONS]
    number_of = np.zeros(count, np.int32)  # 0: unassigned
    number_of[largest] = np.arange(1, len(largest) + 1)
    # Watershed treats the border as a seam, so a core that is only there would be lost: pad by a
    # border.
    framed = cv2.copyMakeBorder(pixels, 1, 1, 1, 1, cv2.BORDER_REPLICATE)
    # It floods uniform colour first, so that regions meet on the outline.
    grown = cv2.watershed(framed, np.pad(number_of[cores], 1))[1:-1, 1:-1]
    seams = grown < 1
    numbers = np.where(seams, 0, grown).astype(np.uint8)
    while seams.any():  # seams are one pixel wide: assign them to a neighbour
        numbers = np.where(seams, cv2.dilate(numbers, _WIDE), numbers)
        seams = numbers == 0
    return _renumber(numbers - 1, len(largest), before)


def _renumber(regions: np.ndarray, count: int, before: np.ndarray | None) -> np.ndarray:
    """Renumber regions for the largest total overlap with the regions of the same number in
    `before`."""
    if before is None or before.shape != regions.shape:
        return regions
    shared = np.bincount(regions.ravel() * REGIONS + before.ravel(), minlength=REGIONS**2).reshape(
        REGIONS, REGIONS
    )
    best = max(
        permutations(range(REGIONS), count),
        key=lambda names: sum(shared[number, name] for number, name in enumerate(names)),
    )
    renumbered: np.ndarray = np.array(best, np.uint8)[regions]
    return renumbered


def _split(luma: np.ndarray, sample: np.ndarray, is_equalised: bool) -> np.ndarray:
    """Map to 0..3 by thresholds: quarters of the range, or quartiles of `sample`, moved until four
    regions exist.

    If many pixels have the same level (a night scene, a test card), plain quartiles coincide and
    regions vanish."""
    levels, counts = np.unique(sample, return_counts=True)
    if not is_equalised or len(levels) < 2:
        quarters: np.ndarray = np.digitize(luma, _QUARTERS).astype(np.uint8)
        return quarters
    last = len(levels) - 1
    up_to = np.cumsum(counts) / sample.size  # fraction of pixels at or below each level
    thresholds = []
    lowest = 1
    for number, quantile in enumerate(_QUARTERS):
        # A region begins at the first level above its quartile, but leaves one level for each later
        # region.
        start = int(np.searchsorted(up_to, quantile)) + 1
        highest = last - (2 - number) if last >= 3 else last
        start = min(max(start, lowest), highest)
        thresholds.append(levels[start])
        lowest = start + 1
    regions: np.ndarray = np.digitize(luma, thresholds).astype(np.uint8)
    return regions


class ObjectRegions:
    """Assigns regions to objects; an object keeps its region while it is found in every result.

    A region that names a prompt gets all objects of it; of several that name the same, a new object
    goes to the one with fewest. The others get one object each, of prompts that none names: the
    best object the first of them, the next the second; a new one gets the first free region. So
    layers do not swap when scores cross. Without tracking, ids are ranks, so regions follow the
    rank."""

    def __init__(self) -> None:
        self._region_of: dict[int, int] = {}

    def compute(
        self, segmentation: Segmentation, background: int, prompts: Sequence[int]
    ) -> np.ndarray:
        """Map by object, (height, width) uint8 0..3, at most 320 wide; `background` where no object
        has a region. prompts: Number of the prompt that each region names, or 0."""
        self._assign(segmentation.objects, prompts)
        regions = [self._region_of.get(each.id, background) for each in segmentation.objects]
        return np.array([background, *regions], np.uint8).take(object_numbers(segmentation, MAX_PX))

    def _assign(self, objects: Sequence[FoundObject], prompts: Sequence[int]) -> None:
        """Assign regions to these objects, best first."""
        named = {each.id: each.prompt if each.prompt in prompts else 0 for each in objects}
        known = ((each, self._region_of[each]) for each in named if each in self._region_of)
        assigned = {each: region for each, region in known if prompts[region] == named[each]}
        for each in [new for new in named if new not in assigned]:
            assigned_regions = list(assigned.values())
            own = [region for region in range(REGIONS) if prompts[region] == named[each]]
            if own and (named[each] or any(region not in assigned_regions for region in own)):
                assigned[each] = min(own, key=assigned_regions.count)
        self._region_of = assigned
