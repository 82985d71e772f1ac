"""The benchmark of videos measures what it claims to. Its milliseconds are not tested."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.benchmarks.video import MIN_BATCHES, MIN_FRAMES
from tests.cli.conftest import Cli

PROOFS = [sys.executable, "-m", "tests.benchmarks"]
STAGE_NAMES = ["read", "encode", "process", "decode", "save"]


def assert_measured(mode: dict[str, Any], *, steps: int, real_steps: int, batch: int) -> None:
    assert mode["real_steps"] == real_steps
    assert mode["its"] == pytest.approx(steps * mode["fps"], rel=0.01)
    assert mode["evals"] == pytest.approx(real_steps * mode["fps"], rel=0.01)
    assert mode["frames"] % batch == 0 and mode["frames"] >= MIN_BATCHES * batch
    assert list(mode["stages"]) == STAGE_NAMES
    assert (
        max(figures["busy"] for figures in mode["stages"].values()) <= mode["slowest_busy"] <= 1.0
    )
    assert mode["tflops"] == pytest.approx(mode["gflop"] * mode["fps"] / 1000, rel=0.05)
    assert not any("limit" in name for name in mode)
    assert mode["pictures_differ"] < 0.1, "both paint the same pictures, except for rounding"


@pytest.mark.soak
def test_painting_beats_diffusers_with_the_same_pictures(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    options = "--size 64x128 --batch 4 --steps 2 --seconds 0 --device cpu --json"
    done = subprocess.run(
        [*PROOFS, "video", *options.split()], capture_output=True, text=True, timeout=120
    )
    assert (done.returncode, done.stderr) == (0, "")
    result = json.loads(done.stdout)
    assert (result["device"], result["dtype"], result["picture"], result["cfg"]) == (
        "cpu",
        "float32",
        "64x128",
        6.0,
    )
    assert result["threads"] == 1 and result["cores"] == (None if sys.platform == "darwin" else 1)
    assert "gain from CUDA graphs and overlapping streams" in result["unverified without a device"]
    assert list(result["tiny"]) == ["batch 4, 2 steps at 0.5"]
    case = result["tiny"]["batch 4, 2 steps at 0.5"]
    assert list(case) == ["fused", "diffusers"]
    assert case["diffusers"]["frames"] >= MIN_FRAMES and case["diffusers"]["fps"] > 0
    assert_measured(case["fused"], steps=2, real_steps=1, batch=4)
    assert case["fused"]["times_diffusers"] > 1.0 and case["fused"]["batch_latency_ms"] > 0
    assert case["fused"]["slowest"] == "paint", "on a CPU encode, process and decode take turns"
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        ("--batch 65", "--batch: takes 1 to 64"),
        ("--size 100x64", "--size: 100x64: both sides must be multiples of 8, 64 or more"),
    ],
)
def test_an_unmeasurable_case_is_an_error_of_one_line(
    bench_here: Cli, arguments: str, reason: str
) -> None:
    done = bench_here("video", *arguments.split())
    assert done.code == 2 and reason in done.err and done.err.count("\n") == 1
