"""Tests real looks with music: motion is never frozen, every drawn picture is published, and none
flashes too often."""

import wave
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from engine import Config, open_engine
from engine.render.flash_guard import CELLS
from tests.render.wcag_flashes import general_flashes, linear, red_flashes
from tests.support.long_form import in_long_form

RATE_HZ, FPS, SECONDS = 16_000, 30, 3.0
SIZE = (126, 72)

LOOKS: dict[str, tuple[str | None, dict[str, Any]]] = {
    "default": (None, {}),
    "Silk": ("Silk", {}),
    "brightness pumped by the kick": (
        None,
        {
            "/mod/1/source": "low",
            "/mod/1/target": "/multiverse/brightness",
            "/mod/1/amount": 1.0,
            "/multiverse/brightness": 0.8,
        },
    ),
}
CASES = [
    ("default", "techno with breaks"),
    ("brightness pumped by the kick", "techno"),
    *in_long_form(("Silk", "techno")),
]


def kick(time_s: np.ndarray, bpm: float) -> np.ndarray:
    since_s = time_s % (60 / bpm)
    return np.exp(-since_s / 0.12) * np.sin(
        2 * np.pi * (50 * since_s + 4.8 * (1 - np.exp(-since_s / 0.03)))
    )


def techno(time_s: np.ndarray) -> list[np.ndarray]:
    """Kick and hats at 130 bpm, a bass that ducks, an arpeggio."""
    hats = np.random.default_rng(3).normal(0, 0.4, len(time_s)) * np.exp(
        -(time_s % (60 / 260)) / 0.03
    )
    bass = (
        0.4 * np.sign(np.sin(2 * np.pi * 55 * time_s)) * (1 - np.exp(-(time_s % (60 / 130)) / 0.15))
    )
    notes = 0.5 * np.sin(2 * np.pi * 440 * 2 ** (np.floor(time_s * 4.33) % 5 / 12) * time_s)
    return [0.9 * kick(time_s, 130), hats, bass, notes]


MUSIC: dict[str, Callable[[np.ndarray], list[np.ndarray]]] = {
    "techno": techno,
    "techno with breaks": lambda time_s: [voice * (time_s % 1.5 < 1.0) for voice in techno(time_s)],
}


@pytest.fixture(scope="module")
def music(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of sound files, one channel a layer."""
    folder = tmp_path_factory.mktemp("music")
    for name, play in MUSIC.items():
        samples = np.stack(play(np.arange(int(RATE_HZ * SECONDS)) / RATE_HZ), axis=1)
        with wave.open(str(folder / f"{name}.wav"), "wb") as file:
            file.setnchannels(samples.shape[1])
            file.setsampwidth(2)
            file.setframerate(RATE_HZ)
            file.writeframes((samples.clip(-1, 1) * 32767).astype("<i2").tobytes())
    return folder


def rendered(look: str, sound: Path, presets: Path) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Pictures as drawn, as published, and as published without dither, (frames, height, width, 3)
    uint8 each."""
    preset, params = LOOKS[look]
    config = Config(
        width=SIZE[0],
        height=SIZE[1],
        fps=FPS,
        audio=str(sound),
        offline=True,
        renderer="numba",
        preset=preset,
        presets=str(presets),
        params=params,
    )
    raw, published, undithered = [], [], []
    with open_engine(config) as engine:
        renderer = engine._parts.drawing.renderer._renderer
        for frame in engine.frames(count=int(FPS * SECONDS)):
            raw.append(np.round(renderer._current[..., :3] / 257).astype(np.uint8))
            published.append(frame.read_rgba()[..., :3].copy())
            undithered.append(np.round(frame.read_rgba16()[..., :3] / 257).astype(np.uint8))
    return np.array(raw), np.array(published), np.array(undithered)


@pytest.mark.parametrize(("look", "sound"), CASES)
def test_motion_is_never_frozen_and_flashes_seldom(
    look: str, sound: str, music: Path, tmp_path: Path
) -> None:
    raw, published, undithered = rendered(look, music / f"{sound}.wav", tmp_path)
    has_moved, has_changed = (
        (each[1:] != each[:-1]).any(axis=(1, 2, 3)) for each in (raw, published)
    )
    assert has_moved.mean() > 0.5
    frozen = np.flatnonzero(has_moved & ~has_changed)
    assert not len(frozen), f"frames held: {frozen}"
    assert likeness(raw, undithered).min() > 0.9
    # Full white after black may be dimmed to a twentieth, but not further.
    assert (linear(published).sum(axis=(1, 2, 3)) >= 0.05 * linear(raw).sum(axis=(1, 2, 3))).all()

    times_s = np.arange(len(published)) / FPS
    assert general_flashes(published, times_s) <= 3
    assert red_flashes(published, times_s) <= 3


def likeness(raw: np.ndarray, published: np.ndarray) -> np.ndarray:
    """Correlation of differences between neighbouring pixels, (frames,), 1 for equal shapes. Mixing
    adds shapes."""

    def edges(pictures: np.ndarray) -> np.ndarray:
        luma = pictures.astype(float).mean(axis=-1)
        return np.diff(luma, axis=2)[:, : -(luma.shape[1] % CELLS) or None].reshape(
            len(pictures), -1
        )

    one, other = edges(raw), edges(published)
    product = (one * other).sum(axis=1)
    scale = np.sqrt((one**2).sum(axis=1) * (other**2).sum(axis=1))
    return np.where(scale > 0, product / np.maximum(scale, 1e-9), 1.0)
