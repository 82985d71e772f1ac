"""A file is heard on a sound output when its picture leaves, on a real sound server."""

import sys

import numpy as np
import pytest
import soundfile

from tests.audio.lines import Program
from tests.audio.monitor_program import FPS
from tests.audio.sound_server import RATE_HZ

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="PulseAudio through ALSA needs Linux")

CLICKS = 5


def test_a_click_is_heard_when_its_picture_leaves_and_the_output_can_be_changed(sound_server, wait_for) -> None:
    sound = np.zeros((RATE_HZ * 8, 2), np.float32)
    for place_s in np.arange(0.25, 8.0, 0.5):
        sound[round(place_s * RATE_HZ) :][:48] = 0.7
    path = sound_server.folder / "clicks.wav"
    soundfile.write(path, sound, RATE_HZ)
    program = Program("monitor_program.py", str(path), "device:stageright", environment=sound_server.environment)
    try:
        frame_ms = 1000.0 / FPS

        def are_in_step() -> bool:  # while a busy machine starves the device, its clicks are late for some time
            late_ms = program.said.get("late_ms", ())
            return len(late_ms) >= 2 + CLICKS and bool(abs(np.median(late_ms[-CLICKS:])) < frame_ms)

        wait_for(are_in_step, "clicks heard when they are seen")
        assert program.said["device_ms"] > frame_ms, "else this shows nothing: the device would be in step by itself"
        program.tell(send=["/audio/monitor/open", "awayout"])  # its server does not run
        program.tell(send=["/audio/monitor/open", "nowhere"])
        heard = program.said["heard"]
        wait_for(lambda: program.said["heard"] >= heard + 1, "more clicks: what cannot be opened changes nothing")
        assert program.said["word"] == "stageright"
        sound_server.start_away(wait_for)
        program.tell(send=["/audio/monitor/open", "away"])
        wait_for(lambda: program.said["word"] == "awayout", "a device that was plugged in after the start")
        recorder = sound_server.record_away()
        wait_for(lambda: np.abs(recorder.sound()).max(initial=0.0) > 0.3, "clicks there")
        recorder.end()
        program.tell(send=["/audio/monitor/open", "none"])
        wait_for(lambda: program.said["state"] == "none", "silence")
        frames, heard = program.said["frames"], program.said["heard"]
        wait_for(lambda: program.said["frames"] > frames + FPS, "another second of pictures")
        assert program.said["heard"] <= heard + 1
    finally:
        assert program.close() == 0
