"""Advice for a slow run. It is given once: tests/cli/test_segment.py. Its shares:
tests/models/sam3/test_shapes.py."""

from engine.jobs.segment.times import advise_resolution


def test_only_a_slow_look_on_a_cpu_is_advised_to_be_coarser() -> None:
    assert advise_resolution(1008, "cpu", 6.28) == (
        "1008 px take 6.3 s a picture on this CPU; --resolution 336 is a tenth of the work"
    )
    for coarse_fast_or_card in ((336, "cpu", 9.0), (1008, "cpu", 2.0), (1008, "cuda", 9.0)):
        assert advise_resolution(*coarse_fast_or_card) is None
