"""A pool of Ray actors that each hold a loaded model, and `map`, which sends them pieces of work.

Actors start on every machine with free resources, and get work once their model is loaded and warm. `map` reads its
source with bounded look-ahead, keeps two pieces on each actor (one being processed, one prefetched), and yields the
results in the order of the pieces.

Failures. Ray reports when an actor's process or machine dies; while the source yields nothing, a heartbeat makes the
pool check for this. A dead actor is replaced and its pieces go to others. Repeated failures are limited: a piece that
killed three actors ends the run; after three failed starts in a row no more actors are started; a machine with too
little memory for the model gets no more actors.
"""

import re
import sys
import time
from collections import deque
from collections.abc import Callable, Collection, Generator, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import closing
from dataclasses import dataclass, field
from typing import Any, Final, Generic, Protocol, TypeVar

from engine.errors import ChildError, ModelError, UsageError
from engine.jobs.kit.ray_actor import (
    CALLS_PER_ACTOR,
    ActorFault,
    ActorPlace,
    Loaded,
    Payload,
    PoolActor,
    Recipe,
    Result,
)
from engine.jobs.kit.ray_cluster import Connection, connect, ray_reason
from engine.system.bounded_queue import WAKE_S
from engine.system.package_version import package_version

LOOK_AHEAD = CALLS_PER_ACTOR + 1  # pieces per actor: two in flight, and one finished out of order
LOOK_AHEAD_BYTES = 2**30  # of all pieces together, but at least one per actor
MAX_DEATHS = 3  # actors that one piece may kill
MAX_FAILED_STARTS = 3
WAIT_S = 1.0
LATECOMERS_S = 5.0  # if no actor has started by then, another job occupies the cluster
NO_ACTOR_S = 60.0
IDLE_S = 0.2
POLL_INTERVAL_S = 5.0  # poll interval for new machines
RESOURCES = {"num_gpus": "GPU", "num_cpus": "CPU"}  # of an actor's request and of a machine
DEATHS = (  # Ray's wording and ours
    ("its node has died", "its machine is gone"),
    ("running low on memory", "its machine ran out of memory"),
    ("its worker process has died", "its process was killed or crashed"),
    ("is temporarily unavailable", "its machine does not answer"),
)
LOST: Final = object()  # stands for the answer of a dead actor
LACKS_MODULE = re.compile(r"\bip=(?P<address>[^,)]+).*No module named '(?P<module>[^']+)'", re.DOTALL)

Item = TypeVar("Item")
Output = TypeVar("Output")
PayloadOut = TypeVar("PayloadOut", covariant=True)


class WorkPiece(Protocol[PayloadOut]):
    """A piece of work. The driver keeps it until it has the result."""

    @property
    def payload(self) -> PayloadOut:
        """The part sent to an actor; read once."""

    @property
    def name(self) -> str:
        """The piece's name in an error, such as its first and last picture."""

    @property
    def size(self) -> int:
        """The amount of work, in a unit that the job chooses, for `ActorPool.waiting`."""


PieceT = TypeVar("PieceT", bound=WorkPiece[Any])


@dataclass(frozen=True, slots=True, kw_only=True)
class ActorShare:
    """The part of a machine that one actor gets."""

    needs: Mapping[str, float]
    """As Ray's options: num_gpus, num_cpus."""
    device: str
    """As torch names it."""
    threads: int | None
    max_actors: int | None
    """None: as many as fit."""


@dataclass(slots=True, kw_only=True, eq=False)
class Actor(Generic[Loaded]):
    """One actor: started once its place is known, warm once it has loaded the model."""

    handle: Any
    place_ref: Any
    load_ref: Any
    place: ActorPlace | None = None
    loaded: Loaded | None = None
    calls: deque["_Call"] = field(default_factory=deque)
    """The pieces assigned to it, oldest first."""

    @property
    def machine(self) -> str:
        return "a machine of the cluster" if self.place is None else self.place.machine


@dataclass(slots=True, kw_only=True, eq=False)
class _Call:
    piece: WorkPiece[Any]
    payload_ref: Any
    """Reference in the object store, until there is a result."""
    answer_ref: Any = None
    actor: Actor[Any] | None = None
    """The actor it is assigned to."""
    outputs: list[Any] = field(default_factory=list)
    """The output, once it has been received."""
    deaths: int = 0

    @property
    def is_waiting(self) -> bool:
        return self.actor is None and not self.outputs


class ActorPool(Generic[Payload, Result, Loaded]):
    """Used by one thread; `waiting`, `workers`, `actors`, `notes` and `look_ahead` may be read by any."""

    def __init__(
        self,
        connection: Connection,
        recipe: Recipe[Payload, Result, Loaded],
        share: ActorShare,
        *,
        piece_bytes: int,
        clock: Callable[[], float] = time.perf_counter,
    ) -> None:
        """`piece_bytes`: size of a payload. Starts nothing yet."""
        self._ray, self._cluster, self._clock = connection.ray, connection.words, clock
        self._recipe, self._share, self._piece_bytes = recipe, share, piece_bytes
        self.actors: list[Actor[Loaded]] = []
        self.notes: list[str] = []
        """Lines for the user: why actors were lost. The job may add its own."""
        self.waiting = 0
        """Total size of the pieces that were read and have no result yet."""
        self.workers = self.max_workers = 0
        """Actors that are working now, and the highest number so far."""
        self._remote = self._ray.remote(PoolActor).options(
            **share.needs,
            max_restarts=0,  # the number of actors to start
            max_concurrency=CALLS_PER_ACTOR,
            scheduling_strategy="SPREAD",
        )
        self._failed_starts = self._too_small = 0
        self._is_started = False
        self._polled_s = self._had_actor_s = clock()

    def start(self) -> None:
        """Start the actors; return when those that start promptly are warm.

        ModelError or ChildError, in one line, if one cannot load for a reason other than its machine's memory.
        """
        self._add(self._room())
        if not self.actors:
            needs = " and ".join(f"{count} {RESOURCES[name]}" for name, count in self._share.needs.items())
            raise ModelError(f"no machine of {self._cluster} has what one actor needs: {needs}")
        began_s, end_s = self._clock(), float("inf")
        while True:
            self.wait([], timeout_s=WAIT_S)
            begun = [actor for actor in self.actors if actor.place is not None]
            warm, now_s = self.warm, self._clock()
            if warm:
                end_s = min(end_s, now_s + max(LATECOMERS_S, now_s - began_s))
            if warm and len(warm) == len(begun) and (now_s > end_s or len(begun) == len(self.actors)):
                break
            self.poll_nodes()
        self._is_started = True
        self.workers = self.max_workers = len(self.warm)

    def map(
        self, pieces: Iterator[PieceT], receive: Callable[[Actor[Loaded], PieceT, Result], Output]
    ) -> Generator[Output, None, None]:
        """Yield one output per piece, in order. May be called again after the iterator has ended or was closed.

        `receive` turns each result into an output as soon as it arrives, so out of order. It must copy arrays that it
        keeps: they occupy the object store while they are referenced, and disappear with Ray.
        """
        line: deque[_Call] = deque()
        self._had_actor_s = self._clock()  # the last map may have lost them all, long ago
        try:
            with closing(with_heartbeat(pieces)) as read:
                for piece in read:
                    if piece is not None:
                        line.append(_Call(piece=piece, payload_ref=self._ray.put(piece.payload)))
                    yield from self._advance(line, receive, timeout_s=0.0)
                    while len(line) >= self.look_ahead:
                        yield from self._advance(line, receive, timeout_s=WAIT_S)
            while line:
                yield from self._advance(line, receive, timeout_s=WAIT_S)
        finally:
            for call in line:
                if call.actor is not None:
                    call.actor.calls.remove(call)
            self.waiting = 0

    @property
    def look_ahead(self) -> int:
        """Pieces that may be read beyond the last output."""
        workers = max(self.workers, 1)
        return max(workers + 1, min(LOOK_AHEAD * workers, LOOK_AHEAD_BYTES // self._piece_bytes))

    @property
    def warm(self) -> list[Actor[Loaded]]:
        return [actor for actor in self.actors if actor.loaded is not None]

    @property
    def loaded(self) -> list[Loaded]:
        """The description that each warm actor gave of its model."""
        return [actor.loaded for actor in self.actors if actor.loaded is not None]

    @property
    def places(self) -> tuple[ActorPlace, ...]:
        """The processes of the warm actors."""
        return tuple(actor.place for actor in self.warm if actor.place is not None)

    @property
    def words(self) -> str:
        """The pool in words: "2 actors on 1 machine: the Ray cluster at ..."."""
        warm = self.warm
        machines = {actor.machine for actor in warm}
        return f"{_counted(len(warm), 'actor')} on {_counted(len(machines), 'machine')}: {self._cluster}"

    def wait(self, refs: list[Any], *, timeout_s: float) -> list[Any]:
        """Return those of `refs` that are done, after at most `timeout_s`. Also admits actors that become ready."""
        starting = self._starting
        waited = refs + starting
        if not waited:
            time.sleep(min(timeout_s, IDLE_S))  # no actor runs or is starting
            return []
        done, _ = self._ray.wait(waited, num_returns=1, timeout=timeout_s)
        if done and len(waited) > 1:
            done, _ = self._ray.wait(waited, num_returns=len(waited), timeout=0)
        if starting:
            for actor in [each for each in self.actors if each.loaded is None]:
                self._take_in(actor, done)
        return list(done)

    def poll_nodes(self) -> None:
        """Start actors where there is room, after one has died or a machine has joined. ChildError if none is left."""
        now_s = self._clock()
        if any(actor.place is not None for actor in self.actors):
            self._had_actor_s = now_s
        elif now_s - self._had_actor_s > NO_ACTOR_S:
            raise ChildError(
                f"no actor has started for {NO_ACTOR_S:.0f} s on {self._cluster}: nothing is free; see: ray status"
            )
        if now_s - self._polled_s < POLL_INTERVAL_S:
            return
        self._polled_s = now_s
        if self._failed_starts < MAX_FAILED_STARTS and not self._starting:
            self._add(self._room() - len(self.actors))

    def close(self) -> None:
        """Kill the actors. Idempotent."""
        for actor in self.actors:
            self._ray.kill(actor.handle)
        self.actors.clear()

    # -- work

    def _advance(
        self, line: deque[_Call], receive: Callable[[Actor[Loaded], PieceT, Result], Output], *, timeout_s: float
    ) -> Iterator[Output]:
        """Send waiting pieces, receive results for up to `timeout_s`, yield those that are next in order."""
        self.poll_nodes()
        for call in line:
            if call.is_waiting:
                self._send(call)
        sent = {call.answer_ref: call for call in line if call.actor is not None}
        done = [sent[ref] for ref in self.wait(list(sent), timeout_s=timeout_s if line else 0.0) if ref in sent]
        for call in sorted(done, key=_rank):  # an actor's results before the error it died of
            if call.actor is not None:  # None if its actor was lost just before
                self._take(call, receive)
        self.workers = len(self.warm)
        self.max_workers = max(self.max_workers, self.workers)
        self.waiting = sum(call.piece.size for call in line if not call.outputs)
        while line and line[0].outputs:
            yield from line.popleft().outputs

    def _send(self, call: _Call) -> None:
        """Send a piece to the warm actor with the fewest pieces, if one has room."""
        free = [actor for actor in self.warm if len(actor.calls) < CALLS_PER_ACTOR]
        if free:
            actor = min(free, key=lambda actor: len(actor.calls))
            call.actor, call.answer_ref = actor, actor.handle.run.remote(call.payload_ref)
            actor.calls.append(call)

    def _take(self, call: _Call, receive: Callable[[Actor[Loaded], Any, Result], Output]) -> None:
        actor = call.actor
        assert actor is not None
        answer = self._answer(call.answer_ref, actor)
        if answer is LOST:
            self._take_back(actor, died_of=actor.calls[0])  # the most likely cause
        elif not isinstance(answer, ActorFault):
            actor.calls.remove(call)
            call.actor = call.answer_ref = call.payload_ref = None
            call.outputs = [receive(actor, call.piece, answer)]
        elif answer.is_for_the_user:
            raise ModelError(f"on {actor.machine}: {answer.text}") from RuntimeError(answer.trace)
        elif answer.is_machine_full:
            self._give_up_machine(actor, answer)
            self._take_back(actor)
        else:
            self._lose(actor, answer.text)
            self._take_back(actor, died_of=call)

    def _take_back(self, actor: Actor[Loaded], *, died_of: _Call | None = None) -> None:
        """Take back all pieces of a lost actor. ChildError for a piece that too many actors died of."""
        for call in actor.calls:
            call.actor = call.answer_ref = None
        actor.calls.clear()
        if died_of is None:
            return
        died_of.deaths += 1
        if died_of.deaths == MAX_DEATHS:
            raise ChildError(f"{died_of.piece.name}: failed on {MAX_DEATHS} actors; the last: {self.notes[-1]}")

    # -- actors

    @property
    def _starting(self) -> list[Any]:
        """For each actor that is not warm yet, the reference to wait for next."""
        return [
            actor.load_ref if actor.place is not None else actor.place_ref
            for actor in self.actors
            if actor.loaded is None
        ]

    def _room(self) -> int:
        """Number of actors that fit on the whole cluster, ignoring other jobs.

        Ray does not say on which machines the model does not fit, so each abandoned one is counted as one actor.
        """
        wanted = {RESOURCES[name]: count for name, count in self._share.needs.items()}
        room = sum(
            min(int(resources.get(name, 0.0) // count) for name, count in wanted.items())
            for resources in machine_resources(self._ray)
        )
        room = max(room - self._too_small, 0)
        return room if self._share.max_actors is None else min(room, self._share.max_actors)

    def _add(self, count: int) -> None:
        for _ in range(count):
            handle = self._remote.remote()
            place_ref, load_ref = handle.place.remote(), handle.load.remote(self._recipe)
            self.actors.append(Actor(handle=handle, place_ref=place_ref, load_ref=load_ref))

    def _take_in(self, actor: Actor[Loaded], done: Collection[Any]) -> None:
        if actor.place is None and actor.place_ref in done:
            place = self._answer(actor.place_ref, actor)
            if place is LOST:
                return
            actor.place = place
            if place.version != package_version():
                versions = f"multiverse-engine {place.version}, this machine has {package_version()}"
                self._refuse(actor, ChildError(f"{actor.machine} has {versions}: install the same on all"))
        elif actor.place is not None and actor.load_ref in done:
            answer = self._answer(actor.load_ref, actor)
            if isinstance(answer, ActorFault) and answer.is_machine_full:
                self._give_up_machine(actor, answer)
            elif isinstance(answer, ActorFault):
                error = ModelError(f"on {actor.machine}: {answer.text}")
                error.__cause__ = RuntimeError(answer.trace)
                self._refuse(actor, error)
            elif answer is not LOST:
                actor.loaded = answer
                self._failed_starts = 0

    def _answer(self, ref: Any, actor: Actor[Loaded]) -> Any:
        """The actor's answer; LOST if it has died, in which case it is removed from the pool."""
        try:
            return self._ray.get(ref)
        except self._ray.exceptions.RayError as error:
            self._lose(actor, death_of(error))
            return LOST

    def _lose(self, actor: Actor[Loaded], reason: str) -> None:
        """Remove a dead or unusable actor. ChildError if no other can be started."""
        self._remove(actor, reason)
        if actor.loaded is None:
            self._failed_starts += 1
        if self._failed_starts >= MAX_FAILED_STARTS and not self.warm:
            raise ChildError(f"no actor works, and none can be started; the last, on {actor.machine}: {reason}")

    def _give_up_machine(self, actor: Actor[Loaded], fault: ActorFault) -> None:
        """Remove an actor whose machine has too little memory, without a replacement. ModelError if it was the last."""
        self._too_small += 1
        self._remove(actor, fault.text)
        if not self.actors and (self._room() == 0 or self._too_small >= MAX_FAILED_STARTS):
            raise ModelError(f"on {actor.machine}: {fault.text}") from RuntimeError(fault.trace)

    def _refuse(self, actor: Actor[Loaded], error: ChildError | ModelError) -> None:
        """Remove an actor that cannot load. Raises `error` before the run begins; later the run continues with the
        others."""
        if not self._is_started:
            raise error
        self._failed_starts = MAX_FAILED_STARTS
        self._lose(actor, str(error))

    def _remove(self, actor: Actor[Loaded], reason: str) -> None:
        self._ray.kill(actor.handle)
        self.actors.remove(actor)
        self._polled_s = float("-inf")
        self.notes.append(f"an actor on {actor.machine} was lost: {reason}")


def connect_pool(cluster: str, *, piece_bytes: int) -> Connection:
    """Connect to a cluster; for our own, size the object store for pieces of `piece_bytes`."""
    # Payloads and results, times two: the store frees released objects with a delay.
    return connect(cluster, actor_bytes=2 * 2 * LOOK_AHEAD * piece_bytes)


def machine_resources(ray: Any) -> list[dict[str, float]]:
    """Resources (CPU, GPU and so on) of each live machine."""
    return [node["Resources"] for node in ray.nodes() if node["Alive"]]


def share_of(
    machines: Sequence[Mapping[str, float]],
    device: str,
    threads: int | None,
    *,
    cluster: str,
    max_actors: int | None = None,
) -> ActorShare:
    """Choose an actor's share of a machine for `--device` and `--threads`: one GPU, or cores. Pure.

    UsageError or ModelError if no machine has such a device.
    """
    has_cards = any(resources.get("GPU", 0.0) >= 1.0 for resources in machines)
    if device.startswith("cuda:"):
        raise UsageError(f"--device {device}: on a cluster each actor is given its card; give --device cuda")
    if device == "cuda" and not has_cards:
        raise ModelError(f"--device cuda: no machine of {cluster} has a card; give --device cpu")
    if has_cards and device in ("auto", "cuda"):
        return ActorShare(needs={"num_gpus": 1, "num_cpus": 1}, device="cuda", threads=threads, max_actors=max_actors)
    if device == "mps" or (device == "auto" and sys.platform == "darwin"):
        most = min(max_actors or len(machines), len(machines))  # one GPU each, which Ray does not count
        return ActorShare(needs={"num_cpus": 1}, device=device, threads=threads, max_actors=most)
    threads = threads or 1  # one core, as is Ray's default
    return ActorShare(needs={"num_cpus": threads}, device="cpu", threads=threads, max_actors=max_actors)


class _End:
    """Marks the end of an iterator."""


_END: Final = _End()


def with_heartbeat(items: Iterator[Item]) -> Generator[Item | None, None, None]:
    """Yield each item, and None after every 0.1 s without one, so that the caller can do other work meanwhile.

    Nothing is read ahead: the next item is requested only when the caller asks for it. `items` is advanced on another
    thread, which the interpreter joins at exit: an iterator that may block must end when its source is aborted.
    """
    thread = ThreadPoolExecutor(1, thread_name_prefix="feeder")
    try:
        while True:
            reading: Future[Item | _End] = thread.submit(next, items, _END)
            while not wait([reading], timeout=WAKE_S).done:
                yield None
            item = reading.result()
            if isinstance(item, _End):
                return
            yield item
    finally:
        thread.shutdown(wait=False, cancel_futures=True)


def death_of(error: BaseException) -> str:
    """Say in one line why an actor was lost."""
    text = str(error)
    for words, ours in DEATHS:
        if words in text:
            return ours
    if lacking := LACKS_MODULE.search(text):
        return f"the Python of {lacking['address']} lacks {lacking['module']}: pip install multiverse-engine there"
    return ray_reason(error)


def _rank(call: _Call) -> int:
    """Index in the queue of its actor."""
    return -1 if call.actor is None else call.actor.calls.index(call)


def _counted(count: int, thing: str) -> str:
    return f"{count} {thing}" if count == 1 else f"{count} {thing}s"
