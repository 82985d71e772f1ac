"""The picture of what is prepared, `prepared` among the previews: the look that waits for the next
take, in motion.

    viewers, /preset/prepare ─► process (cli/prepared_program.py) ◄─ orders, 4 per second:
                                  │                                  sound, beat, values
                                  └─ a picture for each order ─► PreviewTap

The process draws with a small engine of its own, at the lowest priority, so the show never waits
for it, and no code is written twice. It runs while something is prepared and somebody watches, and
a while after. An order is sent when the picture before has come: a process that gets no time draws
fewer pictures, and nothing queues up. It gets the sound, and no analysis of it: the prepared look
has a window, a trigger and a hue glide of its own. All waiting is done on a thread of its own,
which exists only as long as the process.
"""

import logging
import threading
import time
from collections.abc import Callable, Mapping
from typing import Any, Final

import msgspec
import numpy as np

import osc_schema
from engine.audio.input import AudioInput
from engine.control.commands.control_hub import ControlHub, RunContext
from engine.errors import ChildError
from engine.params import Tempo
from engine.params.preset_file import LoadedPreset
from engine.params.store import ParamStore
from engine.system.backoff import next_delay_s
from engine.system.guarded_thread import Guard
from engine.system.priority import MAX_NICENESS
from engine.system.reporting import Report
from engine.system.worker_process import WorkerProcess
from engine.web.preview import PreviewTap, encode_preview, is_dark
from osc_schema import ParamType, Value

log = logging.getLogger(__name__)

PICTURE: Final = "prepared"
PROGRAM = "engine.system.priority", "call_when_idle('engine.cli.prepared_program', 'main')"
LONGER_SIDE_PX: Final = 320
MIN_SIDE_PX: Final = 64  # of an engine
PERIOD_S: Final = 0.25
REST_S: Final = 30.0  # with nobody watching, then it ends; an engine takes seconds to start
SOUND_S: Final = (
    3.0  # as much sound at most: the longest window and the automatic gain need it at the start
)
STILL_AT: Final = (
    8  # the picture of a look that becomes its still: by then it has received two seconds of sound
)
DEADLINE_S: Final = 120.0  # for a picture: the process runs only when the show leaves it a core
CHECK_S: Final = 0.05
MAX_END_S: Final = 2.0  # then it is killed
# One thread beside the show, as for trials of shaders.
ENVIRONMENT: Final = {
    name: "1" for name in ("LP_NUM_THREADS", "NUMBA_NUM_THREADS", "OMP_NUM_THREADS")
}


class PreparedSetup(msgspec.Struct, frozen=True, kw_only=True):
    """The first line to the process."""

    renderer: str
    gpu: str | None
    shaders: tuple[str, ...]
    gate: str
    """Shared memory of the engine's gate."""
    sample_rate_hz: int
    channels: int


class DrawOrder(msgspec.Struct, frozen=True, kw_only=True):
    """Every other line to the process, which answers each with a DrawnPicture."""

    size_px: tuple[int, int]
    values: dict[str, Any]
    """Those that have changed; all of them if `is_cut`."""
    is_cut: bool
    """Another look than before."""
    inputs: dict[str, str]
    """Names of the shaders' inputs, see LoadedPreset."""
    sound: bytes
    """(frames, channels) float32 since the order before."""
    beat: float
    bpm: float
    at_s: float
    """When the beat was `beat`, by `time.perf_counter`, which is the same for all processes of a
    machine."""


class DrawnPicture(msgspec.Struct, frozen=True, kw_only=True):
    size_px: tuple[int, int] = (0, 0)
    rgba: bytes = b""
    refusal: str = ""
    """Why there is no picture, in one line; the process ends."""


class PreparedPicture:
    """Draws what is prepared, in a process of its own. `poll` on any one thread; `close` waits for
    the end of it."""

    def __init__(
        self,
        tap: PreviewTap,
        *,
        prepared: Callable[[], LoadedPreset | None],
        store: ParamStore,
        sound: AudioInput,
        tempo: Tempo,
        size_px: Callable[[], tuple[int, int]],
        setup: PreparedSetup,
        report: Report,
        keep: Callable[[LoadedPreset, np.ndarray], None] = lambda preset, rgba: None,
        now_s: Callable[[], float] = time.perf_counter,
    ) -> None:
        """`prepared()`: the preset that waits, None if there is none. `size_px()`: of the show's
        picture. `keep(preset, rgba)` gets a picture of each one that was drawn for a while. All are
        called on the thread."""
        self._tap = tap
        self._prepared = prepared
        self._store = store
        self._sound = sound
        self._tempo = tempo
        self._size_px = size_px
        self._setup = setup
        self._report = report
        self._keep = keep
        self._now_s = now_s
        self._guard = Guard(log, report, "prepared.error", "the picture of what is prepared")
        self._end = threading.Event()
        self._thread: threading.Thread | None = None
        self._process: WorkerProcess | None = None
        self._last_watched_s = float("-inf")
        self._has_drawn = False

    @property
    def pid(self) -> int | None:
        """The number of the process; None while there is none. Any thread."""
        process = self._process
        return process.pid if process is not None else None

    def poll(self, now_s: float) -> bool:
        """Start drawing if somebody watches what is prepared. Never waits; returns False."""
        if (
            self._is_watched()
            and not self._end.is_set()
            and (self._thread is None or not self._thread.is_alive())
        ):
            self._thread = threading.Thread(target=self._run, name="prepared picture", daemon=True)
            self._thread.start()
        return False

    def ask_to_end(self) -> None:
        self._end.set()

    def close(self) -> None:
        """End the drawing process; it gets 2 s."""
        self._end.set()
        if self._thread is not None:
            self._thread.join(MAX_END_S + 1.0)

    # -- the thread ----------------------------------------------------------------------------

    def _is_watched(self) -> bool:
        return self._tap.viewers > 0 and self._prepared() is not None

    def _is_needed(self) -> bool:
        """True while it is watched, and for REST_S after."""
        now_s = self._now_s()
        if self._is_watched():
            self._last_watched_s = now_s
        return not self._end.is_set() and now_s - self._last_watched_s < REST_S

    def _run(self) -> None:
        failures = 0
        while self._is_needed():
            self._has_drawn = False
            fault = self._guard.attempt(self._session) or "its thread failed (see the log)"
            failures = 1 if self._has_drawn else failures + 1
            if self._is_needed():
                delay_s = next_delay_s(failures)
                line = (
                    f"the picture of what is prepared: {fault}; the show goes on, next try in "
                    f"{delay_s:g} s"
                )
                self._report("prepared", line)
                self._end.wait(delay_s)

    def _session(self) -> str:
        """Run the process until it is not needed any more; returns why it ended."""
        try:
            process = WorkerProcess(*PROGRAM, environment=ENVIRONMENT, niceness=MAX_NICENESS)
        except (ChildError, OSError) as error:
            return f"its process cannot be started ({error})"
        self._process = process
        refusal = ""
        try:
            refusal = self._draw(process)
        except TimeoutError:
            process.kill()
            refusal = f"none was drawn within {DEADLINE_S:g} s"
        except EOFError:
            log.debug("the picture of what is prepared: its process has ended")
        finally:
            self._process = None
            process.end(MAX_END_S)
        return refusal or process.reason

    def _draw(self, process: WorkerProcess) -> str:
        """Have pictures drawn until they are not needed any more. Returns the refusal of the
        process, or "". EOFError when it ends, TimeoutError when it hangs."""
        process.send(_line_of(self._setup))
        orders = _OrderFactory(self._store, self._sound)
        due_s = self._now_s()
        # pictures of the present preset
        last = None
        picture_count = 0
        while self._is_needed():
            now_s = self._now_s()
            preset = self._prepared()
            if now_s < due_s or preset is None or not self._tap.wants_frame(now_s):
                self._end.wait(CHECK_S if now_s >= due_s else min(CHECK_S, due_s - now_s))
                continue
            due_s = now_s + PERIOD_S
            beat = self._tempo.beat_at(now_s), self._tempo.bpm, now_s
            process.send(_line_of(orders.next(preset, beat, preview_size(*self._size_px()))))
            picture = self._receive(process, now_s + DEADLINE_S)
            if picture is None or picture.refusal:
                return picture.refusal if picture is not None else ""
            width, height = picture.size_px
            rgba = np.frombuffer(picture.rgba, np.uint8).reshape(height, width, 4)
            self._tap.offer(rgba)
            self._has_drawn = True
            last, picture_count = preset, picture_count + 1 if preset is last else 1
            if picture_count == STILL_AT:
                self._keep(preset, rgba)
        return ""

    def _receive(self, process: WorkerProcess, end_s: float) -> DrawnPicture | None:
        """The next picture; None when the run ends first. EOFError, TimeoutError."""
        while not self._end.is_set():
            line = process.receive(CHECK_S)
            if line is not None:
                return msgspec.json.decode(line, type=DrawnPicture)
            if self._now_s() > end_s:
                raise TimeoutError
        return None


def prepared_picture(
    tap: PreviewTap,
    run: RunContext,
    control_hub: ControlHub,
    sound: AudioInput,
    size_px: Callable[[], tuple[int, int]],
) -> PreparedPicture:
    """The picture of what is prepared at this control hub, offered to `tap`."""
    config = run.config
    presets = control_hub.preset_control

    def keep(preset: LoadedPreset, rgba: np.ndarray) -> None:
        if presets.needs_picture(preset) and not is_dark(jpeg := encode_preview(rgba)):
            presets.save_picture(preset.name, jpeg)

    return PreparedPicture(
        tap,
        prepared=lambda: (
            presets.cache.find(presets.mixer.prepared) if presets.mixer.prepared else None
        ),
        store=control_hub.store,
        sound=sound,
        tempo=control_hub.tempo,
        size_px=size_px,
        setup=PreparedSetup(
            renderer=config.renderer,
            gpu=config.gpu,
            shaders=config.shaders,
            gate=run.gate.segment,
            sample_rate_hz=sound.sample_rate_hz,
            channels=sound.source_channels,
        ),
        report=run.warnings.report,
        keep=keep,
    )


class _OrderFactory:
    """Makes the orders for one process: it knows what that process has been sent."""

    def __init__(self, store: ParamStore, sound: AudioInput) -> None:
        self._store = store
        self._sound = sound
        self._preset: LoadedPreset | None = None
        self._version = -1
        self._values: Mapping[str, Value] = {}
        self._next_sample = 0

    def next(
        self, preset: LoadedPreset, beat: tuple[float, float, float], size_px: tuple[int, int]
    ) -> DrawOrder:
        is_cut = preset is not self._preset
        version = self._store.version
        before = self._values
        if is_cut or version != self._version:
            self._preset = preset
            self._version = version
            present = self._store.snapshot()
            own = preset.by_address()
            self._values = {
                address: own.get(address, present[address]) for address in PICTURE_ADDRESSES
            }
        changed = {
            address: value
            for address, value in self._values.items()
            if is_cut or before[address] != value
        }
        start_sample = self._sound.latest_features().end_sample - round(
            SOUND_S * self._sound.sample_rate_hz
        )
        block = self._sound.read_block(max(self._next_sample, start_sample))
        self._next_sample = block.first_sample + len(block.samples)
        at_beat, bpm, at_s = beat
        return DrawOrder(
            size_px=size_px,
            values=changed,
            is_cut=is_cut,
            inputs=dict(preset.inputs),
            sound=np.ascontiguousarray(block.samples, np.float32).tobytes(),
            beat=at_beat,
            bpm=bpm,
            at_s=at_s,
        )


def preview_size(width: int, height: int) -> tuple[int, int]:
    """A size of this shape whose longer side is 320 px, in even numbers; at least 64 px each."""
    scale = LONGER_SIDE_PX / max(width, height)
    return tuple(max(MIN_SIDE_PX, 2 * round(side * scale / 2)) for side in (width, height))  # type: ignore[return-value]


def _line_of(message: PreparedSetup | DrawOrder) -> bytes:
    return msgspec.json.encode(message) + b"\n"


def _affects_picture(param: osc_schema.Param) -> bool:
    """True for what a small engine needs to draw a look as the show would; not the master, which
    may be black."""
    is_audio = param.area == "audio"
    return param.type is not ParamType.TRIGGER and (
        param.is_look
        or is_audio
        or param.area in ("multiverse", "safety")
        or param.address == "/tempo/beats_a_bar"
    )


PICTURE_ADDRESSES: Final = tuple(
    param.address for param in osc_schema.PARAMS if _affects_picture(param)
)
