"""The built-in looks: bright, colourful, moving, and equal to their thumbnails."""

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import osc_schema
from engine import Config, open_engine
from engine.params.looks import LOOKS
from engine.params.presets import PresetFolder

PICTURES = Path(__file__).parents[2] / "engine" / "web" / "page" / "looks"
SIZE = (320, 180)


def drawn(name: str, folder: Path, seconds: tuple[float, ...]) -> list[np.ndarray]:
    """The look on the demo loop at those times: (180, 320, 3) uint8 each."""
    config = Config(width=SIZE[0], height=SIZE[1], fps=30, audio="demo", offline=True, preset=name, presets=str(folder))
    wanted = [round(second * 30) - 1 for second in seconds]
    with open_engine(config) as engine:
        frames = engine.frames(count=max(wanted) + 1)
        return [frame.read_rgba()[..., :3].copy() for frame in frames if frame.index in wanted]


def blocks(picture: np.ndarray) -> np.ndarray:
    """Means of 20 x 20 pixels, (9, 16, 3): JPEG keeps them even for fine patterns."""
    return picture.reshape(9, 20, 16, 20, 3).mean(axis=(1, 3))


@pytest.mark.parametrize("name", LOOKS)
def test_a_look_is_bright_colourful_moving_and_like_its_thumbnail(name: str, tmp_path: Path) -> None:
    early, late = (picture.astype(int) for picture in drawn(name, tmp_path, (2.5, 4.7)))
    assert 25 < late.mean() < 200
    assert (late.max(axis=2) - late.min(axis=2)).mean() > 25, "colours, not greys"
    assert late.max(axis=2).std() > 15, "light and shade"
    assert np.abs(late - early).mean() > 10, "it moves"
    shown = np.asarray(Image.open(PICTURES / f"{name}.jpg"))
    assert np.abs(blocks(shown) - blocks(late)).mean() < 3, (
        f"draw it again: multiverse preset picture {name!r} '{PICTURES / name}.jpg' --overwrite"
    )


@pytest.mark.parametrize("name", LOOKS)
def test_every_value_of_a_look_is_in_range_and_its_routes_have_targets(name: str) -> None:
    for address, value in LOOKS[name].items():
        accepted = osc_schema.accept(address, value)
        assert accepted.value == value and accepted.note == "", address
        assert osc_schema.lookup(address).stored
        if address.endswith("/target") and value:
            assert osc_schema.lookup(value).can_glide


def test_every_built_in_look_has_a_picture(tmp_path: Path) -> None:
    names = set(PresetFolder(tmp_path).list())
    assert {path.stem for path in PICTURES.glob("*.jpg")} == names
    assert set(json.loads((PICTURES / "looks.json").read_text())) == names
