"""The main loop of a child that processes pictures: read the newest picture, process it, publish
the result, repeat.

First it warms the model up with a made-up picture. A child implements the abstract methods. If the
device runs out of memory, caches are freed and the work is retried once; then the child decides. An
output with NaN is not shown. Every other error ends the process, because the device's context may
be broken after it. No model and no prompt is blamed for a lost device (`fail_on_lost_device`).
"""

import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Hashable, Iterable, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any, Generic, Protocol, TypeVar

import numpy as np

from engine.children.messages import Fact
from engine.children.port import ChildPort
from engine.ipc import Phase, RingFrame, RingReader, RingWriter
from engine.live.kit.figures import Figures
from engine.live.kit.model_loading import with_less_memory
from engine.live.kit.pace import read_pace
from engine.live.kit.progress import MAX_NAP_S, CallProgress
from engine.live.kit.sent_values import GENERATION

if TYPE_CHECKING:
    import torch

    from engine.models.device_work import StageClock

POLL_S = 0.002  # poll interval for a new picture
# three frames at 30 fps: the engine notices one frame later, and reads back one frame after that
LEAD_S = 0.1

Picture = TypeVar("Picture")
Result = TypeVar("Result")
T = TypeVar("T")


class ModelWorker(Protocol):
    """The part of a child that works with the model."""

    clock: "StageClock"
    """The durations of the stages of the newest call."""

    @property
    def work(self) -> float:
        """The amount of work in one call, in arbitrary units."""
        ...

    @property
    def kind(self) -> Hashable:
        """A key that is equal for calls with the same pieces, which take the same times."""

    def free_memory(self) -> None: ...


class PictureLoop(ABC, Generic[Picture, Result]):
    """The main loop of a picture child, and its state. Main thread."""

    _worker: ModelWorker
    """Set by each child."""

    def __init__(
        self,
        port: ChildPort,
        *,
        area: str,
        output: str,
        model: Any,
        networks: Iterable[Any],
        is_compiled: bool,
    ) -> None:
        """`area`: first part of the child's OSC addresses, with the slash. `output`: name of its
        output ring. `model`: as loaded, with `spec`, `device` and `dtype`. `networks`: its
        networks, which are interrupted on a CPU unless they are compiled; None is left out."""
        from engine.models.device_work import call_before_layers, device_wait

        device: torch.device = model.device
        gate = None if device.type == "cpu" else port.gate
        self._port = port
        self._output = output
        self._loaded = model
        self._model_name = model.spec.model
        self._figures = Figures()
        self._progress = CallProgress(
            port,
            wait_device=device_wait(device),
            turns=None if gate is None else gate.turns(port.turn_index, 1 + (device.index or 0)),
            read_pace=partial(read_pace, area=area),
            work=lambda: self._worker.work,
            kind=lambda: self._worker.kind,
            capture_phase=Phase.COMPILING if is_compiled else Phase.CAPTURING,
        )
        if device.type == "cpu" and not is_compiled:
            call_before_layers(filter(None, networks), self._progress.pacer.yield_within)
        self._pace = self._progress.take_pace()
        self._values_version = -1  # none taken yet
        self._generation = 0
        self._trial: dict[str, str] = {}
        self._reader: RingReader | None = None
        self._source: RingFrame | None = None
        self._spare: np.ndarray | None = None
        self._writer: RingWriter | None = None
        self._is_nan = False
        self._call_began_s = float("-inf")
        port.on_call("empty_cache", lambda: model.free(self._worker.free_memory))

    def run(self) -> None:
        port = self._port
        self._follow_values()
        self._progress.begin_piece()
        self._retry_after_freeing(self._warm_up)
        self._progress.end_piece()
        port.pass_trial("model", self._model_name)
        model = self._loaded
        facts: dict[str, Fact] = {
            "device": str(model.device),
            "dtype": model.dtype_name,
            "memory_mb": model.used_mb,
        }
        port.ready(model=self._model_name, **self._facts_once(), **facts)
        while not port.should_stop:
            port.poll()
            self._follow_values()
            self._update_wants_frame()
            if self._pace.is_paused:
                self._figures.pause()
            is_due = not self._pace.is_paused and time.perf_counter() >= self._due_s
            picture = self._next_picture() if is_due else None
            if picture is None:
                time.sleep(self._until_poll_s)
            else:
                self._call(picture)
            self._report_facts()

    # -- implemented by each child

    @abstractmethod
    def _warm_up(self) -> None:
        """Compute one result that is not published: this compiles, captures, and shows that the
        model works."""

    @abstractmethod
    def _take_values(self) -> None:
        """Apply the port's values. Called when they arrive for the first time and after each
        change."""

    @abstractmethod
    def _next_picture(self) -> Picture | None:
        """The picture to process now, or None if there is no new one."""

    @abstractmethod
    def _work_on(self, picture: Picture) -> Result | None:
        """The result for this picture, or None if there is none yet. Called again if the device ran
        out of memory."""

    @abstractmethod
    def _publish(self, result: Result) -> None:
        """Call `_publish_pixels` with the result, or `_drop` with the reason not to show it."""

    @abstractmethod
    def _reduce_memory(self) -> None:
        """Reduce the memory needed, or end the child. Called if `_free_memory` was not enough."""

    @property
    def _calls_a_result(self) -> int:
        """Calls from a new value to the result that is made with it alone."""
        return 1

    @property
    @abstractmethod
    def _uses_source(self) -> bool:
        """True if the child would use the engine's next picture if it is not paused."""

    @abstractmethod
    def _facts_once(self) -> dict[str, Fact]:
        """Facts to report when the child is ready, besides device, dtype and memory."""

    @abstractmethod
    def _facts(self) -> dict[str, Fact]:
        """Facts to report once per second, besides the memory."""

    # -- one call

    def _follow_values(self) -> None:
        if self._port.values_version != self._values_version:
            self._values_version = self._port.values_version
            self._generation = self._port.values.get(GENERATION, 0)
            self._pace = self._progress.take_pace()
            self._take_values()

    def _newest(self) -> RingFrame | None:
        """The engine's newest picture; None if it was already returned."""
        self._reader = self._port.input("source")
        frame = None if self._reader is None else self._reader.latest(self._spare)
        if frame is None or frame is self._source:
            return None
        self._spare = None if self._source is None else self._source.pixels
        self._source = frame
        return frame

    def _call(self, picture: Picture) -> None:
        """Process a picture, publish the result, rest."""
        began_s = self._call_began_s = time.perf_counter()
        self._figures.begin_call(began_s)
        alarm = self._request_picture()
        self._progress.begin_call()
        result = self._retry_after_freeing(lambda: self._work_on(picture))
        self._progress.end_piece()
        if result is not None:
            self._publish(result)
        work_ms = self._progress.pacer.end_call()
        if alarm is not None:
            alarm.cancel()
        stages_ms = self._worker.clock.read_ms()
        stages_ms["other"] = max(0.0, work_ms - sum(stages_ms.values())) + stages_ms.pop(
            "copy", 0.0
        )
        self._figures.count_call(stages_ms, time.perf_counter() - began_s)
        self._port.enter(Phase.IDLE)

    def _free_memory(self) -> None:
        """Free everything that is only cached for speed."""
        self._worker.free_memory()

    def _retry_after_freeing(self, work: Callable[[], T]) -> T:
        return with_less_memory(work, self._free_memory, self._reduce_memory)

    def _name_suspects(self, texts: Mapping[str, str]) -> None:
        """Tell the engine which texts are in use from now on, by address. They are suspects for
        quarantine if the process dies before the next result."""
        for address, text in texts.items():
            self._port.start_trial(address, text)
        self._trial = dict(texts)

    def _publish_pixels(
        self, pixels: np.ndarray, *, generation: int, index: int, time_s: float
    ) -> None:
        """Publish a result, (height, width, channels) uint8. The texts in use are cleared of
        suspicion."""
        height, width, channels = pixels.shape
        if self._writer is None or self._writer.shape != pixels.shape:
            self._writer = self._port.open_output(self._output, width, height, channels)
        self._writer.generation = generation
        self._writer.write(pixels, index=index, time_s=time_s)
        now_s = time.perf_counter()
        self._port.result((now_s - self._call_began_s) * 1000.0)
        self._figures.count_picture(now_s)
        self._is_nan = False
        for address, text in self._trial.items():
            self._port.pass_trial(address, text)
        self._trial.clear()

    def _drop(self, reason: str) -> None:
        """Count a result that contains NaN and is not published; send one note until the next good
        result."""
        if not self._is_nan:
            self._port.note("nan", f"{self._model_name}: {reason}")
        self._is_nan = True
        self._figures.nan += 1

    # -- timing

    @property
    def _until_poll_s(self) -> float:
        """Seconds to sleep before the next poll."""
        if self._pace.is_paused:
            return MAX_NAP_S
        return min(MAX_NAP_S, max(POLL_S, self._due_s - time.perf_counter()))

    def _update_wants_frame(self) -> None:
        """Tell the engine whether its next picture would be used."""
        is_useful = not self._pace.is_paused and self._uses_source
        self._port.wants_frame = is_useful and time.perf_counter() >= self._ask_from_s

    def _request_picture(self) -> threading.Timer | None:
        """Ask for a picture now, or later by a timer, because the call may block this thread for
        seconds."""
        self._update_wants_frame()
        wait_s = self._ask_from_s - time.perf_counter()
        if wait_s <= 0.0 or not self._uses_source:
            return None
        alarm = threading.Timer(wait_s, self._update_wants_frame)
        alarm.daemon = True
        alarm.start()
        return alarm

    @property
    def _due_s(self) -> float:
        """The earliest time at which the next call may begin."""
        return self._call_began_s + self._pace.interval_s

    @property
    def _ask_from_s(self) -> float:
        return ask_from_s(
            call_began_s=self._call_began_s, call_s=self._figures.call_s, due_s=self._due_s
        )

    def _report_facts(self) -> None:
        now_s = time.perf_counter()
        if not self._figures.is_due(now_s):
            return
        from engine.models.card_memory import card_facts

        pacer = self._progress.pacer
        self._port.facts(
            **self._figures.facts(now_s),
            **self._facts(),
            memory_mb=self._loaded.used_mb,
            **card_facts(self._loaded.device),
            delay_ms=round(1000.0 * self._figures.delay_s(self._calls_a_result), 1),
            duty=round(pacer.duty, 3),
            slice_p99_ms=round(pacer.slice_p99_ms, 2),
        )


def ask_from_s(*, call_began_s: float, call_s: float, due_s: float) -> float:
    """The time to ask for the next picture. A call of about `call_s` began at `call_began_s`, and
    the next one begins at `due_s` at the earliest. All in seconds of one clock. If a child asks all
    the time, the engine reads back pictures that are never used; if it asks only after it has
    finished, it waits for one. So a slow child asks shortly before it will finish, and a fast child
    all the time."""
    return max(call_began_s + call_s, due_s) - LEAD_S
