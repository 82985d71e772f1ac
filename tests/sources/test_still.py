"""Picture files as sources: orientation, transparency, size, damage."""

import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from engine.errors import SourceError
from engine.sources.opening import open_source
from engine.sources.pictures import open_pictures
from engine.system.clock import SteppedClock


@pytest.fixture
def open_still(reports):
    return lambda path: open_source(str(path), offline=False, clock=SteppedClock(), report=reports)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_photograph_stands_upright_whatever_its_orientation_tag(
    tmp_path, open_still, f_card, orientation
):
    card = f_card(96, 64)[..., :3]
    # The picture as the camera stored it: the inverse of the tag's rotation (Exif 2.3, tag 0x0112).
    stored = {
        1: card,
        2: card[:, ::-1],
        3: card[::-1, ::-1],
        4: card[::-1],
        5: card.transpose(1, 0, 2),
        6: np.rot90(card, 1),
        7: card[::-1, ::-1].transpose(1, 0, 2),
        8: np.rot90(card, -1),
    }[orientation]
    exif = Image.Exif()
    exif[0x0112] = orientation
    path = tmp_path / "photo.png"
    Image.fromarray(np.ascontiguousarray(stored)).save(path, exif=exif)
    assert np.array_equal(open_still(path).latest_frame().pixels, card)


def test_transparency_lies_over_black_and_16_bits_keep_their_shades(tmp_path, open_still):
    palette = Image.fromarray(np.array([[0, 1]], np.uint8), "P")
    palette.putpalette([255, 0, 0, 0, 255, 0])
    for name, image, options, pixels in (
        (
            "logo.png",
            Image.fromarray(np.full((1, 1, 4), (200, 100, 50, 128), np.uint8)),
            {},
            [[100, 50, 25]],
        ),
        ("old.gif", palette, {"transparency": 0}, [[0, 0, 0], [0, 255, 0]]),
        (
            "deep.png",
            Image.fromarray(np.array([[0, 257, 32768]], np.uint16)),
            {},
            [[0] * 3, [1] * 3, [128] * 3],
        ),
    ):
        image.save(tmp_path / name, **options)
        assert open_still(tmp_path / name).latest_frame().pixels[0].tolist() == pixels, name


def test_a_large_photograph_is_reduced_to_4096_pixels(tmp_path, open_still):
    path = tmp_path / "wide.png"
    Image.new("RGB", (6000, 300), (10, 200, 30)).save(path, compress_level=1)
    pixels = open_still(path).latest_frame().pixels
    assert pixels.shape == (205, 4096, 3)
    assert (pixels == (10, 200, 30)).all()


def test_a_broken_picture_or_an_unplayable_animation_is_an_error_of_one_line_with_its_name(
    tmp_path, open_still
):
    path = tmp_path / "a.png"
    for size in (3000, 20):  # cut, header only
        Image.fromarray(np.random.default_rng(1).integers(0, 255, (64, 64, 3), np.uint8)).save(path)
        path.write_bytes(path.read_bytes()[:size])
        with pytest.raises(SourceError) as caught:
            open_still(path)
        assert str(path) in str(caught.value) and "\n" not in str(caught.value)
    path = tmp_path / "a.webp"
    Image.new("RGB", (8, 8)).save(
        path, save_all=True, append_images=[Image.new("RGB", (8, 8), (255, 0, 0))]
    )
    with pytest.raises(SourceError, match="animated WEBP cannot be played"):
        open_still(path)


@pytest.mark.only_on("linux", "darwin", reason="Windows has no FIFO in a folder")
def test_a_fifo_among_the_pictures_of_a_folder_is_reported_and_the_others_are_read(
    tmp_path: Path,
) -> None:
    os.mkfifo(tmp_path / "a.png")
    Image.new("RGB", (4, 3), "red").save(tmp_path / "b.png")
    pictures = open_pictures(tmp_path)
    assert [picture.file_name for picture in pictures.read(1, None)] == ["b.png"]
    assert pictures.counts.unreadable == 1
    assert pictures.counts.notes == [
        f"{tmp_path / 'a.png'}: the picture cannot be read (a FIFO, where a file is needed)"
    ]
