"""Advice for a slow run, given once and in time. Its shares of the work: tests/models/sam3/test_shapes.py."""

from pathlib import Path

import pytest

from engine.jobs.segment import SegmentProgress, times
from engine.jobs.segment.times import coarser_look
from tests.jobs.segment.conftest import Segment


def test_a_slow_look_on_a_cpu_is_advised_to_be_coarser() -> None:
    assert coarser_look(1008, "cpu", 6.28) == (
        "1008 px take 6.3 s a picture on this CPU; --resolution 336 is a tenth of the work"
    )
    assert str(coarser_look(672, "cpu", 2.1)).endswith("--resolution 336 is a quarter of the work")


@pytest.mark.parametrize(
    ("resolution", "device_kind", "picture_s"), [(336, "cpu", 9.0), (1008, "cpu", 2.0), (1008, "cuda", 9.0)]
)
def test_no_advice_for_a_coarse_or_fast_run_or_on_a_gpu(resolution: int, device_kind: str, picture_s: float) -> None:
    assert coarser_look(resolution, device_kind, picture_s) is None


def test_advice_comes_with_the_first_picture_and_stays_in_the_notes(
    segment: Segment, movie, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(times, "SLOW_S", 0.0)
    monkeypatch.setitem(times.SHARE_OF_WORK, 336, "all")  # the session's model sees 336 px
    told: list[SegmentProgress] = []
    report = segment(movie(3), tmp_path / "masks", on_progress=told.append)
    first = told[0].advice
    assert first is not None and first.startswith("336 px take ")
    assert [progress.advice for progress in told] == [first] * 3
    assert report.notes == (first,)
