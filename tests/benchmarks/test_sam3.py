"""The benchmark of SAM3 measures what it claims to. Its milliseconds are not tested."""

import json
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.benchmarks.clip import PICTURES, LoopedClip, draw_discs, write_clip
from tests.cli.conftest import Cli

Bench = Cli


@pytest.fixture
def bench(bench_here: Bench) -> Bench:
    return partial(bench_here, "sam3", "--device", "cpu", "--seconds", "0", "--json")


def assert_accounted_for(case: dict[str, Any]) -> None:
    """The stages add up to a picture's time, in order of the work."""
    times = case["stages"]
    assert list(times)[:3] == ["read (wait)", "preprocess", "backbone"] and list(times)[-2:] == [
        "write",
        "other",
    ]
    assert sum(row["ms"] for row in times.values()) == pytest.approx(case["ms"], rel=0.01)
    assert sum(row["share"] for row in times.values()) == pytest.approx(1.0, abs=0.01)
    assert case["fps"] == pytest.approx(1000.0 / case["ms"], rel=0.01)
    assert case["ms_p99"] >= case["ms_p50"] > 0 and case["peak_memory_mb"] > 100


def test_finding_is_faster_than_transformers_and_finds_the_same(bench: Bench) -> None:
    done = bench("--mode", "image")
    assert done.code == 0, done.err
    result = json.loads(done.out)
    assert (result["shape"], result["dtype"], result["picture"]) == ("tiny", "float32", "1920x1080")
    assert (
        "gain from CUDA graphs" in result["unverified without a device"]
        and result["matmul_tflops"] > 0
    )
    case = result["image"]["336 px, 1 prompt"]
    assert_accounted_for(case)
    assert {"decoder", "masks", "copy"} <= set(case["stages"])
    assert 15 <= case["objects"] <= case["transformers_objects"] == 16  # ours without duplicates
    assert (
        case["masks_differ"] < 0.001
        and case["scores_differ"] < 1e-4
        and case["boxes_differ_px"] < 0.1
    )
    assert case["times_transformers_prepared"] > 2 and case["times_transformers_call"] > 2


@pytest.mark.soak
def test_tracking_reports_memory_growth_beside_that_of_transformers(bench: Bench) -> None:
    done = bench("--mode", "track", "--objects", "1", "--size", "160x96")
    assert done.code == 0, done.err
    case = json.loads(done.out)["track"]["336 px, 1 prompt"]
    assert_accounted_for(case)
    assert (case["followed"], case["last"], case["objects"]) == (30, 15, 1)
    assert (
        set(case["fps_of_the_last"]) == {"ours", "transformers"} and case["times_transformers"] > 0
    )
    grown_mb = case["grown_mb_a_picture"]
    assert abs(grown_mb["ours"]) < 0.01 and grown_mb["transformers"] > 0.1


def test_a_clip_is_read_in_a_loop_until_it_is_closed(tmp_path: Path) -> None:
    write_clip(tmp_path / "clip.mp4", 160, 96)
    clip = LoopedClip(tmp_path / "clip.mp4", 2)
    batches = clip.batches()
    first = [next(batches) for _ in range(PICTURES // 2)]
    assert {batch.shape for batch in first} == {(2, 96, 160, 3)}
    assert np.array_equal(next(batches), first[0])
    for index in (0, 10):
        assert (
            np.abs(
                first[index // 2][index % 2] - draw_discs(160, 96, index)[..., :3].astype(int)
            ).mean()
            < 12
        )
    clip.close()
