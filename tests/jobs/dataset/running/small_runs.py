"""Small runs of the real engine, and digests of their reproducible files."""

import hashlib
from pathlib import Path
from typing import Any

import pytest

from engine.errors import UsageError
from engine.jobs.dataset import DatasetJob, RenderSettings, SceneOptions
from engine.jobs.dataset.scene import describe_scene

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


def small_job(output: Path, count: int = 3, *, options: dict[str, Any] | None = None, **values: Any) -> DatasetJob:
    scene = SceneOptions(**SMALL | (options or {}))
    known = {"drawing": RenderSettings(engine="raster"), "seed": 1000, "jobs": 2, "count": count}
    return DatasetJob(output=output, options=scene, **known | values)


def contents(folder: Path) -> dict[str, str]:
    """SHA-256 of all reproducible files: not logs and manifest, which contain times, nor hidden files."""
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
        and path.suffix not in (".log", ".jsonl")
        and not any(part.startswith(".") for part in path.relative_to(folder).parts)
    }


def one_that_fits_and_one_that_does_not() -> tuple[int, dict[str, Any]]:
    """A seed, and options with a number of machines that fits into its first picture but not into its second."""

    def fit(seed: int) -> int:
        with pytest.raises(UsageError) as caught:
            describe_scene(SceneOptions(**SMALL | {"num_machinery": 1000}), seed)
        return int(str(caught.value).split(":")[1].split()[0])

    seed = next(seed for seed in range(1000, 1100) if fit(seed) > fit(seed + 1))
    return seed, {"num_machinery": fit(seed)}
