"""Advice for a slow run. It is given once: tests/cli/test_segment.py. Its shares: tests/models/sam3/test_shapes.py."""

import pytest

from engine.jobs.segment.times import coarser_look


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
