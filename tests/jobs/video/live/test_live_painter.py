"""Errors of the painter are explained to the user who can fix them."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from engine.jobs.video.live.painting_threads import LivePainter
from engine.models.sd.batch_stages import BatchStages
from engine.models.sd.painting import Painting
from engine.models.sd.spec import ModelSpec
from tests.jobs.video.live.client import card


def fill_device() -> None:
    """The error of a device that is really full: of far more than there is."""
    torch.empty(1 << 60, dtype=torch.uint8)


def small_painting(tiny_sd: Path) -> Painting:
    return Painting(spec=ModelSpec(model=str(tiny_sd)), steps=1, strength=1.0, cfg=1.0)


def test_cached_painters_are_dropped_to_make_room(tiny_sd: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    painting = small_painting(tiny_sd)
    painter = LivePainter(painting, device="cpu", dtype="auto", threads=1)
    alone, _ = painter.paint(card(), painting, (64, 64))
    painter.paint(card(), painting, (128, 128))
    encode = BatchStages.encode

    def encode_where_empty(*about: Any) -> Any:
        if len(painter._painters) > 1:
            fill_device()
        return encode(*about)

    monkeypatch.setattr(BatchStages, "encode", encode_where_empty)
    painted, notes = painter.paint(card(), painting, (64, 64))
    assert np.array_equal(painted, alone)
    assert notes == []
    assert list(painter._painters) == [(64, 64)]
