"""Removal of duplicates, holes and specks: known results, and an independent flood fill."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from scipy import ndimage

from engine.models.graphs import runner_for
from engine.models.sam3.detected_objects import (
    FILLED,
    REMOVED,
    DetectedObjects,
    clean_mask,
    keep_oldest,
    tidy,
)
from engine.models.sam3.mask_kernel import cleaning_part
from tests.support.fake_cuda.walking import walked_card

SIDE = 288
EIGHT = np.ones((3, 3), int)


def found_of(masks: list[np.ndarray], prompts: list[int] | None = None) -> DetectedObjects:
    count = len(masks)
    return DetectedObjects(
        scores=np.linspace(0.9, 0.6, count, dtype=np.float32),
        boxes=np.zeros((count, 4), np.float32),
        prompts=np.array(prompts or [0] * count, np.int64),
        masks=np.stack(masks),
    )


def square(left: int, top: int, size: int, *, side: int = SIDE) -> np.ndarray:
    mask = np.full((side, side), 10, np.uint8)
    mask[top : top + size, left : left + size] = 240
    return mask


@pytest.mark.parametrize(
    ("lefts", "prompts", "remaining"),
    [
        ((50, 52, 180), (0, 0, 0), [0, 2]),  # found twice: the better result stays
        ((50, 80), (0, 0), [0, 1]),  # an overlap by half
        (
            (50, 65, 80),
            (0, 0, 0),
            [0, 2],
        ),  # greedy: the third equals only the second, which is dropped
        ((50, 60), (0, 1), [0, 1]),  # the IoU is 0.82: a jacket, and who wears it
        ((50, 60), (0, 0), [0]),
        ((50, 50), (0, 1), [0]),
    ],
)
def test_of_an_object_found_twice_the_better_result_stays(
    lefts: tuple[int, ...], prompts: tuple[int, ...], remaining: list[int]
) -> None:
    found = found_of([square(left, 50, 100) for left in lefts], list(prompts))
    np.testing.assert_array_equal(tidy(found).scores, found.scores[remaining])


def test_of_tracked_duplicates_the_oldest_stays_at_any_score() -> None:
    twice = found_of([square(50, 50, 100), square(52, 50, 100), square(180, 50, 50)], [1, 0, 1])
    ids = np.array([5, 3, 4])
    left = keep_oldest(replace(twice, ids=ids))
    assert left.ids.tolist() == [3, 4] and left.scores[0] == twice.scores[1], (
        "the order is that of the scores still"
    )
    assert keep_oldest(replace(twice, ids=np.array([3, 5, 4]))).ids.tolist() == [3, 4]
    alike = replace(twice, prompts=np.zeros(3, np.int64))
    assert len(keep_oldest(replace(alike, ids=ids))) == 3, (
        "the tracker keeps those of one prompt apart itself"
    )


def test_a_hole_of_16_px_is_filled_and_one_of_17_stays() -> None:
    mask = square(50, 50, 100)
    mask[60:64, 60:64] = 90
    mask[80:84, 80:84] = 90
    mask[84, 84] = 90  # touches the second at its corner: the 17th
    clean_mask(mask)
    assert (mask[60:64, 60:64] == FILLED).all()
    assert (mask[80:84, 80:84] == 90).all() and mask[84, 84] == 90
    assert mask[0, 0] == 10 and mask[55, 55] == 240


def test_the_input_is_not_changed() -> None:
    found = found_of([square(50, 50, 100)])
    found.masks[0, 60, 60] = 0
    found.masks.setflags(write=False)
    assert tidy(found).masks[0, 60, 60] == FILLED
    assert found.masks[0, 60, 60] == 0


def clean_slowly(mask: np.ndarray) -> np.ndarray:
    """transformers' fill_holes_in_mask_scores over the whole mask, with components from SciPy."""
    limit = 16 * mask.size // 288**2
    out, inside = mask.copy(), mask > 127
    if not inside.any():
        return out
    labels, count = ndimage.label(~inside, EIGHT)
    for label in range(1, count + 1):
        if (labels == label).sum() <= limit:
            out[labels == label] = FILLED
    inside = out > 127
    labels, count = ndimage.label(inside, EIGHT)
    limit = min(limit, inside.sum() // 2)
    for label in range(1, count + 1):
        if (labels == label).sum() <= limit:
            out[labels == label] = REMOVED
    return out


def random_mask(seed: int, side: int) -> np.ndarray:
    random = np.random.default_rng(seed)
    coarse = random.random((side // 4, side // 4)) > random.choice([0.3, 0.5, 0.7, 0.9])
    mask = np.where(np.kron(coarse, np.ones((4, 4))) > 0, 200, 20).astype(np.uint8)
    if seed % 2:  # a small patch in the middle, so that the cut part is far from the edges
        corner = mask[: side // 6, : side // 6].copy()
        mask[:] = 20
        mask[side // 2 : side // 2 + side // 6, : side // 6] = corner
    specks = random.random((side, side)) > 0.995
    mask[specks] = 220 - mask[specks]
    return mask


@pytest.mark.parametrize("seed", range(12))
def test_random_masks_equal_those_of_a_search_of_the_whole_mask(seed: int) -> None:
    mask = random_mask(seed, (72, 144, 288)[seed % 3])
    expected = clean_slowly(mask)
    clean_mask(mask)
    np.testing.assert_array_equal(mask, expected)


@pytest.mark.parametrize("side", [64, 144])  # at 64 px nothing is small
def test_a_card_leaves_the_same_objects_with_the_same_pixels(side: int) -> None:
    blank, whole, speck = (np.full((side, side), level, np.uint8) for level in (10, 240, 10))
    speck[20, 20:23] = 240
    masks = [square(9, 9, 40, side=side), square(9, 10, 40, side=side), blank, whole, speck]
    masks[0][20:22, 20:22] = 10  # as large as the largest small ones at 144 px
    masks[0][60:62, 60:62] = 240
    found = found_of([*masks, *(random_mask(seed, side) for seed in range(4))])
    with walked_card(), torch.no_grad():
        runner = runner_for(torch.device("cuda"))
        for _ in range(2):  # the second is a replay
            clean = runner.run(
                side, (cleaning_part,), {"masks": torch.from_numpy(found.masks)[None].to("cuda")}
            )
            on_card, shared = (clean[name].cpu().numpy()[0] for name in ("masks", "shared"))
    ours, expected = tidy(replace(found, masks=on_card, shared=shared)), tidy(found)
    np.testing.assert_array_equal(ours.scores, expected.scores)
    np.testing.assert_array_equal(ours.masks, expected.masks)
