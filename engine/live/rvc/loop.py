"""The voice child: converts each block of the voice as soon as it is complete.

START HERE, then `engine.models.rvc.stream` (how a block is converted), `arrivals` (when the next
block will be complete), `settings`.

Samples keep their numbers: sample n of `converted` is made from sample n of `voice`, and a second
channel says whether it was converted. All blocks are aligned to one grid, so that two processes
produce the same blocks while one takes over from the other. No sample is published twice, and a
child that is more than one block behind skips blocks. A conversion that starts in the middle of a
phrase first processes the preceding sound.

If the model cannot be loaded, or the device stays out of memory, the child exits and is not
restarted. NaN and infinite input samples are replaced by silence; a block whose output is not
finite is skipped.
"""

import math
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Final, TypeVar

import numpy as np

from engine.children.messages import Fact
from engine.children.port import ChildPort
from engine.ipc import AudioRingReader, Phase
from engine.live.kit.figures import StageTimes
from engine.live.kit.model_loading import fail_on_lost_device, load_on_device, with_less_memory
from engine.live.rvc.arrivals import Arrivals
from engine.live.rvc.auto_pitch import AutoPitch
from engine.live.rvc.settings import Window, read_settings
from engine.models.rvc import VoiceSettings, VoiceSpec
from engine.models.rvc.optimization import OptimizationConfig

if TYPE_CHECKING:
    from engine.models.rvc.model import VoiceModel
    from engine.models.rvc.stream import LiveVoice

RECENT_BLOCKS: Final = 512
MIN_BLOCKS: Final = (
    8  # measured before the machine is reported as too slow: the first blocks include warm-up
)
MAX_NAP_S: Final = (
    0.05  # poll interval of the control pipe: the longest time before a value is read
)
MAX_WAITING: Final = 2  # complete blocks that the window holds: the newest, and one that is late
RING_S: Final = (
    8.0  # length of the converted ring: more than the longest delay (5 s) plus the longest block
)
CHANNELS: Final = 2  # the sound and its presence

T = TypeVar("T")


def run(port: ChildPort) -> None:
    """The child's main function; returns when it must stop. `port.settings`: `spec` (the fields of
    VoiceSpec), `device` and `dtype` (or auto), `gpu_retrieval` (auto, on, off), `environment` (the
    engine's RVC_*), `threads`. Values: `/rvc/*`. Input `voice`: mono, of any rate. Output
    `converted`, at the same rate: the sound in channel 0, its presence in channel 1. Command
    `empty_cache`."""
    with fail_on_lost_device(port):
        model = load_model(port)
        while not port.should_stop and port.audio_input("voice") is None:
            port.enter(Phase.IDLE)
            port.poll()
            time.sleep(MAX_NAP_S)
        if not port.should_stop:
            VoiceLoop(port, model).run()


class VoiceLoop:
    """The main loop of the voice child, and its state. Main thread."""

    def __init__(self, port: ChildPort, model: "VoiceModel") -> None:
        """`port` must have the input `voice`."""
        self._port = port
        self._model = model
        chosen = OptimizationConfig.resolve(model.device.type, port.settings["environment"])
        self._is_always_profiled = chosen.profiling
        self._settings = read_settings(port.values)
        self._values_version = port.values_version
        self._figures = VoiceFigures()
        self._phase = Phase.CAPTURING
        self._next: int | None = None
        """Number of the next block; None: start over."""
        self._joined_from = 0
        """First sample at full level; before it the output fades in from silence."""
        self._auto_pitch = AutoPitch()
        self._notes: set[str] = set()
        self._slow_window: Window | None = None
        """The window that was last reported as too slow for this machine."""
        reader = port.audio_input("voice")
        assert reader is not None
        self._open_rings(reader)
        self._live = self._open_stream()
        port.on_call("empty_cache", lambda: model.free(self._live.free_memory))

    def run(self) -> None:
        port = self._port
        port.pass_trial("model", self._model.spec.model)
        port.ready(**self._facts_once())
        while not port.should_stop:
            port.poll()
            self._follow_values()
            time.sleep(min(self._step(), MAX_NAP_S))
            self._report_facts()
        # Finish this block before stopping: the next process takes over after it, and no block is
        # missing.
        if (
            self._settings.is_enabled
            and self._next is not None
            and self._read(self._next) is not None
        ):
            self._convert(self._next)

    # -- values

    def _follow_values(self) -> None:
        if self._port.values_version == self._values_version:
            return
        self._values_version = self._port.values_version
        before = self._settings
        self._settings = read_settings(self._port.values)
        if self._settings.window != before.window:
            self._reopen_stream()
        if before.is_profiled and not self._is_profiled:
            self._port.facts(**dict.fromkeys(self._figures.stages_ms(), 0.0))
        self._live.settings = self._voice()

    def _follow_input(self) -> bool:
        """Open the voice ring that the engine writes to now; True if there is one. New rings count
        samples from 0."""
        reader = self._port.audio_input("voice")
        if reader is None:
            return False
        if reader is not self._reader:
            self._open_rings(reader)
            self._reopen_stream()
        return True

    def _open_rings(self, reader: AudioRingReader) -> None:
        self._reader = reader
        self._writer = self._port.open_audio_output("converted", CHANNELS, reader.rate_hz, RING_S)

    def _reopen_stream(self) -> None:
        self._live.free_memory()  # closed first, because there may not be enough memory for two
        self._live = self._open_stream()

    def _open_stream(self) -> "LiveVoice":
        """Create and warm up a stream with the requested window. Block numbering starts over."""
        from engine.models.rvc.stream import LiveVoice

        window = self._settings.window
        self._enter(Phase.CAPTURING)
        live = LiveVoice(
            self._model,
            rate_hz=self._reader.rate_hz,
            block_ms=window.block_ms,
            crossfade_ms=window.crossfade_ms,
            extra_ms=window.extra_ms,
            between=lambda: self._port.enter(self._phase),
            before_capture=lambda: self._enter(Phase.CAPTURING),
        )
        live.settings = self._voice()
        self._retry_after_freeing(live, live.warm_up)
        self._enter(Phase.IDLE)
        self._next = None
        self._arrivals = Arrivals(self._reader.rate_hz)
        self._output_block = np.ones((live.grid.block, CHANNELS), np.float32)
        self._block_ms = self._ms(live.grid.block)
        self._figures.begin_window()
        self._port.facts(block_ms=self._block_ms, lag_ms=self._ms(live.grid.lag))
        return live

    def _voice(self) -> VoiceSettings:
        """The requested settings, with the speaker replaced if the model does not have it."""
        voice = self._settings.voice
        speakers = self._model.synthesizer.shape.speakers
        if self._settings.is_pitch_auto and not self._model.has_pitch:
            self._note("asked", "/rvc/pitch_auto: the model takes no pitch; nothing is transposed")
        if voice.speaker < speakers:
            return voice
        self._note(
            "asked", f"/rvc/speaker {voice.speaker}: the model has 0..{speakers - 1}; using 0"
        )
        return replace(voice, speaker=0)

    @property
    def _target_hz(self) -> float | None:
        return self._settings.pitch_target_hz if self._settings.is_pitch_auto else None

    # -- block by block

    def _step(self) -> float:
        """Convert the next block if it is complete. Returns the seconds until the next poll."""
        if not self._follow_input() or not self._settings.is_enabled:
            self._next = None
            return MAX_NAP_S
        end = self._reader.end_sample
        now_s = time.perf_counter()
        self._arrivals.saw(end, now_s)
        frames = self._live.grid.block
        if self._next is None:
            self._next = self._start_blocks()
            return 0.0
        waiting = end // frames - self._next
        if waiting > MAX_WAITING:
            self._figures.skipped += waiting - 1
            self._skip(self._next, self._next + waiting - 1)
            self._next += waiting - 1
        if waiting > 0:
            self._convert(self._next)
            return 0.0
        return self._arrivals.wait_s((self._next + 1) * frames, now_s)

    def _start_blocks(self) -> int:
        """Prepare the stream and return the number of the first block, which is not complete yet.
        The block before it is converted but not published, so that the first block continues
        seamlessly."""
        self._joined_from = number = 0
        with self._occupying_device():
            for _ in range(2):  # first the window, then the samples that arrived during that
                listened = number
                number = self._reader.end_sample // self._live.grid.block
                self._listen(listened - 1, number - 1)
            if number > 0:
                self._auto_pitch.add_pitch(self._live.window_hz())
                self._live.lift_at_once(
                    self._auto_pitch.settle(self._target_hz, self._end_s(number - 1))
                )
                self._convert_block(number - 1)
        return number

    def _skip(self, first: int, number: int) -> None:
        """Skip the blocks from `first` up to `number`; the voice fades in with block `number`."""
        with self._occupying_device():
            self._listen(first, number)
        self._joined_from = self._first_sample(number) + self._live.grid.crossfade

    def _end_s(self, number: int) -> float:
        """Seconds of the voice up to the end of block `number`."""
        return (number + 1) * self._live.grid.block / self._reader.rate_hz

    def _first_sample(self, number: int) -> int:
        """Number of the voice sample that the first output sample of block `number` belongs to."""
        return number * self._live.grid.block - self._live.grid.lag

    def _listen(self, first: int, end: int) -> None:
        """Feed blocks `first` to `end` to the stream without output, if they are within a window
        and in the ring."""
        in_window = math.ceil(self._settings.window.extra_ms / self._block_ms)
        for number in range(max(first, end - in_window, 0), end):
            sound = self._read(number)
            if sound is not None:
                self._live.listen(sound, first_sample=number * self._live.grid.block)

    def _convert(self, number: int) -> None:
        """Convert and publish block `number`."""
        began_s = time.perf_counter()
        spoiled = self._live.invalid_blocks
        self._live.lift = self._auto_pitch.aim(self._target_hz, self._end_s(number))
        with self._occupying_device():
            sound = self._convert_block(number)
        self._auto_pitch.add_pitch(self._live.tracked_hz)
        self._next = None if sound is None else number + 1
        if sound is None:
            return
        if self._live.invalid_blocks != spoiled:
            self._note("nan", "the model's output is not finite; block skipped")
            self._joined_from = self._first_sample(number + 1) + self._live.grid.crossfade
        is_published = self._write(sound, self._first_sample(number))
        work_ms = (time.perf_counter() - began_s) * 1000.0
        self._figures.count_block(work_ms, self._live.clock.read_ms() if self._is_profiled else {})
        if is_published:
            self._port.result(work_ms)

    def _convert_block(self, number: int) -> np.ndarray | None:
        """Convert a block: (grid.block,), or None if its input was already overwritten in the
        ring."""
        live = self._live
        sound = self._read(number)
        if sound is None:
            return None
        return self._retry_after_freeing(
            live, lambda: live.convert(sound, first_sample=number * live.grid.block)
        )

    def _read(self, number: int) -> np.ndarray | None:
        """A block of the voice, (grid.block,), or None if it is incomplete or was already
        overwritten in the ring."""
        sound = self._reader.read(number * self._live.grid.block, self._live.grid.block)
        return None if sound is None else sound[:, 0]

    @contextmanager
    def _occupying_device(self) -> Iterator[None]:
        """Keep the other children off the device during the `with` block."""
        gate = self._port.gate
        self._enter(Phase.RUNNING)
        if gate is not None:
            gate.voice_begins(time.perf_counter_ns())
        try:
            yield
        finally:
            if gate is not None:
                gate.voice_ends()
        self._enter(Phase.IDLE)

    def _write(self, sound: np.ndarray, first: int) -> bool:
        """Write `sound` from sample `first` on, without samples already written or fading in. True
        if any are left."""
        begin = max(first, self._joined_from, self._writer.end_sample)
        if begin >= first + len(sound):
            return False
        self._output_block[:, 0] = sound
        self._writer.skip_to(begin)
        self._writer.write(self._output_block[begin - first :])
        return True

    # -- memory

    def _retry_after_freeing(self, live: "LiveVoice", work: Callable[[], T]) -> T:
        """The result of `work()`, retried once after freeing memory if the device ran out of
        memory."""

        def free() -> None:
            live.free_memory()
            live.reset()

        full = (
            f"{self._model.device}: no memory for a window of {self._settings.window.extra_ms:g} ms"
        )
        advice = f"{full}; set a smaller /rvc/extra_ms or /rvc/block_ms"
        return with_less_memory(
            work, free, lambda: self._port.fail("memory", advice, is_final=True)
        )

    # -- reports

    def _enter(self, phase: Phase) -> None:
        self._phase = phase
        self._port.enter(phase)

    def _note(self, key: str, text: str) -> None:
        """Send a note to the engine; the same text only once."""
        if text not in self._notes:
            self._notes.add(text)
            self._port.note(key, f"{self._model.spec.model}: {text}")

    def _ms(self, frames: int) -> float:
        return round(frames * 1000.0 / self._reader.rate_hz, 3)

    @property
    def _is_profiled(self) -> bool:
        return self._is_always_profiled or self._settings.is_profiled

    def _facts_once(self) -> dict[str, Fact]:
        model = self._model
        return {
            "model": model.spec.model,
            "index": model.spec.index or "none",
            "rate_hz": model.rate_hz,
            "version": model.version,
            "pitch": model.pitch.name if model.has_pitch else "none",
            **{"device": str(model.device), "dtype": model.dtype_name, "memory_mb": model.used_mb},
        }

    def _report_facts(self) -> None:
        if not self._figures.is_due(time.perf_counter()):
            return
        from engine.models.card_memory import card_facts

        self._warn_of_slowness()
        durations = self._figures.stages_ms() if self._is_profiled else {}
        counts: dict[str, Fact] = {
            "cleaned": self._live.invalid_samples,
            "nan": self._live.invalid_blocks,
        }
        pitch: dict[str, Fact] = {
            "speaker_hz": round(self._auto_pitch.speaker_hz or 0.0, 1),
            "target_hz": self._settings.pitch_target_hz,
            "transposed_semitones": round(self._settings.voice.pitch + self._live.lift, 2),
        }
        memory: dict[str, Fact] = {
            "memory_mb": self._model.used_mb,
            **card_facts(self._model.device),
        }
        self._port.facts(
            **self._figures.facts(self._block_ms), **counts, **pitch, **durations, **memory
        )

    def _warn_of_slowness(self) -> None:
        """Warn once for each window that is too slow for real time: most of the voice would stay
        unconverted."""
        work_ms = self._figures.too_slow_ms(self._block_ms)
        if work_ms is not None and self._settings.window != self._slow_window:
            self._slow_window = self._settings.window
            advice = "set a longer /rvc/block_ms or a shorter /rvc/extra_ms"
            self._port.note(
                "slow", f"a block of {self._block_ms:g} ms takes {work_ms:.0f} ms here; {advice}"
            )


def load_model(port: ChildPort) -> "VoiceModel":
    """Load the voice named in `port.settings` on the device given there. Ends the child if that
    fails. Settings of `auto` are decided by the environment (RVC_USE_FP16, RVC_GPU_RETRIEVAL), then
    by the device."""
    spec = VoiceSpec(**port.settings["spec"])
    settings = port.settings

    def loaded(device: str, _: str) -> "VoiceModel":
        from engine.models.rvc.load import load  # takes seconds, so inside the phase LOADING

        chosen = OptimizationConfig.resolve(
            device,
            settings["environment"],
            gpu_retrieval={"auto": None, "on": True, "off": False}[settings["gpu_retrieval"]],
            fp16={"auto": None, "float16": True, "float32": False}[settings["dtype"]],
        )
        there = replace(spec, is_retrieved_on_device=chosen.gpu_retrieval)
        return load(there, device, "float16" if chosen.fp16 else "float32")

    return load_on_device(port, spec.model, loaded, half="float16", gives_way=False)


class VoiceFigures(StageTimes):
    """Counts and times of the child's main loop."""

    def __init__(self) -> None:
        super().__init__()
        self.skipped = 0
        """Blocks skipped because newer ones had arrived."""
        self._work_ms: deque[float] = deque(maxlen=RECENT_BLOCKS)

    def begin_window(self) -> None:
        """Discard the measured times, because the length of a block changes."""
        self._work_ms.clear()
        self._durations.clear()

    def count_block(self, work_ms: float, stages_ms: Mapping[str, float]) -> None:
        """Record a block: its time from complete input to published output, and the milliseconds of
        each stage."""
        self._work_ms.append(work_ms)
        self._durations.append(stages_ms)

    def too_slow_ms(self, block_ms: float) -> float | None:
        """The median processing time if it is longer than a block; None if the conversion keeps
        up."""
        p50_ms = self._percentile_ms(50) if len(self._work_ms) >= MIN_BLOCKS else 0.0
        return p50_ms if p50_ms > block_ms else None

    def facts(self, block_ms: float) -> dict[str, Fact]:
        """p50 and p99 over the newest 512 blocks; `rtf`: p50 as a fraction of a block's length."""
        if not self._work_ms:
            return {"skipped": self.skipped}
        p50_ms = self._percentile_ms(50)
        p99_ms = self._percentile_ms(99)
        times = {
            "work_p50_ms": round(p50_ms, 2),
            "work_p99_ms": round(p99_ms, 2),
            "rtf": round(p50_ms / block_ms, 3),
        }
        return {**times, "skipped": self.skipped}

    def _percentile_ms(self, percent: int) -> float:
        return sorted(self._work_ms)[len(self._work_ms) * percent // 100]
