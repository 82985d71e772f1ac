"""The shaders that come with the engine."""

from collections.abc import Callable

import numpy as np
import pytest

from engine.render.isf.isf_file import FOLDER
from engine.render.isf.parse import parse_isf

HARD = {"Gates", "Field"}
"""The edges in their pictures may fall on columns of either kind."""
GENERATORS = [
    path.stem
    for path in sorted(FOLDER.glob("*.fs"))
    if path.stem not in HARD and parse_isf(path.read_text(encoding="utf-8"), path=path).is_generator
]


@pytest.mark.parametrize("name", GENERATORS)
def test_no_picture_is_made_of_blocks_of_2_by_2_pixels(show: Callable[..., np.ndarray], name: str) -> None:
    path = FOLDER / f"{name}.fs"
    file = parse_isf(path.read_text(encoding="utf-8"), path=path)
    picture = show(file, inputs={"hat": 1.0}, size_px=(320, 180), frames=2)[..., :3].astype(float)
    for axis in (0, 1):
        steps = np.moveaxis(np.abs(np.diff(picture, axis=axis)), axis, 0)
        within, between = steps[0::2].mean(), steps[1::2].mean()
        assert between < 1.08 * within, "a block's pixels differ less than those of two blocks"
