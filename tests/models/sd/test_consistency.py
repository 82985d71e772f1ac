"""Consistency: the flow of a known pan, what is mixed in, cuts, and less flicker."""

from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from engine.live.sd.painter import Painter
from engine.live.sd.settings import read_settings
from engine.models.sd import ModelSpec
from engine.models.sd.conditioner import Conditioner
from engine.models.sd.consistency import Consistency, flicker, flow_between, thumbnail, warp_into
from engine.models.sd.denoiser import Denoiser
from engine.models.sd.load import load
from engine.models.sd.model import DiffusionModel
from tests.benchmarks.sd import copy_pixels, panorama
from tests.models.sd.plain_stream import random_latents
from tests.support.long_form import in_long_form

SIDE = 128
WORLD = panorama(SIDE, 40)


def frame(number: int, step_px: int = 8) -> np.ndarray:
    return np.ascontiguousarray(WORLD[:, step_px * number : step_px * number + SIDE])


def seen(number: int) -> np.ndarray:
    return thumbnail(frame(number), (SIDE, SIDE))


@pytest.fixture(scope="module")
def model(tiny_sd: Path) -> DiffusionModel:
    return load(ModelSpec(model=str(tiny_sd)), "cpu", "float32")


def opened() -> Consistency:
    return Consistency(lambda name, array: torch.from_numpy(array))


def test_the_flow_of_a_pan_is_its_distance_and_what_came_in_at_the_edge_does_not_fit() -> None:
    flow = flow_between(
        cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_ULTRAFAST), seen(0), seen(1)
    )
    assert np.abs(flow.pixels[16:-16, 16:-24] - (8.0, 0.0)).mean() < 0.5
    assert flow.fit[:, :100].mean() > 0.9 and flow.fit[:, -6:].mean() < 0.1
    assert not flow.is_cut


def test_after_a_cut_nothing_of_the_last_result_is_mixed_in() -> None:
    consistency, z = opened(), random_latents(1, seed=2, size=(16, 16))
    first = consistency.mix_into_result(random_latents(1, seed=1, size=(16, 16)), seen(0), 1.0)
    assert not torch.equal(consistency.mix_into_start(z, seen(1), 1.0), z) and consistency.cuts == 0
    negative = thumbnail(255 - frame(1), (SIDE, SIDE))
    assert torch.equal(consistency.mix_into_start(z, negative, 1.0), z) and consistency.cuts == 1
    assert torch.equal(consistency.mix_into_result(first, negative, 1.0), first)


@pytest.mark.parametrize("mode", ["stream", *in_long_form("single")])
def test_a_pan_flickers_at_least_30_percent_less(model: DiffusionModel, mode: str) -> None:
    def flickers(amount: float) -> float:
        painter = Painter(model, note=lambda key, line: pytest.fail(line))
        values = {
            "/sd/prompt": "sea",
            "/sd/width": SIDE,
            "/sd/height": SIDE,
            "/sd/steps": 4,
            "/sd/mode": mode,
        }
        painter.apply(read_settings(values | {"/sd/consistency": amount}))
        while painter.paint(frame(0)) is None:
            pass
        return flicker(
            [copy_pixels(painter.paint(frame(number))) for number in range(20)][4:], (8, 0)
        )

    assert flickers(0.75) < 0.7 * flickers(0.0)


def test_a_new_number_of_resets_and_a_new_size_drop_the_last_result(model: DiffusionModel) -> None:
    painter, fresh = (Painter(model, note=lambda key, line: pytest.fail(line)) for _ in range(2))
    values = {
        "/sd/prompt": "sea",
        "/sd/width": SIDE,
        "/sd/height": SIDE,
        "/sd/consistency": 1.0,
        "/sd/mode": "single",
    }
    for each in (painter, fresh):
        each.apply(read_settings(values))
    expected = copy_pixels(fresh.paint(frame(3)))
    for number in range(3):
        painter.paint(frame(number))
    painter.apply(read_settings(values | {"resets": 5}))
    assert np.array_equal(copy_pixels(painter.paint(frame(3))), expected)
    painter.apply(read_settings(values | {"resets": 5, "/sd/width": 64}))
    painter.paint(frame(4))
    painter.apply(read_settings(values | {"resets": 5}))
    assert np.array_equal(copy_pixels(painter.paint(frame(3))), expected)


@pytest.mark.parametrize("size", [(1024, 64), (64, 1024), (1024, 192), (640, 128)])
def test_the_flow_of_a_narrow_picture_is_found_too(size: tuple[int, int]) -> None:
    flow = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_ULTRAFAST)
    before, after = (thumbnail(WORLD[:, begin : begin + SIDE], size) for begin in (0, 0))
    assert min(before.shape) >= 32, "fewer rows end the process"
    assert flow_between(flow, before, after).fit.mean() > 0.9


@pytest.mark.parametrize("mode", ["stream", "single"])
def test_a_picture_that_is_not_finite_leaves_nothing_behind(
    model: DiffusionModel, mode: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    painter = Painter(model, note=lambda key, line: pytest.fail(line))
    values = {
        "/sd/prompt": "sea",
        "/sd/width": SIDE,
        "/sd/height": SIDE,
        "/sd/consistency": 0.75,
        "/sd/mode": mode,
    }
    painter.apply(read_settings(values | {"/sd/steps": 4}))

    def is_finite(number: int) -> bool:
        painted = painter.paint(frame(number))
        return painted is not None and painted.is_finite

    assert [is_finite(number) for number in range(3)][1:] == [True, True]
    with monkeypatch.context() as spoiled:
        spoiled.setattr(
            painter._pixels,
            "encode",
            lambda rgb: torch.full((1, 4, SIDE // 8, SIDE // 8), torch.nan),
        )
        is_finite(3)
    after = [is_finite(number) for number in range(4, 10)]
    assert False in after or mode == "single"
    assert all(after[2:])


@pytest.mark.parametrize("is_split", [True, False])
def test_the_bank_shows_a_frame_what_its_row_had_before(
    model: DiffusionModel, is_split: bool
) -> None:
    cond, T = Conditioner(model).encode("a cat", "grey"), torch.tensor([999, 500])
    one, other = random_latents(2, seed=1, size=(16, 16)), random_latents(2, seed=2, size=(16, 16))
    plain = Denoiser(model, is_split=is_split).guided_output(other, T, cond, guidance=2.0)
    banked = Denoiser(model, is_split=is_split)
    banked.consistency = 1.0

    def predicted(z: torch.Tensor) -> torch.Tensor:
        return banked.guided_output(z, T, cond, guidance=2.0)

    assert torch.equal(predicted(other), plain), "nothing is before the first frame"
    changes = []
    for banked.consistency in (1.0, 0.5):
        predicted(one)
        changes.append((predicted(other) - plain).abs().max())
    assert changes[0] > 1e-2 and 0.0 < changes[1] < changes[0]
    predicted(one)
    banked.forget()
    assert torch.allclose(predicted(other), plain, atol=1e-4), (
        "but it sees nothing of the one before"
    )


def test_the_last_result_is_moved_with_the_source_and_mixed_in_where_it_fits() -> None:
    last, weights = random_latents(1, seed=1, size=(16, 16)), torch.zeros(16, 16)
    weights[:8] = 0.25
    # from one latent to the right
    flow = torch.stack((torch.full((16, 16), 2 / 16), torch.zeros(16, 16), weights), dim=-1)
    z = random_latents(1, seed=2, size=(16, 16))
    mixed = warp_into(z, last, flow)
    assert torch.equal(mixed[:, :, 8:], z[:, :, 8:])
    assert torch.allclose(
        mixed[:, :, :8, :-1], 0.75 * z[:, :, :8, :-1] + 0.25 * last[:, :, :8, 1:], atol=1e-5
    )
