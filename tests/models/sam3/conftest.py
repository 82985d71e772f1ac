"""One thread for torch, and the small models, loaded once for all files."""

from pathlib import Path

import pytest
import torch

from engine.models.sam3 import SegmentationSpec
from engine.models.sam3.load import load
from engine.models.sam3.model import SegmentationModel
from tests.models.sam3.small_sam3 import SIDE

torch.set_num_threads(1)


@pytest.fixture(scope="session")
def model(small_sam3: Path) -> SegmentationModel:
    """With random weights."""
    return load(SegmentationSpec(model=str(small_sam3), resolution=SIDE), "cpu", "float32")


@pytest.fixture(scope="session")
def seeing(small_seeing_sam3: Path) -> SegmentationModel:
    return load(SegmentationSpec(model=str(small_seeing_sam3), resolution=SIDE), "cpu", "float32")
