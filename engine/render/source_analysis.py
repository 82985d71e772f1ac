"""Maps of layer 5's source for shaders: who is in the picture, how it moves, and the picture itself
as it is shown.

People are SAM3's where it runs. Elsewhere they are found by motion, luma and colour: a pixel is a
person's if something moved near it, if it differs from the empty room, and if its colour occurs
more among what moved than in the rest (histogram backprojection; Swain and Ballard 1991,
https://doi.org/10.1007/BF00130487). The room is learned as the median of each pixel, step by step
(McFarlane and Schofield 1995, https://doi.org/10.1007/BF01215814), and follows the camera
(learned_room.py). Logarithms are compared, apart from a change of the light around a pixel: a lamp
that moves is nobody. The movement in the maps is dense optical flow (DIS; Kroeger et al. 2016,
https://arxiv.org/abs/1603.03590). Loads OpenCV, which takes 0.1 s.
"""

from typing import Final

import cv2
import numpy as np

from engine.render.learned_room import LearnedRoom, warped
from engine.render.masks import SourceMaps, SourceRequest, encoded_id
from engine.render.picture import centre_crop, fitted_size
from engine.values import MAX_LIVE_OBJECTS

# longer sides
FLOW_PX = 160
MASK_PX = 320
ECHO_PX = 480
MAX_SIDE_PX = 16384
MIN_FLOW_PX: Final = 33  # in less DIS reads beyond its picture, which ends the process (OpenCV 5.0)
NEAR_S: Final = 4.0  # time constant in which a place where something moved loses its weight
COLOURS_S: Final = 12.0  # of the colours of the body and of the room
RESTART_S: Final = 2.0  # after a gap this long, or in another shape, the analysis begins again
# bins of lightness and of each of the two hue axes (CIELAB)
_LEVELS = 8
_HUES = 64
_DARK: Final = 5.0  # of 255, added before logarithms: below is noise
_CLOSING_PX: Final = 7
_NONE: np.ndarray = np.zeros((0, 0), np.float32)


class SourceAnalysis:
    """Computes maps; keeps the last picture, where something moved, and the colours of people and
    room. One thread."""

    def __init__(self) -> None:
        self._before: SourceMaps | None = None
        self._request: SourceRequest | None = None
        self._near = _NONE
        self._people = _NONE
        self._colours = _NONE
        self._last = (_NONE, _NONE)
        self._room_age_s = 0.0

    def compute(self, request: SourceRequest) -> SourceMaps:
        """Map one picture. OpenCV releases the GIL in each step; 7 ms for 720p."""
        visible = _visible_part(request)
        height, width = visible.shape[:2]
        picture = cv2.cvtColor(visible, cv2.COLOR_RGB2RGBA)
        before = self._before
        last = self._request
        gap_s = request.time_s - last.time_s if last is not None else 0.0
        # Stretched to sides that optical flow can take, as the movement is in widths and heights.
        flow_px = tuple(max(MIN_FLOW_PX, side) for side in _texture_size((width, height), FLOW_PX))
        is_same = last is not None and (
            last.is_mirrored,
            last.picture.source,
            self._last[0].shape[::-1],
        ) == (
            request.is_mirrored,
            request.picture.source,
            flow_px,
        )
        if not (is_same and 0.0 <= gap_s <= RESTART_S):
            before = None
        # since the picture before, not its masks
        gap_s = 0.0 if before is None else request.time_s - before.time_s
        small = cv2.resize(visible, flow_px, interpolation=cv2.INTER_AREA)
        is_new = before is None or last is None or last.picture is not request.picture
        if before is None or is_new:
            flow = self._find_people(small, gap_s, is_first=before is None)
            arrived_s = request.time_s
            interval_s = gap_s if before is not None else 0.0
            # In a loop its pictures may be smaller than the camera's.
            previous = (
                before.picture
                if before is not None and before.picture.shape == picture.shape
                else picture
            )
        else:
            flow = before.flow
            arrived_s = before.time_s
            interval_s = before.interval_s
            previous = before.previous
        mask_px = _texture_size((width, height), MASK_PX)
        mask = _found_mask(request, mask_px)
        if mask is None:
            mask = self._moving_mask(mask_px)
        echo = cv2.resize(
            picture, _texture_size(request.size_px, ECHO_PX), interpolation=cv2.INTER_AREA
        )
        echo[..., 3] = cv2.resize(mask[..., 0], echo.shape[1::-1], interpolation=cv2.INTER_LINEAR)
        self._request = request
        self._before = SourceMaps(
            picture=picture,
            previous=previous,
            mask=mask,
            flow=flow,
            objects=_object_table(request),
            echo=echo,
            time_s=arrived_s,
            interval_s=interval_s,
        )
        return self._before

    def _find_people(self, small: np.ndarray, gap_s: float, *, is_first: bool) -> np.ndarray:
        """Follow what moves. small: (height, width, 3) uint8. Returns the movement as in the
        maps."""
        height, width = small.shape[:2]
        grey = cv2.cvtColor(small, cv2.COLOR_RGB2GRAY)
        light = np.log(small.astype(np.float32) + _DARK)
        (grey_before, before), self._last = self._last, (grey, light)
        if is_first:
            self._people = np.zeros(grey.shape, np.float32)
            self._near = self._people
            self._colours = np.ones((2, _LEVELS * _HUES * _HUES), np.float32)
            self._room = LearnedRoom(light)
            self._room_age_s = 0.0
            return np.zeros((height, width, 2), np.float32)
        dis = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_FAST)
        # From the new picture back to the last one, so that it stands where the new picture's
        # pixels are.
        back = dis.calc(grey, grey_before, None)  # type: ignore[call-overload]
        motion, room = self._room.follow(light, self._people)
        before, near, people = (
            warped(plane, motion, (width, height)) for plane in (before, self._near, self._people)
        )
        aside = 1.02 - people
        change, _ = _difference(light, before, aside, slack_px=0)
        moves = np.clip((change - 3.0 * np.median(change)) / 0.06 - 1.0, 0.0, 1.0).astype(
            np.float32
        )
        self._near = np.maximum(near * np.float32(np.exp(-gap_s / NEAR_S)), moves)
        around = cv2.GaussianBlur(cv2.dilate(self._near, np.ones((9, 9), np.uint8)), (0, 0), 4)
        difference, lamp = _difference(light, room, aside, slack_px=1)
        # At the start nobody knows what the room is.
        odds = np.exp(
            np.clip((difference - 0.18) * 24.0, -5.0, 4.0) * min(1.0, self._room_age_s / NEAR_S)
        )
        of_people = np.maximum(moves, 0.5 * people * np.minimum(odds, 1.0))
        seeds = of_people, np.maximum(1.0 - 2.0 * np.minimum(around, odds), 0.0)
        near = np.clip(around, 0.02, 0.7)
        likely = self._likely_people(small, seeds, odds * near / (1.0 - near), gap_s)
        kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (_CLOSING_PX, _CLOSING_PX))
        closed = cv2.morphologyEx(cv2.GaussianBlur(likely, (3, 3), 0), cv2.MORPH_CLOSE, kernel)
        self._people = np.clip((cv2.GaussianBlur(closed, (3, 3), 0) - 0.35) / 0.3, 0.0, 1.0)
        self._room_age_s += gap_s
        # who has moved lately is not learned as room
        recent = self._people * np.minimum(3.0 * around, 1.0)
        step = gap_s * (0.15 * (1.0 - 0.95 * recent) + (1.0 + self._room_age_s) ** -2)[..., None]
        self._room.learn(np.clip(light - lamp - room, -step, step))
        return np.ascontiguousarray(back * np.array([-1.0 / width, 1.0 / height], np.float32))

    def _likely_people(
        self,
        small: np.ndarray,
        seeds: tuple[np.ndarray, np.ndarray],
        odds: np.ndarray,
        gap_s: float,
    ) -> np.ndarray:
        """Return the probability, 0..1, that each pixel is a person's.

        seeds: How surely each pixel is a person's, and the room's, 0..1: their colours are learned.
        odds: Those of a person without the colour."""
        lab = cv2.cvtColor(small, cv2.COLOR_RGB2LAB) // np.array(
            [256 // _LEVELS, 256 // _HUES, 256 // _HUES], np.uint8
        )
        bins = (lab.astype(np.intp) @ [_HUES * _HUES, _HUES, 1]).ravel()
        self._colours *= np.float32(np.exp(-gap_s / COLOURS_S))
        for kind, weight in enumerate(seeds):
            self._colours[kind] += (
                np.bincount(bins, weight.ravel(), self._colours.shape[1]) / weight.size
            )
        frequencies = self._colours / self._colours.sum(axis=1, keepdims=True) + 1e-5
        of_people, of_room = frequencies[:, bins].reshape(2, *odds.shape)
        likely: np.ndarray = of_people * odds / (of_people * odds + of_room)
        return likely.astype(np.float32)

    def _moving_mask(self, size_px: tuple[int, int]) -> np.ndarray:
        mask = np.zeros((*size_px[::-1], 4), np.uint8)
        mask[..., 0] = cv2.resize(self._people * 255, size_px, interpolation=cv2.INTER_CUBIC).clip(
            0, 255
        )
        mask[..., 3] = 255
        return mask


def _difference(
    light: np.ndarray, other: np.ndarray, weight: np.ndarray, *, slack_px: int
) -> tuple[np.ndarray, ...]:
    """Return how far each pixel of a picture is from another one, (height, width), apart from the
    light, and the light.

    light, other: Logarithms, (height, width, 3) float32. weight: Pixels by which the light is
    estimated, 0..1."""
    size_px = light.shape[1::-1]
    small_px = tuple(max(1, side // 4) for side in light.shape[1::-1])

    def spread(plane: np.ndarray) -> np.ndarray:
        small = cv2.resize(plane, small_px, interpolation=cv2.INTER_AREA)
        return cv2.resize(cv2.GaussianBlur(small, (0, 0), 2.2), size_px)

    lamp = spread((light - other) * weight[..., None]) / (spread(weight) + 1e-3)[..., None]
    kernel = np.ones((2 * slack_px + 1, 2 * slack_px + 1), np.uint8)
    beyond = np.maximum(
        light - lamp - cv2.dilate(other, kernel), cv2.erode(other, kernel) - light + lamp
    )
    furthest = cv2.reduce(beyond.reshape(-1, 3), 1, cv2.REDUCE_MAX).reshape(light.shape[:2])
    return cv2.GaussianBlur(furthest.clip(0.0), (3, 3), 0), lamp


def _texture_size(size_px: tuple[int, int], longest_px: int = MAX_SIDE_PX) -> tuple[int, int]:
    """Return a size of this shape. A side that is a power of two loses a pixel: Mesa compiles
    shaders again for it."""
    width, height = (
        side - (side > 1 and side & (side - 1) == 0) for side in fitted_size(size_px, longest_px)
    )
    return width, height


def _visible_part(request: SourceRequest) -> np.ndarray:
    """Return the pixels that fill the show's picture, not larger than it, (height, width, 3)
    uint8."""
    pixels = request.picture.pixels
    left, top, width, height = centre_crop(pixels.shape[1::-1], request.size_px)
    pixels = pixels[top : top + height, left : left + width]
    # areas where pixels would be skipped, else what takes a third of the time
    if width > request.size_px[0]:
        is_fine = width <= 2 * request.size_px[0]
        pixels = cv2.resize(
            pixels, request.size_px, interpolation=cv2.INTER_LINEAR if is_fine else cv2.INTER_AREA
        )
    width, height = _texture_size(pixels.shape[1::-1])
    pixels = pixels[:height, :width]
    return cv2.flip(pixels, 1) if request.is_mirrored else np.ascontiguousarray(pixels)


def _found_mask(request: SourceRequest, size_px: tuple[int, int]) -> np.ndarray | None:
    """Return the mask of the found objects as in the maps; None without a segmentation."""
    found = request.segmentation
    if found is None:
        return None
    side = found.masks.shape[1] if len(found.masks) else 1
    covered = np.zeros((side, side), np.uint8)
    numbers = np.zeros((side, side), np.uint8)
    for each, mask in zip(reversed(found.objects), found.masks[::-1], strict=True):
        np.maximum(covered, mask, out=covered)
        numbers[mask > 127] = encoded_id(each.id)
    left, top, width, height = _crop(request)
    # From the centre of a pixel of the map to the texel of the masks there.
    (columns, rows), is_mirrored = size_px, request.is_mirrored and not request.is_of_finished
    across, down = width * side / columns, height * side / rows
    start = (
        (left + width) * side - 0.5 - across / 2 if is_mirrored else left * side - 0.5 + across / 2
    )
    matrix = np.array(
        [[-across if is_mirrored else across, 0, start], [0, down, top * side - 0.5 + down / 2]]
    )
    mask = np.zeros((rows, columns, 4), np.uint8)
    for channel, (plane, kind) in enumerate(
        ((covered, cv2.INTER_LINEAR), (numbers, cv2.INTER_NEAREST))
    ):
        flags = kind | cv2.WARP_INVERSE_MAP
        mask[..., channel] = cv2.warpAffine(
            plane, matrix, size_px, flags=flags, borderMode=cv2.BORDER_REPLICATE
        )
    mask[..., 2:] = 255
    return mask


def _crop(request: SourceRequest) -> tuple[float, float, float, float]:
    """Return left, top, width and height of the shown part of the segmented picture, as parts of
    its sides."""
    assert request.segmentation is not None
    if request.is_of_finished:
        return 0.0, 0.0, 1.0, 1.0
    full_width, full_height = request.segmentation.picture_px
    left, top, width, height = centre_crop((full_width, full_height), request.size_px)
    return left / full_width, top / full_height, width / full_width, height / full_height


def _object_table(request: SourceRequest) -> np.ndarray:
    """Return the objects as in the maps, in the coordinates of the shown picture."""
    table = np.zeros((3, MAX_LIVE_OBJECTS + 1, 4), np.float32)
    if request.segmentation is None:
        return table
    left, top, width, height = _crop(request)
    for index, each in enumerate(request.segmentation.objects[:MAX_LIVE_OBJECTS]):
        x, y = (each.box[0] - left) / width, (each.box[1] - top) / height
        if request.is_mirrored and not request.is_of_finished:
            x = 1.0 - x
        table[2, index] = x, 1.0 - y, each.box[2] / width, each.box[3] / height
        table[1, index] = each.id, each.score, each.prompt, 1.0
    return table
