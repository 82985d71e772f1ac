"""The detector learns what it is shown, and finds it where it is."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from tests.benchmarks.detector.discs import picture_of_discs
from tests.benchmarks.detector.network import STRIDE, TILE_PX, build_network, find
from tests.benchmarks.detector.scoring import nearness, overlap, rank
from tests.benchmarks.detector.training import LabelledPicture, make_target, random_crop, rate_share, train


@pytest.fixture(scope="module")
def network() -> torch.nn.Module:
    """Trained for seconds on discs of 10 to 40 px."""
    torch.set_num_threads(1)
    pictures = [picture_of_discs(seed, side_px=160) for seed in range(8)]
    return train(pictures, steps=60, seed=0, crop_px=128)


def test_bright_discs_are_learned_in_seconds(network: torch.nn.Module) -> None:
    unseen = [picture_of_discs(seed, side_px=192) for seed in range(100, 106)]
    found = [find(network, picture.colors) for picture in unseen]
    assert rank(found, unseen, nearness).average_precision > 0.9
    assert rank(found, unseen, overlap).average_precision > 0.8


def test_a_picture_in_tiles_gives_the_boxes_of_the_whole(network: torch.nn.Module) -> None:
    picture = picture_of_discs(200, side_px=320)
    whole, tiled = find(network, picture.colors), find(network, picture.colors, tile_px=192)
    is_sure = whole.scores > 0.5
    wanted = replace(picture, boxes=whole.boxes[is_sure], is_ignored=~is_sure[is_sure])
    assert is_sure.sum() > 5
    assert rank([tiled], [wanted], overlap).average_precision > 0.9


def test_odd_sides_and_pictures_without_anything_are_read(network: torch.nn.Module) -> None:
    found = find(network, np.full((75, 133, 3), 70, np.uint8))
    assert found.boxes.shape == (len(found.scores), 4)
    assert not (found.scores > 0.5).any()


def test_tiles_are_a_multiple_of_the_network_s_cells() -> None:
    assert TILE_PX % (4 * STRIDE) == 0


def test_the_same_seed_trains_the_same_weights() -> None:
    torch.set_num_threads(1)
    pictures = [picture_of_discs(seed, side_px=96) for seed in range(2)]
    first, again, other = (train(pictures, steps=2, seed=seed, crop_px=64).state_dict() for seed in (3, 3, 4))
    assert all(torch.equal(first[name], again[name]) for name in first)
    assert not torch.equal(first["head.weight"], other["head.weight"])


def test_building_a_network_leaves_the_random_numbers_of_others_alone() -> None:
    torch.manual_seed(5)
    wanted = torch.rand(3)
    torch.manual_seed(5)
    build_network(seed=1)
    assert torch.equal(torch.rand(3), wanted)


def test_the_learning_rate_rises_and_falls_in_any_number_of_steps() -> None:
    for steps in (1, 2, 10, 1000):
        shares = [rate_share(step, steps) for step in range(steps)]
        assert all(0 < share <= 1 for share in shares)
    assert shares[100] == max(shares) and shares[-1] < 0.001


@pytest.mark.parametrize("seed", range(12))
def test_boxes_stay_on_their_discs_however_a_crop_is_turned(seed: int) -> None:
    picture = picture_of_discs(seed, side_px=120)
    crop, boxes, is_ignored = random_crop([picture], 80, np.random.default_rng(seed))
    light = crop.max(axis=2)
    bright = np.zeros(light.shape, bool)
    for x0, y0, x1, y1 in boxes.round().astype(int):
        bright[max(y0 - 1, 0) : y1 + 1, max(x0 - 1, 0) : x1 + 1] = True
    assert crop.shape == (80, 80, 3) and len(boxes) == len(is_ignored)
    assert light[~bright].max(initial=0) < 0.55 < light[bright].max(initial=1)


def test_every_cell_around_a_centre_answers_with_the_same_box() -> None:
    boxes = np.array([[8.0, 20.0, 28.0, 32.0], [0.0, 0.0, 6.0, 6.0]])
    target = make_target(boxes, np.zeros(2, bool), 64)
    x, y = (target.cells[:, ::-1] + target.sizes[:, :2]).T * STRIDE
    half_x, half_y = np.exp(target.sizes[:, 2:]).T * STRIDE / 2
    answered = np.stack([x - half_x, y - half_y, x + half_x, y + half_y], axis=1)
    assert len(answered) == 9 + 4  # the second is in the corner
    assert np.unique(answered.round(3), axis=0).tolist() == [[0, 0, 6, 6], [8, 20, 28, 32]]
    assert target.centres[6, 4] == target.centres[0, 0] == 1
    assert (target.shares == 1).sum() == 2


def test_slivers_teach_neither_pile_nor_ground() -> None:
    target = make_target(np.array([[8.0, 8.0, 24.0, 24.0]]), np.array([True]), 64)
    assert target.weights[2:6, 2:6].max() == 0 and target.weights.sum() == 16 * 16 - 4 * 4
    assert target.centres.max() == 0 and len(target.cells) == 0


def test_a_crop_without_a_pile_can_be_learned() -> None:
    empty = LabelledPicture(
        colors=np.full((64, 64, 3), 90, np.uint8), boxes=np.zeros((0, 4)), is_ignored=np.zeros(0, bool)
    )
    losses: list[float] = []
    train([empty], steps=2, seed=0, crop_px=64, on_step=lambda step, loss: losses.append(loss))
    assert len(losses) == 2 and np.isfinite(losses).all()
