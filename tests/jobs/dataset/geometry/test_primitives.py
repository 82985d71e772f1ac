import numpy as np
import pytest

from engine.jobs.dataset.geometry import meshes, pile_parts, primitives
from engine.jobs.dataset.geometry.batches import Mesh
from engine.jobs.dataset.geometry.meshes import put, sideways
from tests.jobs.dataset.geometry.sites import is_closed, normals_agree, volume


def circle_area(sides: int) -> float:
    """Area of the regular polygon with this many corners on a circle of diameter 1."""
    return sides / 2 * np.sin(2 * np.pi / sides) / 4


SOLIDS = {
    "cylinder": (primitives.cylinder(24), circle_area(24)),
    "tube": (primitives.tube(0.5, 20), circle_area(20) * 0.75),
    "frustum": (primitives.revolve([(0, 0), (0.5, 0), (0.25, 1), (0, 1)], 24), circle_area(24) * 1.75 / 3),
    "box": (primitives.box(), 1.0),
    "extrude": (primitives.extrude([(0, 0), (2, 0), (0, 1)], 3.0), 3.0),
    "slab": (primitives.slab([(0, 0), (2, 0), (0, 1)], 1.0, 4.0), 3.0),
    "ring": (primitives.ring(0.2, 96, 48), 2 * np.pi**2 * 0.4 * 0.1**2),
}
SHAPES = {
    "flange holes": pile_parts.flange_holes(),
    "screw blade": pile_parts.screw_blade(),
    "stubs": pile_parts.stubs(),
    "ring crack": pile_parts.ring_crack(),
    "side crack": pile_parts.side_crack(),
    **{f"pad {k}": pile_parts.pad(k) for k in range(pile_parts.VARIANTS)},
    **{f"heap {k}": pile_parts.heap(k) for k in range(pile_parts.VARIANTS)},
    **{f"poured post {k}": pile_parts.poured_post(k) for k in range(pile_parts.VARIANTS)},
}


@pytest.mark.parametrize("name", SOLIDS)
def test_a_solid_has_its_analytic_volume(name: str) -> None:
    mesh, expected = SOLIDS[name]
    assert volume(mesh) == pytest.approx(expected, rel=0.01)


@pytest.mark.parametrize("mesh", [*(mesh for mesh, _ in SOLIDS.values()), *SHAPES.values()], ids=[*SOLIDS, *SHAPES])
def test_a_solid_is_closed_and_faces_outwards(mesh: Mesh) -> None:
    assert volume(mesh) > 0
    assert is_closed(mesh)
    assert normals_agree(mesh)
    assert mesh.positions.dtype == mesh.normals.dtype == np.float32
    assert mesh.triangles.dtype == np.uint32


@pytest.mark.parametrize("name", ["heap 0", "poured post 0", "pad 0"])
def test_a_part_of_a_pile_has_unit_size(name: str) -> None:
    positions = SHAPES[name].positions
    assert np.linalg.norm(positions[:, :2], axis=1).max() == pytest.approx(0.5, abs=0.06)
    assert np.linalg.norm(positions[:, :2], axis=1).max() <= 0.5 + 1e-6
    assert positions[:, 2].min() == 0
    assert positions[:, 2].max() == pytest.approx(1, abs=1e-6)


def test_a_transformed_solid_still_faces_outwards() -> None:
    moved = meshes.moved(primitives.cylinder(), put((2, 1, 0.5), (3, 4, 5), 1.0))
    assert volume(moved) == pytest.approx(circle_area(24), rel=1e-4)
    assert normals_agree(moved)


def test_an_axle_lies_across() -> None:
    wheel = meshes.moved(primitives.cylinder(), sideways((1.5, 0.6, 1.5), (1.0, 2.0, 0.75)))
    assert wheel.positions.min(axis=0) == pytest.approx([0.25, 1.7, 0.0], abs=1e-6)
    assert wheel.positions.max(axis=0) == pytest.approx([1.75, 2.3, 1.5], abs=1e-6)
    assert volume(wheel) > 0
