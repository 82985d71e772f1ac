"""The built-in loop."""

import numpy as np
import pytest

from engine.audio import demo
from engine.audio.settings import AudioSettings


@pytest.fixture(scope="module")
def loop() -> np.ndarray:
    return demo.synthesise_loop()


def test_the_loop_has_no_seam_is_the_same_each_time_and_peaks_12_to_6_db_below_full_scale(
    loop,
) -> None:
    assert loop.shape == (368_640, 4)
    assert loop.dtype == np.float32
    peaks_db = 20 * np.log10(np.abs(loop).max(axis=0))
    assert np.all((peaks_db > -12) & (peaks_db < -6))
    # The second difference, large for a click, is no larger at the loop point than elsewhere.
    around = np.diff(np.concatenate([loop[-2000:], loop[:2000]]), n=2, axis=0)
    assert np.all(
        np.abs(around).max(axis=0) <= np.abs(np.diff(loop[1000:-1000], n=2, axis=0)).max(axis=0)
    )
    again = demo.synthesise_loop.__wrapped__()  # tests/conftest.py caches it
    assert np.array_equal(loop, again)


def test_each_channel_has_its_own_pitch_and_beat(loop, analyse) -> None:
    second_round = len(loop) // 4 // 480
    # a bar before it
    analysis = analyse(*np.concatenate([loop[-len(loop) // 4 :], loop]).T, settings=AudioSettings())
    kick, bass, pad, arpeggio = (
        np.median(analysis.of(channel, "pitch_hz")[second_round:]) for channel in range(4)
    )
    assert 45 < kick < 90
    assert 80 < bass < 170
    assert 240 < pad < 400
    assert 400 < arpeggio < 900
    counts = [
        np.count_nonzero(analysis.of(channel, "onset")[second_round:]) for channel in (0, 1, 3)
    ]
    assert counts == [17, 24, 64], "four kicks a bar and one more at the end"
