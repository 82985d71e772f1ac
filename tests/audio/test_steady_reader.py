"""A ring read with another clock: constant lag, no clicks."""

import numpy as np
import pytest

from engine.audio.ring import SampleRing
from engine.audio.steady_reader import ClockLine, SteadyReader, sinc_table
from tests.audio.clicks import click_db
from tests.support.long_form import IS_SOAK

RATE_HZ = 48_000
LAG_S = 0.2
LEAD_S = 0.06  # a block is requested this long before it is heard
PERIOD = 64  # samples per turn of the test voice, whose phase identifies the sample heard


class TwoClocks:
    """A ring written by one crystal and read by another, in simulated time."""

    def __init__(
        self,
        *,
        rate_hz: int = RATE_HZ,
        to_hz: int = RATE_HZ,
        ppm: float = 0.0,
        jitter_s: float = 0.0,
        block: int = 480,
        read_frames: int | None = None,
        channels: int = 1,
    ) -> None:
        self.ring = SampleRing(rate_hz, channels)
        self.reader = SteadyReader(self.ring, to_hz, LAG_S)
        self.is_writing = True
        self._hz = rate_hz * (1.0 + ppm * 1e-6)
        self._block = block
        self._frames = read_frames or round(to_hz / 100)
        self._jitter_s = jitter_s
        self._random = np.random.default_rng(7)
        self._read = 0

    def run(self, seconds: float, voice=None) -> np.ndarray:
        """The sound heard in that time, (frames, channels). `voice(numbers)` returns the samples
        with these numbers."""
        sound, end = [], self._read + round(seconds * self.reader.to_hz)
        while self._read + self._frames <= end:
            heard_s = self.heard_s
            self._write_until(heard_s - LEAD_S, voice or turning)
            sound.append(self.reader.read(self._frames, heard_s + self._late_s()))
            self._read += self._frames
        return np.concatenate(sound)

    def skip(self, seconds: float) -> None:
        """Advance time without reading."""
        self._read += round(seconds * self.reader.to_hz)

    @property
    def heard_s(self) -> float:
        """Time at which the next frame is heard; the reader's crystal is exact."""
        return self._read / self.reader.to_hz

    def sample_at(self, heard_s: np.ndarray) -> np.ndarray:
        """Number of the sample that sounded then, with its fraction."""
        return heard_s * self._hz

    def _write_until(self, now_s: float, voice) -> None:
        while self.is_writing and (self.ring.newest + self._block) / self._hz <= now_s:
            block = np.asarray(
                voice(np.arange(self.ring.newest, self.ring.newest + self._block)), np.float32
            )
            self.ring.set_mark(self.ring.newest, self.ring.newest / self._hz + self._late_s())
            self.ring.write(block[:, : self.ring.channels])

    def _late_s(self) -> float:
        return self._random.uniform(-self._jitter_s, self._jitter_s)


def turning(numbers: np.ndarray) -> np.ndarray:
    """Cosine and sine of one turn in PERIOD samples, (frames, 2)."""
    turn = 2.0 * np.pi * (numbers % PERIOD) / PERIOD
    return 0.5 * np.stack([np.cos(turn), np.sin(turn)], axis=1)


def lag_error(clocks: TwoClocks, sound: np.ndarray, first_s: float) -> np.ndarray:
    """Deviation of each frame's age from LAG_S in samples, modulo PERIOD; `sound` starts at
    `first_s`."""
    sample = np.arctan2(sound[:, 1], sound[:, 0]) * PERIOD / (2.0 * np.pi)
    ideal = clocks.sample_at(
        first_s + np.arange(len(sound)) / clocks.reader.to_hz - clocks.reader.lag_s
    )
    return (sample - ideal + PERIOD / 2) % PERIOD - PERIOD / 2


@pytest.mark.soak
def test_the_lag_holds_to_the_sample_while_two_crystals_drift_apart() -> None:
    for ppm in [200.0, -200.0]:
        clocks = TwoClocks(
            rate_hz=8000,
            to_hz=8000,
            ppm=ppm,
            jitter_s=0.0001,
            block=160,
            read_frames=160,
            channels=2,
        )
        clocks.run(5.0)
        worst = 0.0
        # an hour, or a minute, in which they drift apart by 12 ms
        for _ in range(360 if IS_SOAK else 6):
            first_s = clocks.heard_s
            worst = max(worst, np.abs(lag_error(clocks, clocks.run(10.0), first_s)).max())
        assert worst < 1.0, ppm
        assert clocks.reader.gaps == 0, ppm


def test_marks_with_a_millisecond_of_jitter_do_not_make_the_pitch_waver() -> None:
    clocks = TwoClocks(ppm=100.0, jitter_s=0.001, block=960, channels=2)
    clocks.run(20.0)
    first_s = clocks.heard_s
    error = lag_error(clocks, clocks.run(5.0), first_s)
    assert np.abs(error).max() < 5.0  # a tenth of a millisecond
    assert np.abs(np.diff(error[::480])).max() < 0.25  # 1 cent is 0.28 samples in 10 ms


@pytest.mark.parametrize(
    ("from_hz", "to_hz"), [(48_000, 44_100), (44_100, 48_000), (48_000, 48_000)]
)
def test_a_tone_stays_a_tone_at_another_rate(from_hz, to_hz) -> None:
    tone_hz, clocks = 997.0, TwoClocks(rate_hz=from_hz, to_hz=to_hz)
    clocks.run(1.0)
    sound = clocks.run(
        1.0, lambda numbers: 0.5 * np.sin(2 * np.pi * tone_hz * numbers / from_hz)[:, None]
    )[:, 0]
    sound = sound[to_hz // 2 :]
    time_s = np.arange(len(sound)) / to_hz
    parts = np.stack(
        [np.sin(2 * np.pi * tone_hz * time_s), np.cos(2 * np.pi * tone_hz * time_s)], axis=1
    )
    (sine, cosine), *_ = np.linalg.lstsq(parts, sound, rcond=None)
    assert np.hypot(sine, cosine) == pytest.approx(0.5, rel=1e-3)
    noise = sound - parts @ (sine, cosine)
    assert 20.0 * np.log10(np.sqrt(np.mean(noise**2)) / np.sqrt(0.125)) < -70.0


def test_frequencies_above_the_lower_rate_are_filtered_out_and_a_constant_stays() -> None:
    clocks = TwoClocks(rate_hz=48_000, to_hz=16_000)
    clocks.run(1.0)
    sound = clocks.run(
        1.0, lambda numbers: 0.5 * np.sin(2 * np.pi * 12_000 * numbers / 48_000)[:, None]
    )
    assert np.abs(sound[8000:]).max() < 0.01
    table = sinc_table(1.0)
    assert np.allclose(table.sum(axis=1), 1.0, atol=1e-5)
    assert np.allclose(table[0], np.eye(32)[15], atol=1e-6)  # exactly on a sample: that sample


def test_nothing_is_heard_before_both_clocks_are_known() -> None:
    sound = TwoClocks(channels=2).run(1.0)
    assert 0.5 * RATE_HZ <= np.flatnonzero(np.abs(sound).max(axis=1) > 0.0)[0] <= 0.8 * RATE_HZ
    assert click_db(sound[:, 0]) < -40.0  # a tone of 750 Hz at 0.5 itself: -46 dB


def slow(numbers: np.ndarray) -> np.ndarray:
    return 0.5 * np.sin(2.0 * np.pi * 200.0 * numbers / RATE_HZ)[:, None]


def test_at_an_underrun_the_sound_fades_and_returns_at_the_same_lag() -> None:
    for more_ms in range(0, 10, 2):
        clocks = TwoClocks()
        clocks.reader.lag_s = LAG_S + more_ms / 1000.0
        clocks.run(2.0, slow)
        clocks.is_writing = False
        dry = clocks.run(0.5, slow)[:, 0]
        clocks.is_writing = True
        sound = np.concatenate([dry, clocks.run(1.0, slow)[:, 0]])
        assert click_db(sound) < -50.0, more_ms
        assert not sound[round(0.2 * RATE_HZ) : round(0.49 * RATE_HZ)].any(), more_ms
        assert clocks.reader.gaps == 1, more_ms
        first_s, again = clocks.heard_s, clocks.run(0.1, slow)[:, 0]
        expected = slow(clocks.sample_at(first_s - clocks.reader.lag_s) + np.arange(len(again)))[
            :, 0
        ]
        assert np.abs(again - expected).max() < 1e-3, more_ms


def test_a_change_of_lag_or_device_makes_no_click_and_keeps_the_reserve() -> None:
    for lag_s in [0.25, 0.15]:
        clocks = TwoClocks()
        clocks.run(2.0, slow)
        clocks.reader.lag_s = lag_s
        assert click_db(clocks.run(0.1, slow)[:, 0]) < -50.0, lag_s
        first_s = clocks.heard_s
        expected = slow(clocks.sample_at(first_s - lag_s) + np.arange(4800))[:, 0]
        assert np.abs(clocks.run(0.1, slow)[:, 0] - expected).max() < 1e-3, lag_s
        assert clocks.reader.gaps == 0, lag_s
    clocks = TwoClocks()
    clocks.run(2.0, slow)
    clocks.skip(3.0)
    clocks.run(0.5, slow)
    first_s = clocks.heard_s
    expected = slow(clocks.sample_at(first_s - LAG_S) + np.arange(4800))[:, 0]
    assert np.abs(clocks.run(0.1, slow)[:, 0] - expected).max() < 1e-3
    clocks = TwoClocks()
    clocks.run(2.0, slow)
    # A lag of 200 ms, minus 60 of lead, 10 for the block being read, up to 10 for the incomplete
    # one, and a little for the fade and half the interpolation.
    assert 0.11 < clocks.reader.least_spare_s < 0.13


BLOCK = 480


def follow(
    line: ClockLine, seconds: float, *, ppm: float, jitter_s: float, seed: int = 0, first: int = 1
) -> int:
    """Add a mark every 10 ms from a crystal `ppm` fast, from block `first` on. Returns the next
    block."""
    late_s = np.random.default_rng(seed).uniform(-jitter_s, jitter_s, round(seconds * 100))
    for block, error_s in enumerate(late_s, start=first):
        line.add(block * BLOCK, sounded_s(block, ppm) + error_s)
    return first + len(late_s)


def sounded_s(block: int, ppm: float) -> float:
    return block * BLOCK / (RATE_HZ * (1.0 + ppm * 1e-6))


def test_a_reconnected_device_is_followed_with_its_old_slope() -> None:
    line = ClockLine(RATE_HZ)
    after = follow(line, 30.0, ppm=200.0, jitter_s=0.0002)
    late_s = 3.0 + np.random.default_rng(2).uniform(-0.0002, 0.0002, 50)
    for block, late in enumerate(late_s, start=after):
        line.add(block * BLOCK, sounded_s(block, 200.0) + late)
    assert line.disturbances > 0
    newest, in_a_minute = after + 49, after + 6000
    assert line.time_of(newest * BLOCK) == pytest.approx(sounded_s(newest, 200.0) + 3.0, abs=2e-4)
    assert line.time_of(in_a_minute * BLOCK) == pytest.approx(
        sounded_s(in_a_minute, 200.0) + 3.0, abs=2e-3
    )


def test_one_late_mark_has_almost_no_effect_and_a_jump_of_four_milliseconds_is_followed() -> None:
    line = ClockLine(RATE_HZ)
    after = follow(line, 30.0, ppm=0.0, jitter_s=0.0)
    line.add(after * BLOCK, sounded_s(after, 0.0) + 0.2)
    assert line.number_at(60.0) == pytest.approx(60.0 * RATE_HZ, abs=0.1)
    line = ClockLine(RATE_HZ)
    after = follow(line, 60.0, ppm=0.0, jitter_s=0.0)
    for block in range(after, after + 500):
        line.add(block * BLOCK, sounded_s(block, 0.0) + 0.004)
    assert line.disturbances > 0
    assert line.time_of((after + 499) * BLOCK) == pytest.approx(
        sounded_s(after + 499, 0.0) + 0.004, abs=2e-3
    )
