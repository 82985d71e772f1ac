"""A file is heard on a sound output when its picture leaves, on a real sound server."""

import numpy as np
import pytest
import soundfile

from tests.audio.lines import Program
from tests.audio.monitor_program import FPS
from tests.audio.sound_server import RATE_HZ

pytestmark = pytest.mark.only_on("linux", reason="PulseAudio through ALSA needs Linux")

CLICKS = 5


def test_a_click_is_heard_when_its_picture_leaves_and_the_output_can_be_changed(
    sound_server, wait_for
) -> None:
    sound = np.zeros((RATE_HZ * 8, 2), np.float32)
    for click_s in np.arange(0.25, 8.0, 0.5):
        sound[round(click_s * RATE_HZ) :][:48] = 0.7
    path = sound_server.folder / "clicks.wav"
    soundfile.write(path, sound, RATE_HZ)
    program = Program(
        "monitor_program.py", str(path), "device:stageright", environment=sound_server.environment
    )
    try:
        frame_ms = 1000.0 / FPS

        # while a busy machine starves the device, its clicks are late for some time
        def are_in_step() -> bool:
            late_ms = program.last_line.get("late_ms", ())
            return len(late_ms) >= 2 + CLICKS and bool(abs(np.median(late_ms[-CLICKS:])) < frame_ms)

        wait_for(are_in_step, "clicks heard when they are seen")
        assert program.last_line["device_ms"] > frame_ms, (
            "else the device would be in sync by itself"
        )
        program.send(send=["/audio/monitor/open", "awayout"])  # its server does not run
        program.send(send=["/audio/monitor/open", "nowhere"])
        count = program.last_line["heard"]
        wait_for(
            lambda: program.last_line["heard"] >= count + 1,
            "more clicks: what cannot be opened changes nothing",
        )
        assert program.last_line["output"] == "stageright"
        sound_server.start_away(wait_for)
        program.send(send=["/audio/monitor/open", "away"])
        wait_for(
            lambda: program.last_line["output"] == "awayout",
            "a device that was plugged in after the start",
        )
        recorder = sound_server.record_away()
        wait_for(lambda: np.abs(recorder.sound()).max(initial=0.0) > 0.3, "clicks there")
        recorder.end()
        program.send(send=["/audio/monitor/open", "none"])
        wait_for(lambda: program.last_line["state"] == "none", "silence")
        frames, count = program.last_line["frames"], program.last_line["heard"]
        wait_for(lambda: program.last_line["frames"] > frames + FPS, "another second of pictures")
        assert program.last_line["heard"] <= count + 1
    finally:
        assert program.close() == 0
