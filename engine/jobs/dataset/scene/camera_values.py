"""A camera as JSON values, for the manifest and for label files."""

from typing import Any

from engine.jobs.dataset.scene.camera import SiteCamera


def camera_values(camera: SiteCamera) -> dict[str, Any]:
    """Intrinsics and extrinsics: pixels = K (R (X - place)), with OpenCV's axes.

    K is fx, fy, cx, cy in px of the picture, whose top left corner is (0, 0); `rotation` takes the world (x east,
    y north, z up, metres) to x right, y down, z along the viewing direction.
    """
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
        "place": camera.place_m.tolist(),
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
