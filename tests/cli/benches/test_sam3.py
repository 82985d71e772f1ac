"""The benchmark of SAM3 measures what it claims to. Its milliseconds are not tested."""

import json
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from engine.cli.benches import sam3
from engine.cli.benches.clip import PICTURES, LoopedClip, moving_discs, write_clip
from engine.models.sam3.propagation import Propagation
from engine.models.sam3.shapes import build
from tests.cli.conftest import Said
from tests.support.long_form import IS_SOAK, only_soak

Bench = Callable[..., Said]


@pytest.fixture
def bench(bench_here: Bench, monkeypatch: pytest.MonkeyPatch) -> Bench:
    """The benchmark with fewer calls in the short form: it measures the same, and figures are not tested."""
    if not IS_SOAK:
        monkeypatch.setattr(sam3, "WARM_UP_CALLS", 1)
        monkeypatch.setattr(sam3, "MIN_CALLS", 3)
        monkeypatch.setattr(sam3, "KEPT_BATCHES", 3)
        monkeypatch.setattr(sam3, "write_clip", partial(write_clip, pictures=12))  # in full HD sixty take seconds
    return partial(bench_here, "bench", "sam3", "--device", "cpu")


def assert_accounted_for(case: dict[str, Any]) -> None:
    """The stages add up to a picture's time, in order of the work."""
    stages = case["stages"]
    assert list(stages)[:3] == ["read (wait)", "preprocess", "backbone"] and list(stages)[-2:] == ["write", "other"]
    assert sum(stage["ms"] for stage in stages.values()) == pytest.approx(case["ms"], rel=0.01)
    assert sum(stage["share"] for stage in stages.values()) == pytest.approx(1.0, abs=0.01)
    assert case["fps"] == pytest.approx(1000.0 / case["ms"], rel=0.01)
    assert case["ms_p99"] >= case["ms_p50"] > 0 and case["peak_memory_mb"] > 100


@only_soak
def test_finding_is_faster_than_transformers_and_finds_the_same(bench: Bench) -> None:
    said = bench("--mode", "image", "--seconds", "0", *(() if IS_SOAK else ("--size", "1280x720")), "--json")
    assert said.code == 0, said.err
    result = json.loads(said.out)
    assert (result["shape"], result["dtype"]) == ("tiny", "float32")
    assert result["picture"] == ("1920x1080" if IS_SOAK else "1280x720")
    assert "gain from CUDA graphs" in result["unverified without a device"] and result["matmul_tflops"] > 0
    case = result["image"]["336 px, 1 prompt"]
    assert_accounted_for(case)
    assert {"decoder", "masks", "copy"} <= set(case["stages"])
    assert case["objects"] == case["transformers_objects"] == 16
    assert case["masks_differ"] < 0.001 and case["scores_differ"] < 1e-4 and case["boxes_differ_px"] < 0.1
    assert case["times_transformers_prepared"] > 2 and case["times_transformers_call"] > 2
    assert set(case["gflop"]) == {"backbone", "decoder", "masks"} and case["tflops"] > 0


@only_soak
def test_prompts_and_batches_are_separate_cases(bench: Bench) -> None:
    asked = ("--prompts", "1", "--prompts", "2", "--batch", "2", "--objects", "4", "--size", "160x96", "--seconds", "0")
    said = bench("--mode", "image", *asked, "--json")
    assert said.code == 0, said.err
    cases = json.loads(said.out)["image"]
    assert list(cases) == ["336 px, 1 prompt", "336 px, 2 prompts"]
    for case in cases.values():
        assert_accounted_for(case)
        assert (case["batch"], case["pictures"], case["transformers_objects"]) == (2, 10 if IS_SOAK else 6, 4)
    one, two = (case["gflop"]["decoder"] for case in cases.values())
    assert two == pytest.approx(2 * one, rel=0.1)


@pytest.mark.soak
@pytest.mark.skipif(not IS_SOAK, reason="takes seconds: MULTIVERSE_SOAK=1")
@only_soak
def test_tracking_reports_memory_growth_beside_that_of_transformers(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not IS_SOAK:  # an object's memory bank is full after 16 pictures, so only the third block is checked
        monkeypatch.setattr(sam3, "BLOCK_PICTURES", 8)
        monkeypatch.setattr(sam3, "MIN_FOLLOWED", 24)
    asked = ("--mode", "track", "--objects", "1", "--size", "160x96", "--seconds", "0")
    said = bench(*asked, "--json")
    assert said.code == 0, said.err
    case = json.loads(said.out)["track"]["336 px, 1 prompt"]
    assert_accounted_for(case)
    assert (case["followed"], case["last"], case["objects"]) == ((30, 15, 1) if IS_SOAK else (24, 12, 1))
    assert set(case["fps_of_the_last"]) == {"ours", "transformers"} and case["times_transformers"] > 0
    assert case["by_objects"]["times_one"] == case["by_objects"]["times_one_by_one"] == 1
    grown_mb = case["grown_mb_a_picture"]
    assert abs(grown_mb["ours"]) < 0.01 and grown_mb["transformers"] > 0.1


def test_one_object_is_compared_with_many_in_one_run(
    bench: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_clip(tmp_path / "clip.mp4", 160, 96, pictures=12)
    model = build("tiny", 336, "cpu", torch.float32, objects=3)
    followed: list[int] = []
    propagated = Propagation.propagated

    def noted(self: Propagation, seen: Any, memories: Any, *more: Any) -> Any:
        followed.append(len(memories))
        return propagated(self, seen, memories, *more)

    monkeypatch.setattr(Propagation, "propagated", noted)
    case = sam3._Case(model, ("person",), 3, 1, tmp_path / "clip.mp4")
    figures = case._by_objects(sam3._Ours(model, "track", ("person",), 3), 0.0)
    rounds = sam3.FILLED + sam3.MIN_CALLS
    in_turn = [1] * (rounds - 1) + [3] * (rounds - 1)  # and none in the first picture
    assert followed == [*in_turn, 1, 2], "the last two to count the work"
    ms = figures["ms"]
    assert list(ms) == ["1", "3"] and figures["times_one"] == pytest.approx(ms["3"] / ms["1"], abs=0.01)
    assert figures["times_one_by_one"] == pytest.approx(3 * ms["1"] / ms["3"], abs=0.01)
    assert figures["gflop"]["object"] == pytest.approx(1.8, abs=0.1)


def test_a_clip_is_read_in_a_loop_until_it_is_closed(tmp_path: Path) -> None:
    write_clip(tmp_path / "clip.mp4", 160, 96)
    film = LoopedClip(tmp_path / "clip.mp4", 2)
    batches = film.batches()
    first = [next(batches) for _ in range(PICTURES // 2)]
    assert {batch.shape for batch in first} == {(2, 96, 160, 3)}
    assert np.array_equal(next(batches), first[0])
    for index in (0, 10):
        drawn = moving_discs(160, 96, index)[..., :3].astype(int)
        assert np.abs(first[index // 2][index % 2] - drawn).mean() < 12
    film.close()
