"""A voice on a Mac whose GPU refuses long convolutions.

MPS before macOS 15.1: "Output channels > 65536 not supported at the MPS device", for any dimension
of the result and for the input of a transposed convolution (torch's
aten/src/ATen/native/mps/operations/Convolution.mm; the text is in libtorch_cpu.dylib of the 2.13
wheel). PYTORCH_ENABLE_MPS_FALLBACK does not help, as the operation exists. Known as RVC WebUI's
issue 2393 and rvc-python's 34. Here the CPU rejects what MPS would.
"""

import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode

from engine.models import device_work
from engine.models.rvc import VoiceSettings, VoiceSpec
from engine.models.rvc.cutting import FULL, SHORT, cut_into_spans
from engine.models.rvc.load import load
from engine.models.rvc.offline import VoiceConverter, cutting_for
from engine.models.rvc.optimization import OptimizationConfig
from engine.models.rvc.pitch.yin import Yin
from tests.conftest import TinyModels

LIMIT = device_work.MAX_CONV_LENGTH["mps"]
CPU = torch.device("cpu")


class Refusing(TorchDispatchMode):
    """Rejects the same calls as Convolution.mm."""

    longest = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        result = func(*args, **(kwargs or {}))
        if "conv" in str(func):  # in inference mode conv2d and conv_transpose2d arrive undecomposed
            self.longest = max(
                self.longest, *(args[0] if "transpose" in str(func) else result).shape
            )
            if self.longest > LIMIT:
                raise NotImplementedError(
                    "Output channels > 65536 not supported at the MPS device."
                )
        return result


@pytest.fixture
def limited(monkeypatch: pytest.MonkeyPatch) -> None:
    torch.set_num_threads(1)
    monkeypatch.setitem(device_work.MAX_CONV_LENGTH, "cpu", LIMIT)


def test_a_long_sound_is_converted_in_pieces_short_enough_for_mps(
    tiny_models: TinyModels, limited: None
) -> None:
    folder: Path = tiny_models.voice(kind="singing")
    files = {"model": "voice.pth", "content": "content"}
    model = load(
        VoiceSpec(**{name: str(folder / file) for name, file in files.items()}, pitch="yin"),
        "cpu",
        "float32",
    )
    converter = VoiceConverter(model, VoiceSettings(), OptimizationConfig.for_device("cpu"))
    seconds = 21  # in one piece too long for HuBERT and all other networks
    sound = 0.3 * np.sin(
        2.0 * np.pi * 220.0 * np.arange(seconds * 16_000) / 16_000, dtype=np.float32
    )
    with Refusing() as refusing:
        voice = converter.convert_sound(sound)
    assert len(voice) == seconds * model.rate_hz
    assert LIMIT * 0.7 < refusing.longest <= LIMIT
    assert np.argmax(
        np.abs(np.fft.rfft(voice * np.hanning(len(voice))))
    ) / seconds == pytest.approx(220.0, abs=0.5)


def test_no_window_of_the_short_plan_is_too_long_for_hubert(limited: None) -> None:
    """Its first convolution has width 10 and stride 5."""
    cutting = cutting_for(CPU, torch.float32)
    assert cutting is SHORT
    random = np.random.default_rng(0)
    for seconds in (15.9, 16.0, 16.1, 100.0):
        sound = random.standard_normal(round(seconds * 16_000)).astype(np.float32)
        spans = cut_into_spans(
            lambda first, count, sound=sound: sound[first : first + count], len(sound), cutting
        )
        assert max(span.size for span in spans) * 160 // 5 <= LIMIT
    assert 2 * cutting.query_s + cutting.center_s <= cutting.max_s
    assert (cutting.max_s + 2 * cutting.pad_s) * 17 / 16 * 16_000 / 5 <= LIMIT


def test_pitch_from_pieces_equals_pitch_from_the_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    torch.set_num_threads(1)
    sound = torch.randn(2, 8_000, generator=torch.Generator().manual_seed(0)).cumsum(1)
    tracker = Yin(CPU)
    whole = tracker._low_passed(sound)
    for most in (777, 4_000, 7_999, 8_000):
        monkeypatch.setitem(device_work.MAX_CONV_LENGTH, "cpu", most)
        torch.testing.assert_close(tracker._low_passed(sound), whole)


@pytest.mark.parametrize(("is_newer", "expected"), [(True, sys.maxsize), (False, LIMIT)])
def test_a_mac_without_the_limit_gets_no_pieces(
    monkeypatch: pytest.MonkeyPatch, is_newer: bool, expected: int
) -> None:
    versions = []
    monkeypatch.setattr(
        "torch.backends.mps.is_macos_or_newer",
        lambda *version: versions.append(version) or is_newer,
    )
    assert device_work.max_conv_length(torch.device("mps")) == expected and versions == [(15, 1)]
    assert (
        device_work.max_conv_length(CPU)
        == device_work.max_conv_length(torch.device("cuda:1"))
        == sys.maxsize
    )
    assert cutting_for(CPU, torch.float32) is FULL
