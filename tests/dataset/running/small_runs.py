"""Small runs of the real engine, and digests of their reproducible files."""

import hashlib
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np

from engine.dataset import DatasetJob, RenderSettings, SceneOptions
from engine.dataset.labels.options import LabelOptions
from engine.dataset.layout.cameras import CameraOptions
from engine.dataset.layout.options import Recipe2Options
from engine.dataset.running.manifest import MANIFEST
from engine.dataset.sensor.effects import SensorOptions
from engine.dataset.split import parse_split

SMALL: dict[str, Any] = {
    "width": 128,
    "height": 96,
    "use_clusters": True,
    "num_clusters": 1,
    "min_piles_per_cluster": 8,
    "max_piles_per_cluster": 12,
    "num_bags": 2,
    "num_machinery": 1,
}


def small_job(
    output: Path, count: int = 3, *, options: dict[str, Any] | None = None, **values: Any
) -> DatasetJob:
    """Recipe 1: one cluster in 128x96 px."""
    scene = SceneOptions(**SMALL | (options or {}))
    known = {
        "drawing": RenderSettings(engine="raster"),
        "recipe": 1,
        "seed": 1000,
        "jobs": 2,
        "count": count,
    }
    return DatasetJob(output=output, options=scene, **known | values)


def contents(folder: Path) -> dict[str, str]:
    """SHA-256 of all reproducible files: not logs and manifests, which contain times, nor hidden
    files."""
    return {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
        and path.suffix != ".log"
        and path.name != MANIFEST
        and not any(part.startswith(".") for part in path.relative_to(folder).parts)
    }


def flip(path: Path) -> None:
    """Change one bit in the middle of the file."""
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def recipe_2_job(output: Path, count: int = 4, **values: Any) -> DatasetJob:
    """Recipe 2: two views of 96 px of each scene, JPEG, two subsets, three label formats, tiles."""
    known: dict[str, Any] = {
        "drawing": RenderSettings(engine="raster"),
        "recipe": 2,
        "seed": 7,
        "jobs": 2,
        "split": parse_split("50/50"),
        "recipe_2": Recipe2Options(
            camera=CameraOptions(view=(96, 96), views=2, gsd=(4.0, 4.0)),
            sensor=SensorOptions(camera_effects="mild"),
        ),
        "labels": LabelOptions(write=("yolo", "coco", "piles"), tiles=64),
    }
    return DatasetJob(output=output, count=count, **known | values)


def started(kind: str, folder: Path, count: int, **values: Any) -> subprocess.Popen[bytes]:
    """A process that runs this kind of job, `small_job` or `recipe_2_job`."""
    code = (
        f"from pathlib import Path; from tests.dataset.running.small_runs import {kind};"
        "from engine.dataset import make_dataset;"
        f"make_dataset({kind}(Path({str(folder)!r}), {count}, **{values}))"
    )
    return subprocess.Popen([sys.executable, "-c", code], cwd=Path(__file__).parents[3])


def assert_survives_kills(folder: Path, count: int, *, kills: int) -> None:
    """Kill a run of recipe 2 at random moments, then let it finish. There is never a picture
    without its label."""
    moments = np.random.default_rng(7)
    for _ in range(kills):
        run = started("recipe_2_job", folder, count)
        try:
            run.wait(moments.uniform(1.5, 8.0))
        except subprocess.TimeoutExpired:
            run.kill()
            run.wait()
        labels = {path.stem for path in folder.glob("labels/**/*.txt")}
        assert {path.stem for path in folder.glob("images/**/*.*")} <= labels
    assert started("recipe_2_job", folder, count).wait() == 0
