"""Shapes of visible masks: polygons along the edges of pixels, and rotated boxes."""

import numpy as np

from engine.jobs.dataset.labels.record import LabelledThing


def polygons_of(thing: LabelledThing) -> list[np.ndarray]:
    """Outer edges of the separate parts of its mask, (n, 2) float64 px of the picture, without holes; largest first.

    A corner of a polygon is a corner of a pixel, so the polygon covers exactly the mask and its holes. OpenCV traces
    centres of pixels; here it traces those of quarter pixels, which are moved to the edge that they touch.
    """
    import cv2

    quarters = np.repeat(np.repeat(thing.mask, 2, axis=0), 2, axis=1).astype(np.uint8)
    traced, _ = cv2.findContours(quarters, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)
    polygons = [_corners_only((line[:, 0] + 1) // 2) + np.array(thing.box[:2]) for line in traced]
    return sorted(polygons, key=lambda polygon: -area_of(polygon))


def area_of(polygon: np.ndarray) -> float:
    """Square px inside a polygon, (n, 2), that does not cross itself."""
    x, y = polygon.T
    return float(abs(x @ np.roll(y, -1) - y @ np.roll(x, -1))) / 2


def joined(polygons: list[np.ndarray]) -> np.ndarray:
    """One polygon through all of these: parts are joined by bridges without width between their nearest corners."""
    whole, *others = polygons
    for other in others:
        gaps = ((whole[:, None] - other[None]) ** 2).sum(axis=2)  # (n, m)
        here, there = np.unravel_index(int(gaps.argmin()), gaps.shape)
        loop = np.roll(other, -int(there), axis=0)
        whole = np.concatenate([whole[: here + 1], loop, loop[:1], whole[here:]])
    return whole


def rotated_box(thing: LabelledThing, width_px: int, height_px: int) -> np.ndarray:
    """The four corners of the smallest box around its visible pixels, in order around it, (4, 2) px.

    Trainers reject corners outside the picture. Where the smallest box has one there, this is the upright box.
    """
    import cv2

    rows, columns = np.nonzero(thing.mask)
    x0, y0, x1, y1 = thing.box
    # Corners of the first and last pixel of each row: the others are between them.
    starts = np.unique(rows, return_index=True)[1]
    ends = np.append(starts[1:], len(rows)) - 1
    edges = [
        (columns[place] + across, rows[place] + along) for place, across in ((starts, 0), (ends, 1)) for along in (0, 1)
    ]
    points = np.concatenate([np.stack(each, axis=1) for each in edges]) + np.array([x0, y0])
    corners = cv2.boxPoints(cv2.minAreaRect(points.astype(np.float32))).astype(np.float64)
    is_outside = (corners < -0.01).any() or (corners > np.array([width_px, height_px]) + 0.01).any()
    if is_outside:
        return np.array([[x0, y0], [x1, y0], [x1, y1], [x0, y1]], np.float64)
    clipped: np.ndarray = np.clip(corners, 0, (width_px, height_px))
    return clipped


def _corners_only(polygon: np.ndarray) -> np.ndarray:
    """Without repeated points and points on straight lines, (n, 2) float64."""
    points = polygon[(polygon != np.roll(polygon, 1, axis=0)).any(axis=1)].astype(np.float64)
    before, after = points - np.roll(points, 1, axis=0), np.roll(points, -1, axis=0) - points
    corners: np.ndarray = points[before[:, 0] * after[:, 1] != before[:, 1] * after[:, 0]]
    return corners
