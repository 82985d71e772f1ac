"""Modulation of parameters with known sounds and times."""

import math
from collections.abc import Mapping
from typing import Any

import pytest

import osc_schema
from engine.params import Modulation, ParamStore, modulation
from engine.params.looks import PLAIN
from engine.values import AudioFeatures, BeatFeatures, ChannelFeatures
from osc_schema import Rejected

ANGLE, BRIGHTNESS, WINDOW = "/layer/1/angle", "/multiverse/brightness", "/multiverse/window_ms"
SILENCE = (ChannelFeatures(),) * 4


def features_with(**hits: int) -> AudioFeatures:
    """Features of silence in which this many drum hits were detected so far."""
    return AudioFeatures(channels=SILENCE, beat=BeatFeatures(**hits))


def sound(**first: float) -> AudioFeatures:
    """Features with this sound on channel 1 and silence on the others."""
    return AudioFeatures(channels=(ChannelFeatures(**first), *SILENCE[1:]))  # type: ignore[arg-type]


class Rig:
    """A store with the conditions for targets, and its modulation."""

    def __init__(self) -> None:
        self.store = ParamStore()
        self.store.set_many(PLAIN.items(), by="test")
        for address, check in modulation.conditions():
            self.store.add_condition(address, check)
        self.modulation = Modulation()

    def route(self, n: int = 1, **settings: Any) -> None:
        for key, value in settings.items():
            self.store.set(f"/mod/{n}/{key}", value)

    def step(
        self, features: AudioFeatures, time_s: float = 0.0, beat: float = 0.0
    ) -> Mapping[str, Any]:
        return self.modulation.step(self.store.snapshot(), features, time_s=time_s, beat=beat)


@pytest.fixture
def rig() -> Rig:
    return Rig()


def test_only_floats_in_presets_can_be_a_target(rig: Rig) -> None:
    for target, reason in [
        ("/layer/1/mute", "is not a float"),
        ("/layr/1/angle", "no such parameter .*/layer/1/angle"),
        ("/engine/fps", "is not a float|cannot be modulated"),
        ("/audio/1/gain_db", "cannot be modulated"),
        ("/tempo/bpm", "cannot be modulated"),
        ("/master/fade", "cannot be modulated"),
    ]:
        with pytest.raises(Rejected, match=reason):
            rig.route(target=target)


def test_every_other_float_can_be_a_target_and_stays_within_its_range(rig: Rig) -> None:
    floats = [param for param in osc_schema.PARAMS if modulation.is_target(param)]
    assert {param.area for param in floats} >= {
        "multiverse",
        "colour",
        "layer",
        "region",
        "feedback",
        "sd",
    }
    rig.route(source="peak", channel=1)
    for amount in (-1.0, -0.3, 0.3, 1.0):
        rig.route(amount=amount)
        for param in floats:
            rig.route(target=param.address)
            assert param.low <= rig.step(sound(peak=1.0))[param.address] <= param.high


def test_without_a_route_the_same_mapping_is_returned(rig: Rig) -> None:
    values = rig.store.snapshot()
    rig.route(target=ANGLE)
    assert rig.modulation.analysis_values(values) is values
    assert rig.modulation.step(values, sound(peak=1.0), time_s=0.0, beat=0.0) is values
    rig.route(source="peak", channel=1)
    assert rig.step(sound(peak=1.0))[ANGLE] == 180.0
    rig.route(source="off")
    quiet = rig.store.snapshot()
    assert rig.modulation.step(quiet, sound(peak=1.0), time_s=0.0, beat=0.0) is quiet
    assert rig.modulation.analysis_values(quiet) is quiet and rig.modulation.moved == {}


def test_a_route_adds_its_part_of_the_range_to_the_set_value(rig: Rig) -> None:
    for target, set_value, amount, value in [
        (BRIGHTNESS, 1.0, 0.5, 1.0 + 0.5 * 4),  # 0..4
        (BRIGHTNESS, 1.0, -0.125, 0.5),
        (BRIGHTNESS, 1.0, 1.0, 4.0),  # clipped
        (WINDOW, 50.0, 0.5, 50 * math.sqrt(200)),  # 5..1000, exponential: a factor of 200
        (WINDOW, 50.0, -0.25, 50 / 200**0.25),
        (ANGLE, 170.0, 0.25, -100.0),  # wraps
        (ANGLE, 170.0, 1.0, 170.0),
    ]:
        rig.store.set(target, set_value)
        rig.route(source="peak", channel=1, target=target, amount=amount)
        assert rig.step(sound(peak=1.0))[target] == pytest.approx(value), value
        assert rig.store.get(target) == set_value, "presets and feedback keep what was set"


def test_the_curve_bends_the_level_and_the_offset_is_added() -> None:
    for curve, level in [(0.0, 0.5), (1.0, 0.5**4), (-1.0, 0.5**0.25), (0.5, 0.25)]:
        rig = Rig()
        half = sound(peak=10 ** (-27 / 20))
        rig.store.set(BRIGHTNESS, 0.0)
        rig.route(source="peak", channel=1, target=BRIGHTNESS, amount=0.5, curve=curve)
        assert rig.step(half)[BRIGHTNESS] == pytest.approx(0.5 * level * 4), curve
        rig.route(offset=0.25)
        assert rig.step(half)[BRIGHTNESS] == pytest.approx(0.5 * (level + 0.25) * 4), curve


def test_levels_are_linear_in_decibels_from_48_to_6_below_full_scale() -> None:
    for source in ["rms", "peak", "envelope", "low", "mid", "high"]:
        for dbfs, level in [
            (0, 1.0),
            (-6, 1.0),
            (-16.5, 0.75),
            (-27, 0.5),
            (-48, 0.0),
            (-80, 0.0),
            (-math.inf, 0.0),
        ]:
            rig = Rig()
            rig.store.set(BRIGHTNESS, 0.0)
            rig.route(source=source, channel=1, target=BRIGHTNESS, amount=1.0)
            assert rig.step(sound(**{source: 10 ** (dbfs / 20)}))[BRIGHTNESS] == pytest.approx(
                4 * level, abs=1e-9
            ), source


def test_a_level_rises_at_once_and_falls_to_a_third_within_its_release() -> None:
    for fps in [25, 60]:
        rig = Rig()
        rig.store.set(BRIGHTNESS, 0.0)
        rig.route(source="peak", channel=1, target=BRIGHTNESS, amount=1.0, release_ms=200)
        assert rig.step(sound(), 0.0)[BRIGHTNESS] == 0.0, fps
        assert rig.step(sound(peak=1.0), 1 / fps)[BRIGHTNESS] == 4.0, fps
        for frame in range(2, 2 + fps // 5):
            values = rig.step(sound(), frame / fps)
        assert values[BRIGHTNESS] == pytest.approx(4 * math.exp(-1)), fps


def test_an_onset_between_two_frames_is_a_pulse_that_falls(rig: Rig) -> None:
    rig.store.set(BRIGHTNESS, 0.0)
    rig.route(source="onset", channel=1, target=BRIGHTNESS, amount=1.0, release_ms=100)
    assert rig.step(sound(onset_count=7), 0.0)[BRIGHTNESS] == 0.0, (
        "onsets before the route do not count"
    )
    assert rig.step(sound(onset_count=9), 0.1)[BRIGHTNESS] == 4.0
    assert rig.step(sound(onset_count=9), 0.2)[BRIGHTNESS] == pytest.approx(4 / math.e)
    assert rig.step(sound(onset_count=9), 2.0)[BRIGHTNESS] == pytest.approx(0.0, abs=1e-6)


def test_the_analysis_gets_current_values_with_the_modulation_of_the_last_frame(rig: Rig) -> None:
    rig.route(source="peak", channel=1, target=WINDOW, amount=-0.5)
    first = rig.store.snapshot()
    assert rig.modulation.analysis_values(first) is first
    rig.step(sound(peak=1.0))
    rig.store.set(WINDOW, 200.0)
    assert rig.modulation.analysis_values(rig.store.snapshot())[WINDOW] == pytest.approx(
        200 / math.sqrt(200)
    )
    assert rig.store.snapshot()[WINDOW] == 200.0


def test_a_beat_lifts_its_target_at_once_and_lets_it_fall() -> None:
    for source, lifts in [("beat", [0.1, 1.1, 2.1, 3.1]), ("bar", [0.1])]:
        rig = Rig()
        rig.route(source=source, target=BRIGHTNESS, amount=0.5, release_ms=100)
        rig.store.set(BRIGHTNESS, 0.0)
        values = {}
        for frame in range(40):  # from just before beat 4 to just before beat 8
            time_s = frame * 0.1
            values[round(time_s, 1)] = rig.step(features_with(), time_s=time_s, beat=3.95 + time_s)[
                BRIGHTNESS
            ]
        assert [time_s for time_s, value in values.items() if value == 2.0] == lifts, source
        assert values[0.2] == pytest.approx(2.0 / math.e) and values[0.0] == 0.0, source


def test_watched_sources_have_levels_without_a_route_and_cost_nothing_afterwards(rig: Rig) -> None:
    rig.store.set_many([("/lfo/1/shape", "saw"), ("/lfo/1/tempo_sync", "beat")], by="test")
    rig.modulation.watch_sources(2)
    rig.step(features_with(), beat=0.25)
    values = rig.step(
        AudioFeatures(channels=(ChannelFeatures(rms=1.0), *SILENCE[1:])), time_s=0.1, beat=1.5
    )
    assert rig.modulation.sources.keys() == set(osc_schema.lookup("/mod/1/source").menu) - {"off"}
    assert (
        rig.modulation.sources["rms"],
        rig.modulation.sources["lfo1"],
        rig.modulation.sources["beat"],
    ) == (
        1,
        0.5,
        1,
    )
    assert values[BRIGHTNESS] == rig.store.get(BRIGHTNESS)
    rig.step(features_with(), time_s=0.2)
    quiet = rig.store.snapshot()
    assert rig.modulation.step(quiet, features_with(), time_s=0.3, beat=2.0) is quiet


def test_each_octave_of_pitch_is_an_equal_step_and_channel_0_is_the_loudest(rig: Rig) -> None:
    rig.store.set(BRIGHTNESS, 0.0)
    rig.route(source="pitch", channel=1, target=BRIGHTNESS, amount=1.0)
    for pitch_hz, level in [(20, 0.0), (55, 0.0), (110, 0.2), (440, 0.6), (1760, 1.0), (9000, 1.0)]:
        assert rig.step(sound(pitch_hz=pitch_hz))[BRIGHTNESS] == pytest.approx(4 * level), pitch_hz
    rig.step(sound(pitch_hz=20), time_s=99.0)
    channels = [
        ChannelFeatures(rms=rms, pitch_hz=hz)
        for rms, hz in ((0.1, 55), (0.2, 110), (0.4, 220), (0.3, 440))
    ]
    for channel, level in ((1, 0.0), (0, 0.4), (4, 0.6)):
        rig.route(channel=channel)
        two_tones = AudioFeatures(channels=tuple(channels))
        assert rig.step(two_tones, time_s=99.0)[BRIGHTNESS] == pytest.approx(4 * level), channel
