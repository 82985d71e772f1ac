"""Launches on the beat with every source of the tempo: the first changed frame, beside beats that
are known."""

import random
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from engine import Config, open_engine
from engine.config import build_config
from engine.control.launch_queue import LaunchQueue
from engine.osc.encode import encode_message
from engine.params import ParamStore, PresetFolder, Tempo
from engine.system.clock import SteppedClock
from tests.benchmarks.beat_songs import RATE_HZ, clicks
from tests.support.long_form import IS_SOAK, in_long_form
from tests.support.needed import needs
from tests.support.slow_sound import slow_sound

FPS, BPM, BEATS = 60.0, 126.0, 60
BEAT_S = 60.0 / BPM
FIRST_S = 0.213  # of beat 0, between two frames

Event = tuple[float, Callable[[], object]]


def events(source: str, tempo: Tempo, clock: SteppedClock) -> Iterator[Event]:
    """Events of a tempo source with its usual jitter, in order of their times."""
    uneven = random.Random(7)
    if source in ("manual", "beat"):  # taps, 15 ms early or late; beside them the sound is silent
        for beat in range(BEATS):
            at_s = FIRST_S + beat * BEAT_S + uneven.gauss(0.0, 0.015)
            yield at_s, lambda at_s=at_s: tempo.tap(at_s)
    elif source == "midi":
        for tick in range(24 * BEATS):
            at_s = FIRST_S + tick * BEAT_S / 24 + uneven.uniform(0.0, 0.005)
            if not tick:
                yield at_s, lambda at_s=at_s: tempo.midi_start(at_s)
            yield at_s, lambda at_s=at_s: tempo.midi_clock(at_s)
    else:
        for report in range(round(25 * BEATS * BEAT_S)):
            at_s = FIRST_S + report / 25
            beat = (at_s - FIRST_S) / BEAT_S
            late_s = uneven.uniform(0.0, 0.03)
            yield (
                at_s + late_s,
                lambda beat=beat, at_s=at_s: tempo.follow(source, beat=beat, bpm=BPM, at_s=at_s),
            )


@pytest.mark.parametrize("source", ["manual", "beat", "midi", "link", "timecode"])
def test_a_launch_shows_in_the_frame_of_its_beat_with_every_clock(source: str) -> None:
    clock, store = SteppedClock(), ParamStore()
    store.set("/tempo/source", source)
    tempo = Tempo(store, clock)
    launch_queue = LaunchQueue(store, tempo.read_pulse, lambda *message: None)
    waiting, late_frames = list(events(source, tempo, clock)), []
    is_queued = False
    for frame in range(round((BEATS - 1) * BEAT_S * FPS)):
        now_s = frame / FPS
        while waiting and waiting[0][0] <= now_s:
            clock.advance(waiting[0][0] - clock.now_s())
            waiting.pop(0)[1]()
        clock.advance(now_s - clock.now_s())
        tempo.step(now_s)
        for run in launch_queue.step():
            run()
            is_queued = False
            beat = (now_s - FIRST_S) / BEAT_S
            if beat > 8.0:  # a tempo is known
                late_frames.append((beat - round(beat)) * BEAT_S * FPS)
        if not is_queued:
            launch_queue.add("Aurora", "look", "beat", lambda: None, lambda reason: None)
            is_queued = True
    assert len(late_frames) >= 45
    # A tap is a beat by definition, and the tapping hand was uneven by a frame.
    allowed = 2.0 if source in ("manual", "beat") else 1.0
    assert np.percentile(np.abs(late_frames), 95) <= allowed, late_frames


def small_run(**values: Any) -> Config:
    return build_config(
        {"width": 64, "height": 64, "web": "off", "osc": {"listen": "off"}, **values}
    )


def test_a_launch_starts_on_the_beat_of_the_sound(
    tmp_path: Path, make_peer: Callable[..., Any]
) -> None:
    song, path = clicks(BPM, 16.0), tmp_path / "clicks.wav"
    soundfile.write(path, song.sound, RATE_HZ)
    config = small_run(
        fps=FPS, audio=str(path), offline=True, params={"/mode": "simple"}, renderer="numba"
    )
    late_frames = []
    with open_engine(config) as engine:
        dispatcher, store = engine._parts.control_hub.dispatcher, engine._parts.control_hub.store
        sender = make_peer().sender()
        angle = store.get("/layer/1/angle")
        for frame in engine.frames(seconds=15.5 if IS_SOAK else 9.5):
            if store.get("/layer/1/angle") != angle:
                angle = store.get("/layer/1/angle")
                nearest_s = song.beats_s[np.abs(song.beats_s - frame.id.time_s).argmin()]
                if frame.id.time_s > 4.0:
                    late_frames.append((frame.id.time_s - nearest_s) * FPS)
            if frame.index % 20 == 10:
                dispatcher.receive(
                    encode_message("/layer/1/angle", float(frame.index % 170), "beat"), sender
                )
    assert len(late_frames) >= (20 if IS_SOAK else 9)
    assert np.percentile(np.abs(late_frames), 95) <= 1.0, late_frames


WHITE = """/*{ "ISFVSN": "2", "INPUTS": [ { "NAME": "level", "TYPE": "float", "DEFAULT": 0.0 } ] }*/
void main() { gl_FragColor = vec4(vec3(level), 1.0); }"""
FRAMES_TO_BUILD = 8  # a step a frame: compile, a pixel of each pass


@needs("OpenGL")
@pytest.mark.parametrize("fade", [0.0, *in_long_form(4.0)])
def test_the_shader_of_a_queued_look_is_on_the_picture_of_its_beat(
    fade: float, tmp_path: Path, make_peer: Callable[..., Any]
) -> None:
    (tmp_path / "isf").mkdir()
    (tmp_path / "isf" / "White.fs").write_text(WHITE, encoding="utf-8")
    slow_bars = {
        "/tempo/source": "manual",
        "/tempo/bpm": 20.0,
        "/tempo/beats_a_bar": 7,
        "/launch/quantise": "4_bars",
    }
    folders = {"shaders": [str(tmp_path / "isf")], "presets": str(tmp_path / "presets")}
    config = small_run(audio="demo", renderer="gl", params=slow_bars, **folders)
    with open_engine(config, sound=slow_sound()) as engine:
        parts, sender = engine._parts, make_peer().sender()

        def send(address: str, *values: object) -> None:
            parts.control_hub.dispatcher.receive(encode_message(address, *values), sender)

        frames = engine.frames()
        next(frames)
        PresetFolder(tmp_path / "presets").save(
            "white",
            {"/fx/generator/file": "White", "/fx/generator/1": 1.0, "/safety/flash_guard": False},
        )
        parts.control_hub.preset_control._read_folder()
        send("/preset/load", "white", fade)
        while not parts.control_hub.shader_player.upcoming:
            assert engine.params.get("/fx/generator/file") == "", (
                "its four bars of 21 s came before the shader was checked"
            )
            next(frames)
        for _ in range(FRAMES_TO_BUILD):
            before = next(frames).read_rgba()[..., :3].mean()
        assert engine.params.get("/fx/generator/file") == ""
        send("/tempo/bpm", 300.0)
        angle = next(frame for frame in frames if engine.params.get("/fx/generator/file"))
        if not fade:
            assert angle.read_rgba()[..., :3].mean() > before + 60.0, (
                "the picture of the beat has the shader"
            )
        next(frames)  # the cost of a picture is known after it
        assert parts.drawing.renderer.shader_state.costs_ms, (
            "the shader was drawn in the frame of the beat"
        )
