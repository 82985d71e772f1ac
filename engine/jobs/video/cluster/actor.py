"""What runs on a machine of the cluster: the stages of a local run, fed with segments by the driver.

Ray calls the methods on threads of its own, two at a time. The model belongs to one thread, which is fed from both
calls: while it paints the second segment, the first one's pictures travel home, and its stages never run empty.
"""

import os
import queue
import socket
import threading
import traceback
from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future
from dataclasses import dataclass, field
from importlib.metadata import PackageNotFoundError, version

import numpy as np

from engine.errors import DeviceFullError, MultiverseError, in_one_line
from engine.jobs.video.batches import PaintedBatch, VideoBatch
from engine.jobs.video.device_state import DeviceWatch
from engine.jobs.video.job import VideoJob
from engine.jobs.video.stages import PaintStages, StageFigures

CALLS_AT_ONCE = 2  # as many segments are on their way to an actor


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where an actor runs."""

    machine: str
    pid: int
    version: str
    """Of this package."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Loaded:
    device: str
    dtype: str
    real_steps: int
    card: str
    """As NVML calls it; "" where there is none."""
    notes: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class PaintedSegment:
    pixels: tuple[np.ndarray, ...]
    """A batch each, (batch, height, width, 3) uint8 RGB."""
    fates: tuple[np.ndarray, ...]
    """A batch each, (batch,) uint8."""
    times: tuple[StageFigures, ...]
    """Of all this actor has painted."""
    memory_mb: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """An error as an answer: raised, Ray would wrap it into its own, with the traceback in the message."""

    text: str
    """One line."""
    is_for_the_user: bool
    """One of ours that would come again on every machine. Any other may be this machine's."""
    is_machine_full: bool
    """There is too little memory for the job. It would come again here, and another machine may have more."""
    trace: str


@dataclass(slots=True, kw_only=True, eq=False)
class _Asked:
    batches: list[np.ndarray]
    answer: "Future[PaintedSegment | Fault]" = field(default_factory=Future)
    painted: list[PaintedBatch] = field(default_factory=list)


class ClusterActor:
    def __init__(self) -> None:
        self._asked: queue.SimpleQueue[_Asked] = queue.SimpleQueue()
        self._at_work: deque[_Asked] = deque()

    def place(self) -> Place:
        return Place(machine=socket.gethostname(), pid=os.getpid(), version=own_version())

    def load(self, job: VideoJob, size: tuple[int, int]) -> Loaded | Fault:
        """Once: loads the model and warms it up."""
        loading: Future[Loaded | Fault] = Future()
        threading.Thread(target=self._work, args=(job, size, loading), name="painter", daemon=True).start()
        return loading.result()

    def paint(self, batches: list[np.ndarray]) -> PaintedSegment | Fault:
        """Each (batch, height, width, 3) uint8 RGB; they may be read only."""
        asked = _Asked(batches=batches)
        self._asked.put(asked)
        return asked.answer.result()

    def opened(self, job: VideoJob, size: tuple[int, int]) -> PaintStages:
        """What a local run has, warm."""
        from engine.jobs.video.model_check import check_model

        check_model(job)  # before torch is loaded, which takes seconds
        from engine.jobs.video.fused import FusedStages

        return FusedStages(job, size)

    # -- the painting thread

    def _work(self, job: VideoJob, size: tuple[int, int], loading: "Future[Loaded | Fault]") -> None:
        try:
            self._stages = self.opened(job, size)
            loading.set_result(self._loaded())
        except Exception as error:  # the top of a process: the driver hears of it
            loading.set_result(fault_of(error))
            return
        while True:
            first = self._asked.get()
            try:
                for painted in self._stages.paint(self._batches(first)):
                    self._deliver(painted)
            except Exception as error:  # the same
                fault = fault_of(error)
                while self._at_work:
                    self._at_work.popleft().answer.set_result(fault)

    def _loaded(self) -> Loaded:
        stages = self._stages
        return Loaded(
            device=stages.device,
            dtype=stages.dtype,
            real_steps=stages.real_steps,
            card=card_name(stages.device),
            notes=tuple(stages.notes),
        )

    def _batches(self, asked: _Asked) -> Iterator[VideoBatch]:
        """All that is asked for until nobody asks any more: only then may the stages run empty."""
        number = 0
        while True:
            self._at_work.append(asked)
            for pixels in asked.batches:
                # A copy: what lies in the object store is read-only, and stays there for as long as it is held.
                yield VideoBatch(number=number, pictures=(), pixels=np.array(pixels))
                number += 1
            try:
                asked = self._asked.get_nowait()
            except queue.Empty:
                return

    def _deliver(self, painted: PaintedBatch) -> None:
        asked = self._at_work[0]
        asked.painted.append(painted)
        if len(asked.painted) < len(asked.batches):
            return
        self._at_work.popleft()
        segment = PaintedSegment(
            pixels=tuple(each.pixels for each in asked.painted),
            fates=tuple(each.fates for each in asked.painted),
            times=self._stages.times(),
            memory_mb=self._stages.memory_mb(),
        )
        asked.answer.set_result(segment)


def own_version() -> str:
    """Of this package; "" where it runs without being installed."""
    try:
        return version("multiverse-engine")
    except PackageNotFoundError:
        return ""


def card_name(device: str) -> str:
    """What the card is called, where NVML tells; else ""."""
    watch = DeviceWatch(device)
    try:
        state = watch.state()
        return state.name if state is not None else ""
    finally:
        watch.close()


def fault_of(error: BaseException) -> Fault:
    is_full = isinstance(error, (DeviceFullError, MemoryError))
    return Fault(
        text=in_one_line(error),
        is_for_the_user=isinstance(error, MultiverseError) and not is_full,
        is_machine_full=is_full,
        trace="".join(traceback.format_exception(error)),
    )
