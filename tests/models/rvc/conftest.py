"""One thread for torch, and the tiny voices, loaded once for all files."""

from pathlib import Path

import pytest
import torch

from engine.models.rvc.model import VoiceModel
from tests.conftest import TinyModels
from tests.models.rvc.streaming import loaded

torch.set_num_threads(1)


@pytest.fixture(scope="session")
def random(tiny_voice: Path) -> VoiceModel:
    """A tiny voice with random weights and an index."""
    return loaded(tiny_voice, index=True)


@pytest.fixture(scope="session")
def singing(singing_voice: Path) -> VoiceModel:
    return loaded(singing_voice)


@pytest.fixture(scope="session")
def refined(tiny_models: TinyModels) -> VoiceModel:
    """A tiny voice that sings with RefineGAN."""
    return loaded(tiny_models.voice(kind="singing", vocoder="RefineGAN"))
