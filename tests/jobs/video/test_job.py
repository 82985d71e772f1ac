"""Checks of a job before a file is touched."""

from pathlib import Path

import pytest

from engine.errors import UsageError
from engine.models.sd.painting import ControlUse
from tests.jobs.video.conftest import MakeJob


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({"model": ""}, "no model: name one with --model"),
        ({"batch": 0}, "--batch"),
        ({"scale": 0.0}, "--scale"),
        ({"strength": float("nan")}, "--strength"),
        ({"seed": -1}, "--seed"),
        ({"ip_scale": float("inf")}, "--ip-scale"),
        ({"controls": (ControlUse(scale=float("nan")),)}, "--controlnet"),
        ({"loras": (("a.safetensors", float("nan")),)}, "--lora"),
        (
            {"sampler": "heun"},
            "--sampler heun: not one of auto, lcm, turbo, lightning, hyper, tcd, scheduler, deis, "
            "euler, dpm",
        ),
    ],
)
def test_contradicting_options_are_refused_in_one_line(
    options: dict, reason: str, job: MakeJob
) -> None:
    requested = job("in.mp4", "out.mp4", **options)
    with pytest.raises(UsageError) as error:
        requested.check()
    assert str(error.value).startswith(reason) and "\n" not in str(error.value)


@pytest.mark.parametrize("files", [("-", "out.mp4"), ("in.mp4", "-")])
def test_stdin_and_stdout_are_refused(files: tuple[str, str], job: MakeJob) -> None:
    with pytest.raises(UsageError, match=r"^-: stdin and stdout are not supported; name a file"):
        job(*files).check()


@pytest.mark.parametrize(
    ("size", "scale", "painted"),
    [
        ((640, 360), 1.0, (640, 360)),
        ((1919, 1079), 1.0, (1920, 1080)),
        ((1920, 1080), 0.333, (640, 360)),
        ((640, 360), 0.05, (64, 64)),
    ],
)
def test_the_painted_size_is_the_nearest_multiple_of_8(
    size, scale, painted, job: MakeJob, tmp_path: Path
) -> None:
    assert job(tmp_path, tmp_path, scale=scale).size_for(*size) == painted


def test_options_without_effect_are_reported(job: MakeJob) -> None:
    small = "painted at 64x64: sides are at least 64 px, so the proportions have changed"
    assert job("in", "out", scale=0.5).notes(128, 96) == [small]
    assert job("in", "out", scale=0.5).notes(128, 120) == []
