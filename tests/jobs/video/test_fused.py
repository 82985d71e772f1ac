"""All stages in this process: their errors, and the memory they release."""

import gc
import weakref
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from engine.errors import DeviceLostError, ModelError, SourceError
from engine.jobs.video.backend import VideoBatch, video_batches
from engine.jobs.video.fused import FusedPaintBackend
from engine.models import device_work
from tests.jobs.video.conftest import MakeJob
from tests.jobs.video.test_batches import picture

SIDE = 64
SIZE = SIDE, SIDE


def batches_of(count: int, batch: int = 1) -> Iterator[VideoBatch]:
    return video_batches((picture(number, SIDE, SIDE) for number in range(count)), batch, SIZE)


def test_an_error_of_a_library_is_one_line_that_names_the_model(
    tiny_sd: Path, job: MakeJob, monkeypatch: pytest.MonkeyPatch
) -> None:
    backend = FusedPaintBackend(job("in", "out"), SIZE)
    for error, kind in (
        (NotImplementedError("no such\nkernel"), ModelError),
        (
            RuntimeError("CUDA error: unspecified\nlaunch failure"),
            DeviceLostError,
        ),  # on Ray its piece is tried again
    ):

        def fail(*arguments: object, error: Exception = error) -> None:
            raise error

        monkeypatch.setattr(backend._painter, "_attempt", fail)
        with pytest.raises(ModelError) as caught:
            list(backend.paint(batches_of(2)))
        assert type(caught.value) is kind
        assert (
            str(caught.value)
            == f"{tiny_sd}: {type(error).__name__}: {' '.join(str(error).split())}"
        )
    backend.close()


def test_an_error_of_the_source_is_raised_unchanged(job: MakeJob) -> None:
    def broken() -> Iterator[VideoBatch]:
        yield from batches_of(1)
        raise SourceError("in: the cable is out")

    backend = FusedPaintBackend(job("in", "out"), SIZE)
    with pytest.raises(SourceError, match=r"^in: the cable is out$"):
        list(backend.paint(broken()))
    backend.close()


def test_closed_stages_hold_no_model_and_keep_their_figures(
    job: MakeJob, monkeypatch: pytest.MonkeyPatch
) -> None:
    backend = FusedPaintBackend(replace(job("in", "out"), batch=2), SIZE)
    assert backend._painter is not None
    unet = weakref.ref(backend._painter.model.unet)
    left: list[object] = []

    def free_memory(device: torch.device) -> None:
        gc.collect()
        left.append(unet())

    monkeypatch.setattr(device_work, "free_memory", free_memory)
    list(backend.paint(batches_of(3, batch=2)))
    before = backend.times()
    backend.close()
    backend.close()
    assert left == [None], "memory in use stays on the device"
    assert backend.times() == before and before[0].frames == 3
