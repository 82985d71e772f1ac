"""Reads a model with trimesh: triangles in metres, z up, its foot at the origin, by colour and
finish. Textures become a colour per face; bumps, glow, transparency and animation are left out.
Solids are turned inside out if need be; single faces (leaves, cloth) get a second one behind them,
as renderers drop those seen from behind."""

import io
import logging
import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal

import numpy as np

from engine.dataset.assets import files
from engine.dataset.assets.colors import face_colors, finish_of, reduce_colors
from engine.dataset.assets.files import Neighbours, read_content
from engine.dataset.scene.description import Asset, UpAxis
from engine.errors import UsageError
from engine.system.file_names import escaped
from engine.system.installing import install_line

SHEET_M = (
    0.001  # how far behind a sheet its back is: two faces in one place would shade one another
)
WELD_TOLERANCE = 1e-5
OPTION = "--asset"
Finish = Literal["matt", "shiny", "metal"]
FINISHES: tuple[Finish, ...] = ("matt", "shiny", "metal")
MAX_TRIANGLES = 500_000
MIN_OPACITY = 0.15  # faces of less are left out: the empty corners of a leaf's picture, glass
METALLIC = 0.5
SHINY_ROUGHNESS = 0.4
SUNK_M = 0.03
SUNK_FRACTION = (
    0.02  # how deep a model stands in uneven ground: at most SUNK_M, and this share of its height
)
Y_UP = np.array([[1, 0, 0], [0, 0, -1], [0, 1, 0]], np.float64)  # from y up to z up
BROKEN = (
    *(
        ValueError,
        LookupError,
        TypeError,
        AttributeError,
        AssertionError,
        ArithmeticError,
        RuntimeError,
    ),
    *(OSError, EOFError, MemoryError, struct.error, zlib.error),
)
"""Everything that trimesh raises for damaged files."""


def is_closed(corners: np.ndarray) -> bool:
    """True if the (t, 3, 3) triangles enclose a volume: every edge is there once in each
    direction."""
    step = max(float(np.abs(corners).max()) * WELD_TOLERANCE, 1e-9)
    grid_points = np.rint(corners.reshape(-1, 3) / step).astype(np.int64)
    names = np.unique(grid_points @ [1 << 42, 1 << 21, 1], return_inverse=True)[1].reshape(-1, 3)
    names = names[
        (names[:, 0] != names[:, 1]) & (names[:, 1] != names[:, 2]) & (names[:, 2] != names[:, 0])
    ]
    count = int(names.max(initial=0)) + 1
    start, end = names.reshape(-1), np.roll(names, -1, axis=1).reshape(-1)
    there = np.sort(start * count + end)
    back = np.sort(end * count + start)
    return len(there) > 0 and bool(np.array_equal(there, back))


def volume(corners: np.ndarray) -> float:
    """Signed volume; positive if the triangles are counter-clockwise seen from outside."""
    middle = corners - corners.reshape(-1, 3).mean(axis=0)
    return float((middle[:, 0] * np.cross(middle[:, 1], middle[:, 2])).sum() / 6)


def face_normals(corners: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Unit normals, (t, 3), and areas, (t,), of (t, 3, 3) triangles; the normal of one without an
    area points up."""
    across = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    lengths = np.linalg.norm(across, axis=1)
    units = np.where(
        lengths[:, None] > 0, across / np.maximum(lengths, 1e-300)[:, None], (0.0, 0.0, 1.0)
    )
    return units, lengths / 2


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ModelPart:
    finish: Finish
    albedo: tuple[float, float, float]
    # (t, 3, 3) float32, metres: corners of each triangle, counter-clockwise from outside
    corners: np.ndarray
    normals: np.ndarray  # (t, 3, 3) float32, unit length, of each corner


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ReadModel:
    sha256: str
    parts: tuple[ModelPart, ...]
    size_m: tuple[float, float, float]
    notes: tuple[str, ...]  # remarks for people: parts of the file that are not drawn


@lru_cache(maxsize=64)
def read_asset(asset: Asset) -> ReadModel:
    """Read an asset's model, which must be as it was when named. UsageError if it has changed or
    cannot be read."""
    label = f"{OPTION} {asset.name}: {escaped(asset.path)}"
    model = read_model(Path(asset.path), asset.up, asset.scale, label)
    if asset.sha256 != model.sha256:
        raise UsageError(
            f"{label}: has changed (its SHA-256 was {asset.sha256 or 'not given'}, and is "
            f"{model.sha256})"
        )
    return model


def read_model(path: Path, up: UpAxis, scale: float, prefix: str) -> ReadModel:
    """Read a model file. UsageError, one line beginning with `prefix`, if it is missing, damaged,
    huge or empty."""
    content = read_content(path, prefix)
    suffix = path.suffix.lower()
    notes: tuple[str, ...] = ()
    neighbours = Neighbours(path)
    try:
        _check_triangles(files.declared_triangles(content, suffix), prefix)
        plain = content
        pictured = set[str]()
        if suffix in (".glb", ".gltf"):
            plain, pictured, notes = files.prepare_gltf(content, suffix, prefix)
        scene = _load(plain, suffix, neighbours)
        if neighbours.faults:
            raise UsageError(f"{prefix}: {neighbours.faults[0]}")
        for mesh in scene.geometry.values():
            material = getattr(getattr(mesh, "visual", None), "material", None)
            if (
                material is not None
                and material.name in pictured
                and material.baseColorTexture is None
            ):
                raise UsageError(
                    f"{prefix}: has a texture that cannot be read; save it as JPEG or PNG"
                )
        corners, normals, albedo, finishes = _faces(scene, suffix in (".glb", ".gltf"), prefix)
        if up == "y":
            corners = corners @ Y_UP.T
            normals = normals @ Y_UP.T
        corners = corners * scale
        low, high = corners.min(axis=(0, 1)), corners.max(axis=(0, 1))
        sunk_m = min(SUNK_M, SUNK_FRACTION * float(high[2] - low[2]))
        corners -= (*(low + high)[:2] / 2, low[2] + sunk_m)
        x_m, y_m, z_m = (float(np.float32(value)) for value in high - low)
        parts = tuple(_parts(corners, normals, albedo, finishes))
    except BROKEN as error:
        if neighbours.faults:
            raise UsageError(f"{prefix}: {neighbours.faults[0]}") from None
        reason = " ".join(str(error).split()) or type(error).__name__
        raise UsageError(f"{prefix}: is damaged, or no model ({reason})") from error
    return ReadModel(
        sha256=neighbours.sha256(content), parts=parts, size_m=(x_m, y_m, z_m), notes=notes
    )


def _load(content: bytes, suffix: str, neighbours: Neighbours) -> Any:
    try:
        import trimesh
    except ImportError as error:
        raise UsageError(
            f"{OPTION}: needs trimesh; get it with: {install_line('[dataset]')}"
        ) from error
    # its tracebacks of errors that are one line here
    logging.getLogger("trimesh").setLevel(logging.CRITICAL)
    return trimesh.load_scene(
        io.BytesIO(content),
        file_type=suffix[1:],
        resolver=neighbours,  # type: ignore[arg-type]  # answers the same calls
        process=False,
    )


def _check_triangles(count: int, prefix: str) -> None:
    if count > MAX_TRIANGLES:
        raise UsageError(
            f"{prefix}: has {count} triangles, at most {MAX_TRIANGLES} are possible; reduce it, "
            "for example with "
            "Blender's modifier Decimate"
        )


def _parts(
    corners: np.ndarray, normals: np.ndarray, albedo: np.ndarray, finishes: np.ndarray
) -> Iterator[ModelPart]:
    albedo = reduce_colors(albedo, face_normals(corners)[1])
    kinds = np.column_stack([finishes, np.rint(albedo * 1e6).astype(np.int64)])
    names, first, owner = np.unique(kinds, axis=0, return_index=True, return_inverse=True)
    for number in range(len(names)):
        chosen = owner.reshape(-1) == number
        red, green, blue = albedo[first[number]].tolist()
        yield ModelPart(
            finish=FINISHES[int(names[number][0])],
            albedo=(red, green, blue),
            corners=corners[chosen].astype(np.float32),
            normals=normals[chosen].astype(np.float32),
        )


def _faces(scene: Any, is_gltf: bool, prefix: str) -> tuple[np.ndarray, ...]:
    """Like `_piece`, of all meshes with triangles. Points and lines are not drawn."""
    found = []
    for node in sorted(scene.graph.nodes_geometry):
        matrix, name = scene.graph[node]
        mesh = scene.geometry[name]
        faces = getattr(mesh, "faces", None)
        if faces is None or not len(faces):
            continue
        points = np.asarray(mesh.vertices)
        if not (np.isfinite(points).all() and np.isfinite(matrix).all()):
            raise UsageError(f"{prefix}: has corners whose places are not numbers")
        if np.asarray(faces).min() < 0 or np.asarray(faces).max() >= len(points):
            raise UsageError(f"{prefix}: is damaged: a triangle names a corner that is not there")
        found.append((mesh, np.asarray(matrix, np.float64)))
    count = sum(len(mesh.faces) for mesh, _ in found)
    _check_triangles(count, prefix)
    if not count:
        raise UsageError(f"{prefix}: has no triangles")
    faces = tuple(
        map(
            np.concatenate,
            zip(*(_piece(mesh, matrix, is_gltf) for mesh, matrix in found), strict=True),
        )
    )
    if not len(faces[0]):
        raise UsageError(f"{prefix}: has no triangle with an area that is not transparent")
    return faces


def _piece(
    mesh: Any, matrix: np.ndarray, is_gltf: bool
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Corners and normals, (t, 3, 3), albedo, (t, 3), and finish, (t,), of one mesh in its
    place."""
    faces = np.asarray(mesh.faces)
    turn = matrix[:3, :3]
    corners = (np.asarray(mesh.vertices, np.float64) @ turn.T + matrix[:3, 3])[faces]
    is_mirrored = np.linalg.det(turn) < 0
    albedo, opacity = face_colors(mesh, is_gltf=is_gltf)
    own, areas = face_normals(corners)
    normals = np.repeat(-own[:, None] if is_mirrored else own[:, None], 3, axis=1)
    # those of the file; the public attribute computes others
    file_normals = mesh._cache.cache.get("vertex_normals")
    if (
        file_normals is not None
        and len(file_normals) == len(mesh.vertices)
        and abs(np.linalg.det(turn)) > 0
    ):
        normals = _unit_or(
            np.asarray(file_normals, np.float64) @ np.linalg.inv(turn), faces, normals
        )
    if is_mirrored:
        corners = corners[:, ::-1]
        normals = normals[:, ::-1]
    metallic, rough = finish_of(mesh)
    finish: Finish = (
        "metal" if metallic > METALLIC else "shiny" if rough < SHINY_ROUGHNESS else "matt"
    )
    keeps = (areas > 0) & (opacity >= MIN_OPACITY)
    corners = corners[keeps]
    normals = normals[keeps]
    albedo = albedo[keeps]
    if len(corners) and is_closed(corners):
        if volume(corners) < 0:
            corners = corners[:, ::-1]
            normals = -normals[:, ::-1]
    elif len(corners):
        behind = corners - SHEET_M * face_normals(corners)[0][:, None, :]
        corners = np.concatenate([corners, behind[:, ::-1]])
        normals = np.concatenate([normals, -normals[:, ::-1]])
        albedo = np.concatenate([albedo, albedo])
    return corners, normals, albedo, np.full(len(corners), FINISHES.index(finish))


def _unit_or(normals: np.ndarray, faces: np.ndarray, others: np.ndarray) -> np.ndarray:
    """(t, 3, 3) unit normals of the corners; those of the faces where the file's are none."""
    lengths = np.linalg.norm(normals, axis=1)
    is_good = np.isfinite(lengths) & (lengths > 1e-12)
    units = np.where(is_good[:, None], normals, 0.0) / np.where(is_good, lengths, 1.0)[:, None]
    return np.where(is_good[faces][..., None], units[faces], others)
