"""The voice child's settings from its parameters, and its statistics."""

from engine.live.rvc.loop import MIN_BLOCKS, VoiceFigures
from engine.live.rvc.settings import VoiceChildSettings, Window, read_settings
from engine.models.rvc import VoiceSettings


def test_an_unset_value_has_the_schemas_default() -> None:
    assert read_settings({}) == VoiceChildSettings(
        is_enabled=False,
        is_profiled=False,
        window=Window(block_ms=250.0, crossfade_ms=50.0, extra_ms=2500.0),
        voice=VoiceSettings(),
    )


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
