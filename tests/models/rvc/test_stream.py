"""A voice converted block by block: pitch, timing, joins, and invalid input."""

import gc
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from scipy import signal

from engine.models.rvc.model import VoiceModel
from engine.models.rvc.offline import VoiceConverter
from engine.models.rvc.optimization import OptimizationConfig
from engine.models.rvc.resample import Resampler
from engine.models.rvc.spec import VoiceSettings
from tests.conftest import TinyModels
from tests.models.rvc.streaming import (
    level_db,
    live_voice,
    loaded,
    log_mel,
    loudest_hz,
    spoken,
    streamed,
    tone,
)
from tests.support.long_form import IS_SOAK, in_long_form

CPU = torch.device("cpu")
AS_THE_MODEL = VoiceSettings(rms_mix=1.0)


# -- what is heard


@pytest.mark.parametrize(
    ("rate_hz", "settings", "hz"),
    [
        (48_000, VoiceSettings(), 220.0),
        (8_000, VoiceSettings(formant=-2.0, pitch=-12.0), 110.0),
        *in_long_form(
            (44_100, VoiceSettings(pitch=12.0), 440.0),
            (48_000, VoiceSettings(formant=2.0, is_autotuned=True), 220.0),
            (22_050, VoiceSettings(pitch=-5.0), 220.0 * 2.0 ** (-5.0 / 12.0)),
            (16_000, VoiceSettings(formant=1.0), 220.0),
        ),
    ],
)
def test_a_tone_in_is_a_tone_out(
    singing: VoiceModel, rate_hz: int, settings: VoiceSettings, hz: float
) -> None:
    """Within 5 cents, and one sine in phase from end to end: the rest is 25 dB softer."""
    sound = tone(220.0, rate_hz, 0.9)
    sung = streamed(live_voice(singing, rate_hz=rate_hz, block_ms=180, settings=settings), sound)[
        -round(0.6 * rate_hz) :
    ]
    assert abs(1200.0 * np.log2(loudest_hz(sung, rate_hz) / hz)) < 5.0
    assert level_db(sung) == pytest.approx(level_db(sound), abs=0.5)
    assert level_db(without_sine(sung, hz, rate_hz)) < level_db(sung) - 25.0


def without_sine(sound: np.ndarray, hz: float, rate_hz: int) -> np.ndarray:
    """Remove the strongest sine within 5 cents of `hz` from a sound (n,)."""
    times = np.arange(len(sound)) / rate_hz
    candidates = hz * 2.0 ** (np.linspace(-5.0, 5.0, 101) / 1200.0)
    # Turned back by `hz` they are slow: sums of 64 samples tell them apart as well.
    turned = sound * np.hanning(len(sound)) * np.exp(-2j * np.pi * hz * times)
    sums, middles = np.add.reduceat(turned, np.arange(0, len(sound), 64)), times[::64]
    found = abs(np.exp(-2j * np.pi * np.outer(candidates - hz, middles)) @ sums)
    turn = 2.0 * np.pi * candidates[int(np.argmax(found))] * times
    basis = np.stack((np.cos(turn), np.sin(turn)), 1)
    return sound - basis @ np.linalg.lstsq(basis, sound, rcond=None)[0]


def test_a_steady_voice_sounds_live_as_in_one_piece(random: VoiceModel) -> None:
    """Log-mel correlation over 0.98, averaged over 4 frames (43 ms), because each conversion draws
    its own noise. Two conversions in one piece correlate as much."""
    rate_hz, speech = 48_000, spoken(48_000, 2.5)
    live = live_voice(random, rate_hz=rate_hz, block_ms=500, extra_ms=700)
    joined = streamed(live, speech)[live.grid.lag :]
    resampled = Resampler(rate_hz, 16_000, CPU)(torch.from_numpy(speech)[None])[0].numpy()
    whole = VoiceConverter(
        random, live.settings, OptimizationConfig.for_device("cpu")
    ).convert_sound(resampled)
    whole = Resampler(random.rate_hz, rate_hz, CPU)(torch.from_numpy(whole)[None])[0].numpy()
    steady = slice(5 * rate_hz // 4, 9 * rate_hz // 4)  # the window is full from then on
    mels = [log_mel(sound[steady], rate_hz, together=4).ravel() for sound in (joined, whole)]
    assert np.corrcoef(mels)[0, 1] > 0.98
    assert level_db(joined[steady]) == pytest.approx(level_db(speech[steady]), abs=1.5)


def test_a_transposition_moves_within_a_block_and_earlier_sound_keeps_its_own(
    singing: VoiceModel,
) -> None:
    """An octave up in one block of 400 ms, then no further: a straight line in semitones, to 0.7 of
    one."""
    rate_hz, sound = 48_000, tone(150.0, 48_000, 2.4)
    live = live_voice(singing, rate_hz=rate_hz, block_ms=400)
    frames, sung = live.grid.block, []
    for number in range(6):
        live.lift = 12.0 if number >= 3 else 0.0
        sung.append(
            live.convert(
                sound[number * frames : (number + 1) * frames], first_sample=number * frames
            )
        )
        assert number == 0 or np.median(live.tracked_hz) == pytest.approx(150.0, rel=1e-3)
    hz = hz_at(np.concatenate(sung), rate_hz)
    began = 3 * frames + live.grid.lag  # the input of block 3 is heard so much later
    positions = np.arange(2 * frames, 5 * frames + frames // 2, 480)
    expected = 12.0 * np.clip((positions - began) / frames, 0.0, 1.0)
    assert np.abs(12.0 * np.log2(hz[positions] / 150.0) - expected).max() < 0.7


# -- when it is heard


def test_the_lag_is_as_stated(singing: VoiceModel) -> None:
    """Within 0.2 ms for loudness; half a hop more for pitch, which is constant during a hop."""
    rate_hz, block_ms, crossfade_ms = 22_050, 200, 10
    times = np.arange(9 * rate_hz // 5) / rate_hz
    sway = np.sin(2.0 * np.pi * 2.0 * times)  # 2 Hz: 2 turns in what is compared
    for source, settings, seen, late_ms in (
        (tone(220.0, rate_hz, 1.8) * (0.5 + 0.4 * sway), VoiceSettings(), np.square, 0.0),
        (
            tone(220.0 * 2.0 ** (0.25 * sway), rate_hz, 1.8),
            AS_THE_MODEL,
            lambda sound: hz_at(sound, rate_hz),
            5.0,
        ),
    ):
        live = live_voice(
            singing,
            rate_hz=rate_hz,
            block_ms=block_ms,
            crossfade_ms=crossfade_ms,
            settings=settings,
        )
        output = streamed(live, source.astype(np.float32))
        compared = slice(rate_hz // 2, 3 * rate_hz // 2)
        turn = np.exp(-2j * np.pi * 2.0 * times)[compared]
        before, after = (turn @ seen(each)[compared] for each in (source, output))
        lag_ms = -np.angle(after / before) / (2.0 * np.pi * 2.0) * 1000.0
        assert lag_ms == pytest.approx(live.grid.lag / rate_hz * 1000.0 + late_ms, abs=0.2)


def hz_at(sound: np.ndarray, rate_hz: int) -> np.ndarray:
    """Frequency at each sample of the partial between 120 and 360 Hz."""
    partial = signal.fftconvolve(
        sound, signal.firwin(1001, [120.0, 360.0], fs=rate_hz, pass_zero=False), "same"
    )
    return np.gradient(np.unwrap(np.angle(signal.hilbert(partial)))) * rate_hz / (2.0 * np.pi)


# -- joins


def test_no_join_clicks(singing: VoiceModel) -> None:
    """No 5 ms exceed the median by more than -50 dBFS, above 2 kHz without the tone, with all
    blocks overlaid."""
    rate_hz = 48_000
    live = live_voice(singing, rate_hz=rate_hz, settings=VoiceSettings(pitch=3.3))
    sung = streamed(live, tone(210.0, rate_hz, 2.2))[5 * live.grid.block :]
    rest = signal.sosfilt(signal.butter(8, 2000.0, "highpass", fs=rate_hz, output="sos"), sung)
    power = np.square(rest[live.grid.block :]).reshape(-1, 20, 240).mean((0, 2))
    assert 10.0 * np.log10(power.max() - np.median(power)) < -50.0


def test_each_setting_has_an_effect(random: VoiceModel) -> None:
    sound = spoken(16_000, 0.2)
    plain = streamed(live_voice(random, block_ms=200, settings=AS_THE_MODEL), sound)
    again = streamed(live_voice(random, block_ms=200, settings=AS_THE_MODEL), sound)
    assert np.array_equal(plain, again)  # the noise is the same in each stream
    for change in (
        {"pitch": 5.0},
        {"formant": 0.5},
        {"index_rate": 1.0},
        {"index_rate": 1.0, "retrieval_power": 1},
        {"rms_mix": 0.5},
        {"speaker": 1},
        {"is_autotuned": True},
        {"threshold_db": -10.0},
    ):
        changed = streamed(
            live_voice(random, block_ms=200, settings=replace(AS_THE_MODEL, **change)), sound
        )
        assert level_db(changed - plain) > level_db(plain) - 40.0, change


# -- what no sample may do


def test_silence_stays_silence_and_leaves_nothing_behind(singing: VoiceModel) -> None:
    live = live_voice(singing)
    assert level_db(streamed(live, np.zeros(8000, np.float32))) < -60.0
    assert level_db(streamed(live, tone(200.0, 16_000, 0.5), first_sample=8000)[4800:]) > -15.0


def test_nan_becomes_silence_and_loud_samples_are_clipped(singing: VoiceModel) -> None:
    live = live_voice(singing)
    source = tone(200.0, 16_000, 0.8)
    spoilt = source.copy()
    spoilt[3200:3210] = np.nan
    spoilt[4000], spoilt[4001], spoilt[4002] = np.inf, -np.inf, 1e30
    sound = streamed(live, spoilt)
    assert np.isfinite(sound).all()
    assert np.abs(sound).max() <= 1.0
    assert (live.invalid_samples, live.invalid_blocks) == (13, 0)
    assert level_db(without_sine(sound[-4800:], 200.0, 16_000)) < -30.0
    for block in (
        np.full(1600, np.nan, np.float32),
        100.0 * source[:1600],
        np.ones(1600, np.float32),
    ):
        assert np.abs(live.convert(block, first_sample=0)).max() <= 1.0


def test_nan_from_the_model_is_silent_and_the_stream_continues(singing_voice: Path) -> None:
    model = loaded(singing_voice)
    live = live_voice(model)
    sound = tone(200.0, 16_000, 1.1)
    streamed(live, sound[:4800])
    weight = model.synthesizer.dec.conv_post.weight
    original_weight = weight.clone()
    weight.fill_(torch.nan)
    spoilt = streamed(live, sound[4800:8000], first_sample=4800)
    assert np.isfinite(spoilt).all()
    assert not spoilt[-800:].any()
    assert live.invalid_blocks == 2
    weight.copy_(original_weight)
    sung = streamed(live, sound[8000:], first_sample=8000)
    assert live.invalid_blocks == 2
    assert level_db(without_sine(sung[4800:], 200.0, 16_000)) < -30.0


def test_a_gap_restarts_the_stream(singing: VoiceModel) -> None:
    sound = tone(200.0, 16_000, 0.5)
    expected = streamed(live_voice(singing), sound)
    live = live_voice(singing)
    streamed(live, tone(300.0, 16_000, 0.2))
    sung = streamed(live, sound, first_sample=1_600_000)
    # Different noise, 30 dB below the tone; the same fade from silence.
    assert level_db(sung[:400]) < -25.0
    assert level_db(sung - expected) < level_db(expected) - 20.0


def test_a_model_without_pitch_works(tiny_models: TinyModels) -> None:
    live = live_voice(loaded(tiny_models.voice(has_pitch=False)))
    live.settings = VoiceSettings(formant=1.0)
    assert level_db(streamed(live, spoken(16_000, 0.6))[-3200:]) > -60.0


# -- how it is run


def test_skipped_blocks_are_in_the_window_as_if_they_had_been_converted(random: VoiceModel) -> None:
    converting, listening = live_voice(random), live_voice(random)
    blocks = tone(220.0, 16_000, 0.4).reshape(4, -1)
    for number, block in enumerate(blocks):
        converting.convert(block, first_sample=number * 1600)
        listening.listen(block, first_sample=number * 1600)
    assert torch.equal(listening._input.sound, converting._input.sound)
    assert torch.equal(listening._pitch.values, converting._pitch.values)
    output = listening.convert(blocks[0], first_sample=4 * 1600)
    assert np.abs(output[:8]).max() < 0.01 < np.abs(output[800:]).max(), "it fades in"


@pytest.mark.soak
def test_settings_may_change_with_every_block_and_memory_does_not_grow(random: VoiceModel) -> None:
    """Tensors and their bytes are the same after 16 blocks as after all: 24, or 5000 in the long
    form."""
    live = live_voice(random, block_ms=20, crossfade_ms=10, extra_ms=50)
    block = np.resize(spoken(16_000, 1.0), 320)
    seen = []
    for number in range(5000 if IS_SOAK else 24):
        live.settings = VoiceSettings(
            pitch=24.0 - 6.0 * (number % 8),
            is_autotuned=number % 2 == 0,
            formant=(number % 4) - 2.0,
            index_rate=(number % 8) / 7.0,
            retrieval_power=1 + number % 2,
            protect=(number % 8) / 14.0,
            rms_mix=1.0 - (number % 8) / 7.0,
            threshold_db=-60.0 + number % 8,
            speaker=number % 2,
        )
        sound = live.convert(block, first_sample=320 * number)
        assert sound.shape == (320,) and sound.dtype == np.float32 and np.isfinite(sound).all()
        assert number == 0 or 0.001 < sound.std() < 0.6
        if number % 8 == 7:
            seen.append(count_tensors())
    assert live.invalid_blocks == 0 and set(seen[1:]) == {seen[1]}


def count_tensors() -> tuple[int, int]:
    """Number and total bytes of all tensors; sparse ones belong to other tests."""
    gc.collect()
    tensors = [
        each
        for each in gc.get_objects()
        if type(each) is torch.Tensor and each.layout == torch.strided
    ]
    return len(tensors), sum(each.nbytes for each in tensors)
