"""`python -m tests.benchmarks sd` with the tiny shape: each of its parts, a model that fails,
compiled parts."""

import json
from typing import Any

import pytest

from tests.benchmarks import sd
from tests.cli.conftest import Cli


def assert_sd(found: dict[str, Any], case_name: str) -> None:
    assert found["matmul_tflops"] > 0
    assert "limit" not in str(found), (
        "no figure is a limit: convolutions may exceed a matrix product"
    )
    assert "gain from CUDA graphs" in found["unverified without a device"]
    assert list(found["tiny"]) == [case_name]
    case = found["tiny"][case_name]
    assert {"encode_ms", "unet_ms", "decode_ms", "memory_mb", "ms"} <= set(case)
    assert case["tflops"] == pytest.approx(case["gflop"] * case["fps"] / 1000.0, rel=0.05)
    assert found["pan"]["tiny"]["flicker"] > 0 and found["upscale"]["tiny"]["upscale_ms"] > 0
    seen = {
        name.removesuffix("_times_the_time"): ratio
        for name, ratio in found["controls"]["tiny"].items()
    }
    assert min(seen[sees] for sees in ("input", "edges", "soft", "depth", "pose")) > 0.0, seen
    assert (
        min(found["ip_adapter"]["tiny"][f"{way}_times_the_time"] for way in ("still", "live")) > 0.0
    )
    for way in ("call", "tensors"):
        assert (
            case["fps"] > 0 and case[f"diffusers_{way}_fps"] > 0 and case[f"diffusers_{way}_ms"] > 0
        )
        ratio = case["fps"] / case[f"diffusers_{way}_fps"]
        assert case[f"times_diffusers_{way}"] == pytest.approx(ratio, rel=0.01)


def test_every_part_has_figures_and_a_model_that_cannot_be_loaded_takes_none_of_them(
    bench_here: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("MIN_CALLS", "MIN_RUNS", "CALLS_A_RUN", "WARM_UP_CALLS"):
        monkeypatch.setattr(sd, name, 1)
    options = "--shape tiny --shape sd3 --size 64 --steps 1 --seconds 0 --pan 6 --device cpu --json"
    done = bench_here("sd", *options.split())
    reason = "shape sd3: not one of sd15, sd-turbo, sdxl-turbo, ssd-1b, sdxs, tiny"
    assert (done.code, done.err) == (1, f"multiverse: sd3: loading: {reason}\n")
    result = json.loads(done.out)
    assert result["failed"] == {"part": "sd3: loading", "reason": reason}
    assert_sd(result, "64x64, 1 step")


def test_sd_is_measured_when_its_parts_are_compiled(bench_here: Cli) -> None:
    options = "--size 64 --steps 2 --compile --seconds 0 --pan 6 --device cpu --json"
    done = bench_here("sd", *options.split())
    result = json.loads(done.out)
    assert (done.code, result["accelerator"]) == (0, "inductor") and result["tiny"][
        "64x64, 2 steps"
    ]["fps"] > 0
