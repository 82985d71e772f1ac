"""Which stages paint, and what is said about it."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from engine.video import choosing, paint_video
from tests.video.conftest import MakeJob


def test_a_short_clip_is_painted_in_one_process_and_that_is_said(
    clip: Callable[..., Path], job: MakeJob, tmp_path: Path
) -> None:
    report = paint_video(job(clip(4), tmp_path / "frames", stages="auto"))
    assert report.stages == "fused"
    assert re.fullmatch(r"fused: \d+ s of painting were too few to try split", report.why)
    assert report.painted == 4, "what was tried before is not counted"
    assert {stage.frames for stage in report.times} == {4}


def test_where_it_is_worth_it_both_are_tried_and_the_faster_one_paints(
    clip: Callable[..., Path], job: MakeJob, tiny_models: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(choosing, "WORTH_TRYING_S", 0.0)
    model = tiny_models.sd(vae="kl")  # with a full VAE split is one process, which starts sooner than three
    report = paint_video(job(clip(4), tmp_path / "frames", stages="auto", model=str(model)))
    told = re.fullmatch(r"(fused|split): ([\d.]+) fps fused, ([\d.]+) split", report.why)
    assert told
    chosen, fused_fps, split_fps = told[1], float(told[2]), float(told[3])
    assert report.stages == chosen == ("split" if split_fps > fused_fps * choosing.SPLIT_MUST_GAIN else "fused")
    assert report.painted == 4
    assert len(list((tmp_path / "frames").iterdir())) == 4
