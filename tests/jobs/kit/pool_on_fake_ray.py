"""Lets a job's pool run on a FakeRay, with the job's real workers in this process."""

from collections.abc import Callable
from typing import Any

import pytest

from engine.jobs.kit import model_pool
from engine.jobs.kit.ray_cluster import Connection
from tests.jobs.kit.fake_ray import FakeRay, death


def use_fake_ray(
    monkeypatch: pytest.MonkeyPatch, worker: Callable[[], Any], *, cores: int = 2, deadly_call: int | None = None
) -> FakeRay:
    """`worker()` makes the PieceWorker of one actor. `deadly_call`: the number, from 0, of the call in which the actor
    dies."""
    workers: dict[int, Any] = {}
    calls = 0

    def load(number: int) -> Any:
        workers[number] = worker()
        return workers[number].describe()

    def work(number: int, payload: Any) -> Any:
        nonlocal calls
        calls += 1
        return death() if calls - 1 == deadly_call else next(workers[number].process(iter([payload])))

    ray = FakeRay(cores=cores, load=load, work=work)
    connection = Connection(ray=ray, words="the Ray cluster", is_joined=False)
    monkeypatch.setattr(model_pool, "connect_pool", lambda cluster, *, piece_bytes: connection)
    return ray
