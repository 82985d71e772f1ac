"""Errors of the painter are explained to the user who can fix them."""

from pathlib import Path

from engine.jobs.video.live.painting_threads import LivePainter
from engine.models.sd.painting import Painting
from engine.models.sd.spec import ModelSpec
from tests.jobs.video.live.client import card


def small_painting(tiny_sd: Path) -> Painting:
    return Painting(spec=ModelSpec(model=str(tiny_sd)), steps=1, strength=1.0, cfg=1.0)


def test_the_cache_keeps_at_most_the_given_number_of_sizes(tiny_sd: Path) -> None:
    painting = small_painting(tiny_sd)
    painter = LivePainter(painting, device="cpu", dtype="auto", threads=1, most_sizes=2)
    for side in (64, 72, 80, 64):
        assert painter.paint(card(), painting, (side, 64))[0].shape == (64, side, 3)
    assert list(painter._painters) == [(80, 64), (64, 64)]
