"""A Ray without processes: calls finish when the pool waits, the newest first, with the result of a
test's `work`."""

import pickle
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import pytest

from engine.jobs.kit import ray_pool
from engine.jobs.kit.ray_cluster import Connection
from engine.jobs.kit.ray_pool import ActorInfo, LoadedModel
from engine.system.package_version import package_version


def sent(argument: Any) -> Any:
    """Return `argument` after checking that real Ray could send it to another process."""
    pickle.dumps(argument)
    return argument


class RayError(Exception):
    cause: Exception | None = None


@dataclass(eq=False)
class Ref:
    actor: "Handle"
    method: str
    argument: Any


@dataclass(eq=False)
class Handle:
    ray: "FakeRay"
    number: int
    is_killed: bool = False

    def __getattr__(self, method: str) -> Any:
        return SimpleNamespace(remote=lambda argument=None: Ref(self, method, sent(argument)))


@dataclass(eq=False)
class FakeRay:
    """A fake Ray cluster: `load` gets an actor's number, `work` also the payload; a RayError they
    return is raised."""

    cores: int = 2
    load: Callable[[int], Any] = lambda number: LoadedModel(device="cpu", dtype="float32", notes=())
    work: Callable[[int, Any], Any] = lambda number, payload: payload
    version: str = field(default_factory=package_version)
    handles: list[Handle] = field(default_factory=list)
    done: set[Ref] = field(default_factory=set)
    recipe: Any = None

    exceptions = SimpleNamespace(RayError=RayError)

    def connection(self) -> Connection:
        return Connection(ray=self, cluster_name="the Ray cluster")

    def nodes(self) -> list[dict[str, Any]]:
        return [{"Alive": True, "Resources": {"CPU": float(self.cores)}}]

    def remote(self, actor: type) -> Any:
        return SimpleNamespace(options=lambda **options: SimpleNamespace(remote=self.start))

    def start(self) -> Handle:
        self.handles.append(Handle(self, len(self.handles)))
        return self.handles[-1]

    def put(self, value: Any) -> Any:
        return value

    def wait(
        self, refs: Sequence[Ref], *, num_returns: int, timeout: float
    ) -> tuple[list[Ref], list[Ref]]:
        if timeout and not self.done.intersection(refs):
            self.done.add(refs[-1])
        done = [ref for ref in refs if ref in self.done][:num_returns]
        return done, [ref for ref in refs if ref not in done]

    def get(self, ref: Ref) -> Any:
        number = ref.actor.number
        if ref.method == "info":
            return ActorInfo(machine=f"host{number}", pid=number, version=self.version)
        if ref.method == "load":
            self.recipe = ref.argument
        answer = self.load(number) if ref.method == "load" else self.work(number, ref.argument)
        if isinstance(answer, Exception):
            raise answer
        return answer if ref.method == "load" else (answer, None)

    def kill(self, handle: Handle) -> None:
        handle.is_killed = True


def death() -> RayError:
    return RayError("The actor died: its worker process has died")


def raised(cause: Exception) -> RayError:
    """An error that the actor itself raised."""
    error = RayError("Traceback ...")
    error.cause = cause
    return error


def use_fake_ray(
    monkeypatch: pytest.MonkeyPatch,
    worker: Callable[[], Any] | None,
    *,
    cores: int = 2,
    deadly_call: int | None = None,
) -> FakeRay:
    """Let a job's pool run on a FakeRay, with the job's real workers in this process.

    `worker()` makes the PieceWorker of one actor; None: as on Ray. `deadly_call`: the number, from
    0, of the call in which the actor dies.
    """
    workers: dict[int, Any] = {}
    calls = 0

    def load(number: int) -> Any:
        workers[number] = (worker or ray.recipe)()
        return workers[number].loaded

    def work(number: int, payload: Any) -> Any:
        nonlocal calls
        calls += 1
        return death() if calls - 1 == deadly_call else workers[number].process(payload)

    ray = FakeRay(cores=cores, load=load, work=work)
    monkeypatch.setattr(ray_pool, "connect", lambda cluster, *, actor_bytes: ray.connection())
    return ray
