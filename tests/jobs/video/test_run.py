"""A job, end to end, on a real clip with the tiny model."""

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from engine.errors import ModelError, MultiverseError
from engine.jobs.video.job import VideoJob
from engine.jobs.video.report import VideoProgress, VideoReport
from engine.jobs.video.run import open_backend, open_job, run_job
from engine.jobs.video.writing import segmented_video
from engine.models import data_type
from tests.jobs.segment.disc_movie import pictures_of, sound_of, times_of
from tests.jobs.video.conftest import MakeJob
from tests.jobs.video.writing.test_metadata import comment_of
from tests.jobs.video.writing.written import packets_of

Clip = Callable[..., Path]


def paint_video(job: VideoJob, **options: Any) -> VideoReport:
    return run_job(job, opened := open_job(job), open_backend(job, opened), **options)


def test_29_pictures_in_29_out_with_their_times_and_their_sound(
    clip: Clip, job: MakeJob, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A last batch and a last segment that are not full."""
    monkeypatch.setattr(segmented_video, "SEGMENT_PICTURES", 8)
    source, out = clip(29), tmp_path / "out.mp4"
    report = paint_video(job(source, out, batch=4, steps=5, strength=0.2))
    assert (report.read, report.painted, report.unpainted) == (29, 29, 0)
    assert times_of(out) == pytest.approx(times_of(source)) and sound_of(out) == sound_of(source)
    painted, source_times = pictures_of(out), pictures_of(source)
    assert len(painted) == 29 and painted[0].shape == source_times[0].shape
    assert all(
        np.abs(new.astype(int) - old).mean() > 2
        for new, old in zip(painted, source_times, strict=True)
    )
    assert report.done_line.startswith(f"done: time={report.seconds:.3f} frames=29 ")
    assert report.its == pytest.approx(5 * report.fps)
    assert report.evals == pytest.approx(report.fps), "of five steps one is made"


def test_every_picture_is_painted_or_counted_as_skipped(
    clip: Clip, job: MakeJob, tmp_path: Path
) -> None:
    report = paint_video(job(clip(23), tmp_path / "frames", batch=4, every=4))
    numbers = range(0, 23, 4)
    assert sorted(path.name for path in (tmp_path / "frames").iterdir()) == [
        f"frame_{n:06d}.png" for n in numbers
    ]
    assert (report.read, report.painted, report.skipped) == (23, len(numbers), 23 - len(numbers))


def test_frames_do_not_depend_on_the_batch_they_are_in(
    clip: Clip, job: MakeJob, tmp_path: Path
) -> None:
    source = clip(7)
    for batch in (1, 4):
        paint_video(job(source, tmp_path / f"by {batch}", batch=batch, cfg=3.0))
    alone, together = frames_of(tmp_path / "by 1"), frames_of(tmp_path / "by 4")
    assert [name for name, _ in alone] == [name for name, _ in together]
    assert (
        max(
            np.abs(one.astype(int) - other).max()
            for (_, one), (_, other) in zip(alone, together, strict=True)
        )
        <= 1
    )


def test_a_model_that_gives_no_numbers_leaves_the_sources_pictures(
    broken_sd: Path, clip: Clip, job: MakeJob, tmp_path: Path
) -> None:
    source = clip(5)
    report = paint_video(job(source, tmp_path / "frames", model=str(broken_sd), batch=2))
    assert (report.painted, report.passed_through) == (5, 5)
    assert any(
        "5 pictures were left unpainted, the first is frame_000000" in note for note in report.notes
    )
    for (_, written), source_pictures in zip(
        frames_of(tmp_path / "frames"), pictures_of(source), strict=True
    ):
        assert np.abs(written.astype(int) - source_pictures).max() <= 2


def test_a_stop_keeps_what_was_painted_and_a_resumed_run_equals_an_uninterrupted_one(
    clip: Clip, job: MakeJob, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(segmented_video, "SEGMENT_PICTURES", 4)
    source, out = clip(20), tmp_path / "out.mp4"
    stop = threading.Event()

    def stop_after_three_batches(progress: VideoProgress) -> None:
        if progress.done >= 6:
            stop.set()

    monkeypatch.setattr(data_type, "has_fast_bfloat16", lambda: True)
    paint_video(job(source, tmp_path / "whole.mp4", batch=2))
    first = paint_video(job(source, out, batch=2), on_progress=stop_after_three_batches, stop=stop)
    assert first.is_interrupted and first.kept == first.painted // 4 * 4
    assert len(pictures_of(out)) == first.painted >= 6, "the painted part is playable"
    monkeypatch.setattr(data_type, "has_fast_bfloat16", lambda: False)  # as on another computer
    at_once = paint_video(job(source, out, batch=2, resume=True), stop=stop)
    assert at_once.is_interrupted and min(at_once.resumed, at_once.painted, at_once.unpainted) >= 0
    assert at_once.read == at_once.resumed + at_once.painted + at_once.unpainted
    second = paint_video(job(source, out, batch=2, resume=True))
    assert not second.is_interrupted
    assert (first.dtype, second.dtype) == ("bfloat16", "bfloat16")
    assert "Precision: bfloat16, " in comment_of(out) and any(
        "many times slower" in note for note in second.notes
    )
    assert second.resumed >= 4, "finished pictures were not painted again"
    assert second.resumed + second.painted == 20
    assert packets_of(out) == packets_of(tmp_path / "whole.mp4")


def test_an_error_says_how_to_resume_if_there_is_finished_work(
    clip: Clip, job: MakeJob, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(segmented_video, "SEGMENT_PICTURES", 4)
    source, out = clip(12), tmp_path / "out.mp4"

    def fail(progress: VideoProgress) -> None:
        if progress.stage_figures[-1].frames >= 4 or progress.is_finishing:
            raise ModelError("the device is gone")

    with pytest.raises(ModelError) as caught:
        paint_video(job(source, out, batch=2), on_progress=fail)
    assert caught.value.__notes__ == [f"{out}: finished work is kept: continue with --resume"]
    assert paint_video(job(source, out, batch=2, resume=True)).resumed >= 4
    with pytest.raises(ModelError) as caught:
        paint_video(job(clip(3), tmp_path / "short.mp4"), on_progress=fail)
    assert not hasattr(caught.value, "__notes__")


def test_a_model_that_is_not_there_leaves_nothing_behind(
    clip: Clip, job: MakeJob, tmp_path: Path
) -> None:
    source = clip()
    with pytest.raises(MultiverseError, match="no-such-model"):
        paint_video(
            job(source, tmp_path / "new" / "out.mp4", model=str(tmp_path / "no-such-model"))
        )
    assert list(tmp_path.iterdir()) == [source]


def frames_of(folder: Path) -> list[tuple[str, np.ndarray]]:
    from engine.sources.still import read_still

    return [(path.name, read_still(path)) for path in sorted(folder.iterdir())]
