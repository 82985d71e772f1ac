"""A stream that skips the conversion of some blocks has the same state as one that converts them."""

from pathlib import Path

import numpy as np
import pytest
import torch

from engine.models.rvc import VoiceSpec
from engine.models.rvc.load import load
from engine.models.rvc.stream import LiveVoice

RATE_HZ = 16_000
BLOCKS = 6


@pytest.fixture
def two(tiny_voice: Path) -> tuple[LiveVoice, LiveVoice]:
    model = load(
        VoiceSpec(model=str(tiny_voice / "voice.pth"), content=str(tiny_voice / "content"), pitch="yin"),
        "cpu",
        "float32",
    )
    one, other = (LiveVoice(model, rate_hz=RATE_HZ, block_ms=100, crossfade_ms=20, extra_ms=300) for _ in range(2))
    return one, other


def test_skipped_blocks_are_in_the_window_as_if_they_had_been_converted(two: tuple[LiveVoice, LiveVoice]) -> None:
    converting, listening = two
    frames = converting.block_frames
    phase = 2 * np.pi * 220 * np.arange(BLOCKS * frames) / RATE_HZ
    blocks = (0.3 * np.sin(phase)).astype(np.float32).reshape(BLOCKS, frames)
    for number, block in enumerate(blocks):
        converting.convert(block, first_sample=number * frames)
        listening.listen(block, first_sample=number * frames)
    assert torch.equal(listening._input.sound, converting._input.sound)
    assert torch.equal(listening._pitch.values, converting._pitch.values)
    made = listening.convert(blocks[0], first_sample=BLOCKS * frames)
    assert np.abs(made[:8]).max() < 0.01 < np.abs(made[frames // 2 :]).max(), "it fades in"
