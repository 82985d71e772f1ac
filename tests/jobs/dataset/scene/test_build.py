import os
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest

from engine.errors import UsageError
from engine.jobs.dataset.layout.recipe_1 import describe_recipe_1, look_of_ground
from engine.jobs.dataset.layout.settling import settle
from engine.jobs.dataset.options import SceneOptions
from tests.jobs.dataset.scene.scenes import CLUSTERED, IN_ROWS, digest, plan, scene, scenes


def test_the_same_seed_gives_the_same_scene_and_another_seed_another_one() -> None:
    for options in (CLUSTERED, IN_ROWS):
        assert digest(describe_recipe_1(options, 5)) == digest(scene(options, 5))
        assert len({digest(one) for one in scenes(options, 5)}) == 5


def test_the_same_seed_gives_the_same_scene_in_another_process() -> None:
    program = (
        "from engine.jobs.dataset.options import SceneOptions\n"
        "from engine.jobs.dataset.layout.recipe_1 import describe_recipe_1\n"
        "from tests.jobs.dataset.scene.scenes import digest\n"
        "print(digest(describe_recipe_1(SceneOptions(), 1000)))"
    )
    environment = {**os.environ, "PYTHONHASHSEED": "12345"}
    done = subprocess.run(
        [sys.executable, "-c", program], env=environment, capture_output=True, text=True, timeout=120, check=True
    )
    assert done.stdout.strip() == digest(scene(SceneOptions(), 1000))


@pytest.mark.parametrize("seed", [0, 2**63 - 1, 2**63, 2**64, 2**100])
def test_a_seed_of_any_size_has_its_scene(seed: int) -> None:
    assert len(scene(SceneOptions(), seed).piles) >= 50
    assert digest(scene(SceneOptions(), seed)) != digest(scene(SceneOptions(), seed + 1))


def test_a_negative_seed_is_refused() -> None:
    with pytest.raises(UsageError, match="--seed: -3 is not 0 or more"):
        describe_recipe_1(SceneOptions(), -3)


@pytest.mark.parametrize("field", ["num_terraces", "terrace_height"])
def test_other_terraces_do_not_change_other_random_values(field: str) -> None:
    for seed in range(3):
        one, other = scene(IN_ROWS, seed), describe_recipe_1(replace(IN_ROWS, **{field: 2}), seed)
        assert digest(one) != digest(other)
        assert (one.sun, one.ground, one.lime_lines) == (other.sun, other.ground, other.lime_lines)
        assert (plan(one.piles) == plan(other.piles)).all()
        looks = [
            [(pile.base_diameter_m, pile.turn, pile.shade, pile.tilt_x) for pile in each.piles] for each in (one, other)
        ]
        assert looks[0] == looks[1]


@pytest.mark.parametrize("field", ["sun_elevation", "sun_azimuth", "sun_energy"])
def test_another_sun_does_not_change_the_site(field: str) -> None:
    one, other = scene(CLUSTERED, 2), describe_recipe_1(replace(CLUSTERED, **{field: 10}), 2)
    assert one.sun != other.sun
    assert (one.piles, one.distractors, one.tracks) == (other.piles, other.distractors, other.tracks)
    assert (one.terrain.heights_m == other.terrain.heights_m).all()


@pytest.mark.parametrize("layout", [CLUSTERED, IN_ROWS])
def test_giving_options_with_their_random_values_gives_the_same_scene(layout: SceneOptions) -> None:
    for seed in range(3):
        found = settle(layout, seed)
        of_layout = ("num_clusters",) if found.use_clusters else ("num_rows", "piles_per_row", "row_spacing")
        fields = ("terrain_size", "num_terraces", "terrace_height", "sun_elevation", "sun_azimuth", "sun_energy")
        given = {field: getattr(found, field) for field in (*of_layout, *fields)}
        assert digest(describe_recipe_1(replace(layout, **given), seed)) == digest(scene(layout, seed))


def test_a_scene_has_the_settled_numbers() -> None:
    options = replace(IN_ROWS, width=1920, height=1080, sun_elevation=45, num_rows=9, piles_per_row=21)
    one = describe_recipe_1(options, 7)
    assert (one.camera.width_px, one.camera.height_px, one.camera.height_m) == (1920, 1080, 100.0)
    assert one.seed == 7 and one.sun.elevation_deg == 45
    assert len(one.piles) == 9 * 21
    assert [pile.table for pile in one.piles] == sorted(pile.table for pile in one.piles)


def test_loess_is_yellow_brown_and_hills_are_red_brown_under_more_grass() -> None:
    looks = {preset: [look_of_ground(preset, seed) for seed in range(50)] for preset in ("loess", "hills", None)}
    redness = {preset: np.array([look.soil[0] / look.soil[1] for look in found]) for preset, found in looks.items()}
    grass = {preset: np.array([look.grass_share for look in found]) for preset, found in looks.items()}
    assert redness["loess"].max() < redness["hills"].min()
    assert grass["loess"].max() < grass["hills"].min()
    assert redness["loess"].min() <= redness[None].min() and redness[None].max() <= redness["hills"].max() + 1e-9
    assert np.ptp(redness[None]) > 0.8 * (redness["hills"].mean() - redness["loess"].mean())
    for found in looks.values():
        for look in found:
            assert all(0 < part < 1 for part in (*look.soil, *look.subsoil, *look.grass, look.grass_share))
            assert 0 <= look.noise_seed < 2**32
