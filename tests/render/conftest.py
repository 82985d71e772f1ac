"""Fixtures: real renderers, and pictures of four plain waves with a few changes."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import pytest

import osc_schema
from engine.errors import NoGLError
from engine.params import PresetFolder
from engine.params.looks import PLAIN
from engine.render.look import Look
from engine.render.opening import open_renderer
from engine.render.picture import (
    DeckPicture,
    Matte,
    PictureCrossfade,
    PictureInput,
    RegionMap,
    Renderer,
)
from engine.values import ChannelFeatures, FoundObject, Segmentation, VideoFrame
from tests.support.pictures import draw_once

PITCHES_HZ = (110.0, 164.8, 220.0, 277.2)
PLAIN_VALUES = {param.address: param.default for param in osc_schema.PARAMS} | PLAIN


@pytest.fixture(scope="module")
def gl_renderers() -> Iterator[list[Renderer]]:
    """The GL renderers opened for this module: the last is used by the next test unless it was
    closed."""
    opened: list[Renderer] = []
    yield opened
    for renderer in opened:
        renderer.close()


@pytest.fixture
def gl(require: Any, gl_renderers: list[Renderer]) -> Iterator[Renderer]:
    """A GL renderer of 64 x 36 without a picture, shared by the module's tests; fails one that
    leaves a GL error."""
    if not gl_renderers or gl_renderers[-1]._is_closed:
        try:
            gl_renderers.append(open_renderer("gl", 64, 36))
        except NoGLError:
            require(False, "OpenGL")
    renderer = gl_renderers[-1]
    renderer.resize(64, 36)
    assert renderer._context.error == "GL_NO_ERROR"
    yield renderer
    if not renderer._is_closed:
        # a closed CPU renderer left none current: an error of its own on Windows
        renderer._context.__enter__()
        assert renderer._context.error == "GL_NO_ERROR"


@pytest.fixture
def cpu() -> Iterator[Renderer]:
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
    return PresetFolder(tmp_path).load("VAV original").by_address()


@pytest.fixture
def values() -> Callable[..., dict[str, Any]]:
    """`values({address: value})`: four plain waves with these changes; the flash guard is off by
    default."""

    def put_together(changes: Mapping[str, Any]) -> dict[str, Any]:
        return PLAIN_VALUES | {"/safety/flash_guard": False} | dict(changes)

    return put_together


@pytest.fixture
def tones() -> Callable[..., np.ndarray]:
    """`tones(pitches_hz)`: 50 ms of four sines, (4, 1024) float32."""

    def four(pitches_hz: tuple[float, ...] = PITCHES_HZ, amplitude: float = 0.6) -> np.ndarray:
        time_s = np.arange(1024) / 1024 * 0.05
        return np.stack([amplitude * np.sin(2 * np.pi * hz * time_s) for hz in pitches_hz]).astype(
            np.float32
        )

    return four


@pytest.fixture
def picture(values: Callable, tones: Callable) -> Callable[..., PictureInput]:
    """`picture({address: value}, waves=..., pitches_hz=..., layer5=pixels, region=indices,
    matte=..., time_s=..., deck=...)`."""

    def put_together(
        changes: Mapping[str, Any] | None = None,
        *,
        waves: np.ndarray | None = None,
        pitches_hz: tuple[float, ...] = PITCHES_HZ,
        layer5: np.ndarray | None = None,
        region: np.ndarray | None = None,
        matte: Matte | None = None,
        time_s: float = 0.0,
        deck: int = 1,
    ) -> PictureInput:
        frame = None
        if layer5 is not None:
            frame = VideoFrame(pixels=layer5, index=0, time_s=0.0, source="test")
        of_deck = DeckPicture(
            deck=deck,
            look=Look.from_values(values(changes or {})),
            waves=tones(pitches_hz) if waves is None else waves,
            features=tuple(ChannelFeatures(pitch_hz=hz) for hz in pitches_hz),
            layer5=PictureCrossfade.of(frame),
            region=None if region is None else RegionMap(indices=region),
            matte=matte,
            time_s=time_s,
        )
        return PictureInput(on_air=of_deck)

    return put_together


@pytest.fixture
def draw(picture: Callable[..., PictureInput]) -> Callable[..., np.ndarray]:
    """Fixture: `draw(renderer, {address: value}, size=(w, h), ...)` returns the finished picture.

    `size` starts from black. Rounded, not dithered, so that levels are known; test_dither.py
    compares the two.
    """

    def draw_one(
        renderer: Renderer,
        changes: Mapping[str, Any] | None = None,
        *,
        size: tuple[int, int] | None = None,
        **more: Any,
    ) -> np.ndarray:
        if size is not None:
            renderer.resize(*size)
        return np.round(draw_once(renderer, picture(changes, **more)).read_rgba16() / 257).astype(
            np.uint8
        )

    return draw_one


@pytest.fixture
def found() -> Callable[..., Segmentation]:
    """`found(masks, ids=(1, 2, ...), scores=(1.0, ...), prompts=(1, ...), picture_px=(64, 48))`:
    masks best first."""

    def put_together(
        masks: Sequence[np.ndarray] | np.ndarray,
        *,
        ids: Sequence[int] | None = None,
        scores: Sequence[float] | None = None,
        prompts: Sequence[int] | None = None,
        picture_px: tuple[int, int] = (64, 48),
    ) -> Segmentation:
        count = len(masks)
        fields = zip(
            ids or range(1, count + 1), prompts or [1] * count, scores or [1.0] * count, strict=True
        )
        return Segmentation(
            objects=tuple(
                FoundObject(id=n, prompt=k, score=s, box=(0.5, 0.5, 1.0, 1.0)) for n, k, s in fields
            ),
            masks=np.array(masks, np.uint8) if count else np.zeros((0, 32, 32), np.uint8),
            picture_px=picture_px,
            index=0,
            time_s=0.0,
        )

    return put_together


@pytest.fixture
def smooth_masks() -> Callable[..., np.ndarray]:
    """`smooth_masks(count, side, seed=0)`: probabilities of blobs with soft edges, (count, side,
    side) float32."""

    def draw(count: int, side: int, seed: int = 0) -> np.ndarray:
        random = np.random.default_rng(seed)
        positions = (np.arange(side) + 0.5) / side
        logits = []
        for _ in range(count):
            (x, y), (wide, high), waves = (
                random.uniform(0.1, 0.9, 2),
                random.uniform(0.1, 0.3, 2),
                random.normal(0, 1, 4),
            )
            turn_x, turn_y = (2 * np.pi * k * positions for k in (3, 2))
            ripple = (
                waves[0] * np.sin(turn_x + waves[1])[None, :]
                + waves[2] * np.cos(turn_y + waves[3])[:, None]
            )
            distance = np.hypot((positions[None, :] - x) / wide, (positions[:, None] - y) / high)
            logits.append(8 * (1 - distance) + ripple)
        return (1 / (1 + np.exp(-np.array(logits)))).astype(np.float32).reshape(count, side, side)

    return draw
