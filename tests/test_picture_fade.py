"""Tests a fade from Mandala to Eclipse with music, offline, against runs without a fade.

Without effects after the picture: their amounts glide, so a mix of two pictures is not that of two
with effects.
"""

import itertools
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from engine import Engine, open_engine
from engine.config import build_config
from engine.control import OscClient
from engine.control.commands import shader_player
from engine.osc.encode import encode_message
from engine.params import PresetFolder
from engine.params.fade_time import FadeTime
from engine.params.store import entries_of
from osc_schema import Value
from osc_schema.modulation import ROUTES

FPS = 20
BEGIN, FADE_S = 15, 2.0
"""The first frame of the fade, and its length."""
END = BEGIN + round(FADE_S * FPS)
WITHIN = 3  # of 255: both pictures are rounded, then their mix


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("fade")


def without_effects(values: dict[str, Value]) -> dict[str, Value]:
    plain = values | {
        f"/post/{name}": 0.0 for name in ("bloom", "glow", "chromatic", "vignette", "grain")
    }
    for n in ROUTES:
        if str(plain[f"/mod/{n}/target"]).startswith("/post/"):
            plain[f"/mod/{n}/source"] = "off"
    return plain


def open_offline(folder: Path, preset: str = "Mandala"):
    config = {
        "width": 96, "height": 64, "fps": float(FPS), "audio": "demo", "offline": True,
        "renderer": "numba",
        "sinks": ["null"], "osc": {"listen": "off"}, "web": "off", "presets": str(folder),
        "recordings": str(folder),
        "params": {**without_effects(PresetFolder(folder).load(preset).by_address()),
            "/safety/flash_guard": False},
    }  # fmt: skip
    return open_engine(build_config(config))


def load(engine: Engine, name: str, seconds: float, ends: list[str] | None = None) -> None:
    on_end = (lambda superseded_by: None) if ends is None else ends.append
    values = without_effects(engine.presets.load(name).by_address())
    engine._parts.control_hub.crossfade.start(
        entries_of(values.items()),
        FadeTime(seconds),
        by=f"preset {name}",
        ended=on_end,
        is_picture=True,
    )


def pictures(engine: Engine, count: int) -> Iterator[np.ndarray]:
    """The pictures frame by frame, (64, 96, 3) int."""
    for frame in engine.frames(count=count):
        yield frame.read_rgba()[..., :3].astype(int)


@pytest.fixture(scope="module")
def undisturbed(folder: Path) -> list[np.ndarray]:
    with open_offline(folder) as engine:
        return list(pictures(engine, END + 1))


def motion(pictures: list[np.ndarray]) -> np.ndarray:
    """Mean change from each picture to the next."""
    return np.array(
        [np.abs(after - before).mean() for before, after in itertools.pairwise(pictures)]
    )


def test_the_old_look_keeps_moving_and_fades_out_evenly(
    folder: Path, undisturbed: list[np.ndarray]
) -> None:
    played, ends = [], []
    with open_offline(folder) as engine:
        played += pictures(engine, BEGIN)
        load(engine, "Eclipse", FADE_S, ends)
        assert engine.params.get("/mirror/mode") == "off", "every surface shows the new look"
        played += pictures(engine, END - BEGIN)
        assert ends == []
        played += pictures(engine, 8)
        assert ends == [""] and engine.status().last_fade == "both looks are drawn"
    assert np.abs(played[BEGIN] - undisturbed[BEGIN]).max() <= 1, (
        "the first picture of the fade shows Mandala only"
    )
    for frame in range(BEGIN, END):
        mix = (frame - BEGIN) / (END - BEGIN)
        of_next = played[frame] - (1 - mix) * undisturbed[frame]
        assert of_next.min() >= -WITHIN, f"frame {frame}: darker than the remaining part of Mandala"
        assert of_next.max() <= 255 * mix + WITHIN, (
            f"frame {frame}: brighter than the part of Eclipse"
        )
    assert motion(played[BEGIN - 1 : END + 1]).max() < 1.5 * max(
        motion(undisturbed).max(), motion(played[END:]).max()
    )


def test_a_second_fade_starts_without_a_jump_and_panic_cuts(
    folder: Path, undisturbed: list[np.ndarray]
) -> None:
    ends: list[str] = []
    with open_offline(folder) as engine:
        played = list(pictures(engine, BEGIN))
        load(engine, "Eclipse", FADE_S, ends)
        played += pictures(engine, 20)
        load(engine, "Cathedral", FADE_S, ends)
        played += pictures(engine, 20)
        assert ends == ["preset Cathedral"]
        steps, second, revealed = motion(played), BEGIN + 20, 19 / (END - BEGIN)
        of_next = played[second] - (1 - revealed) * undisturbed[second - 1]
        assert of_next.min() >= -WITHIN, "darker than the frozen Mandala"
        assert of_next.max() <= 255 * revealed + WITHIN, "brighter than the part of Eclipse"
        assert (
            steps[second - 1 :].max() <= steps[: second - 1].max() and steps[second - 1 :].min() > 1
        )
        engine.params.set("/master/panic", 1)
        *_, panicked = pictures(engine, 1)
        assert (
            ends == ["preset Cathedral", "/master/panic"]
            and np.abs(panicked - played[-1]).mean() > 10
        )
        assert engine._parts.control_hub.crossfade.progress is None


@pytest.mark.parametrize("name", ["Mandala", "Cathedral"])
def test_the_first_picture_after_a_cut_on_the_beat_is_as_full_as_if_the_look_had_been_on(
    folder: Path, name: str
) -> None:
    started: list[str] = []
    with open_offline(folder, name) as long_on, open_offline(folder, "Poster") as cutting:
        values = without_effects(long_on.presets.load(name).by_address())
        for engine in (long_on, cutting):
            engine.params.set("/tempo/source", "manual")
            engine.params.set("/tempo/bpm", 120.0)
            engine._parts.control_hub.preset_control.cache.folder.save("cut to", values)
            engine._parts.control_hub.preset_control._read_folder()
        control_hub = cutting._parts.control_hub
        steady_pictures, played = [], []
        while not started:
            if len(played) == 5:  # of the 40 of a bar
                control_hub.launch_queue.add_look(
                    "cut to",
                    "bar",
                    lambda name: (control_hub.preset_control.load(name), started.append(name)),
                    started.append,
                    preset="cut to",
                )
            played += pictures(cutting, 1)
            steady_pictures += pictures(long_on, 1)
        assert started == ["cut to"]
    begin = len(played) - 1
    first, steady = (each[begin].mean() for each in (played, steady_pictures))
    assert first > 0.75 * steady, f"{first:.1f} beside {steady:.1f}"


CEILING_S = 300.0


def test_a_cut_to_a_look_whose_shader_is_new_shows_no_picture_of_neither_look(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, require: Any
) -> None:
    monkeypatch.setenv("MULTIVERSE_HOME", str(tmp_path))  # no shader has been tested yet
    # a busy machine tests a shader for seconds
    monkeypatch.setattr(shader_player, "CUT_S", CEILING_S)
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
        client = OscClient(*engine.osc_address)
        after = 0
        for frame in engine.frames(seconds=CEILING_S):
            seen.append(frame.read_rgba()[..., :3].copy())
            if len(seen) == 30:
                client.send(encode_message("/preset/load", "Aurora", 0.0))
            after += bool(drawing.shader_state.costs_ms)
            if after == 10:
                break
        client.close()
    assert after == 10, "Aurora's shader plays"
    assert min([picture.mean() for picture in seen[10:]]) > 5, "a black picture"
    runs = [
        list(run)
        for _, run in itertools.groupby(range(len(seen)), key=lambda number: seen[number].tobytes())
    ]
    still = max(runs, key=len)  # shorter ones are pictures of a sound that was not analysed in time
    assert len(still) > 1 and sum(np.array_equal(each, seen[still[0]]) for each in seen) == len(
        still
    ), "one still"
    assert still[0] >= 29, "of the look before, whose last picture it is"


def test_a_hand_that_moves_back_leaves_no_trace(
    folder: Path, undisturbed: list[np.ndarray]
) -> None:
    played = []
    with open_offline(folder) as engine:
        control_hub = engine._parts.control_hub
        control = control_hub.preset_control
        control.cache.folder.save(
            "plain", without_effects(PresetFolder(folder).load("Eclipse").by_address())
        )
        control._read_folder()
        control.mixer.prepare("plain")
        played += pictures(engine, BEGIN)
        decks = engine._parts.drawing.decks
        first = decks.on_air.number
        on_air = []
        for step in range(END + 1 - BEGIN):
            position = [0.1, 0.3, 0.6, 0.9, 0.5, 0.2][step] if step < 6 else 0.0
            control_hub.store.set("/preset/crossfader", position, by="midi")
            played += pictures(engine, 1)
            on_air.append(decks.on_air.number)
        assert on_air[-1] == first and on_air[1] != first, "the old look's deck is back"
    far = [int(np.abs(one - other).max()) for one, other in zip(played, undisturbed, strict=True)]
    assert max(far[:BEGIN]) == 0 and max(far[BEGIN + 2 : BEGIN + 6]) > 60
    assert max(far[BEGIN + 10 :]) <= WITHIN, "it moves on as if nothing had been"
