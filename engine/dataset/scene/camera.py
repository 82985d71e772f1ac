"""The camera of a picture: a pinhole, its direction, and the window of its sensor that is drawn."""

from dataclasses import dataclass, replace
from typing import Annotated, Any

import numpy as np
from msgspec import Meta

from engine.dataset.options import MAX_SIDE_PX
from engine.dataset.scene.things import Number, Turn

CAMERA_HEIGHT_M = 100.0
FIELD_OF_VIEW_DEG = 90.0  # metres across the width of the picture

SensorSide = Annotated[int, Meta(ge=16, le=8 * MAX_SIDE_PX)]
WindowOffset = Annotated[int, Meta(ge=-8 * MAX_SIDE_PX, le=8 * MAX_SIDE_PX)]


@dataclass(frozen=True, slots=True, kw_only=True)
class SiteCamera:
    """A pinhole above the site; without yaw, pitch and roll it looks straight down, north at the
    top. Camera space: x right and y up in the picture, z against the view; a depth is along the
    axis. The window may be any part of the sensor, or extend beyond it."""

    # size of the window, which is the picture
    width_px: Annotated[int, Meta(ge=16, le=MAX_SIDE_PX)]
    height_px: Annotated[int, Meta(ge=16, le=MAX_SIDE_PX)]
    height_m: Annotated[float, Meta(ge=1, le=2000)] = CAMERA_HEIGHT_M  # above z = 0
    field_of_view_deg: Annotated[float, Meta(ge=1, le=150)] = (
        FIELD_OF_VIEW_DEG  # across the width of the sensor
    )
    x_m: Number = 0.0
    y_m: Number = 0.0
    yaw_deg: Turn = 0.0  # compass direction of the picture's top: 0 north, 90 east
    pitch_deg: Annotated[float, Meta(ge=-89, le=89)] = 0.0
    """Angle between the axis and straight down, towards the picture's top. Below 90."""
    roll_deg: Turn = (
        0.0  # rotation of the camera around its axis after that, clockwise seen from behind it
    )
    sensor_px: tuple[SensorSide, SensorSide] | None = (
        None  # width and height; None: the window is the sensor
    )
    strip_overlap: Annotated[float, Meta(ge=0, le=0.95)] | None = None
    """Share of the view that the next one of a strip of views shows, too; None outside strips."""
    left_px: WindowOffset = 0  # column and row of the sensor where the window begins
    top_px: WindowOffset = 0

    @property
    def sensor_width_px(self) -> int:
        return self.sensor_px[0] if self.sensor_px else self.width_px

    @property
    def sensor_height_px(self) -> int:
        return self.sensor_px[1] if self.sensor_px else self.height_px

    @property
    def focal_px(self) -> float:
        return self.sensor_width_px / 2 / float(np.tan(np.radians(self.field_of_view_deg) / 2))

    @property
    def center_px(self) -> tuple[float, float]:
        """Column and row of the window where the axis meets it; may lie outside it."""
        return self.sensor_width_px / 2 - self.left_px, self.sensor_height_px / 2 - self.top_px

    @property
    def heading_deg(self) -> float:
        """Compass direction of the picture's top, 0..360; exact if the camera looks straight
        down."""
        return (self.yaw_deg + self.roll_deg) % 360

    @property
    def gsd_m(self) -> float:
        """Ground sample distance: metres of level ground at z = 0 across one pixel at the axis,
        looking down."""
        return self.height_m / self.focal_px

    @property
    def position_m(self) -> np.ndarray:
        """Position of the pinhole, (3,)."""
        return np.array([self.x_m, self.y_m, self.height_m])

    @property
    def rotation(self) -> np.ndarray:
        """Rotation from world to camera space, (3, 3) float64; exactly the identity without yaw,
        pitch and roll."""
        yaw, pitch, roll = np.radians([self.yaw_deg, self.pitch_deg, self.roll_deg])
        turn = np.array([[np.cos(yaw), -np.sin(yaw), 0], [np.sin(yaw), np.cos(yaw), 0], [0, 0, 1]])
        lean = np.array(
            [[1, 0, 0], [0, np.cos(pitch), np.sin(pitch)], [0, -np.sin(pitch), np.cos(pitch)]]
        )
        spin = np.array(
            [[np.cos(roll), -np.sin(roll), 0], [np.sin(roll), np.cos(roll), 0], [0, 0, 1]]
        )
        # Rounded, because processors differ in the last bit of a cosine; `+ 0.0` leaves no negative
        # zeros.
        rotation: np.ndarray = np.round(spin @ lean @ turn, 12) + 0.0
        return rotation

    @property
    def is_plain(self) -> bool:
        """True if it looks straight down from above the origin, with north at the top."""
        return self.x_m == self.y_m == 0 and bool((self.rotation == np.eye(3)).all())

    @property
    def corners_px(self) -> np.ndarray:
        """Corners of the window, (4, 2), clockwise from the top left."""
        width, height = self.width_px, self.height_px
        return np.array([[0, 0], [width, 0], [width, height], [0, height]], np.float64)

    def depth_of(self, points: np.ndarray) -> np.ndarray:
        """Depth of points, (n,) metres along the axis; negative behind the camera."""
        back = self.rotation[2]
        x, y, z = (
            np.asarray(points[:, axis], np.float64) - self.position_m[axis] for axis in range(3)
        )
        depths: np.ndarray = -(x * back[0] + y * back[1] + z * back[2])
        return depths

    def pixel_of(self, points: np.ndarray) -> np.ndarray:
        """Project (n, 3) metres before the camera to (n, 2) column and row of the window, whose
        corner is (0, 0)."""
        local = (np.asarray(points, np.float64) - self.position_m) @ self.rotation.T
        scale = self.focal_px / -local[:, 2]
        column, row = self.center_px
        return np.stack([column + local[:, 0] * scale, row - local[:, 1] * scale], axis=1)

    def on_level(self, pixels: np.ndarray, z_m: float = 0.0) -> np.ndarray:
        """(n, 2) x and y where the rays of (n, 2) pixels meet the level at `z_m`; NaN for rays that
        do not fall."""
        ways = self.rays_of(pixels)
        with np.errstate(divide="ignore", invalid="ignore"):
            far = np.where(ways[:, 2] < 0, (z_m - self.height_m) / ways[:, 2], np.nan)
        met: np.ndarray = self.position_m[:2] + ways[:, :2] * far[:, None]
        return met

    def drops_of(self, pixels: np.ndarray) -> np.ndarray:
        """Metres, (n,), by which the rays through these pixels fall per metre of depth; 1 if the
        camera looks straight down, 0 and less from the horizon upwards."""
        return -self.rays_of(pixels)[:, 2]

    def rays_of(self, pixels: np.ndarray) -> np.ndarray:
        """Directions in the world, (n, 3), of the rays through these pixels, (n, 2), per metre of
        depth."""
        local = np.column_stack(
            [self._off_axis(pixels) / self.focal_px, np.full(len(pixels), -1.0)]
        )
        rays: np.ndarray = local @ self.rotation  # the inverse of a rotation is its transpose
        return rays

    def slab(self, low_m: float, high_m: float, farthest_m: float) -> np.ndarray:
        """(8, 3) metres: the corner rays at the levels `low_m` (first four) and `high_m`, at most
        `farthest_m` deep."""
        off_px = self._off_axis(self.corners_px)
        drops = self.drops_of(self.corners_px)
        ends = []
        for z_m in (low_m, high_m):
            with np.errstate(divide="ignore", invalid="ignore"):
                depths = np.where(drops > 0, max(self.height_m - z_m, 0.0) / drops, np.inf)
            is_met = depths <= farthest_m
            depths = np.where(is_met, depths, farthest_m)
            local = np.column_stack([depths[:, None] * off_px / self.focal_px, -depths])
            points = local @ self.rotation + self.position_m
            points[is_met, 2] = z_m
            ends.append(points)
        return np.concatenate(ends)

    def _off_axis(self, pixels: np.ndarray) -> np.ndarray:
        """(n, 2) px from the axis to these pixels, right and up."""
        column, row = self.center_px
        return np.stack([pixels[:, 0] - column, row - pixels[:, 1]], axis=1)

    def window(self, left_px: int, top_px: int, width_px: int, height_px: int) -> "SiteCamera":
        """The same camera with another window; left and top relative to this one's."""
        return replace(
            self,
            sensor_px=(self.sensor_width_px, self.sensor_height_px),
            left_px=self.left_px + left_px,
            top_px=self.top_px + top_px,
            width_px=width_px,
            height_px=height_px,
        )


def camera_values(camera: SiteCamera) -> dict[str, Any]:
    """Intrinsics (fx, fy, cx, cy in px; the top left corner is (0, 0)) and extrinsics: pixels = K
    (R (X - place)), with OpenCV's axes: x right, y down, z along the view. The world is x east, y
    north, z up, in metres."""
    cx, cy = camera.center_px
    x_axis, y_axis, z_axis = camera.rotation
    values: dict[str, Any] = {
        "width": camera.width_px,
        "height": camera.height_px,
        "fx": camera.focal_px,
        "fy": camera.focal_px,
        "cx": cx,
        "cy": cy,
        "sensor_width": camera.sensor_width_px,
        "sensor_height": camera.sensor_height_px,
        "left": camera.left_px,
        "top": camera.top_px,
        "field_of_view_deg": camera.field_of_view_deg,
        "place": camera.position_m.tolist(),
        "rotation": [x_axis.tolist(), (0.0 - y_axis).tolist(), (0.0 - z_axis).tolist()],
        "heading_deg": camera.heading_deg,
        "yaw_deg": camera.yaw_deg,
        "pitch_deg": camera.pitch_deg,
        "roll_deg": camera.roll_deg,
        "altitude_m": camera.height_m,
        "gsd_cm": 100 * camera.gsd_m,
    }
    if camera.strip_overlap is not None:
        values["overlap"] = camera.strip_overlap
    return values
