"""Our synthesizer against the one that RVC's voices were trained with, and the properties a stream
needs."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from engine.models.random_models import seeded
from engine.models.rvc import synthesizer as module
from engine.models.rvc.checkpoint import read_checkpoint
from engine.models.rvc.load import random_synthesizer
from engine.models.rvc.shapes import SHAPES, SynthesizerShape
from engine.models.rvc.synthesizer import Synthesizer
from tests.models.rvc import peers
from tests.support.long_form import in_long_form
from tests.support.tiny_voice import tiny_shape

BATCH = 2
FRAMES = 20
GAIN = 3.0  # of their upsampling, which they draw so that a sound fades
LOUDNESS = 0.3
PUBLISHED = [name for name in SHAPES if not name.startswith("tiny")]


def small(name: str, **changes: Any) -> SynthesizerShape:
    """A published shape with few channels."""
    version, rate = name.split("-")
    return tiny_shape(version, 1000 * int(rate.removesuffix("k")), **changes)


def random_voice(shape: SynthesizerShape, seed: int = 0) -> Synthesizer:
    return random_synthesizer(shape, seed).freeze_to("cpu", torch.float32)


def samples(
    shape: SynthesizerShape, frames: int = FRAMES, batch: int = BATCH
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Content, coarse pitch, pitch in Hz with some unvoiced frames, and speakers."""
    generator = torch.Generator().manual_seed(1)
    phone = torch.randn(batch, frames, shape.content_channels, generator=generator)
    pitch = torch.randint(1, 256, (batch, frames), generator=generator)
    f0 = 100.0 + 400.0 * torch.rand(batch, frames, generator=generator)
    f0[:, frames // 3 : frames // 2] = 0.0
    return phone, pitch, f0, torch.arange(batch) % shape.speakers


def theirs_and_ours(shape: SynthesizerShape, folder: Path) -> tuple[Any, Synthesizer]:
    """Both synthesizers with the same weights, scaled to the level of a voice; ours loaded from a
    file of theirs."""
    with seeded(0):
        theirs = peers.synthesizer(shape)
        for name, parameter in theirs.named_parameters():
            if name.endswith("weight_g"):  # no longer the length of weight_v
                parameter.mul_(torch.empty_like(parameter).uniform_(0.7, 1.4))
            elif name.startswith("flow") and ".post." in name:  # they are zeros before training
                parameter.normal_(0.0, 0.1)
        for up in theirs.dec.ups:
            up.weight_g.mul_(GAIN)
        loudness = []
        hook = theirs.dec.conv_post.register_forward_hook(
            lambda layer, inputs, output: loudness.append(output.std())
        )
        peers.infer(theirs, *samples(shape, frames=4, batch=1))
        hook.remove()
        theirs.dec.conv_post.weight.mul_(LOUDNESS / loudness[0])
    weights = {
        name: tensor for name, tensor in theirs.state_dict().items() if not name.startswith("enc_q")
    }
    file = folder / "theirs.pth"
    torch.save(
        {
            "weight": weights,
            "config": shape.config(),
            "version": shape.version,
            "f0": int(shape.has_pitch),
        },
        file,
    )
    return theirs, read_checkpoint(file)[0].freeze_to("cpu", torch.float32)


@torch.no_grad()
def both_infer(
    theirs: Any, ours: Synthesizer, frames: int = FRAMES, batch: int = BATCH
) -> tuple[Tensor, Tensor]:
    """The sound of both synthesizers, with the same noise."""
    phone, pitch, f0, speaker = samples(ours.shape, frames, batch)
    with seeded(2):
        expected = peers.infer(theirs, phone, pitch, f0, speaker)
    with seeded(2):
        noise = torch.randn(batch, ours.shape.latent, frames)
        if ours.shape.has_pitch:
            torch.rand(batch, 1)
        pitch, f0 = (pitch, f0) if ours.shape.has_pitch else (None, None)
        sound = peers.ours_whole(ours, phone, pitch, f0, speaker, noise)
    return expected, sound


@pytest.fixture
def need_peers(require: Callable[[object, str], None]) -> None:
    require(peers.is_installed(), "infer-rvc-python")


@pytest.mark.usefixtures("need_peers")
@pytest.mark.parametrize(
    ("name", "has_pitch"),
    [
        *((name, True) for name in PUBLISHED),
        ("v1-40k", False),
        ("v2-48k", False),
        *in_long_form(*((name, False) for name in PUBLISHED if name not in ("v1-40k", "v2-48k"))),
    ],
)
def test_the_sound_equals_that_of_rvc(name: str, has_pitch: bool, tmp_path: Path) -> None:
    """A batch of two speakers; the largest difference seen is 1.1e-6."""
    theirs, ours = theirs_and_ours(small(name, has_pitch=has_pitch), tmp_path)
    expected, sound = both_infer(theirs, ours)
    assert expected.shape == sound.shape == (BATCH, 1, FRAMES * ours.shape.hop)
    assert 0.1 < expected.std() < 0.5
    torch.testing.assert_close(sound, expected, rtol=0.0, atol=1e-4)


@pytest.mark.usefixtures("need_peers")
def test_a_voice_of_true_size_sounds_as_in_rvc(tmp_path: Path) -> None:
    theirs, ours = theirs_and_ours(SHAPES["v2-40k"], tmp_path)
    expected, sound = both_infer(theirs, ours, frames=4, batch=1)
    assert sum(parameter.numel() for parameter in ours.parameters()) == 27_514_690
    torch.testing.assert_close(sound, expected, rtol=0.0, atol=1e-4)


@pytest.mark.usefixtures("need_peers")
@torch.no_grad()
def test_attention_is_right_in_short_sounds_too(tmp_path: Path) -> None:
    """Lengths around the ten frames that relative positions cover."""
    theirs, ours = theirs_and_ours(small("v2-40k"), tmp_path)
    for frames in (1, 2, 10, 11, 12, 40):
        phone, pitch, _, _ = samples(ours.shape, frames)
        mean, log_sd, _ = theirs.enc_p(phone, pitch, torch.full((BATCH,), frames))
        for found, expected in zip(ours.encode(phone, pitch), (mean, log_sd), strict=True):
            torch.testing.assert_close(found, expected, rtol=0.0, atol=1e-5)


@pytest.mark.parametrize("has_pitch", [True, False], ids=["pitch", "no_pitch"])
@pytest.mark.parametrize(
    "frames", [range(39, 40), range(33, 40), range(11, 20), range(1), range(40), range(50)]
)
@torch.no_grad()
def test_frames_decoded_alone_equal_those_of_the_whole(
    frames: range, has_pitch: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The whole in pieces, too: three of 20, the last one with 10 of the one before."""
    for constant, value in (("PIECE_FRAMES", 40), ("MIN_PIECE_FRAMES", 15), ("LENGTH_STEP", 4)):
        monkeypatch.setattr(module, constant, value)
    synthesizer = random_voice(small("v2-48k", has_pitch=has_pitch))
    hop = synthesizer.shape.hop
    z = torch.randn(BATCH, synthesizer.shape.latent, 50)
    g = synthesizer.speaker(torch.tensor([0, 1]))
    source = synthesizer.source(torch.full((BATCH, 50), 200.0)) if has_pitch else None
    whole = synthesizer.dec(z, g, source)
    part = synthesizer.decode(z, g, source, frames)
    torch.testing.assert_close(
        part, whole[..., frames.start * hop : frames.stop * hop], rtol=0.0, atol=1e-6
    )
