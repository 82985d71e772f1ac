"""The built-in loop."""

import numpy as np
import pytest

from engine.audio import demo
from engine.audio.settings import AudioSettings


@pytest.fixture(scope="module")
def loop() -> np.ndarray:
    return demo.synthesise_loop()


def test_four_channels_peak_between_12_and_6_db_below_full_scale(loop) -> None:
    assert loop.shape == (368_640, 4)
    assert loop.dtype == np.float32
    peaks_db = 20 * np.log10(np.abs(loop).max(axis=0))
    assert np.all((peaks_db > -12) & (peaks_db < -6))


def test_the_loop_has_no_seam(loop) -> None:
    """The second difference, large for a click, is no larger at the loop point than elsewhere."""
    around = np.diff(np.concatenate([loop[-2000:], loop[:2000]]), n=2, axis=0)
    elsewhere = np.abs(np.diff(loop[1000:-1000], n=2, axis=0)).max(axis=0)
    assert np.all(np.abs(around).max(axis=0) <= elsewhere)


def test_synthesis_is_deterministic(loop) -> None:
    assert np.array_equal(loop, demo.synthesise_loop())


def test_each_channel_has_its_own_pitch_and_beat(loop, analyse) -> None:
    second_round = len(loop) // 480
    analysis = analyse(*np.concatenate([loop, loop]).T, settings=AudioSettings())
    pitches = np.array(analysis.pitches_hz[second_round:])
    kick, bass, pad, arpeggio = np.median(pitches, axis=0)
    assert 45 < kick < 90
    assert 80 < bass < 170
    assert 240 < pad < 400
    assert 400 < arpeggio < 900
    counts = [sum(hop >= second_round for hop in hops) for hops in analysis.onset_hops]
    assert counts[0] == 17  # four per bar and one more at the end
    assert counts[1] == 24
    assert counts[3] == 64


def test_bass_pad_and_arpeggio_are_on_the_notes_of_the_score(loop, analyse) -> None:
    pitches = np.array(analyse(*loop.T).pitches_hz)
    for channel, notes, in_tune in (
        (1, {root + above for root in demo.BASS for _, above in demo.BASS_STEPS}, 0.5),
        (2, {note for chord in demo.PAD for note in chord}, 0.5),
        (3, {note for chord in demo.ARPEGGIO for note in chord}, 0.15),  # mostly gliding to the next note
    ):
        heard = 69 + 12 * np.log2(pitches[50:, channel] / 440)
        away = np.abs(heard[:, None] - np.array(sorted(notes))).min(axis=1)
        assert np.mean(away < 0.25) > in_tune, f"channel {channel}"
        assert len({round(note) for note in heard[away < 0.25]}) >= 3
