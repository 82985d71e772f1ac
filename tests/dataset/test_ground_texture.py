"""A ground picture of the user's."""

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from engine.dataset.ground_texture import parse_ground_texture, read_ground_texture
from engine.dataset.layout.ground_cover import GroundOptions, draw_ground_look
from engine.dataset.options import SceneOptions
from engine.dataset.raster.drawing import render
from engine.dataset.raster.plan import bake_ground_texture
from engine.dataset.scene.description import CoverKind, Sun
from engine.errors import UsageError
from tests.dataset.raster.geometries import geometry

NOON = Sun(elevation_deg=90, azimuth_deg=0, energy=2)


@pytest.fixture
def chequered(tmp_path: Path) -> Path:
    """Red and blue fields, 8 x 8 of 8 px."""
    fields = (np.indices((64, 64)) // 8).sum(axis=0) % 2
    path = tmp_path / "own, ground.png"
    cv2.imwrite(
        str(path), np.where(fields[..., None] == 0, (40, 40, 200), (200, 40, 40)).astype(np.uint8)
    )
    return path


def test_the_picture_covers_the_ground_at_its_size_in_both_engines(chequered: Path) -> None:
    """16 m wide: fields of 2 m. Turned by its scene, so fields are counted by how often the colour
    changes."""
    picture = parse_ground_texture(f"{chequered},16")
    look = draw_ground_look(
        SceneOptions(width=200, height=150),
        GroundOptions(ground_texture=(picture,), ground_patches=0),
        (0, 1),
    )
    assert look.cover == "picture"
    assert look.picture is not None and look.picture != picture  # turned and shifted
    look = replace(
        look, grass_share=0.0, picture=replace(look.picture, turn=0.0, shift_x=0.0, shift_y=0.0)
    )
    base = geometry(sun=NOON)
    site = replace(base, scene=replace(base.scene, ground=look))
    for pixels, pixel_m in ((render(site).colors, 0.2), (bake_ground_texture(site, 280), 0.2)):
        is_red = pixels[..., 0].astype(int) > pixels[..., 2]
        assert np.median(np.abs(pixels[..., 0].astype(int) - pixels[..., 2])) > 60
        changes = np.flatnonzero(np.diff(is_red[pixels.shape[0] // 2 + 5].astype(int)))
        assert np.median(np.diff(changes)) * pixel_m == pytest.approx(2.0, abs=0.11)


def test_a_picture_that_changed_during_the_run_is_not_used(chequered: Path) -> None:
    picture = parse_ground_texture(str(chequered))
    cv2.imwrite(str(chequered), np.full((32, 32, 3), 90, np.uint8))
    with pytest.raises(UsageError, match="has changed since the run began"):
        read_ground_texture(picture)


def test_what_cannot_be_a_ground_is_refused_in_one_line(tmp_path: Path) -> None:
    torn, text, tiny = tmp_path / "torn.jpg", tmp_path / "words.txt", tmp_path / "tiny.png"
    torn.write_bytes(b"\xff\xd8\xff\xe0 torn")
    text.write_text("grass", encoding="utf-8")
    cv2.imwrite(str(tiny), np.zeros((4, 4, 3), np.uint8))
    for argument, reason in (
        (str(torn), "is damaged, or no picture"),
        (str(text), "is not a .jpg, .jpeg, .png file"),
        (str(tiny), "4x4 px"),
        (f"{tiny},0", "is not a width of 0.1 to 500 m"),
        (str(tmp_path / "none.png"), "cannot be read"),
        (str(tmp_path), "is not a .jpg"),
    ):
        with pytest.raises(UsageError, match=reason) as caught:
            parse_ground_texture(argument)
        assert "\n" not in str(caught.value)


def test_a_ground_picture_that_would_not_show_is_refused(chequered: Path) -> None:
    picture = parse_ground_texture(str(chequered))
    with pytest.raises(UsageError, match="--ground-texture: has no effect"):
        GroundOptions(ground=((CoverKind.SNOW, 1.0),), ground_texture=(picture,)).check()
    with pytest.raises(UsageError, match="needs --ground-texture"):
        GroundOptions(ground=((CoverKind.PICTURE, 1.0),)).check()
