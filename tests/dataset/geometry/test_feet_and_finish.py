"""Feet, caps, paint and outlines of piles in recipe 2, against what is drawn."""

from dataclasses import replace

import numpy as np
import pytest

from engine.dataset.geometry.batches import Surface
from engine.dataset.geometry.scene_geometry import build_geometry
from engine.dataset.labels.recording import find_instances
from engine.dataset.labels.visibility import find_outlines
from engine.dataset.scene.camera import SiteCamera
from engine.dataset.scene.things import CapKind, FootKind, PaintPlace, Pile, PileKind
from tests.dataset.geometry.sites import render_numbers, site, sloping, world

LOOSE = (FootKind.SPOIL, FootKind.HOLE, FootKind.MUD)
CAMERA = SiteCamera(width_px=200, height_px=160, height_m=20.0)


def pile_of(kind: PileKind, **changes: object) -> Pile:
    is_section = kind in (PileKind.H_SECTION, PileKind.C_SECTION)
    values: dict[str, object] = {
        "x_m": 0.0,
        "y_m": 0.0,
        "ground_m": 0.0,
        "exposed_m": 1.2,
        "diameter_m": 0.4,
        "width_m": 0.25 if is_section else 0.0,
        "base_diameter_m": 0.0,
        "base_height_m": 0.0,
        "foot": FootKind.NONE,
    }
    return Pile(kind=kind, **(values | changes))  # type: ignore[arg-type]


@pytest.mark.parametrize("foot", list(FootKind))
def test_loose_soil_at_a_foot_has_no_number_and_concrete_has(foot: FootKind) -> None:
    bare, stood = (
        build_geometry(
            site((pile_of(PileKind.PHC, foot=each, base_diameter_m=1.2, base_height_m=0.1),))
        )
        for each in (FootKind.NONE, foot)
    )
    names = {batch.name for batch in bare.batches}
    added = [batch for batch in stood.batches if batch.name not in names]
    assert bool(added) is (foot is not FootKind.NONE)
    for batch in added:
        assert batch.instances.tolist() == [0 if foot in LOOSE else 1]
        assert batch.is_soil is (foot in LOOSE)


@pytest.mark.parametrize("foot", LOOSE)
def test_the_label_is_the_same_with_and_without_loose_soil(foot: FootKind) -> None:
    boxes = []
    for each in (FootKind.NONE, foot):
        one = pile_of(
            PileKind.PHC, foot=each, base_diameter_m=1.6, base_height_m=0.15, x_m=6.0, y_m=4.0
        )
        geometry = build_geometry(replace(site((one,), terrain=sloping(count=61)), camera=CAMERA))
        boxes.append(find_instances(render_numbers(geometry).instances).boxes)
    # the mound hides the lowest centimetres of the post
    assert np.abs(boxes[0] - boxes[1]).max() <= 1


PILES = [
    pile_of(PileKind.PHC, x_m=-14.0, y_m=10.0, has_hoop=True, has_end_plate=True),
    pile_of(
        PileKind.SPIRAL_STEEL,
        x_m=-7.0,
        y_m=10.0,
        diameter_m=0.15,
        flange_diameter_m=0.3,
        exposed_m=0.6,
    ),
    pile_of(PileKind.CAST_IN_PLACE, x_m=0.0, y_m=10.0, diameter_m=0.9, exposed_m=0.5, bars_m=0.25),
    pile_of(
        PileKind.STEEL_TUBE,
        x_m=7.0,
        y_m=10.0,
        diameter_m=0.3,
        exposed_m=2.2,
        tilt_x=0.08,
        tilt_y=-0.05,
    ),
    pile_of(PileKind.H_SECTION, x_m=14.0, y_m=10.0, diameter_m=0.3, exposed_m=2.4, turn=0.6),
    pile_of(PileKind.C_SECTION, x_m=-14.0, y_m=0.0, diameter_m=0.3, exposed_m=2.0, turn=2.0),
    pile_of(
        PileKind.PHC, x_m=-7.0, y_m=0.0, foot=FootKind.PAD, base_diameter_m=1.4, base_height_m=0.2
    ),
    pile_of(
        PileKind.STEEL_TUBE,
        x_m=7.0,
        y_m=0.0,
        foot=FootKind.GROUT,
        base_diameter_m=0.8,
        base_height_m=0.08,
    ),
    pile_of(
        PileKind.PHC, x_m=14.0, y_m=0.0, foot=FootKind.SPOIL, base_diameter_m=1.8, base_height_m=0.2
    ),
    pile_of(PileKind.PHC, x_m=-14.0, y_m=-10.0, cap=CapKind.PLATE),
    pile_of(PileKind.H_SECTION, x_m=-7.0, y_m=-10.0, cap=CapKind.PLASTIC, diameter_m=0.3),
    pile_of(
        PileKind.CAST_IN_PLACE,
        x_m=7.0,
        y_m=-10.0,
        paint=PaintPlace.HEAD,
        dirt_m=0.3,
        diameter_m=0.6,
    ),
    pile_of(
        PileKind.SPIRAL_STEEL,
        x_m=14.0,
        y_m=-10.0,
        foot=FootKind.OWN,
        base_diameter_m=1.3,
        base_height_m=0.2,
    ),
]


@pytest.mark.parametrize("slope", [(0.0, 0.0), (0.15, -0.1)])
def test_outlines_bound_what_is_drawn(slope: tuple[float, float]) -> None:
    """Within 1.5 px of the box of the rendered instance."""
    terrain = sloping(*slope, count=81)
    camera = SiteCamera(width_px=1000, height_px=760, height_m=24.0, field_of_view_deg=75.0)
    heights_m = (
        float(terrain.height_at(np.float64(one.x_m), np.float64(one.y_m))) for one in PILES
    )
    piles = tuple(
        replace(one, ground_m=ground_m, number=7 * index)
        for index, (one, ground_m) in enumerate(zip(PILES, heights_m, strict=True), 1)
    )
    geometry = build_geometry(replace(site(piles, terrain=terrain), camera=camera))
    found = find_instances(render_numbers(geometry).instances)
    assert found.numbers.tolist() == [pile.number for pile in piles]
    outlines = find_outlines(geometry, found.numbers, lambda pixels: pixels)
    for pile, box in zip(piles, found.boxes.tolist(), strict=True):
        pixel = np.concatenate(outlines[pile.number].solids)
        own = [*pixel.min(axis=0), *pixel.max(axis=0)]
        assert np.abs(np.array(own) - box).max() <= 1.5, (pile.kind, pile.foot, own, box)


@pytest.mark.parametrize("kind", list(PileKind))
def test_the_head_is_the_middle_of_the_top(kind: PileKind) -> None:
    one = pile_of(kind, x_m=2.0, y_m=-1.0, ground_m=0.5, tilt_x=0.07, tilt_y=-0.04, bars_m=0.0)
    post = next(
        batch for batch in build_geometry(site((one,))).batches if batch.surface is not Surface.DARK
    )
    top = world(post)[post.mesh.positions[:, 2] > 0.999]
    assert [*((top.min(axis=0) + top.max(axis=0)) / 2)] == pytest.approx(one.head_m, abs=0.02)
    assert one.tilt_deg == pytest.approx(
        np.degrees(np.arctan(np.hypot(np.tan(0.07), np.tan(0.04))))
    )
