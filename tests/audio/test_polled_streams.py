"""A stream that is polled, as on systems without ALSA, on a real sound server."""

import numpy as np
import pytest

from tests.audio.lines import Program

pytestmark = pytest.mark.only_on("linux", reason="PulseAudio through ALSA needs Linux")


# Takes four seconds: the sink wakes up, and a polled stream counts as lost after a second without
# sound.
def test_a_polled_stream_plays_captures_and_reports_its_loss(sound_server, wait_for) -> None:
    program = Program("polled_program.py", environment=sound_server.environment)
    try:
        wait_for(lambda: program.last_line.get("rms", [0, 0])[1] > 0.3, "the tone")
        assert program.last_line["rms"] == pytest.approx([0.0, 0.5 / np.sqrt(2)], abs=0.02)
        assert 0.0 < program.last_line["lead_s"] <= 0.1
        assert 0.0 < program.last_line["age_s"] <= 0.1
        sound_server.kill()
        wait_for(lambda: "lost" in program.last_line, "the loss")
    finally:
        assert program.close() == 0
