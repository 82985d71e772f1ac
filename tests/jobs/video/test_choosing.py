"""The choice of stages, and its reported reason."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from engine.jobs.video import choosing, paint_video
from tests.jobs.video.conftest import MakeJob
from tests.support.long_form import only_soak


def test_a_short_clip_is_painted_in_one_process_and_that_is_said(
    clip: Callable[..., Path], job: MakeJob, tmp_path: Path
) -> None:
    report = paint_video(job(clip(4), tmp_path / "frames", stages="auto"))
    assert report.stages == "fused"
    assert re.fullmatch(r"fused: \d+ s of painting are too little to try split", report.why)
    assert report.painted == 4, "the trial is not counted"
    assert {stage.frames for stage in report.times} == {4}


@only_soak
def test_auto_tries_both_and_uses_the_faster_one_if_that_pays(
    clip: Callable[..., Path], job: MakeJob, tiny_models: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(choosing, "MIN_LEFT_S", 0.0)
    monkeypatch.setattr(choosing, "MAX_TRIAL_SHARE", 1e6)
    model = tiny_models.sd(vae="kl")  # with a full VAE split is one process, which starts sooner than three
    report = paint_video(job(clip(4), tmp_path / "frames", stages="auto", model=str(model)))
    told = re.fullmatch(r"(fused|split): ([\d.]+) fps fused, ([\d.]+) split", report.why)
    assert told
    chosen, fused_fps, split_fps = told[1], float(told[2]), float(told[3])
    assert report.stages == chosen == ("split" if split_fps > fused_fps * choosing.MIN_SPLIT_GAIN else "fused")
    assert report.painted == 4
    assert len(list((tmp_path / "frames").iterdir())) == 4


def test_a_trial_costs_at_most_a_twentieth_of_the_painting_that_is_left() -> None:
    load_s, batch_s = 6.0, 0.5
    assert "too little" in choosing.reason_not_to_try(batch_s, batches_left=100, load_s=load_s)
    # a trial of 18 s for a job of 81 s, which once happened
    assert choosing.reason_not_to_try(batch_s, batches_left=162, load_s=load_s) == (
        "trying split would take 18 s of 81 s of painting, more than 5%"
    )
    assert choosing.reason_not_to_try(batch_s, batches_left=720, load_s=load_s) == ""
    assert choosing.reason_not_to_try(batch_s, batches_left=float("inf"), load_s=load_s) == ""


def test_split_stages_that_load_for_too_long_are_given_up(
    clip: Callable[..., Path], job: MakeJob, tiny_models: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(choosing, "MIN_LEFT_S", 0.0)
    monkeypatch.setattr(choosing, "reason_not_to_try", lambda *_: "")
    monkeypatch.setattr(choosing, "MAX_TRIAL_SHARE", 0.0)  # no time at all for it
    model = tiny_models.sd(vae="kl")
    report = paint_video(job(clip(4), tmp_path / "frames", stages="auto", model=str(model)))
    assert (report.stages, report.why) == ("fused", "fused: split cannot start (its processes were not ready in time)")
    assert report.painted == 4
