"""The remote half of an ActorPool: runs on a machine of the cluster and holds one loaded model.

Ray calls the methods on its own threads, two at a time. The model belongs to one thread, which serves both calls:
while it works on the second piece, the result of the first is sent back, so the model never waits for the network.
"""

import os
import queue
import socket
import sys
import traceback
from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Generic, Protocol, TypeVar

from engine.errors import DeviceFullError, DeviceLostError, MultiverseError, in_one_line
from engine.system.package_version import package_version

CALLS_PER_ACTOR = 2  # concurrent pieces per actor

Payload = TypeVar("Payload")
Result = TypeVar("Result")
Loaded = TypeVar("Loaded")
PayloadIn = TypeVar("PayloadIn", contravariant=True)
ResultOut = TypeVar("ResultOut", covariant=True)
LoadedOut = TypeVar("LoadedOut", covariant=True)


class PieceWorker(Protocol[PayloadIn, ResultOut, LoadedOut]):
    """A loaded and warm model. Made and used on one thread."""

    def describe(self) -> LoadedOut:
        """The facts about the loaded model that the driver needs, such as its device."""

    def process(self, payloads: Iterator[PayloadIn]) -> Iterator[ResultOut]:
        """Yield one result per payload, in order. Called again after `payloads` has run out, and after an error.

        It may pull the next payload before it yields a result, to keep a device busy. A payload may be read-only
        memory of the object store, which stays allocated while it is referenced: copy anything you keep.
        """


class Recipe(Protocol[PayloadIn, ResultOut, LoadedOut]):
    """How to load a job's model. Pickled and sent to each actor, so it holds settings only."""

    def open(self) -> PieceWorker[PayloadIn, ResultOut, LoadedOut]:
        """Load the model and warm it up. Raises one of our errors if the user can fix the cause."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ActorPlace:
    """The process an actor runs in."""

    machine: str
    pid: int
    version: str
    """Version of this package there."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ActorFault:
    """An error as a return value. If it were raised, Ray would wrap it, with the traceback in the message."""

    text: str
    """One line."""
    is_for_the_user: bool
    """True if it is one of our errors, so every machine would raise it. Others may be specific to this machine."""
    is_machine_full: bool
    """True if there is too little memory. It would fail again here, but another machine may have more."""
    trace: str


@dataclass(slots=True, kw_only=True, eq=False)
class _Call(Generic[Payload, Result]):
    payload: Payload
    answer: "Future[Result]" = field(default_factory=Future)


class PoolActor(Generic[Payload, Result, Loaded]):
    """The class that Ray instantiates on the machines of a cluster."""

    def __init__(self) -> None:
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="model")
        self._calls: queue.SimpleQueue[_Call[Payload, Result]] = queue.SimpleQueue()
        self._in_work: deque[_Call[Payload, Result]] = deque()

    def place(self) -> ActorPlace:
        return ActorPlace(machine=socket.gethostname(), pid=os.getpid(), version=package_version())

    def load(self, recipe: Recipe[Payload, Result, Loaded]) -> Loaded | ActorFault:
        """Load the model and warm it up. Called once, before `run`."""
        return _answer_of(self._thread.submit(self._open, recipe))

    def run(self, payload: Payload) -> Result | ActorFault:
        """Process one piece of work. Two calls may run concurrently."""
        call: _Call[Payload, Result] = _Call(payload=payload)
        self._calls.put(call)
        self._thread.submit(self._process_queue)
        return _answer_of(call.answer)

    def _open(self, recipe: Recipe[Payload, Result, Loaded]) -> Loaded:
        self._worker = recipe.open()
        return self._worker.describe()

    def _process_queue(self) -> None:
        """Process all queued calls, including those queued meanwhile. Model thread."""
        try:
            if not self._calls.empty():  # an earlier run of this method may have processed the call
                for result in self._worker.process(self._payloads()):
                    self._in_work.popleft().answer.set_result(result)
        finally:
            error = sys.exception() or RuntimeError("the worker gave no result for a piece")
            while self._in_work:
                self._in_work.popleft().answer.set_exception(error)

    def _payloads(self) -> Iterator[Payload]:
        """Payloads until the queue is empty: a pipeline may be flushed only then."""
        while True:
            try:
                call = self._calls.get_nowait()
            except queue.Empty:
                return
            self._in_work.append(call)
            yield call.payload


def fault_of(error: BaseException) -> ActorFault:
    is_full = isinstance(error, (DeviceFullError, MemoryError))
    return ActorFault(
        text=in_one_line(error),
        is_for_the_user=isinstance(error, MultiverseError) and not is_full and not isinstance(error, DeviceLostError),
        is_machine_full=is_full,
        trace="".join(traceback.format_exception(error)),
    )


def _answer_of(future: "Future[Result]") -> Result | ActorFault:
    error = future.exception()
    return future.result() if error is None else fault_of(error)
