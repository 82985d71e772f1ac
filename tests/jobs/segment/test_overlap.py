"""On a card the next batch is queued before the host tidies up the masks of the one before."""

from collections.abc import Callable
from contextlib import nullcontext
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from engine.jobs.segment.backend import LocalSegmentBackend
from engine.jobs.segment.results import SegmentedBatch
from engine.models.sam3 import SegmentationSpec, segmenter
from engine.models.sam3.load import load
from engine.models.sam3.segmenter import Segmenter
from engine.sources.pictures import InputPicture, batches
from tests.jobs.segment.conftest import job_of
from tests.models.sam3.small_sam3 import RED, SIDE, picture
from tests.support.fake_cuda.walking import HAS_CARD, walked_card


@pytest.mark.skipif(HAS_CARD, reason="has a CUDA device, which would not count replays")
def test_a_batch_is_queued_before_the_one_before_is_tidied_up(
    small_seeing_sam3: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    video = [picture((0.2 + 0.1 * number, 0.5, 0.15, RED)) for number in range(5)]
    events = [
        InputPicture(
            number=number,
            name="",
            file_name="",
            pixels=pixels,
            start_s=Fraction(number),
            end_s=Fraction(0),
        )
        for number, pixels in enumerate(video)
    ]

    def results(
        device: str, tallied: Callable[[], Any] = nullcontext
    ) -> tuple[list[SegmentedBatch], Any]:
        spec = SegmentationSpec(model=str(small_seeing_sam3), resolution=SIDE)
        job = job_of(small_seeing_sam3, Path(), (), resolution=SIDE)
        backend = LocalSegmentBackend(job, Segmenter(load(spec, device, "float32")), "image")
        with tallied() as tally:
            return list(backend.segment(batches(events, 2), lambda: False)), tally

    def tidy(found: Any, own: Callable[[Any], Any] = segmenter.tidy) -> Any:
        replays.append(card.ledger.total.replays)
        return own(found)

    expected, _ = results("cpu")
    replays: list[int] = []
    with walked_card() as card:
        monkeypatch.setattr(segmenter, "tidy", tidy)
        ours, tally = results("cuda", card.tally)
    assert len(tally.waits) == 3, "for each batch, once"
    each = tally.replays // 3
    assert replays == [2 * each] * 2 + [3 * each] * 3, (
        "those of the first two batches, then of all three"
    )
    assert [one.batch.pictures[0].number for one in ours] == [0, 2, 4]
    for one, other in zip(ours, expected, strict=True):
        for found, launched in zip(
            one.result.segmentations, other.result.segmentations, strict=True
        ):
            assert (found.index, len(found.objects)) == (launched.index, 1)
            assert found.objects[0].box == pytest.approx(launched.objects[0].box, abs=1e-4)
            assert np.abs(found.masks.astype(int) - launched.masks).max() <= 1
