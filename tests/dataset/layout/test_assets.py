"""Where the user's own models stand in a scene."""

from dataclasses import replace

import numpy as np
import pytest

from engine.dataset.assets.naming import ChosenAsset
from engine.dataset.layout.assets import AssetOptions, footprint
from engine.dataset.layout.build import describe_recipe_2
from engine.dataset.layout.cameras import CameraOptions
from engine.dataset.layout.field import FieldOptions
from engine.dataset.layout.options import Recipe2Options
from engine.dataset.options import SceneOptions
from engine.dataset.scene.description import Asset, SiteScene
from engine.errors import UsageError

TRUCK = Asset(
    name="truck", path="/truck.glb", sha256="", category="machine", size_m=(8.0, 2.5, 3.0)
)
DRUM = Asset(name="drum", path="/drum.glb", sha256="", category="drum", size_m=(0.6, 0.6, 0.9))
POST = Asset(name="post", path="/post.glb", sha256="", category="pile", size_m=(0.3, 0.3, 1.2))


def scene_of(seed: int, *chosen: ChosenAsset, empty: float = 0.0, **camera: object) -> SiteScene:
    recipe_2 = Recipe2Options(
        camera=CameraOptions(**({"altitude": (60.0, 60.0)} | camera)),  # type: ignore[arg-type]
        layout=FieldOptions(empty_share=empty, piles=None if empty else (100, 150)),
        assets=AssetOptions(asset=chosen),
    )
    recipe_2.check()
    return describe_recipe_2(SceneOptions(width=640, height=480), recipe_2, (seed, 0))


def some(asset: Asset, *count: int) -> ChosenAsset:
    return ChosenAsset(asset=asset, count=(count[0], count[-1]) if count else None)


@pytest.fixture(scope="module")
def scenes() -> list[SiteScene]:
    return [scene_of(seed, some(DRUM, 15, 30), some(POST, 4), some(TRUCK)) for seed in range(4)]


def test_a_model_that_is_a_pile_is_refused_where_no_picture_has_piles() -> None:
    with pytest.raises(
        UsageError, match=r"^--asset post: is a pile, and no picture has piles with --empty-share 1"
    ):
        scene_of(0, some(DRUM), some(POST), empty=1.0)


def test_models_stand_on_the_ground_clear_of_piles_other_things_and_one_another(
    scenes: list[SiteScene],
) -> None:
    for scene in scenes:
        piles = np.array([(pile.x_m, pile.y_m) for pile in scene.piles])
        of = {asset.name: asset for asset in scene.assets}
        things = np.array([(thing.x_m, thing.y_m) for thing in scene.distractors])
        numbers = {
            thing.number for thing in (*scene.piles, *scene.distractors, *scene.placed_assets)
        }
        assert len(numbers) == len(scene.piles) + len(scene.distractors) + len(scene.placed_assets)
        discs = [footprint(of[one.asset], one) for one in scene.placed_assets]
        assert len(discs) > 10
        for number, (one, (middles, radius_m)) in enumerate(
            zip(scene.placed_assets, discs, strict=True)
        ):
            at = (np.array([one.x_m]), np.array([one.y_m]))
            assert one.ground_m == pytest.approx(float(scene.terrain.height_at(*at)[0]))
            assert (
                np.hypot(*(middles[:, None] - piles).transpose(2, 0, 1)).min()
                > radius_m + 0.6 - 1e-9
            )
            assert np.hypot(*(middles[:, None] - things).transpose(2, 0, 1)).min() > radius_m
            for others, other_m in discs[:number]:
                assert (
                    np.hypot(*(middles[:, None] - others).transpose(2, 0, 1)).min()
                    > radius_m + other_m
                )


def test_more_than_fit_are_refused_if_requested() -> None:
    with pytest.raises(
        UsageError,
        match=r"^--asset truck: \d+ of at least 500 fit between the piles of this site; give",
    ):
        scene_of(0, some(TRUCK, 500))
    assert scene_of(0, some(TRUCK)).piles


def test_a_tower_that_reaches_up_to_the_camera_is_refused() -> None:
    tower = replace(TRUCK, size_m=(3.0, 3.0, 40.0))
    with pytest.raises(
        UsageError,
        match=r"^--asset truck: is 40\.0 m high, too near to a camera at 60 m; give --alt",
    ):
        scene_of(0, some(tower))
    assert scene_of(0, some(tower, 1, 1), empty=1.0, altitude=(120.0, 120.0)).assets == (tower,)
