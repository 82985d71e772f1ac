"""Conversion of whole sounds, with known results: the singing voice makes a sine at the pitch it
gets."""

from typing import Any

import numpy as np
import pytest

from engine.errors import ModelError
from engine.models.rvc import VoiceSettings
from engine.models.rvc.cutting import CutLengths, Piece, cut_into_spans, read_piece
from engine.models.rvc.model import VoiceModel
from engine.models.rvc.offline import VoiceConverter
from engine.models.rvc.optimization import OptimizationConfig
from tests.conftest import TinyModels
from tests.models.rvc.streaming import level_db, loaded, loudest_hz

RATE_HZ, OUT_HZ = 16_000, 40_000
WHOLE = CutLengths(pad_s=0.25, query_s=6, center_s=38, max_s=41)
SHORT = CutLengths(pad_s=0.15, query_s=0.15, center_s=0.5, max_s=0.6)


def converter(
    model: VoiceModel,
    *,
    cutting: CutLengths = WHOLE,
    options: dict[str, Any] | None = None,
    **settings: Any,
) -> VoiceConverter:
    config = OptimizationConfig.resolve("cpu", {}, **(options or {}))
    return VoiceConverter(model, VoiceSettings(**settings), config, cutting=cutting)


def tone(seconds: float, hz: float = 220.0, *, silent_s: float = 0.0) -> np.ndarray:
    """A sine with silence before and after it."""
    sound = 0.3 * np.sin(2 * np.pi * hz * np.arange(round(seconds * RATE_HZ)) / RATE_HZ)
    return np.pad(sound, round(silent_s * RATE_HZ)).astype(np.float32)


def cut(sound: np.ndarray) -> list[Piece]:
    def read(first: int, count: int) -> np.ndarray:
        return sound[first : first + count]

    return [read_piece(span, read, len(sound)) for span in cut_into_spans(read, len(sound), SHORT)]


def level_at(sound: np.ndarray, hz: float) -> np.ndarray:
    """Level of `sound` at `hz`, over 20 ms around each sample."""
    turned = sound * np.exp(-2j * np.pi * hz * np.arange(len(sound)) / OUT_HZ)
    return np.abs(np.convolve(turned, np.ones(800) / 800, "same"))


@pytest.mark.parametrize(
    ("tone_hz", "settings", "hz"),
    [
        (226.0, {"is_autotuned": True, "pitch": 12}, 440.0),
        (220.0, {"formant": 2.0, "pitch": 7}, 220.0 * 2.0 ** (7 / 12)),
        (220.0, {"formant": -2.0, "pitch": -5}, 220.0 * 2.0 ** (-5 / 12)),
    ],
)
def test_a_tone_has_the_set_pitch_and_keeps_its_start_and_end(
    singing: VoiceModel, tone_hz: float, settings: dict[str, Any], hz: float
) -> None:
    converted = converter(singing, **settings).convert_sound(tone(0.8, tone_hz, silent_s=0.3))
    assert len(converted) == round(1.4 * OUT_HZ)
    middle = slice(OUT_HZ // 2, -OUT_HZ // 2)
    assert loudest_hz(converted[middle], OUT_HZ) == pytest.approx(hz, rel=0.003)
    level = level_at(converted, hz)
    audible = np.flatnonzero(level > 0.5 * np.median(level[middle]))
    # a window of YIN
    assert [audible[0] / OUT_HZ, audible[-1] / OUT_HZ] == pytest.approx([0.3, 1.1], abs=0.03)


def test_the_loudness_is_that_of_the_input_or_of_the_model(singing: VoiceModel) -> None:
    soft = tone(0.6) * 0.1
    own, voices = (
        converter(singing, rms_mix=mix).convert_sound(soft)[4_000:20_000] for mix in (1.0, 0.0)
    )
    assert level_db(own) == pytest.approx(20.0 * np.log10(0.27), abs=0.6)  # 0.38 of a sine
    assert level_db(voices) == pytest.approx(20.0 * np.log10(0.03 / 2**0.5), abs=0.4)


def test_joins_of_pieces_do_not_click(singing: VoiceModel) -> None:
    sound = tone(1.5)
    whole, pieces = (
        converter(singing, pitch=12, cutting=how).convert_sound(sound) for how in (WHOLE, SHORT)
    )
    assert len(pieces) == len(whole) and len(cut(sound)) > 2
    inside = slice(OUT_HZ // 4, -OUT_HZ // 4)
    # A click is steep: the second difference of a whole tone is never much above that of its noise.
    steepest = [np.abs(np.diff(each[inside], 2)).max() for each in (whole, pieces)]
    assert steepest[1] < 1.2 * steepest[0]


def test_the_result_of_a_piece_depends_on_no_other(singing: VoiceModel) -> None:
    pieces = cut(tone(1.0, silent_s=0.15))
    assert len({piece.span.size for piece in pieces}) > 1
    alone, together = (
        converter(singing, cutting=SHORT, options={"batch_size": size}) for size in (1, 4)
    )
    backwards = together.convert(pieces[::-1])[::-1]
    for piece, one, other in zip(pieces, alone.convert(pieces), backwards, strict=True):
        assert one.shape == (piece.span.frames * 400,)
        np.testing.assert_allclose(one, other, atol=1e-4)  # the pitch rounds a little otherwise


def test_nan_from_the_model_is_an_error_with_a_remedy(tiny_models: TinyModels) -> None:
    model = loaded(tiny_models.voice(has_pitch=False))
    model.synthesizer.dec.conv_post.weight.fill_(float("nan"))
    with pytest.raises(ModelError, match="NaN or infinity; try --dtype float32"):
        converter(model).convert_sound(tone(0.1))


@pytest.mark.parametrize(
    "sound",
    [np.zeros(8000), np.ones(1), np.full(90, 0.5), 40.0 * tone(0.3), np.sign(tone(0.3))],
    ids=["silence", "one sample", "90 samples", "far too loud", "clipped"],
)
def test_any_sound_gives_equal_length_within_full_scale(
    singing: VoiceModel, sound: np.ndarray
) -> None:
    converted = converter(singing).convert_sound(sound.astype(np.float32))
    assert len(converted) == len(sound) * OUT_HZ // RATE_HZ
    assert np.isfinite(converted).all() and np.abs(converted).max(initial=0) <= 0.9901


def test_input_below_the_threshold_becomes_silence(random: VoiceModel) -> None:
    soft = tone(0.6) * 0.01
    through, shut = (
        converter(random, threshold_db=db, rms_mix=1).convert_sound(soft) for db in (-60, -20)
    )
    assert not shut.any() and np.abs(through).max() > 1e-4


def test_the_index_has_the_set_influence_and_none_in_unvoiced_frames(random: VoiceModel) -> None:
    voiced, breath = tone(0.6), np.random.default_rng(0).normal(0, 0.05, 9600).astype(np.float32)

    def changed(sound: np.ndarray, **settings: Any) -> float:
        without = converter(random, index_rate=0).convert_sound(sound)
        return float(np.abs(converter(random, **settings).convert_sound(sound) - without).max())

    assert changed(voiced, index_rate=0.9) > 1.5 * changed(voiced, index_rate=0.1) > 0
    assert changed(breath, index_rate=0.9, protect=0.01) < 0.2 * changed(
        breath, index_rate=0.9, protect=0.5
    )


def test_the_rumble_is_filtered_alike_on_the_device_and_on_the_host(singing: VoiceModel) -> None:
    sound = tone(0.5, 30.0) + tone(0.5, 300.0)
    filtered = [
        converter(singing, options={"gpu_filter": is_on}).high_pass(sound)
        for is_on in (True, False)
    ]
    np.testing.assert_allclose(filtered[0], filtered[1], atol=1e-5)
    assert np.abs(filtered[0][2000:-2000]).max() == pytest.approx(0.3, abs=0.02)


def test_a_speaker_that_the_model_lacks_is_named(singing: VoiceModel) -> None:
    assert len(converter(singing, speaker=1).convert_sound(tone(0.1))) == 4000
    with pytest.raises(ModelError, match="speaker 2: the model has 2, from 0 on"):
        converter(singing, speaker=2)


def test_every_stage_is_reported_on_request(random: VoiceModel) -> None:
    profiled = converter(random, options={"profiling": True})
    profiled.convert_sound(tone(0.1))
    stage_names = [row.stage for row in profiled.profiler.report()]
    assert stage_names == ["content", "retrieval", "pitch", "encode", "flow", "decode", "other"]
