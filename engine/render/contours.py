"""Detects contours in a picture, tracks them between pictures, and draws outlines. Pure functions;
OpenCV."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from engine.render.graphic import GraphicImage
from engine.render.picture import centre_crop, fitted_size

MAX_PX = 320
MAX_OUTLINE_PX = 960
MAX_STEP = (
    0.25  # of the picture's width, from one result to the next: further away it is another shape
)
_SHIFT = 4  # fractional bits of OpenCV's coordinates
_SMOOTHED = 2  # points to each side


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Contour:
    """One detected shape with its outline."""

    x: float
    y: float
    """Its centre, as fractions of the picture's width and height."""
    area: float
    """As a fraction of the picture's area; holes count as filled."""
    angle_deg: float
    """Angle of its longer axis, clockwise from the right, 0 to 180."""
    points: np.ndarray
    """(n, 2) float32, its outline as fractions of width and height."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Outlines:
    """A drawn image of outlines: part of a picture of size `full_px`, its top left corner at
    `corner_px`."""

    image: GraphicImage
    corner_px: tuple[int, int]
    full_px: tuple[int, int]

    @property
    def centre(self) -> tuple[float, float]:
        """Its centre, as fractions of the picture's width and height."""
        height, width = self.image.pixels.shape[:2]
        return (self.corner_px[0] + width / 2) / self.full_px[0], (
            self.corner_px[1] + height / 2
        ) / self.full_px[1]


def camera_crop(pixels: np.ndarray, size_px: tuple[int, int], *, is_mirrored: bool) -> np.ndarray:
    """Crop a camera picture, (height, width, 3), to the aspect ratio of this size, as layer 5 shows
    it."""
    left, top, width, height = centre_crop((pixels.shape[1], pixels.shape[0]), size_px)
    part = pixels[top : top + height, left : left + width]
    return part[:, ::-1] if is_mirrored else part


def luma_of(pixels: np.ndarray) -> np.ndarray:
    """Return BT.601 luma of RGB or RGBA, (height, width) uint8, reduced to at most 320 px each
    way."""
    size = fitted_size(pixels.shape[1::-1], MAX_PX)
    if size != pixels.shape[1::-1]:
        pixels = cv2.resize(pixels, size, interpolation=cv2.INTER_AREA)
    return np.asarray(
        cv2.cvtColor(pixels, cv2.COLOR_RGBA2GRAY if pixels.shape[2] == 4 else cv2.COLOR_RGB2GRAY)
    )


def find_contours(
    luma: np.ndarray, *, threshold: float, is_dark: bool, min_area: float, count: int
) -> list[Contour]:
    """Return the largest shapes above (or below) the threshold, 0..1. min_area: Fraction of the
    picture."""
    _, inside = cv2.threshold(
        luma, threshold * 255, 1, cv2.THRESH_BINARY_INV if is_dark else cv2.THRESH_BINARY
    )
    lines, _ = cv2.findContours(inside, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    largest = sorted(lines, key=cv2.contourArea, reverse=True)[:count]
    contours = [_measure(np.asarray(line), inside.shape) for line in largest]
    return sorted(
        (each for each in contours if each.area >= max(min_area, 1e-9)), key=lambda each: -each.area
    )


def _measure(line: np.ndarray, shape: tuple[int, ...]) -> Contour:
    left, top, width, height = cv2.boundingRect(line)
    # filled, because the line itself runs through the centres of the outermost pixels
    filled = cv2.drawContours(
        np.zeros((height, width), np.uint8), [line - (left, top)], -1, 1, cv2.FILLED
    )
    moments = cv2.moments(filled, binaryImage=True)
    area_px = moments["m00"]
    x_px, y_px = left + moments["m10"] / area_px + 0.5, top + moments["m01"] / area_px + 0.5
    angle = (
        math.degrees(math.atan2(2 * moments["mu11"], moments["mu20"] - moments["mu02"]) / 2) % 180
    )
    return Contour(
        x=x_px / shape[1],
        y=y_px / shape[0],
        area=area_px / (shape[0] * shape[1]),
        angle_deg=angle,
        points=((line[:, 0] + 0.5) / (shape[1], shape[0])).astype(np.float32),
    )


def track_contours(
    previous: Mapping[int, Contour], detected: Sequence[Contour], aspect: float
) -> dict[int, Contour]:
    """Number the detected shapes from 1: each keeps the number of the nearest previous shape,
    closest pairs first. New shapes get the lowest free numbers, largest first. aspect: Width /
    height."""

    def separation(number: int, index: int) -> float:
        return math.hypot(
            previous[number].x - detected[index].x,
            (previous[number].y - detected[index].y) / aspect,
        )

    pairs = sorted(
        (separation(number, index), number, index)
        for number in previous
        for index in range(len(detected))
    )
    numbers: dict[int, int] = {}  # by index in `detected`
    for distance, number, index in pairs:
        if distance <= MAX_STEP and index not in numbers and number not in numbers.values():
            numbers[index] = number
    free = (
        number
        for number in range(1, len(previous) + len(detected) + 1)
        if number not in numbers.values()
    )
    named = {
        numbers[index] if index in numbers else next(free): each
        for index, each in enumerate(detected)
    }
    return dict(sorted(named.items()))


def draw_outlines(
    contours: Sequence[Contour], size_px: tuple[int, int], width: float
) -> Outlines | None:
    """Draw outlines for a picture of this size; None without contours. width: Fraction of the
    height."""
    if not contours:
        return None
    full_px = fitted_size(size_px, MAX_OUTLINE_PX)
    width_px = max(1, round(width * full_px[1]))
    lines = [_smooth(each.points) * full_px - 0.5 for each in contours]
    margin = width_px + 2
    every = np.concatenate(lines)
    left, top = np.maximum(np.floor(every.min(axis=0)).astype(int) - margin, 0)
    right, bottom = np.minimum(np.ceil(every.max(axis=0)).astype(int) + margin, full_px)
    coverage = np.zeros((bottom - top, right - left), np.uint8)
    fixed = [
        np.rint((line - (left, top)) * (1 << _SHIFT)).astype(np.int32)[:, None] for line in lines
    ]
    cv2.polylines(coverage, fixed, True, 255, width_px, cv2.LINE_AA, _SHIFT)
    pixels = np.zeros((*coverage.shape, 4), np.uint8)
    pixels[..., 0] = coverage
    return Outlines(
        image=GraphicImage(pixels=pixels, height_px=float(width_px)),
        corner_px=(int(left), int(top)),
        full_px=full_px,
    )


def _smooth(points: np.ndarray) -> np.ndarray:
    """Smooth the pixel steps of an outline."""
    if len(points) <= 2 * _SMOOTHED:
        return points
    return (
        np.asarray(
            sum(np.roll(points, shift, axis=0) for shift in range(-_SMOOTHED, _SMOOTHED + 1))
        )
        / 5
    )
