"""Labels as KITTI's object benchmark has them (devkit_object, readme.txt), and its calibration files."""

import math

import numpy as np

from engine.dataset.labels.record import Box, LabelledThing, PictureRecord
from engine.dataset.labels.writers.protocol import PictureWriter
from engine.dataset.scene.camera import SiteCamera

LARGELY_HIDDEN_SHARE = 0.5  # of a thing visible within the picture, below which KITTI calls it largely occluded
UNKNOWN_3D = (-10.0, (-1.0, -1.0, -1.0), (-1000.0, -1000.0, -1000.0), -10.0)
"""Alpha, dimensions, location and rotation in KITTI's own files where they are not known."""
TO_KITTI = np.diag([1.0, -1.0, -1.0])  # our camera space has y up and z backwards; KITTI's y down and z forwards


def writer_of(name: str) -> PictureWriter:
    """Labels and calibration in the folders that KITTI's readers look for."""
    return PictureWriter(
        name=name,
        kinds=(("kitti/label_2", ".txt"), ("kitti/calib", ".txt")),
        make=lambda source: (
            kitti_text(source.record, source.scene.camera),
            kitti_calibration(source.scene.camera),
        ),
    )


def kitti_text(record: PictureRecord, camera: SiteCamera) -> bytes:
    """One line per thing with KITTI's 15 columns.

    type, truncated (share of the whole box outside the picture), occluded (0 fully visible, 1 partly, 2 largely),
    alpha, left top right bottom (px from 0, right and bottom exclusive), height width length (m), x y z (m), rotation.

    KITTI's cars stand on the ground before the camera; a drone looks down on its things. So the three dimensions of a
    pile, taken as upright, are those of the box around it along the axes of the camera: height down the picture, length
    across it, width along the axis; x y z is the middle of that box's lower side in the picture, and the rotation is 0.
    Projected with P2 it surrounds the pile. Other things have KITTI's values for unknown.
    """
    return "".join(_line(thing, record, camera) for thing in record.labelled).encode("ascii")


def kitti_calibration(camera: SiteCamera) -> bytes:
    """The calibration file: P0 to P3 are this camera (without the lens's distortion), R0_rect is the identity.

    Tr_velo_to_cam takes metres of the site (east, north, up) to the camera.
    """
    (x, y), focal = camera.center_px, camera.focal_px
    projection = np.array([[focal, 0, x, 0], [0, focal, y, 0], [0, 0, 1, 0]], np.float64)
    turn = TO_KITTI @ camera.rotation
    from_site = np.column_stack([turn, -turn @ camera.place_m])
    rows = [(f"P{number}", projection) for number in range(4)]
    rows += [("R0_rect", np.eye(3)), ("Tr_velo_to_cam", from_site), ("Tr_imu_to_velo", np.eye(3, 4))]
    return "".join(f"{name}: {' '.join(f'{x:.12e}' for x in row.ravel())}\n" for name, row in rows).encode("ascii")


def truncation(thing: LabelledThing, record: PictureRecord) -> float:
    """Share of the whole box that is outside the picture, 0..1."""
    x0, y0, x1, y1 = thing.whole_box
    inside = (max(x0, 0.0), max(y0, 0.0), min(x1, record.width_px), min(y1, record.height_px))
    whole = _area(thing.whole_box)
    return 1 - _area(inside) / whole if whole else 0.0


def _line(thing: LabelledThing, record: PictureRecord, camera: SiteCamera) -> str:
    cut = truncation(thing, record)
    alpha, dimensions, location, rotation = _in_space(thing, camera)
    numbers = [alpha, *thing.box, *dimensions, *location, rotation]
    kind = thing.category.replace(" ", "_")
    return f"{kind} {cut:.2f} {_occlusion(thing, cut)} {' '.join(f'{number:.2f}' for number in numbers)}\n"


def _occlusion(thing: LabelledThing, cut: float) -> int:
    if not thing.is_hidden:
        return 0
    inside = thing.visible_share / max(1 - cut, 1e-9)
    return 1 if inside >= LARGELY_HIDDEN_SHARE else 2


def _in_space(thing: LabelledThing, camera: SiteCamera) -> tuple[float, tuple[float, ...], tuple[float, ...], float]:
    """Alpha, dimensions, location, rotation."""
    if not {"diameter_m", "exposed_m"} <= thing.size_m.keys():
        return UNKNOWN_3D
    radius, high = thing.size_m["diameter_m"] / 2, thing.size_m["exposed_m"]
    axes = TO_KITTI @ camera.rotation  # rows: the camera's axes in the site
    middle = np.array(thing.place_m) + np.array([0, 0, high / 2]) - camera.place_m
    upright = np.abs(axes[:, 2])
    halves = radius * np.sqrt(np.clip(1 - upright**2, 0, 1)) + high / 2 * upright  # of a standing cylinder
    x, y, z = (axes @ middle + (0, halves[1], 0)).tolist()
    length, height, width = (2 * halves).tolist()
    return -math.atan2(x, z), (height, width, length), (x, y, z), 0.0


def _area(box: Box) -> float:
    return max(box[2] - box[0], 0.0) * max(box[3] - box[1], 0.0)
