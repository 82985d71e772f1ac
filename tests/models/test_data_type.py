"""`dtype auto` on a CPU is decided by the processor, so a command gives one picture however busy
the machine is."""

import os
import platform
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from llvmlite import binding

from engine.jobs.kit.ray_pool import actor_dtype
from engine.jobs.segment.job import SegmentJob
from engine.jobs.video.job import VideoJob
from engine.models import data_type
from engine.models.data_type import emulation_notes, has_fast_bfloat16, resolve_dtype
from tests.jobs.video.writing.written import PAINTING

VIDEO = VideoJob(source="a.mp4", output="b.mp4", painting=PAINTING)
SEGMENT = SegmentJob(source="a.mp4", outputs=("b.mp4",), prompts=("disc",), model="random:tiny")


@pytest.fixture(autouse=True)
def fresh_answer(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.delenv(data_type.LIMIT, raising=False)
    has_fast_bfloat16.cache_clear()
    yield
    has_fast_bfloat16.cache_clear()


@pytest.mark.parametrize(
    ("machine", "features", "chosen"),
    [
        ("x86_64", ["amx-bf16", "avx512bf16"], "bfloat16"),
        ("AMD64", ["avx512bf16"], "bfloat16"),
        ("x86_64", ["avx512f", "amx-int8"], "float32"),
        ("arm64", ["bf16"], "float32"),
    ],
)
def test_a_cpu_with_units_for_bfloat16_gets_it_unless_computers_must_agree(
    machine: str, features: list[str], chosen: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(platform, "machine", lambda: machine)
    monkeypatch.setattr(binding, "get_host_cpu_features", lambda: dict.fromkeys(features, True))
    assert resolve_dtype("auto", "cpu") == chosen
    assert resolve_dtype("auto", "cpu", is_exact=True) == "float32"
    assert (resolve_dtype("auto", "cuda:1"), resolve_dtype("auto", "mps", half="bfloat16")) == (
        "float16",
        "bfloat16",
    )
    assert resolve_dtype("float16", "cpu") == "float16"


def test_this_processor_is_asked_and_not_timed() -> None:
    """Linux names the same features, with underscores."""
    if platform.system() != "Linux" or platform.machine() != "x86_64":
        pytest.skip("flags of x86 as Linux names them")
    with open("/proc/cpuinfo", encoding="utf-8") as file:
        flags = next(line for line in file if line.startswith("flags")).split()
    assert has_fast_bfloat16() == any(flag in flags for flag in ("amx_bf16", "avx512_bf16"))


def test_a_limit_on_onednn_is_respected(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(binding, "get_host_cpu_features", lambda: {"amx-bf16": True})
    monkeypatch.setitem(os.environ, data_type.LIMIT, "AVX2")
    assert resolve_dtype("auto", "cpu") == "float32"


@pytest.mark.parametrize("job", [VIDEO, SEGMENT])
def test_machines_of_a_cluster_compute_in_the_type_of_a_local_run(
    job: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(data_type, "has_fast_bfloat16", lambda: True)
    assert actor_dtype(replace(job, device="cpu")) == "bfloat16"
    assert actor_dtype(replace(job, device="cuda")) == "auto", (
        "each card has its own answer, which is one"
    )
    assert actor_dtype(replace(job, device="cpu", dtype="float32")) == "float32"


def test_a_machine_that_has_to_emulate_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(data_type, "has_fast_bfloat16", lambda: False)
    (line,) = emulation_notes("bfloat16", "cpu")
    assert line.startswith("dtype bfloat16: ") and line.endswith("--dtype float32 is faster")
    assert emulation_notes("float32", "cpu") == emulation_notes("bfloat16", "cuda") == ()
