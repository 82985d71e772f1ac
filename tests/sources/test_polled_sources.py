"""A source used on the render thread, in a complete engine."""

import sys
import threading
import types

import numpy as np
import pytest

from engine import Config, open_engine
from engine.sources import opening
from engine.sources.texture import TextureSource


def test_a_texture_of_another_program_is_polled_on_the_thread_that_draws(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    seen: list[str] = []

    class Texture(TextureSource):
        kind = "texture"

        def names(self) -> list[str]:
            return ["Arena:Composition"]

        def connect(self, name: str) -> None:
            seen.append(f"connected to {name}")

        def receive(self) -> np.ndarray:
            seen.append(threading.current_thread().name)
            return np.full((48, 64, 3), 200, np.uint8)

        def disconnect(self) -> None:
            seen.append("disconnected")

    module = types.ModuleType("texture_library")
    module.Texture = Texture  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "texture_library", module)
    monkeypatch.setitem(opening.FROM_PROGRAMS, "texture", "texture_library:Texture")
    config = Config(
        width=64,
        height=64,
        audio="demo",
        camera="texture:composition",
        sinks=("null",),
        renderer="numba",
    )
    with open_engine(config) as engine:
        engine.run(count=5)
        status = engine.status().camera
        assert status is not None
        assert (status.state, status.width, status.frames) == ("playing", 64, 5)
        engine._parts.drawing.renderer.renew_context()  # as after a new GL context
        assert seen[-1] == "disconnected"
    assert seen[0] == "connected to Arena:Composition"
    assert seen[1:6] == [threading.current_thread().name] * 5
