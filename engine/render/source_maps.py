"""Maps of layer 5's source for shaders: who is in the picture, how it moves, and the picture itself as it is shown.

People are SAM3's where it runs. Elsewhere they are found by motion, luma and colour: a pixel is a person's if something
moved near it, if it differs from the empty room, and if its colour occurs more among what moved than in the rest
(histogram backprojection; Swain and Ballard 1991, https://doi.org/10.1007/BF00130487). The room is learned as the
median of each pixel, step by step (McFarlane and Schofield 1995, https://doi.org/10.1007/BF01215814), and follows the
camera's pan by phase correlation. Logarithms are compared, apart from a change of the light around a pixel: a lamp that
moves is nobody. The movement in the maps is dense optical flow (DIS; Kroeger et al. 2016, https://arxiv.org/abs/1603.03590).
"""

import logging
import time
from collections.abc import Iterable
from dataclasses import dataclass, field

import numpy as np

from engine.render.masks import SourceMaps, encoded_id
from engine.render.newest_thread import NewestThread
from engine.render.picture import centre_crop, fitted_size
from engine.system.guarded_thread import Guard
from engine.system.reporting import Report
from engine.values import MAX_LIVE_OBJECTS, Segmentation, VideoFrame

log = logging.getLogger(__name__)

FLOW_PX, MASK_PX, ECHO_PX, MAX_SIDE_PX = 160, 320, 480, 16384  # longer sides
NEAR_S = 4.0  # time constant in which a place where something moved loses its weight
COLOURS_S = 12.0  # of the colours of the body and of the room
_LEVELS, _HUES = 8, 64  # bins of lightness and of each of the two hue axes (CIELAB)
_DARK = 5.0  # of 255, added before logarithms: below is noise
SLOW_S, REST, MAX_REST_S = 0.005, 3.0, 0.1
"""A machine that takes longer for a picture rests so many times as long after it: it maps fewer, none is late."""
MAX_PAN_PX = 16.0  # between two pictures
TOLD_AFTER_S = 2.0
RESTART_S = 2.0  # after a gap this long, or in another size, the analysis begins again
_NO_SOURCE = "layer 5 has no source, so nobody's body is in the picture: run with --camera 0 or a film, or /camera/open"
_NO_MODEL = "people are found by motion and colour; a segmentation model finds them exactly, each with a number"
_CLOSING_PX = 7
_NONE: np.ndarray = np.zeros((0, 0), np.float32)


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
    """True if the objects were found in the show's own picture, which is neither cropped nor mirrored."""
    time_s: float = field(compare=False)
    """Due time of the frame."""


class SourceMapper:
    """Maps the newest picture on a thread of its own; older ones are dropped. Render thread."""

    def __init__(self, report: Report) -> None:
        self._report = report
        self._missing = ""
        self.other_readers: set[str] = set()
        """Shaders of the second output that read them."""
        self._since_s: float | None = None
        self._analysis = SourceAnalysis()
        self._last: SourceRequest | None = None
        self.latest: SourceMaps | None = None
        """The newest finished maps; None while no shader of the show reads them."""
        guard = Guard(log, report, "source", "the maps of layer 5's source failed, the last ones stay")
        self._thread = NewestThread("source maps", self._map_and_rest, guard)

    def maps(
        self, request: SourceRequest | None, *, readers: Iterable[str], time_s: float, is_offline: bool
    ) -> SourceMaps | None:
        """Return the newest finished maps, offline those of this request; None without a picture, and at the start.

        readers: Names of the shaders that read them; what they miss is reported once. time_s: Due time of the frame."""
        self._report_missing(", ".join(sorted(readers)), request, time_s)
        if request is None:
            self._last = self.latest = None
        elif request != self._last:
            self._last = request
            if is_offline:
                self._map(request)
            else:
                self._thread.submit(request)
        return self.latest

    def close(self) -> None:
        """Stop the thread and wait for it."""
        self._thread.close()

    def _report_missing(self, readers: str, request: SourceRequest | None, time_s: float) -> None:
        """Report what these shaders miss, once it has been missing for a while: a camera opens in a second or two.
        Another look that misses the same is not told again."""
        missing = (
            "" if request is not None and request.segmentation is not None else _NO_MODEL if request else _NO_SOURCE
        )
        if readers and missing != self._missing:
            self._missing, self._since_s = missing, time_s
        if readers and self._since_s is not None and time_s - self._since_s >= TOLD_AFTER_S:
            self._since_s = None
            if missing:
                self._report("source", f"{readers}: {missing}")

    def _map(self, request: SourceRequest) -> None:
        maps = self._analysis.compute(request)
        if self._last is not None:  # else the source has ended meanwhile
            self.latest = maps

    def _map_and_rest(self, request: SourceRequest) -> None:
        began_s = time.perf_counter()
        self._map(request)
        if (spent_s := time.perf_counter() - began_s) > SLOW_S:
            time.sleep(min(REST * spent_s, MAX_REST_S))


class SourceAnalysis:
    """Computes maps; keeps the last picture, where something moved, and the colours of people and room. One thread."""

    def __init__(self) -> None:
        self._before: SourceMaps | None = None
        self._request: SourceRequest | None = None
        self._near = self._people = self._colours = self._room = self._rest = _NONE
        self._last, self._room_age_s = (_NONE, _NONE), 0.0

    def compute(self, request: SourceRequest) -> SourceMaps:
        """Map one picture. OpenCV releases the GIL in each step; 7 ms for 720p."""
        import cv2  # it costs 0.1 s to import, and most shows need no maps

        visible = _visible_part(request)
        height, width = visible.shape[:2]
        picture = cv2.cvtColor(visible, cv2.COLOR_RGB2RGBA)
        before, last = self._before, self._request
        gap_s = request.time_s - last.time_s if last is not None else 0.0
        is_other = last is None or (last.is_mirrored, last.picture.source) != (
            request.is_mirrored,
            request.picture.source,
        )
        if is_other or before is None or before.picture.shape != picture.shape or not 0.0 <= gap_s <= RESTART_S:
            before = None
        gap_s = 0.0 if before is None else request.time_s - before.time_s  # since the picture before, not its masks
        flow_px = _texture_size((width, height), FLOW_PX)
        small = cv2.resize(visible, flow_px, interpolation=cv2.INTER_AREA)
        is_new = before is None or last is None or last.picture is not request.picture
        if before is None or is_new:
            flow = self._find_people(small, gap_s, is_first=before is None)
            arrived_s, interval_s = request.time_s, gap_s if before is not None else 0.0
            previous = before.picture if before is not None else picture
        else:
            flow, arrived_s, interval_s, previous = before.flow, before.time_s, before.interval_s, before.previous
        mask_px = _texture_size((width, height), MASK_PX)
        if (mask := _found_mask(request, mask_px)) is None:
            mask = self._moving_mask(mask_px)
        echo = cv2.resize(picture, _texture_size(request.size_px, ECHO_PX), interpolation=cv2.INTER_AREA)
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
        """Follow what moves. small: (height, width, 3) uint8. Returns the movement as in the maps."""
        import cv2

        height, width = small.shape[:2]
        grey, light = cv2.cvtColor(small, cv2.COLOR_RGB2GRAY), np.log(small.astype(np.float32) + _DARK)
        (grey_before, before), self._last = self._last, (grey, light)
        if is_first:
            self._people = self._near = np.zeros(grey.shape, np.float32)
            self._colours = np.ones((2, _LEVELS * _HUES * _HUES), np.float32)
            self._room, self._room_age_s, self._rest = light, 0.0, np.zeros(2, np.float32)
            return np.zeros((height, width, 2), np.float32)
        dis = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_FAST)
        # From the new picture back to the last one, so that it stands where the new picture's pixels are.
        back = dis.calc(grey, grey_before, None)  # type: ignore[call-overload]
        pan = self._pan(light)
        before, shift = _moved(before, pan - self._rest), np.round(pan)  # whole pixels: the planes must not blur
        self._rest = pan - shift
        near, people, room = (_moved(plane, shift) for plane in (self._near, self._people, self._room))
        aside = 1.02 - people
        change, _ = _difference(light, before, aside, slack_px=0)
        moves = np.clip((change - 3.0 * np.median(change)) / 0.06 - 1.0, 0.0, 1.0).astype(np.float32)
        self._near = np.maximum(near * np.float32(np.exp(-gap_s / NEAR_S)), moves)
        around = cv2.GaussianBlur(cv2.dilate(self._near, np.ones((9, 9), np.uint8)), (0, 0), 4)
        difference, lamp = _difference(light, room, aside, slack_px=1)
        # At the start nobody knows what the room is.
        odds = np.exp(np.clip((difference - 0.18) * 24.0, -5.0, 4.0) * min(1.0, self._room_age_s / NEAR_S))
        of_people = np.maximum(moves, 0.5 * people * np.minimum(odds, 1.0))
        seeds = of_people, np.maximum(1.0 - 2.0 * np.minimum(around, odds), 0.0)
        near = np.clip(around, 0.02, 0.7)
        likely = self._likely_people(small, seeds, odds * near / (1.0 - near), gap_s)
        kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (_CLOSING_PX, _CLOSING_PX))
        closed = cv2.morphologyEx(cv2.GaussianBlur(likely, (3, 3), 0), cv2.MORPH_CLOSE, kernel)
        self._people = np.clip((cv2.GaussianBlur(closed, (3, 3), 0) - 0.35) / 0.3, 0.0, 1.0)
        self._room_age_s += gap_s
        recent = self._people * np.minimum(3.0 * around, 1.0)  # who has moved lately is not learned as room
        step = gap_s * (0.15 * (1.0 - 0.95 * recent) + (1.0 + self._room_age_s) ** -2)[..., None]
        self._room = room + np.clip(light - lamp - room, -step, step)
        return np.ascontiguousarray(back * np.array([-1.0 / width, 1.0 / height], np.float32))

    def _pan(self, light: np.ndarray) -> np.ndarray:
        """Return where the room was in its picture: (2,) float32, x and y in pixels; 0 if that is not clear."""
        import cv2

        greys = [cv2.cvtColor(plane, cv2.COLOR_RGB2GRAY) for plane in (self._room, light)]
        fine = [
            np.clip(grey - cv2.GaussianBlur(grey, (0, 0), 3), -0.15, 0.15) * (1.02 - self._people) for grey in greys
        ]
        window = cv2.createHanningWindow(light.shape[1::-1], cv2.CV_32F)
        pan, clearness = cv2.phaseCorrelate(fine[1], fine[0], window)
        return np.array(pan if clearness > 0.05 and max(map(abs, pan)) < MAX_PAN_PX else (0.0, 0.0), np.float32)

    def _likely_people(
        self, small: np.ndarray, seeds: tuple[np.ndarray, np.ndarray], odds: np.ndarray, gap_s: float
    ) -> np.ndarray:
        """Return the probability, 0..1, that each pixel is a person's.

        seeds: How surely each pixel is a person's, and the room's, 0..1: their colours are learned. odds: Those of a
        person without the colour."""
        import cv2

        lab = cv2.cvtColor(small, cv2.COLOR_RGB2LAB) // np.array([256 // _LEVELS, 256 // _HUES, 256 // _HUES], np.uint8)
        bins = (lab.astype(np.intp) @ [_HUES * _HUES, _HUES, 1]).ravel()
        self._colours *= np.float32(np.exp(-gap_s / COLOURS_S))
        for kind, weight in enumerate(seeds):
            self._colours[kind] += np.bincount(bins, weight.ravel(), self._colours.shape[1]) / weight.size
        frequencies = self._colours / self._colours.sum(axis=1, keepdims=True) + 1e-5
        of_people, of_room = frequencies[:, bins].reshape(2, *odds.shape)
        likely: np.ndarray = of_people * odds / (of_people * odds + of_room)
        return likely.astype(np.float32)

    def _moving_mask(self, size_px: tuple[int, int]) -> np.ndarray:
        import cv2

        mask = np.zeros((*size_px[::-1], 4), np.uint8)
        mask[..., 0] = cv2.resize(self._people * 255, size_px, interpolation=cv2.INTER_CUBIC).clip(0, 255)
        mask[..., 3] = 255
        return mask


def _difference(light: np.ndarray, other: np.ndarray, weight: np.ndarray, *, slack_px: int) -> tuple[np.ndarray, ...]:
    """Return how far each pixel of a picture is from another one, (height, width), apart from the light, and the light.

    light, other: Logarithms, (height, width, 3) float32. weight: Pixels by which the light is estimated, 0..1."""
    import cv2

    size_px, small_px = light.shape[1::-1], tuple(max(1, side // 4) for side in light.shape[1::-1])

    def spread(plane: np.ndarray) -> np.ndarray:
        small = cv2.resize(plane, small_px, interpolation=cv2.INTER_AREA)
        return cv2.resize(cv2.GaussianBlur(small, (0, 0), 2.2), size_px)

    lamp = spread((light - other) * weight[..., None]) / (spread(weight) + 1e-3)[..., None]
    kernel = np.ones((2 * slack_px + 1, 2 * slack_px + 1), np.uint8)
    beyond = np.maximum(light - lamp - cv2.dilate(other, kernel), cv2.erode(other, kernel) - light + lamp)
    furthest = cv2.reduce(beyond.reshape(-1, 3), 1, cv2.REDUCE_MAX).reshape(light.shape[:2])
    return cv2.GaussianBlur(furthest.clip(0.0), (3, 3), 0), lamp


def _moved(plane: np.ndarray, pan: np.ndarray) -> np.ndarray:
    """Return a plane moved as the camera has panned: by `pan`, (2,) in pixels, back to where it was."""
    import cv2

    matrix = np.array([[1, 0, pan[0]], [0, 1, pan[1]]], np.float32)
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    return cv2.warpAffine(plane, matrix, plane.shape[1::-1], flags=flags, borderMode=cv2.BORDER_REPLICATE)


def _texture_size(size_px: tuple[int, int], longest_px: int = MAX_SIDE_PX) -> tuple[int, int]:
    """Return a size of this shape. A side that is a power of two loses a pixel: for those Mesa compiles each shader
    once more."""
    width, height = (side - (side > 1 and side & (side - 1) == 0) for side in fitted_size(size_px, longest_px))
    return width, height


def _visible_part(request: SourceRequest) -> np.ndarray:
    """Return the pixels that fill the show's picture, not larger than it, (height, width, 3) uint8."""
    import cv2

    pixels = request.picture.pixels
    left, top, width, height = centre_crop(pixels.shape[1::-1], request.size_px)
    pixels = pixels[top : top + height, left : left + width]
    if width > request.size_px[0]:  # areas where pixels would be skipped, else what takes a third of the time
        is_fine = width <= 2 * request.size_px[0]
        pixels = cv2.resize(pixels, request.size_px, interpolation=cv2.INTER_LINEAR if is_fine else cv2.INTER_AREA)
    width, height = _texture_size(pixels.shape[1::-1])
    pixels = pixels[:height, :width]
    return cv2.flip(pixels, 1) if request.is_mirrored else np.ascontiguousarray(pixels)


def _found_mask(request: SourceRequest, size_px: tuple[int, int]) -> np.ndarray | None:
    """Return the mask of the found objects as in the maps; None without a segmentation."""
    import cv2

    if (found := request.segmentation) is None:
        return None
    side = found.masks.shape[1] if len(found.masks) else 1
    covered, numbers = np.zeros((side, side), np.uint8), np.zeros((side, side), np.uint8)
    for each, mask in zip(reversed(found.objects), found.masks[::-1], strict=True):
        np.maximum(covered, mask, out=covered)
        numbers[mask > 127] = encoded_id(each.id)
    left, top, width, height = _crop(request)
    # From the centre of a pixel of the map to the texel of the masks there.
    (columns, rows), is_mirrored = size_px, request.is_mirrored and not request.is_of_finished
    across, down = width * side / columns, height * side / rows
    start = (left + width) * side - 0.5 - across / 2 if is_mirrored else left * side - 0.5 + across / 2
    matrix = np.array([[-across if is_mirrored else across, 0, start], [0, down, top * side - 0.5 + down / 2]])
    mask = np.zeros((rows, columns, 4), np.uint8)
    for channel, (plane, kind) in enumerate(((covered, cv2.INTER_LINEAR), (numbers, cv2.INTER_NEAREST))):
        flags = kind | cv2.WARP_INVERSE_MAP
        mask[..., channel] = cv2.warpAffine(plane, matrix, size_px, flags=flags, borderMode=cv2.BORDER_REPLICATE)
    mask[..., 2:] = 255
    return mask


def _crop(request: SourceRequest) -> tuple[float, float, float, float]:
    """Return left, top, width and height of the shown part of the segmented picture, as parts of its sides."""
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
