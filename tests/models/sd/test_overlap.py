"""Batches in overlapping stages on CUDA: how many are in flight, in which order, how they end, and
missing waits."""

import itertools
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from engine.models.graphs import DirectRunner
from engine.models.sd import ModelSpec, batch_pipeline
from engine.models.sd.batch_painter import BatchPainter
from engine.models.sd.load import load
from engine.models.sd.model import DiffusionModel
from engine.models.sd.overlap import IN_FLIGHT
from engine.models.sd.painting import BLACK, GOOD, ControlUse, Painting
from tests.conftest import TinyModels
from tests.support.fake_cuda.device import FakeCuda
from tests.support.fake_cuda.walking import walked_card
from tests.support.long_form import in_long_form

BATCHES = [
    np.random.default_rng(seed).integers(0, 256, (2, 64, 64, 3), np.uint8)
    for seed in range(IN_FLIGHT + 2)
]


@pytest.fixture(scope="module", autouse=True)
def spec(tiny_sd: Path) -> ModelSpec:
    """A tiny model whose VAE keeps the content of a picture; VAEs of random weights map all
    pictures to one."""
    spec = ModelSpec(model=str(tiny_sd))
    load(spec, "cpu", "float32")  # imports the libraries before a card is put in place
    return spec


def painting(
    spec: ModelSpec, prompt: str = "a cat", sampler: Any = "euler", cfg: float = 1.0
) -> Painting:
    return Painting(spec=spec, prompt=prompt, steps=2, cfg=cfg, sampler=sampler, seed=3)


def painter_of(model: DiffusionModel, *, calls: Any = None, **changes: Any) -> BatchPainter:
    return BatchPainter(model, painting(model.spec, **changes), 64, 64, calls=calls)


@contextmanager
def on_card(spec: ModelSpec, **changes: Any) -> Iterator[tuple[BatchPainter, list[np.ndarray]]]:
    """A painter on a card, and the pictures that direct calls paint of BATCHES, one batch after the
    other."""
    with walked_card():
        model = load(spec, "cuda", "float32")
        painter = painter_of(model, **changes)
        expected = [painter.paint(batch)[0] for batch in BATCHES]
        direct = painter_of(model, calls=lambda device: DirectRunner(), **changes)
        for batch, painted in zip(BATCHES[:2], expected, strict=False):
            assert np.abs(direct.paint(batch)[0].astype(int) - painted).max() <= 1
        yield painter, expected


@pytest.mark.parametrize(("sampler", "cfg"), [("lcm", 1.0), *in_long_form(("euler", 3.0))])
def test_each_batch_comes_out_once_in_order_while_the_next_are_in_flight_and_before_an_error_of_the_source(
    spec: ModelSpec, sampler: str, cfg: float
) -> None:
    sent: list[int] = []

    def source(count: int, fails: bool) -> Iterator[np.ndarray]:
        for number in range(count):
            sent.append(number)
            yield BATCHES[number]
        if fails:
            raise OSError("the disc is gone")

    with on_card(spec, sampler=sampler, cfg=cfg) as (painter, expected):
        for count, fails in itertools.product((0, 1, IN_FLIGHT, IN_FLIGHT + 1), (False, True)):
            sent.clear()
            finished = 0
            with pytest.raises(OSError, match="the disc is gone") if fails else nullcontext():
                for pixels, outcomes in painter.paint_stream(source(count, fails)):
                    assert np.array_equal(pixels, expected[finished])
                    assert outcomes.tolist() == [GOOD, GOOD]
                    finished += 1
                    assert len(sent) == min(count, finished + IN_FLIGHT)
            assert finished == count


def test_a_full_vae_and_controlnets_paint_the_same_when_stages_overlap(
    tiny_models: TinyModels,
) -> None:
    """Attention needs workspaces like the UNet's, and ControlNets need uploaded pictures."""
    folder = tiny_models.sd(vae="kl")
    spec = ModelSpec(
        model=str(folder),
        controlnets=tuple(str(tiny_models.controlnet(folder, seed=seed)) for seed in (1, 9)),
    )
    controls = ControlUse(sees="edges"), ControlUse(sees="input")
    painting = Painting(
        spec=spec, prompt="a cat", steps=2, cfg=1.0, sampler="lcm", controls=controls
    )
    load(spec, "cpu", "float32")
    batches = BATCHES[: IN_FLIGHT + 1]
    with walked_card():
        painter = BatchPainter(load(spec, "cuda", "float32"), painting, 64, 64)
        expected = [painter.paint(batch)[0] for batch in batches]
        painted = [pixels.copy() for pixels, _ in painter.paint_stream(iter(batches))]
    assert all(np.array_equal(*each) for each in zip(painted, expected, strict=True))


def test_a_bad_picture_is_painted_again_from_its_own_batch_when_the_later_ones_are_done(
    spec: ModelSpec, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        batch_pipeline, "picture_outcomes", lambda rgb, is_finite: is_finite.to(torch.uint8) * BLACK
    )
    with on_card(spec) as (painter, expected):
        settled: list[np.ndarray] = []
        settle = painter._repaint_bad

        def noted(
            rgb: np.ndarray, pixels: np.ndarray, outcomes: np.ndarray
        ) -> tuple[np.ndarray, np.ndarray]:
            settled.append(rgb)
            return settle(rgb, pixels, outcomes)

        painter._repaint_bad = noted
        painted = [
            (pixels.copy(), outcomes) for pixels, outcomes in painter.paint_stream(iter(BATCHES))
        ]
        assert [id(each) for each in settled] == [id(each) for each in BATCHES]
        assert all(outcomes.tolist() == [BLACK] * 2 for _, outcomes in painted)
        assert all(
            np.array_equal(pixels, theirs)
            for (pixels, _), theirs in zip(painted, expected, strict=True)
        )


def test_a_batch_costs_one_wait_and_nothing_is_copied_slowly_or_captured_twice(
    fake_cuda: FakeCuda, spec: ModelSpec
) -> None:
    painter = painter_of(load(spec, "cuda", "float32"))
    list(painter.paint_stream(iter(BATCHES)))
    painter.change(painting(spec, "a dog"))
    with fake_cuda.loop() as tally:
        list(painter.paint_stream(iter(BATCHES)))
    assert (len(tally.waits), tally.random, tally.replays) == (len(BATCHES), [], 3 * len(BATCHES))
