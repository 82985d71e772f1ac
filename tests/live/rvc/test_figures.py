"""What the voice child tells of its work."""

from engine.live.rvc.figures import MIN_BLOCKS, VoiceFigures


def test_a_machine_is_too_slow_when_half_of_the_blocks_take_longer_than_they_are() -> None:
    figures = VoiceFigures()
    for _ in range(MIN_BLOCKS - 1):
        figures.count_block(80.0, {})
    assert figures.too_slow_ms(20.0) is None  # too few to judge by
    figures.count_block(80.0, {})
    assert figures.too_slow_ms(20.0) == 80.0
    assert figures.too_slow_ms(80.0) is None
    figures.begin_window()
    assert figures.too_slow_ms(20.0) is None
