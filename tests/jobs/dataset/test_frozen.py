"""The frozen scene: what a user can read, edit and draw again."""

import json
from dataclasses import replace

import numpy as np
import pytest

from engine.errors import SourceError
from engine.jobs.dataset.frozen import freeze, plain, thaw
from engine.jobs.dataset.options import SceneOptions
from engine.jobs.dataset.scene.description import SiteScene
from engine.jobs.dataset.varied import VariedOptions, describe_varied
from engine.jobs.dataset.varied.field import FieldOptions


@pytest.fixture(scope="module")
def scene() -> SiteScene:
    return describe_varied(
        SceneOptions(width=640, height=480), VariedOptions(layout=FieldOptions(empty_share=0.0)), (5, 2)
    )


def test_a_thawed_scene_equals_the_frozen_one_to_the_last_bit(scene: SiteScene) -> None:
    content = freeze(scene)
    thawed = thaw(content)
    assert thawed.terrain.heights_m.tobytes() == scene.terrain.heights_m.tobytes()
    assert thawed.terrain.heights_m.dtype == np.float32
    assert (thawed.piles, thawed.distractors, thawed.camera) == (scene.piles, scene.distractors, scene.camera)
    assert (thawed.sun, thawed.ground, thawed.tracks) == (scene.sun, scene.ground, scene.tracks)
    assert plain(thawed) == plain(scene)
    assert freeze(thawed) == content
    assert len(json.loads(content)["terrain"]["heights_m"]["data"]) < 0.6 * scene.terrain.heights_m.nbytes


def test_heights_that_are_no_tenths_of_a_millimetre_keep_every_bit(scene: SiteScene) -> None:
    heights = np.random.default_rng(3).normal(0, 9, (7, 7)).astype(np.float32)
    heights[2, 3] = -0.0
    other = replace(scene, terrain=replace(scene.terrain, heights_m=heights))
    assert thaw(freeze(other)).terrain.heights_m.tobytes() == heights.tobytes()


def test_a_pile_moved_by_hand_is_moved_in_the_scene(scene: SiteScene) -> None:
    lines = freeze(scene).decode("ascii").splitlines()
    first = next(place for place, line in enumerate(lines) if line.startswith('{"kind"'))
    pile = json.loads(lines[first].rstrip(",")) | {"x_m": 1.25}
    lines[first] = json.dumps(pile) + ","
    thawed = thaw("\n".join(lines).encode("ascii"))
    assert thawed.piles[0] == replace(scene.piles[0], x_m=1.25)
    assert thawed.piles[1:] == scene.piles[1:]


@pytest.mark.parametrize(
    "damage",
    [
        lambda text: text[: len(text) // 2],
        lambda text: text.replace('"format": 1', '"format": 9'),
        lambda text: text.replace('"x_m"', '"x_metres"', 1),
        lambda text: text.replace('"coding": "steps"', '"coding": "magic"'),
        lambda text: text.replace('"data": "', '"data": "AAAA', 1),
        lambda text: "[]",
    ],
)
def test_what_is_no_scene_is_told_in_one_line(scene: SiteScene, damage) -> None:
    with pytest.raises(SourceError, match=r"^mine\.json: is not a scene that this program wrote: [^\n]+$"):
        thaw(damage(freeze(scene).decode("ascii")).encode("ascii"), "mine.json")
