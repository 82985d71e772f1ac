"""The mix of dry and converted voice: known results, and no clicks."""

import numpy as np
import pytest

import osc_schema
from engine.live.rvc.mix import FALL_DB_S, MixSettings, PeakLevel, VoiceMix
from tests.audio.clicks import click_db

RATE_HZ = 48_000
CONVERTING = MixSettings(is_converting=True)
ONES = np.ones(4800, np.float32)


class Table:
    """Mixes whole sounds step by step, like the pipeline."""

    def __init__(self) -> None:
        self.mix = VoiceMix(RATE_HZ)
        self._ahead = self.mix.fade_frames

    def run(self, dry, wet, presence, settings=CONVERTING, step: int = 480) -> np.ndarray:
        """Mix sounds of length n; `settings` may be a function of the first sample's number."""
        wet, presence = (
            np.concatenate((sound, np.zeros(self._ahead, np.float32))) for sound in (wet, presence)
        )
        mixed = [
            self.mix.mix(
                dry[first : first + step],
                wet[first : first + step + self._ahead],
                presence[first : first + step + self._ahead],
                settings(first) if callable(settings) else settings,
            )
            for first in range(0, len(dry), step)
        ]
        return np.concatenate(mixed)


def there(frames: int, *spans: tuple[int, int]) -> np.ndarray:
    presence = np.zeros(frames, np.float32)
    for first, end in spans:
        presence[first:end] = 1.0
    return presence


def tone(hz: float, frames: int) -> np.ndarray:
    return (0.5 * np.sin(2 * np.pi * hz * np.arange(frames) / RATE_HZ)).astype(np.float32)


ZEROS, HALF = np.zeros(4800, np.float32), there(4800, (0, 2400))


@pytest.mark.parametrize(
    ("wet", "presence", "settings", "level"),
    [
        (ZEROS, ZEROS, {}, 1.0),
        (ZEROS, ZEROS, {"is_dry_without": False}, 0.0),
        (0.5 * ONES, ONES, {}, 0.5),
        (0.5 * ONES, ONES, {"monitor": 0.0}, 1.0),
        (0.5 * ONES, ONES, {"monitor": 0.25}, 0.875),
        (ONES, HALF, {"volume": 0.5}, 0.5),
    ],
    ids=["dry without", "silent without", "converted", "dry", "both", "volume of both"],
)
def test_dry_and_converted_voice_are_mixed_as_set(
    wet: np.ndarray, presence: np.ndarray, settings: dict[str, object], level: float
) -> None:
    mixed = Table().run(ONES, wet, presence, MixSettings(is_converting=True, **settings))
    assert mixed[480:4000] == pytest.approx(level)  # after the first fade


def test_the_converted_voice_fades_out_by_its_last_sample_and_in_from_its_first() -> None:
    table = Table()
    # 99: what must never be heard
    wet = np.where(there(9600, (2400, 7200)) > 0, 0.0, 99.0).astype(np.float32)
    mixed = table.run(np.ones(9600, np.float32), wet, there(9600, (2400, 7200)))
    fade = table.mix.fade_frames
    assert mixed.max() <= 1.0
    assert mixed[2399] == 1.0
    assert mixed[2400 + fade : 7200 - fade] == pytest.approx(0.0, abs=1e-6)
    assert mixed[7200] == pytest.approx(1.0, abs=1e-4)


def test_equal_dry_and_converted_sound_passes_every_fade_unchanged() -> None:
    voice = tone(200.0, 48_000)
    mixed = Table().run(voice, voice, there(48_000, (5000, 9000), (9100, 20_001), (30_000, 48_000)))
    assert np.abs(mixed - voice).max() < 1e-6


def test_steps_of_any_length_give_the_same_sound() -> None:
    dry, wet = np.random.default_rng(3).uniform(-1, 1, (2, 24_000)).astype(np.float32)
    presence = there(24_000, (1000, 7000), (7100, 15_000))
    mixed = Table().run(dry, wet, presence, step=480)
    for step in (1, 37, 960, 24_000):
        assert np.allclose(Table().run(dry, wet, presence, step=step), mixed, atol=1e-6)


def test_no_change_of_the_settings_clicks() -> None:
    settings = [
        MixSettings(is_converting=True),
        MixSettings(is_converting=True, monitor=0.0),
        MixSettings(is_converting=True, monitor=0.5, volume=0.1),
        MixSettings(is_converting=False, monitor=0.5, volume=1.0),
        MixSettings(is_converting=True, monitor=0.7, volume=0.0, is_dry_without=False),
    ]
    mixed = Table().run(
        tone(150.0, 48_000),
        tone(233.0, 48_000),
        np.ones(48_000, np.float32),
        lambda first: settings[first // 9600],
    )
    assert click_db(mixed) < -50.0


@pytest.mark.parametrize(("off_at", "underruns"), [(48_000, 3), (7_200, 0), (0, 0)])
def test_a_run_of_missing_samples_is_one_underrun_while_it_converts(
    off_at: int, underruns: int
) -> None:
    presence = there(48_000, (4800, 9600), (14_400, 19_200), (19_300, 30_000))
    table, silence = Table(), np.zeros(48_000, np.float32)
    table.run(silence, silence, presence, lambda first: MixSettings(is_converting=first < off_at))
    assert table.mix.underruns == underruns


def test_the_meter_rises_at_once_and_falls_slowly_whatever_comes() -> None:
    meter = PeakLevel(RATE_HZ)
    meter.take(np.zeros(480, np.float32))
    assert meter.db == -60.0
    meter.take(np.array([0.0, -0.5, 0.1], np.float32))
    assert meter.db == -6.0
    for _ in range(RATE_HZ // 24):
        meter.take(np.zeros(24, np.float32))
    assert meter.db == pytest.approx(-6.0 - FALL_DB_S, abs=0.1)
    for spoilt in (np.nan, np.inf):
        meter.take(np.array([spoilt], np.float32))
    meter.take(np.ones(1, np.float32))
    assert meter.db == 0.0


def test_the_settings_come_from_the_parameters() -> None:
    values = {param.address: param.default for param in osc_schema.PARAMS}
    assert MixSettings.from_values(values) == MixSettings()
    values |= {
        "/rvc/enable": True,
        "/rvc/monitor": 0.25,
        "/rvc/gain_db": 6.0,
        "/rvc/fallback": "silence",
    }
    settings = MixSettings.from_values(values)
    assert (settings.is_converting, settings.monitor, settings.is_dry_without) == (
        True,
        0.25,
        False,
    )
    assert settings.volume == pytest.approx(1.9953, abs=1e-4)
    assert MixSettings.from_values(values | {"/rvc/gain_db": -60.0}).volume == 0.0
