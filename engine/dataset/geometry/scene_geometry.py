"""Turns a scene into the geometry that renderers draw: piles, distractors, and models of the
user's."""

from collections.abc import Iterator, Sequence

import numpy as np

from engine.dataset.assets.reading import Finish, read_asset
from engine.dataset.geometry import earthworks, fittings, materials, plants, vehicles  # noqa: F401  their models
from engine.dataset.geometry.batches import LOOKS, InstanceBatch, Mesh, SceneGeometry, Surface
from engine.dataset.geometry.kit import BUILDERS, build_model
from engine.dataset.geometry.meshes import sized, standing
from engine.dataset.geometry.piles import build_piles
from engine.dataset.geometry.terrain_mesh import build_terrain_mesh
from engine.dataset.scene.description import Asset, GroundLook, PlacedAsset, SiteScene
from engine.dataset.scene.things import Distractor, DistractorKind

_AFTER_PUDDLES = (DistractorKind.PAD, DistractorKind.HEAP)
_KINDS = [kind for kind in DistractorKind if kind not in _AFTER_PUDDLES]
_NEXT = _KINDS.index(DistractorKind.PUDDLE) + 1
VARIANTS = {kind: BUILDERS[kind][0] for kind in (*_KINDS[:_NEXT], *_AFTER_PUDDLES, *_KINDS[_NEXT:])}
"""Number of shapes of each kind, in the order of drawing."""
EARTH_SHADES = {Surface.SPOIL: 0.72, Surface.DARK_SOIL: 0.38}
"""Factors for the subsoil's colour: fresh earth is moist, a puddle's rim is wet."""
SURFACES: dict[Finish, Surface] = {
    "matt": Surface.MODEL,
    "shiny": Surface.SHINY_MODEL,
    "metal": Surface.METAL_MODEL,
}
HORIZON_M = 6000.0  # distance of the horizon, where a view shows it
# metres by which a ray falls per metre of depth, below which it may pass over the edge of the
# terrain
LOW_DROP = 0.25


def build_distractors(
    distractors: tuple[Distractor, ...], look: GroundLook
) -> Iterator[InstanceBatch]:
    """Batches ordered by kind and variant; shape_seed selects the variant. Earth has the colour of
    the ground."""
    alike: dict[tuple[DistractorKind, int], list[Distractor]] = {}
    for one in distractors:
        alike.setdefault((one.kind, one.shape_seed % VARIANTS[one.kind]), []).append(one)
    for kind, variants in VARIANTS.items():
        for variant in range(variants):
            if (kind, variant) in alike:
                for surface, mesh in build_model(kind, variant):
                    name = f"{kind} {variant} {surface}"
                    tints = _tints(surface, alike[kind, variant], look)
                    yield _standing_batch(name, mesh, surface, alike[kind, variant], tints)


def build_all_models() -> None:
    """Build all models into the cache, 0.7 s: for a process whose forks would build them each."""
    for kind, variants in VARIANTS.items():
        for variant in range(variants):
            build_model(kind, variant)


def _standing_batch(
    name: str,
    mesh: Mesh,
    surface: Surface,
    alike: Sequence[Distractor | PlacedAsset],
    tints: np.ndarray,
) -> InstanceBatch:
    """A part of models that lean with the ground."""
    feet = np.array([(one.x_m, one.y_m, one.ground_m + one.lift_m) for one in alike])
    axes = np.array([(-one.slope_x, -one.slope_y, 1.0) for one in alike])
    scales = np.array([one.scale for one in alike])
    turned = standing(feet, axes, np.array([one.turn for one in alike]))
    return InstanceBatch(
        name=name,
        mesh=mesh,
        surface=surface,
        transforms=(turned @ sized(len(alike), (scales, scales, scales))).astype(np.float32),
        instances=np.array([one.number for one in alike], np.uint16),
        tints=tints.astype(np.float32),
    )


def _tints(surface: Surface, alike: list[Distractor], look: GroundLook) -> np.ndarray:
    shades: np.ndarray = np.repeat(np.array([[one.shade] for one in alike], np.float32), 3, axis=1)
    if surface in EARTH_SHADES:
        shades = shades * (EARTH_SHADES[surface] * np.array(look.subsoil) / LOOKS[surface].albedo)
    elif LOOKS[surface].takes_tint:
        shades *= np.array([one.tint for one in alike], np.float32)
    return shades


def build_assets(
    placed_assets: tuple[PlacedAsset, ...], assets: tuple[Asset, ...]
) -> Iterator[InstanceBatch]:
    """Batches in the order of the assets. UsageError if a file has changed or is missing."""
    for asset in assets:
        alike = [one for one in placed_assets if one.asset == asset.name]
        if not alike:
            continue
        shades = np.array([[one.shade] for one in alike])
        for number, part in enumerate(read_asset(asset).parts):
            mesh = Mesh(
                positions=part.corners.reshape(-1, 3),
                normals=part.normals.reshape(-1, 3),
                triangles=np.arange(3 * len(part.corners), dtype=np.uint32).reshape(-1, 3),
            )
            yield _standing_batch(
                f"{asset.name} {number}", mesh, SURFACES[part.finish], alike, shades * part.albedo
            )


def build_geometry(scene: SiteScene) -> SceneGeometry:
    """Build the geometry. The same scene gives the same bytes. Unit meshes are built once per
    process and shared."""
    sees_horizon = scene.camera.drops_of(scene.camera.corners_px).min() < LOW_DROP
    return SceneGeometry(
        scene=scene,
        terrain=build_terrain_mesh(scene.terrain, HORIZON_M if sees_horizon else 0.0),
        batches=(
            *build_piles(scene.piles, scene.terrain, scene.ground),
            *build_distractors(scene.distractors, scene.ground),
            *build_assets(scene.placed_assets, scene.assets),
        ),
    )
