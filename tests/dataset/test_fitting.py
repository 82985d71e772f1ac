"""What does not fit is found before anything is drawn."""

from dataclasses import replace
from pathlib import Path

import pytest

from engine.dataset import DatasetJob, RenderSettings, SceneOptions
from engine.dataset.layout.cameras import CameraOptions
from engine.dataset.layout.options import Recipe2Options
from engine.dataset.running.run import MAX_BUILD_S, check_scenes
from engine.errors import UsageError


def crowded() -> DatasetJob:
    """A job with small windows, of which the first of seed 1 has room for four machines, and the
    second for none."""
    return DatasetJob(
        output=Path("out"),
        drawing=RenderSettings(engine="raster"),
        options=SceneOptions(num_machinery=4),
        recipe_2=Recipe2Options(camera=CameraOptions(view=(320, 320))),
        seed=1,
        count=3,
    )


def test_a_later_scene_that_does_not_fit_is_refused_by_its_picture() -> None:
    with pytest.raises(UsageError, match=r"^--num-machinery 4: 0 machines fit .* \(picture 1\)$"):
        check_scenes(crowded(), now_s=lambda: 0.0)


def test_scenes_are_tried_for_a_while_only_and_each_once() -> None:
    moments = iter((0.0, MAX_BUILD_S))
    check_scenes(crowded(), now_s=lambda: next(moments))
    assert not list(moments)
    tried = iter((0.0, 0.1, 0.2, MAX_BUILD_S))
    check_scenes(
        replace(crowded(), options=SceneOptions(num_machinery=0)), now_s=lambda: next(tried)
    )
    assert list(tried) == [MAX_BUILD_S]


def test_without_a_number_that_may_not_fit_only_the_first_scene_is_built() -> None:
    check_scenes(
        replace(crowded(), options=SceneOptions()),
        now_s=lambda: pytest.fail("no more scenes are built"),
    )
