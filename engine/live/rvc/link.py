"""The engine's end of the voice child: sends the voice and the parameters, receives the converted
voice by sample number. The frame loop's thread uses it for parameters, the pipeline's for sound; a
worker thread does all disk access.
"""

import os
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import Any, Final

import numpy as np

import osc_schema
from engine.children.spec import ChildSpec
from engine.errors import ModelError
from engine.ipc import AudioRing, AudioRingWriter, Gate
from engine.live.kit.child_link import ChildLink, device_settings, require_complete
from engine.live.kit.sent_values import NOTHING
from engine.live.rvc.converted_sound import ConvertedSound
from engine.live.rvc.entry import MODEL, RvcConfig, files_named
from engine.live.rvc.settings import PRELOAD, read_settings
from engine.models.locate import absolute
from engine.models.rvc import VoiceSpec
from engine.models.rvc.check import check
from engine.models.rvc.grid import BlockGrid
from engine.models.rvc.optimization import VARIABLES, OptimizationConfig
from engine.params import Snapshot
from engine.system.reporting import Report
from osc_schema.rvc import CHILD

BUILT: Final = (MODEL, "/rvc/f0", "/rvc/fp16", "/rvc/gpu_retrieval")
"""Addresses of the parameters that are fixed when the model is loaded. Changing one of them needs a
new process."""
Build = Mapping[str, Any]
"""Values of the parameters in `BUILT`, by address."""
AS_DECLARED: Final[Build] = {
    param.address: param.default for param in osc_schema.PARAMS if param.address in BUILT
}
LOOP: Final = "engine.live.rvc.loop:run"
RING_S: Final = (
    12.0  # length of the voice ring: more than the longest block plus the lead-in of a new process
)
NOMINAL_HZ: Final = 48_000  # until the voice's own rate is known
DTYPES: Final = {"auto": "auto", "on": "float16", "off": "float32"}


def spec_of(config: RvcConfig, build: Build = AS_DECLARED) -> VoiceSpec:
    """The voice to load. Reads the disk. Raises ValueError like `files_named`. The child chooses
    the index's device."""
    model, index = files_named(config, build[MODEL])
    return VoiceSpec(
        model=absolute(model),
        index=absolute(index.index),
        index_note=index.note,
        content=absolute(config.content),
        pitch=build["/rvc/f0"],
        rmvpe=absolute(config.rmvpe),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class VoiceTiming:
    """The latency of the conversion in its parts."""

    block_s: float
    lag_s: float
    """Crossfade and SOLA search: a block's output ends this long before the newest sample of its
    input."""
    work_p99_s: float | None
    """99th percentile of the processing time of a block; None while it is unknown."""


class VoiceLink(ChildLink[Build]):
    """The engine's end of the voice child. See below for the thread of each method; `supervisor`,
    `status`: any."""

    def __init__(
        self,
        config: RvcConfig,
        *,
        gate: Gate,
        report: Report,
        set_value: Callable[[str, Any], object],
    ) -> None:
        """`set_value(address, value)` restores a parameter whose new value was refused; called on
        any thread. ConfigError names an environment variable (RVC_*) whose value is not allowed."""
        self._config = config
        self.model = config.model
        """As configured; another may be chosen over OSC."""
        self._set_value = set_value
        # A forked child inherits the environment of its fork server, so our environment is passed
        # in the settings.
        self._environment = {
            name: os.environ[name] for name, _ in VARIABLES.values() if name in os.environ
        }
        OptimizationConfig.resolve("cpu", self._environment)
        settings = self._settings(AS_DECLARED)
        spec = ChildSpec(name=CHILD, loop=LOOP, settings=settings, preload=PRELOAD, niceness=0)
        super().__init__(spec, in_force=AS_DECLARED, gate=gate, report=report)
        self._grid = _grid(NOMINAL_HZ, {})
        self._voice: AudioRingWriter | None = None
        self.converted = ConvertedSound(self.supervisor, "converted")
        """The converted samples, for the pipeline's thread."""
        self._closing.callback(self.converted.close)

    def open_voice(self, rate_hz: int) -> None:
        """Create the shared-memory ring for the voice. Call once, before `start`. May raise
        SharedMemoryError."""
        self._voice = AudioRing.create(
            f"{CHILD} voice", channels=1, rate_hz=rate_hz, seconds=RING_S
        )
        self._closing.callback(self._voice.close)
        self.supervisor.connect_input("voice", self._voice.segment)

    def start(self, snapshot: Snapshot) -> None:
        """Start loading the model with these values. Reads the disk."""
        assert self._voice is not None
        self._grid = _grid(self._voice.rate_hz, snapshot)
        self._change({address: snapshot[address] for address in BUILT})
        self.supervisor.start()

    # -- parameters: the render thread -----------------------------------------------------

    def follow(
        self,
        snapshot: Snapshot,
        values: Mapping[str, object] = NOTHING,
        moved: Mapping[str, float] = NOTHING,
    ) -> None:
        """Send the values that changed since the last frame. A change of a BUILT parameter starts a
        planned swap."""
        changes = self._sent.changes(snapshot, moved)
        if plain := {address: value for address, value in changes.items() if address not in BUILT}:
            self._grid = _grid(self._grid.rate_hz, {**snapshot, **moved})
            self.supervisor.set_values(plain)
        if not changes.keys().isdisjoint(BUILT):
            self._in_background(
                self._change, {address: snapshot[address] for address in BUILT}, of=MODEL
            )

    def _change(self, build: Build) -> None:
        """Request another build unless it is already the latest request. Called by the worker
        thread and by `start`."""
        newest = self._builds.newest
        try:
            files_named(self._config, build[MODEL])
        except ValueError as reason:  # the file existed when the parameter was set
            self._refuse({MODEL: build[MODEL]}, newest, str(reason))
            build = {**build, MODEL: newest[MODEL]}
        if build == newest:
            return
        try:
            require_complete(spec_of(self._config, build), check)
        except ModelError as reason:
            self._refuse(build, newest, str(reason))
        else:
            self._swap(dict(build), self._settings(build))

    def _refuse(self, build: Build, stays: Build, reason: str) -> None:
        refused = {address: value for address, value in build.items() if value != stays[address]}
        # that of a failed process has been reported by the supervisor
        if reason != self.supervisor.status().detail:
            requests = ", ".join(f'{address} "{value}"' for address, value in refused.items())
            self._report("rvc.model", f"{requests}: {reason}; the voice before stays")
        for address in refused:
            self._set_value(address, stays[address])

    def _settings(self, build: Build) -> dict[str, Any]:
        settings = device_settings(
            spec_of(self._config, build), self._config, DTYPES[build["/rvc/fp16"]]
        )
        return settings | {
            "gpu_retrieval": build["/rvc/gpu_retrieval"],
            "environment": self._environment,
        }

    # -- sound: the pipeline's thread ------------------------------------------------------------

    def write_voice(self, block: np.ndarray) -> None:
        """Send the next captured samples of the voice, (n,) float32."""
        assert self._voice is not None
        self._voice.write(block[:, None])

    @property
    def timing(self) -> VoiceTiming:
        """The latency for the requested window, or for the window that the child still uses if that
        is longer."""
        facts = self.supervisor.status().facts
        grid = self._grid
        p99_ms = facts.get("work_p99_ms")
        return VoiceTiming(
            block_s=max(grid.block_s, float(facts.get("block_ms", 0.0)) / 1000.0),
            lag_s=max(grid.lag_s, float(facts.get("lag_ms", 0.0)) / 1000.0),
            work_p99_s=None if p99_ms is None else float(p99_ms) / 1000.0,
        )


def _grid(rate_hz: int, values: Mapping[str, Any]) -> BlockGrid:
    """The block grid that the child will use at this rate."""
    return BlockGrid.of(rate_hz, **asdict(read_settings(values).window))
