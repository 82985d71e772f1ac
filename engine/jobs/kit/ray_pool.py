"""Distributes work to the machines of a Ray cluster (`--cluster`), for all jobs.

An `ActorPool` starts an actor wherever a machine has free resources. Results come in the order of
the pieces, and each actor has two: one being processed, one being sent; or as they are made, and
each has one. A dead actor is replaced and its pieces go to others; a piece that killed three actors
ends the run, and after three failed starts no more are made.
"""

import contextlib
import itertools
import os
import socket
import sys
import time
from collections import deque
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any, Generic, NamedTuple, Protocol, TypeVar

from engine import errors
from engine.jobs.kit.ray_cluster import connect, ray_reason
from engine.models.data_type import resolve_dtype
from engine.system.package_version import package_version
from engine.system.undoing import undo_on_error

# for a result; for new machines; for the first actor
WAIT_S = 0.1
POLL_INTERVAL_S = 5.0
NO_ACTOR_S = 60.0
PIECES_PER_ACTOR = 2
LOOK_AHEAD = PIECES_PER_ACTOR + 1  # pieces per actor: two in flight, and one finished out of order
LOOK_AHEAD_BYTES = 2**30  # of all pieces together, but at least one per actor
MAX_DEATHS = MAX_FAILED_STARTS = 3
RESOURCES = {"num_gpus": "GPU", "num_cpus": "CPU"}  # of an actor's request and of a machine

Item = TypeVar("Item")
Output = TypeVar("Output")
Job = TypeVar("Job", bound=Any)
Recipe = Callable[[], "PieceWorker"]
"""Loads a model and warms it up; raises one of our errors if the user can fix the cause. Pickled:
settings only."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadedModel:
    """A model that an actor has loaded, as the driver needs to know it."""

    device: str
    dtype: str = ""
    notes: tuple[str, ...] = ()
    card: str = ""
    """Name of the graphics card, set by the pool; "" if there is none."""
    facts: Any = None
    """More for the job's own driver."""


class PieceWorker(Protocol):
    """Interface of a loaded and warm model in an actor. One thread."""

    loaded: LoadedModel

    def process(self, payload: Any) -> Any:
        """Compute the result of one piece. Arrays of the payload may be read-only memory of the
        object store, which stays allocated while they are referenced: copy anything you keep."""

    def memory_mb(self) -> float | None:
        """MiB of the device; None on a CPU."""


class ActorInfo(NamedTuple):
    machine: str
    pid: int
    version: str
    """Version of this package there."""


class PoolActor:
    """The Ray actor, on a machine of the cluster. Calls run one after the other on one thread."""

    def info(self) -> ActorInfo:
        return ActorInfo(socket.gethostname(), os.getpid(), package_version())

    def load(self, recipe: Recipe) -> LoadedModel:
        with _sendable_errors():
            self._worker = recipe()
        loaded = self._worker.loaded
        if not loaded.device.startswith("cuda"):
            return loaded
        import torch

        return replace(loaded, card=torch.cuda.get_device_name(loaded.device))

    def run(self, payload: Any) -> tuple[Any, float | None]:
        """The result, and the memory of the device."""
        with _sendable_errors():
            return self._worker.process(payload), self._worker.memory_mb()


class ActorError(Exception):
    """An error of a library in an actor, in one line: the machine of the run may not have the class
    of the error."""


@contextlib.contextmanager
def _sendable_errors() -> Iterator[None]:
    try:
        yield
    except (errors.MultiverseError, MemoryError):
        raise
    except Exception as error:
        raise ActorError(errors.in_one_line(error)) from error


@dataclass(slots=True, kw_only=True, eq=False)
class WorkPiece(Generic[Item]):
    """A piece of work and its state in the pool, until its output is yielded."""

    item: Item
    """The job's own name for it."""
    payload: Callable[[], Any]
    """Makes the part that is sent to an actor; called once."""
    name: str
    """For an error, such as its first and last picture."""
    size: int = 1
    """For `ActorPool.waiting`, in the job's unit."""
    avoided: str = ""
    """A machine that gets it only if there is no other."""
    payload_ref: Any = None
    answer_ref: Any = None
    actor: "Actor | None" = None
    outputs: list[Any] = field(default_factory=list)
    """The output, once it has been received."""
    deaths: int = 0


@dataclass(slots=True, kw_only=True, eq=False)
class Actor:
    """State of one actor: started once its info is known, warm once it has loaded the model."""

    handle: Any
    info_ref: Any
    load_ref: Any
    info: ActorInfo | None = None
    loaded: LoadedModel | None = None
    memory_mb: float | None = None
    pieces: list[WorkPiece[Any]] = field(default_factory=list)
    """Those sent to it, oldest first."""

    @property
    def machine(self) -> str:
        return "a machine of the cluster" if self.info is None else self.info.machine


class ActorResources(NamedTuple):
    """Resources of a machine that one actor gets."""

    needs: Mapping[str, float]
    """As Ray's options: num_gpus, num_cpus."""
    device: str
    """As torch names it."""
    threads: int | None
    max_actors: int | None
    """None: as many as fit."""


def resources_for(
    machines: Sequence[Mapping[str, float]],
    cluster: str,
    *,
    device: str = "auto",
    threads: int | None = None,
    max_actors: int | None = None,
) -> ActorResources:
    """Resources of an actor for `--device` and `--threads`: one GPU, or cores. UsageError or
    ModelError, with the name of the cluster, if no machine has such a device."""
    has_cards = any(resources.get("GPU", 0.0) >= 1.0 for resources in machines)
    if device.startswith("cuda:"):
        raise errors.UsageError(
            f"--device {device}: on a cluster each actor is given its card; give --device cuda"
        )
    if device == "cuda" and not has_cards:
        raise errors.ModelError(
            f"--device cuda: no machine of {cluster} has a card; give --device cpu"
        )
    if has_cards and device in ("auto", "cuda"):
        return ActorResources({"num_gpus": 1, "num_cpus": 1}, "cuda", threads, max_actors)
    if device == "mps" or (device == "auto" and sys.platform == "darwin"):
        # one GPU each, which Ray does not count
        most = min(max_actors or len(machines), len(machines))
        return ActorResources({"num_cpus": 1}, device, threads, most)
    threads = threads or 1  # one core, as is Ray's default
    return ActorResources({"num_cpus": threads}, "cpu", threads, max_actors)


def actor_dtype(job: Job) -> str:
    """The data type for an actor with this job. On a CPU `auto` means what it means on this
    machine, so that all actors agree, and give what a local run gives."""
    return resolve_dtype(job.dtype, job.device) if job.device == "cpu" else str(job.dtype)


def open_pool(
    job: Job, recipe_of: Callable[[Job], Recipe], *, piece_bytes: int, max_actors: int | None = None
) -> "ActorPool":
    """Open an ActorPool. `job`: dataclass with cluster, device and threads; `recipe_of` gets it as
    an actor runs it."""

    def recipe_for(resources: ActorResources) -> Recipe:
        return recipe_of(
            replace(job, cluster=None, device=resources.device, threads=resources.threads)
        )

    choose = partial(resources_for, device=job.device, threads=job.threads, max_actors=max_actors)
    return ActorPool(
        "auto" if job.cluster is None else job.cluster, choose, recipe_for, piece_bytes=piece_bytes
    )


class ActorPool:
    """Actors on a cluster, used by one thread; any may read `waiting`, `max_workers`, `look_ahead`,
    `memory_mb`."""

    def __init__(
        self,
        cluster: str,
        choose: Callable[[Sequence[Mapping[str, float]], str], ActorResources],
        recipe_for: Callable[[ActorResources], Recipe],
        *,
        piece_bytes: int,
        is_ordered: bool = True,
    ) -> None:
        """Connect, start the actors, and return when one is warm: seconds to minutes. UsageError if
        Ray is not installed; ModelError or ChildError, in one line, for everything else.
        `piece_bytes`: of a payload. `is_ordered`: outputs come in the order of the pieces; else as
        they are made, and no actor waits for another."""
        self.actors: list[Actor] = []
        self.lost: list[str] = []
        """Why actors were lost, a line each."""
        self.waiting = 0
        """Total size of the pieces that were read and have no result yet."""
        self.workers = 0
        self.max_workers = 0
        """Actors that are working now, and the highest number so far."""
        self._loaded_models: dict[ActorInfo, LoadedModel] = {}
        self._piece_bytes = piece_bytes
        self._is_ordered = is_ordered
        self._failed_starts = 0
        """In a row: no more are made after MAX_FAILED_STARTS."""
        self._unusable = 0
        """Actors whose machine is too small for the model, or has another version of the engine."""
        self._polled_s = float("-inf")
        # Payloads and results, times two: the store frees released objects with a delay.
        self._connection = connect(cluster, actor_bytes=2 * 2 * LOOK_AHEAD * piece_bytes)
        self._ray = self._connection.ray
        self.cluster_name = self._connection.cluster_name
        self._had_actor_s = time.perf_counter()
        with undo_on_error(self.close):
            self._resources = choose(self._connection.machines(), self.cluster_name)
            self._recipe = recipe_for(self._resources)
            self._start_more()
            if not self.actors:
                needs = " and ".join(
                    f"{count} {RESOURCES[name]}" for name, count in self._resources.needs.items()
                )
                raise errors.ModelError(
                    f"no machine of {self.cluster_name} has what one actor needs: {needs}"
                )
            while not self.warm:
                self._wait([], timeout_s=WAIT_S)
                self._start_more()

    @property
    def first(self) -> LoadedModel:
        return next(iter(self._loaded_models.values()))

    @property
    def warm(self) -> list[Actor]:
        return [actor for actor in self.actors if actor.loaded is not None]

    @property
    def look_ahead(self) -> int:
        """Pieces that may be read beyond the last output."""
        workers = max(self.workers, 1)
        if not self._is_ordered:
            return workers
        return max(workers + 1, min(LOOK_AHEAD * workers, LOOK_AHEAD_BYTES // self._piece_bytes))

    def notes(self, deed: str, results: str) -> list[str]:
        """Lines for the user: who `painted` the `pictures`, whether these may differ, which actors
        were lost."""
        actors = len(self._loaded_models)
        machines = len({info.machine for info in self._loaded_models})
        who = f"{actors} actor{'s' * (actors > 1)} on {machines} machine{'s' * (machines > 1)}"
        kinds = {(each.device, each.dtype, each.card) for each in self._loaded_models.values()}
        named = ", ".join(sorted(" ".join(filter(None, kind)) for kind in kinds))
        unlike = (
            f"the actors run on different hardware ({named}): their {results} may differ in "
            "the last digits"
        )
        own = dict.fromkeys(note for model in self._loaded_models.values() for note in model.notes)
        return [
            f"{deed} by {who}: {self.cluster_name}",
            *own,
            *([unlike] * (len(kinds) > 1)),
            *self.lost,
        ]

    def memory_mb(self) -> float | None:
        """Memory of all cards together."""
        known = [actor.memory_mb for actor in [*self.actors] if actor.memory_mb is not None]
        return sum(known) if known else None

    def close(self) -> None:
        """Kill the actors and disconnect. Idempotent."""
        try:
            while self.actors:
                self._ray.kill(self.actors.pop().handle)
        finally:
            self._connection.close()

    def map(
        self,
        pieces: Iterator[WorkPiece[Item]],
        receive: Callable[[Actor, WorkPiece[Item], Any], Output],
    ) -> Generator[Output | None, None, None]:
        """Yield one output per piece, and None about every 0.1 s. May be called again when the
        iterator has ended. `receive` turns each result into an output as soon as it arrives, so out
        of order. It must copy arrays that it keeps: they occupy the object store while they are
        referenced, and disappear with Ray."""
        line: deque[WorkPiece[Item]] = deque()
        self._had_actor_s = time.perf_counter()  # the last map may have lost them all, long ago
        try:
            with contextlib.closing(with_heartbeat(pieces)) as read:
                for piece in read:
                    if piece is not None:
                        piece.payload_ref = self._ray.put(piece.payload())
                        line.append(piece)
                    yield from self._advance(line, receive, timeout_s=0.0)
                    yield None
                    while len(line) >= self.look_ahead:
                        yield from self._advance(line, receive, timeout_s=WAIT_S)
                        yield None
            while line:
                yield from self._advance(line, receive, timeout_s=WAIT_S)
                yield None
        finally:
            for actor in self.actors:
                actor.pieces.clear()
            self.waiting = 0

    def _advance(
        self,
        line: deque[WorkPiece[Item]],
        receive: Callable[[Actor, WorkPiece[Item], Any], Output],
        *,
        timeout_s: float,
    ) -> Iterator[Output]:
        """Send waiting pieces, receive results for up to `timeout_s`, yield the outputs whose turn
        it is."""
        self._start_more()
        for piece in line:
            if piece.actor is None and not piece.outputs and (warm := self.warm):
                actor = min(
                    warm, key=lambda actor: (actor.machine == piece.avoided, len(actor.pieces))
                )
                if len(actor.pieces) < (PIECES_PER_ACTOR if self._is_ordered else 1):
                    piece.actor = actor
                    piece.answer_ref = actor.handle.run.remote(piece.payload_ref)
                    actor.pieces.append(piece)
        # of each actor the oldest first: its results come before the error it died of
        sent = {piece.answer_ref: piece for actor in self.actors for piece in actor.pieces}
        done = self._wait([*sent], timeout_s=timeout_s if line else 0.0)
        for ref, piece in sent.items():
            if ref not in done or piece.actor is None:  # None if its actor was lost just before
                continue
            actor = piece.actor
            try:
                result, actor.memory_mb = self._ray.get(ref)
            except self._ray.exceptions.RayError as error:
                self._lose(actor, error, piece)
                continue
            actor.pieces.remove(piece)
            piece.actor = None
            piece.answer_ref = None
            piece.payload_ref = None
            piece.outputs = [receive(actor, piece, result)]
        self.workers = len(self.warm)
        self.max_workers = max(self.max_workers, self.workers)
        self.waiting = sum(piece.size for piece in line if not piece.outputs)
        for piece in list(line):
            if piece.outputs:
                line.remove(piece)
                yield from piece.outputs
            elif self._is_ordered:
                break

    def _wait(self, refs: list[Any], *, timeout_s: float) -> set[Any]:
        """Those of `refs` that are done, after at most `timeout_s`. Also admits actors that become
        ready."""
        cold = [actor for actor in self.actors if actor.loaded is None]
        starting = {
            actor.info_ref if actor.info is None else actor.load_ref: actor for actor in cold
        }
        waited = [*refs, *starting]
        if not waited:  # no actor runs or is starting
            time.sleep(timeout_s)
            return set()
        done, _ = self._ray.wait(waited, num_returns=1, timeout=timeout_s)
        if done and len(waited) > 1:
            done, _ = self._ray.wait(waited, num_returns=len(waited), timeout=0)
        for ref in starting.keys() & set(done):
            self._admit(starting[ref], ref)
        return set(done)

    def _start_more(self) -> None:
        """Start actors on free resources, also of new machines. ChildError if none has started for
        NO_ACTOR_S."""
        now_s = time.perf_counter()
        if any(actor.info is not None for actor in self.actors):
            self._had_actor_s = now_s
        elif now_s - self._had_actor_s > NO_ACTOR_S:
            idle = f"no actor has started for {NO_ACTOR_S:.0f} s on {self.cluster_name}"
            raise errors.ChildError(f"{idle}: nothing is free; see: ray status")
        is_starting = len(self.warm) < len(self.actors)
        if (
            now_s - self._polled_s < POLL_INTERVAL_S
            or is_starting
            or self._failed_starts >= MAX_FAILED_STARTS
        ):
            return
        self._polled_s = now_s
        # A dead one is replaced where there is room: its pieces need not wait for a restart.
        remote = self._ray.remote(PoolActor).options(
            **self._resources.needs, max_restarts=0, scheduling_strategy="SPREAD"
        )
        for _ in range(self._room() - len(self.actors)):
            handle = remote.remote()
            info_ref = handle.info.remote()
            load_ref = handle.load.remote(self._recipe)
            self.actors.append(Actor(handle=handle, info_ref=info_ref, load_ref=load_ref))

    def _room(self) -> int:
        """Number of actors that fit on the whole cluster, ignoring other jobs. Ray does not say on
        which machines the model does not fit, so each that was met is counted as one actor."""
        needs = self._resources.needs.items()
        machines = self._connection.machines()
        room = sum(
            min(int(each.get(RESOURCES[name], 0.0) // count) for name, count in needs)
            for each in machines
        )
        room = max(room - self._unusable, 0)
        return room if self._resources.max_actors is None else min(room, self._resources.max_actors)

    def _admit(self, actor: Actor, ref: Any) -> None:
        """Record info or model of a starting actor."""
        try:
            answer = self._ray.get(ref)
        except self._ray.exceptions.RayError as error:
            self._lose(actor, error)
            return
        if actor.info is not None:
            actor.loaded = self._loaded_models[actor.info] = answer
            self._failed_starts = 0
            return
        actor.info = answer
        if answer.version != package_version():
            versions = f"multiverse-engine {answer.version}, this machine has {package_version()}"
            differs = errors.ChildError(f"{actor.machine} has {versions}: install the same on all")
            if not self._loaded_models:
                raise differs
            self._lose(actor, differs, is_unusable=True)  # a machine that has joined later

    def _lose(
        self,
        actor: Actor,
        error: Exception,
        failed: WorkPiece[Any] | None = None,
        *,
        is_unusable: bool = False,
    ) -> None:
        """Remove an actor after this error; its pieces go to others. Raises the error that ends the
        run. `failed`: the piece whose answer this is. `is_unusable`: no other may be started in its
        place."""
        cause = getattr(error, "cause", None)  # what the actor itself raised; None if it died
        is_actor_error = isinstance(cause, ActorError)
        reason = (
            ray_reason(error)
            if cause is None
            else str(cause)
            if is_actor_error
            else errors.in_one_line(cause)
        )
        model_error = errors.ModelError(f"on {actor.machine}: {reason}")
        is_full = isinstance(cause, errors.DeviceFullError | MemoryError)
        is_first = not self._loaded_models
        # One of our own errors would come on every machine; others may be specific to this one.
        is_ours = isinstance(cause, errors.MultiverseError) and not isinstance(
            cause, errors.DeviceLostError
        )
        if cause is not None and not is_full and (is_first if actor.loaded is None else is_ours):
            raise model_error from error
        self._ray.kill(actor.handle)
        self.actors.remove(actor)
        self._polled_s = float("-inf")
        self.lost.append(f"an actor on {actor.machine} was lost: {reason}")
        pieces = actor.pieces
        actor.pieces = []
        for piece in pieces:
            piece.actor = None
            piece.answer_ref = None
        if is_full or is_unusable:
            self._unusable += 1
        elif actor.loaded is None:
            self._failed_starts += 1
        elif failed is not None:
            # all answers of a dead actor are errors
            culprit = pieces[0] if cause is None else failed
            culprit.deaths += 1
            if culprit.deaths == MAX_DEATHS:
                raise errors.ChildError(
                    f"{culprit.name}: failed on {MAX_DEATHS} actors; the last: {self.lost[-1]}"
                )
        may_start = max(self._failed_starts, self._unusable) < MAX_FAILED_STARTS
        if self.actors or (may_start and (self._room() or not (is_full or is_unusable))):
            return
        if is_full:
            raise model_error from error
        raise errors.ChildError(
            f"no actor works, and none can be started; the last, on {actor.machine}: {reason}"
        )


def group_items(items: Iterator[Item], count: int) -> Iterator[tuple[Item, ...]]:
    """Yield groups of `count` items; the last may be shorter."""
    while group := tuple(itertools.islice(items, count)):
        yield group


def with_heartbeat(items: Iterator[Item]) -> Generator[Item | None, None, None]:
    """Yield each item, and None after every 0.1 s without one. Nothing is read ahead. `items` is
    advanced on another thread, which the interpreter joins at exit: an iterator that may block must
    end when its source is aborted."""
    thread = ThreadPoolExecutor(1, thread_name_prefix="feeder")
    end = object()
    try:
        while True:
            reading: Future[Any] = thread.submit(next, items, end)
            while not wait([reading], timeout=WAIT_S).done:
                yield None
            if reading.result() is end:
                return
            yield reading.result()
    finally:
        thread.shutdown(wait=False, cancel_futures=True)
