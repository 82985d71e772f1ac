"""The voice child's settings from its parameters, and its statistics."""

from engine.live.rvc.loop import MIN_BLOCKS, VoiceFigures


def test_a_machine_is_too_slow_if_the_median_work_is_longer_than_a_block() -> None:
    figures = VoiceFigures()
    for _ in range(MIN_BLOCKS - 1):
        figures.count_block(80.0, {})
    assert figures.too_slow_ms(20.0) is None  # too few to judge by
    figures.count_block(80.0, {})
    assert figures.too_slow_ms(20.0) == 80.0
    assert figures.too_slow_ms(80.0) is None
    figures.begin_window()
    assert figures.too_slow_ms(20.0) is None
