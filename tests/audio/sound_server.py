"""A private PulseAudio in its own folder, with silent sinks, players and recorders."""

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
    """Two sinks: `multi` with four channels, and the stereo `stage`, whose right side is also the
    sink `right`. ALSA devices: `multimon` and `stagemon` capture what these sinks play,
    `stageright` plays to `right`, and `awayout` plays to a sink of another server that can be
    started and killed separately."""

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
        self._away = f"unix:{folder}/away/pulse.sock"
        devices = {
            "multimon": 'device "multi.monitor"',
            "stagemon": 'device "stage.monitor"',
            "stageright": 'device "right"',
            "awayout": f'server "{self._away}" device "away"',
        }
        (folder / ".asoundrc").write_text(
            "".join(
                f'pcm.{name} {{ type pulse {device} hint {{ show on description "{name}" }} }}\n'
                for name, device in devices.items()
            )
        )

    def start(self, wait_for: Callable[..., object]) -> None:
        self._server = self._serve(
            self.folder,
            f"module-null-sink sink_name=multi channels=4 rate={RATE_HZ} channel_map={QUAD}",
            f"module-null-sink sink_name=stage format=float32le channels=2 rate={RATE_HZ} "
            f"channel_map={PAIR}",
            "module-remap-sink sink_name=right master=stage channels=1 channel_map=mono "
            "master_channel_map=front-right remix=no",
        )
        wait_for(lambda: self._answers(self.environment["PULSE_SERVER"]), "PulseAudio")

    def start_away(self, wait_for: Callable[..., object]) -> None:
        """Start the other server, as if plugging its device in."""
        folder = self.folder / "away"
        folder.mkdir(exist_ok=True)
        self._away_server = self._serve(
            folder,
            f"module-null-sink sink_name=away format=float32le channels=2 rate={RATE_HZ} "
            f"channel_map={PAIR}",
        )
        wait_for(lambda: self._answers(self._away), "the other PulseAudio")

    def play(self, sound: np.ndarray, sink: str, channel_map: str) -> None:
        """Play (frames, channels) float32 once, on these channels only."""
        path = self.folder / f"played {len(self._processes)}.wav"
        soundfile.write(path, sound, RATE_HZ, subtype="FLOAT")
        to_the_sink = (f"--channel-map={channel_map}", f"--device={sink}", "--no-remix")
        self._spawn("paplay", "--latency-msec=20", *to_the_sink, str(path))

    def record_away(self) -> "Recorder":
        return self._record("away.monitor", self._away)

    def kill(self) -> None:
        self._server.kill()
        self._server.wait()

    def stop_all(self) -> None:
        for process in self._processes:
            process.kill()
            process.wait()

    def _serve(self, folder: Path, *modules: str) -> "subprocess.Popen[bytes]":
        protocol = f"module-native-protocol-unix auth-anonymous=1 socket={folder}/pulse.sock"
        loaded = [argument for module in (protocol, *modules) for argument in ("-L", module)]
        alone = ("-n", "--daemonize=no", "--exit-idle-time=-1", "--use-pid-file=no")
        return self._spawn("pulseaudio", *alone, *loaded, XDG_RUNTIME_DIR=str(folder))

    def _record(self, monitor: str, server: str) -> "Recorder":
        path = self.folder / f"recorded {len(self._processes)}.raw"
        how = (
            "--format=float32le",
            f"--rate={RATE_HZ}",
            f"--channel-map={PAIR}",
            "--channels=2",
            "--latency-msec=20",
        )
        with path.open("wb") as file:
            process = subprocess.Popen(
                ["parec", f"--server={server}", f"--device={monitor}", *how],
                env=self.environment,
                stdout=file,
                stderr=subprocess.DEVNULL,
            )
        self._processes.append(process)
        return Recorder(path, process)

    def _answers(self, server: str) -> bool:
        command = ["pactl", f"--server={server}", "info"]
        return (
            subprocess.run(
                command, env=self.environment, capture_output=True, check=False
            ).returncode
            == 0
        )

    def _spawn(self, *command: str, **environment: str) -> "subprocess.Popen[bytes]":
        quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        process = subprocess.Popen(command, env=self.environment | environment, **quiet)
        self._processes.append(process)
        return process


class Recorder:
    def __init__(self, path: Path, process: "subprocess.Popen[bytes]") -> None:
        self._path = path
        self._process = process

    def sound(self) -> np.ndarray:
        """(frames, 2) float32 recorded so far."""
        samples = np.fromfile(self._path, np.float32)
        return samples[: len(samples) // 2 * 2].reshape(-1, 2)

    def end(self) -> np.ndarray:
        """Stop and return the whole recording."""
        self._process.terminate()
        self._process.wait()
        return self.sound()
