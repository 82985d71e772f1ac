import numpy as np
import pytest

from engine.jobs.dataset.geometry import set_stage
from engine.jobs.dataset.geometry.batches import LOOKS, Surface
from engine.jobs.dataset.geometry.distractors import VARIANTS, build_model
from engine.jobs.dataset.geometry.kit import Model
from engine.jobs.dataset.layout.habits import FENCE, HABITS, TRENCH
from engine.jobs.dataset.scene.things import CATEGORIES, PILE_CATEGORY, Distractor, DistractorKind, category_of
from tests.jobs.dataset.geometry.sites import is_closed, normals_agree, site, sloping, volume, world

MACHINES = (DistractorKind.EXCAVATOR, DistractorKind.LOADER, DistractorKind.ROLLER)
FOOTPRINT_M = {kind: habit.footprint_m for kind, habit in HABITS.items()} | {
    DistractorKind.FENCE: FENCE.footprint_m,
    DistractorKind.TRENCH: TRENCH.footprint_m,
}
EVERY_SHAPE = [(kind, variant) for kind, variants in VARIANTS.items() for variant in range(variants)]


def standing_at(kind: DistractorKind, **changes: object) -> Distractor:
    values: dict[str, object] = {"x_m": 0.0, "y_m": 0.0, "ground_m": 0.0, "turn": 0.0}
    return Distractor(kind=kind, **(values | changes))  # type: ignore[arg-type]


def positions(kind: DistractorKind, variant: int) -> np.ndarray:
    return np.concatenate([mesh.positions for _, mesh in build_model(kind, variant)])


@pytest.mark.parametrize("kind", list(DistractorKind))
def test_the_largest_shape_of_a_kind_fills_its_footprint_and_all_stay_inside(kind: DistractorKind) -> None:
    shapes = [positions(kind, variant) for variant in range(VARIANTS[kind])]
    reach_m = max(np.linalg.norm(shape[:, :2], axis=1).max() for shape in shapes)
    assert 0.8 * FOOTPRINT_M[kind] < reach_m <= FOOTPRINT_M[kind]


@pytest.mark.parametrize(("kind", "variant"), EVERY_SHAPE)
def test_every_solid_of_a_shape_is_closed_and_faces_outwards(kind: DistractorKind, variant: int) -> None:
    for _, mesh in build_model(kind, variant):
        assert volume(mesh) > 0
        assert is_closed(mesh)
        assert normals_agree(mesh)


@pytest.mark.parametrize(("kind", "variant"), EVERY_SHAPE)
def test_a_shape_reaches_into_the_ground_and_stands_out_of_it(kind: DistractorKind, variant: int) -> None:
    habit = HABITS.get(kind)
    heights = positions(kind, variant)[:, 2] + (habit.lift_m if habit else 0.0)
    is_lifted = kind in (DistractorKind.TABLE, DistractorKind.COVER)  # over piles that stand up to a metre out
    assert (-1.1 if is_lifted else -0.45) < heights.min() < -0.01
    is_low = kind is DistractorKind.BOARDS or (habit is not None and habit.is_flat)
    assert heights.max() > (0.005 if is_low else 0.1)


@pytest.mark.parametrize("kind", MACHINES)
def test_a_machine_is_mostly_yellow_from_above_with_glass_and_black(kind: DistractorKind) -> None:
    model = dict(build_model(kind, 0))
    assert {Surface.YELLOW_PAINT, Surface.GLASS, Surface.BLACK_RUBBER} <= set(model)
    seen = seen_from_above(build_model(kind, 0))
    assert max(seen, key=seen.__getitem__) is Surface.YELLOW_PAINT
    assert seen[Surface.YELLOW_PAINT] > 0.4 * sum(seen.values())


def seen_from_above(model: Model) -> dict[Surface, int]:
    """Number of points of a 5 cm grid at which each surface is visible from above."""
    along = np.arange(-5, 5, 0.05)
    height = np.full((len(along), len(along)), -np.inf)
    owner = np.full(height.shape, -1)
    for index, (_, mesh) in enumerate(model):
        for a, b, c in mesh.positions.astype(np.float64)[mesh.triangles]:
            area = np.cross(b - a, c - a)[2]
            if area <= 1e-9:
                continue
            low, high = np.searchsorted(along, [np.min([a, b, c], axis=0)[:2], np.max([a, b, c], axis=0)[:2]])
            rows, columns = slice(low[1], high[1]), slice(low[0], high[0])
            x, y = np.meshgrid(along[columns], along[rows])
            beta = ((x - a[0]) * (c[1] - a[1]) - (y - a[1]) * (c[0] - a[0])) / area
            gamma = ((b[0] - a[0]) * (y - a[1]) - (b[1] - a[1]) * (x - a[0])) / area
            z = a[2] + beta * (b[2] - a[2]) + gamma * (c[2] - a[2])
            is_seen = (beta >= 0) & (gamma >= 0) & (beta + gamma <= 1) & (z > height[rows, columns])
            height[rows, columns][is_seen] = z[is_seen]
            owner[rows, columns][is_seen] = index
    return {surface: int((owner == index).sum()) for index, (surface, _) in enumerate(model)}


@pytest.mark.parametrize("kind", list(DistractorKind))
def test_a_distractor_leans_with_its_ground_and_is_no_instance(kind: DistractorKind) -> None:
    slope = (0.25, -0.1)
    terrain = sloping(*slope)
    ground_m = float(terrain.height_at(np.float64(3.0), np.float64(2.0)))
    one = standing_at(kind, x_m=3.0, y_m=2.0, ground_m=ground_m, slope_x=slope[0], slope_y=slope[1], turn=1.0)
    stage = set_stage(site(distractors=(one,), terrain=terrain))
    points = np.concatenate([world(batch) for batch in stage.batches])
    over = (points - (3.0, 2.0, ground_m)) @ (np.array([-0.25, 0.1, 1]) / np.linalg.norm([-0.25, 0.1, 1]))
    own = np.concatenate([mesh.positions[:, 2] for _, mesh in build_model(kind, 0)])
    assert [over.min(), over.max()] == pytest.approx([own.min(), own.max()], abs=1e-4)
    for batch in stage.batches:
        assert (batch.instances == 0).all()
        assert (np.linalg.det(batch.transforms[:, :3, :3].astype(np.float64)) > 0).all()


def test_a_machine_turned_by_a_quarter_looks_north() -> None:
    stage = set_stage(site(distractors=(standing_at(DistractorKind.LOADER, turn=np.pi / 2),)))
    points = np.concatenate([world(batch) for batch in stage.batches])
    assert points[:, 1].max() == pytest.approx(3.72, abs=1e-3)  # the bucket's edge
    assert abs(points[:, 0]).max() < 1.5


def test_scale_and_shade_are_applied() -> None:
    small, large = (
        set_stage(site(distractors=(standing_at(DistractorKind.BAG, scale=scale, shade=0.9),))).batches[0]
        for scale in (1.0, 1.2)
    )
    assert np.ptp(world(large), axis=0) == pytest.approx(1.2 * np.ptp(world(small), axis=0), rel=1e-5)
    assert small.tints == pytest.approx(np.full((1, 3), 0.9))


def test_shapes_are_chosen_by_their_seed() -> None:
    ones = tuple(standing_at(DistractorKind.DEBRIS, x_m=3.0 * k, shape_seed=2**32 - 1 - k) for k in range(8))
    stage = set_stage(site(distractors=ones))
    shapes = {batch.mesh.positions.tobytes() for batch in stage.batches if batch.surface is Surface.CONCRETE}
    assert len(shapes) == VARIANTS[DistractorKind.DEBRIS] == 8


def test_paint_takes_the_tint_of_its_thing_and_glass_does_not() -> None:
    stage = set_stage(site(distractors=(standing_at(DistractorKind.CAR, tint=(0.5, 0.1, 0.2), shade=0.8),)))
    tints = {batch.surface: batch.tints for batch in stage.batches}
    assert tints[Surface.PAINT] == pytest.approx(np.array([[0.4, 0.08, 0.16]]))
    for surface in (Surface.GLASS, Surface.BLACK_RUBBER):
        assert tints[surface] == pytest.approx(np.full((1, 3), 0.8))


def test_every_kind_of_thing_belongs_to_a_class_and_no_class_is_empty() -> None:
    classes = {category_of(kind) for kind in DistractorKind}
    assert classes == set(CATEGORIES) - {PILE_CATEGORY}
    assert len(set(CATEGORIES)) == len(CATEGORIES)
    assert {category_of(kind) for kind in MACHINES} == {"machine"}


def test_every_surface_has_a_look() -> None:
    assert set(LOOKS) == set(Surface)
