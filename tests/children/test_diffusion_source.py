"""The pictures the diffusion child is fed, with known answers."""

import numpy as np

from engine.children.diffusion_source import blank, covering, edges, thumbnail


def test_a_wide_picture_loses_its_sides_and_is_not_squashed() -> None:
    wide = np.zeros((64, 128, 3), np.uint8)
    wide[:, 32:96] = 255
    assert (covering(wide, (64, 64)) == 255).all()
    assert covering(wide, (128, 64)).tolist() == wide.tolist()
    assert covering(wide, (96, 192)).shape == (192, 96, 3)


def test_edges_are_white_lines_on_black() -> None:
    picture = np.zeros((64, 64, 3), np.uint8)
    picture[:, 32:] = 255
    lines = edges(picture, (128, 128))
    assert lines.shape == (128, 128, 3)
    assert set(np.unique(lines)) == {0, 255}
    assert 62 <= np.nonzero(lines[64, :, 0])[0].mean() <= 66


def test_thumbnails_span_minus_one_to_one() -> None:
    picture = np.zeros((512, 512, 3), np.uint8)
    picture[:256] = 255
    small = thumbnail(picture)
    assert small.shape == (64, 64, 3) and small.dtype == np.float32
    assert (small[:32] == 1).all() and (small[32:] == -1).all()


def test_alpha_is_no_part_of_a_picture() -> None:
    rgb = np.random.default_rng(0).integers(0, 256, (48, 64, 3), np.uint8)
    rgba = np.dstack([rgb, rgb[..., :1]])
    assert np.array_equal(thumbnail(rgba), thumbnail(rgb))
    assert np.array_equal(edges(rgba, (64, 64)), edges(rgb, (64, 64)))


def test_a_feedback_begins_with_grey() -> None:
    assert blank((128, 64)).shape == (64, 128, 3)
    assert (blank((128, 64)) == 128).all()
