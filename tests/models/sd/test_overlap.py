"""Batches in overlapping stages, on fake streams: how many are in flight, in which order, and how they end."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import torch

from engine.models.sd import ModelSpec
from engine.models.sd.batch_painter import BatchPainter
from engine.models.sd.latent_painter import LatentPainter
from engine.models.sd.load import load
from engine.models.sd.overlap import IN_FLIGHT, paint_overlapped
from engine.models.sd.painting import GOOD, Painting
from engine.models.sd.stage_pieces import StagePieces
from tests.models.recorded_cuda import RecordedCuda

SIZE = (64, 64)
PAINTING = Painting(spec=ModelSpec(model="random:tiny"), prompt="a cat", steps=2, cfg=1.0, sampler="euler")
BATCHES = [np.random.default_rng(seed).integers(0, 256, (2, 64, 64, 3), np.uint8) for seed in range(7)]


@pytest.fixture(scope="module")
def painter() -> BatchPainter:
    return BatchPainter(load(PAINTING.spec, "cpu", "float32"), PAINTING, *SIZE)


@pytest.fixture(scope="module")
def expected(painter: BatchPainter) -> list[np.ndarray]:
    return [painter.paint(batch)[0] for batch in BATCHES]


@pytest.fixture
def pieces(painter: BatchPainter, monkeypatch: pytest.MonkeyPatch) -> StagePieces:
    """On a CPU that pretends to have streams and pinned memory."""
    RecordedCuda(monkeypatch)
    empty = torch.empty
    monkeypatch.setattr(torch, "empty", lambda *size, pin_memory=False, **options: empty(*size, **options))
    monkeypatch.setattr(torch.Tensor, "record_stream", lambda tensor, stream: None)
    latents = LatentPainter(painter.model, SIZE, read_picture=None, note=print, calls=None)
    latents.change(PAINTING)
    return StagePieces(painter.model, SIZE, latents, None)


def as_they_are(source: np.ndarray, pixels: np.ndarray, fates: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    return pixels, fates


@pytest.mark.parametrize("count", range(8))
def test_each_batch_comes_out_once_in_order_while_the_next_are_in_flight(
    expected: list[np.ndarray], pieces: StagePieces, count: int
) -> None:
    given: list[int] = []

    def source() -> Iterator[np.ndarray]:
        for number in range(count):
            given.append(number)
            yield BATCHES[number]

    finished = 0
    for pixels, fates in paint_overlapped(pieces, source(), as_they_are):
        assert np.array_equal(pixels, expected[finished])
        assert fates.tolist() == [GOOD, GOOD]
        finished += 1
        assert len(given) == min(count, finished + IN_FLIGHT)
    assert finished == count


@pytest.mark.parametrize("count", range(8))
def test_batches_before_an_error_of_the_source_are_painted_first(
    expected: list[np.ndarray], pieces: StagePieces, count: int
) -> None:
    def source() -> Iterator[np.ndarray]:
        yield from BATCHES[:count]
        raise OSError("the disc is gone")

    painted: list[np.ndarray] = []
    with pytest.raises(OSError, match="the disc is gone"):
        painted.extend(pixels for pixels, _ in paint_overlapped(pieces, source(), as_they_are))
    assert len(painted) == count
    assert all(np.array_equal(*each) for each in zip(painted, expected, strict=False))


def test_a_batch_is_settled_with_its_own_source(pieces: StagePieces) -> None:
    settled: list[Any] = []

    def settle(source: np.ndarray, pixels: np.ndarray, fates: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        settled.append(source)
        return pixels, fates + 1

    results = list(paint_overlapped(pieces, iter(BATCHES), settle))
    assert [id(each) for each in settled] == [id(each) for each in BATCHES]
    assert [fates.tolist() for _, fates in results] == [[GOOD + 1] * 2] * len(BATCHES)
