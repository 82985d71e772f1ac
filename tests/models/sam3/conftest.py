"""One thread for torch, and the small models, loaded once for all files."""

import shutil
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
    """The small SAM3 with random weights."""
    return load(SegmentationSpec(model=str(small_sam3), resolution=SIDE), "cpu", "float32")


@pytest.fixture(scope="session")
def seeing(small_seeing_sam3: Path) -> SegmentationModel:
    return load(SegmentationSpec(model=str(small_seeing_sam3), resolution=SIDE), "cpu", "float32")


@pytest.fixture(scope="session")
def detector_alone(tiny_sam3: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of model_type sam3, with the weights of the whole model's detector."""
    from transformers import Sam3VideoModel

    folder = tmp_path_factory.mktemp("detector")
    Sam3VideoModel.from_pretrained(tiny_sam3).detector_model.save_pretrained(
        folder, save_original_format=False
    )
    for file in ("tokenizer.json", "vocab.json", "merges.txt"):
        shutil.copy(tiny_sam3 / file, folder)
    return folder
