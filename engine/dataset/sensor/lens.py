"""Models lens distortion, and applies it to a rendered picture.

The model is Brown-Conrady with two radial coefficients, as in OpenCV, DJI's DewarpData and COLMAP.
Let x and y be the tangents of a ray's angle to the axis, and r^2 = x^2 + y^2. The ray moves to (x,
y) * (1 + k1 r^2 + k2 r^4). Lateral chromatic aberration makes the red picture a little larger than
the green one, and the blue picture as much smaller.

Pixels count from the window's top left corner, which is (0, 0), as those of SiteCamera do; OpenCV
counts from the middle of the first pixel, so there the principal point is half a pixel less.
"""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from engine.dataset.geometry.batches import Rendered
from engine.dataset.scene.camera import SiteCamera

MIN_K2_RATIO = -0.4  # k2 r^4 by k1 r^2 in the corner; -0.33 in the DewarpData of a Phantom 4 RTK
# of the polynomial that inverts the lens
DEGREE = 9
SAMPLES = 256
ROWS_AT_ONCE = 256
CUBIC_PX = 3  # pixels that a cubic interpolation needs on each side, and one for aberration


@dataclass(frozen=True, kw_only=True)
class Lens:
    width_px: int  # size of the window
    height_px: int
    focal_px: float
    # principal point: column and row of the window; may lie outside it
    center_px: tuple[float, float]
    k1: float
    k2: float
    red: float = (
        1.0  # size of the red picture by that of the green one; the blue picture has the inverse
    )

    def forward(self, pixels: np.ndarray) -> np.ndarray:
        """Map (n, 2) pixels of the pinhole camera to (n, 2) pixels of the photograph."""
        local = (np.asarray(pixels, np.float64) - self.center_px) / self.focal_px
        s = (local**2).sum(axis=1, keepdims=True)
        moved: np.ndarray = (
            local * (1 + self.k1 * s + self.k2 * s**2) * self.focal_px + self.center_px
        )
        return moved

    def backward(self, pixels: np.ndarray) -> np.ndarray:
        """Map (n, 2) pixels of the photograph to pixels of the pinhole camera, within 0.001 px in
        the window."""
        local = np.asarray(pixels, np.float64) - self.center_px
        square = (local**2).sum(axis=1, keepdims=True)
        moved: np.ndarray = (
            local * np.polynomial.polynomial.polyval(square, self.series) + self.center_px
        )
        return moved

    @cached_property
    def series(self) -> np.ndarray:
        """Coefficients, (DEGREE + 1,) float64, of pinhole r / photograph r as polynomial in squared
        distance in px."""
        # r^2 of the window's farthest corner in the photograph, and a little more.
        x, y = (
            max(abs(center), abs(size - center)) / self.focal_px
            for center, size in zip(self.center_px, (self.width_px, self.height_px), strict=True)
        )
        farthest = (x * x + y * y) * 1.02
        nodes = (1 - np.cos(np.linspace(0, np.pi, SAMPLES))) / 2  # of r^2; dense at both ends
        target_r = np.sqrt(np.maximum(nodes, 1e-12) * farthest)
        r = target_r.copy()
        for _ in range(30):  # Newton; the range of `distortion` keeps the function rising
            s = r * r
            r -= (r * (1 + self.k1 * s + self.k2 * s * s) - target_r) / (
                1 + 3 * self.k1 * s + 5 * self.k2 * s * s
            )
        fitted = np.polynomial.polynomial.polyfit(nodes, r / target_r, DEGREE)
        return fitted / (farthest * self.focal_px**2) ** np.arange(DEGREE + 1)

    def margins(self) -> tuple[int, int, int, int]:
        """Pixels that the pinhole camera must draw beyond the window: left, top, right, bottom."""
        width, height = self.width_px, self.height_px
        x, y = np.arange(width + 1.0), np.arange(height + 1.0)
        edges = ((x, 0), (x, height), (0, y), (width, y))
        border = self.backward(
            np.concatenate([np.stack(np.broadcast_arrays(*edge), axis=1) for edge in edges])
        )
        largest = max(self.red, 1 / self.red)
        border = np.concatenate([border, (border - self.center_px) * largest + self.center_px])
        low, high = border.min(axis=0), border.max(axis=0)
        beyond = (-low[0], -low[1], high[0] - width, high[1] - height)
        left, top, right, bottom = (max(0, int(np.ceil(each)) + CUBIC_PX) for each in beyond)
        return left, top, right, bottom

    def as_json(self) -> dict[str, Any]:
        """Intrinsics for the manifest."""
        return {
            "focal_px": self.focal_px,
            "center_px": list(self.center_px),
            "k1": self.k1,
            "k2": self.k2,
        }


def lens_of(camera: SiteCamera, distortion: float, aberration_px: float, k2_ratio: float) -> Lens:
    """Make the lens, for any window, that moves the sensor's corner by `distortion` percent of its
    distance from the axis, and there red by `aberration_px` beyond green. `k2_ratio`: k2 r^4 by k1
    r^2 in the corner."""
    corner = float(np.hypot(camera.sensor_width_px, camera.sensor_height_px)) / 2 / camera.focal_px
    k1 = distortion / 100 / (1 + k2_ratio) / corner**2
    return Lens(
        width_px=camera.width_px,
        height_px=camera.height_px,
        focal_px=camera.focal_px,
        center_px=camera.center_px,
        k1=k1,
        k2=k1 * k2_ratio / corner**2,
        red=1 + aberration_px / (corner * camera.focal_px),
    )


def apply_lens(rendered: Rendered, lens: Lens, left_px: int, top_px: int) -> Rendered:
    """Distort a picture: the photograph's window of one that was drawn `left_px` and `top_px`
    wider: colours interpolated (cubic, in steps of 1/32 px), numbers and depth from the nearest
    pixel."""
    import cv2

    from engine.dataset.sensor.kernels import map_rows, pick_nearest

    height, width = lens.height_px, lens.width_px
    colors = np.empty((height, width, 3), np.uint8)
    instances = np.empty((height, width), np.uint16)
    depth_m = np.empty((height, width), np.float32)
    center = np.array(lens.center_px)
    shift = np.array([left_px, top_px], np.float64)
    is_split = lens.red != 1
    sources = (
        [cv2.extractChannel(rendered.colors, c) for c in range(3)]
        if is_split
        else [rendered.colors]
    )
    sizes = np.array([1 / lens.red, 1.0, lens.red] if is_split else [1.0])
    green = len(sizes) // 2
    # for Numba, a read-only array is another type
    numbers = np.require(rendered.instances, np.uint16, ("C", "W"))
    depths_m = np.require(rendered.depth_m, np.float32, ("C", "W"))
    for top in range(0, height, ROWS_AT_ONCE):
        rows = slice(top, min(top + ROWS_AT_ONCE, height))
        shape = (len(sizes), rows.stop - rows.start, width)
        coordinates = np.empty(shape, "<i4")
        fractions = np.empty(shape, np.uint16)
        map_rows(coordinates, fractions, lens.series, top, center, shift, sizes)
        pairs = coordinates.view("<i2").reshape(*shape, 2)
        planes = [
            cv2.remap(
                source, pairs[n], fractions[n], cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE
            )
            for n, source in enumerate(sources)
        ]
        colors[rows] = cv2.merge(planes) if is_split else planes[0]
        pick_nearest(
            instances, depth_m, numbers, depths_m, coordinates[green], fractions[green], top
        )
    return Rendered(colors=colors, instances=instances, depth_m=depth_m, renderer=rendered.renderer)
