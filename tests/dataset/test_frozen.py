"""The frozen scene: what a user can read, edit and draw again."""

import json
from dataclasses import replace

import numpy as np
import pytest

from engine.dataset.frozen import freeze, plain, thaw
from engine.dataset.layout.build import describe_recipe_2
from engine.dataset.layout.field import FieldOptions
from engine.dataset.layout.options import Recipe2Options
from engine.dataset.options import SceneOptions
from engine.dataset.scene.description import SiteScene
from engine.errors import UsageError


@pytest.fixture(scope="module")
def scene() -> SiteScene:
    return describe_recipe_2(
        SceneOptions(width=640, height=480),
        Recipe2Options(layout=FieldOptions(empty_share=0.0)),
        (5, 2),
    )


def test_a_thawed_scene_equals_the_frozen_one_to_the_last_bit(scene: SiteScene) -> None:
    content = freeze(scene)
    thawed = thaw(content)
    assert thawed.terrain.heights_m.tobytes() == scene.terrain.heights_m.tobytes()
    assert thawed.terrain.heights_m.dtype == np.float32
    assert (thawed.piles, thawed.distractors, thawed.camera) == (
        scene.piles,
        scene.distractors,
        scene.camera,
    )
    assert (thawed.sun, thawed.ground, thawed.tracks) == (scene.sun, scene.ground, scene.tracks)
    assert plain(thawed) == plain(scene) and freeze(thawed) == content
    assert (
        len(json.loads(content)["terrain"]["heights_m"]["data"])
        < 0.6 * scene.terrain.heights_m.nbytes
    )


def test_heights_that_are_no_tenths_of_a_millimetre_keep_every_bit(scene: SiteScene) -> None:
    heights = np.random.default_rng(3).normal(0, 9, (7, 7)).astype(np.float32)
    heights[2, 3] = -0.0
    other = replace(
        scene, piles=(), distractors=(), terrain=replace(scene.terrain, heights_m=heights)
    )
    assert thaw(freeze(other)).terrain.heights_m.tobytes() == heights.tobytes()


def test_a_pile_that_was_moved_or_copied_by_hand_is_so_in_the_scene(scene: SiteScene) -> None:
    lines = freeze(scene).decode("ascii").splitlines()
    first = next(position for position, line in enumerate(lines) if line.startswith('{"kind"'))
    pile = json.loads(lines[first].rstrip(",")) | {"x_m": 1.25, "ground_m": None}
    lines[first] = json.dumps(pile) + ","
    thawed = thaw("\n".join(lines).encode("ascii"))
    ground_m = float(scene.terrain.height_at(np.float64(1.25), np.float64(scene.piles[0].y_m)))
    assert thawed.piles[0] == replace(scene.piles[0], x_m=1.25, ground_m=ground_m)
    assert thawed.piles[1:] == scene.piles[1:]
    more = (
        lines[:first]
        + [json.dumps({key: value for key, value in pile.items() if key != "number"}) + ","] * 2
    )
    copied = thaw("\n".join(more + lines[first:]).encode("ascii"))
    numbers = [thing.number for thing in (*scene.piles, *scene.distractors)]
    assert [pile.number for pile in copied.piles[:3]] == [
        max(numbers) + 1,
        max(numbers) + 2,
        scene.piles[0].number,
    ]
    assert copied.piles[2:] == thawed.piles
    del lines[first]
    assert thaw("\n".join(lines).encode("ascii")).piles == scene.piles[1:]


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda text: text[: len(text) // 2], "is no JSON: .*line [0-9]+ column"),
        (lambda text: text.replace('"format": 1', '"format": 9'), 'is no scene with "format": 1'),
        (lambda text: "[]", 'is no scene with "format": 1'),
        (lambda text: text.replace('"coding": "steps"', '"coding": "magic"'), r"coding 'magic'"),
        (
            lambda text: text.replace('"data": "', '"data": "AAAA', 1),
            r"\$\.terrain\.heights_m: its data is damaged",
        ),
    ],
)
def test_what_is_no_scene_is_refused_in_one_line(scene: SiteScene, damage, message: str) -> None:
    with pytest.raises(UsageError, match=rf"^mine\.json: [^\n]*{message}[^\n]*$"):
        thaw(damage(freeze(scene).decode("ascii")).encode("ascii"), "mine.json")


@pytest.mark.parametrize(
    ("edit", "message"),
    [
        (
            lambda values: values["piles"][2].update(exposed_m="high"),
            r"\$\.piles\[2\]\.exposed_m: Expected `float`",
        ),
        (
            lambda values: values["piles"][2].update(height=1),
            r"\$\.piles\[2\] has no field 'height', but kind",
        ),
        (
            lambda values: values["piles"][2].pop("kind"),
            r"\$\.piles\[2\]: .*missing required field `kind`",
        ),
        (
            lambda values: values["piles"][2].update(number=values["piles"][0]["number"]),
            r"\$\.piles\[2\]\.number: \d+ is that of \$\.piles\[0\], too; delete the number of a "
            r"copy",
        ),
        (
            lambda values: values["piles"][2].update(ground_m=77),
            r"\$\.piles\[2\]\.ground_m: is 77\.000, but .* write null",
        ),
        (
            lambda values: values["piles"][2].update(x_m=9e5),
            r"\$\.piles\[2\]: \(900000, .* off the ground",
        ),
        (
            lambda values: values["camera"].update(width_px=10**7),
            r"\$\.camera\.width_px: Expected `int` <= 16384",
        ),
        (
            lambda values: values["terrain"]["heights_m"].update(shape=[2, 3]),
            r"\$\.terrain\.heights_m: its data unpacks to more",
        ),
        (
            lambda values: values.update(tracks=[{"points": [[0, 0]]}]),
            r"\$\.tracks\[0\]\.points: has 1 points",
        ),
        (
            lambda values: values.update(
                placed_assets=[{"asset": "crane", "x_m": 0, "y_m": 0, "turn": 0, "number": 9999}]
            ),
            r"\$\.placed_assets\[0\]\.asset: 'crane' is not one of",
        ),
    ],
)
def test_a_bad_edit_is_reported_with_its_position_in_the_file(
    scene: SiteScene, edit, message: str
) -> None:
    values = json.loads(freeze(scene))
    edit(values)
    with pytest.raises(UsageError, match=rf"^mine\.json: {message}[^\n]*$"):
        thaw(json.dumps(values).encode("ascii"), "mine.json")


def test_a_camera_below_the_ground_is_refused(scene: SiteScene) -> None:
    high = np.round(scene.terrain.heights_m + 300, 4).astype(np.float32)
    buried = replace(
        scene, piles=(), distractors=(), terrain=replace(scene.terrain, heights_m=high)
    )
    with pytest.raises(
        UsageError,
        match=r"\$\.camera\.height_m: .* is not above the ground there, which is at [0-9]+",
    ):
        thaw(freeze(buried))
