"""Four tones from a real device of a real sound server: captured, lost, captured again."""

import numpy as np
import pytest

from tests.audio.lines import Program
from tests.audio.sound_server import QUAD, RATE_HZ

TONES_HZ = (220.0, 440.0, 1000.0, 3000.0)
AMPLITUDES = (0.5, 0.4, 0.3, 0.2)

pytestmark = pytest.mark.only_on("linux", reason="PulseAudio through ALSA needs Linux")


def four_tones() -> np.ndarray:
    time_s = np.arange(RATE_HZ * 40) / RATE_HZ
    tones = [
        level * np.sin(2 * np.pi * hz * time_s)
        for hz, level in zip(TONES_HZ, AMPLITUDES, strict=True)
    ]
    return np.stack(tones, axis=1).astype(np.float32)


def hears_the_tones(measured: dict) -> bool:
    """True if every channel has only its own tone (others would show in the level)."""
    return (
        measured.get("state") == "playing"
        and np.allclose(measured["pitch_hz"], TONES_HZ, rtol=0.003)
        and np.allclose(measured["rms"], np.array(AMPLITUDES) / np.sqrt(2), rtol=0.02)
    )


def test_four_tones_on_four_channels_are_captured_again_after_the_device_was_lost(
    sound_server, wait_for
) -> None:
    sound_server.play(four_tones(), "multi", QUAD)
    listener = Program("capture_child.py", "device:MULTIMON", environment=sound_server.environment)
    try:
        wait_for(lambda: hears_the_tones(listener.last_line), "four tones on four channels")
        assert listener.last_line["channels"] == 4
        assert listener.last_line["choice"].startswith("device 'multimon' (4 channels")

        sound_server.kill()
        wait_for(lambda: listener.last_line["state"] == "lost", "the loss to be noticed")
        lost_at = listener.last_line["end_sample"]
        wait_for(lambda: listener.last_line["end_sample"] > lost_at + 48_000, "another second")
        assert listener.last_line["state"] == "lost"
        assert max(listener.last_line["rms"]) == 0.0
        assert listener.last_line["wave_peak"] == 0.0
        assert listener.last_line["raw_peak"] == 0.0
        # the last pitches are held
        assert np.allclose(listener.last_line["pitch_hz"], TONES_HZ, rtol=0.01)
        assert [
            report for report in listener.last_line["reports"] if "'multimon' is lost" in report
        ]

        sound_server.start(wait_for)
        sound_server.play(four_tones(), "multi", QUAD)
        wait_for(lambda: hears_the_tones(listener.last_line), "the tones to come back")
        assert listener.last_line["end_sample"] > lost_at + 48_000
    finally:
        assert listener.close() == 0
