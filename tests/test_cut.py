"""A preset without a fade, in a whole engine that plays: no picture between the two looks."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from engine import open_engine
from engine.config import build_config
from engine.control import OscClient
from engine.control.commands import shader_stage
from engine.osc import encode_message

MAX_PICTURES = 1800


def test_a_cut_to_a_look_whose_shader_is_new_shows_no_picture_of_neither_look(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, require: Callable[[object, str], None]
) -> None:
    monkeypatch.setenv("MULTIVERSE_HOME", str(tmp_path))  # no shader has been tested yet
    monkeypatch.setattr(shader_stage, "CUT_S", 60.0)  # a busy machine tests a shader for seconds
    config = build_config(
        {
            "width": 128, "height": 72, "fps": 30.0, "audio": "demo", "renderer": "numba",
            "presets": str(tmp_path), "osc": {"listen": "127.0.0.1:0"},
        }
    )  # fmt: skip
    seen: list[np.ndarray] = []
    with open_engine(config) as engine:
        drawing = engine._parts.drawing.renderer
        require(drawing.shader_driver, "OpenGL")
        desk = OscClient(*engine.osc_address)
        after = 0
        for frame in engine.frames(count=MAX_PICTURES):
            seen.append(frame.read_rgba()[..., :3].copy())
            if len(seen) == 30:
                desk.send(encode_message("/preset/load", "Aurora", 0.0))
            after += bool(drawing.shader_state.costs_ms)
            if after == 10:
                break
        desk.close()
    assert after == 10, "Aurora's shader plays"
    brightness = [picture.mean() for picture in seen[10:]]
    assert min(brightness) > 5, "a black picture"
    held = [number for number in range(30, len(seen) - 1) if np.array_equal(seen[number], seen[number + 1])]
    assert held == list(range(held[0], held[-1] + 1)), "one still, and then the new look"
