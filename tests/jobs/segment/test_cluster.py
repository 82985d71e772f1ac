"""Segmentation on a cluster: the bytes of a local run, also if actors die. On a real Ray:
tests/jobs/test_on_ray.py."""

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from engine.jobs.segment import on_cluster as segments_on_cluster
from engine.jobs.segment.backend import LocalSegmentBackend
from engine.jobs.segment.job import Mode, SegmentJob
from engine.jobs.segment.report import SegmentReport
from engine.jobs.segment.run import load_model, open_job, run_job
from tests.jobs.folders import contents
from tests.jobs.kit.fake_ray import use_fake_ray
from tests.jobs.segment.conftest import Segment, restart_ids

COUNT = 6
LOST = "an actor on host0 was lost: its process was killed or crashed"


def on_cluster(job: SegmentJob, **options: Any) -> SegmentReport:
    opened = open_job(job)
    return run_job(job, opened, load_model(job, opened), **options)


@pytest.fixture
def local(
    segment: Segment, segmenter: Any, movie: Callable[..., Path], tmp_path: Path
) -> Callable[..., tuple[Path, dict[str, bytes]]]:
    """`local(**options)`: the source, and the files that a local run makes of it."""

    def run(**options: Any) -> tuple[Path, dict[str, bytes]]:
        source, folder = movie(COUNT), tmp_path / "local"
        restart_ids(segmenter)
        segment(source, *outputs(folder), **options)
        return source, contents(folder)

    return run


def outputs(folder: Path) -> tuple[Path, ...]:
    folder.mkdir()
    return folder / "out.mp4", folder / "masks", folder / "out.json"


def fake_ray(
    monkeypatch: pytest.MonkeyPatch, job: SegmentJob, segmenter: Any, mode: Mode, **options: Any
) -> Any:
    monkeypatch.setattr(segments_on_cluster, "PICTURES", {"image": 2, "track": 2})

    def worker() -> segments_on_cluster.SegmentWorker:
        restart_ids(segmenter)
        return segments_on_cluster.SegmentWorker(
            LocalSegmentBackend(job, segmenter, mode), is_tracked=mode == "track"
        )

    return use_fake_ray(monkeypatch, worker, **options)


@pytest.mark.parametrize(("mode", "actors"), [("image", 3), ("track", 2)])
def test_the_files_are_those_of_a_local_run_if_an_actor_dies(
    mode: Mode,
    actors: int,
    local: Any,
    job: Any,
    segmenter: Any,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    source, expected = local(mode=mode)
    options = job(source, *outputs(tmp_path / "far"), mode=mode, cluster="auto")
    ray = fake_ray(monkeypatch, options, segmenter, mode, deadly_call=2)
    report = on_cluster(options)
    assert contents(tmp_path / "far") == expected
    assert (report.written, report.mode, report.device, report.dtype) == (
        COUNT,
        mode,
        "cpu",
        "float32",
    )
    assert len(ray.handles) == actors, "track mode has one actor at a time"
    assert LOST in report.notes and any(note.startswith("segmented by ") for note in report.notes)
    assert all(handle.is_killed for handle in ray.handles)


def test_an_interrupted_run_resumes_with_or_without_a_cluster(
    local: Any,
    segment: Segment,
    job: Any,
    segmenter: Any,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    source, expected = local(mode="track")
    far = outputs(tmp_path / "far")
    options = job(source, *far, mode="track", cluster="auto")
    fake_ray(monkeypatch, options, segmenter, "track")
    stop = threading.Event()
    report = on_cluster(options, stop=stop, on_progress=lambda progress: stop.set())
    assert report.is_interrupted and 0 < report.written < COUNT
    again = job(source, *far, mode="track", cluster="auto", resume=True)
    stop.clear()
    more = on_cluster(
        again,
        stop=stop,
        on_progress=lambda progress: stop.set() if progress.done > report.written + 2 else None,
    )
    assert more.resumed >= report.written
    if more.is_interrupted:
        segment(source, *far, mode="track", resume=True)
    assert contents(tmp_path / "far") == expected
