"""Time per site picture, the part spent on starting its process, and memory growth over a long run.

Whole pictures are rendered in fresh processes, one at a time, with both recipes; tiles of 640 px in
forks of a warm process, as in a long run. Optionally Cycles renders the same scene of recipe 1 for
comparison.
"""

import os
import statistics
import tempfile
import time
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

from engine.dataset import DatasetJob, RenderSettings, SceneOptions, make_dataset
from engine.dataset.choosing import EngineOptions, choose_engine
from engine.dataset.layout.cameras import CameraOptions
from engine.dataset.layout.options import Recipe2Options
from engine.dataset.running.attempt import HAS_FORK, PictureWorker
from engine.dataset.running.policy import Failure, default_timeout_s
from engine.dataset.task import PictureTask
from engine.errors import RenderError
from engine.jobs.kit.options import option
from tests.benchmarks.measuring import Progress
from tests.benchmarks.options import one_of

# The two cases measured with the original, on an M3 Pro: 3.89 s and 45 s.
CASES: dict[str, dict[str, Any]] = {
    "44 piles, 1920x1080": {
        "width": 1920,
        "height": 1080,
        "use_clusters": True,
        "num_clusters": 1,
        "min_piles_per_cluster": 44,
        "max_piles_per_cluster": 44,
    },
    "364 piles, 5280x3956": {"use_clusters": False, "num_rows": 14, "piles_per_row": 26},
}
ORIGINAL_S = {"44 piles, 1920x1080": 3.89, "364 piles, 5280x3956": 45.0}
TILE = "tile of 640x640, recipe 2"
NAMES = dict(zip(("small", "large", "tile"), (*CASES, TILE), strict=True))
WARM_TILES = 4  # tiles of a warm process before the measured ones: then all models are built
SMALL_PICTURE: dict[str, Any] = {
    "width": 320,
    "height": 240,
    "use_clusters": True,
    "num_clusters": 1,
}
SETTLED_PICTURES = 5  # pictures of a long run after which its memory counts as settled
SEED = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class DatasetBench:
    """Measure site pictures with labels: time per picture and per process, memory of a long run,
    optionally Cycles.

    small is 44 piles at 1920x1080, large 364 at 5280x3956: the cases for which the original has
    figures. tile is a window of 640x640 of recipe 2, made as in a long run; processor time is given
    for each step.
    """

    case: tuple[str, ...] = option(
        ("small", "large", "tile"),
        "Repeatable. (default: all)",
        metavar="small|large|tile",
        parse=one_of("small", "large", "tile"),
    )
    pictures: int = option(3, "Pictures per case; the median is reported.", low=1, high=100)
    long_run: int = option(20, "Small pictures, for memory and overhead; 0: none.", low=0)
    cycles: bool = option(
        False, "Also render the same scenes with Cycles: takes minutes.", flags="--cycles"
    )
    blender: str = option(
        "", "Blender, for Cycles. [MULTIVERSE_BLENDER]", metavar="PATH", shows_default=False
    )


def run(options: DatasetBench, progress: Progress) -> dict[str, Any]:
    """Figures as plain values. RenderError if a picture fails."""
    engines = {"raster": RenderSettings(engine="raster")}
    if options.cycles:
        engines["cycles"] = choose_engine(
            EngineOptions(engine="cycles", blender=options.blender or None)
        ).drawing
    cases = [NAMES[each] for each in dict.fromkeys(options.case)]
    result = progress.begin({"cores": os.cpu_count(), "cases": {}})
    for number, case in enumerate(cases):
        if case == TILE:
            progress(case, number / (len(cases) + 1))
            result["cases"][case] = {"raster": _tiles(options.pictures)}
            continue
        measured: dict[str, Any] = {"original_m3_pro_s": ORIGINAL_S[case]}
        for name, drawing in engines.items():
            progress(f"{case}, {name}", number / (len(cases) + 1))
            counted = options.pictures if name == "raster" else 1  # Cycles takes minutes
            measured[name] = _measured(case, drawing, counted, options.blender)
        progress(f"{case}, recipe 2", number / (len(cases) + 1))
        measured["raster, recipe 2"] = _measured(
            case, engines["raster"], options.pictures, "", recipe=2
        )
        if options.cycles:
            measured["cycles_times_raster"] = round(
                measured["cycles"]["seconds"] / measured["raster"]["seconds"], 1
            )
        result["cases"][case] = measured
    if options.long_run:
        progress("a long run", len(cases) / (len(cases) + 1))
        result["long_run"] = _long_run(options.long_run)
    return result


def _measured(
    case: str, drawing: RenderSettings, pictures: int, blender: str, *, recipe: int = 1
) -> dict[str, Any]:
    """Medians over `pictures` seeds, each in a process of its own."""
    job = DatasetJob(
        output=Path("unused"),
        drawing=drawing,
        options=SceneOptions(**CASES[case]),
        recipe=recipe,
        seed=SEED,
        blender=blender,
    )
    return _medians([_picture(job.task(index), PictureWorker({})) for index in range(pictures)])


def _tiles(tiles: int) -> dict[str, Any]:
    """Medians over windows of 640 px of full pictures, in forks of a warm process, each with one
    core."""
    job = DatasetJob(
        output=Path("unused"),
        drawing=RenderSettings(engine="raster"),
        recipe_2=Recipe2Options(camera=CameraOptions(view=(640, 640))),
        recipe=2,
        seed=SEED,
    )
    with tempfile.TemporaryDirectory(
        prefix="multiverse-bench-", ignore_cleanup_errors=True
    ) as folder:
        environment = {"LP_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}
        worker = PictureWorker(
            environment, warm_log=Path(folder, "workers.log") if HAS_FORK else None
        )
        with closing(worker):
            rows = [_picture(job.task(index), worker) for index in range(WARM_TILES + tiles)]
    figures = _medians(rows[WARM_TILES:])
    figures["beside_drawing_cpu_s"] = round(
        sum(figures["steps_cpu_s"].values()) - figures["steps_cpu_s"]["draw"], 3
    )
    return figures


def _medians(rows: list[dict[str, Any]]) -> dict[str, Any]:
    def of(kind: str) -> dict[str, float]:
        steps = rows[0]["made"][kind]
        return {
            step: round(statistics.median(row["made"][kind][step] for row in rows), 3)
            for step in steps
        }

    overheads = [row["seconds"] - sum(row["made"]["seconds"].values()) for row in rows]
    return {
        "pictures": len(rows),
        "seconds": round(statistics.median(row["seconds"] for row in rows), 3),
        "steps_s": of("seconds"),
        "steps_cpu_s": of("cpu_seconds"),
        "process_s": round(statistics.median(overheads), 3),
        "labelled": rows[0]["made"]["labelled"],
        "renderer": rows[0]["made"]["renderer"],
    }


def _picture(task: PictureTask, worker: PictureWorker) -> dict[str, Any]:
    with tempfile.TemporaryDirectory(
        prefix="multiverse-bench-", ignore_cleanup_errors=True
    ) as folder:
        staged = Path(folder, "picture")
        staged.mkdir()
        timeout_s = default_timeout_s(task.drawing, task.options)
        began_s = time.perf_counter()
        result = worker.attempt(task, staged, Path(folder, "log"), timeout_s=timeout_s)
        seconds = time.perf_counter() - began_s
    if isinstance(result, Failure):
        raise RenderError(f"picture {task.name} by {task.drawing.engine}: {result.reason}")
    return {"seconds": seconds, "made": result}


def _long_run(pictures: int) -> dict[str, Any]:
    """Memory of the process that runs the job, and the time per picture in a long run."""
    process = psutil.Process()
    rss_mb: list[float] = []
    counts: list[int] = []

    def note_memory(progress: Any) -> None:
        if progress.made > len(counts):
            counts.append(progress.made)
            rss_mb.append(process.memory_info().rss / 2**20)

    with tempfile.TemporaryDirectory(
        prefix="multiverse-bench-", ignore_cleanup_errors=True
    ) as folder:
        job = DatasetJob(
            output=Path(folder, "out"),
            drawing=RenderSettings(engine="raster"),
            options=SceneOptions(**SMALL_PICTURE),
            recipe=1,
            count=pictures,
            seed=SEED,
            jobs=1,
        )
        report = make_dataset(job, on_progress=note_memory)
    settled = rss_mb[min(SETTLED_PICTURES, len(rss_mb) - 1)]
    return {
        "pictures": report.made,
        "seconds_a_picture": report.seconds_a_picture,
        "memory_mb": round(settled, 1),
        "grown_mb": round(rss_mb[-1] - settled, 1),
    }
