"""One model for all tests here: tiny, and it finds bright shapes on dark ground."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from engine.jobs.segment.backend import load_segmenter
from engine.jobs.segment.job import SegmentJob
from engine.jobs.segment.report import SegmentReport
from engine.jobs.segment.run import open_job, run_job
from tests.jobs.segment.disc_movie import disc_picture, write_movie

Segment = Callable[..., SegmentReport]


@pytest.fixture(scope="session")
def seeing_sam3(small_seeing_sam3: Path) -> Path:
    return small_seeing_sam3


@pytest.fixture(scope="session")
def segmenter(seeing_sam3: Path) -> Any:
    """The shared model, with windows of 112 px, whatever a job asks for."""
    return load_segmenter(job_of(seeing_sam3, Path(), (), resolution=112))


def job_of(sam3: Path, source: Path, outputs: tuple[str, ...], **options: Any) -> SegmentJob:
    values = {
        "prompts": ("disc",),
        "model": str(sam3),
        "resolution": 336,
        "device": "cpu",
        "threads": 1,
    }
    return SegmentJob(source=source, outputs=outputs, **values | options)


def restart_ids(segmenter: Any) -> None:
    """As in a new process: the tracker of all tests here counts on from run to run."""
    if segmenter._tracker is not None:
        segmenter._tracker._last_id = 0


@pytest.fixture
def job(seeing_sam3: Path) -> Callable[..., SegmentJob]:
    """`job(source, *outputs, **options)`."""
    return lambda source, *outputs, **options: job_of(
        seeing_sam3, source, tuple(map(str, outputs)), **options
    )


@pytest.fixture
def segment(job: Callable[..., SegmentJob], segmenter: Any) -> Segment:
    """`segment(source, *outputs, **options)`: the whole job but the loading. Ids begin with 1 in
    each test."""
    restart_ids(segmenter)

    def run(
        source: Path,
        *outputs: Path | str,
        on_progress: Any = lambda progress: None,
        stop: Any = None,
        **options: Any,
    ):
        requested = job(source, *outputs, **{"mode": "image"} | options)
        return run_job(
            requested, open_job(requested), segmenter, on_progress=on_progress, stop=stop
        )

    return run


@pytest.fixture
def movie(tmp_path: Path) -> Callable[..., Path]:
    """`movie(count)`: the disc with sound, H.264 in MP4 unless options of `write_movie` say
    otherwise."""

    def write(count: int = 6, *, name: str = "in.mp4", **options: Any) -> Path:
        return write_movie(
            tmp_path / name, options.pop("pictures", None) or discs(count), **options
        )

    return write


def discs(count: int) -> list[Any]:
    return [disc_picture(number) for number in range(count)]
