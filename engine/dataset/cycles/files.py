"""Files shared with Blender. It reads `scene.json`, `scene.npz` (the arrays of `Mesh` and
`InstanceBatch`, as `0_positions` or `ground_positions`), `ground.png`, and for cloud shadows
`clouds.png`. It writes `passes.exr`, with uncompressed scan lines of 32-bit floats (OpenCV reads no
layers): https://openexr.com/en/latest/OpenEXRFileLayout.html"""

import json
import struct
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from engine.dataset.geometry.batches import LOOKS, Mesh, SceneGeometry
from engine.dataset.geometry.terrain_mesh import texture_area
from engine.dataset.light import cloud_map, light_of, period_m
from engine.dataset.task import RenderSettings
from engine.errors import RenderError

MAGIC = b"\x76\x2f\x31\x01"
FLOAT = 2
HAS_TILES_OR_PARTS = 0x1A00


def write_scene_files(
    folder: Path, geometry: SceneGeometry, ground_rgb: np.ndarray, settings: RenderSettings
) -> None:
    """Write Blender's input files. `ground_rgb`: (side, side, 3) uint8, sRGB, row 0 north. Raises
    OSError."""
    scene = geometry.scene
    light = light_of(scene.sun, scene.ground)
    plan = texture_area(scene)
    arrays = _mesh_arrays("ground", geometry.terrain)
    for number, batch in enumerate(geometry.batches):
        arrays |= _mesh_arrays(str(number), batch.mesh)
        arrays[f"{number}_transforms"] = batch.transforms
        arrays[f"{number}_instances"] = batch.instances
        arrays[f"{number}_tints"] = batch.tints
    values: dict[str, Any] = {
        "batches": [{"name": batch.name, "surface": batch.surface} for batch in geometry.batches],
        "surfaces": {
            name: asdict(LOOKS[name])
            for name in sorted({each.surface for each in geometry.batches})
        },
        "ground_side_m": plan.side_m,
        "ground_middle_m": plan.middle_m,
        "width_px": scene.camera.width_px,
        "height_px": scene.camera.height_px,
        "camera_m": scene.camera.position_m.tolist(),
        "camera_axes": scene.camera.rotation.tolist(),
        "focal_px": scene.camera.focal_px,
        "center_px": scene.camera.center_px,
        "sun_direction": scene.sun.direction.tolist(),
        "sun_energy": light.sun_energy,
        "sun_angle_deg": light.sun_angle_deg,
        "sun_color": light.sun_color.tolist(),
        "clouds_period_m": 0.0 if scene.sun.clouds is None else period_m(scene.sun.clouds),
        "sky_radiance": light.sky_rgb.tolist(),
        "exposure": light.exposure,
        "seed": scene.seed,
        **asdict(settings),
    }
    with (folder / "scene.npz").open("wb") as file:
        np.savez(file, **arrays)  # type: ignore[arg-type]  # mypy also checks them against allow_pickle
    _write_png(folder / "ground.png", ground_rgb[..., ::-1])
    if scene.sun.clouds is not None:
        _write_png(
            folder / "clouds.png",
            np.rint(cloud_map(scene.sun.clouds)[::-1] * 65535).astype(np.uint16),
        )
    (folder / "scene.json").write_text(json.dumps(values), encoding="utf-8")


def _mesh_arrays(name: str, mesh: Mesh) -> dict[str, np.ndarray]:
    return {
        f"{name}_positions": mesh.positions,
        f"{name}_normals": mesh.normals,
        f"{name}_triangles": mesh.triangles,
    }


def _write_png(path: Path, pixels: np.ndarray) -> None:
    """(height, width) uint16 or (height, width, 3) uint8, BGR; row 0 at the top."""
    import cv2

    encoded = cv2.imencode(".png", pixels, [cv2.IMWRITE_PNG_COMPRESSION, 1])[1]
    path.write_bytes(encoded.tobytes())


def read_passes(path: Path) -> dict[str, np.ndarray]:
    """All channels by name (`ViewLayer.Depth.Z`), (height, width) float32, row 0 at the top.
    RenderError if damaged."""
    try:
        return _parse_exr(np.fromfile(path, np.uint8), path)
    except (struct.error, IndexError, KeyError, ValueError) as error:
        raise RenderError(f"{path.name}: is truncated") from error


def _parse_exr(content: np.ndarray, path: Path) -> dict[str, np.ndarray]:
    head = content[: 1 << 16].tobytes()
    if head[:4] != MAGIC or struct.unpack_from("<I", head, 4)[0] & HAS_TILES_OR_PARTS:
        raise RenderError(f"{path.name}: is not an OpenEXR file of scan lines")
    attributes, at = _attributes(head, 8)
    names = _float_channels(attributes["channels"], path)
    if attributes["compression"] != b"\0":
        raise RenderError(f"{path.name}: is compressed")
    left, top, right, bottom = struct.unpack("<4i", attributes["dataWindow"])
    width, height = right - left + 1, bottom - top + 1
    # A line: its y, its size in bytes, then all values of the first channel, of the second, ...
    values_u32 = np.frombuffer(content, "<u4", offset=int(struct.unpack_from("<Q", head, at)[0]))
    line_values = 2 + len(names) * width
    if values_u32.size < height * line_values:
        raise RenderError(f"{path.name}: is truncated")
    lines = values_u32[: height * line_values].reshape(height, line_values)
    if not np.array_equal(lines[:, 0].astype(np.int64), np.arange(top, bottom + 1)):
        raise RenderError(f"{path.name}: its lines are not in order")
    values = lines[:, 2:].view("<f4").reshape(height, len(names), width)
    return {name: values[:, number] for number, name in enumerate(names)}


def _attributes(head: bytes, at: int) -> tuple[dict[str, bytes], int]:
    """The header's attributes by name, and the offset of the line table."""
    found = {}
    while head[at]:
        name, at = _text(head, at)
        _, at = _text(head, at)
        size = struct.unpack_from("<i", head, at)[0]
        found[name] = head[at + 4 : at + 4 + size]
        at += 4 + size
    return found, at + 1


def _float_channels(listed: bytes, path: Path) -> list[str]:
    names = []
    at = 0
    while listed[at]:
        name, at = _text(listed, at)
        if struct.unpack_from("<i", listed, at)[0] != FLOAT:
            raise RenderError(f"{path.name}: {name} does not hold 32-bit floats")
        names.append(name)
        at += 16  # type, linear, reserved, sampling along x and y
    return names


def _text(content: bytes, at: int) -> tuple[str, int]:
    end = content.index(b"\0", at)
    return content[at:end].decode("utf-8"), end + 1
