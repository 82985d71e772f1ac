"""The engine's end of the voice child: the voice in, parameters in, the converted voice out, by sample number.

Two threads: the frame loop's, which follows the parameters, and the desk's, which has the sound. Neither waits: what
needs a disk is done by a worker.
"""

import os
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from dataclasses import asdict, dataclass
from typing import Any, Final

import numpy as np

from engine.children.spec import ChildSpec, ChildStatus
from engine.children.supervisor import Supervisor
from engine.config import RvcConfig
from engine.errors import ModelError
from engine.ipc import AudioRing, AudioRingWriter, Gate
from engine.live.kit.requests import Requests
from engine.live.kit.sent_values import NOTHING, ToldValues
from engine.live.rvc.converted_sound import ConvertedSound
from engine.live.rvc.settings import PRELOAD, read_settings
from engine.live.rvc.spec import AS_DECLARED, BUILT, MODEL, files_named, require_complete, spec_of
from engine.models.rvc.grid import BlockGrid
from engine.models.rvc.optimization import VARIABLES, OptimizationConfig
from engine.params import Snapshot
from engine.system.daemon_worker import DaemonWorker
from engine.system.reporting import Report
from osc_schema.rvc import CHILD

LOOP: Final = "engine.live.rvc.loop:run"
KEPT_S: Final = 12.0  # of the voice: more than the longest block, and what a new process listens to before it
NOMINAL_HZ: Final = 48_000  # until the voice's own rate is known
DTYPES: Final = {"auto": "auto", "on": "float16", "off": "float32"}


@dataclass(frozen=True, slots=True, kw_only=True)
class VoiceTiming:
    """What a converted sample needs before it can be heard."""

    block_s: float
    lag_s: float
    """Crossfade and search: so much before the newest sample of its block ends what is made of it."""
    work_p99_s: float | None
    """What all but a hundredth of the blocks take at most; None while nothing is known."""


class VoiceLink:
    """Each method says whose thread it is for; `supervisor` and `status` are for any."""

    def __init__(self, config: RvcConfig, *, gate: Gate, report: Report, set_value: Callable[[str, Any], None]) -> None:
        """`set_value(address, value)` puts a parameter back that could not be had, on any thread. ConfigError names a
        variable of the environment (RVC_*) that is no such value."""
        self._config = config
        self._report = report
        self._set_value = set_value
        # A forked child has its server's environment: what ours says of voices travels with the settings.
        self._environment = {name: os.environ[name] for name, _ in VARIABLES.values() if name in os.environ}
        OptimizationConfig.from_environment(self._environment, "cpu")
        self.supervisor = Supervisor(
            ChildSpec(name=CHILD, loop=LOOP, settings=self._settings(AS_DECLARED), preload=PRELOAD, niceness=0),
            report=report,
            gate=gate,
        )
        self.supervisor.on_swap = self._on_swap
        self._builds: Requests[dict[str, Any]] = Requests(AS_DECLARED)
        """Values of `BUILT`, by address."""
        self._worker = DaemonWorker("rvc files")
        self._told = ToldValues(CHILD)
        self._grid = _grid(NOMINAL_HZ, {})
        self._voice: AudioRingWriter | None = None
        self._converted = ConvertedSound(self.supervisor, "converted")

    def open_voice(self, rate_hz: int) -> None:
        """Make the ring that the voice is written to. Once, before `start`. SharedMemoryError when there is no room."""
        self._voice = AudioRing.create(f"{CHILD} voice", channels=1, rate_hz=rate_hz, seconds=KEPT_S)
        self.supervisor.connect_input("voice", self._voice.segment)

    def start(self, values: Snapshot) -> None:
        """Begin to load the model as these values have it. Touches the disk."""
        assert self._voice is not None
        self._grid = _grid(self._voice.rate_hz, values)
        self._change(self._built_as(values))
        self.supervisor.start()

    def ask_to_end(self) -> None:
        """Begin to end without waiting: the child is asked to stop."""
        self.supervisor.on_swap = None  # one that is under way now fails nobody
        self.supervisor.ask_to_end()

    def close(self) -> None:
        """When the desk's thread has ended."""
        self.ask_to_end()
        self._worker.shutdown()
        self.supervisor.close()
        self._converted.close()
        if self._voice is not None:
            self._voice.close()

    def status(self) -> ChildStatus:
        """Any thread. After `close`: what the child last said of itself."""
        return self.supervisor.status()

    # -- parameters: the frame loop's thread -----------------------------------------------------

    def follow(self, values: Snapshot, moved: Mapping[str, float] = NOTHING) -> None:
        """Tell the child what has changed since the last frame; another build is a planned swap."""
        news = self._told.news(values, moved)
        plain = {address: value for address, value in news.items() if address not in BUILT}
        if plain:
            self._grid = _grid(self._grid.rate_hz, {**values, **moved})
            self.supervisor.set_values(plain)
        if not news.keys().isdisjoint(BUILT):
            self._worker.submit(self._change, self._built_as(values)).add_done_callback(self._report_failure)

    def _change(self, build: Mapping[str, Any]) -> None:
        """Go over to another build, unless it is the one that was asked for last. The worker's thread, and `start`."""
        newest = self._builds.newest
        try:
            files_named(self._config, build[MODEL])
        except ValueError as reason:  # it was there when it was set
            self._refuse({MODEL: build[MODEL]}, newest, str(reason))
            build = {**build, MODEL: newest[MODEL]}
        if build == newest:
            return
        try:
            require_complete(spec_of(self._config, build))
        except ModelError as reason:
            self._refuse(build, newest, str(reason))
        else:
            self._builds.begin(dict(build))
            self.supervisor.swap(self._settings(build))

    def _on_swap(self, is_done: bool, reason: str) -> None:
        """The supervisor's thread: of the swaps under way the first has ended."""
        build, is_last = self._builds.end(is_done)
        if not is_done and is_last:  # else it was given up for the next
            self._refuse(build, self._builds.in_force, reason)

    def _refuse(self, build: Mapping[str, Any], stays: Mapping[str, Any], reason: str) -> None:
        refused = {address: value for address, value in build.items() if value != stays[address]}
        asked = ", ".join(f'{address} "{value}"' for address, value in refused.items())
        self._report("rvc.model", f"{asked}: {reason}; the voice before stays")
        for address in refused:
            self._set_value(address, stays[address])

    def _report_failure(self, changed: Future[None]) -> None:
        if (error := changed.exception()) is not None:
            self._report("rvc.files", f"{MODEL} cannot be looked up: {type(error).__name__}: {error}")

    @staticmethod
    def _built_as(values: Snapshot) -> dict[str, Any]:
        return {address: values[address] for address in BUILT}

    def _settings(self, build: Mapping[str, Any]) -> dict[str, Any]:
        config = self._config
        return {
            "spec": asdict(spec_of(config, build)),
            "device": config.device,
            "dtype": DTYPES[build["/rvc/fp16"]],
            "gpu_retrieval": build["/rvc/gpu_retrieval"],
            "environment": self._environment,
            "threads": config.threads,
        }

    # -- sound: the desk's thread ----------------------------------------------------------------

    @property
    def heard_samples(self) -> int:
        """Samples of the voice so far: the number of the next one."""
        return 0 if self._voice is None else self._voice.end_sample

    def hear(self, block: np.ndarray) -> None:
        """The next samples of the voice as captured, (n,) float32."""
        assert self._voice is not None
        self._voice.write(block[:, None])

    def converted(self, first: int, frames: int) -> tuple[np.ndarray, np.ndarray]:
        """What was made of the samples from `first` on and whether it was, each (frames,) float32; 0.0 where nothing
        is. Ask for later and later ones."""
        return self._converted.read(first, frames)

    def is_converted(self, sample: int) -> bool:
        """Whether something was made by now of a sample that was asked for already."""
        return self._converted.has(sample)

    @property
    def converted_end(self) -> int:
        """The number of the sample after the newest that was made of the voice; 0 while there is none."""
        return self._converted.end

    @property
    def timing(self) -> VoiceTiming:
        """Of the lengths that are asked for, or that the child still has where those are longer."""
        facts, grid = self.status().facts, self._grid
        p99_ms = facts.get("work_p99_ms")
        return VoiceTiming(
            block_s=max(grid.block_s, float(facts.get("block_ms", 0.0)) / 1000.0),
            lag_s=max(grid.lag_s, float(facts.get("lag_ms", 0.0)) / 1000.0),
            work_p99_s=None if p99_ms is None else float(p99_ms) / 1000.0,
        )


def _grid(rate_hz: int, values: Mapping[str, Any]) -> BlockGrid:
    """How the child will cut a sound of that rate."""
    return BlockGrid.of(rate_hz, **asdict(read_settings(values).window))
