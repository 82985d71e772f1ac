"""The actors of one run: started wherever they fit, warm before they are given work, replaced when they die."""

import re
import sys
import time
from collections import deque
from collections.abc import Callable, Collection
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from engine.errors import ChildError, ModelError, UsageError
from engine.jobs.kit.ray_cluster import Connection, ray_reason
from engine.jobs.video.cluster.actor import CALLS_AT_ONCE, ClusterActor, Fault, Loaded, Place, own_version
from engine.jobs.video.job import VideoJob
from engine.jobs.video.stages import StageFigures
from engine.models.sd.spec import VAE_WORDS, ModelSpec

LATECOMERS_S = 5.0  # who has not even begun so long after the first was warm waits for somebody else's job to end
NOBODY_S = 60.0
IDLE_S = 0.2
POLL_INTERVAL_S = 5.0  # how often machines that have joined are looked for
MAX_FAILED_STARTS = 3
RESOURCES = {"num_gpus": "GPU", "num_cpus": "CPU"}  # what an actor asks for, and what a machine has
DEATHS = (  # words in Ray's message, and ours for them
    ("its node has died", "its machine is gone"),
    ("running low on memory", "its machine ran out of memory"),
    ("its worker process has died", "its process was killed or crashed"),
    ("is temporarily unavailable", "its machine does not answer"),
)
LACKS_MODULE = re.compile(r"\bip=(?P<address>[^,)]+).*No module named '(?P<module>[^']+)'", re.DOTALL)


@dataclass(slots=True, kw_only=True, eq=False)
class Member:
    """One actor: it has begun when its place is known, and is warm when it has loaded."""

    handle: Any
    place_ref: Any
    load_ref: Any
    place: Place | None = None
    loaded: Loaded | None = None
    sent: deque[Any] = field(default_factory=deque)
    """The segments it has, the oldest first."""
    times: tuple[StageFigures, ...] = ()
    """Of all it has painted so far."""
    memory_mb: float | None = None

    @property
    def machine(self) -> str:
        return "a machine of the cluster" if self.place is None else self.place.machine


class Crew:
    """One thread."""

    def __init__(
        self,
        connection: Connection,
        job: VideoJob,
        size: tuple[int, int],
        *,
        most: int | None = None,
        actor: type[ClusterActor] = ClusterActor,
        clock: Callable[[], float] = time.perf_counter,
    ) -> None:
        """UsageError or ModelError where no machine has what the job asks for. At most `most` actors, None for all."""
        self._ray, self._words, self._clock = connection.ray, connection.words, clock
        self._size = size
        self.members: list[Member] = []
        self.notes: list[str] = []
        self._share, self._job, self._most = self._each(job, most)
        self._remote = self._ray.remote(actor).options(
            **self._share,
            max_restarts=0,  # a new one is ours to start: it has to load
            max_concurrency=CALLS_AT_ONCE,
            scheduling_strategy="SPREAD",
        )
        self._failed_starts = self._too_small = 0
        self._is_under_way = False
        self._looked_s = self._somebody_s = clock()

    def start(self) -> None:
        """Returns when all that begin soon are warm. ModelError or ChildError, in one line, when one cannot load for
        another reason than its machine's memory."""
        self._add(self._fitting())
        if not self.members:
            needs = " and ".join(f"{count} {RESOURCES[name]}" for name, count in self._share.items())
            raise ModelError(f"no machine of {self._words} has what one actor needs: {needs}")
        began_s, end_s = self._clock(), float("inf")
        while True:
            self.attend([], wait_s=1.0)
            begun = [member for member in self.members if member.place is not None]
            warm, now_s = self.warm, self._clock()
            if warm:
                end_s = min(end_s, now_s + max(LATECOMERS_S, now_s - began_s))
            if warm and len(warm) == len(begun) and (now_s > end_s or len(begun) == len(self.members)):
                break
            self.look_around()
        self._is_under_way = True

    @property
    def warm(self) -> list[Member]:
        return [member for member in self.members if member.loaded is not None]

    @property
    def starting(self) -> list[Any]:
        """What is waited for of those who are not warm."""
        return [
            member.load_ref if member.place is not None else member.place_ref
            for member in self.members
            if member.loaded is None
        ]

    def attend(self, refs: list[Any], *, wait_s: float) -> list[Any]:
        """Those of `refs` that are done, waited for so long. Newcomers are taken in meanwhile."""
        starting = self.starting
        waited = refs + starting
        if not waited:
            time.sleep(min(wait_s, IDLE_S))  # nobody is there, and nobody is on the way
            return []
        done, _ = self._ray.wait(waited, num_returns=1, timeout=wait_s)
        if done and len(waited) > 1:
            done, _ = self._ray.wait(waited, num_returns=len(waited), timeout=0)
        if starting:
            for member in [each for each in self.members if each.loaded is None]:
                self._take_in(member, done)
        return done

    def look_around(self) -> None:
        """Starts actors where there is room: one has died, or a machine has joined. ChildError when nobody is left."""
        now_s = self._clock()
        if any(member.place is not None for member in self.members):
            self._somebody_s = now_s
        elif now_s - self._somebody_s > NOBODY_S:
            raise ChildError(f"nothing is free for this run since {NOBODY_S:.0f} s on {self._words}; see: ray status")
        if now_s - self._looked_s < POLL_INTERVAL_S:
            return
        self._looked_s = now_s
        if self._failed_starts < MAX_FAILED_STARTS and not self.starting:
            self._add(self._fitting() - len(self.members))

    def answer(self, ref: Any, member: Member) -> Any:
        """What the actor answered; None when it has died, and is no member any more."""
        try:
            answer = self._ray.get(ref)
        except self._ray.exceptions.RayError as error:
            self.lose(member, death_of(error))
            return None
        return answer

    def lose(self, member: Member, reason: str) -> None:
        """It is dead, or is to be. ChildError when nobody can be had any more."""
        self._dismiss(member, reason)
        if member.loaded is None:
            self._failed_starts += 1
        if self._failed_starts >= MAX_FAILED_STARTS and not self.warm:
            raise ChildError(f"no actor paints, and none comes up; the last, on {member.machine}: {reason}")

    def give_up(self, member: Member, fault: Fault) -> None:
        """Its machine has too little memory: none is started in its place. ModelError when no actor is left."""
        self._too_small += 1
        reason = f"on {member.machine}: {fault.text}"
        self._dismiss(member, fault.text)
        if not self.members and (self._fitting() == 0 or self._too_small >= MAX_FAILED_STARTS):
            raise ModelError(reason) from RuntimeError(fault.trace)

    def close(self) -> None:
        for member in self.members:
            self._ray.kill(member.handle)
        self.members.clear()

    def _each(self, job: VideoJob, most: int | None) -> tuple[dict[str, float], VideoJob, int | None]:
        """An actor's share of a machine, its job, and how many there may be."""
        machines = self._machines()
        has_cards = any(resources.get("GPU", 0.0) >= 1.0 for resources in machines)
        spec = with_whole_paths(job.painting.spec)
        painting = replace(job.painting, spec=spec, ip_image=whole_path(job.painting.ip_image))
        job = replace(job, painting=painting, cluster=None, stages="fused")
        if job.device.startswith("cuda:"):
            raise UsageError(f"--device {job.device}: on a cluster each actor is given its card; give --device cuda")
        if job.device == "cuda" and not has_cards:
            raise ModelError(f"--device cuda: no machine of {self._words} has a card; give --device cpu")
        if has_cards and job.device in ("auto", "cuda"):
            return {"num_gpus": 1, "num_cpus": 1}, replace(job, device="cuda"), most
        if job.device == "mps" or (job.device == "auto" and sys.platform == "darwin"):
            return {"num_cpus": 1}, job, min(most or len(machines), len(machines))  # one GPU each, unknown to Ray
        threads = job.threads or 1  # as Ray has it: a share is one core
        return {"num_cpus": threads}, replace(job, device="cpu", threads=threads), most

    def _machines(self) -> list[dict[str, float]]:
        return [node["Resources"] for node in self._ray.nodes() if node["Alive"]]

    def _fitting(self) -> int:
        """How many actors the whole cluster has room for, other people's work left aside. Ray does not tell which
        machines are too small, only that there is one for each that was given up."""
        wanted = {RESOURCES[name]: count for name, count in self._share.items()}
        room = sum(
            min(int(resources.get(name, 0.0) // count) for name, count in wanted.items())
            for resources in self._machines()
        )
        room = max(room - self._too_small, 0)
        return room if self._most is None else min(room, self._most)

    def _add(self, count: int) -> None:
        for _ in range(count):
            handle = self._remote.remote()
            place_ref, load_ref = handle.place.remote(), handle.load.remote(self._job, self._size)
            self.members.append(Member(handle=handle, place_ref=place_ref, load_ref=load_ref))

    def _dismiss(self, member: Member, reason: str) -> None:
        self._ray.kill(member.handle)
        self.members.remove(member)
        self._looked_s = float("-inf")
        self.notes.append(f"an actor on {member.machine} was lost: {reason}")

    def _take_in(self, member: Member, done: Collection[Any]) -> None:
        if member.place is None and member.place_ref in done:
            member.place = self.answer(member.place_ref, member)
            if member.place is not None and member.place.version != own_version():
                versions = f"multiverse-engine {member.place.version}, this machine has {own_version()}"
                self._refuse(member, ChildError(f"{member.machine} has {versions}: install the same on all"))
        elif member.place is not None and member.load_ref in done:
            answer = self.answer(member.load_ref, member)
            if isinstance(answer, Fault) and answer.is_machine_full:
                self.give_up(member, answer)
            elif isinstance(answer, Fault):
                error = ModelError(f"on {member.machine}: {answer.text}")
                error.__cause__ = RuntimeError(answer.trace)
                self._refuse(member, error)
            elif answer is not None:
                member.loaded = answer
                self._failed_starts = 0

    def _refuse(self, member: Member, error: ChildError | ModelError) -> None:
        """A run that has not begun does not begin; one that has goes on with those it has."""
        if not self._is_under_way:
            raise error
        self._failed_starts = MAX_FAILED_STARTS
        self.lose(member, str(error))


def death_of(error: BaseException) -> str:
    """Why an actor was lost, in one line."""
    text = str(error)
    for words, ours in DEATHS:
        if words in text:
            return ours
    if lacking := LACKS_MODULE.search(text):
        return f"the Python of {lacking['address']} lacks {lacking['module']}: pip install multiverse-engine there"
    return ray_reason(error)


def with_whole_paths(spec: ModelSpec) -> ModelSpec:
    """What lies here, by its path from the root: an actor may work in another folder. Ids stay what they are."""
    return replace(
        spec,
        model=whole_path(spec.model),
        vae=spec.vae if spec.vae in VAE_WORDS else whole_path(spec.vae),
        loras=tuple((whole_path(name), weight) for name, weight in spec.loras),
        controlnets=tuple(whole_path(name) for name in spec.controlnets),
        ip_adapter=whole_path(spec.ip_adapter),
        image_encoder=whole_path(spec.image_encoder),
        embeddings=tuple(whole_path(name) for name in spec.embeddings),
    )


def whole_path(name: str) -> str:
    path = Path(name).expanduser()
    return str(path.absolute()) if name and path.exists() else name
