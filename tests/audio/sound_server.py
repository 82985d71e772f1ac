"""A PulseAudio of our own, in its own folder, with sinks that nobody hears; and players and recorders on it."""

import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import numpy as np
import soundfile

ROOT = Path(__file__).parents[2]
QUAD = "front-left,front-right,rear-left,rear-right"
PAIR = "front-left,front-right"
RATE_HZ = 48_000


class SoundServer:
    """Two sinks: `multi` of four channels, and the pair `stage`, of which `right` plays on the right side alone.

    ALSA knows `multimon` and `stagemon`, which hear what is played to them, and `stageright`, which plays to `right`.
    """

    def __init__(self, folder: Path) -> None:
        self.environment = {
            **os.environ,
            "HOME": str(folder),
            "XDG_RUNTIME_DIR": str(folder),
            "PULSE_SERVER": f"unix:{folder}/pulse.sock",
            "PYTHONPATH": str(ROOT),
        }
        self.folder = folder
        self._processes: list[subprocess.Popen[bytes]] = []
        devices = {"multimon": "multi.monitor", "stagemon": "stage.monitor", "stageright": "right"}
        (folder / ".asoundrc").write_text(
            "".join(
                f'pcm.{name} {{ type pulse device "{device}" hint {{ show on description "{name}" }} }}\n'
                for name, device in devices.items()
            )
        )

    def start(self, wait_for: Callable[..., object]) -> None:
        load = ("-L", "module-null-sink")
        self._server = self._spawn(
            *("pulseaudio", "-n", "--daemonize=no", "--exit-idle-time=-1", "--use-pid-file=no"),
            *("-L", f"module-native-protocol-unix auth-anonymous=1 socket={self.folder}/pulse.sock"),
            *(load[0], f"{load[1]} sink_name=multi channels=4 rate={RATE_HZ} channel_map={QUAD}"),
            *(load[0], f"{load[1]} sink_name=stage format=float32le channels=2 rate={RATE_HZ} channel_map={PAIR}"),
        )
        wait_for(self._answers, "PulseAudio")
        self.add_right()

    def add_right(self) -> None:
        """Put the sink `right` on."""
        self.pactl(
            *("load-module", "module-remap-sink", "sink_name=right", "master=stage", "channels=1"),
            *("channel_map=mono", "master_channel_map=front-right", "remix=no"),
        )

    def remove_right(self) -> None:
        """Pull it out."""
        self.pactl("unload-module", "module-remap-sink")

    def play(self, sound: np.ndarray, sink: str, channel_map: str) -> None:
        """(frames, channels) float32, once, on these channels and no others."""
        path = self.folder / f"played {len(self._processes)}.wav"
        soundfile.write(path, sound, RATE_HZ, subtype="FLOAT")
        to_the_sink = (f"--channel-map={channel_map}", f"--device={sink}", "--no-remix")
        self._spawn("paplay", "--latency-msec=20", *to_the_sink, str(path))

    def record_stage(self) -> "Recorder":
        """What both sides of `stage` play, on one clock."""
        path = self.folder / f"recorded {len(self._processes)}.raw"
        how = ("--format=float32le", f"--rate={RATE_HZ}", f"--channel-map={PAIR}", "--channels=2", "--latency-msec=20")
        with path.open("wb") as file:
            process = subprocess.Popen(
                ["parec", "--device=stage.monitor", *how],
                env=self.environment,
                stdout=file,
                stderr=subprocess.DEVNULL,
            )
        self._processes.append(process)
        return Recorder(path, process)

    def kill(self) -> None:
        self._server.kill()
        self._server.wait()

    def stop_all(self) -> None:
        for process in self._processes:
            process.kill()
            process.wait()

    def pactl(self, *command: str) -> None:
        subprocess.run(["pactl", *command], env=self.environment, capture_output=True, check=True)

    def _answers(self) -> bool:
        asked = subprocess.run(["pactl", "info"], env=self.environment, capture_output=True, check=False)
        return asked.returncode == 0

    def _spawn(self, *command: str) -> "subprocess.Popen[bytes]":
        quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        process = subprocess.Popen(command, env=self.environment, **quiet)
        self._processes.append(process)
        return process


class Recorder:
    def __init__(self, path: Path, process: "subprocess.Popen[bytes]") -> None:
        self._path = path
        self._process = process

    def sound(self) -> np.ndarray:
        """(frames, 2) float32, so far."""
        samples = np.fromfile(self._path, np.float32)
        return samples[: len(samples) // 2 * 2].reshape(-1, 2)

    def end(self) -> np.ndarray:
        """All of it."""
        self._process.terminate()
        self._process.wait()
        return self.sound()
