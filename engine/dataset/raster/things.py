"""Batches on the GPU; a tile draws the instances that may be visible in it."""

from collections.abc import Sequence
from dataclasses import dataclass

import moderngl
import numpy as np

from engine.dataset.geometry.batches import LOOKS, InstanceBatch, Mesh
from engine.dataset.raster.device import Device
from engine.dataset.raster.targets import Tile, boxes_in_picture, corners_of
from engine.dataset.scene.camera import SiteCamera

VERTEX = ("", "3f in_corner", "3f in_next", "3f in_after", "3f in_normal")
INSTANCE = ("/i", "4f in_row_x", "4f in_row_y", "4f in_row_z", "4f in_tint")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _BatchBuffers:
    rows: np.ndarray  # (k, 16) float32: three rows of the matrix, tint and number of each instance
    boxes_px: np.ndarray
    instances: moderngl.Buffer
    numbered: moderngl.VertexArray
    shaded: moderngl.VertexArray
    shadowed: moderngl.VertexArray
    look: tuple[tuple[float, ...], tuple[float, ...]]


class Things:
    """Draws what stands on the ground, by the programs numbers.glsl, things_shade.glsl and
    shadow_map.glsl."""

    def __init__(
        self,
        device: Device,
        batches: Sequence[InstanceBatch],
        camera: SiteCamera,
        numbered: moderngl.Program,
        shaded: moderngl.Program,
        shadowed: moderngl.Program,
    ) -> None:
        self._shaded = shaded
        self._device = device
        self._meshes: dict[
            int, moderngl.Buffer
        ] = {}  # vertices, shared between batches, by the mesh's id
        self._programs = (numbered, shaded, shadowed)
        batches = [batch for batch in batches if len(batch.transforms)]
        # bounding boxes of instances, (k, 8, 3) metres
        self.corners = [box_corners(batch) for batch in batches]
        self.shading = [
            corners
            for batch, corners in zip(batches, self.corners, strict=True)
            if not batch.is_soil
        ]
        """Those of them that darken the ground at their foot."""
        self._loaded = [
            self._load(batch, boxes_in_picture(camera, corners))
            for batch, corners in zip(batches, self.corners, strict=True)
        ]

    def draw_numbers(self, tile: Tile) -> None:
        for loaded in self._loaded:
            if count := self._choose(loaded, tile):
                loaded.numbered.render(moderngl.TRIANGLES, instances=count)

    def draw_colors(self, tile: Tile) -> None:
        for loaded in self._loaded:
            if count := self._choose(loaded, tile):
                self._shaded["u_albedo"], self._shaded["u_finish"] = loaded.look
                loaded.shaded.render(moderngl.TRIANGLES, instances=count)

    def draw_shadows(self) -> None:
        for loaded in self._loaded:
            loaded.instances.write(loaded.rows)
            loaded.shadowed.render(moderngl.TRIANGLES, instances=len(loaded.rows))

    def _choose(self, loaded: _BatchBuffers, tile: Tile) -> int:
        """Write the instances that may be visible in the tile to the buffer; returns their
        number."""
        rows = loaded.rows[tile.sees(loaded.boxes_px)]
        if len(rows):
            loaded.instances.write(rows)
        return len(rows)

    def _load(self, batch: InstanceBatch, boxes_px: np.ndarray) -> _BatchBuffers:
        rows = np.empty((len(batch.transforms), 16), np.float32)
        rows[:, :12] = batch.transforms[:, :3].reshape(-1, 12)
        rows[:, 12:15] = batch.tints
        rows[:, 15] = batch.instances
        instances = self._device.buffer(rows)
        if id(batch.mesh) not in self._meshes:
            self._meshes[id(batch.mesh)] = self._device.buffer(unroll(batch.mesh))
        vertices = self._meshes[id(batch.mesh)]
        numbered, shaded, shadowed = (
            self._device.array(program, (vertices, VERTEX), (instances, INSTANCE))
            for program in self._programs
        )
        look = LOOKS[batch.surface]
        return _BatchBuffers(
            rows=rows,
            boxes_px=boxes_px,
            instances=instances,
            numbered=numbered,
            shaded=shaded,
            shadowed=shadowed,
            look=(
                (*look.albedo, look.roughness),
                (look.metallic, look.mottle, look.mottle_m, look.cleanness),
            ),
        )


def unroll(mesh: Mesh) -> np.ndarray:
    """Vertices, three per triangle, each with its corner, the next two corners, and its normal: (3
    t, 12) float32."""
    corners = mesh.positions[mesh.triangles]  # (t, 3, 3)
    vertices = np.stack(
        [corners, np.roll(corners, -1, 1), np.roll(corners, -2, 1), mesh.normals[mesh.triangles]], 2
    )
    return vertices.reshape(-1, 12).astype(np.float32)


def box_corners(batch: InstanceBatch) -> np.ndarray:
    """Corners of the transformed bounding box of each instance, (k, 8, 3) metres."""
    positions = batch.mesh.positions.astype(np.float64)
    corners = corners_of(positions.min(axis=0)[None], positions.max(axis=0)[None])[0]  # (8, 3)
    transforms = batch.transforms.astype(np.float64)
    transformed: np.ndarray = (
        corners @ transforms[:, :3, :3].transpose(0, 2, 1) + transforms[:, None, :3, 3]
    )
    return transformed
