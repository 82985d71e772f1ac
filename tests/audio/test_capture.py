"""A real sound server, a real device, four tones: heard, lost, heard again."""

import json
import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import soundfile

ROOT = Path(__file__).parent.parent.parent
TONES_HZ = (220.0, 440.0, 1000.0, 3000.0)
AMPLITUDES = (0.5, 0.4, 0.3, 0.2)
CHANNEL_MAP = "front-left,front-right,rear-left,rear-right"

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="PulseAudio through ALSA is Linux's")


class SoundServer:
    """A PulseAudio of our own, in its own folder, with one four-channel sink that nobody hears."""

    def __init__(self, folder: Path) -> None:
        socket = f"unix:{folder}/pulse.sock"
        self.environment = {
            **os.environ,
            "HOME": str(folder),
            "XDG_RUNTIME_DIR": str(folder),
            "PULSE_SERVER": socket,
            "PYTHONPATH": str(ROOT),
        }
        self._folder = folder
        self._processes: list[subprocess.Popen[bytes]] = []
        (folder / ".asoundrc").write_text(
            'pcm.multimon { type pulse device "multi.monitor" hint { show on description "multimon" } }\n'
        )
        tones = [
            level * np.sin(2 * np.pi * hz * np.arange(48_000 * 40) / 48_000)
            for hz, level in zip(TONES_HZ, AMPLITUDES, strict=True)
        ]
        soundfile.write(folder / "tones.wav", np.stack(tones, axis=1), 48_000)

    def start(self, wait_for) -> None:
        self._server = self._spawn(
            *("pulseaudio", "-n", "--daemonize=no", "--exit-idle-time=-1", "--use-pid-file=no"),
            *("-L", f"module-native-protocol-unix auth-anonymous=1 socket={self._folder}/pulse.sock"),
            *("-L", f"module-null-sink sink_name=multi channels=4 rate=48000 channel_map={CHANNEL_MAP}"),
        )
        wait_for(self._answers, "PulseAudio")

    def play_tones(self) -> None:
        to_the_sink = (f"--channel-map={CHANNEL_MAP}", "--device=multi")
        self._spawn("paplay", "--latency-msec=20", *to_the_sink, str(self._folder / "tones.wav"))

    def kill(self) -> None:
        self._server.kill()
        self._server.wait()

    def stop_all(self) -> None:
        for process in self._processes:
            process.kill()
            process.wait()

    def _answers(self) -> bool:
        asked = subprocess.run(["pactl", "info"], env=self.environment, capture_output=True, check=False)
        return asked.returncode == 0

    def _spawn(self, *command: str) -> "subprocess.Popen[bytes]":
        quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        process = subprocess.Popen(command, env=self.environment, **quiet)
        self._processes.append(process)
        return process


class Listener:
    """The engine's audio in a child process; `heard` is the newest line it printed."""

    def __init__(self, spec: str, environment: dict[str, str]) -> None:
        self.heard: dict = {}
        self._process = subprocess.Popen(
            [sys.executable, str(Path(__file__).parent / "capture_child.py"), spec],
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self._thread = threading.Thread(target=self._read)
        self._thread.start()

    def close(self) -> int:
        """Its exit code."""
        self._process.stdin.close()
        try:
            return self._process.wait(timeout=30)
        except subprocess.TimeoutExpired:
            self._process.kill()
            return self._process.wait()
        finally:
            self._thread.join()
            self._process.stdout.close()

    def _read(self) -> None:
        for line in self._process.stdout:
            self.heard = json.loads(line)


@pytest.fixture
def server(tmp_path_factory, require, wait_for) -> Iterator[SoundServer]:
    for program in ("pulseaudio", "paplay", "pactl"):
        require(shutil.which(program), f"{program} (apt install pulseaudio pulseaudio-utils)")
    plugin = list(Path("/usr/lib").glob("*/alsa-lib/libasound_module_pcm_pulse.so"))
    require(plugin, "ALSA's PulseAudio plugin (apt install libasound2-plugins)")
    try:
        import sounddevice  # noqa: F401
    except OSError:
        require(False, "PortAudio (apt install libportaudio2)")
    server = SoundServer(tmp_path_factory.mktemp("pa"))
    try:
        server.start(wait_for)
        yield server
    finally:
        server.stop_all()


def hears_the_tones(heard: dict) -> bool:
    """Every channel its own tone, and nothing of the others' (they would show in the level)."""
    return (
        heard.get("state") == "playing"
        and np.allclose(heard["pitch_hz"], TONES_HZ, rtol=0.003)
        and np.allclose(heard["rms"], np.array(AMPLITUDES) / np.sqrt(2), rtol=0.02)
    )


def test_four_tones_on_four_channels_are_heard_and_heard_again_after_the_device_was_lost(server, wait_for) -> None:
    server.play_tones()
    listener = Listener("device:MULTIMON", server.environment)
    try:
        wait_for(lambda: hears_the_tones(listener.heard), "four tones on four channels")
        assert listener.heard["channels"] == 4
        assert listener.heard["choice"].startswith("device 'multimon' (4 channels")

        server.kill()
        wait_for(lambda: listener.heard["state"] == "lost", "the loss to be noticed")
        lost_at = listener.heard["end_sample"]
        wait_for(lambda: listener.heard["end_sample"] > lost_at + 48_000, "time to go on")
        assert listener.heard["state"] == "lost"
        assert max(listener.heard["rms"]) == 0.0
        assert listener.heard["wave_peak"] == 0.0
        assert listener.heard["raw_peak"] == 0.0
        assert np.allclose(listener.heard["pitch_hz"], TONES_HZ, rtol=0.01)  # held
        assert [report for report in listener.heard["reports"] if "'multimon' is lost" in report]

        server.start(wait_for)
        server.play_tones()
        wait_for(lambda: hears_the_tones(listener.heard), "the tones to come back")
        assert listener.heard["end_sample"] > lost_at + 48_000
    finally:
        assert listener.close() == 0


def test_a_device_that_is_not_there_is_an_error_that_lists_those_that_are(server, wait_for) -> None:
    listener = Listener("device:no such card", server.environment)
    wait_for(lambda: listener.heard, "an answer")
    assert listener.close() == 0
    assert listener.heard["error"].startswith("no audio input 'no such card'; there are")
    assert "'multimon'" in listener.heard["error"]
