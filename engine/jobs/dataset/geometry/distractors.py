"""Things that must not be mistaken for a pile, as batches: one per model and surface."""

from collections.abc import Iterator

import numpy as np

from engine.jobs.dataset.geometry import debris, machines
from engine.jobs.dataset.geometry.batches import InstanceBatch
from engine.jobs.dataset.geometry.kit import Model
from engine.jobs.dataset.geometry.placing import sized, standing
from engine.jobs.dataset.scene.things import Distractor, DistractorKind

VARIANTS = {
    DistractorKind.BAG: debris.BAG_SHAPES,
    DistractorKind.EXCAVATOR: len(machines.SWINGS),
    DistractorKind.LOADER: 1,
    DistractorKind.ROLLER: 1,
    DistractorKind.DEBRIS: debris.DEBRIS_SHAPES,
    DistractorKind.REBAR: debris.REBAR_SHAPES,
}


def build_distractors(distractors: tuple[Distractor, ...]) -> Iterator[InstanceBatch]:
    """Batches ordered by kind and variant; shape_seed selects the variant."""
    for kind, variants in VARIANTS.items():
        for variant in range(variants):
            alike = [one for one in distractors if one.kind is kind and one.shape_seed % variants == variant]
            if alike:
                yield from _stood(f"{kind} {variant}", build_model(kind, variant), alike)


def build_model(kind: DistractorKind, variant: int) -> Model:
    """A model in metres at scale 1, its foot at the origin. Cached per process."""
    match kind:
        case DistractorKind.BAG:
            return debris.bag(variant)
        case DistractorKind.EXCAVATOR:
            return machines.excavator(variant)
        case DistractorKind.LOADER:
            return machines.loader()
        case DistractorKind.ROLLER:
            return machines.roller()
        case DistractorKind.DEBRIS:
            return debris.broken_concrete(variant)
        case DistractorKind.REBAR:
            return debris.rebar(variant)


def _stood(name: str, model: Model, alike: list[Distractor]) -> Iterator[InstanceBatch]:
    feet = np.array([(one.x_m, one.y_m, one.ground_m) for one in alike])
    axes = np.array([(-one.slope_x, -one.slope_y, 1.0) for one in alike])
    scales = np.array([one.scale for one in alike])
    transforms = standing(feet, axes, np.array([one.turn for one in alike])) @ sized(len(alike), (scales,) * 3)
    tints = np.repeat(np.array([[one.shade] for one in alike]), 3, axis=1).astype(np.float32)
    for surface, mesh in model:
        yield InstanceBatch(
            name=f"{name} {surface}",
            mesh=mesh,
            surface=surface,
            transforms=transforms.astype(np.float32),
            instances=np.array([one.number for one in alike], np.uint16),
            tints=tints,
        )
