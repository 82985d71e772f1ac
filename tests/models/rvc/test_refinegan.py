"""RefineGAN against a plain reading of its definition, and the properties that a stream needs of
it."""

import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from engine.models.rvc import synthesizer as module
from engine.models.rvc.load import random_synthesizer
from engine.models.rvc.model import VoiceModel
from engine.models.rvc.refinegan import AddNoise
from engine.models.rvc.shapes import SHAPES, SynthesizerShape
from engine.models.rvc.spec import VoiceSettings
from engine.models.rvc.synthesizer import Synthesizer
from tests.models.rvc.streaming import level_db, live_voice, loudest_hz, streamed, tone
from tests.support.long_form import in_long_form
from tests.support.tiny_voice import tiny_shape

PUBLISHED = ("v2-32k", *in_long_form("v2-40k", "v2-48k"))


def small(name: str) -> SynthesizerShape:
    return tiny_shape("v2", SHAPES[name].rate_hz, vocoder="RefineGAN")


def random_voice(shape: SynthesizerShape, roughness: float = 0.0) -> Synthesizer:
    """A random synthesizer at the level of a voice; `roughness`: gain of the noise in each
    layer."""
    synthesizer = random_synthesizer(shape)
    for layer in synthesizer.modules():
        if isinstance(layer, AddNoise):
            layer.weight.data.fill_(roughness)
    synthesizer.dec.conv_post.weight.data.mul_(20.0)
    return synthesizer.freeze_to("cpu", torch.float32)


def defined(
    name: str, synthesizer: Synthesizer, z: Tensor, g: Tensor, f0: Tensor, noise: Tensor
) -> Tensor:
    """The sound by RefineGAN's definition, (1, 1, T hop), without roughness: Applio's layers, by
    torch's own."""
    shape, weights = synthesizer.shape, synthesizer.dec.state_dict()

    def convolved(x: Tensor, layer: str, dilation: int = 1) -> Tensor:
        weight = weights[f"{layer}.weight"]
        edge = dilation * (weight.shape[2] - 1) // 2
        return F.conv1d(x, weight, weights.get(f"{layer}.bias"), padding=edge, dilation=dilation)

    hz = F.interpolate(f0[:, None], size=f0.shape[1] * shape.hop, mode="linear")
    sine = torch.sin(2.0 * math.pi * (hz.double() / shape.rate_hz).cumsum(2)).float()
    is_voiced = (hz > 0.0).float()
    source = 0.1 * is_voiced * sine + (is_voiced * 0.003 + (1.0 - is_voiced) * 0.1 / 3.0) * noise
    x = convolved((source * weights["m_source.merge.0.weight"]).tanh(), "pre_conv")
    levels = []
    for number, rate in enumerate(reversed(shape.upsample_rates)):
        x = F.leaky_relu(x, 0.2)
        levels.append(x)
        every = torch.from_numpy(_resampled(x.double().numpy(), rate)).float()
        x = convolved(every, f"downsample_blocks.{number}")
    speaker = F.conv1d(g, weights["cond.weight"], weights["cond.bias"])
    x = torch.cat((convolved(z, "mel_conv") + speaker, x), 1)
    for index, (rate, level) in enumerate(zip(shape.upsample_rates, reversed(levels), strict=True)):
        x = F.interpolate(F.leaky_relu(x, 0.2), scale_factor=float(rate), mode="linear")
        x = convolved(torch.cat((x, level), 1), f"upsample_conv_blocks.{index}.input_conv")
        ways = []
        for way in range(3):
            y, block = F.leaky_relu(x, 0.2), f"upsample_conv_blocks.{index}.blocks.{way}.1"
            for number, dilation in enumerate((1, 3, 5)):
                inner = convolved(F.leaky_relu(y, 0.2), f"{block}.convs1.{number}", dilation)
                y = y + convolved(F.leaky_relu(inner, 0.2), f"{block}.convs2.{number}")
            ways.append(F.leaky_relu(y, 0.2))
        x = torch.stack(ways).mean(0)
    return convolved(F.leaky_relu(x, 0.2), "conv_post").tanh()


def _resampled(x: np.ndarray, rate: int) -> np.ndarray:
    """Every `rate`-th sample of (1, C, n): a sinc of 64 zeros in NumPy's Kaiser window, summed
    sample by sample."""
    cutoff, zeros, beta = 0.9475937167399596, 64, 14.769656459379492
    reach = math.ceil(zeros * rate / cutoff)
    resampled = np.zeros((*x.shape[:2], x.shape[2] // rate))
    for k in range(resampled.shape[2]):
        near = np.arange(max(0, k * rate - reach), min(x.shape[2], k * rate + reach + rate))
        t = np.clip((near - k * rate) * cutoff / rate, -zeros, zeros)
        window = np.i0(beta * np.sqrt(1.0 - (t / zeros) ** 2)) / np.i0(beta)
        resampled[:, :, k] = x[:, :, near] @ (np.sinc(t) * window * cutoff / rate)
    return resampled


@pytest.mark.parametrize("name", PUBLISHED)
@torch.no_grad()
def test_the_sound_is_as_defined(name: str) -> None:
    voice, frames = random_voice(small(name)), 12
    generator = torch.Generator().manual_seed(1)
    z = torch.randn(1, voice.shape.latent, frames, generator=generator)
    noise = torch.randn(1, 1, frames * voice.shape.hop, generator=generator)
    f0 = 100.0 + 300.0 * torch.rand(1, frames, generator=generator)
    f0[:, 4:6] = 0.0
    g = voice.speaker(torch.tensor([1]))
    sound, expected = (
        voice.dec(z, g, voice.source(f0, noise=noise)),
        defined(name, voice, z, g, f0, noise),
    )
    assert sound.shape == (1, 1, frames * voice.shape.hop) and expected.std() > 0.02
    torch.testing.assert_close(sound, expected, rtol=0.0, atol=1e-4)


@pytest.mark.parametrize("frames", [range(119, 120), range(33, 40), range(120)])
@torch.no_grad()
def test_frames_decoded_alone_equal_those_of_the_whole(
    frames: range, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With the same noise in all layers; the whole in pieces, too."""
    for constant, value in (("PIECE_FRAMES", 80), ("MIN_PIECE_FRAMES", 30), ("LENGTH_STEP", 4)):
        monkeypatch.setattr(module, constant, value)
    synthesizer = random_voice(small("v2-32k"), roughness=0.3)
    hop, count = synthesizer.shape.hop, 120
    z, g = (
        torch.randn(2, synthesizer.shape.latent, count),
        synthesizer.speaker(torch.tensor([0, 1])),
    )
    source = synthesizer.source(torch.full((2, count), 200.0))
    whole = synthesizer.dec(z, g, source)
    part = synthesizer.decode(z, g, source, frames)
    begin = 8 if frames.start == 0 else 0  # the noise at the start of a sound is taken from its end
    expected = whole[..., (frames.start + begin) * hop : frames.stop * hop]
    torch.testing.assert_close(part[..., begin * hop :], expected, rtol=0.0, atol=1e-5)


@pytest.mark.parametrize(
    ("rate_hz", "settings", "hz"),
    [
        *in_long_form(
            (48_000, VoiceSettings(pitch=12.0), 440.0), (48_000, VoiceSettings(formant=2.0), 220.0)
        ),
        (22_050, VoiceSettings(formant=-2.0, pitch=-12.0), 110.0),
    ],
)
def test_a_tone_in_is_a_tone_out(
    refined: VoiceModel, rate_hz: int, settings: VoiceSettings, hz: float
) -> None:
    """Within 5 cents and at the level of the input, without a dent at the joins of blocks."""
    sound = tone(220.0, rate_hz, 1.5)
    sung = streamed(live_voice(refined, rate_hz=rate_hz, block_ms=180, settings=settings), sound)[
        -round(0.6 * rate_hz) :
    ]
    assert abs(1200.0 * np.log2(loudest_hz(sung, rate_hz) / hz)) < 5.0
    assert level_db(sung) == pytest.approx(level_db(sound), abs=0.5)
    parts = [level_db(part) for part in np.array_split(sung, 20)]
    assert max(parts) - min(parts) < 1.0


def test_a_voice_of_true_size_has_the_published_layout(tmp_path: Path) -> None:
    """Names, sides and number of a published voice's decoder (Applio 3.6, v2 at 48 kHz)."""
    with torch.device("meta"):
        synthesizer = Synthesizer(replace(SHAPES["v2-48k"], vocoder="RefineGAN"))
    sides = {name: tuple(each.shape) for name, each in synthesizer.dec.state_dict().items()}
    assert sides["m_source.merge.0.weight"] == (1, 1)
    assert sides["pre_conv.weight"] == (16, 1, 7)
    assert sides["downsample_blocks.3.weight"] == (256, 128, 7)
    assert sides["mel_conv.weight"] == (256, 192, 7)
    assert sides["upsample_conv_blocks.0.input_conv.weight"] == (256, 640, 7)
    assert sides["upsample_conv_blocks.3.blocks.2.0.weight"] == (32,)
    assert sides["upsample_conv_blocks.3.blocks.2.1.convs2.2.weight"] == (32, 32, 11)
    assert sides["conv_post.weight"] == (1, 32, 7)
