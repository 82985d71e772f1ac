"""Meshes of solids, and the mesh of the terrain."""

import numpy as np
import pytest

from engine.dataset.geometry import pile_parts, primitives
from engine.dataset.geometry.batches import Mesh
from engine.dataset.geometry.scene_geometry import build_geometry
from engine.dataset.geometry.terrain_mesh import build_terrain_mesh
from engine.dataset.scene.description import SiteScene
from engine.dataset.scene.things import Distractor, DistractorKind, PileKind
from tests.dataset.geometry.sites import hilly, is_closed, normals_agree, pile, site, volume

SHAPES = {
    **{
        f"{section.__name__} {thick}": section(thick)
        for section in (pile_parts.h_section, pile_parts.c_section)
        for thick in (1.0, 2.0)
    },
    "cap": pile_parts.cap(),
    "formed pad": pile_parts.formed_pad(5),
    **{f"stubs {count}": pile_parts.stubs(count) for count in (6, 10, 16)},
    "flange holes": pile_parts.flange_holes(),
    "screw blade": pile_parts.screw_blade(),
    "ring crack": pile_parts.ring_crack(),
    "side crack": pile_parts.side_crack(),
    **{f"pad {k}": pile_parts.pad(k) for k in range(pile_parts.VARIANTS)},
    **{f"heap {k}": pile_parts.heap(k) for k in range(pile_parts.VARIANTS)},
    **{f"poured post {k}": pile_parts.poured_post(k) for k in range(pile_parts.VARIANTS)},
}


def circle_area(sides: int) -> float:
    """Area of the regular polygon with this many corners on a circle of diameter 1."""
    return sides / 2 * np.sin(2 * np.pi / sides) / 4


SOLIDS: dict[str, tuple[Mesh, float]] = {
    "cylinder": (primitives.cylinder(24), circle_area(24)),
    "tube": (primitives.tube(0.5, 20), circle_area(20) * 0.75),
    "frustum": (
        primitives.revolve([(0, 0), (0.5, 0), (0.25, 1), (0, 1)], 24),
        circle_area(24) * 1.75 / 3,
    ),
    "box": (primitives.box(), 1.0),
    "extrude": (primitives.extrude([(0, 0), (2, 0), (0, 1)], 3.0), 3.0),
    "slab": (primitives.slab([(0, 0), (2, 0), (0, 1)], 1.0, 4.0), 3.0),
    "ring": (primitives.ring(0.2, 96, 48), 2 * np.pi**2 * 0.4 * 0.1**2),
}


def test_solids_have_their_analytic_volume_are_closed_and_face_outwards() -> None:
    for name, (mesh, expected) in SOLIDS.items():
        assert volume(mesh) == pytest.approx(expected, rel=0.01), name
    for name, mesh in (SHAPES | {name: mesh for name, (mesh, _) in SOLIDS.items()}).items():
        assert volume(mesh) > 0 and is_closed(mesh) and normals_agree(mesh), name
        assert mesh.positions.dtype == mesh.normals.dtype == np.float32
        assert mesh.triangles.dtype == np.uint32


def test_height_at_equals_the_drawn_triangle() -> None:
    terrain = hilly(3)
    mesh = build_terrain_mesh(terrain)
    rng = np.random.default_rng(4)
    corners = mesh.positions.astype(np.float64)[mesh.triangles]  # (t, 3, 3)
    points = (corners * rng.dirichlet((1, 1, 1), len(corners))[..., None]).sum(axis=1)
    assert np.abs(terrain.height_at(points[:, 0], points[:, 1]) - points[:, 2]).max() < 1e-5


def test_the_terrain_covers_its_square_and_faces_up() -> None:
    terrain = hilly(5)
    mesh = build_terrain_mesh(terrain)
    count = terrain.heights_m.shape[0]
    assert len(mesh.triangles) == 2 * (count - 1) ** 2
    assert mesh.positions[:, :2].min() == pytest.approx(-terrain.side_m / 2, abs=1e-5)
    assert mesh.positions[:, :2].max() == pytest.approx(terrain.side_m / 2, abs=1e-5)
    grid = mesh.positions.reshape(count, count, 3)
    assert np.array_equal(grid[..., 2], terrain.heights_m)
    assert (np.diff(grid[0, :, 0]) > 0).all() and (np.diff(grid[:, 0, 1]) > 0).all()
    corners = mesh.positions[mesh.triangles]
    up = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])[:, 2]
    assert up == pytest.approx(terrain.cell_m**2, rel=1e-3)


def crowded(count: int = 700) -> SiteScene:
    kinds, others = list(PileKind), list(DistractorKind)
    piles = tuple(
        pile(
            kinds[k % 3],
            x_m=3.0 * (k % 28) - 40,
            y_m=3.0 * (k // 28) - 35,
            has_hoop=k % 3 == 0,
            is_cracked=k % 3 == 0,
            rust=k % 4,
            turn=0.1 * k,
        )
        for k in range(count)
    )
    distractors = tuple(
        Distractor(
            kind=others[k % 6], x_m=2.0 * k, y_m=0.0, ground_m=0.0, turn=0.3 * k, shape_seed=k
        )
        for k in range(45)
    )
    return site(piles, distractors, hilly(1))


def test_a_crowded_site_stays_well_below_a_million_triangles() -> None:
    geometry = build_geometry(crowded())
    triangles = sum(len(batch.instances) * len(batch.mesh.triangles) for batch in geometry.batches)
    assert 100_000 < triangles < 600_000
    assert len(geometry.batches) < 120
    assert len({batch.name for batch in geometry.batches}) == len(geometry.batches)
