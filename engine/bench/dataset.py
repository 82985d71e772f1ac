"""Time per site picture, the part spent on starting its process, and memory growth over a long run.

Each picture is rendered as in a real run, in a fresh process, one at a time. Optionally Cycles renders the same scene
for comparison.
"""

import os
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

import psutil

from engine.bench.progress import Progress
from engine.errors import RenderError
from engine.jobs.dataset import DatasetJob, RenderSettings, SceneOptions, make_dataset
from engine.jobs.dataset.choosing import choose_drawing
from engine.jobs.dataset.running.attempt import run_attempt
from engine.jobs.dataset.running.policy import Failure, default_timeout_s
from engine.jobs.dataset.task import PictureTask

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
SMALL_PICTURE: dict[str, Any] = {"width": 320, "height": 240, "use_clusters": True, "num_clusters": 1}
SETTLED_PICTURES = 5  # pictures of a long run after which its memory counts as settled
SEED = 1000


def run(
    *, cases: tuple[str, ...], pictures: int, long_run: int, with_cycles: bool, blender: str, progress: Progress
) -> dict[str, Any]:
    """Figures as plain values. RenderError if a picture fails."""
    engines = {"raster": RenderSettings(engine="raster")}
    if with_cycles:
        engines["cycles"] = choose_drawing("cycles", blender=blender or None).drawing
    result: dict[str, Any] = {"cores": os.cpu_count(), "cases": {}}
    for number, case in enumerate(cases):
        measured: dict[str, Any] = {"original_m3_pro_s": ORIGINAL_S[case]}
        for name, drawing in engines.items():
            progress(f"{case}, {name}", number / (len(cases) + 1))
            counted = pictures if name == "raster" else 1  # Cycles takes minutes
            measured[name] = _measured(case, drawing, counted, blender)
        if with_cycles:
            measured["cycles_times_raster"] = round(measured["cycles"]["seconds"] / measured["raster"]["seconds"], 1)
        result["cases"][case] = measured
    if long_run:
        progress("a long run", len(cases) / (len(cases) + 1))
        result["long_run"] = _long_run(long_run)
    return result


def _measured(case: str, drawing: RenderSettings, pictures: int, blender: str) -> dict[str, Any]:
    """Medians over `pictures` seeds."""
    options = SceneOptions(**CASES[case])
    rows = [
        _picture(PictureTask(options=options, drawing=drawing, base_seed=SEED, index=index, blender=blender))
        for index in range(pictures)
    ]
    steps = {step: round(statistics.median(row["made"]["seconds"][step] for row in rows), 3) for step in _steps(rows)}
    overheads = [row["seconds"] - sum(row["made"]["seconds"].values()) for row in rows]
    return {
        "pictures": pictures,
        "seconds": round(statistics.median(row["seconds"] for row in rows), 3),
        "steps_s": steps,
        "process_s": round(statistics.median(overheads), 3),
        "labelled": rows[0]["made"]["labelled"],
        "renderer": rows[0]["made"]["renderer"],
    }


def _steps(rows: list[dict[str, Any]]) -> list[str]:
    return list(rows[0]["made"]["seconds"])


def _picture(task: PictureTask) -> dict[str, Any]:
    with tempfile.TemporaryDirectory(prefix="multiverse-bench-", ignore_cleanup_errors=True) as folder:
        staged = Path(folder, "picture")
        staged.mkdir()
        began_s = time.perf_counter()
        made = run_attempt(
            task, staged, Path(folder, "log"), timeout_s=default_timeout_s(task.drawing, task.options), environment={}
        )
        seconds = time.perf_counter() - began_s
    if isinstance(made, Failure):
        raise RenderError(f"picture {task.name} by {task.drawing.engine}: {made.reason}")
    return {"seconds": seconds, "made": made}


def _long_run(pictures: int) -> dict[str, Any]:
    """Memory of the process that runs the job, and the time per picture in a long run."""
    process = psutil.Process()
    held_mb: list[float] = []
    made: list[int] = []

    def note_memory(progress: Any) -> None:
        if progress.made > len(made):
            made.append(progress.made)
            held_mb.append(process.memory_info().rss / 2**20)

    with tempfile.TemporaryDirectory(prefix="multiverse-bench-", ignore_cleanup_errors=True) as folder:
        job = DatasetJob(
            output=Path(folder, "out"),
            drawing=RenderSettings(engine="raster"),
            options=SceneOptions(**SMALL_PICTURE),
            count=pictures,
            seed=SEED,
            jobs=1,
        )
        report = make_dataset(job, tell=note_memory)
    settled = held_mb[min(SETTLED_PICTURES, len(held_mb) - 1)]
    return {
        "pictures": report.made,
        "seconds_a_picture": report.seconds_a_picture,
        "memory_mb": round(settled, 1),
        "grown_mb": round(held_mb[-1] - settled, 1),
    }
