"""A Ray without processes: calls finish when the pool waits, the newest first, with the result of a test's `work`."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

from engine.jobs.kit.ray_actor import ActorFault, ActorPlace
from engine.jobs.kit.ray_cluster import Connection
from engine.system.package_version import package_version


class RayError(Exception):
    pass


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
        return SimpleNamespace(remote=lambda argument=None: Ref(self, method, argument))


def load_well(number: int) -> Any:
    return f"model {number}"


@dataclass(eq=False)
class FakeRay:
    """`load` gets an actor's number from 0, `work` that and the payload. A RayError that they return is raised."""

    cores: int = 2
    load: Callable[[int], Any] = load_well
    work: Callable[[int, Any], Any] = lambda number, payload: payload
    version: str = field(default_factory=package_version)
    handles: list[Handle] = field(default_factory=list)
    done: set[Ref] = field(default_factory=set)

    exceptions = SimpleNamespace(RayError=RayError)

    def connection(self) -> Connection:
        return Connection(ray=self, words="the Ray cluster", is_joined=True)

    def nodes(self) -> list[dict[str, Any]]:
        return [{"Alive": True, "Resources": {"CPU": float(self.cores)}}]

    def remote(self, actor: type) -> Any:
        return SimpleNamespace(options=lambda **options: SimpleNamespace(remote=self.start))

    def start(self) -> Handle:
        self.handles.append(Handle(self, len(self.handles)))
        return self.handles[-1]

    def put(self, value: Any) -> Any:
        return value

    def wait(self, refs: Sequence[Ref], *, num_returns: int, timeout: float) -> tuple[list[Ref], list[Ref]]:
        if timeout and not self.done.intersection(refs):
            self.done.add(refs[-1])
        done = [ref for ref in refs if ref in self.done][:num_returns]
        return done, [ref for ref in refs if ref not in done]

    def get(self, ref: Ref) -> Any:
        if ref.method == "place":
            return ActorPlace(machine=f"host{ref.actor.number}", pid=ref.actor.number, version=self.version)
        answer = self.load(ref.actor.number) if ref.method == "load" else self.work(ref.actor.number, ref.argument)
        if isinstance(answer, Exception):
            raise answer
        return answer

    def kill(self, handle: Handle) -> None:
        handle.is_killed = True


def death() -> RayError:
    return RayError("The actor died: its worker process has died")


def fault(text: str, **kind: bool) -> ActorFault:
    return ActorFault(text=text, **{"is_for_the_user": False, "is_machine_full": False} | kind, trace="Traceback: ...")
