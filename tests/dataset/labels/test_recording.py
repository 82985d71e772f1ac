"""The record: how much of a thing is visible, and where all of it is."""

from dataclasses import replace

import numpy as np

from engine.dataset.geometry.batches import SceneGeometry
from engine.dataset.geometry.scene_geometry import build_geometry
from engine.dataset.labels.options import LabelOptions
from engine.dataset.labels.recording import make_record
from engine.dataset.scene.description import SiteScene
from engine.dataset.scene.things import Distractor, DistractorKind, PileKind
from engine.dataset.sensor.effects import SensorOptions
from engine.dataset.sensor.photograph import Photograph, photograph
from tests.dataset.cycles.conftest import blender as blender
from tests.dataset.geometry.sites import hilly, pile, render_numbers, site, sloping
from tests.dataset.labels.records import recorded, seen_from


def crowded(seed: int = 4) -> SiteScene:
    """Piles on rough ground, some under the arm of an excavator, some beyond the edges of a small
    picture."""
    rng = np.random.default_rng(seed)
    terrain = hilly(seed, count=61)
    kinds = list(PileKind)
    piles = []
    for number in range(1, 15):
        x_m, y_m = (
            (rng.uniform(-8.4, 8.4), rng.uniform(-6.4, 6.4))
            if number > 4
            else (2.2 + 0.7 * number, 1.2)
        )
        ground_m = float(terrain.height_at(np.array(x_m), np.array(y_m)))
        piles.append(
            pile(
                kinds[number % 3],
                x_m=x_m,
                y_m=y_m,
                ground_m=ground_m,
                tilt_x=0.03,
                number=number,
                turn=0.7 * number,
            )
        )
    machines = []
    for number, kind, x_m, y_m, turn in (
        (15, DistractorKind.EXCAVATOR, 3.0, 2.0, 0.6),
        (16, DistractorKind.LOADER, -4.0, -2.5, 2.0),
    ):
        ground_m = float(terrain.height_at(np.array(x_m), np.array(y_m)))
        machines.append(
            Distractor(kind=kind, x_m=x_m, y_m=y_m, ground_m=ground_m, turn=turn, number=number)
        )
    return replace(site(tuple(piles), tuple(machines), terrain), camera=seen_from(8.0))


def alone(scene: SiteScene, number: int) -> np.ndarray:
    """The pile's pixels without anything else, in a picture three times as wide and high: (3 h, 3
    w) bool."""
    camera = scene.camera
    wide = camera.window(
        -camera.width_px, -camera.height_px, 3 * camera.width_px, 3 * camera.height_px
    )
    own = tuple(each for each in scene.piles if each.number == number)
    return (
        render_numbers(
            build_geometry(replace(scene, piles=own, distractors=(), camera=wide))
        ).instances
        == number
    )


def bounds(mask: np.ndarray) -> tuple[int, int, int, int]:
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    return int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1


def test_visible_shares_and_whole_boxes_are_those_of_each_pile_drawn_alone() -> None:
    scene = crowded()
    record = recorded(scene)
    piles = [thing for thing in record.things if thing.category == "pile"]
    assert (
        sum(thing.is_cut for thing in piles) >= 2 and sum(thing.is_hidden for thing in piles) >= 2
    )
    for seen in piles:
        truth = alone(scene, seen.number)
        assert abs(seen.visible_share - seen.area_px / truth.sum()) < 0.04, seen
        whole = np.array(bounds(truth)) - np.tile((record.width_px, record.height_px), 2)
        assert np.abs(whole - seen.whole_box).max() <= 1, seen
        in_picture = truth[record.height_px :][: record.height_px, record.width_px :][
            :, : record.width_px
        ]
        assert seen.is_hidden == (in_picture.sum() > seen.area_px), seen
        assert seen.is_cut == (truth.sum() > in_picture.sum()), seen
        assert np.array_equal(bounds(seen.mask), (0, 0, *seen.mask.shape[::-1]))
        if not (seen.is_cut or seen.is_hidden):
            assert seen.visible_share == 1.0 and seen.whole_box == seen.box


def test_boxes_and_heads_follow_the_lens_of_an_oblique_camera() -> None:
    scene = replace(crowded(), camera=seen_from(11.0, x_m=-6.0, y_m=-6.0, pitch_deg=30.0))
    options = SensorOptions(camera_effects="distortion=-9")

    def photo(of: SiteScene) -> tuple[SceneGeometry, Photograph]:
        geometry = build_geometry(of)
        return geometry, photograph(
            of, options, 3, lambda seen: render_numbers(replace(geometry, scene=seen))
        )

    geometry, distorted = photo(scene)
    record = make_record(geometry, distorted, LabelOptions(), file_name="")
    straight = {thing.number: thing for thing in recorded(scene).things}
    assert record.camera["lens"] == distorted.effects["lens"]
    moved_px = compared = 0.0
    for thing in record.things:
        if thing.category != "pile" or thing.is_cut:
            continue
        own = tuple(pile for pile in scene.piles if pile.number == thing.number)
        _, lonely = photo(replace(scene, piles=own, distractors=()))
        assert (
            np.abs(
                np.subtract(bounds(lonely.rendered.instances == thing.number), thing.whole_box)
            ).max()
            <= 1
        ), thing
        assert thing.head_px is not None
        x, y = thing.head_px
        assert lonely.rendered.instances[int(y), int(x)] == thing.number
        before = straight[thing.number].head_px
        compared += 1
        if thing.is_hidden and before is not None:
            moved_px = max(moved_px, float(np.hypot(x - before[0], y - before[1])))
    assert compared >= 6 and moved_px > 2


def test_every_thing_is_known_by_its_number_class_and_kind() -> None:
    scene = crowded()
    record = recorded(scene, LabelOptions(classes=("machine", "pile")))
    known = {each.number: each for each in (*scene.piles, *scene.distractors)}
    assert {thing.number for thing in record.things} <= set(known)
    for thing in record.things:
        own = known[thing.number]
        assert (thing.attributes["kind"], thing.position_m) == (
            own.kind.value,
            (own.x_m, own.y_m, own.ground_m),
        )
        assert (thing.category, thing.class_id) == (
            ("pile", 1) if thing.number <= 14 else ("machine", 0)
        )
    assert {thing.attributes["kind"] for thing in record.things if thing.number > 14} == {
        "excavator",
        "loader",
    }
    assert not recorded(scene, LabelOptions(classes=("bag",))).classed


def test_a_head_is_in_the_middle_of_the_top_and_hidden_under_an_arm() -> None:
    scene = crowded()
    tops = {
        each.number: (each.x_m + each.exposed_m * np.tan(0.03), each.y_m, each.top_m)
        for each in scene.piles
    }
    record = recorded(scene)
    visible = 0
    for thing in (thing for thing in record.things if thing.category == "pile"):
        (pixel,) = scene.camera.pixel_of(np.array([tops[thing.number]]))
        is_inside = (pixel >= 0).all() and (pixel < (record.width_px, record.height_px)).all()
        assert (thing.head_px is not None) == is_inside
        if thing.head_px is not None:
            assert np.allclose(thing.head_px, pixel)
        visible += thing.is_head_visible
    heads = [thing for thing in record.things if thing.head_px is not None]
    assert 0 < visible < len(heads)
    assert all(thing.is_hidden for thing in heads if not thing.is_head_visible)


def test_slivers_at_the_edge_are_crowd_instead_of_labels() -> None:
    edge_m = 8.0  # half the width of the picture from 8 m; the pad of 0.8 m begins 0.1 m before it
    scene = replace(
        site(
            (pile(PileKind.PHC, x_m=edge_m + 0.3, number=1), pile(PileKind.PHC, number=2)),
            terrain=sloping(),
        ),
        camera=seen_from(8.0),
    )

    def labels(min_visible: float) -> tuple[list[int], list[int]]:
        record = recorded(scene, LabelOptions(min_visible=min_visible))
        assert [thing.number for thing in record.classed] == [1, 2]
        assert record.things[0].is_cut and 0 < record.things[0].visible_share < 0.2
        return (
            [thing.number for thing in record.labelled],
            [thing.number for thing in record.things if thing.is_crowd],
        )

    assert labels(0.2) == ([2], [1]) and labels(0.0) == ([1, 2], [])


def test_a_crest_before_a_pile_hides_it_too() -> None:
    """Ground has no number, but it can stand before a thing, too."""
    geometry = build_geometry(replace(site((pile(PileKind.PHC, number=1),)), camera=seen_from(8.0)))
    rendered = render_numbers(geometry)
    rendered.instances[:61], rendered.depth_m[:61] = 0, 3.0
    (thing,) = make_record(
        geometry, Photograph(rendered=rendered), LabelOptions(), file_name=""
    ).things
    assert thing.is_hidden and abs(thing.visible_share - 0.4) < 0.1 and not thing.is_head_visible
