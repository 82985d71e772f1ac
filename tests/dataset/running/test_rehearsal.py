"""What the process that forks loads for all pictures."""

from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from engine.dataset.assets.naming import parse_asset
from engine.dataset.assets.reading import read_asset
from engine.dataset.layout.assets import AssetOptions
from engine.dataset.layout.options import Recipe2Options
from engine.dataset.running.forking import rehearse
from tests.dataset.assets.models import write_glb
from tests.dataset.running.small_runs import recipe_2_job


@pytest.mark.only_on("linux", reason="forks")
def test_the_users_models_are_read_before_the_fork_and_a_missing_one_is_left_to_the_picture(
    tmp_path: Path,
) -> None:
    box, missing = (
        parse_asset(f"{name}={write_glb(tmp_path / f'{name}.glb')}") for name in ("box", "gone")
    )
    (tmp_path / "gone.glb").unlink()
    task = replace(
        recipe_2_job(tmp_path).task(0),
        recipe_2=Recipe2Options(assets=AssetOptions(asset=(box, missing))),
    )
    read_asset.cache_clear()
    threads = psutil.Process().num_threads()
    rehearse(task)
    before = read_asset.cache_info()
    assert before.currsize == 1
    # those of earlier tests may end
    assert psutil.Process().num_threads() <= threads, "threads do not survive a fork"
    read_asset(box.asset)
    assert read_asset.cache_info().hits == before.hits + 1
