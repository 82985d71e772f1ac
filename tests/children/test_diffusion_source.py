"""The pictures the diffusion child is fed, with known answers."""

import numpy as np
import pytest

from engine.children.diffusion_source import as_rgb, blank, covering, edges, moved, thumbnail


@pytest.fixture
def noise() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (48, 64, 3), np.uint8)


def test_alpha_is_dropped_and_rgb_is_not_copied(noise: np.ndarray) -> None:
    assert as_rgb(noise) is noise
    assert np.array_equal(as_rgb(np.dstack([noise, noise[..., :1]])), noise)


def test_a_feedback_at_rest_keeps_every_pixel(noise: np.ndarray) -> None:
    assert np.array_equal(moved(noise, 1.0, 0.0), noise)


def test_a_quarter_turn_is_clockwise() -> None:
    square = np.random.default_rng(1).integers(0, 256, (32, 32, 3), np.uint8)
    assert np.array_equal(moved(square, 1.0, 90.0), np.rot90(square, -1))


def test_zoom_enlarges_about_the_centre() -> None:
    picture = np.zeros((65, 65, 3), np.uint8)
    picture[28:37, 28:37] = 255  # 9 px wide, centred
    grown = moved(picture, 1.1, 0.0)
    assert (grown[32, :, 0] > 127).sum() == 9 or (grown[32, :, 0] > 127).sum() == 11
    assert grown.sum() > picture.sum() * 1.1
    columns = np.nonzero(grown[32, :, 0])[0]
    assert (columns[0] + columns[-1]) / 2 == pytest.approx(32)


def test_shrinking_fills_the_border_with_the_mirrored_picture() -> None:
    picture = np.full((64, 64, 3), 200, np.uint8)
    assert (moved(picture, 0.9, 0.0) == 200).all()


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


def test_a_feedback_begins_with_grey() -> None:
    assert blank((128, 64)).shape == (64, 128, 3)
    assert (blank((128, 64)) == 128).all()
