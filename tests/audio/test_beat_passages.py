"""The bar of a song that is interrupted: breakdowns, risers, fills, loops, half-time drums, a mix;
and noisy rooms."""

from collections.abc import Iterator

import numpy as np
import pytest

from tests.benchmarks.beat_passages import Passage, measure_bar
from tests.benchmarks.beat_score import listen
from tests.benchmarks.beat_songs import RATE_HZ, SCORES, clicks, compose
from tests.support.long_form import in_long_form

MAX_SLIP_MS = 30.0


def passages() -> Iterator[tuple[float, str, float]]:
    """Cases of a song that is interrupted: its tempo, what plays meanwhile, and for how many
    bars."""
    for bpm in (124, 128, 136):
        for bars in (4, 8, 16):
            yield from (
                (bpm, plays, bars) for plays in ("silence", "pads", "voice", "riser", "halftime")
            )
        yield from ((bpm, "fill", 1), (bpm, "drums", 0.5))


SHORT = [(124, "voice", 16), (124, "riser", 16), (128, "drums", 0.5), (124, "halftime", 8)]


@pytest.mark.parametrize(
    ("bpm", "plays", "bars"),
    [*SHORT, *in_long_form(*(each for each in passages() if each not in SHORT))],
)
def test_the_bar_and_the_octave_are_where_they_were_after_a_passage(
    bpm: float, plays: str, bars: float
) -> None:
    """A loop that cuts the bar in half ("drums", half a bar) leaves the beats where they were."""
    bar = measure_bar(bpm, Passage(plays=plays, bars=bars))
    assert bar.slip_ms < MAX_SLIP_MS
    assert bar.tempo[0] > 0.8 and bar.tempo[1] < 1.1, (
        "never half, double or two thirds, not even meanwhile"
    )


def test_the_bar_is_kept_while_two_songs_are_mixed_over_32_bars_from_124_to_128() -> None:
    bar = measure_bar(124, Passage(plays="disco", bars=32, bpm=128))
    assert bar.slip_ms < MAX_SLIP_MS and bar.tempo[0] > 0.99 and bar.tempo[1] < 1.01


def test_half_the_tempo_is_counted_after_eight_bars_of_it_and_its_bar_begins_where_one_did() -> (
    None
):
    change_s = 28.3
    song = clicks(140, 66.0, later_bpm=70, change_s=change_s)
    found = listen(song.sound, RATE_HZ)
    assert found.bpm_at(change_s + 16.0) == pytest.approx(140, rel=0.01), "four bars at 70"
    assert found.bpm_at(65.0) == pytest.approx(70, rel=0.01)
    hops_s = found.hop_s * np.arange(1, len(found.count) + 1)
    before, after = (np.interp(song.beats_s[at], hops_s, found.count) for at in (40, -2))
    passed = float(song.beats_s[-2] - song.beats_s[40]) * 70 / 60
    assert (after - before / 2 - passed + 2) % 4 - 2 == pytest.approx(0.0, abs=0.05)


def room(seconds: float, level_db: float) -> np.ndarray:
    """Background noise of a room, (frames,) float32: pink noise and hum; `level_db` is the RMS of
    each."""
    times = np.arange(round(seconds * RATE_HZ)) / RATE_HZ
    noise = np.fft.rfft(np.random.default_rng(4).standard_normal(len(times)))
    noise[1:] /= np.sqrt(np.arange(1, len(noise)))
    pink = np.fft.irfft(noise, len(times))
    hum = sum(np.sin(2 * np.pi * hertz * times) for hertz in (50, 100, 150))
    sound = sum(part / np.sqrt((part**2).mean()) for part in (pink, hum))
    return (10 ** (level_db / 20) * sound).astype(np.float32)


@pytest.mark.parametrize("level_db", [-60, *in_long_form(-70, -50, -40)])
def test_the_noise_of_a_room_is_no_drum_and_hides_none(level_db: float) -> None:
    """Alone, after digital silence, after music, and under it."""
    silent_s = 13.0
    noise, begins_s = room(silent_s / 2, level_db), (0.05, 9.55)
    parts = (
        np.zeros(round(0.05 * RATE_HZ), np.float32),
        noise,
        np.zeros(3 * RATE_HZ, np.float32),
        noise,
    )
    for drum, at in listen(np.concatenate(parts), RATE_HZ).hits_s.items():
        assert all(any(0 <= hit_s - begin_s < 0.2 for begin_s in begins_s) for hit_s in at), (
            f"{drum} from noise"
        )
    song = compose(next(score for score in SCORES if score.name == "house"), 8.0).sound
    clean = listen(song, RATE_HZ).hits_s
    with_room = np.concatenate([song, np.zeros(round(silent_s * RATE_HZ), np.float32)]) + room(
        8 + silent_s, level_db
    )
    for drum, found_s in listen(with_room, RATE_HZ).hits_s.items():
        assert not len(found_s[found_s > 8.3]), f"{drum} from noise"
        heard_s, true_s = found_s[(found_s > 0.3) & (found_s < 7.8)], clean[drum][clean[drum] < 7.8]
        missed = np.abs(true_s[:, None] - heard_s).min(axis=1) > 0.025
        more = np.abs(heard_s[:, None] - true_s).min(axis=1) > 0.025
        assert missed.sum() == 0 and more.sum() <= 1, drum


def test_on_a_drone_no_beat_is_sure_from_its_first_sample_on() -> None:
    """So the tempo of the performer stays."""
    times = np.arange(12 * RATE_HZ) / RATE_HZ
    drone = 0.1 * sum(2.0 * (hertz * times % 1.0) - 1.0 for hertz in (55.0, 55.3, 82.7, 110.4))
    for sound in (
        drone,
        0.3 * np.sin(2 * np.pi * 90 * times + 8 * np.sin(2 * np.pi * 0.7 * times)),
    ):
        assert listen(sound.astype(np.float32), RATE_HZ).confidence.max() < 0.3
