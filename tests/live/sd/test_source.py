"""Source pictures of the diffusion child, with known results."""

import cv2
import numpy as np
import pytest

from engine.live.sd.control_images import segments
from engine.live.sd.loop import blank, thumbnail
from engine.models.sd.edges import canny_edges, resize_to_cover


@pytest.mark.parametrize(
    ("size_from", "size"),
    [((512, 288), (64, 64)), ((131, 77), (64, 128)), ((96, 96), (64, 64)), ((40, 30), (128, 64))],
)
def test_a_segmentation_picture_is_cropped_like_the_source_and_mixes_no_classes(
    size_from: tuple[int, int], size: tuple[int, int]
) -> None:
    chosen = np.random.default_rng(0).integers(0, 2, (6, 8), np.uint8)
    classes = np.array([[150, 5, 61], [0, 102, 200]], np.uint8)
    picture, coverage = (
        cv2.resize(blocks, size_from, interpolation=cv2.INTER_NEAREST_EXACT)
        for blocks in (classes[chosen], np.repeat(255 * chosen[..., None], 3, axis=2))
    )
    seen = segments(picture, size)
    assert seen.shape == (size[1], size[0], 3)
    assert {tuple(colour) for colour in seen.reshape(-1, 3)} == {
        tuple(colour) for colour in classes
    }
    # (height, width, 3)
    most = classes[(resize_to_cover(coverage, size)[..., 0] > 127).astype(int)]
    assert (seen != most).any(axis=2).mean() < 0.02, (
        "the places where the source has them, within half a pixel"
    )


def test_thumbnails_span_minus_one_to_one_alpha_is_ignored_and_a_blank_picture_is_grey() -> None:
    picture = np.zeros((512, 512, 3), np.uint8)
    picture[:256] = 255
    small = thumbnail(picture)
    assert small.shape == (64, 64, 3) and small.dtype == np.float32
    assert (small[:32] == 1).all() and (small[32:] == -1).all()
    rgb = np.random.default_rng(0).integers(0, 256, (48, 64, 3), np.uint8)
    rgba = np.dstack([rgb, rgb[..., :1]])
    assert np.array_equal(thumbnail(rgba), thumbnail(rgb))
    assert np.array_equal(canny_edges(rgba, (64, 64)), canny_edges(rgb, (64, 64)))
    assert blank((128, 64)).shape == (64, 128, 3)
    assert (blank((128, 64)) == 128).all()
