"""Real renderers, and pictures put together from the schema's defaults and a few changes."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np
import pytest

import osc_schema
from engine.errors import NoGLError
from engine.frame import ChannelFeatures, VideoFrame
from engine.params import PresetFolder
from engine.render import Look, PictureInput, RegionMap, Renderer, open_renderer

PITCHES_HZ = (110.0, 164.8, 220.0, 277.2)
DEFAULTS = {param.address: param.default for param in osc_schema.PARAMS}


@pytest.fixture
def gl(require: Callable[[object, str], None]) -> Iterator[Renderer]:
    """A GL renderer; no test may leave a GL error behind."""
    try:
        renderer = open_renderer("gl", 64, 36)
    except NoGLError as error:
        require(False, str(error))
    assert renderer._context.error == "GL_NO_ERROR"
    yield renderer
    if not renderer._is_closed:
        assert renderer._context.error == "GL_NO_ERROR"
    renderer.close()


@pytest.fixture
def cpu() -> Iterator[Renderer]:
    """A Numba renderer."""
    renderer = open_renderer("numba", 64, 36)
    yield renderer
    renderer.close()


@pytest.fixture(params=["gl", "cpu"])
def renderer(request: pytest.FixtureRequest) -> Renderer:
    """Both renderers in turn."""
    return request.getfixturevalue(request.param)


@pytest.fixture
def vav(tmp_path: Any) -> dict[str, Any]:
    """The built-in preset VAV original, address -> value."""
    return dict(PresetFolder(tmp_path).load("VAV original").values)


@pytest.fixture
def values() -> Callable[..., dict[str, Any]]:
    """`values({address: value})`: all parameters at their defaults but these; the flash guard off unless asked for."""

    def put_together(changes: Mapping[str, Any]) -> dict[str, Any]:
        return DEFAULTS | {"/safety/flash": False} | dict(changes)

    return put_together


@pytest.fixture
def tones() -> Callable[..., np.ndarray]:
    """`tones(pitches_hz)`: what 50 ms of four sines look like, (4, 1024) float32."""

    def four(pitches_hz: tuple[float, ...] = PITCHES_HZ, amplitude: float = 0.6) -> np.ndarray:
        time_s = np.arange(1024) / 1024 * 0.05
        return np.stack([amplitude * np.sin(2 * np.pi * hz * time_s) for hz in pitches_hz]).astype(np.float32)

    return four


@pytest.fixture
def picture(values: Callable, tones: Callable) -> Callable[..., PictureInput]:
    """`picture({address: value}, waves=..., pitches_hz=..., layer5=pixels, region=indices, time_s=...)`."""

    def put_together(
        changes: Mapping[str, Any] | None = None,
        *,
        waves: np.ndarray | None = None,
        pitches_hz: tuple[float, ...] = PITCHES_HZ,
        layer5: np.ndarray | None = None,
        region: np.ndarray | None = None,
        time_s: float = 0.0,
    ) -> PictureInput:
        return PictureInput(
            look=Look.from_values(values(changes or {})),
            waves=tones(pitches_hz) if waves is None else waves,
            features=tuple(ChannelFeatures(pitch_hz=hz) for hz in pitches_hz),
            layer5=None if layer5 is None else VideoFrame(pixels=layer5, index=0, time_s=0.0, source="test"),
            region=None if region is None else RegionMap(indices=region),
            time_s=time_s,
        )

    return put_together


@pytest.fixture
def draw(picture: Callable[..., PictureInput]) -> Callable[..., np.ndarray]:
    """`draw(renderer, {address: value}, size=(w, h), ...)`: the finished picture; a size starts from black."""

    def draw_one(
        renderer: Renderer,
        changes: Mapping[str, Any] | None = None,
        *,
        size: tuple[int, int] | None = None,
        **more: Any,
    ) -> np.ndarray:
        if size is not None:
            renderer.resize(*size)
        renderer.draw(picture(changes, **more))
        renderer.wait()
        return renderer.read_rgba()

    return draw_one
