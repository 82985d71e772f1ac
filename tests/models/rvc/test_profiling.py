"""The profiler's times, with a clock that the test moves."""

import pytest
import torch

from engine.models.rvc.profiling import PerformanceProfiler

CPU = torch.device("cpu")


class Clock:
    def __init__(self) -> None:
        self.now_s = 100.0

    def __call__(self) -> float:
        return self.now_s


def spent(profiler: PerformanceProfiler, clock: Clock, stage: str, seconds: float) -> None:
    profiler.start(stage)
    clock.now_s += seconds
    profiler.end(stage)


def test_every_stage_is_reported_with_its_share_and_the_rest_as_other() -> None:
    clock = Clock()
    profiler = PerformanceProfiler(CPU, now_s=clock)
    clock.now_s += 5.0  # before the first stage: counted to none
    for _ in range(2):
        spent(profiler, clock, "content", 1.0)
        spent(profiler, clock, "decode", 3.0)
        clock.now_s += 1.0
    rows = {row.stage: row for row in profiler.report()}
    assert list(rows) == ["content", "decode", "other"]
    assert (rows["decode"].calls, rows["decode"].total_s, rows["decode"].mean_ms) == (2, 6.0, 3000.0)
    assert rows["other"].total_s == pytest.approx(1.0), "between the stages, not after the last one"
    assert sum(row.share for row in rows.values()) == pytest.approx(1.0)
    assert profiler.as_json()[0] == {
        "stage": "content",
        "calls": 2,
        "total_s": 2.0,
        "mean_ms": 1000.0,
        "share": round(2 / 9, 6),
    }


def test_a_stage_that_an_error_cut_short_is_not_counted() -> None:
    clock = Clock()
    profiler = PerformanceProfiler(CPU, now_s=clock)
    profiler.start("content")
    clock.now_s += 9.0
    spent(profiler, clock, "content", 1.0)
    assert profiler.report()[0].total_s == 1.0 and profiler.report()[0].calls == 1


def test_a_stage_that_was_not_started_cannot_end() -> None:
    profiler = PerformanceProfiler(CPU)
    with pytest.raises(ValueError, match="stage decode cannot end: none is running"):
        profiler.end("decode")
    profiler.start("content")
    with pytest.raises(ValueError, match="stage decode cannot end: content is running"):
        profiler.end("decode")
    profiler.end("content")
    with pytest.raises(ValueError, match="stage content cannot end: none is running"):
        profiler.end("content")


def test_switched_off_it_uses_neither_the_clock_nor_the_device() -> None:
    def refused() -> float:
        raise AssertionError("asked for the time")

    profiler = PerformanceProfiler(torch.device("cuda"), is_on=False, now_s=refused)
    profiler.start("content")
    profiler.end("content")
    assert profiler.report() == () and profiler.as_json() == []
