"""The beat of a sound file in the frames of an offline run."""

from pathlib import Path

import numpy as np
import pytest
import soundfile

from engine.app import open_engine
from engine.config import build_config
from tests.benchmarks.beat_songs import RATE_HZ, clicks


def test_the_tempo_follows_the_sound_in_the_first_frame_of_each_beat(tmp_path: Path) -> None:
    song = clicks(97.0, 6.0)
    soundfile.write(tmp_path / "clicks.wav", song.sound, RATE_HZ)
    settings = {
        "width": 64,
        "height": 64,
        "fps": 30.0,
        "renderer": "numba",
        "offline": True,
        "web": "off",
    }
    params = {"/tempo/source": "beat", "/mod/8/source": "beat", "/mod/8/target": "/feedback/amount"}
    more = {
        "audio": str(tmp_path / "clicks.wav"),
        "sinks": ("null",),
        "osc": {"listen": "off"},
        "params": params,
    }
    with open_engine(build_config(settings | more)) as engine:
        parts = engine._parts.control_hub
        before, counted_s = 0, []
        for frame in engine.frames(seconds=5.5):
            beats = int(parts.dispatcher.feedback.beat.beat)
            if beats > before:
                counted_s.append(frame.id.time_s)
            before = beats
        (beat,) = [
            values
            for address, values in engine.status().osc_lines()
            if address == "/engine/status/beat"
        ]
        assert beat[:2] == ("beat", "following") and beat[3] > 0.5
        assert parts.tempo.bpm == pytest.approx(97.0, abs=1.0)
        assert engine.params.get("/tempo/bpm") == pytest.approx(97.0, abs=1.0)
    late = np.array([time_s for time_s in counted_s if time_s > 3.0])
    delays = late - song.beats_s[np.abs(late[:, None] - song.beats_s).argmin(axis=1)]
    assert len(late) == 4 and delays.min() > -0.02 and delays.max() < 1 / 30 + 0.02
