"""Things that must not be mistaken for a pile, as batches: one per model and surface."""

from collections.abc import Callable, Iterator

import numpy as np

from engine.jobs.dataset.geometry import (
    debris,
    earthworks,
    fittings,
    machines,
    materials,
    panels,
    plants,
    round_things,
    vehicles,
)
from engine.jobs.dataset.geometry.batches import LOOKS, TINTED, InstanceBatch, Surface
from engine.jobs.dataset.geometry.kit import Model
from engine.jobs.dataset.geometry.placing import sized, standing
from engine.jobs.dataset.scene.description import GroundLook
from engine.jobs.dataset.scene.things import Distractor, DistractorKind

Builder = Callable[[int], Model]

BUILDERS: dict[DistractorKind, tuple[int, Builder]] = {
    DistractorKind.BAG: (debris.BAG_SHAPES, debris.bag),
    DistractorKind.EXCAVATOR: (len(machines.SWINGS), machines.excavator),
    DistractorKind.LOADER: (1, lambda _: machines.loader()),
    DistractorKind.ROLLER: (1, lambda _: machines.roller()),
    DistractorKind.DEBRIS: (debris.DEBRIS_SHAPES, debris.broken_concrete),
    DistractorKind.REBAR: (debris.REBAR_SHAPES, debris.rebar),
    DistractorKind.RIG: (machines.RIG_SHAPES, machines.rig),
    DistractorKind.LYING_PILE: (materials.LYING_PILE_SHAPES, materials.lying_pile),
    DistractorKind.PILE_STACK: (materials.PILE_STACK_SHAPES, materials.pile_stack),
    DistractorKind.CUT_OFF: (materials.CUT_OFF_SHAPES, materials.cut_off),
    DistractorKind.STEEL_TUBES: (materials.STEEL_TUBES_SHAPES, materials.steel_tubes),
    DistractorKind.FORMWORK: (materials.FORMWORK_SHAPES, materials.formwork),
    DistractorKind.BOARDS: (materials.BOARDS_SHAPES, materials.boards),
    DistractorKind.RING: (round_things.RING_SHAPES, round_things.concrete_ring),
    DistractorKind.HOLE: (earthworks.HOLE_SHAPES, earthworks.hole),
    DistractorKind.BARREL: (round_things.BARREL_SHAPES, round_things.barrel),
    DistractorKind.BUCKET: (round_things.BUCKET_SHAPES, round_things.bucket),
    DistractorKind.TYRE: (round_things.TYRE_SHAPES, round_things.tyre),
    DistractorKind.CABLE_DRUM: (round_things.CABLE_DRUM_SHAPES, round_things.cable_drum),
    DistractorKind.LID: (round_things.LID_SHAPES, round_things.lid),
    DistractorKind.PUDDLE: (earthworks.PUDDLE_SHAPES, earthworks.puddle),
    DistractorKind.PAD: (earthworks.PAD_SHAPES, earthworks.pad),
    DistractorKind.HEAP: (earthworks.HEAP_SHAPES, earthworks.heap),
    DistractorKind.BUSH: (plants.BUSH_SHAPES, plants.bush),
    DistractorKind.TREE: (plants.TREE_SHAPES, plants.tree),
    DistractorKind.BARE_TREE: (plants.BARE_TREE_SHAPES, plants.bare_tree),
    DistractorKind.STUMP: (plants.STUMP_SHAPES, plants.stump),
    DistractorKind.CAR: (vehicles.CAR_SHAPES, vehicles.car),
    DistractorKind.VAN: (vehicles.VAN_SHAPES, vehicles.van),
    DistractorKind.PICKUP: (vehicles.PICKUP_SHAPES, vehicles.pickup),
    DistractorKind.TRUCK: (vehicles.TRUCK_SHAPES, vehicles.truck),
    DistractorKind.CONTAINER: (fittings.CONTAINER_SHAPES, fittings.container),
    DistractorKind.HUT: (fittings.HUT_SHAPES, fittings.hut),
    DistractorKind.TOILET: (fittings.TOILET_SHAPES, fittings.toilet),
    DistractorKind.FENCE: (fittings.FENCE_SHAPES, fittings.fence),
    DistractorKind.TRENCH: (earthworks.TRENCH_SHAPES, earthworks.trench),
    DistractorKind.PERSON: (fittings.PERSON_SHAPES, fittings.person),
    DistractorKind.TABLE: (panels.TABLE_SHAPES, panels.table),
    DistractorKind.MODULE_PALLET: (panels.MODULE_PALLET_SHAPES, panels.module_pallet),
    DistractorKind.STAKE: (fittings.STAKE_SHAPES, fittings.stake),
    DistractorKind.FLAG: (fittings.FLAG_SHAPES, fittings.flag),
    DistractorKind.COVER: (materials.COVER_SHAPES, materials.cover),
}
"""Number of shapes of each kind, and their builder."""
VARIANTS = {kind: count for kind, (count, _) in BUILDERS.items()}
EARTH_SHADES = {Surface.SPOIL: 0.72, Surface.DARK_SOIL: 0.38}
"""Factors for the subsoil's colour: fresh earth is moist, a puddle's rim is wet."""


def build_distractors(distractors: tuple[Distractor, ...], ground: GroundLook) -> Iterator[InstanceBatch]:
    """Batches ordered by kind and variant; shape_seed selects the variant. Earth has the colour of the ground."""
    alike: dict[tuple[DistractorKind, int], list[Distractor]] = {}
    for one in distractors:
        alike.setdefault((one.kind, one.shape_seed % VARIANTS[one.kind]), []).append(one)
    for kind, variants in VARIANTS.items():
        for variant in range(variants):
            if (kind, variant) in alike:
                yield from _stood(f"{kind} {variant}", build_model(kind, variant), alike[kind, variant], ground)


def build_model(kind: DistractorKind, variant: int) -> Model:
    """A model in metres at scale 1, its foot at the origin. Cached per process."""
    return BUILDERS[kind][1](variant)


def build_all_models() -> Iterator[None]:
    """Build one model after another into the cache, 4 ms each: for a process whose forks would build them each."""
    for kind, variants in VARIANTS.items():
        for variant in range(variants):
            build_model(kind, variant)
            yield


def _stood(name: str, model: Model, alike: list[Distractor], ground: GroundLook) -> Iterator[InstanceBatch]:
    feet = np.array([(one.x_m, one.y_m, one.ground_m + one.lift_m) for one in alike])
    axes = np.array([(-one.slope_x, -one.slope_y, 1.0) for one in alike])
    scales = np.array([one.scale for one in alike])
    transforms = standing(feet, axes, np.array([one.turn for one in alike])) @ sized(len(alike), (scales,) * 3)
    shades = np.repeat(np.array([[one.shade] for one in alike]), 3, axis=1).astype(np.float32)
    tints = np.array([one.tint for one in alike], np.float32)
    for surface, mesh in model:
        own: np.ndarray = shades
        if surface in EARTH_SHADES:
            own = shades * (EARTH_SHADES[surface] * np.array(ground.subsoil) / LOOKS[surface].albedo)
        elif surface in TINTED:
            own = shades * tints
        yield InstanceBatch(
            name=f"{name} {surface}",
            mesh=mesh,
            surface=surface,
            transforms=transforms.astype(np.float32),
            instances=np.array([one.number for one in alike], np.uint16),
            tints=own.astype(np.float32),
        )
