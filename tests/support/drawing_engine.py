"""A running engine for tests of the whole: it draws on its own thread, and a client plays it over
OSC."""

import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from engine import Engine, open_engine
from engine.config import build_config
from engine.values import CHANNELS, ChannelFeatures
from tests.support.engine_client import EngineClient
from tests.support.reading_client import ReadingClient
from tests.support.slow_sound import slow_sound


class DrawingEngine(EngineClient):
    """An engine that draws on its own thread, and a client that plays it. The sound is `slow_sound`
    by default."""

    def __init__(
        self,
        config: dict[str, Any],
        wait_for: Callable[..., Any],
        *,
        child: str = "sd",
        plays_sound: bool = False,
    ) -> None:
        self.wait_for = wait_for
        self._child = child
        self.recordings = Path(config["recordings"])
        self.models = self.recordings.parent / "models"
        """The folder under `folders` in [sd]."""
        self.pictures: list[np.ndarray] = []
        self.indices: list[int] = []
        self.features: tuple[ChannelFeatures, ...] = (ChannelFeatures(),) * CHANNELS
        """Features of the newest picture."""
        opened = threading.Event()
        self._errors: list[BaseException] = []

        def play() -> None:
            try:
                with open_engine(
                    build_config(config), sound=None if plays_sound else slow_sound()
                ) as self.engine:
                    opened.set()
                    for frame in self.engine.frames():
                        self.indices.append(frame.index)
                        self.pictures[:] = [frame.read_rgba()]
                        self.features = frame.features
            except BaseException as error:
                self._errors.append(error)
                opened.set()

        self._thread = threading.Thread(target=play)
        self.engine: Engine
        self._thread.start()
        assert opened.wait(120.0)
        if self._errors:
            raise self._errors[0]
        super().__init__(self.engine, ReadingClient(*self.engine.osc_address))

    def set(self, **values: object) -> None:
        """`set(sd_prompt="x")` is `/sd/prompt x`."""
        for name, value in values.items():
            self.engine.params.set("/" + name.replace("__", "/"), value)

    def reset(self, values: dict[str, object]) -> None:
        for result in self.engine.params.set_many(list(values.items()), by="test"):
            assert not isinstance(result, Exception), result

    @property
    def child(self) -> Any:
        return next(child for child in self.engine.status().children if child.name == self._child)

    def await_results(self, count: int = 1) -> None:
        """Until so many more results than now have been published."""
        before = self.child.results
        self.wait_for(
            lambda: self.child.results >= before + count,
            f"{count} results ({self.child})",
            ceiling_s=180.0,
        )

    def colour(self) -> np.ndarray:
        """Mean of the newest picture, RGB."""
        return self.pictures[0][..., :3].reshape(-1, 3).mean(axis=0)

    def shows(self, rgb: tuple[int, int, int], what: str, within: float = 30.0) -> None:
        self.wait_for(
            lambda: self.pictures and np.abs(self.colour() - rgb).max() < within,
            f"{what} on screen",
        )

    def draw(self, frames: int) -> None:
        end = self.engine.times.frames + frames
        self.wait_for(lambda: self.engine.times.frames >= end, f"{frames} more frames")

    def close(self) -> None:
        self.client.close()
        self.engine.stop()
        self._thread.join(120.0)
        assert not self._thread.is_alive()
        if self._errors:
            raise self._errors[0]


def small_config(folder: Path, **more: Any) -> dict[str, Any]:
    files = {name: str(folder / name) for name in ("presets", "recordings")}
    size = {"width": 128, "height": 72, "fps": 12.0}
    return (
        {"audio": "demo", "renderer": "numba", "osc": {"listen": "127.0.0.1:0"}}
        | size
        | files
        | more
    )


def opened_once(
    config: dict[str, Any], child: str, **options: Any
) -> Iterator[Callable[..., DrawingEngine]]:
    """For a fixture of a module: `open_drawing(wait_for)` returns the same engine to all its
    tests."""
    engines: list[DrawingEngine] = []

    def open_drawing(wait_for: Callable[..., Any]) -> DrawingEngine:
        if not engines:
            engines.append(DrawingEngine(config, wait_for, child=child, **options))
        return engines[0]

    yield open_drawing
    for running in engines:
        running.close()


def picture_file(path: Path, rgb: tuple[int, int, int]) -> str:
    cv2.imwrite(str(path), np.full((72, 128, 3), rgb[::-1], np.uint8))
    return str(path)
