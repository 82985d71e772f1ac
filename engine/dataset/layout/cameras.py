"""Cameras of recipe 2: height, direction, lens, ground sample, window, and the views of one
scene."""

import math
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial

import numpy as np

from engine.dataset.layout.sight import MAX_REACH_M
from engine.dataset.options import SceneOptions
from engine.dataset.scene.camera import SiteCamera
from engine.dataset.scene.streams import Seed, stream
from engine.errors import UsageError
from engine.jobs.kit import Span, check_number, check_span, interpolate, option, parse_span
from engine.system.picture_size import parse_size

ALTITUDE_M: Span = (40.0, 160.0)
# lowest and highest allowed; below, machines and trees reach up to the camera
ALTITUDES_M: Span = (15.0, 500.0)
YAW_DEG: Span = (0.0, 360.0)
TILT_DEG: Span = (0.0, 3.0)
FIELDS_OF_VIEW_DEG: Span = (10.0, 110.0)
LENSES_DEG = (70.3, 73.7, 65.5, 77.6, 69.8, 66.6, 60.0)
"""Field of view across the picture by focal length and sensor of the makers' data sheets: Mavic 3
Enterprise (12.3 mm, 17.3 mm), Phantom 4 Pro (8.8, 13.2), Mavic 2 Pro (10.3, 13.2), Air 2S (22.4
equivalent), Mini 3 Pro (24 equivalent, 4:3), Mavic Pro (26 equivalent, 4:3), Zenmuse X5S (15,
17.3)."""
# tilt up to which it is the gimbal's error, any way; beyond, the pilot looks ahead, horizon level
STEADY_DEG = 10.0
LEVEL_DEG = 1.5  # greatest roll against the horizon then
# distance of a view's middle from that of the scene, as a share of the smallest view's shorter side
SCATTER = 0.3
STRIP_OVERLAP = 0.7
MAX_STRIP_M = 2000.0
PILE_M = 0.4


def parse_heading(text: str) -> Span:
    """`-10..10` -> (-10.0, 10.0). UsageError if it is no range; for `350..10` it proposes the way
    through north."""
    first, _, last = text.partition("..")
    with suppress(ValueError):
        low, high = float(first), float(last)
        if low > high:
            same = (low - 360, high) if 0 < low <= high + 360 else (low, high + 360)
            raise UsageError(
                f"--yaw {text}: the range is upside down; write {same[0]:g}..{same[1]:g}"
            )
    return parse_span(text)


@dataclass(frozen=True, slots=True, kw_only=True)
class CameraOptions:
    altitude: Span | None = option(
        None, "Metres above the site. (default: 40..160)", metavar="M", parse=parse_span
    )
    yaw: Span | None = option(
        None,
        "Compass direction of the picture's top, degrees. (default: any)",
        metavar="DEG",
        parse=parse_heading,
    )
    tilt: Span | None = option(
        None,
        "Degrees off straight down; 30..45 for oblique pictures. (default: 0..3)",
        metavar="DEG",
        parse=parse_span,
    )
    field_of_view: Span | None = option(
        None,
        "Degrees across the sensor. (default: of real drone cameras, 60 to 78)",
        metavar="DEG",
        parse=parse_span,
    )
    gsd: Span | None = option(
        None,
        "Ground sample distance, cm per pixel; sets the altitude, or the lens.",
        metavar="CM",
        parse=parse_span,
    )
    view: tuple[int, int] | None = option(
        None,
        "Draw only a window of this size, somewhere on the sensor.",
        metavar="WxH",
        parse=partial(parse_size, option="--view: "),
    )
    views: int = option(
        1, "Pictures of each scene, from other heights, directions and places.", metavar="N"
    )
    strip: bool = option(
        False,
        "Take the views of a scene on a straight line, one after the other, in the same light.",
        flags="--strip",
    )
    strip_overlap: float | None = option(
        None,
        "Share of a view that the next one of a strip shows, too. (default: 0.7)",
        metavar="0..0.95",
    )

    def check(self) -> None:
        """Raise UsageError for a number out of its range, and for options that exclude one
        another."""
        check_span("--altitude", self.altitude, *ALTITUDES_M)
        check_span("--yaw", self.yaw, -360, 360)
        check_span("--tilt", self.tilt, 0, 60)
        check_span("--field-of-view", self.field_of_view, *FIELDS_OF_VIEW_DEG)
        check_span("--gsd", self.gsd, 0.1, 100)
        if self.view is not None:
            for side in self.view:
                check_number("--view", side, 16, 16384)
        check_number("--views", self.views, 1, 1000)
        if self.gsd is not None and self.altitude is not None and self.field_of_view is not None:
            raise UsageError(
                "--gsd: follows from --altitude and --field-of-view; leave one of the three out"
            )
        if self.strip and self.views == 1:
            raise UsageError("--strip: is for several views of a scene; give --views 2 or more")
        if self.strip_overlap is not None:
            if not self.strip:
                raise UsageError("--strip-overlap: has no effect without --strip")
            check_number("--strip-overlap", self.strip_overlap, 0, 0.95)


def check_cameras(options: SceneOptions, camera: CameraOptions) -> None:
    """Raise UsageError if the sensor, the lens and the window do not fit together."""
    width, height = options.width, options.height
    if camera.view is not None and (camera.view[0] > width or camera.view[1] > height):
        raise UsageError(
            f"--view {camera.view[0]}x{camera.view[1]}: is larger than the sensor, --width "
            f"{width} --height {height}"
        )
    if camera.strip:
        _check_strip(options, camera)
    if camera.gsd is None:
        return
    low_cm, high_cm = camera.gsd
    if camera.altitude is None:
        fields = camera.field_of_view or (min(LENSES_DEG), max(LENSES_DEG))
        low_m = low_cm / 100 * _focal_px(width, fields[1])
        high_m = high_cm / 100 * _focal_px(width, fields[0])
        if low_m < ALTITUDES_M[0] or high_m > ALTITUDES_M[1]:
            raise UsageError(
                f"--gsd {_span_text(camera.gsd)}: with --width {width} the camera would be "
                f"{low_m:.0f} to {high_m:.0f} "
                f"m above the site, allowed are {ALTITUDES_M[0]:g} to {ALTITUDES_M[1]:g}; "
                "change --width (with --view for a part of the picture), or give --altitude, too"
            )
        return
    low_deg, high_deg = (
        _field_deg(width, altitude / gsd * 100)
        for altitude, gsd in ((camera.altitude[1], low_cm), (camera.altitude[0], high_cm))
    )
    if low_deg < FIELDS_OF_VIEW_DEG[0] or high_deg > FIELDS_OF_VIEW_DEG[1]:
        raise UsageError(
            f"--gsd {_span_text(camera.gsd)} --altitude {_span_text(camera.altitude)}: with "
            f"--width {width} the field "
            f"of view would be {low_deg:.0f} to {high_deg:.0f} degrees, allowed are "
            f"{FIELDS_OF_VIEW_DEG[0]:g} to "
            f"{FIELDS_OF_VIEW_DEG[1]:g}"
        )


def draw_cameras(
    options: SceneOptions, camera: CameraOptions, seed: Seed
) -> tuple[SiteCamera, ...]:
    """Draw one camera per view; the ground under the middle of the views is the origin. UsageError
    if sensor, lens and window do not fit together."""
    check_cameras(options, camera)
    lens = float(stream(seed, "camera lens").random())
    height, sample, yaw, tilt, lean = (
        stream(seed, f"camera {part}").random(camera.views).tolist()
        for part in ("height", "ground sample", "yaw", "tilt", "lean")
    )
    offsets = stream(seed, "camera place").random((camera.views, 2))
    windows = stream(seed, "camera window").random((camera.views, 2))
    cameras = []
    for view in range(camera.views):
        same = 0 if camera.strip else view
        altitude_m, field_deg = _height_and_lens(options, camera, height[same], sample[same], lens)
        sensor = SiteCamera(
            width_px=options.width,
            height_px=options.height,
            height_m=altitude_m,
            field_of_view_deg=field_deg,
        )
        window = _window(sensor, camera.view, windows[same])
        cameras.append(_turn(window, camera, yaw[same], tilt[same], lean[same]))
    if camera.strip:
        return _in_a_line(cameras[0], len(cameras), _overlap(camera))
    return _scatter(cameras, offsets)


def ground_sample_text(options: SceneOptions, camera: CameraOptions) -> str:
    """One line that says how large a pixel and a pile are, from the lowest altitude to the
    highest."""
    low_cm, high_cm = _samples_cm(options, camera)
    sizes_px = [100 * PILE_M / high_cm, 100 * PILE_M / low_cm]
    one, pile = (_from_to(*pair) for pair in ((low_cm, high_cm), sizes_px))
    return f"1 px is {one} cm on the ground; a pile of {100 * PILE_M:.0f} cm is {pile} px wide"


def _samples_cm(options: SceneOptions, camera: CameraOptions) -> Span:
    if camera.gsd is not None:
        return camera.gsd
    fields = camera.field_of_view or (min(LENSES_DEG), max(LENSES_DEG))
    low, high = camera.altitude or ALTITUDE_M
    return 100 * low / _focal_px(options.width, fields[0]), 100 * high / _focal_px(
        options.width, fields[1]
    )


def _overlap(camera: CameraOptions) -> float:
    return STRIP_OVERLAP if camera.strip_overlap is None else camera.strip_overlap


def _check_strip(options: SceneOptions, camera: CameraOptions) -> None:
    high_px = options.height if camera.view is None else camera.view[1]
    length_m = (
        (camera.views - 1)
        * (1 - _overlap(camera))
        * high_px
        * _samples_cm(options, camera)[1]
        / 100
    )
    if length_m > MAX_STRIP_M:
        raise UsageError(
            f"--views {camera.views} --strip: the strip may be {length_m:.0f} m long, allowed are "
            f"{MAX_STRIP_M:.0f}; "
            "take fewer views, a larger --strip-overlap, or a lower --altitude"
        )


def _from_to(low: float, high: float) -> str:
    first, last = (f"{value:.1f}" if value < 9.95 else f"{value:.0f}" for value in (low, high))
    return first if first == last else f"{first} to {last}"


def _span_text(span: Span) -> str:
    return f"{span[0]:g}" if span[0] == span[1] else f"{span[0]:g}..{span[1]:g}"


def _focal_px(width_px: int, field_deg: float) -> float:
    return width_px / 2 / math.tan(math.radians(field_deg) / 2)


def _field_deg(width_px: int, focal_px: float) -> float:
    return 2 * math.degrees(math.atan(width_px / 2 / focal_px))


def _height_and_lens(
    options: SceneOptions, camera: CameraOptions, height: float, sample: float, lens: float
) -> tuple[float, float]:
    """Altitude in metres and field of view in degrees, from fractions 0..1."""
    if camera.field_of_view is None:
        field_deg = LENSES_DEG[int(lens * len(LENSES_DEG))]
    else:
        field_deg = interpolate(camera.field_of_view, lens)
    altitude_m = interpolate(camera.altitude or ALTITUDE_M, height)
    if camera.gsd is not None:
        gsd_m = interpolate(camera.gsd, sample) / 100
        if camera.altitude is None:
            altitude_m = gsd_m * _focal_px(options.width, field_deg)
        else:
            field_deg = _field_deg(options.width, altitude_m / gsd_m)
    return round(altitude_m, 6), round(field_deg, 9)


def _window(sensor: SiteCamera, size: tuple[int, int] | None, fractions: np.ndarray) -> SiteCamera:
    if size is None:
        return sensor
    left, top = (
        min(int(fraction * (whole - part + 1)), whole - part)
        for fraction, whole, part in zip(
            fractions, (sensor.width_px, sensor.height_px), size, strict=True
        )
    )
    return sensor.window(left, top, *size)


def _turn(
    window: SiteCamera, camera: CameraOptions, yaw: float, tilt: float, lean: float
) -> SiteCamera:
    """Turn the camera: `yaw`, `tilt` and its direction, `lean`, as shares 0..1. Unless the
    requested tilt begins beyond it, the horizon and what is farther than MAX_REACH_M stay out of
    view."""
    heading_deg = interpolate(camera.yaw or YAW_DEG, yaw)
    span = camera.tilt or TILT_DEG
    tilt_deg = interpolate(span, tilt)

    def at(tilt_deg: float) -> SiteCamera:
        aside_deg = 360 * lean if 0 < tilt_deg <= STEADY_DEG else 0.0
        roll_deg = LEVEL_DEG * (2 * lean - 1) if tilt_deg > STEADY_DEG else 0.0
        # It turns to the side, leans, and turns back: so the top still points to the heading.
        yaw_deg = (heading_deg + aside_deg) % 360
        spin_deg = (roll_deg - aside_deg + 180) % 360 - 180
        return replace(window, yaw_deg=yaw_deg, pitch_deg=tilt_deg, roll_deg=spin_deg)

    while True:
        turned = at(tilt_deg)
        reach_m = np.linalg.norm(turned.on_level(turned.corners_px) - _looks_at(turned), axis=1)
        # False for NaN, which is the horizon
        if tilt_deg <= span[0] or (reach_m < MAX_REACH_M).all():
            return turned
        tilt_deg = max(tilt_deg - 0.5, span[0])


def _looks_at(camera: SiteCamera) -> np.ndarray:
    """(2,) where the middle of the window meets z = 0, or a point below it if that is too far
    away."""
    pixels = np.array([[camera.width_px, camera.height_px]]) / 2
    ray = camera.rays_of(pixels)[0]
    depth = camera.height_m / max(-ray[2], 0.2)
    return np.asarray(camera.position_m[:2] + ray[:2] * depth)


def _aim(camera: SiteCamera, target_m: np.ndarray) -> SiteCamera:
    """Move the camera so that the middle of its window shows the target. Rounded: trigonometry
    differs in last bits."""
    x_m, y_m = (
        round(float(value), 6) + 0.0
        for value in camera.position_m[:2] + target_m - _looks_at(camera)
    )
    return replace(camera, x_m=x_m, y_m=y_m)


def _scatter(cameras: list[SiteCamera], fractions: np.ndarray) -> tuple[SiteCamera, ...]:
    if len(cameras) == 1:
        return (_aim(cameras[0], np.zeros(2)),)
    shorter_m = min(min(camera.width_px, camera.height_px) * camera.gsd_m for camera in cameras)
    angles = 2 * np.pi * fractions[:, 1]
    targets = (SCATTER * shorter_m * np.sqrt(fractions[:, :1])) * np.stack(
        [np.cos(angles), np.sin(angles)], axis=1
    )
    targets -= targets.mean(axis=0)
    return tuple(_aim(camera, target) for camera, target in zip(cameras, targets, strict=True))


def _in_a_line(camera: SiteCamera, count: int, overlap: float) -> tuple[SiteCamera, ...]:
    """Views along the direction of the picture's top; each shows this share of the one before
    it."""
    heading = math.radians(camera.heading_deg)
    forth = np.array([math.sin(heading), math.cos(heading)])
    step_m = (1 - overlap) * camera.height_px * camera.gsd_m
    return tuple(
        replace(_aim(camera, forth * step_m * (index - (count - 1) / 2)), strip_overlap=overlap)
        for index in range(count)
    )
