"""Found objects over their source picture, the picture of their ids; coverage, colours and boxes of
masks."""

import colorsys
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from engine.render.masks import IdPicture, Overlay, coverage, encoded_id, object_colours
from engine.render.picture import Renderer
from engine.values import Segmentation, VideoFrame
from tests.benchmarks.render_reference import bilinear
from tests.support.pictures import frame_of

SIZES = {"wide": (160, 90), "tall and odd": (91, 131)}
TOLERANCE = 2
MIN_EQUAL_FRACTION = 0.99


def noise(size: tuple[int, int], seed: int = 0) -> VideoFrame:
    return frame_of(
        np.random.default_rng(seed).integers(0, 256, (size[1], size[0], 3), dtype=np.uint8)
    )


def levels(probabilities: np.ndarray) -> np.ndarray:
    return np.rint(255 * probabilities).astype(np.uint8)


def values_of(mask: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Values of a mask, (height, width) 0..1, interpolated for each pixel of a picture of this
    size."""
    side = len(mask)
    column, row = (
        (np.arange(pixels, dtype=np.float32) + np.float32(0.5)) * side / pixels for pixels in size
    )
    column, row = np.broadcast_arrays(column[None, :], row[:, None])
    return bilinear(mask[..., None].repeat(3, axis=-1), column, row)[0]


def painted(source: np.ndarray, seen: Segmentation, is_hard: bool, opacity: float) -> np.ndarray:
    """The overlay by its formula: (height, width, 3) levels, not rounded."""
    size = source.shape[1::-1]
    out = source.astype(np.float32)
    colours = 255 * object_colours([each.id for each in seen.objects])
    for mask, colour in reversed(list(zip(seen.masks, colours, strict=True))):
        alpha = opacity * coverage(values_of(mask, size), is_hard=is_hard)[..., None]
        out = out * (1 - alpha) + colour * alpha
    return out


def agree(one: np.ndarray, other: np.ndarray) -> bool:
    return bool(
        (np.abs(one.astype(float) - other) <= TOLERANCE).mean(axis=(0, 1)).min()
        >= MIN_EQUAL_FRACTION
    )


def test_all_three_paint_the_same_objects(
    gl: Renderer, cpu: Renderer, found: Callable, smooth_masks: Callable
) -> None:
    for size in SIZES.values():
        for count in [1, 5, 16]:
            source, seen = (
                noise(size),
                found(levels(smooth_masks(count, 48)), ids=range(3, 3 + count)),
            )
            for is_hard in (False, True):
                by_gl, by_numba = (
                    renderer.lazy_picture(
                        Overlay(source=source, segmentation=seen, is_hard=is_hard, opacity=0.7)
                    ).read_rgba()
                    for renderer in (gl, cpu)
                )
                assert (by_gl[..., 3] == 255).all() and (by_numba[..., 3] == 255).all(), size
                expected = painted(source.pixels, seen, is_hard, 0.7)
                assert agree(by_gl[..., :3], by_numba[..., :3]), size
                assert agree(by_gl[..., :3], expected) and agree(by_numba[..., :3], expected), size


def test_all_three_paint_the_same_ids(
    gl: Renderer, cpu: Renderer, found: Callable, smooth_masks: Callable
) -> None:
    for size in SIZES.values():
        for count in [1, 16]:
            scores = [1 - 0.03 * n for n in range(count)]
            seen = found(
                levels(smooth_masks(count, 48)), ids=range(250, 250 + count), scores=scores
            )
            expected = np.zeros((size[1], size[0], 4))
            for number, (mask, each) in enumerate(zip(seen.masks, seen.objects, strict=True)):
                value = values_of(mask, size)
                soft = 255 * coverage(value, is_hard=False)
                is_free = expected[..., 0] == 0
                is_here = is_free & (value > 0.5)
                expected[..., 2] = np.where(
                    is_free, np.maximum(expected[..., 2], soft), expected[..., 2]
                )
                expected[is_here] = 0
                expected[is_here, 0] = 1 + (249 + number) % 255
                expected[is_here, 1] = 255 * each.score
                expected[..., 2] = np.where(is_here, soft, expected[..., 2])
            for renderer in (gl, cpu):
                rgba = renderer.lazy_picture(IdPicture(segmentation=seen, size_px=size)).read_rgba()
                assert (rgba[..., 3] == 255).all() and agree(rgba[..., :3], expected[..., :3]), size


def test_a_hard_edge_is_where_full_masks_have_it(
    gl: Renderer, cpu: Renderer, found: Any, smooth_masks: Any
) -> None:
    """Compared with PyTorch's interpolation of the probabilities, which the model's own code
    thresholds."""
    import torch

    torch.set_num_threads(1)
    probabilities = smooth_masks(8, 288, seed=5)
    full = torch.nn.functional.interpolate(
        torch.from_numpy(probabilities)[None], (720, 1280), mode="bilinear"
    )[0]
    is_inside = full.numpy() > 0.5
    expected = np.where(is_inside.any(axis=0), 1 + is_inside.argmax(axis=0), 0)
    assert 0.1 < (expected > 0).mean() < 0.9
    seen = found(levels(probabilities), picture_px=(1280, 720))
    for renderer in (gl, cpu):
        assert (
            renderer.lazy_picture(IdPicture(segmentation=seen, size_px=(1280, 720))).read_rgba()[
                ..., 0
            ]
            != expected
        ).mean() < 0.001
    # The same in the picture, with opaque colours.
    alone = found(levels(probabilities[:1]))
    for renderer in (gl, cpu):
        black = frame_of(np.zeros((720, 1280, 3)).astype(np.uint8))
        rgba = renderer.lazy_picture(
            Overlay(source=black, segmentation=alone, is_hard=True, opacity=1.0)
        ).read_rgba()
        assert ((rgba[..., 0] == 255) != is_inside[0]).mean() < 0.001


def test_a_mask_stands_upright_over_its_picture(
    renderer: Renderer, found: Callable, f_card: Callable
) -> None:
    card = f_card(48, 48)
    is_letter = card[..., 0] == 160
    seen = found([255 * is_letter], picture_px=(48, 48))
    overlay = Overlay(source=frame_of(card[..., :3]), segmentation=seen, is_hard=True, opacity=1.0)
    rgba = renderer.lazy_picture(overlay).read_rgba()
    assert (rgba[is_letter] == (255, 64, 64, 255)).all() and (
        rgba[~is_letter] == card[~is_letter]
    ).all()
    ids = renderer.lazy_picture(IdPicture(segmentation=seen, size_px=(48, 48))).read_rgba()
    assert (ids[is_letter] == (1, 255, 255, 255)).all() and (
        ids[~is_letter] == (0, 0, 0, 255)
    ).all()


def test_without_objects_the_source_is_drawn_and_ids_are_0(renderer: Renderer, found: Any) -> None:
    for size in [(64, 48), (512, 512), (7, 5), (1, 1)]:
        source = noise(size)
        for seen in (None, found([]), found([np.zeros((32, 32))]), found([np.full((32, 32), 63)])):
            overlay = renderer.lazy_picture(
                Overlay(source=source, segmentation=seen, is_hard=False, opacity=1.0)
            )
            assert (overlay.width, overlay.height) == size, size
            assert (overlay.read_rgba()[..., :3] == source.pixels).all(), size
            if seen is not None:
                ids = renderer.lazy_picture(IdPicture(segmentation=seen, size_px=size))
                assert (ids.width, ids.height) == size, size
                assert (ids.read_rgba() == (0, 0, 0, 255)).all(), size


def test_an_edge_is_soft_from_a_quarter_to_three_quarters_or_hard_just_above_one_half() -> None:
    values = [0, 0.25, 0.375, 0.5, 0.625, 0.75, 1]
    assert coverage(values, is_hard=False).tolist() == [0, 0, 0.15625, 0.5, 0.84375, 1, 1]
    half = np.float32(0.5)
    values = [0, 0.499, half, np.nextafter(half, np.float32(1)), 0.51, 1]
    assert coverage(values, is_hard=True).tolist() == [0, 0, 0, 1, 1, 1]


def test_colours_and_ids_of_objects_are_their_own() -> None:
    colours = object_colours(range(1, 17))
    assert colours.shape == (16, 3) and colours.dtype == np.float32
    assert colours[0] == pytest.approx((1, 0.25, 0.25))
    for number, rgb in enumerate(colours, start=1):
        hue, saturation, value = colorsys.rgb_to_hsv(*rgb.tolist())
        assert (saturation, value) == pytest.approx((0.75, 1))
        assert abs((hue - 0.61803398875 * (number - 1) + 0.5) % 1 - 0.5) < 1e-6
    assert (object_colours([7, 3]) == colours[[6, 2]]).all()
    apart = np.abs(colours[:, None] - colours[None]).max(axis=-1) + np.eye(16)
    assert apart.min() > 0.1
    assert object_colours([]).shape == (0, 3)
    assert [encoded_id(number) for number in (1, 2, 255, 256, 511)] == [1, 2, 255, 1, 1]
