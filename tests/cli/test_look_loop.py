"""Loops of looks: without a seam, small, and beginning with the still."""

from io import BytesIO
from pathlib import Path

import numpy as np
from PIL import Image
from typer.testing import CliRunner

from engine.cli.preset import app
from engine.cli.preset_picture import (
    ALL_PICTURES,
    BLENDED,
    MAX_BYTES,
    PICTURE_MS,
    PICTURES,
    close_loop,
    halve,
    webp,
)


def test_a_loop_ends_with_the_picture_before_its_first_and_halving_averages_four_pixels() -> None:
    """A picture that brightens evenly jumps nowhere by more than the dissolve's step."""
    pictures = [np.full((2, 2, 3), 5 * index, np.uint8) for index in range(ALL_PICTURES)]
    levels = [int(picture[0, 0, 0]) for picture in close_loop(pictures)]
    assert levels[0] == 5 * BLENDED and len(levels) == PICTURES
    assert levels[-1] == 5 * (BLENDED - 1)
    assert levels[: PICTURES - BLENDED] == list(range(5 * BLENDED, 5 * PICTURES, 5)), (
        "the rest is as it was drawn"
    )
    assert np.abs(np.diff(levels[PICTURES - BLENDED - 1 :])).max() < 5 * PICTURES / BLENDED
    picture = np.zeros((2, 4, 3), np.uint8)
    picture[0, 0] = picture[:, 2:] = 200
    assert halve(picture)[..., 0].tolist() == [[50, 200]]


def test_a_noisy_loop_is_made_coarser_until_it_is_small() -> None:
    rng = np.random.default_rng(1)
    coarse = (
        rng.integers(0, 256, (PICTURES, 34, 60, 3), np.uint8).repeat(4, axis=1).repeat(4, axis=2)
    )
    encoded = webp(list(coarse[:, :135]))
    with Image.open(BytesIO(encoded)) as image:
        assert (image.format, image.n_frames, image.info["loop"]) == ("WEBP", PICTURES, 0)
    assert len(webp([np.full((135, 240, 3), 9, np.uint8)] * 2)) < len(encoded) <= MAX_BYTES


def test_a_preset_is_drawn_as_a_loop_that_begins_with_its_still(tmp_path: Path) -> None:
    for name in ("loop.webp", "still.png"):
        done = CliRunner().invoke(
            app,
            [
                "picture",
                "VAV original",
                str(tmp_path / name),
                "--size",
                "128x72",
                "--seconds",
                "0.6",
            ],
        )
        assert done.exit_code == 0, done.output
    with Image.open(tmp_path / "loop.webp") as loop, Image.open(tmp_path / "still.png") as still:
        assert (loop.size, loop.n_frames) == ((128, 72), PICTURES)
        first = np.asarray(loop.convert("RGB")).astype(int)
        assert loop.info["duration"] == PICTURE_MS
        assert np.abs(first - np.asarray(still)).mean() < 6
    refused = CliRunner().invoke(app, ["picture", "default", str(tmp_path / "x.gif")])
    assert str(refused.exception) == f"{tmp_path / 'x.gif'}: must end in .jpg, .png or .webp"
