"""Writes a stage as files that Blender's Python can read: `stage.json`, `stage.npz`, `ground.png`.

The arrays are those of `Mesh` and `InstanceBatch`, named `0_positions` for the first batch and `ground_positions` for
the ground.
"""

import json
from pathlib import Path
from typing import Any

import numpy as np

from engine.jobs.dataset.cycles.settings import CyclesSettings
from engine.jobs.dataset.geometry.batches import LOOKS, Mesh, SceneStage
from engine.jobs.dataset.light import light_of

STAGE, ARRAYS, GROUND = "stage.json", "stage.npz", "ground.png"


def write_stage(folder: Path, stage: SceneStage, ground_rgb: np.ndarray, settings: CyclesSettings) -> None:
    """Write the files. `ground_rgb`: (side, side, 3) uint8, sRGB, row 0 north. Raises OSError."""
    scene = stage.scene
    light = light_of(scene.sun, scene.ground)
    arrays = _mesh_arrays("ground", stage.ground)
    for number, batch in enumerate(stage.batches):
        arrays |= _mesh_arrays(str(number), batch.mesh)
        arrays[f"{number}_transforms"] = batch.transforms
        arrays[f"{number}_instances"] = batch.instances
        arrays[f"{number}_tints"] = batch.tints
    surfaces = sorted({batch.surface for batch in stage.batches})
    values: dict[str, Any] = {
        "batches": [{"name": batch.name, "surface": batch.surface} for batch in stage.batches],
        "surfaces": {
            surface: {
                "albedo": look.albedo,
                "roughness": look.roughness,
                "metallic": look.metallic,
                "mottle": look.mottle,
                "mottle_m": look.mottle_m,
            }
            for surface, look in ((surface, LOOKS[surface]) for surface in surfaces)
        },
        "ground_side_m": scene.terrain.side_m,
        "width_px": scene.camera.width_px,
        "height_px": scene.camera.height_px,
        "camera_m": scene.camera.place_m.tolist(),
        "camera_axes": scene.camera.rotation.tolist(),
        "focal_px": scene.camera.focal_px,
        "center_px": scene.camera.center_px,
        "sun_direction": scene.sun.direction.tolist(),
        "sun_energy": scene.sun.energy,
        "sun_color": light.sun_color.tolist(),
        "sky_radiance": light.sky_rgb.tolist(),
        "exposure": light.exposure,
        "seed": scene.seed,
        "max_samples": settings.max_samples,
        "noise_threshold": settings.noise_threshold,
        "use_gpu": settings.use_gpu,
    }
    with (folder / ARRAYS).open("wb") as file:
        np.savez(file, **arrays)  # type: ignore[arg-type]  # mypy also checks them against allow_pickle
    _write_png(folder / GROUND, ground_rgb)
    (folder / STAGE).write_text(json.dumps(values), encoding="utf-8")


def _mesh_arrays(name: str, mesh: Mesh) -> dict[str, np.ndarray]:
    return {
        f"{name}_positions": mesh.positions,
        f"{name}_normals": mesh.normals,
        f"{name}_triangles": mesh.triangles,
    }


def _write_png(path: Path, rgb: np.ndarray) -> None:
    import cv2

    encoded = cv2.imencode(".png", rgb[..., ::-1], [cv2.IMWRITE_PNG_COMPRESSION, 1])[1]
    path.write_bytes(encoded.tobytes())
