"""Attention picture by picture equals attention to the whole memory, and has few shapes however the
memory grows."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from engine.models.compat import torch as private
from engine.models.sam3 import memory_attention
from engine.models.sam3.memory_attention import (
    BATCH_SIZES,
    attend_memory,
    attend_pictures,
    attend_plainly,
    make_plans,
)
from tests.models.sam3.test_card_tracker import shot, tracked
from tests.support.fake_cuda.installation import installed
from tests.support.fake_cuda.walking import HAS_CARD

WHERE: Any = ("cuda", torch.bfloat16) if HAS_CARD else ("cpu", torch.float32)
HEADS = 2  # SAM 3 has 1, SAM 3.1 has 8
AREA, WIDTH = (1296, 256) if HAS_CARD else (36, 8)


def noise(*shape: int, seed: int = 0) -> torch.Tensor:
    return (2.0 * torch.randn(shape, generator=torch.Generator().manual_seed(seed))).to(*WHERE)


def memory(count: int, pictures: int, pointers: int) -> list[torch.Tensor]:
    lengths = AREA, pictures * AREA + pointers, pictures * AREA + pointers
    return [noise(count, length, HEADS, WIDTH, seed=seed) for seed, length in enumerate(lengths)]


@pytest.mark.parametrize(("count", "pictures", "pointers"), [(1, 1, 4), (3, 10, 124), (7, 6, 20)])
def test_attention_by_pictures_is_that_to_the_whole_memory(
    count: int, pictures: int, pointers: int
) -> None:
    parts = memory(count, pictures, pointers)
    exact = F.scaled_dot_product_attention(*(each.transpose(1, 2).double() for each in parts))
    ours = attend_memory(*parts, pictures).double()
    error = (ours - exact.transpose(1, 2).flatten(2)).abs().max() / exact.abs().max()
    assert error < (1e-2 if HAS_CARD else 2e-6)
    alone, _ = attend_pictures(*(each[:, :AREA] for each in parts))
    theirs = F.scaled_dot_product_attention(*(each[:, :AREA].transpose(1, 2) for each in parts))
    torch.testing.assert_close(alone, theirs, rtol=0.0, atol=5e-2 if HAS_CARD else 1e-5)


def test_a_memory_that_grows_needs_no_plan_that_was_not_made_at_the_start(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A plan is for sizes and strides of all three."""
    plans: set[Any] = set()

    def noted(*parts: torch.Tensor) -> Any:
        plans.add(tuple((each.shape, each.stride()) for each in parts))
        return private.attend_with_sums(*parts)

    monkeypatch.setattr(memory_attention, "attend_with_sums", noted)
    make_plans(noise(1, AREA, HEADS, WIDTH))
    at_start = set(plans)
    assert len(at_start) == len(BATCH_SIZES) <= 12
    for count, pictures in ((1, 1), (2, 3), (5, 10), (16, 4), (1, 9)):
        query, key, value = memory(count, pictures, 4 * pictures)
        attend_memory(query[:1].expand(count, -1, -1, -1), key, value, pictures)
        attend_pictures(*torch.cat((query, query, query), dim=2).chunk(3, dim=2))
    assert plans == at_start


def test_two_products_in_bfloat16_are_as_exact_as_bfloat16_allows() -> None:
    parts = [
        torch.randn(40, 16, generator=torch.Generator().manual_seed(seed)) for seed in range(3)
    ]
    exact = F.scaled_dot_product_attention(*parts)
    ours = attend_plainly(*(each.bfloat16() for each in parts)).float()
    assert (ours - exact).norm() / exact.norm() < 0.01


@pytest.mark.skipif(HAS_CARD, reason="has a CUDA device, which would not say it")
def test_a_card_with_the_faster_attention_tracks_the_same_with_as_many_waits(
    small_seeing_sam3: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(memory_attention, "can_use_cudnn_attention", lambda sample: True)
    monkeypatch.setattr(torch.backends.cudnn, "version", lambda: memory_attention.MIN_CUDNN)
    on_cpu = tracked(small_seeing_sam3, "cpu", 1)
    expected = [on_cpu.segment(shot(number))[0] for number in range(5)]
    with installed() as card:
        segmenter = tracked(small_seeing_sam3, "cuda", 1)
        assert segmenter._tracker._propagation._uses_cudnn
        segmenter.segment(shot(0))
        for number, result in enumerate(expected[1:], 1):
            with card.loop() as tally:
                (found,) = segmenter.segment(shot(number))
            assert len(tally.waits) == 2
            assert [each.id for each in found.objects] == [each.id for each in result.objects]
            assert np.abs(found.masks.astype(int) - result.masks).max() <= 1
        assert not card.faults and len(found.objects) == 3
