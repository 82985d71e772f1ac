"""Conversion of whole sounds, with known results: the singing voice makes a sine at the pitch it gets."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from engine.errors import ModelError
from engine.models.rvc import VoiceSettings, VoiceSpec
from engine.models.rvc.cutting import Cutting, Piece, piece_of, spans_of
from engine.models.rvc.optimization import OptimizationConfig

RATE_HZ, OUT_HZ = 16_000, 40_000
WHOLE = Cutting(pad_s=0.25, query_s=6, center_s=38, max_s=41)
SHORT = Cutting(pad_s=0.15, query_s=0.15, center_s=0.5, max_s=0.6)
Convert = Callable[..., Any]


@pytest.fixture(scope="module")
def load(tiny_models: Any) -> Callable[..., Any]:
    """`load(kind=..., has_pitch=...)` loads the tiny voice with pitch by YIN, with an index only for `index=True`."""
    models: dict[Any, Any] = {}

    def model(*, index: bool = False, **options: Any) -> Any:
        from engine.models.rvc.load import load

        key = (index, *sorted(options.items()))
        if key not in models:
            folder: Path = tiny_models.voice(**options)
            spec = VoiceSpec(
                model=str(folder / "voice.pth"),
                index=str(folder / "voice.index") if index else "",
                content=str(folder / "content"),
                pitch="yin",
            )
            models[key] = load(spec, "cpu", "float32")
        return models[key]

    return model


@pytest.fixture(scope="module")
def converter(load: Callable[..., Any]) -> Convert:
    """`converter(cutting=..., batch_size=..., model=..., **settings)`; the singing voice is the default."""

    def make(*, cutting: Cutting = WHOLE, batch_size: int = 1, model: Any = None, **settings: Any) -> Any:
        from engine.models.rvc.offline import VoiceConverter

        options = OptimizationConfig.resolve("cpu", {}, batch_size=batch_size)
        return VoiceConverter(model or load(kind="singing"), VoiceSettings(**settings), options, cutting=cutting)

    return make


def tone(seconds: float, hz: float = 220.0, *, silent_s: float = 0.0) -> np.ndarray:
    """A sine with silence before and after it."""
    count = round(seconds * RATE_HZ)
    sound = 0.3 * np.sin(2 * np.pi * hz * np.arange(count) / RATE_HZ)
    return np.pad(sound, round(silent_s * RATE_HZ)).astype(np.float32)


def cut(sound: np.ndarray) -> list[Piece]:
    def read(first: int, count: int) -> np.ndarray:
        return sound[first : first + count]

    return [piece_of(span, read, len(sound)) for span in spans_of(read, len(sound), SHORT)]


def loudest_hz(sound: np.ndarray) -> float:
    spectrum = np.abs(np.fft.rfft(sound * np.hanning(len(sound)), 2**18))
    return float(np.argmax(spectrum)) * OUT_HZ / 2**18


def level_at(sound: np.ndarray, hz: float) -> np.ndarray:
    """Level of `sound` at `hz`, over 20 ms around each sample."""
    turned = sound * np.exp(-2j * np.pi * hz * np.arange(len(sound)) / OUT_HZ)
    return np.abs(np.convolve(turned, np.ones(800) / 800, "same"))


@pytest.mark.parametrize(
    ("settings", "hz"),
    [
        ({"pitch": 12}, 440.0),
        ({"formant": 2.0, "pitch": 7}, 220.0 * 2.0 ** (7 / 12)),
        ({"formant": -2.0, "pitch": -5}, 220.0 * 2.0 ** (-5 / 12)),
        ({"is_autotuned": True}, 220.0),
    ],
)
def test_a_tone_has_the_set_pitch_and_keeps_its_start_and_end(
    converter: Convert, settings: dict[str, Any], hz: float
) -> None:
    given = 226.0 if "is_autotuned" in settings else 220.0
    made = converter(**settings).convert_sound(tone(0.8, given, silent_s=0.3))
    assert len(made) == round(1.4 * OUT_HZ)
    assert loudest_hz(made[OUT_HZ // 2 : -OUT_HZ // 2]) == pytest.approx(hz, rel=0.003)
    level = level_at(made, hz)
    heard = np.flatnonzero(level > 0.5 * np.median(level[OUT_HZ // 2 : -OUT_HZ // 2]))
    assert [heard[0] / OUT_HZ, heard[-1] / OUT_HZ] == pytest.approx([0.3, 1.1], abs=0.03)  # a window of YIN


def test_joins_of_pieces_do_not_click(converter: Convert) -> None:
    sound = tone(1.5)
    whole = converter(pitch=12).convert_sound(sound)
    pieces = converter(pitch=12, cutting=SHORT).convert_sound(sound)
    assert len(pieces) == len(whole)
    inside = slice(OUT_HZ // 4, -OUT_HZ // 4)
    # A click is steep: the second difference of a whole tone is never much above that of its noise.
    steepest = [np.abs(np.diff(each[inside], 2)).max() for each in (whole, pieces)]
    assert steepest[1] < 1.2 * steepest[0]
    assert len(cut(sound)) > 2, "nothing was cut"


def test_the_result_of_a_piece_depends_on_no_other(converter: Convert) -> None:
    sound = tone(1.0, silent_s=0.15)
    alone = converter(cutting=SHORT).convert_sound(sound)
    together = converter(cutting=SHORT, batch_size=4).convert_sound(sound)
    np.testing.assert_allclose(together, alone, atol=1e-4)  # the pitch rounds a little otherwise

    pieces = cut(sound)
    assert len({piece.span.size for piece in pieces}) > 1
    in_order = converter(cutting=SHORT).convert(pieces)
    backwards = converter(cutting=SHORT, batch_size=4).convert(pieces[::-1])[::-1]
    for piece, one, other in zip(pieces, in_order, backwards, strict=True):
        assert one.shape == (piece.span.frames * 400,)
        np.testing.assert_allclose(one, other, atol=1e-4)


def test_two_places_of_a_sound_have_different_noise(converter: Convert) -> None:
    silence = np.zeros(24_000, np.float32)
    first, second = (part[:12_000] for part in converter(cutting=SHORT).convert(cut(silence))[:2])
    assert np.abs(np.corrcoef(first, second)[0, 1]) < 0.05


def test_decoding_part_of_a_window_equals_decoding_all_of_it(converter: Convert, load: Callable[..., Any]) -> None:
    import torch

    model = load(kind="random", has_pitch=False)
    sound = tone(0.5)
    (piece,) = cut(sound)
    span = piece.span
    (made,) = converter(model=model, cutting=SHORT).convert([piece])
    with torch.inference_mode():
        content = model.content(torch.from_numpy(piece.sound)[None], version="v2")
        phone = torch.cat((content, content[:, -1:]), 1).repeat_interleave(2, 1)
        latent = model.synthesizer.encode(phone, None)[0]
        generator = torch.Generator().manual_seed(1)  # the piece at frame 0
        noise = torch.randn(latent.shape[1:], generator=generator)[None]
        whole = model.synthesizer.infer(phone, None, None, torch.tensor([0]), noise=noise)[0, 0].numpy()
    np.testing.assert_allclose(made, whole[span.lead * 400 : (span.lead + span.frames) * 400], atol=2e-5)


@pytest.mark.parametrize(
    "sound",
    [np.zeros(8000), np.ones(1), np.full(90, 0.5), 40.0 * tone(0.3), np.sign(tone(0.3))],
    ids=["silence", "one sample", "90 samples", "far too loud", "clipped"],
)
def test_any_sound_gives_equal_length_within_full_scale(converter: Convert, sound: np.ndarray) -> None:
    made = converter().convert_sound(sound.astype(np.float32))
    assert len(made) == len(sound) * OUT_HZ // RATE_HZ
    assert np.isfinite(made).all() and np.abs(made).max(initial=0) <= 0.9901


def test_input_below_the_threshold_becomes_silence(converter: Convert, load: Callable[..., Any]) -> None:
    soft, random = tone(0.6) * 0.01, load(kind="random")
    through = converter(model=random, threshold_db=-60, rms_mix=1).convert_sound(soft)
    shut = converter(model=random, threshold_db=-20, rms_mix=1).convert_sound(soft)
    assert not shut.any() and np.abs(through).max() > 1e-4


def test_the_index_has_the_set_influence_and_none_in_unvoiced_frames(
    converter: Convert, load: Callable[..., Any]
) -> None:
    model = load(kind="random", index=True)
    voiced, breath = tone(0.6), np.random.default_rng(0).normal(0, 0.05, 9600).astype(np.float32)

    def changed(sound: np.ndarray, **settings: Any) -> float:
        without = converter(model=model, index_rate=0).convert_sound(sound)
        return float(np.abs(converter(model=model, **settings).convert_sound(sound) - without).max())

    assert changed(voiced, index_rate=0.9) > 1.5 * changed(voiced, index_rate=0.1) > 0
    assert changed(breath, index_rate=0.9, protect=0.01) < 0.2 * changed(breath, index_rate=0.9, protect=0.5)


def test_the_rumble_is_filtered_alike_on_the_device_and_on_the_host(load: Callable[..., Any]) -> None:
    from engine.models.rvc.offline import VoiceConverter

    sound = tone(0.5, 30.0) + tone(0.5, 300.0)
    options = [OptimizationConfig.resolve("cpu", {}, gpu_filter=is_on) for is_on in (True, False)]
    filtered = [VoiceConverter(load(kind="singing"), VoiceSettings(), each).high_pass(sound) for each in options]
    np.testing.assert_allclose(filtered[0], filtered[1], atol=1e-5)
    assert np.abs(filtered[0][2000:-2000]).max() == pytest.approx(0.3, abs=0.02)


def test_a_speaker_that_the_model_lacks_is_named(converter: Convert) -> None:
    assert len(converter(speaker=1).convert_sound(tone(0.1))) == 4000
    with pytest.raises(ModelError, match="speaker 2: the model has 2, from 0 on"):
        converter(speaker=2)


def test_nan_from_the_model_is_an_error(converter: Convert, load: Callable[..., Any]) -> None:
    model = load(kind="random", has_pitch=False, seed=3)
    model.synthesizer.dec.conv_post.weight.fill_(float("nan"))
    with pytest.raises(ModelError, match="NaN or infinity; try --no-fp16"):
        converter(model=model).convert_sound(tone(0.1))


def test_every_stage_is_reported_on_request(load: Callable[..., Any]) -> None:
    from engine.models.rvc.offline import VoiceConverter

    options = OptimizationConfig.resolve("cpu", {}, profiling=True)
    converter = VoiceConverter(load(kind="random", index=True), VoiceSettings(), options)
    converter.convert_sound(tone(0.1))
    stages = [row.stage for row in converter.profiler.report()]
    assert stages == ["content", "retrieval", "pitch", "encode", "flow", "decode", "other"]
