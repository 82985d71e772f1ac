"""Coverage, colours and boxes of masks."""

import colorsys
from collections.abc import Callable

import numpy as np
import pytest

from engine.render.mask_look import IdPicture, Overlay, coverage, joined_mask, mask_boxes, object_colours, shown_id
from engine.values import VideoFrame


def test_a_soft_edge_rises_from_a_quarter_to_three_quarters() -> None:
    values = [0, 0.25, 0.375, 0.5, 0.625, 0.75, 1]
    assert coverage(values, is_hard=False).tolist() == [0, 0, 0.15625, 0.5, 0.84375, 1, 1]


def test_a_hard_edge_is_just_above_one_half() -> None:
    half = np.float32(0.5)
    values = [0, 0.499, half, np.nextafter(half, np.float32(1)), 0.51, 1]
    assert coverage(values, is_hard=True).tolist() == [0, 0, 0, 1, 1, 1]


def test_an_object_keeps_its_colour_and_its_neighbour_has_another() -> None:
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


def test_shown_ids_wrap_around_and_are_never_0() -> None:
    assert [shown_id(number) for number in (1, 2, 255, 256, 511)] == [1, 2, 255, 1, 1]


def test_a_box_contains_the_visible_texels_and_a_margin_of_one() -> None:
    masks = np.zeros((4, 10, 10), np.uint8)
    masks[0, 3:5, 6] = 64
    masks[0, 0, 0] = 63  # too low to be visible
    masks[1, 0, 9] = masks[1, 9, 0] = 255
    masks[2] = 63
    masks[3, 5, 5] = 200
    assert mask_boxes(masks).tolist() == [[5, 2, 8, 6], [0, 0, 10, 10], [0, 0, 0, 0], [4, 4, 7, 7]]
    assert mask_boxes(masks).dtype == np.int32
    assert mask_boxes(np.zeros((0, 4, 4), np.uint8)).shape == (0, 4)


def test_joined_masks_are_the_maximum_per_texel() -> None:
    masks = np.array([[[1, 200], [0, 4]], [[2, 100], [0, 255]]], np.uint8)
    assert joined_mask(masks).tolist() == [[2, 200], [0, 255]]
    assert (joined_mask(masks[:0]) == 0).all() and joined_mask(masks[:0]).shape == (2, 2)


def test_requests_are_equal_only_for_the_same_objects(found: Callable) -> None:
    """Compares objects by identity, never pixels."""
    one, other = (VideoFrame(pixels=np.zeros((3, 4, 3), np.uint8), index=0, time_s=0.0, source="") for _ in range(2))
    first, second = found([np.zeros((4, 4))]), found([np.zeros((4, 4))])
    overlay = Overlay(source=one, found=first, is_hard=True, opacity=0.5)
    assert overlay.size_px == (4, 3)
    assert overlay == Overlay(source=one, found=first, is_hard=True, opacity=0.5)
    for changed in (
        (other, first, True, 0.5),
        (one, second, True, 0.5),
        (one, first, False, 0.5),
        (one, first, True, 1),
    ):
        source, seen, is_hard, opacity = changed
        assert overlay != Overlay(source=source, found=seen, is_hard=is_hard, opacity=opacity)
    ids = IdPicture(found=first, size_px=(4, 3))
    assert ids == IdPicture(found=first, size_px=(4, 3))
    assert ids != IdPicture(found=second, size_px=(4, 3))
    assert ids != IdPicture(found=first, size_px=(4, 4))
