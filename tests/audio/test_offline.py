"""Sound for rendering faster than real time."""

import dataclasses

import numpy as np
import pytest
import soundfile

import osc_schema
from engine.audio.input import AudioInput
from engine.audio.open import open_audio
from engine.audio.settings import AudioSettings
from engine.system.clock import SteppedClock
from engine.values import AudioFeatures


def render(
    spec: str, frames: int, reports, fps: float = 30.0, **settings: object
) -> list[AudioFeatures]:
    audio = open_audio(spec, offline=True, clock=SteppedClock(), report=reports)
    audio.settings = AudioSettings(**settings)
    audio.start()
    features = [audio.advance_to(frame / fps) for frame in range(frames)]
    audio.close()
    return features


def as_bytes(features: list[AudioFeatures]) -> bytes:
    return b"".join(
        repr(dataclasses.astuple(of)[0]).encode() + of.waves.tobytes() for of in features
    )


@pytest.fixture
def recording(tmp_path) -> str:
    path, rng = tmp_path / "sound.flac", np.random.default_rng(12)
    soundfile.write(
        path, rng.uniform(-0.5, 0.5, (44_100, 2)) * np.linspace(0, 1, 44_100)[:, None], 44_100
    )
    return str(path)


def test_two_runs_are_identical_byte_for_byte_at_any_frame_rate(recording, reports) -> None:
    for spec in ("demo", recording):
        settings = {"trigger": ("rising",) * 4, "window_ms": 100.0, "layout": "mono"}
        first = as_bytes(render(spec, 36, reports, **settings))
        assert first == as_bytes(render(spec, 36, reports, **settings))
    at_10 = render(recording, 9, reports, fps=10.0)
    at_100 = render(recording, 81, reports, fps=100.0)
    at_250 = render(recording, 201, reports, fps=250.0)
    assert as_bytes(at_10[-1:]) == as_bytes(at_100[-1:]) == as_bytes(at_250[-1:])


def test_sound_is_analysed_up_to_the_given_time_and_no_further(reports) -> None:
    audio: AudioInput = open_audio(None, offline=True, clock=SteppedClock(), report=reports)
    assert audio.choice == "demo loop (devices cannot be captured offline)"
    features = audio.advance_to(0.105)
    assert features.end_sample == 4800  # ten whole hops
    block = audio.read_block(0)
    assert (len(block.samples), block.first_sample, block.sample_rate_hz) == (5040, 0, 48_000)
    assert len(audio.read_block(5040).samples) == 0
    assert audio.latest_features() is features
    audio.advance_to(0.05)
    assert len(audio.read_block(0).samples) == 5040
    features = audio.advance_to(9.0)  # a long step
    audio.close()
    assert features.end_sample == 432_000
    assert features.channels[0].onset_count == 17 + 3


def test_timecode_is_not_audible_in_the_video_of_a_show(tmp_path, reports) -> None:
    path = tmp_path / "show.wav"
    music, timecode = np.full(9_600, 0.25, np.float32), np.tile(np.float32([0.5, -0.5]), 4_800)
    soundfile.write(path, np.stack([music, timecode], axis=1), 48_000)
    audio = open_audio(str(path), offline=True, clock=SteppedClock(), report=reports)
    audio.advance_to(0.1)
    assert np.abs(audio.read_block(0).samples[:, 1]).min() > 0.4, (
        "without a source it is sound like any other"
    )
    audio.settings = AudioSettings(ltc_channel=2)
    assert audio.read_block(0).samples == pytest.approx(0.25, abs=1e-3)
    audio.close()


def test_each_parameter_reaches_its_setting_and_the_defaults_are_those_of_the_schema() -> None:
    values = {param.address: param.default for param in osc_schema.PARAMS}
    assert AudioSettings.from_values(values, width_px=1280) == AudioSettings()
    values = {param.address: param.default for param in osc_schema.PARAMS} | {
        "/multiverse/window_ms": 200.0,
        "/layer/2/ratio": 4.0,
        "/audio/layout": "mono",
        "/audio/1/gain_db": -6.0,
        "/audio/4/auto": False,
        "/audio/3/trigger": "rising",
        "/audio/2/decay_ms": 50.0,
        "/audio/4/channel": 9,
        "/rvc/channel": 2,
    }
    assert AudioSettings.from_values(values, width_px=640) == AudioSettings(
        window_ms=200.0,
        ratios=(0.5, 4.0, 1.0, 1.0),
        width_px=640,
        layout="mono",
        gain_db=(-6.0, 0.0, 0.0, 0.0),
        auto=(True, True, True, False),
        trigger=("off", "off", "rising", "off"),
        decay_ms=(1000.0, 50.0, 1000.0, 1000.0),
        channel_map=(1, 2, 3, 9),
        voice_channel=2,
    )
